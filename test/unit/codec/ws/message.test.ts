import { describe, expect, test } from 'vitest'
import { CODEC_TEXT } from '../../../../src/codec/binary.ts'
import { Codec } from '../../../../src/codec/memory.ts'
import { type BufferSlices, bufferTextDecoding, type TextDecoding, webTextDecoding } from '../../../../src/codec/text.ts'
import { FrameReader } from '../../../../src/codec/ws/frame-reader.ts'
import type { Message, OwnedMessage } from '../../../../src/codec/ws/message.ts'
import { concat, frame, hex, utf8 } from '../../../reference/frames.ts'

const decodings: [string, TextDecoding][] = [
  ['TextDecoder', webTextDecoding()],
  ['Buffer', bufferTextDecoding(Buffer.prototype as unknown as BufferSlices)],
]
const codec = new Codec(() => CODEC_TEXT, webTextDecoding())
const open = (...bytes: Uint8Array[]): FrameReader => {
  const reader = new FrameReader(codec, { bufferCapacity: 32 * 1024 })
  for (const piece of bytes) reader.read(piece)
  return reader
}
const first = (...bytes: Uint8Array[]): Message => open(...bytes).next() as Message

const NUMBERS = hex('00 01 02 03 04 05 06 07 ff fe 3f f0 00 00 00 00 00 00')

describe('a borrowed message', () => {
  test.each([
    ['81 01 61', 'text', 1],
    ['82 01 61', 'binary', 1],
    ['89 01 61', 'ping', 1],
    ['8a 01 61', 'pong', 1],
    ['88 03 03 e8 61', 'close', 1],
    ['88 00', 'close', 0],
  ])('[%s] is a %s of length %i', (bytes, kind, length) => {
    const message = first(hex(bytes))
    expect(message.kind).toBe(kind)
    expect(message.length).toBe(length)
    expect(message.bytes.length).toBe(length)
    expect(message.text).toBe('a'.repeat(length))
  })

  describe.each([
    ['in place', [frame({ opcode: 2, payload: NUMBERS })]],
    ['in parts', [frame({ opcode: 2, fin: false, payload: NUMBERS.subarray(0, 3) }), frame({ opcode: 0, payload: NUMBERS.subarray(3) })]],
  ] as const)('%s', (_, frames) => {
    test('gives its bytes one at a time, and nothing outside them', () => {
      const message = first(frame({ opcode: 2, payload: [0xaa] }), ...frames, frame({ opcode: 2, payload: [0xbb] }))
      expect(message.at(0)).toBe(0xaa)
      const reader = open(frame({ opcode: 2, payload: [0xaa] }), ...frames, frame({ opcode: 2, payload: [0xbb] }))
      reader.next()
      const next = reader.next() as Message
      expect(Array.from({ length: next.length }, (_, i) => next.at(i))).toEqual([...NUMBERS])
      expect([next.at(-1), next.at(NUMBERS.length), next.at(1.5)]).toEqual([null, null, null])
    })
    test('gives numbers of either byte order, as DataView does', () => {
      const message = first(...frames)
      const view = new DataView(NUMBERS.buffer)
      for (let i = 0; i < NUMBERS.length; i++) {
        expect(message.getUint8(i)).toBe(view.getUint8(i))
        for (const little of [true, false, undefined]) {
          if (i + 2 <= NUMBERS.length) expect(message.getUint16(i, little)).toBe(view.getUint16(i, little))
          if (i + 4 <= NUMBERS.length) expect(message.getInt32(i, little)).toBe(view.getInt32(i, little))
          if (i + 4 <= NUMBERS.length) expect(message.getUint32(i, little)).toBe(view.getUint32(i, little))
          if (i + 8 <= NUMBERS.length) expect(message.getBigInt64(i, little)).toBe(view.getBigInt64(i, little))
          if (i + 8 <= NUMBERS.length) expect(message.getFloat64(i, little)).toEqual(view.getFloat64(i, little))
        }
      }
    })
    test('refuses numbers that reach outside the payload', () => {
      const message = first(...frames)
      const { length } = NUMBERS
      for (const read of [
        () => message.getUint8(-1),
        () => message.getUint8(length),
        () => message.getUint16(length - 1),
        () => message.getInt32(length - 3),
        () => message.getUint32(length - 3),
        () => message.getBigInt64(length - 7),
        () => message.getFloat64(length - 7),
        () => message.getFloat64(Number.POSITIVE_INFINITY),
      ]) {
        expect(read).toThrow(RangeError)
      }
    })
  })

  // '1' joined to an offset of 4096 is 40961: a byte of somebody else's.
  test.each(['0', '1', '', ' 1', Number.NaN, 0.5, Number.POSITIVE_INFINITY, -1, 2 ** 32, null, undefined, true, [1], { valueOf: () => 1 }, 1n])(
    'reads nothing at an index of %s, which is no whole number inside the payload',
    (index) => {
      const message = first(hex('82 0a 30 31 32 33 34 35 36 37 38 39'))
      const at = index as number
      expect(message.at(at)).toBeNull()
      expect(() => message.getUint8(at)).toThrow(RangeError)
      expect(() => message.getUint16(at)).toThrow(RangeError)
      expect(() => message.getInt32(at)).toThrow(RangeError)
      expect(() => message.getUint32(at)).toThrow(RangeError)
      expect(() => message.getBigInt64(at)).toThrow(RangeError)
      expect(() => message.getFloat64(at)).toThrow(RangeError)
    },
  )
  test('json parses the text', () => expect(first(frame({ opcode: 1, payload: utf8('{"a":[1,"é"]}') })).json()).toEqual({ a: [1, 'é'] }))
  test('bytes of a binary message that are no UTF-8 become U+FFFD as text', () => expect(first(hex('82 03 61 ff 62')).text).toBe('a\ufffdb'))
  test('a close code is 0 for other kinds, 1005 for an empty close', () => {
    expect(first(hex('81 01 61')).closeCode).toBeNull()
    expect(first(hex('88 00')).closeCode).toBe(1005)
    expect(first(hex('88 02 0f a0')).closeCode).toBe(4000)
  })
  test('its bytes end with it: a view is no longer than the payload', () => {
    const { bytes } = first(hex('82 02 01 02 82 02 03 04'))
    expect(bytes.length).toBe(2)
  })
})

