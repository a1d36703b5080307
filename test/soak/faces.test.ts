/** A million messages through each class that existing code calls: none is lost, and none is out of order. Ten thousand connections: no memory is kept. */

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WsStream } from '../../src/entry/node.ts'
import { WebSocket } from '../../src/entry/node-websocket.ts'
import { WebSocket as OfWs } from '../../src/entry/node-ws.ts'

const COUNT = Number(process.env['FACES_MESSAGES'] ?? 20_000)
const CONNECTIONS = Number(process.env['FACES_CONNECTIONS'] ?? 500)
/** Bytes by which the heap may grow, whatever the number of connections: a hundred for each of 10,000. */
const GROWTH = 1_000_000

let server: http.Server
let url: string

beforeAll(async () => {
  server = http.createServer()
  server.on('upgrade', async (request, socket, head) => {
    const ws = await WsStream.acceptUpgrade(request, socket as never, head)
    const count = request.url === '/one' ? 1 : COUNT
    for (let i = 0; i < count; i++) await ws.sendText(String(i))
    await ws.flush()
    await ws.close()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
})
afterAll(() => server.close())

/** What was received: how many, and how many in the wrong place. */
function counter(): { receive(data: unknown): void; result: [count: number, wrong: number] } {
  const result: [number, number] = [0, 0]
  return {
    receive(data) {
      if (Number(data) !== result[0]++) result[1]++
    },
    result,
  }
}

test.each([false, true])('the WebSocket of browsers, batchedEvents %s', { timeout: 600_000 }, async (batchedEvents) => {
  const { receive, result } = counter()
  const ws = new WebSocket(url, [], { batchedEvents })
  ws.onmessage = ({ data }) => receive(data)
  await new Promise((resolve) => ws.addEventListener('close', resolve))
  expect(result).toEqual([COUNT, 0])
})

test.each([false, true])('the client of ws, allowSynchronousEvents %s', { timeout: 600_000 }, async (allowSynchronousEvents) => {
  const { receive, result } = counter()
  const ws = new OfWs(url, { allowSynchronousEvents })
  ws.on('message', receive)
  await new Promise((resolve) => ws.on('close', resolve))
  expect(result).toEqual([COUNT, 0])
})

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes of the heap that are in use once everything that can be collected was. */
async function heapUsed(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    await setImmediate()
    collect()
  }
  return process.memoryUsage().heapUsed
}

test.each([
  ['the WebSocket of browsers', () => new WebSocket(`${url}one`)],
  ['the client of ws', () => new OfWs(`${url}one`)],
] as const)('%s keeps no memory of connections that have ended', { timeout: 600_000 }, async (_, connect) => {
  const connectAgain = async (times: number): Promise<number> => {
    let received = 0
    for (let i = 0; i < times; i++) {
      const ws = connect()
      ws.addEventListener('message', () => received++)
      await new Promise<unknown>((resolve) => ws.addEventListener('close', resolve))
    }
    return received
  }
  // What is made once, and code that is compiled, is not counted.
  await connectAgain(CONNECTIONS / 5)
  const before = await heapUsed()
  expect(await connectAgain(CONNECTIONS)).toBe(CONNECTIONS)
  expect((await heapUsed()) - before).toBeLessThan(GROWTH)
})
