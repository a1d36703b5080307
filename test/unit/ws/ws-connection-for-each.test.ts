/** `forEach`: a call for each message, at once, and backpressure by what it returns. */

import { describe, expect, test } from 'vitest'
import type { Message } from '../../../src/codec/ws/message.ts'
import { WsStream } from '../../../src/ws/ws-stream.ts'
import { BINARY, CLOSE, makeWorld, openClientTo, openPair, PING, PONG, spell, stateOf, TEXT } from './harness.ts'

const { STOP } = WsStream

type Handler = (message: Message) => unknown

/** A client to which these texts have come, and more may. */
async function withTexts(...texts: string[]): Promise<Awaited<ReturnType<typeof openClientTo>> & { world: ReturnType<typeof makeWorld> }> {
  const world = makeWorld()
  const opened = await openClientTo(world)
  for (const text of texts) opened.peer.sendFrame(TEXT, text)
  return { world, ...opened }
}

test('calls with text and binary messages, in order, until the end, and pings and the close are answered', async () => {
  const { world, ws, peer } = await withTexts('a')
  peer.sendFrame(PING, 'p')
  peer.sendFrame(BINARY, 'b')
  peer.sendFrame(PONG, '')
  peer.sendFrame(TEXT, 'c', { fin: false })
  peer.sendFrame(PING, 'q')
  peer.sendFrame(0, 'd')
  peer.sendFrame(TEXT, '')
  const seen: unknown[] = []
  const loop = ws.forEach((message) => seen.push([message.kind, message.text]))
  expect(await stateOf(world, loop)).toBe('pending')
  peer.sendFrame(CLOSE, '')
  await world.settle()
  expect(spell(peer.received)).toEqual([`${PONG}:p`, `${PONG}:q`, `${CLOSE}:`])
  peer.end.end()
  expect(await loop).toBeUndefined()
  expect(seen).toEqual([
    ['text', 'a'],
    ['binary', 'b'],
    ['text', 'cd'],
    ['text', ''],
  ])
})

test('the messages of a read are handed over in one turn, borrowed', async () => {
  const { ws, world } = await withTexts('a', 'b', 'c')
  await ws.readable()
  await world.settle()
  const held: Message[] = []
  let turns = 0
  const loop = ws.forEach((message) => {
    if (held.length === 0) queueMicrotask(() => turns++)
    for (const each of held) expect(() => each.text).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
    held.push(message)
    expect(turns).toBe(0)
  })
  await world.settle()
  expect([held.length, turns]).toEqual([3, 1])
  ws.destroy()
  await loop
})

test('a promise is awaited before the next message: until then this one is valid, nothing is read, and the peer waits', async () => {
  const world = makeWorld()
  const { client, server, serverEnd } = await openPair(world, { memory: { capacity: 1_000 }, connect: { bufferCapacity: 4_096 } })
  const sent = (async () => {
    for (let i = 0; i < 100; i++) await server.sendBinary(new Uint8Array(1_000).fill(i))
    await server.close()
  })()
  let seen = 0
  await client.forEach(async (message) => {
    const before = serverEnd.bytesDelivered
    await world.settle()
    expect(serverEnd.bytesDelivered).toBe(before)
    expect([message.at(0), message.length]).toEqual([seen++, 1_000])
  })
  expect(seen).toBe(100)
  await sent
})

test('any thenable is awaited, and any other value ignored', async () => {
  const { ws, world } = await withTexts('a', 'b', 'c', 'd', 'e')
  const order: string[] = []
  const values: readonly unknown[] = [
    // biome-ignore lint/suspicious/noThenProperty: that is the point
    { then: (resolve: () => void) => world.clock.set(() => resolve(), 5) },
    0,
    null,
    Symbol('STOP'),
    { a: 1 },
  ]
  const loop = ws.forEach(({ text }) => {
    order.push(`${text} at ${world.clock.now()}`)
    return values[order.length - 1]
  })
  await world.settle()
  const start = world.clock.now()
  await world.clock.advance(5)
  expect(order).toEqual([`a at ${start}`, ...['b', 'c', 'd', 'e'].map((text) => `${text} at ${start + 5}`)])
  ws.destroy()
  await loop
})

describe('STOP', () => {
  test.each<[string, Handler]>([
    ['returned', () => STOP],
    ['resolved to', async () => STOP],
    ['the way of a derived class', () => class Mine extends WsStream {}.STOP],
  ])('%s: the stream stays open, and the next receiver has the next message', async (_, stop) => {
    const { ws, peer } = await withTexts('a', 'b', 'c')
    const seen: string[] = []
    const handler: Handler = (message) => {
      seen.push(message.text)
      return message.text === 'b' ? stop(message) : undefined
    }
    await ws.forEach(handler)
    expect([seen, ws.readyState, (await ws.recv())?.text]).toEqual([['a', 'b'], 'open', 'c'])
    peer.sendFrame(TEXT, 'b')
    await ws.forEach(handler)
    expect(seen).toEqual(['a', 'b', 'b'])
    ws.sendText('still open')
    ws.destroy()
  })
})

describe('what throws', () => {
  test.each<[string, Handler]>([
    [
      'at once',
      () => {
        throw new Error('enough')
      },
    ],
    ['later', () => Promise.reject(new Error('enough'))],
  ])('%s: closes with 1000 and rejects', async (_, handler) => {
    const { client, server } = await openPair(makeWorld())
    server.sendText('a')
    server.sendText('b')
    let calls = 0
    const loop = client.forEach((message) => {
      calls++
      return handler(message)
    })
    await expect(loop).rejects.toThrow('enough')
    expect(await server.recv()).toMatchObject({ kind: 'close', closeCode: 1000 })
    expect([calls, await client.closed]).toMatchObject([1, { code: 1000, wasClean: true }])
  })

  test('a failure of the connection rejects, after the messages before it; a session just ends', async () => {
    const { world, ws, peer } = await withTexts('a', 'b')
    const seen: string[] = []
    const loop = ws.forEach(({ text }) => seen.push(text))
    loop.catch(() => {})
    await world.settle()
    peer.end.reset()
    await expect(loop).rejects.toMatchObject({ code: 'ConnectionReset' })
    expect(seen).toEqual(['a', 'b'])
    await expect(ws.forEach(() => {})).rejects.toMatchObject({ code: 'ConnectionReset' })
  })

  test.each([undefined, null, 5, {}])('%o is no handler, and takes nothing', async (handler) => {
    const { ws } = await withTexts('a')
    await expect(ws.forEach(handler as never)).rejects.toMatchObject({ code: 'InvalidOption', message: expect.stringContaining('handler') })
    expect((await ws.recv())?.text).toBe('a')
    ws.destroy()
  })
})

test('a handler may close, destroy, and take messages itself', async () => {
  const ends: ((ws: WsStream) => unknown)[] = [(ws) => void ws.close(), (ws) => ws.destroy(), (ws) => ws.close()]
  for (const end of ends) {
    const { client, server } = await openPair(makeWorld())
    for (const text of ['a', 'b', 'c', 'd']) server.sendText(text)
    server.recv().catch(() => {})
    const seen: unknown[] = []
    await client.forEach((message) => {
      seen.push(message.text)
      return seen.length === 1 ? seen.push(client.next()?.text) : end(client)
    })
    expect(seen).toEqual(['a', 'b', 'c'])
    server.destroy()
  }
})