describe('text', () => {
  describe.each(decodings)('through %s', (_, decoding) => {
    const own = new Codec(() => CODEC_TEXT, decoding)
    const texts = (reader: FrameReader, bytes: Uint8Array): string[] => {
      reader.read(bytes)
      const all: string[] = []
      for (let m = reader.next(); m !== null; m = reader.next()) all.push(m.text, m.text)
      return all
    }

    test('of many short ASCII messages, of all lengths around the shared block', () => {
      const reader = new FrameReader(own, { bufferCapacity: 256 * 1024 })
      const payloads = [0, 1, 5, 100, 1_000, 1_023, 1_024, 1_025, 1_026, 2_047, 2_048, 2_049, 3, 7, 5_000, 2].map((length, i) =>
        String.fromCharCode(97 + i).repeat(length),
      )
      const bytes = concat(...payloads.map((payload) => frame({ opcode: 1, payload: utf8(payload) })))
      for (let turn = 0; turn < 3; turn++) expect(texts(reader, bytes)).toEqual(payloads.flatMap((p) => [p, p]))
    })
    test('of ASCII and other texts in turn', () => {
      const reader = new FrameReader(own, { bufferCapacity: 64 * 1024 })
      const payloads = Array.from({ length: 200 }, (_, i) => (i % 3 === 0 ? `é€😀 ${i}` : i % 3 === 1 ? `plain ${i}` : `\u0080${'x'.repeat(i)}`))
      const bytes = concat(...payloads.map((payload) => frame({ opcode: 1, payload: utf8(payload) })))
      expect(texts(reader, bytes)).toEqual(payloads.flatMap((p) => [p, p]))
    })
    test('does not outlive the bytes that it was made of', () => {
      const reader = new FrameReader(own, { bufferCapacity: 256 })
      for (const name of ['first', 'again', 'third']) expect(texts(reader, frame({ opcode: 1, payload: utf8(name) }))).toEqual([name, name])
    })
    test('keeps a byte order mark', () => {
      const reader = new FrameReader(own, { bufferCapacity: 256 })
      expect(texts(reader, hex('81 04 ef bb bf 61'))).toEqual(['\ufeffa', '\ufeffa'])
      expect(texts(reader, hex('01 03 ef bb bf 80 01 61'))).toEqual(['\ufeffa', '\ufeffa'])
    })
    test('of an assembled message, ASCII and not', () => {
      const reader = new FrameReader(own, { bufferCapacity: 256 })
      expect(texts(reader, hex('01 01 61 80 01 62'))).toEqual(['ab', 'ab'])
      expect(texts(reader, hex('01 01 c3 80 02 a9 62'))).toEqual(['éb', 'éb'])
      expect(texts(reader, hex('01 01 61 80 02 c3 a9'))).toEqual(['aé', 'aé'])
    })
    test('of a reason that is not ASCII', () => {
      const reader = new FrameReader(own, { bufferCapacity: 256 })
      expect(texts(reader, hex('88 04 03 e8 c3 a9'))).toEqual(['é', 'é'])
    })
  })

  test('is decoded as ASCII exactly when every byte is below 80, at every length and position', () => {
    const asked: string[] = []
    const spy = new Codec(() => CODEC_TEXT, {
      latin1: (bytes, start, end) => {
        asked.push('latin1')
        return Buffer.from(bytes.subarray(start, end)).toString('latin1')
      },
      utf8: (bytes, start, end) => {
        asked.push('utf8')
        return Buffer.from(bytes.subarray(start, end)).toString('utf8')
      },
    })
    const reader = new FrameReader(spy, { bufferCapacity: 256 })
    const ask = (bytes: Uint8Array): string | undefined => {
      asked.length = 0
      reader.read(bytes)
      const text = reader.next()?.text
      reader.next()
      return text
    }
    for (let length = 1; length <= 80; length++) {
      const plain = 'p'.repeat(length)
      expect(ask(frame({ opcode: 1, payload: utf8(plain) }))).toBe(plain)
      expect(asked, `${length} plain`).toEqual(['latin1'])
      for (let at = 0; at + 2 <= length; at++) {
        const text = `${'p'.repeat(at)}é${'p'.repeat(length - at - 2)}`
        expect(ask(frame({ opcode: 1, payload: utf8(text) }))).toBe(text)
        expect(asked, `${length} with é at ${at}`).toEqual(['utf8'])
      }
    }
  })
})

