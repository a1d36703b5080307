/** What callers hand in: every kind of bytes as the bytes that it covers, everything else refused by name, and never a byte of anybody else's. */

import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { CODEC_TEXT } from '../../../src/codec/binary.ts'
import { DEFLATE_TEXT } from '../../../src/codec/deflate/binary.ts'
import { Deflater } from '../../../src/codec/deflate/deflater.ts'
import { Inflater } from '../../../src/codec/deflate/inflater.ts'
import { ChunkedDecoder } from '../../../src/codec/http/chunked-decoder.ts'
import { HttpMessages } from '../../../src/codec/http/messages.ts'
import { RequestReader } from '../../../src/codec/http/request-reader.ts'
import { RequestWriter } from '../../../src/codec/http/request-writer.ts'
import { ResponseReader } from '../../../src/codec/http/response-reader.ts'
import { bytesOf, copyInto, plainLength, within } from '../../../src/codec/inputs.ts'
import { Codec } from '../../../src/codec/memory.ts'
import { webTextDecoding } from '../../../src/codec/text.ts'
import { FrameReader } from '../../../src/codec/ws/frame-reader.ts'
import { FrameWriter } from '../../../src/codec/ws/frame-writer.ts'
import { ClientHandshake } from '../../../src/codec/ws/handshake.ts'
import { CodecTools } from '../../../src/codec/ws/tools.ts'

const makeCodec = (): Codec =>
  new Codec(
    () => CODEC_TEXT,
    webTextDecoding(),
    undefined,
    () => DEFLATE_TEXT,
  )

class Liar extends Uint8Array {
  override get length(): number {
    return 1_000_000
  }
}

function detached(): Uint8Array {
  const bytes = new Uint8Array(8)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}

/** A view of a buffer that has been made shorter than it. */
function cutOff(View: new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView): ArrayBufferView {
  const buffer = new ArrayBuffer(16, { maxByteLength: 16 })
  const view = new View(buffer, 8, 8)
  buffer.resize(4)
  return view
}

/** Not bytes, whatever they say of themselves. */
const REFUSED: readonly (readonly [received: string, value: unknown])[] = [
  ['a string of 3 characters', 'abc'],
  ['5', 5],
  ['true', true],
  ['1', 1n],
  ['a symbol', Symbol('x')],
  ['a function', () => new Uint8Array(1)],
  ['null', null],
  ['an object', {}],
  ['an array of 3', [1, 2, 3]],
  ['an instance of Blob', new Blob(['abc'])],
  ['an object', { length: -1 }],
  ['an object', { length: -4_293_467_296 }],
  ['an object', { length: 0.5, byteLength: 2 }],
  ['an object', { length: 100, buffer: new ArrayBuffer(1), byteOffset: 0, byteLength: 100 }],
  ['', Object.create(Uint8Array.prototype)],
  ['', new Proxy(new Uint8Array(3), {})],
  [
    '',
    {
      get [Symbol.toStringTag](): string {
        throw new Error('hostile')
      },
    },
  ],
  ['detached', detached()],
  ['shorter than the view', cutOff(Uint8Array)],
  ['shorter than the view', cutOff(DataView)],
]

const CONTENT = Uint8Array.from({ length: 24 }, (_, i) => i + 1)

function growable(): SharedArrayBuffer {
  const Growable = SharedArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => SharedArrayBuffer
  return new Growable(24, { maxByteLength: 4_096 })
}

function filled<Buffer extends ArrayBufferLike>(buffer: Buffer): Buffer {
  new Uint8Array(buffer).set(CONTENT)
  return buffer
}

