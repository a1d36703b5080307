/** The shapes of the Autobahn suite's groups 12 and 13 against `ws`, both roles, on Node, Deno and Bun: every echo is right. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import * as nexus from '../../src/entry/node.ts'
import { makeCertificates } from '../helpers/certificates.ts'
import { Child, commands } from '../integration/child.ts'
import { inChild } from '../integration/outcomes.ts'
import { type Ports, serveOnNode } from '../integration/runners/serve-node.ts'
import { echoChecks, exchange, FRAGMENTS, shapes } from './echo-shapes.ts'

const LIMIT = 120_000
const peerDeflate = { threshold: 0, zlibDeflateOptions: { level: 1 } } as const

/** Sends a message whole, or in fragments of the same size. */
function send(socket: WebSocket, data: Uint8Array, binary: boolean, fragments: number): void {
  const step = Math.max(1, Math.ceil(data.length / fragments))
  for (let at = 0; at < data.length; at += step) socket.send(data.subarray(at, at + step), { binary, fin: at + step >= data.length })
}

describe('our client', () => {
  let server: WebSocketServer
  let base: string

  beforeAll(async () => {
    server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: peerDeflate })
    server.on('connection', (socket, { url }) => {
      const fragments = url === '/?fragments' ? FRAGMENTS : 1
      socket.on('message', (data, isBinary) => send(socket, data as Buffer, isBinary, fragments))
    })
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
  let stop: () => void | Promise<void>

  beforeAll(async () => {
    const { cert, key } = (await makeCertificates()).server
    if (runtime === 'Node') {
      const service = await serveOnNode(nexus, cert, key)
      base = `ws://127.0.0.1:${service.ports['tcp']}`
      stop = () => service.close()
      return
    }
    const runner = new URL(`../integration/runners/serve-${runtime.toLowerCase()}.ts`, import.meta.url)
    const child = new Child(commands[runtime], runner, [JSON.stringify({ cert, key })])
    stop = () => child.stop()
    base = `ws://127.0.0.1:${((await child.next()) as Ports)['tcp']}`
  })
  afterAll(() => stop?.())

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