describe('a stale message', () => {
  const uses: [string, (m: Message) => unknown][] = [
    ['kind', (m) => m.kind],
    ['length', (m) => m.length],
    ['bytes', (m) => m.bytes],
    ['text', (m) => m.text],
    ['json', (m) => m.json()],
    ['at', (m) => m.at(0)],
    ['getUint8', (m) => m.getUint8(0)],
    ['getUint16', (m) => m.getUint16(0)],
    ['getInt32', (m) => m.getInt32(0)],
    ['getUint32', (m) => m.getUint32(0)],
    ['getBigInt64', (m) => m.getBigInt64(0)],
    ['getFloat64', (m) => m.getFloat64(0)],
    ['closeCode', (m) => m.closeCode],
    ['toOwned', (m) => m.toOwned()],
  ]
  test.each(uses)('refuses %s', (_, use) => {
    const reader = open(hex('82 08 30 31 32 33 34 35 36 37'))
    const message = reader.next() as Message
    reader.next()
    expect(() => use(message)).toThrow(expect.objectContaining({ code: 'StaleMessage', fault: 'local' }))
  })

  const ends: [string, (reader: FrameReader) => unknown][] = [
    ['the next message', (reader) => reader.next()],
    ['a next that finds nothing', (reader) => [reader.next(), reader.next()]],
    ['poll, when it finds nothing', (reader) => [reader.next(), reader.poll()]],
    ['reset', (reader) => reader.reset()],
    ['release', (reader) => reader.release()],
  ]
  test.each(ends)('is what a message is after %s', (_, end) => {
    const reader = open(hex('81 01 61 81 01 62'))
    const message = reader.next() as Message
    expect(message.text).toBe('a')
    end(reader)
    expect(() => message.text).toThrow(/no longer valid/)
  })
  test.each([
    ['read', (reader: FrameReader) => reader.read(hex('81 01 62'))],
    ['spare', (reader: FrameReader) => reader.spare()],
    ['compact', (reader: FrameReader) => reader.compact()],
  ])('is what the last message of a read is after %s', (_, end) => {
    const reader = open(hex('81 01 61'))
    const message = reader.next() as Message
    end(reader)
    expect(() => message.text).toThrow(/no longer valid/)
  })
  test('is told apart from its seven successors', () => {
    const reader = open(concat(...Array.from({ length: 8 }, (_, i) => frame({ opcode: 1, payload: [97 + i] }))))
    const messages: Message[] = []
    for (let m = reader.next(); m !== null; m = reader.next()) {
      for (const old of messages) expect(() => old.text).toThrow(/no longer valid/)
      messages.push(m)
    }
    expect(messages).toHaveLength(8)
  })
  test('of a control frame does not end the message under way', () => {
    const reader = open(hex('01 01 61 89 01 70 80 01 62'))
    const ping = reader.next() as Message
    expect(ping.kind).toBe('ping')
    const text = reader.next() as Message
    expect(() => ping.kind).toThrow(/no longer valid/)
    expect(text.text).toBe('ab')
  })
})

