/** Two peers of our own: whatever is sent arrives, once, in order, unchanged, however the network cuts it. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WsStream } from '../../../src/ws/ws-stream.ts'
import { makeCodec, makeWorld, openPair } from './harness.ts'

type Item = { readonly kind: 'text' | 'binary' | 'ping' | 'pong'; readonly text: string; readonly pause: boolean }

const size = fc.oneof(
  fc.integer({ min: 0, max: 130 }),
  fc.constantFrom(125, 126, 127, 4_000, 4_095, 4_096, 65_535, 65_536),
  fc.integer({ min: 0, max: 20_000 }),
)
const content = fc
  .tuple(fc.constantFrom('a', 'é', '€', '😀', 'z€'), size)
  .map(([unit, length]) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length & ~1))
const item: fc.Arbitrary<Item> = fc.record({
  kind: fc.constantFrom('text', 'binary', 'text', 'binary', 'ping', 'pong'),
  text: content,
  pause: fc.boolean(),
})

const scenario = fc.record({
  ours: fc.array(item, { maxLength: 25 }),
  theirs: fc.array(item, { maxLength: 25 }),
  seed: fc.nat(),
  maxDelivery: fc.constantFrom(1, 7, 100, 5_000, 100_000),
  capacity: fc.constantFrom(1, 100, 5_000, 1_000_000),
  deferWrites: fc.boolean(),
  deliverInResume: fc.boolean(),
  targetCount: fc.constantFrom(1 as const, 2 as const),
  bufferCapacity: fc.constantFrom(4_096, 65_536),
  writeBufferCapacity: fc.constantFrom(4_096, 65_536),
  byReadable: fc.boolean(),
})

async function send(ws: WsStream, items: readonly Item[]): Promise<void> {
  for (const { kind, text, pause } of items) {
    const bytes = new TextEncoder().encode(text)
    const sent =
      kind === 'text'
        ? ws.sendText(text)
        : kind === 'binary'
          ? ws.sendBinary(bytes)
          : kind === 'ping'
            ? ws.sendPing(bytes.subarray(0, 125))
            : ws.sendPong(bytes.subarray(0, 125))
    if (pause) await sent
  }
  await ws.close(1000)
}

/** All but pongs, which pings call forth by themselves. */
async function receive(ws: WsStream, byReadable: boolean): Promise<[string, string][]> {
  const all: [string, string][] = []
  const take = (kind: string, text: string): void => {
    if (kind !== 'pong' && kind !== 'close') all.push([kind, text])
  }
  if (!byReadable) {
    for (let message = await ws.recv(); message !== null; message = await ws.recv()) take(message.kind, message.text)
    return all
  }
  while (await ws.readable()) {
    for (let message = ws.next(); message !== null; message = ws.next()) take(message.kind, new TextDecoder().decode(message.bytes))
  }
  return all
}

function expected(items: readonly Item[]): [string, string][] {
  return items
    .filter(({ kind }) => kind !== 'pong')
    .map(({ kind, text }) => [kind, kind === 'ping' ? new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, 125)) : text])
}

test('random messages both ways, one side after the other', async () => {
  const own = makeCodec()
  await fc.assert(
    fc.asyncProperty(scenario, async ({ ours, theirs, byReadable, bufferCapacity, writeBufferCapacity, ...memory }) => {
      const world = makeWorld(undefined, own)
      const options = { bufferCapacity, writeBufferCapacity, closeTimeout: 0 }
      for (const direction of ['client sends', 'server sends'] as const) {
        const { client, server } = await openPair(world, { memory, connect: options, accept: options })
        const [from, to, all] = direction === 'client sends' ? [client, server, ours] : [server, client, theirs]
        // Byte by byte, many large messages would take their time and show no more than a few.
        const items = memory.capacity === 1 || memory.maxDelivery === 1 ? all.slice(0, 5) : all
        const receiving = receive(to, byReadable)
        const sending = send(from, items).catch(() => {})
        expect(await receiving, direction).toEqual(expected(items))
        client.destroy()
        server.destroy()
        await sending
        await world.settle()
        expect(world.clock.pending).toBe(0)
      }
    }),
    { numRuns: 120 },
  )
  expect(own.memoryCount).toBe(1)
})
