import { constants, deflateRawSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { CODEC_TEXT } from '../../../../src/codec/binary.ts'
import { DEFLATE_TEXT } from '../../../../src/codec/deflate/binary.ts'
import { Codec } from '../../../../src/codec/memory.ts'
import { type TextDecoding, webTextDecoding } from '../../../../src/codec/text.ts'
import type { FrameReader } from '../../../../src/codec/ws/frame-reader.ts'
import { MessageInflater } from '../../../../src/codec/ws/message-inflater.ts'
import { CompressionError } from '../../../../src/errors.ts'
import { deflatedEnds, makeCodec, ZlibMessages } from '../../../helpers/deflated.ts'
import { mostOnTheWire } from '../../../reference/decoder.ts'
import { concat, frame, hex, utf8 } from '../../../reference/frames.ts'

const RSV1 = 4

/** Messages as `kind text wireLength`, and the error's code at the end. */
function feed(reader: FrameReader, ...chunks: Uint8Array[]): string[] {
  const lines: string[] = []
  for (const chunk of chunks) {
    reader.read(chunk)
    for (let m = reader.next(); m !== null; m = reader.next()) lines.push(`${m.kind} ${m.text} ${m.wireLength}`)
  }
  if (reader.error !== null) lines.push(`${reader.error.code} ${reader.error.closeCode}`)
  return lines
}

const open = (options = {}): FrameReader => deflatedEnds(15, false, options).reader
const message = (text: string | Uint8Array, zlib = new ZlibMessages(), opcode = 1): Uint8Array =>
  frame({ rsv: RSV1, opcode, payload: zlib.compress(typeof text === 'string' ? utf8(text) : text) })

describe('the examples of RFC 7692 section 7.2.3', () => {
  test.each<[string, string, string[]]>([
    ['one block', 'c1 07 f2 48 cd c9 c9 07 00', ['text Hello 7']],
    ['in two fragments', '41 03 f2 48 cd 80 04 c9 c9 07 00', ['text Hello 7']],
    ['with takeover', 'c1 07 f2 48 cd c9 c9 07 00 c1 05 f2 00 11 00 00', ['text Hello 7', 'text Hello 5']],
    ['a block without compression', 'c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00', ['text Hello 11']],
    ['a block that says it is the last', 'c1 08 f3 48 cd c9 c9 07 00 00', ['text Hello 8']],
    ['two blocks', 'c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00', ['text Hello 13']],
    ['an empty message', 'c1 01 00', ['text  1']],
    [
      'a message that is not compressed, in between',
      'c1 07 f2 48 cd c9 c9 07 00 81 01 61 c1 05 f2 00 11 00 00',
      ['text Hello 7', 'text a 1', 'text Hello 5'],
    ],
    ['control frames in between', '41 03 f2 48 cd 89 01 70 80 04 c9 c9 07 00 8a 00', ['ping p 1', 'text Hello 7', 'pong  0']],
    ['an empty last fragment', '41 07 f2 48 cd c9 c9 07 00 80 00', ['text Hello 7']],
    ['a fragment of one byte each', '42 01 f2 00 01 48 00 01 cd 00 01 c9 00 01 c9 00 01 07 80 01 00', ['binary Hello 7']],
  ])('%s', (_, bytes, expected) => {
    const all = hex(bytes)
    expect(feed(open(), all)).toEqual(expected)
    expect(feed(open(), ...Array.from(all, (byte) => Uint8Array.of(byte)))).toEqual(expected)
    for (let at = 1; at < all.length; at++) expect(feed(open(), all.subarray(0, at), all.subarray(at)), `cut at ${at}`).toEqual(expected)
  })
})

describe('reserved bits', () => {
  test.each([
    ['RSV1 on a continuation', '41 03 f2 48 cd c0 04 c9 c9 07 00'],
    ['RSV1 on a continuation of a plain message', '01 01 61 c0 01 61'],
    ['RSV1 on a ping', 'c9 00'],
    ['RSV1 on a close', 'c8 00'],
    ['RSV1 on an opcode that is none', 'c3 00'],
    ['RSV2', 'a1 00'],
    ['RSV1 and RSV3', 'd1 00'],
  ])('%s is refused', (_, bytes) => expect(feed(open(), hex(bytes))).toEqual(['ReservedBitsSet 1002']))
  test('RSV1 is refused where compression was not negotiated, and again after a reset', () => {
    const { reader } = deflatedEnds()
    reader.reset()
    expect(feed(reader, hex('c1 07 f2 48 cd c9 c9 07 00'))).toEqual(['ReservedBitsSet 1002'])
  })
})

describe('failures', () => {
  test.each([
    ['a block of type 3', 'c1 02 07 00', 'InvalidCompressedData 1007'],
    ['a match before the data', 'c1 05 f2 00 11 00 00', 'InvalidCompressedData 1007'],
    ['no empty block at the end', 'c1 06 f2 48 cd c9 c9 07', 'InvalidCompressedData 1007'],
    ['nothing at all', 'c1 00', 'InvalidCompressedData 1007'],
  ])('%s', (_, bytes, expected) => {
    const reader = open()
    expect(feed(reader, concat(hex('81 01 61'), hex(bytes), hex('81 01 62 88 00')))).toEqual(['text a 1', expected])
    expect(reader.error?.cause).toBeInstanceOf(CompressionError)
    // Nothing counts after it.
    expect(feed(reader, hex('81 01 63'))).toEqual([expected])
    expect([reader.isMidMessage, reader.isDrained, reader.isClosed]).toEqual([false, true, false])
  })
  test('UTF-8 is judged as it comes out, at the first wrong byte', () => {
    const zlib = new ZlibMessages()
    const [first, second] = [zlib.compress(concat(utf8('ab'), Uint8Array.of(0xe2, 0x82))), zlib.compress(Uint8Array.of(0x28))]
    const reader = open()
    const tail = Uint8Array.of(0, 0, 0xff, 0xff)
    expect(feed(reader, frame({ fin: false, rsv: RSV1, opcode: 1, payload: concat(first, tail) }))).toEqual([])
    expect(feed(reader, frame({ fin: false, opcode: 0, payload: concat(second, tail) }))).toEqual(['InvalidUtf8 1007'])
  })
  test('a text that ends inside a character is refused, a binary message is not', () => {
    expect(feed(open(), message(Uint8Array.of(0xc3)))).toEqual(['InvalidUtf8 1007'])
    expect(feed(open(), message(Uint8Array.of(0xc3), undefined, 2))).toEqual(['binary \ufffd 3'])
  })
  test.each([
    [99, 'MessageTooLarge'],
    [100, 'text'],
    [101, 'text'],
  ])('of a message of 100 bytes, maxMessageSize %i gives %s', (maxMessageSize, expected) => {
    for (const text of ['x'.repeat(100), 'é'.repeat(50)]) {
      expect(feed(open({ maxMessageSize }), message(text))[0]?.split(' ')[0]).toBe(expected)
      // In two fragments, at each place.
      const payload = new ZlibMessages().compress(utf8(text))
      for (let at = 0; at <= payload.length; at++) {
        const fragments = [
          frame({ fin: false, rsv: RSV1, opcode: 1, payload: payload.subarray(0, at) }),
          frame({ opcode: 0, payload: payload.subarray(at) }),
        ]
        expect(feed(open({ maxMessageSize }), ...fragments)[0]?.split(' ')[0]).toBe(expected)
      }
    }
  })
  test('the limit is that of what comes out: an incompressible message of exactly the limit passes, a bomb is stopped where it is passed', () => {
    const noise = Uint8Array.from({ length: 70_000 }, (_, i) => ((i * 2_654_435_761) >>> 13) & 255)
    const payload = new ZlibMessages({ level: 0 }).compress(noise)
    expect(payload.length).toBeGreaterThan(noise.length)
    const limits = { maxMessageSize: noise.length, bufferCapacity: 128 * 1024 }
    const reader = open({ ...limits, maxFrameSize: noise.length })
    reader.read(frame({ rsv: RSV1, opcode: 2, payload }))
    expect(reader.next()?.length).toBe(noise.length)
    // A limit of frames that is less than that of messages means frames as they are on the wire.
    const strict = open({ ...limits, maxFrameSize: noise.length - 1 })
    strict.read(frame({ rsv: RSV1, opcode: 2, payload }))
    expect(strict.next()).toBe(null)
    expect(strict.error).toMatchObject({ code: 'PayloadTooLarge', detail: { size: payload.length, max: noise.length - 1 } })
    const bomb = new ZlibMessages().compress(new Uint8Array(64 * 1024 * 1024))
    const other = open({ maxMessageSize: 100_000, bufferCapacity: 128 * 1024 })
    other.read(frame({ rsv: RSV1, opcode: 2, payload: bomb }))
    expect(other.next()).toBe(null)
    expect(other.error).toMatchObject({ code: 'MessageTooLarge', closeCode: 1009, detail: { accumulated: 100_001, max: 100_000 } })
  })
})

test('2^31 zeros cost maxMessageSize', () => {
  const million = deflateRawSync(new Uint8Array(1 << 20), { finishFlush: constants.Z_FULL_FLUSH })
  const payload = concat(...new Array<Uint8Array>(2_048).fill(million))
  const reader = open({ maxMessageSize: 4 << 20 })
  let fed = 0
  for (const bytes = frame({ rsv: RSV1, opcode: 2, payload }); reader.error === null && fed < bytes.length; fed += 50_000) {
    reader.read(bytes.subarray(fed, fed + 50_000))
    expect(reader.next()).toBe(null)
  }
  expect(reader.error).toMatchObject({ code: 'MessageTooLarge', detail: { accumulated: (4 << 20) + 1, max: 4 << 20 } })
  expect(fed).toBeLessThan(100_000)
})

describe('the bytes of a message on the wire are limited, too: a peer can send empty blocks for ever', () => {
  const MOST = mostOnTheWire(100)
  /** A message of so many bytes that stands for four at the most: stored blocks, all but the first of them empty. */
  function hollow(bytes: number): Uint8Array {
    const size = (bytes - 6) % 5
    const empty = new Array<Uint8Array>((bytes - 6 - size) / 5).fill(hex('00 00 00 ff ff'))
    return concat(Uint8Array.of(0, size, 0, 255 - size, 255), utf8('abcd').subarray(0, size), ...empty, hex('00'))
  }
  const whole = (payload: Uint8Array): Uint8Array => frame({ rsv: RSV1, opcode: 1, payload })
  const cut = (payload: Uint8Array): Uint8Array =>
    concat(
      ...Array.from({ length: Math.ceil(payload.length / 7) }, (_, i) =>
        frame({ fin: 7 * i + 7 >= payload.length, rsv: i === 0 ? RSV1 : 0, opcode: i === 0 ? 1 : 0, payload: payload.subarray(7 * i, 7 * i + 7) }),
      ),
    )
  test.each([
    ['in one frame, and frames are limited like messages', whole, 100, 'PayloadTooLarge', { size: MOST + 1, max: 100 }],
    ['in one frame', whole, 1_000, 'MessageTooLarge', { accumulated: MOST + 1, max: 100 }],
    ['in fragments', cut, 100, 'MessageTooLarge', { accumulated: MOST + 1, max: 100 }],
  ] as const)('%s', (_, framed, maxFrameSize, code, detail) => {
    for (const bytes of [MOST - 1, MOST]) {
      const text = 'abcd'.slice(0, (bytes - 6) % 5)
      expect(feed(open({ maxMessageSize: 100, maxFrameSize }), framed(hollow(bytes)))).toEqual([`text ${text} ${bytes}`])
    }
    const reader = open({ maxMessageSize: 100, maxFrameSize })
    expect(feed(reader, framed(hollow(MOST + 1)))).toEqual([`${code} 1009`])
    expect(reader.error?.detail).toEqual(detail)
  })
  test('empty fragments count as a byte each', () => {
    const frames = (count: number): Uint8Array =>
      concat(frame({ fin: false, rsv: RSV1, opcode: 1, payload: hollow(6) }), ...new Array<Uint8Array>(count).fill(hex('00 00')), hex('80 00'))
    expect(feed(open({ maxMessageSize: 100 }), frames(MOST - 7))).toEqual(['text  6'])
    expect(feed(open({ maxMessageSize: 100 }), frames(MOST - 6))).toEqual(['MessageTooLarge 1009'])
  })
  test('a frame that is not compressed is limited as it is elsewhere', () => {
    const limits = { maxMessageSize: 100, maxFrameSize: 100 }
    expect(feed(open(limits), frame({ opcode: 2, payload: new Uint8Array(101) }))).toEqual(['PayloadTooLarge 1009'])
    expect(feed(open(limits), hex('01 00'), frame({ opcode: 0, payload: new Uint8Array(101) }))).toEqual(['PayloadTooLarge 1009'])
  })
})

describe('the text of a compressed message', () => {
  test.each([
    ['in place', 'x'.repeat(500)],
    ['on the heap', 'x'.repeat(100_000)],
  ])('%s: ASCII is decoded as such, everything else as UTF-8', (_, text) => {
    const used: string[] = []
    const { latin1, utf8: decode } = webTextDecoding()
    const decoding: TextDecoding = {
      latin1: (...bytes) => {
        used.push('latin1')
        return latin1(...bytes)
      },
      utf8: (...bytes) => {
        used.push('utf8')
        return decode(...bytes)
      },
    }
    const { reader } = deflatedEnds(15, false, {}, makeCodec().decodeWith(decoding))
    for (const [each, opcode] of [
      [text, 1],
      [`${text}é`, 1],
      [text, 2],
    ] as const) {
      reader.read(message(each, undefined, opcode))
      expect(reader.next()?.text === each).toBe(true)
    }
    expect(used).toEqual(['latin1', 'utf8', 'utf8'])
    // Other kinds are no text, and what is in them is not known.
    reader.read(message(Uint8Array.of(0xc3), undefined, 2))
    expect(reader.next()?.text).toBe('\ufffd')
  })
})

test('a compressed message is borrowed as others are: the next one makes it stale, also when it is only looked for', () => {
  const reader = open()
  const zlib = new ZlibMessages()
  reader.read(concat(message('first', zlib), message('second', zlib)))
  const first = reader.next()
  expect([first?.text, first?.length, first?.getUint8(0)]).toEqual(['first', 5, 102])
  const owned = first?.toOwned()
  expect([owned?.text, owned?.length]).toEqual(['first', 5])
  expect(owned?.wireLength).toBe(first?.wireLength)
  expect(reader.poll()).toBe(true)
  expect(() => first?.text).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
  expect(reader.poll()).toBe(true)
  expect(reader.next()?.text).toBe('second')
})

test.each([8, 9, 12, 15])('messages of every length pass through an area of %i bits, with takeover and without', (windowBits) => {
  for (const noContextTakeover of [false, true]) {
    const { reader } = deflatedEnds(windowBits, noContextTakeover, { bufferCapacity: 512 * 1024 })
    let zlib = new ZlibMessages({ windowBits: Math.max(9, windowBits) })
    for (let length = 0; length < 300_000; length = Math.ceil(length * 1.7) + 1) {
      if (noContextTakeover) zlib = new ZlibMessages({ windowBits: Math.max(9, windowBits) })
      const text = Array.from({ length: Math.ceil(length / 8) }, (_, i) => `é${(i * 7_919) % 997},`)
        .join('')
        .slice(0, length)
      reader.read(message(text, zlib))
      expect(reader.next()?.text === text, `${length}`).toBe(true)
    }
    expect(reader.error).toBe(null)
  }
})

describe('what is not inflated yet', () => {
  const close = hex('88 02 03 e8')

  test('hides a close frame behind it, which does not count if it is broken', () => {
    const reader = open()
    reader.read(concat(message('good'), hex('c1 02 07 00'), close))
    expect(reader.poll()).toBe(true)
    expect(reader.closeAhead).toBe(undefined)
    expect(reader.next()?.text).toBe('good')
    expect(reader.next()).toBe(null)
    expect([reader.closeAhead, reader.error?.code]).toEqual([null, 'InvalidCompressedData'])
  })

  test('… and the close frame is seen once there is nothing of it', () => {
    const reader = open()
    reader.read(concat(message('good'), close))
    reader.poll()
    expect(reader.closeAhead).toEqual({ code: 1000, reason: '' })
  })
})

test('a message that was put together is stale as soon as another one is, compressed or not', () => {
  const reader = open()
  const first = new Uint8Array(100_000).fill(65)
  reader.read(concat(message(first), hex('01 03 42 42 42 80 01 43')))
  const held = reader.next()
  expect(held?.length).toBe(first.length)
  expect(reader.poll()).toBe(true)
  expect(() => held?.text).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
})

describe('memory', () => {
  /** Connections of one codec whose inflaters have a pattern where nobody has written yet. */
  function connections(
    count: number,
    windowBits: number,
    noContextTakeover: boolean,
  ): { readers: FrameReader[]; written: () => number[]; used: () => number } {
    const codec = makeCodec()
    const own = Array.from({ length: count }, () => {
      const { reader, inflating } = deflatedEnds(windowBits, noContextTakeover, { bufferCapacity: 8_192 }, codec)
      const { u8 } = reader
      u8.fill(0xa5, inflating, inflating + MessageInflater.regionBytes(windowBits))
      return { reader, part: () => u8.subarray(inflating, inflating + MessageInflater.regionBytes(windowBits)) }
    })
    const region = codec.region(64)
    return {
      readers: own.map(({ reader }) => reader),
      written: () => own.map(({ part }) => part().reduce((sum, byte) => sum + (byte === 0xa5 ? 0 : 1), 0)),
      used: () => (region.memory as unknown as { used: number }).used,
    }
  }
  const text = Array.from({ length: 600 }, (_, i) => `["${(i * 7_919) % 9_973}","0.${(i * 104_729) % 99_991}"]`).join(',')

  test.each([9, 10, 11, 12, 13, 14, 15])('for receiving with takeover and %i bits: the window, as much again, and its state', (windowBits) => {
    const { readers, written } = connections(1, windowBits, false)
    const zlib = new ZlibMessages({ windowBits })
    for (let i = 0; i < 20; i++) expect(feed(readers[0] as FrameReader, message(text, zlib))).toHaveLength(1)
    expect(MessageInflater.regionBytes(windowBits)).toBeLessThanOrEqual(512 + Math.max(2 << windowBits, (1 << windowBits) + 8_192))
    expect(MessageInflater.regionBytes(15)).toBeLessThanOrEqual(72 * 1024)
    expect(written()[0]).toBeLessThanOrEqual(MessageInflater.regionBytes(windowBits))
  })

  test('without takeover, it is borrowed for as long as a message is under way or held', () => {
    const { readers, written, used } = connections(12, 15, true)
    const before = used()
    const payload = new ZlibMessages().compress(utf8(text))
    const [first, second] = [
      frame({ fin: false, rsv: RSV1, opcode: 1, payload: payload.subarray(0, 900) }),
      frame({ opcode: 0, payload: payload.subarray(900) }),
    ]
    for (const reader of readers) expect(feed(reader, message(text), concat(first, second), message('x'.repeat(200_000)))).toHaveLength(3)
    expect(used()).toBe(before)
    // Two at a time: one that is half there, and one that is held.
    const [one, other] = readers as [FrameReader, FrameReader]
    one.read(first)
    expect(one.poll()).toBe(false)
    other.read(message('held'))
    const held = other.next()
    expect(used()).toBe(before + 2 * 65_536)
    one.read(second)
    expect(one.next()?.text).toBe(text)
    expect(held?.text).toBe('held')
    expect([one.next(), used()]).toEqual([null, before + 65_536])
    expect([other.next(), used()]).toEqual([null, before])
    expect(Math.max(...written())).toBeLessThanOrEqual(1_024)
  })

  test('without takeover, what was borrowed goes back when the reader is reset, or gone', () => {
    const { readers, used } = connections(1, 15, true)
    const before = used()
    const [reader] = readers as [FrameReader]
    reader.read(message('held'))
    expect(reader.next()?.text).toBe('held')
    expect(used()).toBe(before + 65_536)
    reader.reset()
    expect(used()).toBe(before)
  })

  test('without takeover, where the memory is full the connection has an area of its own', () => {
    const { readers, written, used } = connections(1, 15, true)
    const [reader] = readers as [FrameReader]
    const codec = reader.codec
    for (let bytes = 4 * 1024 * 1024; bytes >= 64; bytes /= 2) {
      while (codec.region(bytes).memory.u8 === reader.u8);
    }
    const before = used()
    expect(feed(reader, message(text), message('again'))).toHaveLength(2)
    expect(used()).toBe(before)
    expect(written()[0]).toBeGreaterThan(10_000)
  })

  test('10,000 connections that have agreed on it and got nothing compressed have taken none', () => {
    let asked = 0
    const codec = new Codec(
      () => CODEC_TEXT,
      webTextDecoding(),
      undefined,
      () => {
        asked++
        return DEFLATE_TEXT
      },
    )
    for (let i = 0; i < 10_000; i++) {
      const { reader, writer } = deflatedEnds(15, i % 2 === 0, { bufferCapacity: 256 }, codec)
      reader.read(hex('81 01 61'))
      expect(reader.next()?.length).toBe(1)
      expect(writer.encodeText('a')).toBe(true)
      writer.advance(writer.length)
    }
    // The only code that writes there was not even compiled.
    expect(asked).toBe(0)
  })
})
