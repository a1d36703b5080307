import { describe, expect, test } from 'vitest'
import type { FrameReader } from '../../../../src/codec/ws/frame-reader.ts'
import { CompressionError } from '../../../../src/errors.ts'
import { deflatedEnds, ZlibMessages } from '../../../helpers/deflated.ts'
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
    expect(strict.error?.code).toBe('PayloadTooLarge')
    const bomb = new ZlibMessages().compress(new Uint8Array(64 * 1024 * 1024))
    const other = open({ maxMessageSize: 100_000, bufferCapacity: 128 * 1024 })
    other.read(frame({ rsv: RSV1, opcode: 2, payload: bomb }))
    expect(other.next()).toBe(null)
    expect(other.error).toMatchObject({ code: 'MessageTooLarge', closeCode: 1009, detail: { accumulated: 100_001, max: 100_000 } })
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
