/** The shapes of the Autobahn suite's groups 12 and 13 against `ws`, both roles, on Node, Deno and Bun: every echo is right. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket, { type WebSocketServer } from 'ws'
import * as nexus from '../../src/entry/node.ts'
import { Child, commands } from '../integration/child.ts'
import { inChild } from '../integration/outcomes.ts'
import { echoServer, peerDeflate, send } from './echo-server.ts'
import { COMBINED, combinations, echoChecks, exchange, FRAGMENTS, shapes } from './echo-shapes.ts'
import { type OurServer, startOurServer } from './our-server.ts'

const LIMIT = 120_000

describe('our client', () => {
  let server: WebSocketServer
  let base: string

  beforeAll(async () => {
    server = echoServer()
    await once(server, 'listening')
    base = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server?.close()
  })

  describe('on Node', () => {
    for (const [name, run] of Object.entries(echoChecks)) test(name, { timeout: LIMIT }, () => run({ nexus, base }))
  })

  describe.each(['Deno', 'Bun'] as const)('on %s', (runtime) => {
    const start = (): Child =>
      new Child(commands[runtime], new URL('./runners/echoes.ts', import.meta.url), [runtime.toLowerCase(), base, String(LIMIT)])
    inChild(Object.keys(echoChecks), start, { timeout: LIMIT })
  })
})

describe.each(['Node', 'Deno', 'Bun'] as const)('our server on %s', (runtime) => {
  let base: string
  let server: OurServer

  beforeAll(async () => {
    server = await startOurServer(runtime)
    base = `ws://127.0.0.1:${server.ports['tcp']}`
  })
  afterAll(() => server?.stop())

  test('every takeover with every pair of windows of 8 to 15 bits', { timeout: LIMIT }, async () => {
    for (const deflate of combinations) {
      const socket = new WebSocket(`${base}/echo`, { perMessageDeflate: { ...deflate, ...peerDeflate } })
      await once(socket, 'open')
      expect(socket.extensions).toBe('permessage-deflate')
      for (let round = 0; round < 2; round++) {
        const echo = once(socket, 'message')
        socket.send(COMBINED)
        if (String((await echo)[0]) !== COMBINED) expect.fail(`${JSON.stringify(deflate)}: something else came back`)
      }
      socket.close()
      await once(socket, 'close')
    }
  })

  test.each(shapes)('$name', { timeout: LIMIT }, async ({ deflate, whole, fragmented }) => {
    for (const [fragments, sizes] of [
      [1, whole],
      [FRAGMENTS, fragmented],
    ] as const) {
      const socket = new WebSocket(`${base}/echo`, { perMessageDeflate: { ...deflate, ...peerDeflate } })
      const received: { data: Buffer; isBinary: boolean }[] = []
      let wake = (): void => {}
      socket.on('message', (data, isBinary) => {
        received.push({ data: data as Buffer, isBinary })
        wake()
      })
      const ended = new Promise<never>((_, reject) => {
        socket.on('error', reject)
        socket.on('close', (code) => reject(new Error(`closed with ${code}`)))
      })
      ended.catch(() => {})
      await Promise.race([once(socket, 'open'), ended])
      expect(socket.extensions).toBe('permessage-deflate')
      for (const size of sizes) {
        await exchange(
          size,
          ({ bytes, text }) => send(socket, bytes, text === null, fragments),
          async ({ bytes, text }) => {
            while (received.length === 0) await Promise.race([new Promise<void>((resolve) => (wake = resolve)), ended])
            const { data, isBinary } = received.shift() as (typeof received)[0]
            if (isBinary !== (text === null) || !data.equals(bytes)) expect.fail(`an echo of ${size} bytes is not what was sent`)
          },
        )
      }
      socket.close()
      await once(socket, 'close')
    }
  })
})
