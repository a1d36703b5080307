/** Compression of messages (RFC 7692), from the handshake to the end. */

import { describe, expect, test } from 'vitest'
import type { DeflateOptions } from '../../../src/ws/options.ts'
import type { WsStream } from '../../../src/ws/ws-stream.ts'
import { Random } from '../../reference/random.ts'
import { makeWorld, openClientTo, openPair, wireFrames } from './harness.ts'

const JSON_TEXT = JSON.stringify(Array.from({ length: 100 }, (_, i) => ({ price: (i * 7_919) % 1_000, size: 'é' })))

/** What the peer gets: text and length on the wire. */
async function received(from: WsStream, to: WsStream, send: () => unknown): Promise<[string, number]> {
  const message = to.recv()
  send()
  await from.flush()
  const { text = '', wireLength = 0 } = (await message) ?? {}
  return [text, wireLength]
}

const OFF: DeflateOptions | boolean = false

describe('the handshake', () => {
  test.each<[DeflateOptions | boolean, DeflateOptions | boolean, string]>([
    [OFF, OFF, ''],
    [true, OFF, ''],
    [OFF, true, ''],
    [true, true, 'permessage-deflate'],
    [{}, {}, 'permessage-deflate'],
    [{ threshold: 0 }, { serverNoContextTakeover: true }, 'permessage-deflate; server_no_context_takeover'],
    [{ clientNoContextTakeover: true }, true, 'permessage-deflate; client_no_context_takeover'],
    [
      { serverMaxWindowBits: 10, clientMaxWindowBits: 11 },
      { serverMaxWindowBits: 12 },
      'permessage-deflate; server_max_window_bits=10; client_max_window_bits=11',
    ],
    [true, { serverMaxWindowBits: 8, clientMaxWindowBits: 9 }, 'permessage-deflate; server_max_window_bits=8; client_max_window_bits=9'],
  ])('client %j, server %j: %j', async (wanted, spoken, extensions) => {
    const { client, server } = await openPair(makeWorld(), { connect: { perMessageDeflate: wanted }, accept: { perMessageDeflate: spoken } })
    expect([client.extensions, server.extensions]).toEqual([extensions, extensions])
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      for (let i = 0; i < 3; i++) {
        const [text, wire] = await received(from, to, () => from.sendText(`${JSON_TEXT}${i}`))
        expect(text).toBe(`${JSON_TEXT}${i}`)
        if (extensions === '') expect(wire).toBeGreaterThan(JSON_TEXT.length)
        else expect(wire).toBeLessThan(JSON_TEXT.length / 3)
      }
      const bytes = new Uint8Array(5_000).fill(7)
      expect((await received(from, to, () => from.sendBinary(bytes)))[0].length).toBe(5_000)
    }
    client.destroy()
    server.destroy()
  })
})

describe('what is compressed', () => {
  test.each<[number | undefined, number, boolean | undefined, boolean]>([
    [undefined, 1_023, undefined, false],
    [undefined, 1_024, undefined, true],
    [undefined, 1_025, undefined, true],
    [undefined, 10, true, true],
    [undefined, 5_000, false, false],
    [0, 0, undefined, true],
    [10, 9, undefined, false],
    [10, 10, undefined, true],
    [5_000, 2_000, undefined, false],
  ])('threshold %s, %i bytes, compress: %s: %s', async (threshold, length, compress, expected) => {
    const world = makeWorld()
    const connect = { perMessageDeflate: threshold === undefined ? true : { threshold } }
    const { client, server, clientWrites } = await openPair(world, { connect, accept: { perMessageDeflate: true } })
    const options = compress === undefined ? undefined : { compress }
    client.sendText('x'.repeat(length), options)
    client.sendBinary(new Uint8Array(length), options)
    client.sendPing()
    await world.settle()
    const firsts = clientWrites.flatMap((write) => wireFrames(write)).map(({ rsv }) => rsv)
    expect(firsts).toEqual([expected ? 4 : 0, expected ? 4 : 0, 0])
    expect((await server.recv())?.text).toBe('x'.repeat(length))
    expect((await server.recv())?.length).toBe(length)
    client.destroy()
    server.destroy()
  })

  test.each([true, false])('compress: %s keeps sends of one tick together, where nothing was agreed on', async (compress) => {
    const world = makeWorld()
    const { ws, writes } = await openClientTo(world)
    for (let i = 0; i < 50; i++) {
      ws.sendText(`message ${i}`, { compress })
      ws.sendBinary(new Uint8Array(10), { compress })
    }
    await world.settle()
    expect(writes).toHaveLength(2)
    ws.destroy()
  })

  test('compress is ignored where nothing was agreed on, and judged all the same', async () => {
    const { client, server } = await openPair(makeWorld())
    expect(await received(client, server, () => client.sendText('a', { compress: true }))).toEqual(['a', 1])
    expect(() => client.sendText('a', { compress: 1 as never })).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
    expect(() => client.sendBinary(new Uint8Array(1), { deflate: true } as never)).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
    client.destroy()
    server.destroy()
  })

  test('more than the write buffer holds leaves in order; a message that is refused leaves no trace in the next', async () => {
    const world = makeWorld()
    const deflate = { perMessageDeflate: { threshold: 0 } }
    const { client, server } = await openPair(world, {
      connect: { ...deflate, writeBufferCapacity: 4_096, maxBufferedAmount: 100_000, maxMessageSize: 200_000 },
      accept: deflate,
      memory: { capacity: 1_000 },
    })
    const random = new Random(1)
    const texts: string[] = []
    let refusals = 0
    for (let i = 0; i < 60; i++) {
      // What nothing can shorten fills the buffers.
      const text = Array.from(random.bytes(4_000), (byte) => String.fromCharCode(33 + (byte % 90))).join('')
      try {
        client.sendText(text)
        texts.push(text)
      } catch (error) {
        expect(error).toMatchObject({ code: 'SendBufferFull' })
        refusals++
      }
    }
    expect(() => client.sendText('x'.repeat(200_001))).toThrow(expect.objectContaining({ code: 'OutgoingMessageTooLarge' }))
    expect(refusals).toBeGreaterThan(0)
    for (const text of texts) expect((await server.recv())?.text === text).toBe(true)
    client.destroy()
    server.destroy()
  })
})

