import { describe, expect, test } from 'vitest'
import { CODEC_TEXT } from '../../../../src/codec/binary.ts'
import { Codec } from '../../../../src/codec/memory.ts'
import { webTextDecoding } from '../../../../src/codec/text.ts'
import { FrameReader } from '../../../../src/codec/ws/frame-reader.ts'
import { closePayload, FrameWriter, type FrameWriterOptions } from '../../../../src/codec/ws/frame-writer.ts'
import { MaskKeys } from '../../../../src/codec/ws/mask-keys.ts'
import { FrameWriter as JudgedFrameWriter } from '../../../../src/entry/codec.ts'
import { EncodeError, UsageError } from '../../../../src/errors.ts'
import { decode } from '../../../reference/decoder.ts'
import { concat, frame, hex, toHex, utf8 } from '../../../reference/frames.ts'
import { Random } from '../../../reference/random.ts'

const codec = new Codec(() => CODEC_TEXT, webTextDecoding())

/** The key of the RFC's examples, always. */
const exampleKeys = (): MaskKeys =>
  new MaskKeys((bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = [0x37, 0xfa, 0x21, 0x3d][i % 4] as number
  })

const server = (options: FrameWriterOptions = {}): FrameWriter => new FrameWriter(codec, { role: 'server', ...options })
const client = (options: FrameWriterOptions = {}): FrameWriter => new FrameWriter(codec, { role: 'client', maskKeys: exampleKeys(), ...options })

/** Everything that is encoded, taken out. */
function take(writer: FrameWriter): Uint8Array {
  const bytes = writer.data().slice()
  writer.advance(bytes.length)
  return bytes
}

