/** Memory follows use: a connection that is quiet has none, and what one has given back is the next one's, whose bytes nobody else ever sees. */

import { describe, expect, test, vi } from 'vitest'
import type { Codec } from '../../../src/codec/memory.ts'
import type { WsStream } from '../../../src/ws/ws-stream.ts'
import { Random } from '../../reference/random.ts'
import { BINARY, makeCodec, makeWorld, openClientTo, openPair, TEXT } from './harness.ts'

const KIB = 1024
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Counts the regions that are made from now on. */
function regionsOf(codec: Codec): { count: number } {
  const made = { count: 0 }
  const { region } = codec
  vi.spyOn(codec, 'region').mockImplementation((bytes) => {
    made.count++
    return region.call(codec, bytes)
  })
  return made
}

/** Receives one message and copies it. */
async function receive(ws: WsStream): Promise<Uint8Array | null> {
  const message = await ws.recv()
  return message === null ? null : message.bytes.slice()
}

/** Takes messages for as long as there are any. */
async function take(ws: WsStream, onMessage: (bytes: number) => void): Promise<void> {
  while (await ws.readable().catch(() => false)) {
    for (let m = ws.next(); m !== null; m = ws.next()) onMessage(m.length)
  }
}

describe('memory of quiet connections', () => {
  test.each([1, 2] as const)('is that of the busiest moment, with %i targets', async (targetCount) => {
    const codec = makeCodec()
    const world = makeWorld(undefined, codec)
    const made = regionsOf(codec)
    const pairs = []
    for (let i = 0; i < 40; i++) pairs.push(await openPair(world, { memory: { targetCount } }))
    const received: number[] = []
    for (const { client, server } of pairs) {
      for (const ws of [client, server]) take(ws, (bytes) => received.push(bytes))
    }
    for (const size of [0, 40, 2 * KIB, 64 * KIB, 200 * KIB]) {
      for (const { client, server } of pairs) {
        client.sendBinary(new Uint8Array(size))
        await world.settle()
        server.sendBinary(new Uint8Array(size))
        await world.settle()
        expect(received.splice(0)).toEqual([size, size])
      }
    }
    // The readers of heads apart, which each handshake has: two places to read in and two to write in are enough for all of them.
    expect(made.count - 2 * pairs.length).toBeLessThanOrEqual(4)
    for (const { client, server } of pairs) for (const ws of [client, server]) ws.destroy()
    await world.settle()
  })

  test('a connection with a frame that has begun, or with a message in use, keeps it', async () => {
    const world = makeWorld(undefined, makeCodec())
    const [one, two] = [await openClientTo(world), await openClientTo(world)]
    // Half of a frame, and all of another connection's traffic between it and its end.
    one.peer.send(Uint8Array.of(0x82, 4, 1, 2))
    const whole = one.ws.recv()
    await world.settle()
    for (let i = 0; i < 5; i++) {
      two.peer.sendFrame(BINARY, new Uint8Array(3_000).fill(9))
      await two.ws.recv()
    }
    one.peer.send(Uint8Array.of(3, 4))
    const message = await whole
    expect(message?.bytes).toEqual(Uint8Array.of(1, 2, 3, 4))
    for (let i = 0; i < 5; i++) {
      two.peer.sendFrame(TEXT, 'somebody else’s')
      await two.ws.recv()
    }
    expect(message?.bytes).toEqual(Uint8Array.of(1, 2, 3, 4))
    const next = one.ws.recv()
    expect(() => message?.bytes).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
    one.ws.destroy()
    expect(await next).toBe(null)
  })

  test('a message that was kept is stale, whoever has its memory now', async () => {
    const world = makeWorld(undefined, makeCodec())
    const [one, two] = [await openClientTo(world), await openClientTo(world)]
    one.peer.sendFrame(TEXT, 'first')
    const kept = await one.ws.recv()
    one.ws.readable().catch(() => {})
    two.peer.sendFrame(TEXT, 'other')
    expect((await two.ws.recv())?.text).toBe('other')
    expect(() => kept?.text).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
    one.ws.destroy()
  })

  test('what is being written stays where it is, also when the connection ends', async () => {
    const world = makeWorld(undefined, makeCodec())
    const one = await openClientTo(world, {}, { deferWrites: true, capacity: 64 })
    const two = await openClientTo(world)
    one.ws.sendBinary(new Uint8Array(30_000).fill(1))
    one.ws.destroy()
    two.ws.sendBinary(new Uint8Array(30_000).fill(2))
    await world.settle()
    expect(new Set(two.peer.received.length > 0 ? one.peer.received : [])).not.toContain(2)
    expect(two.peer.received.length).toBeGreaterThan(30_000)
  })

  test('compressed connections, and transports that do not ask, have memory of their own', async () => {
    const world = makeWorld(undefined, makeCodec())
    const { client, server } = await openPair(world, { connect: { perMessageDeflate: true }, accept: { perMessageDeflate: true } })
    expect(client.extensions).toContain('permessage-deflate')
    for (let i = 0; i < 3; i++) {
      const got = receive(server)
      client.sendText('compressed '.repeat(300))
      expect((await got)?.length).toBe(3_300)
    }
  })
})

test.each([1, 2, 3, 4])('connections that share memory never see each other’s bytes (seed %i)', async (seed) => {
  const random = new Random(seed)
  const world = makeWorld(undefined, makeCodec())
  const count = 6
  const pairs = []
  for (let i = 0; i < count; i++) {
    const memory = { targetCount: (1 + (i & 1)) as 1 | 2, seed: seed * 100 + i, capacity: 1 + random.below(100_000), deferWrites: i % 3 === 0 }
    pairs.push(await openPair(world, { memory }))
  }
  const consume = async (ws: WsStream, mark: number): Promise<number> => {
    let messages = 0
    while (await ws.readable()) {
      for (let m = ws.next(); m !== null; m = ws.next()) {
        if (m.kind === 'close') continue
        // Others have their turn while it is in use.
        if (random.oneIn(4)) await settled()
        const { bytes } = m
        expect(bytes.every((byte) => byte === mark)).toBe(true)
        messages++
      }
    }
    return messages
  }
  const sides = pairs.flatMap(({ client, server }, i) => [
    { from: client, to: server, mark: 2 * i + 1 },
    { from: server, to: client, mark: 2 * i + 2 },
  ])
  const consumers = sides.map(({ to, mark }) => consume(to, mark))
  const sent = sides.map(() => 0)
  for (let step = 0; step < 150; step++) {
    const at = random.below(sides.length)
    const { from, mark } = sides[at] as (typeof sides)[number]
    const size = random.pick([0, 1, 40, 300, 5_000, 20_000, 70_000])
    from.sendBinary(new Uint8Array(size).fill(mark))
    sent[at] = (sent[at] as number) + 1
    if (random.oneIn(3)) await settled()
  }
  for (const { from } of sides) await from.flush()
  await settled()
  for (const { client } of pairs) client.close()
  await world.settle()
  const got = await Promise.all(consumers)
  // A close drops what the closing side had not received; the other side has everything.
  expect(got.filter((_, i) => i % 2 === 0)).toEqual(sent.filter((_, i) => i % 2 === 0))
})
