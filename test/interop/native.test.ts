/** The WebSockets that Deno and Bun come with, and undici's: their clients against our server on Node, and Bun's server for our clients. */

import { WebSocket } from 'undici'
import { afterAll, beforeAll, describe, test } from 'vitest'
import * as nexus from '../../src/entry/node.ts'
import { makeCertificates } from '../helpers/certificates.ts'
import { Child, commands } from '../integration/child.ts'
import { inChild } from '../integration/outcomes.ts'
import { serveOnNode } from '../integration/runners/serve-node.ts'
import { type BunContext, bunServerChecks } from './bun-server-checks.ts'
import { type NativeContext, nativeChecks } from './native-checks.ts'

const COMPRESSION = 'permessage-deflate'
/** What each of them offers. */
const offers = { Deno: '', Bun: COMPRESSION } as const

describe.each(['Deno', 'Bun'] as const)('%s’s own WebSocket against our server', (runtime) => {
  describe.each(['tcp', 'http'] as const)('over %s', (way) => {
    let stop: () => void

    afterAll(() => stop?.())
    inChild(Object.keys(nativeChecks), async () => {
      const { cert, key } = (await makeCertificates()).server
      const service = await serveOnNode(nexus, cert, key)
      stop = () => service.close()
      const context: NativeContext = { base: `ws://127.0.0.1:${service.ports[way]}`, extensions: offers[runtime] }
      return new Child(commands[runtime], new URL('./runners/native.ts', import.meta.url), [JSON.stringify(context)])
    })
  })
})

describe('undici’s WebSocket against our server', () => {
  let context: NativeContext
  let stop: () => void

  beforeAll(async () => {
    const { cert, key } = (await makeCertificates()).server
    const service = await serveOnNode(nexus, cert, key)
    stop = () => service.close()
    context = {
      base: `ws://127.0.0.1:${service.ports['tcp']}`,
      extensions: COMPRESSION,
      WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
    }
  })
  afterAll(() => stop?.())
  for (const [name, run] of Object.entries(nativeChecks)) test(name, () => run(context))
})

describe('our client against Bun’s own server', () => {
  let server: Child
  let ports: BunContext['ports']

  beforeAll(async () => {
    server = new Child(commands.Bun, new URL('./runners/bun-server.ts', import.meta.url))
    ports = (await server.next()) as BunContext['ports']
  })
  afterAll(() => server?.stop())

  describe('on Node', () => {
    for (const [name, run] of Object.entries(bunServerChecks)) test(name, () => run({ nexus, ports }))
  })

  describe.each(['Deno', 'Bun'] as const)('on %s', (runtime) => {
    inChild(Object.keys(bunServerChecks), () => {
      const runner = new URL('./runners/bun-server-client.ts', import.meta.url)
      return new Child(commands[runtime], runner, [runtime.toLowerCase(), JSON.stringify(ports)])
    })
  })
})