const around = Uint8Array.from([9, 9, 9, 9, 9, 9, 9, 9, ...CONTENT, 9, 9, 9])
/** The same 24 bytes, in every shape that holds some. */
const TAKEN: readonly (readonly [name: string, value: ArrayBufferLike | ArrayBufferView])[] = [
  ['Uint8Array', CONTENT],
  ['part of a Uint8Array', around.subarray(8, 32)],
  ['Uint8ClampedArray', new Uint8ClampedArray(CONTENT)],
  ['Int8Array', new Int8Array(CONTENT.slice().buffer)],
  ['Uint16Array', new Uint16Array(CONTENT.slice().buffer)],
  ['Int32Array', new Int32Array(around.buffer, 8, 6)],
  ['Float64Array', new Float64Array(CONTENT.slice().buffer)],
  ['BigUint64Array', new BigUint64Array(CONTENT.slice().buffer)],
  ['DataView', new DataView(around.buffer, 8, 24)],
  ['Buffer', Buffer.from(CONTENT)],
  ['ArrayBuffer', CONTENT.slice().buffer],
  ['SharedArrayBuffer', filled(new SharedArrayBuffer(24))],
  ['resizable ArrayBuffer', filled(new ArrayBuffer(24, { maxByteLength: 64 }))],
  ['view that follows a resizable ArrayBuffer', new Uint8Array(filled(new ArrayBuffer(24, { maxByteLength: 64 })))],
  ['growable SharedArrayBuffer', filled(growable())],
  ['view that follows a growable SharedArrayBuffer', new Uint8Array(filled(growable()))],
  ['array of another realm', runInNewContext('Uint8Array.from({ length: 24 }, (_, i) => i + 1)') as Uint8Array],
  ['DataView of another realm', runInNewContext('new DataView(Uint8Array.from({ length: 24 }, (_, i) => i + 1).buffer)') as DataView],
  ['array that lies about its length', Liar.from(CONTENT)],
  ['array with a length of its own', Object.defineProperty(CONTENT.slice(), 'length', { value: -1 })],
]

/** Everything that takes bytes, with what it made of them where that can be seen. */
const TAKERS: readonly (readonly [name: string, parameter: string, take: (value: Uint8Array, codec: Codec) => Uint8Array | undefined])[] = [
  ['encodeBinary', 'bytes', (value, codec) => payloadOf(codec, (writer) => writer.encodeBinary(value))],
  ['encodeUtf8', 'bytes', (value, codec) => payloadOf(codec, (writer) => writer.encodeUtf8(value))],
  ['encodePing', 'bytes', (value, codec) => payloadOf(codec, (writer) => writer.encodePing(value))],
  ['encodePong', 'bytes', (value, codec) => payloadOf(codec, (writer) => writer.encodePong(value))],
  ['FrameReader.read', 'bytes', (value, codec) => readBy(new FrameReader(codec, { bufferCapacity: 256 }), value)],
  ['ResponseReader.read', 'bytes', (value, codec) => void new ResponseReader(codec, { capacity: 1_024 }).read(value)],
  [
    'RequestReader.read',
    'bytes',
    (value, codec) => {
      const reader = new RequestReader(codec, { capacity: 1_024 })
      reader.read(value)
      return reader.remainder
    },
  ],
  ['ChunkedDecoder.decode, input', 'input', (value, codec) => void new ChunkedDecoder(codec).decode(value, new Uint8Array(1))],
  ['ChunkedDecoder.decode, output', 'output', (value, codec) => void new ChunkedDecoder(codec).decode(new Uint8Array(1), value)],
  ['Inflater.inflate, input', 'input', (value, codec) => void new Inflater(codec, 'gzip').inflate(value, new Uint8Array(1))],
  ['Inflater.inflate, output', 'output', (value, codec) => void new Inflater(codec, 'gzip').inflate(new Uint8Array(1), value)],
  ['Deflater.deflate, input', 'input', (value, codec) => void new Deflater(codec, 'gzip').deflate(value, new Uint8Array(1))],
  ['Deflater.deflate, output', 'output', (value, codec) => void new Deflater(codec, 'gzip').deflate(new Uint8Array(1), value)],
  ['Deflater.deflateAll', 'input', (value, codec) => new Inflater(codec, 'gzip').inflateAll(new Deflater(codec, 'gzip').deflateAll(value))],
  ['applyMask', 'bytes', (value, codec) => void new CodecTools(codec).applyMask(value, new Uint8Array(4))],
  ['applyMask, key', 'key', (value, codec) => void new CodecTools(codec).applyMask(new Uint8Array(1), value)],
  ['writeRequest', 'output', (value, codec) => void new HttpMessages(codec).writeRequest('A', '/', {}, value)],
  ['writeResponse', 'output', (value, codec) => void new HttpMessages(codec).writeResponse(200, '', {}, value)],
  ['a request body', 'body', (value, codec) => new RequestWriter(codec, 'a').post('/').body(value).finish().body],
  [
    'the nonce of a handshake',
    'nonce',
    (value, codec) => {
      const region = codec.region(FrameReader.regionBytes(4_096) + FrameWriter.regionBytes(4_096))
      const reader = new FrameReader(codec, { bufferCapacity: 4_096 }, region)
      const writer = new FrameWriter(codec, { writeBufferCapacity: 4_096 }, region)
      new ClientHandshake(reader, writer, { target: '/', host: 'a', headers: [], protocols: [], nonce: value }, 4_096)
      return undefined
    },
  ],
]

