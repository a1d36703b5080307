/** `batch` of a connection: as `next`, for many messages at once. */

import { expect, test } from 'vitest'
import type { MessageBatch } from '../../../src/codec/ws/message-batch.ts'
import { BINARY, CLOSE, makeWorld, openClientTo, PING, PONG, spell, TEXT } from './harness.ts'

function show({ count, kinds, offsets, lengths, bytes }: MessageBatch): string[] {
  return Array.from({ length: count }, (_, i) => {
    const [from = 0, length = 0] = [offsets[i], lengths[i]]
    return `${kinds[i]}:${Buffer.from(bytes.subarray(from, from + length)).toString()}`
  })
}

test('is null when nothing has arrived, and does not wait', async () => {
  const { ws, peer } = await openClientTo(makeWorld())
  expect(ws.batch()).toBeNull()
  peer.sendFrame(TEXT, 'a')
  await ws.readable()
  expect([show(ws.batch() as MessageBatch), ws.batch()]).toEqual([['1:a'], null])
  ws.destroy()
  expect(ws.batch()).toBeNull()
})

test.each([true, false])('pings and a close are answered when they are taken, autoPong %s', async (autoPong) => {
  const world = makeWorld()
  const { ws, peer } = await openClientTo(world, { autoPong })
  for (const [opcode, payload] of [
    [TEXT, 'a'],
    [PING, 'p'],
    [BINARY, 'b'],
    [PING, 'q'],
    [CLOSE, Uint8Array.of(3, 232)],
  ] as const) {
    peer.sendFrame(opcode, payload)
  }
  await Promise.all([ws.readable(), world.settle()])
  expect(peer.received).toHaveLength(0)
  const seen: string[][] = []
  while (await ws.readable()) {
    for (let batch = ws.batch(); batch !== null; batch = ws.batch()) {
      seen.push(show(batch))
      expect(batch.closeCode).toBe(batch.kinds[0] === CLOSE ? 1000 : null)
      if (batch.closeCode !== null) peer.end.end()
    }
  }
  expect(seen.flat()).toEqual(['1:a', '9:p', '2:b', '9:q', '8:'])
  expect(seen.at(-1)).toEqual(['8:'])
  expect(spell(peer.received)).toEqual([...(autoPong ? [`${PONG}:p`, `${PONG}:q`] : []), `${CLOSE}:1000`])
  expect(await ws.closed).toMatchObject({ code: 1000, wasClean: true })
})

test('messages that were parked while somebody waited for the end are batches alone, and their pings are answered once', async () => {
  const world = makeWorld()
  const { ws, peer } = await openClientTo(world)
  void ws.closed
  peer.sendFrame(TEXT, 'parked')
  peer.sendFrame(PING, 'p')
  await world.settle()
  const first = ws.batch() as MessageBatch
  expect(show(first)).toEqual([`1:parked`])
  expect(show(ws.batch() as MessageBatch)).toEqual(['9:p'])
  expect(() => first.count).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
  expect(ws.batch()).toBeNull()
  peer.sendFrame(TEXT, 'a')
  peer.sendFrame(TEXT, 'b')
  await Promise.all([ws.readable(), world.settle()])
  const seen: string[] = []
  for (let batch = ws.batch(); batch !== null; batch = ws.batch()) seen.push(...show(batch))
  expect([seen, spell(peer.received)]).toEqual([['1:a', '1:b'], [`${PONG}:p`]])
  ws.destroy()
})

test('sending does not make it stale, and taking a message does', async () => {
  const { ws, peer } = await openClientTo(makeWorld())
  for (const text of ['a', 'b']) peer.sendFrame(TEXT, text)
  await ws.readable()
  const batch = ws.batch() as MessageBatch
  ws.sendText('x')
  expect(show(batch).at(0)).toBe('1:a')
  peer.sendFrame(TEXT, 'c')
  for (let more = ws.batch(); more !== null; more = ws.batch());
  expect((await ws.recv())?.text).toBe('c')
  expect(() => batch.count).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
  ws.destroy()
})