describe('an owned message', () => {
  const own = (...bytes: Uint8Array[]): OwnedMessage => {
    const reader = open(...bytes)
    const owned = (reader.next() as Message).toOwned()
    // What it was made of is gone.
    reader.reset()
    reader.read(new Uint8Array(200).fill(0x8f))
    reader.next()
    return owned
  }
  test('of a text keeps the string', () => {
    const owned = own(frame({ opcode: 1, payload: utf8('"é"') }))
    expect(owned).toMatchObject({ kind: 'text', data: '"é"', text: '"é"', closeCode: null, length: 4 })
    expect(owned.bytes).toEqual(utf8('"é"'))
    expect(owned.json()).toBe('é')
  })
  test.each([
    ['82 02 68 69', 'binary'],
    ['89 02 68 69', 'ping'],
    ['8a 02 68 69', 'pong'],
  ])('of [%s] keeps a copy of the bytes', (bytes, kind) => {
    const owned = own(hex(bytes))
    expect(owned).toMatchObject({ kind, text: 'hi', length: 2, closeCode: null })
    expect(owned.bytes).toEqual(hex('68 69'))
    expect(owned.bytes.buffer.byteLength).toBe(2)
  })
  test('of a close keeps code and reason; its bytes are the reason alone', () => {
    expect(own(hex('88 05 03 e8 62 79 65'))).toMatchObject({ kind: 'close', data: 'bye', closeCode: 1000, length: 3 })
    expect(own(hex('88 00'))).toMatchObject({ kind: 'close', data: '', closeCode: 1005, length: 0 })
  })
  test('of a message in parts is a copy too', () => {
    const reader = open(hex('02 01 01 80 01 02'))
    const owned = (reader.next() as Message).toOwned()
    reader.read(hex('02 01 09 80 01 09'))
    reader.next()
    expect(owned.bytes).toEqual(hex('01 02'))
  })
})