function payloadOf(codec: Codec, encode: (writer: FrameWriter) => boolean): Uint8Array {
  const writer = new FrameWriter(codec, { role: 'server', writeBufferCapacity: 256 })
  expect(encode(writer)).toBe(true)
  return writer.data().subarray(2)
}

function readBy(reader: FrameReader, value: Uint8Array): Uint8Array {
  reader.read(value)
  return reader.u8.subarray(reader.headAddress, reader.headAddress + reader.buffered)
}

describe.each(TAKERS)('%s', (_, parameter, take) => {
  test.each(REFUSED)('refuses what is no bytes: %s', (received, value) => {
    // A body may be a string, too.
    if (typeof value === 'string' && parameter === 'body') return
    const codec = makeCodec()
    let error: unknown
    try {
      take(value as Uint8Array, codec)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ name: 'UsageError', code: 'InvalidOption', message: expect.stringMatching(new RegExp(`^${parameter} must be`)) })
    expect((error as Error).message).toContain(received)
  })
  test('takes every kind of bytes as the bytes that it covers', () => {
    for (const [name, value] of TAKEN) {
      // These have a length of their own.
      if (parameter === 'key' || parameter === 'nonce') continue
      const made = take(value as Uint8Array, makeCodec())
      if (made !== undefined) expect([...made], name).toEqual([...CONTENT])
    }
  })
})

describe('a length', () => {
  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32, 11, '1'])('of %s does not pass the gate to a room of 10', (length) => {
    expect(() => within(length as number, 10)).toThrow(RangeError)
  })
  test.each([0, 1, 10])('of %i does', (length) => {
    expect(within(length, 10)).toBe(length)
  })
  test('never passes to a room below 0', () => {
    expect(() => within(0, -1)).toThrow(RangeError)
  })
  test('is that of a real Uint8Array only', () => {
    for (const [, value] of REFUSED) expect(plainLength(value)).toBe(-1)
    expect([plainLength(Liar.from(CONTENT)), plainLength(Buffer.alloc(3)), plainLength(new Uint16Array(3))]).toEqual([24, 3, -1])
  })
})

describe('bytes that another thread grows between their counting and their copying', () => {
  test.each([24, 25, 100, 4_096])('never leave the room that they are copied into (%i bytes)', (size) => {
    const memory = new Uint8Array(4_096).fill(0xee)
    const shared = filled(growable())
    const bytes = new Uint8Array(shared)
    const room = memory.subarray(1_000, 1_040)
    const length = plainLength(bytes)
    ;(shared as unknown as { grow(size: number): void }).grow(size)
    copyInto(room, 10, bytes, length)
    expect([...room.subarray(10, 34)]).toEqual([...CONTENT])
    expect(new Set([...memory.subarray(0, 1_010), ...memory.subarray(1_040)])).toEqual(new Set([0xee]))
  })
})

test('the view of a caller’s bytes is the platform’s own, whatever their class says', () => {
  const view = bytesOf('bytes', Liar.from(CONTENT))
  expect(Object.getPrototypeOf(view) === Uint8Array.prototype).toBe(true)
  expect(view.length).toBe(24)
})

test('text is a string', () => {
  const writer = new FrameWriter(makeCodec())
  for (const value of [new Uint8Array([1, 2, 3]), {}, 5, null, undefined, ['a'], { length: 1e9, toString: () => 'x' }]) {
    expect(() => writer.encodeText(value as string)).toThrow(
      expect.objectContaining({ code: 'InvalidOption', message: expect.stringMatching(/^text must be a string/) }),
    )
  }
  expect(writer.length).toBe(0)
})

test('what is refused is named by its kind, never by what it says', () => {
  expect(() => bytesOf('bytes', 'a secret')).toThrow(expect.objectContaining({ message: expect.not.stringContaining('secret') }))
})