function thrown(action: () => unknown): EncodeError {
  try {
    action()
  } catch (error) {
    if (error instanceof EncodeError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('a server sends', () => {
  test.each([
    ['text', (w: FrameWriter) => w.encodeText('Hello'), '81 05 48 65 6c 6c 6f'],
    ['empty text', (w: FrameWriter) => w.encodeText(''), '81 00'],
    ['text that is not ASCII', (w: FrameWriter) => w.encodeText('é€😀'), '81 09 c3 a9 e2 82 ac f0 9f 98 80'],
    ['a lone surrogate as U+FFFD', (w: FrameWriter) => w.encodeText('a\ud800'), '81 04 61 ef bf bd'],
    ['binary', (w: FrameWriter) => w.encodeBinary(hex('00 ff')), '82 02 00 ff'],
    ['empty binary', (w: FrameWriter) => w.encodeBinary(new Uint8Array(0)), '82 00'],
    ['ping', (w: FrameWriter) => w.encodePing(hex('01')), '89 01 01'],
    ['empty ping', (w: FrameWriter) => w.encodePing(), '89 00'],
    ['pong', (w: FrameWriter) => w.encodePong(hex('01')), '8a 01 01'],
    ['empty pong', (w: FrameWriter) => w.encodePong(), '8a 00'],
    ['close with reason', (w: FrameWriter) => w.encodeClose(1000, 'bye'), '88 05 03 e8 62 79 65'],
    ['close with code', (w: FrameWriter) => w.encodeClose(4999), '88 02 13 87'],
    ['close with NoStatus as an empty frame, without the reason', (w: FrameWriter) => w.encodeClose(1005, 'lost'), '88 00'],
    ['what a callback writes', (w: FrameWriter) => w.encodeWith('binary', 3, (p) => p.set([1, 2, 3])), '82 03 01 02 03'],
    ['text that a callback writes', (w: FrameWriter) => w.encodeWith('text', 2, (p) => p.set([0x68, 0x69])), '81 02 68 69'],
  ])('%s', (_, encode, expected) => {
    const writer = server()
    expect(encode(writer)).toBe(true)
    expect(toHex(writer.data())).toBe(expected)
  })
})

describe('a client sends', () => {
  test('the masked text of the RFC’s example, with its key', () => {
    const writer = client()
    writer.encodeText('Hello')
    expect(toHex(writer.data())).toBe('81 85 37 fa 21 3d 7f 9f 4d 51 58')
  })
  test('the masked ping of the RFC’s example', () => {
    const writer = client()
    writer.encodePong(utf8('Hello'))
    expect(toHex(writer.data())).toBe('8a 85 37 fa 21 3d 7f 9f 4d 51 58')
  })
  test('an empty frame with a key all the same', () => {
    const writer = client()
    writer.encodeBinary(new Uint8Array(0))
    expect(toHex(writer.data())).toBe('82 80 37 fa 21 3d')
  })
  test('an empty close with a key', () => {
    const writer = client()
    writer.encodeClose(1005)
    expect(toHex(writer.data())).toBe('88 80 37 fa 21 3d')
  })
  test('the same bytes for the same random source, and a new key for every frame', () => {
    const run = (seed: number): Uint8Array => {
      const random = new Random(seed)
      const writer = client({ maskKeys: new MaskKeys((bytes) => bytes.set(random.bytes(bytes.length))) })
      for (let i = 0; i < 50; i++) writer.encodeText('same text')
      return take(writer)
    }
    expect(run(1)).toEqual(run(1))
    expect(run(2)).not.toEqual(run(1))
    const bytes = run(1)
    const keys = Array.from({ length: 50 }, (_, i) => toHex(bytes.subarray(i * 15 + 2, i * 15 + 6)))
    expect(new Set(keys).size).toBe(50)
  })
  test('by default with keys from the platform', () => {
    const writer = new FrameWriter(codec)
    expect(writer.role).toBe('client')
    for (let i = 0; i < 20; i++) writer.encodeBinary(new Uint8Array(4))
    const bytes = take(writer)
    expect(new Set(Array.from({ length: 20 }, (_, i) => toHex(bytes.subarray(i * 10 + 2, i * 10 + 6)))).size).toBe(20)
  })
  test('does not change the bytes that it was given', () => {
    const payload = new Uint8Array(300).fill(7)
    client().encodeBinary(payload)
    expect(payload).toEqual(new Uint8Array(300).fill(7))
  })
})

describe.each(['client', 'server'] as const)('as %s', (role) => {
  const open = (options: FrameWriterOptions = {}): FrameWriter => (role === 'client' ? client(options) : server(options))
  const peer = role === 'client' ? 'server' : 'client'
  const key = role === 'client' ? [0x37, 0xfa, 0x21, 0x3d] : undefined

  test.each([0, 1, 2, 3, 15, 16, 17, 124, 125, 126, 127, 255, 256, 65_534, 65_535, 65_536, 65_537, 100_000])(
    'a binary payload of %i bytes is one frame with the shortest length, through every encoder',
    (length) => {
      const payload = new Random(length).bytes(length)
      const expected = frame({ opcode: 2, payload, key })
      const writer = open({ writeBufferCapacity: 256 * 1024 })
      expect(writer.encodeBinary(payload)).toBe(true)
      expect(Buffer.compare(take(writer), expected)).toBe(0)
      expect(writer.encodeWith('binary', length, (p) => p.set(payload))).toBe(true)
      expect(Buffer.compare(take(writer), expected)).toBe(0)
      expect(Buffer.compare(writer.encodeDetached('binary', payload), expected)).toBe(0)
      expect(writer.encodedLength(length)).toBe(expected.length)
      expect(writer.length).toBe(0)
    },
  )

  test.each([0, 5, 125, 126, 5_461, 5_462, 16_384, 16_385, 65_535, 65_536])('a text of %i characters, ASCII or three bytes each', (length) => {
    const writer = open({ writeBufferCapacity: 256 * 1024 })
    for (const character of ['a', '€']) {
      const payload = utf8(character.repeat(length))
      expect(writer.encodeText(character.repeat(length))).toBe(true)
      expect(Buffer.compare(take(writer), frame({ opcode: 1, payload, key }))).toBe(0)
    }
  })

  test('what it writes, the peer’s reader reads: close codes, reasons, kinds', () => {
    const writer = open()
    writer.encodeText('é')
    writer.encodeBinary(hex('01 02'))
    writer.encodePing(hex('03'))
    writer.encodePong(hex('04'))
    writer.encodeClose(3001, 'warum')
    const reader = new FrameReader(codec, { role: peer, bufferCapacity: 1_024 })
    reader.read(take(writer))
    const seen: unknown[] = []
    for (let m = reader.next(); m !== null; m = reader.next()) seen.push([m.kind, m.text, m.closeCode])
    expect(seen).toEqual([
      ['text', 'é', null],
      ['binary', '\x01\x02', null],
      ['ping', '\x03', null],
      ['pong', '\x04', null],
      ['close', 'warum', 3001],
    ])
  })

  test('frames follow one another until there is no room, and then nothing is written', () => {
    const writer = open({ writeBufferCapacity: 256 })
    const payload = new Uint8Array(20).fill(0x61)
    let frames = 0
    while (writer.encodeBinary(payload)) frames++
    expect(frames).toBeGreaterThan(5)
    const before = writer.data().slice()
    expect(writer.encodeBinary(payload)).toBe(false)
    expect(writer.encodeText('a'.repeat(20))).toBe(false)
    expect(writer.encodeWith('text', 20, () => expect.unreachable())).toBe(false)
    expect(writer.encodePing(payload)).toBe(false)
    expect(writer.data()).toEqual(before)
    expect(decode(before, { role: peer }).events).toHaveLength(frames)
  })

  test('room is the largest payload that fits: as much passes, one more does not', () => {
    const writer = open({ writeBufferCapacity: 256 })
    for (const encode of [
      (n: number) => writer.encodeBinary(new Uint8Array(n)),
      (n: number) => writer.encodeText('a'.repeat(n)),
      (n: number) => writer.encodeWith('binary', n, () => {}),
    ]) {
      writer.reset()
      const { room } = writer
      expect(encode(room + 1)).toBe(false)
      expect(writer.length).toBe(0)
      expect(encode(room)).toBe(true)
      expect(writer.length).toBe(writer.encodedLength(room))
      expect(writer.room).toBeLessThan(14)
    }
  })

  test('never writes outside its own memory', () => {
    const own = new Codec(() => CODEC_TEXT, webTextDecoding())
    const before = new FrameWriter(own, { role, writeBufferCapacity: 256 })
    const writer = new FrameWriter(own, { role, writeBufferCapacity: 256 })
    const after = own.region(256)
    before.encodeBinary(new Uint8Array(200).fill(1))
    const kept = before.data().slice()
    after.memory.u8.fill(0x5a, after.start, after.start + 256)
    for (let n = 0; n < 300; n++) {
      writer.encodeBinary(new Uint8Array(n).fill(0xff))
      writer.encodeText('ÿ'.repeat(n))
      writer.encodeWith('text', n, (p) => p.fill(0xff))
      if (n % 3 === 0) writer.reset()
    }
    expect(before.data()).toEqual(kept)
    expect(after.memory.u8.subarray(after.start, after.start + 256).every((byte) => byte === 0x5a)).toBe(true)
  })

  // The original panicked.
  test('a payload larger than the buffer is refused, not fatal, and can still be sent detached', () => {
    const writer = open({ writeBufferCapacity: 256 })
    const payload = new Random(1).bytes(300_000)
    expect(writer.encodeBinary(payload)).toBe(false)
    expect(writer.encodeText('x'.repeat(300_000))).toBe(false)
    expect(writer.length).toBe(0)
    const detached = writer.encodeDetached('binary', payload)
    expect(Buffer.compare(detached, frame({ opcode: 2, payload, key }))).toBe(0)
    expect(writer.encodeText('still works')).toBe(true)
  })

  test('a detached frame leaves what is encoded alone', () => {
    const writer = open()
    writer.encodeText('first')
    const before = writer.data().slice()
    writer.encodeDetached('text', utf8('x'.repeat(100_000)))
    expect(writer.data()).toEqual(before)
  })
})

describe('control payloads', () => {
  test.each([0, 124, 125])('%i bytes pass', (length) => {
    const writer = server()
    expect(writer.encodePing(new Uint8Array(length))).toBe(true)
    expect(writer.encodePong(new Uint8Array(length))).toBe(true)
  })
  test.each([126, 127, 70_000])('%i bytes are refused with the numbers', (length) => {
    const writer = server()
    for (const encode of [() => writer.encodePing(new Uint8Array(length)), () => writer.encodePong(new Uint8Array(length))]) {
      expect(thrown(encode)).toMatchObject({ code: 'ControlPayloadTooLarge', size: length, max: 125, fault: 'local', name: 'EncodeError' })
    }
    expect(writer.length).toBe(0)
  })
  test('a reason of 122 and 123 bytes passes, one of 124 is refused', () => {
    const writer = server()
    expect(writer.encodeClose(1000, 'x'.repeat(122))).toBe(true)
    expect(writer.encodeClose(1000, 'x'.repeat(123))).toBe(true)
    expect(thrown(() => writer.encodeClose(1000, 'x'.repeat(124)))).toMatchObject({ code: 'ControlPayloadTooLarge', size: 126 })
    expect(thrown(() => writer.encodeClose(1000, '€'.repeat(42)))).toMatchObject({ code: 'ControlPayloadTooLarge', size: 128 })
  })
})

describe('close codes', () => {
  test('may be sent exactly when a reader accepts them', () => {
    const writer = server()
    const reader = new FrameReader(codec, { role: 'client', bufferCapacity: 256 })
    for (let code = 0; code <= 65_535; code++) {
      if (code === 1005) continue
      reader.reset()
      reader.read(Uint8Array.of(0x88, 2, code >> 8, code & 255))
      const readable = reader.next() !== null
      let sendable = true
      try {
        writer.encodeClose(code)
      } catch (error) {
        expect(error).toMatchObject({ code: 'OutgoingCloseCodeInvalid', size: code })
        sendable = false
      }
      writer.reset()
      if (sendable !== readable) expect.fail(`code ${code}: sendable ${sendable}, readable ${readable}`)
    }
  })
  test.each([-1, 1000.5, Number.NaN, 65_536, 66_536])('%d is refused', (code) => {
    expect(thrown(() => server().encodeClose(code)).code).toBe('OutgoingCloseCodeInvalid')
  })
  test('the payload is the code, big-endian, and the reason', () => {
    expect(toHex(closePayload(1000, 'é'))).toBe('03 e8 c3 a9')
    expect(closePayload(1005, 'x').length).toBe(0)
  })
})

describe('encodeWith', () => {
  test('gives zeroed memory of exactly the length', () => {
    const writer = server()
    writer.encodeBinary(new Uint8Array(200).fill(0xff))
    take(writer)
    writer.encodeWith('binary', 100, (payload) => {
      expect(payload.length).toBe(100)
      expect(payload.every((byte) => byte === 0)).toBe(true)
    })
  })
  test('encodes nothing when the callback throws', () => {
    const writer = client()
    writer.encodeText('a')
    const before = writer.data().slice()
    expect(() =>
      writer.encodeWith('binary', 50, (payload) => {
        payload.fill(1)
        throw new Error('no')
      }),
    ).toThrow('no')
    expect(writer.data()).toEqual(before)
    expect(writer.encodeText('b')).toBe(true)
  })
  test.each([-1, -100, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('a length of %d is refused before anything is written', (length) => {
    const own = new Codec(() => CODEC_TEXT, webTextDecoding())
    const writer = new FrameWriter(own, { maskKeys: exampleKeys() })
    const neighbour = own.region(1_024)
    expect(() => writer.encodeWith('binary', length, () => {})).toThrow(UsageError)
    expect(writer.length).toBe(0)
    expect(neighbour.memory.u8.subarray(neighbour.start, neighbour.start + 1_024).every((byte) => byte === 0)).toBe(true)
  })
})

describe('data and advance', () => {
  test('give the bytes out in any portions, oldest first', () => {
    const writer = server()
    writer.encodeText('Hello')
    writer.encodeText('World')
    const all = writer.data().slice()
    const seen: Uint8Array[] = []
    for (const count of [1, 2, 0, 5, 6]) {
      seen.push(writer.data().slice(0, count))
      writer.advance(count)
    }
    expect(concat(...seen)).toEqual(all)
    expect(writer.length).toBe(0)
    expect(writer.data().length).toBe(0)
  })
  test('a buffer that is drained begins anew; one that is not keeps its order', () => {
    const writer = server({ writeBufferCapacity: 256 })
    const whole = writer.room
    writer.encodeBinary(new Uint8Array(100))
    writer.advance(50)
    expect(writer.room).toBeLessThan(whole - 99)
    writer.encodeBinary(hex('07'))
    expect(toHex(writer.data().subarray(52))).toBe('82 01 07')
    writer.advance(writer.length)
    expect(writer.room).toBe(whole)
  })
  test('data can begin behind bytes that are under way', () => {
    const writer = server()
    writer.encodeText('a')
    const sent = writer.length
    writer.encodeText('b')
    expect(toHex(writer.data(sent))).toBe('81 01 62')
  })
  test.each([-1, 4, Number.NaN])('advance(%d) of 3 bytes is refused', (count) => {
    const writer = server()
    writer.encodeText('a')
    expect(() => writer.advance(count)).toThrow(RangeError)
    expect(writer.length).toBe(3)
  })
  test('reset drops what is encoded', () => {
    const writer = server()
    writer.encodeText('a')
    writer.reset()
    expect(writer.length).toBe(0)
    writer.encodeText('b')
    expect(toHex(writer.data())).toBe('81 01 62')
  })
})

describe('encoded length', () => {
  test.each([
    [0, 2],
    [125, 127],
    [126, 130],
    [65_535, 65_539],
    [65_536, 65_546],
  ])('of %i payload bytes is %i, and 4 more for a client', (payload, length) => {
    expect(server().encodedLength(payload)).toBe(length)
    expect(client().encodedLength(payload)).toBe(length + 4)
  })
})

describe('options and memory', () => {
  test.each([255, 16 * 1024 * 1024 + 1, 1_000.5])('a writeBufferCapacity of %d is refused by name', (writeBufferCapacity) => {
    expect(() => new JudgedFrameWriter({ writeBufferCapacity })).toThrow(/writeBufferCapacity/)
  })
  test('a released writer gives its memory back, once', () => {
    const own = new Codec(() => CODEC_TEXT, webTextDecoding())
    const keep = own.region(64)
    const addresses = Array.from({ length: 3 }, () => {
      const writer = new FrameWriter(own)
      writer.encodeText('a')
      const { byteOffset } = writer.data()
      writer.release()
      writer.release()
      return byteOffset
    })
    expect(new Set(addresses).size).toBe(1)
    keep.release()
  })
})

describe('the end of the write buffer', () => {
  /** A writer whose region is followed by bytes that nobody may touch. */
  function guarded(role: 'client' | 'server', capacity: number): { writer: FrameWriter; untouched: () => boolean } {
    const own = new Codec(() => CODEC_TEXT, webTextDecoding())
    const region = own.region(FrameWriter.regionBytes(capacity) + 4_096)
    const { u8 } = region.memory
    const behind = u8.subarray(region.start + FrameWriter.regionBytes(capacity), region.start + region.bytes).fill(0xa5)
    return { writer: new FrameWriter(own, { role, writeBufferCapacity: capacity }, region), untouched: () => behind.every((byte) => byte === 0xa5) }
  }
  const empties: readonly (readonly [string, (writer: FrameWriter) => boolean])[] = [
    ['text', (writer) => writer.encodeText('')],
    ['UTF-8', (writer) => writer.encodeUtf8(new Uint8Array(0))],
    ['binary', (writer) => writer.encodeBinary(new Uint8Array(0))],
    ['ping', (writer) => writer.encodePing()],
    ['pong', (writer) => writer.encodePong()],
    ['close', (writer) => writer.encodeClose(1005)],
    ['filled', (writer) => writer.encodeWith('binary', 0, () => {})],
  ]
  test.each(['client', 'server'] as const)('is never passed by empty frames of a %s', (role) => {
    for (const [kind, encode] of empties) {
      const { writer, untouched } = guarded(role, 256)
      let taken = 0
      for (let i = 0; i < 400; i++) if (encode(writer)) taken++
      const size = role === 'client' ? 6 : 2
      expect([taken, writer.length], kind).toEqual([Math.ceil((256 - 13) / size), taken * size])
      expect(writer.length, kind).toBeLessThanOrEqual(256)
      expect(encode(writer), kind).toBe(false)
      expect(untouched(), kind).toBe(true)
    }
  })
  test.each(['client', 'server'] as const)('is never passed by frames of a %s, however they are cut', (role) => {
    const random = new Random(77)
    const { writer, untouched } = guarded(role, 256)
    for (let i = 0; i < 5_000; i++) {
      const { room } = writer
      const size = Math.max(0, [0, 1, room - 1, room, room + 1, random.below(200)][random.below(6)] as number)
      const before = writer.length
      const taken = random.below(2) === 0 ? writer.encodeBinary(new Uint8Array(size)) : writer.encodeText('x'.repeat(size))
      expect(taken).toBe(size <= room)
      expect(writer.length).toBe(taken ? before + writer.encodedLength(size) : before)
      expect(writer.length).toBeLessThanOrEqual(256)
      if (random.below(8) === 0) writer.advance(writer.length)
    }
    expect(untouched()).toBe(true)
  })
  test('is what `room` tells of, also below 0', () => {
    const writer = server({ writeBufferCapacity: 256 })
    expect(writer.room).toBe(242)
    writer.encodeBinary(new Uint8Array(242))
    expect(writer.room).toBe(-4)
    expect(writer.encodeText('')).toBe(false)
  })
  test.each([-1, 0.5, Number.NaN, 3, '1', Symbol('1'), 1n])('data and advance refuse a place of %s among two bytes', (place) => {
    const writer = server()
    writer.encodeText('')
    expect(() => writer.data(place as number)).toThrow(UsageError)
    expect(() => writer.advance(place as number)).toThrow(RangeError)
    expect(() => writer.encodeClose(place as number)).toThrow(expect.objectContaining({ code: 'OutgoingCloseCodeInvalid' }))
    expect(writer.length).toBe(2)
  })
})
