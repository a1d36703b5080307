/** Memory follows use: a connection that is quiet has none, and what one has given back is the next one's, whose bytes nobody else ever sees. */

import { describe, expect, test, vi } from 'vitest'
import type { Codec } from '../../../src/codec/memory.ts'
import { DEFAULT_WRITE_BUFFER_CAPACITY } from '../../../src/codec/ws/frame-writer.ts'
import { DEFAULT_BUFFER_CAPACITY } from '../../../src/codec/ws/limits.ts'
import { MessageDeflater } from '../../../src/codec/ws/message-deflater.ts'
import { MessageInflater } from '../../../src/codec/ws/message-inflater.ts'
import { ReaderPlace, WriterPlace } from '../../../src/codec/ws/places.ts'
import { SIZE_MAX } from '../../../src/option-rules.ts'
import { type MemoryOptions, memoryPair } from '../../../src/transport/memory/pair.ts'
import type { DeflateOptions } from '../../../src/ws/options.ts'
import type { WsStream } from '../../../src/ws/ws-stream.ts'
import { Random } from '../../reference/random.ts'
import { BINARY, makeCodec, makeWorld, openClientTo, openPair, type Pair, TEXT, type World } from './harness.ts'

const KIB = 1024
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The sizes of the regions that are made from now on. */
function regionsOf(codec: Codec): number[] {
  const made: number[] = []
  for (const way of ['region', 'deflateRegion'] as const) {
    const make = codec[way]
    vi.spyOn(codec, way).mockImplementation((bytes) => {
      made.push(bytes)
      return make.call(codec, bytes)
    })
  }
  return made
}

const RECEIVING = ReaderPlace.regionBytes(DEFAULT_BUFFER_CAPACITY) + MessageInflater.regionBytes(15)
const SENDING = WriterPlace.regionBytes(DEFAULT_WRITE_BUFFER_CAPACITY) + MessageDeflater.regionBytes(15)
/** Agrees on compression, and compresses only what says so. */
const SELDOM: DeflateOptions = { threshold: SIZE_MAX }
const FORGETFUL: DeflateOptions = { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true }

/** Two ends that have agreed on compression. */
function openDeflatedPair(world: World, perMessageDeflate: DeflateOptions, memory: MemoryOptions = {}): Promise<Pair> {
  return openPair(world, { memory, connect: { perMessageDeflate }, accept: { perMessageDeflate } })
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
    expect(made.length - 2 * pairs.length).toBeLessThanOrEqual(4)
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

  describe('that have agreed on compression', () => {
    /** The most regions of a size that 40 such pairs have, in which each end sends each of the messages. */
    async function most(wishes: DeflateOptions, targetCount: 1 | 2, compress: boolean | undefined): Promise<{ receiving: number; sending: number }> {
      const codec = makeCodec()
      const world = makeWorld(undefined, codec)
      const made = regionsOf(codec)
      const pairs: Pair[] = []
      for (let i = 0; i < 40; i++) pairs.push(await openDeflatedPair(world, wishes, { targetCount }))
      expect(pairs[39]?.client.extensions).toContain('permessage-deflate')
      const received: number[] = []
      for (const { client, server } of pairs) for (const ws of [client, server]) take(ws, (bytes) => received.push(bytes))
      for (const size of [0, 40, 2 * KIB, 64 * KIB, 200 * KIB]) {
        for (const { client, server } of pairs) {
          for (const ws of [client, server]) {
            ws.sendBinary(new Uint8Array(size), { compress })
            await world.settle()
          }
          expect(received.splice(0)).toEqual([size, size])
        }
      }
      for (const { client, server } of pairs) for (const ws of [client, server]) ws.destroy()
      await world.settle()
      expect(made.filter((bytes) => bytes === RECEIVING).length).toBeGreaterThan(0)
      return { receiving: made.filter((bytes) => bytes === RECEIVING).length, sending: made.filter((bytes) => bytes === SENDING).length }
    }

    test.each([1, 2] as const)('is that of the busiest moment until something is compressed, with %i targets', async (targetCount) => {
      const { receiving, sending } = await most(SELDOM, targetCount, undefined)
      expect(receiving).toBeLessThanOrEqual(2)
      expect(sending).toBeLessThanOrEqual(2)
    })

    test.each([1, 2] as const)('is that of the busiest moment for receiving without takeover, with %i targets', async (targetCount) => {
      const { receiving, sending } = await most(FORGETFUL, targetCount, true)
      expect(receiving).toBeLessThanOrEqual(2)
      // What compresses has a place of its own.
      expect(sending).toBe(80)
    })

    test('is their own from the first compressed message on, with takeover', async () => {
      const { receiving, sending } = await most(SELDOM, 1, true)
      expect([receiving, sending]).toEqual([80, 80])
    })
  })

  test('transports that do not ask have memory of their own', async () => {
    const codec = makeCodec()
    const made = regionsOf(codec)
    const world = makeWorld(undefined, codec)
    const [clientEnd, serverEnd] = memoryPair({ clock: world.clock })
    for (const end of [clientEnd, serverEnd]) Object.defineProperty(end, 'asksForTargets', { value: undefined })
    const options = { perMessageDeflate: SELDOM }
    const opening = Promise.all([world.Stream.connectWith(clientEnd, 'ws://peer.test/feed', options), world.Stream.accept(serverEnd, options)])
    await world.settle()
    const [client, server] = await opening
    expect(made.filter((bytes) => bytes === RECEIVING + SENDING).length).toBe(2)
    for (const compress of [true, false]) {
      const got = receive(server)
      client.sendText('compressed '.repeat(300), { compress })
      expect((await got)?.length).toBe(3_300)
    }
    for (const ws of [client, server]) ws.destroy()
    await world.settle()
  })
})

test.each([
  [1, null],
  [2, null],
  [3, null],
  [4, null],
  [5, SELDOM],
  [6, SELDOM],
  [7, FORGETFUL],
  [8, FORGETFUL],
  [9, { ...FORGETFUL, threshold: 1_000 }],
])('connections that share memory never see each other’s bytes (seed %i, compression %j)', async (seed, wishes) => {
  const random = new Random(seed)
  const world = makeWorld(undefined, makeCodec())
  const count = 6
  const pairs = []
  for (let i = 0; i < count; i++) {
    const memory = { targetCount: (1 + (i & 1)) as 1 | 2, seed: seed * 100 + i, capacity: 1 + random.below(100_000), deferWrites: i % 3 === 0 }
    pairs.push(await (wishes === null ? openPair(world, { memory }) : openDeflatedPair(world, wishes, memory)))
  }
  let inUse = 0
  const consume = async (ws: WsStream, mark: number): Promise<number> => {
    let messages = 0
    while (await ws.readable()) {
      for (let m = ws.next(); m !== null; m = ws.next()) {
        if (m.kind === 'close') continue
        // Others have their turn while it is in use.
        if (random.oneIn(4)) {
          inUse++
          await settled()
          inUse--
        }
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
    from.sendBinary(new Uint8Array(size).fill(mark), { compress: wishes === SELDOM && random.oneIn(30) ? true : undefined })
    sent[at] = (sent[at] as number) + 1
    if (random.oneIn(3)) await settled()
  }
  for (const { from } of sides) await from.flush()
  await settled()
  // A close of ours makes messages stale, also those that are in use.
  while (inUse > 0) await settled()
  for (const { client } of pairs) client.close()
  await world.settle()
  const got = await Promise.all(consumers)
  // A close drops what the closing side had not received; the other side has everything.
  expect(got.filter((_, i) => i % 2 === 0)).toEqual(sent.filter((_, i) => i % 2 === 0))
})
