/** The WebSocket clients that Deno and Bun come with, against our server on Node. */

import { afterAll, describe } from 'vitest'
import * as nexus from '../../src/entry/node.ts'
import { makeCertificates } from '../helpers/certificates.ts'
import { Child, commands } from '../integration/child.ts'
import { inChild } from '../integration/outcomes.ts'
import { serveOnNode } from '../integration/runners/serve-node.ts'
import { nativeChecks } from './native-checks.ts'

describe.each(['Deno', 'Bun'] as const)('%s’s own WebSocket against our server', (runtime) => {
  describe.each(['tcp', 'http'] as const)('over %s', (way) => {
    let stop: () => void

    afterAll(() => stop?.())
    inChild(Object.keys(nativeChecks), async () => {
      const { cert, key } = (await makeCertificates()).server
      const service = await serveOnNode(nexus, cert, key)
      stop = () => service.close()
      return new Child(commands[runtime], new URL('./runners/native.ts', import.meta.url), [`ws://127.0.0.1:${service.ports[way]}`])
    })
  })
})
