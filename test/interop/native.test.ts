/** The WebSockets that Deno and Bun come with, and undici's: their clients against our server on Node, and Bun's server for our clients. */

import { WebSocket } from 'undici'
import { afterAll, beforeAll, describe, test } from 'vitest'
import * as nexus from '../../src/entry/node.ts'
import { Child, commands } from '../integration/child.ts'
import { inChild } from '../integration/outcomes.ts'
import { type BunContext, bunServerChecks } from './bun-server-checks.ts'
import { type NativeContext, nativeChecks } from './native-checks.ts'
import { type OurServer, startOurServer } from './our-server.ts'

const COMPRESSION = 'permessage-deflate'
/** What each of them offers. */
const offers = { Deno: '', Bun: COMPRESSION } as const

describe.each(['Deno', 'Bun'] as const)('%s’s own WebSocket', (runtime) => {
  describe.each([
    ['Node', 'tcp'],
    ['Node', 'http'],
    ['Deno', 'tcp'],
    ['Bun', 'tcp'],
  ] as const)('against our server on %s, over %s', (serves, way) => {
    let server: OurServer

    afterAll(() => server?.stop())
    inChild(Object.keys(nativeChecks), async () => {
      server = await startOurServer(serves)
      const context: NativeContext = { base: `ws://127.0.0.1:${server.ports[way]}`, extensions: offers[runtime] }
      return new Child(commands[runtime], new URL('./runners/native.ts', import.meta.url), [JSON.stringify(context)])
    })
  })
})

describe.each(['Node', 'Deno', 'Bun'] as const)('undici’s WebSocket against our server on %s', (serves) => {
  let context: NativeContext
  let server: OurServer

  beforeAll(async () => {
    server = await startOurServer(serves)
    context = {
      base: `ws://127.0.0.1:${server.ports['tcp']}`,
      extensions: COMPRESSION,
      WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
    }
  })
  afterAll(() => server?.stop())
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
