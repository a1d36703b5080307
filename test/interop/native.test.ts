/** The WebSocket clients that Deno and Bun come with, against our server on Node. */

import { afterAll, beforeAll, describe, test } from 'vitest'
import * as nexus from '../../src/entry/node.ts'
import { makeCertificates } from '../helpers/certificates.ts'
import { Child, commands } from '../integration/child.ts'
import { requirePassed } from '../integration/run-checks.ts'
import { serveOnNode } from '../integration/runners/serve-node.ts'
import { nativeChecks } from './native-checks.ts'

describe.each(['Deno', 'Bun'] as const)('%s’s own WebSocket against our server', (runtime) => {
  describe.each(['tcp', 'http'] as const)('over %s', (way) => {
    const outcomes = new Map<string, Promise<unknown>>()
    let child: Child
    let stop: () => void

    beforeAll(async () => {
      const { cert, key } = (await makeCertificates()).server
      const service = await serveOnNode(nexus, cert, key)
      stop = () => service.close()
      child = new Child(commands[runtime], new URL('./runners/native.ts', import.meta.url), [`ws://127.0.0.1:${service.ports[way]}`])
      let last: Promise<unknown> = Promise.resolve()
      for (const name of Object.keys(nativeChecks)) {
        last = last.then(() => child.next())
        last.catch(() => {})
        outcomes.set(name, last)
      }
    })
    afterAll(async () => {
      await child?.stop()
      stop?.()
    })

    for (const name of Object.keys(nativeChecks)) {
      test(name, async () => {
        requirePassed(await outcomes.get(name), name)
      })
    }
  })
})
