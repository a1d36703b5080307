/** Compression of messages (RFC 7692), from the handshake to the end. */

import { describe, expect, test, vi } from 'vitest'
import type { HandshakeError } from '../../../src/errors.ts'
import { memoryPair } from '../../../src/transport/memory/pair.ts'
import type { DeflateOptions } from '../../../src/ws/options.ts'
import type { WsStream } from '../../../src/ws/ws-stream.ts'
import { Random } from '../../reference/random.ts'
import { goodRequest, head, makeWorld, openClientTo, openPair, RawPeer, upgradeResponse, wireFrames } from './harness.ts'

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

describe('the answer to an offer', () => {
  const P = 'permessage-deflate'
  const answered = async (perMessageDeflate: DeflateOptions | boolean, fields: string): Promise<string> => {
    const world = makeWorld()
    const [end, other] = memoryPair({ clock: world.clock })
    const peer = new RawPeer(other)
    const opening = world.Stream.connectWith(end, 'ws://peer.test/', { perMessageDeflate }).catch((error: HandshakeError) => error)
    await world.settle()
    peer.send(upgradeResponse(peer.text, fields))
    await world.settle()
    const ws = await opening
    if (ws instanceof Error) return ws.code
    ws.destroy()
    return ws.extensions
  }

  test.each<[DeflateOptions | boolean, string, string]>([
    [true, '', ''],
    [true, 'Sec-WebSocket-Extensions: \r\n', ''],
    [true, 'Sec-WebSocket-Extensions: ,\r\nSec-WebSocket-Extensions:\r\n', ''],
    [OFF, 'Sec-WebSocket-Extensions: \r\n', ''],
    [true, `Sec-WebSocket-Extensions: ${P}\r\n`, P],
    [true, `Sec-WebSocket-Extensions:\r\nSec-WebSocket-Extensions: ${P}; server_max_window_bits="9"\r\n`, `${P}; server_max_window_bits="9"`],
  ])('client %j, %j: it is open, with %j', async (wanted, fields, extensions) => expect(await answered(wanted, fields)).toBe(extensions))

  test.each<[DeflateOptions | boolean, string]>([
    [OFF, P],
    [true, 'x-webkit-deflate-frame'],
    [true, `${P}, ${P}`],
    [true, `${P}\r\nSec-WebSocket-Extensions: ${P}`],
    [true, `${P}; unknown`],
    [true, `${P}; server_no_context_takeover; server_no_context_takeover`],
    [true, `${P}; server_max_window_bits=16`],
    [true, `${P};`],
    [{ serverNoContextTakeover: true }, P],
    [{ clientMaxWindowBits: 9 }, `${P}; client_max_window_bits=10`],
  ])('client %j, %j: the handshake fails', async (wanted, field) =>
    expect(await answered(wanted, `Sec-WebSocket-Extensions: ${field}\r\n`)).toBe('UnexpectedExtension'),
  )
})

describe('an offer', () => {
  const P = 'permessage-deflate'
  test.each<[DeflateOptions | boolean, string, string]>([
    [true, `${P}; unknown`, ''],
    [true, `${P}; server_max_window_bits=7`, ''],
    [true, `${P}; client_max_window_bits; client_max_window_bits`, ''],
    [true, 'x-webkit-deflate-frame', ''],
    [{ clientMaxWindowBits: 9 }, P, ''],
    [OFF, P, ''],
    [true, `x, ${P}; unknown, ${P}; server_max_window_bits=9, ${P}`, `${P}; server_max_window_bits=9`],
    [true, `${P}; client_no_context_takeover`, `${P}; client_no_context_takeover`],
  ])('server %j, %j: it is open, with %j', async (spoken, field, extensions) => {
    const world = makeWorld()
    const [end, other] = memoryPair({ clock: world.clock })
    const peer = new RawPeer(other)
    const opening = world.Stream.accept(end, { perMessageDeflate: spoken })
    peer.send(head([...goodRequest, `Sec-WebSocket-Extensions: ${field}`]))
    await world.settle()
    const ws = await opening
    expect(ws.extensions).toBe(extensions)
    expect(/^Sec-WebSocket-Extensions: (.*)\r$/m.exec(peer.text)?.[1] ?? '').toBe(extensions)
    peer.forget()
    ws.sendText('x'.repeat(2_000))
    await world.settle()
    expect(peer.received.length < 200).toBe(extensions !== '')
    ws.destroy()
  })
})

describe('what is compressed', () => {
  test.each([
    ['é'.repeat(512), true],
    [`${'é'.repeat(511)}x`, false],
  ])('the threshold is one of bytes (case %#)', async (text, expected) => {
    const { client, server } = await openPair(makeWorld(), { connect: { perMessageDeflate: true }, accept: { perMessageDeflate: true } })
    const [came, wire] = await received(client, server, () => client.sendText(text))
    expect([came, wire < 1_000]).toEqual([text, expected])
    client.destroy()
    server.destroy()
  })

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

  test.each([341, 342, 1_023, 1_024, 5_000])('a text of %i characters is encoded once, into linear memory', async (length) => {
    const { client, server } = await openPair(makeWorld(), { connect: { perMessageDeflate: true }, accept: { perMessageDeflate: true } })
    const text = 'é'.repeat(length)
    const once = vi.spyOn(TextEncoder.prototype, 'encodeInto')
    const onHeap = vi.spyOn(TextEncoder.prototype, 'encode')
    try {
      for (const compress of [undefined, true, false]) {
        once.mockClear()
        client.sendText(text, { compress })
        expect([once.mock.calls.length, onHeap.mock.calls.length]).toEqual([1, 0])
        expect((await server.recv())?.text).toBe(text)
      }
    } finally {
      once.mockRestore()
      onHeap.mockRestore()
    }
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

test('after our own close, what is dropped is not inflated', async () => {
  const world = makeWorld()
  const { ws, peer } = await openClientTo(world, { perMessageDeflate: true }, {}, 'Sec-WebSocket-Extensions: permessage-deflate\r\n')
  const closed = ws.close()
  // Inflating any of it would find that it is broken.
  const broken = Uint8Array.of(0xc1, 2, 7, 0)
  peer.send(broken)
  await world.settle()
  peer.send(Buffer.concat([broken, Uint8Array.of(0x41, 2, 7, 0), Uint8Array.of(0x80, 0, 0x88, 2, 3, 0xe9)]))
  await world.settle()
  peer.end.end()
  expect(await closed).toEqual({ code: 1001, reason: '', wasClean: true, error: null })
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