describe('what ends the connection', () => {
  test('a message over maxMessageSize, when it is inflated: 1009', async () => {
    const { client, server } = await openPair(makeWorld(), {
      connect: { perMessageDeflate: true },
      accept: { perMessageDeflate: true, maxMessageSize: 10_000 },
    })
    client.sendText('x'.repeat(10_000))
    client.sendText('x'.repeat(10_001))
    expect((await server.recv())?.length).toBe(10_000)
    await expect(server.recv()).rejects.toMatchObject({ code: 'MessageTooLarge' })
    expect(await client.closed).toMatchObject({ code: 1009 })
    server.destroy()
  })
  test('compressed data where nothing was agreed on: 1002', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    peer.send(Uint8Array.of(0xc1, 1, 7))
    await expect(ws.recv()).rejects.toMatchObject({ code: 'ReservedBitsSet', closeCode: 1002 })
    ws.destroy()
  })
})

test('messages that are read ahead while nobody receives keep what is known of them', async () => {
  const world = makeWorld()
  const { client, server } = await openPair(world, { connect: { perMessageDeflate: true }, accept: { perMessageDeflate: true } })
  const ended = server.closed
  client.sendText(JSON_TEXT)
  client.sendText('small')
  await world.settle()
  const message = await server.recv()
  expect(message?.text).toBe(JSON_TEXT)
  expect(message?.wireLength).toBeLessThan(1_000)
  expect((await server.recv())?.wireLength).toBe(5)
  client.destroy()
  server.destroy()
  await ended
})

describe('every way to receive', () => {
  type Seen = [kind: string, text: string]
  const WAYS: Record<string, (ws: WsStream, seen: Seen[]) => Promise<unknown>> = {
    next: async (ws, seen) => {
      while (await ws.readable()) for (let m = ws.next(); m !== null; m = ws.next()) seen.push([m.kind, m.text])
    },
    recv: async (ws, seen) => {
      for (let m = await ws.recv(); m !== null; m = await ws.recv()) seen.push([m.kind, m.text])
    },
    batch: async (ws, seen) => {
      const names: Record<number, string> = { 1: 'text', 2: 'binary' }
      while (await ws.readable()) {
        for (let batch = ws.batch(); batch !== null; batch = ws.batch()) {
          const { count, kinds, offsets, lengths, bytes } = batch
          for (let i = 0; i < count; i++) {
            const [from = 0, length = 0] = [offsets[i], lengths[i]]
            seen.push([names[kinds[i] as number] ?? '', new TextDecoder().decode(bytes.subarray(from, from + length))])
          }
        }
      }
    },
    forEach: (ws, seen) => ws.forEach((m) => seen.push([m.kind, m.text])),
    'forEach that waits': (ws, seen) =>
      ws.forEach(async (m) => {
        await null
        seen.push([m.kind, m.text])
      }),
    'for await': async (ws, seen) => {
      const kept = []
      for await (const m of ws) kept.push(m)
      for (const { kind, text } of kept) seen.push([kind, text])
    },
    streams: async (ws, seen) => {
      const reader = ws.streams().readable.getReader()
      for (let next = await reader.read(); !next.done; next = await reader.read()) seen.push([next.value.kind, next.value.text])
    },
  }
  const random = new Random(11)
  const SENT = Array.from({ length: 60 }, (_, i) => {
    const length = random.pick([0, 5, 100, 1_023, 1_024, 5_000, 40_000])
    return {
      text: (i % 3 === 0 ? `${i} é€` : `${i} ascii `).repeat(Math.ceil(length / 8)),
      isText: i % 5 !== 1,
      compress: i % 2 === 0,
      ping: i % 7 === 3,
    }
  })

  test.each(Object.entries(WAYS))('%s: compressed and other messages, between pings, in any cut', async (_, receive) => {
    for (const maxDelivery of [300, 100_000]) {
      const world = makeWorld()
      const { client, server } = await openPair(world, {
        memory: { maxDelivery },
        connect: { perMessageDeflate: true, bufferCapacity: 4_096 },
        accept: { perMessageDeflate: true },
      })
      const seen: Seen[] = []
      const receiving = receive(client, seen)
      for (const { text, isText, compress, ping } of SENT) {
        if (ping) await server.sendPing()
        await (isText ? server.sendText(text, { compress }) : server.sendBinary(new TextEncoder().encode(text), { compress }))
      }
      const closing = server.close()
      await receiving
      await closing
      const data = seen.filter(([kind]) => kind === 'text' || kind === 'binary')
      expect(data).toEqual(SENT.map(({ text, isText }) => [isText ? 'text' : 'binary', text]))
    }
  })
})
