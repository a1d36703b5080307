import { describe, expect, test } from 'vitest'
import { FrameReader, type FrameReaderOptions, ProtocolError } from '../../../../src/entry/codec.ts'
import { type DecodedEvent, mostOnTheWire } from '../../../reference/decoder.ts'
import { drain } from '../../../reference/feed.ts'
import { concat, frame, hex, toHex, utf8 } from '../../../reference/frames.ts'

const KEY = [0x37, 0xfa, 0x21, 0x3d]

/** A reader, and its messages as `kind payload` lines. */
function open(options: FrameReaderOptions = {}): { reader: FrameReader; feed: (...chunks: (string | Uint8Array)[]) => string[] } {
  const reader = new FrameReader({ role: 'client', bufferCapacity: 4_096, ...options })
  return {
    reader,
    feed: (...chunks) => {
      const lines: string[] = []
      for (const chunk of chunks) {
        reader.read(typeof chunk === 'string' ? hex(chunk) : chunk)
        for (let m = reader.next(); m !== null; m = reader.next()) {
          lines.push(m.kind === 'close' ? `close ${m.closeCode} ${m.text}` : m.kind === 'text' ? `text ${m.text}` : `${m.kind} ${toHex(m.bytes)}`)
        }
      }
      return lines
    },
  }
}

const text = (payload: string, fin = true): Uint8Array => frame({ fin, opcode: 1, payload: utf8(payload) })
const more = (payload: string, fin = true): Uint8Array => frame({ fin, opcode: 0, payload: utf8(payload) })
const ping = (payload: string): Uint8Array => frame({ opcode: 9, payload: utf8(payload) })

describe('a single frame', () => {
  test('text', () => expect(open().feed('81 05 48 65 6c 6c 6f')).toEqual(['text Hello']))
  test('binary', () => expect(open().feed('82 03 01 02 03')).toEqual(['binary 01 02 03']))
  test('empty text', () => expect(open().feed('81 00')).toEqual(['text ']))
  test('masked text', () => expect(open({ role: 'server' }).feed('81 85 37 fa 21 3d 7f 9f 4d 51 58')).toEqual(['text Hello']))
  test('a header that comes in two reads', () => expect(open().feed('81', '02 68 69')).toEqual(['text hi']))
  test('a payload that spans reads', () => expect(open().feed('81 05 48 65', '6c', '6c 6f')).toEqual(['text Hello']))
  test('a masked payload that spans reads, cut off the key’s rhythm', () => {
    const bytes = frame({ opcode: 2, payload: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], key: KEY })
    for (let at = 1; at < bytes.length; at++) {
      expect(open({ role: 'server' }).feed(bytes.subarray(0, at), bytes.subarray(at)), `cut at ${at}`).toEqual([
        'binary 01 02 03 04 05 06 07 08 09 0a 0b',
      ])
    }
  })
  test('the default role is the client’s', () => {
    const reader = new FrameReader({ bufferCapacity: 256 })
    reader.read(hex('81 01 61'))
    expect(reader.role).toBe('client')
    expect(reader.next()?.text).toBe('a')
  })

  test.each([0, 1, 124, 125, 126, 127, 65_535, 65_536, 70_000])('a text of %i bytes', (length) => {
    const { reader } = open({ bufferCapacity: 128 * 1024 })
    reader.read(text('x'.repeat(length)))
    const message = reader.next()
    expect(message?.length).toBe(length)
    expect(message?.text).toBe('x'.repeat(length))
    expect(reader.next()).toBeNull()
    expect(reader.isMidMessage).toBe(false)
  })
})

describe('fragments', () => {
  test('two of a text are one message', () => expect(open().feed(concat(text('Hel', false), more('lo')))).toEqual(['text Hello']))
  test('three of a binary message, one read each, are one message', () =>
    expect(open().feed('02 01 01', '00 01 02', '80 01 03')).toEqual(['binary 01 02 03']))
  test('a ping among them comes first', () => expect(open().feed(concat(text('a', false), ping('!'), more('b')))).toEqual(['ping 21', 'text ab']))
  test('a ping among them that is itself cut by reads comes first', () =>
    expect(open().feed(text('a', false), '89 03 31', '32 33', more('b'))).toEqual(['ping 31 32 33', 'text ab']))
  test('ping then pong among them keep their order', () =>
    expect(open().feed(concat(text('a', false), hex('89 01 31 8a 01 32'), more('b')))).toEqual(['ping 31', 'pong 32', 'text ab']))
  test('more of them than a call stack holds', () => {
    const { reader } = open({ bufferCapacity: 1024 * 1024 })
    const bytes = new Uint8Array(2 * 400_000)
    bytes[0] = 2
    bytes[bytes.length - 2] = 0x80
    reader.read(bytes)
    expect(reader.next()?.kind).toBe('binary')
    expect(reader.next()).toBeNull()
  })
})

describe('UTF-8 in fragments', () => {
  test('a two-byte character split', () => expect(open().feed('01 01 c3', '80 01 a9')).toEqual(['text é']))
  test('a four-byte character split 1 + 3', () => expect(open().feed('01 01 f0', '80 03 9f 98 80')).toEqual(['text 😀']))
  test('a character over three fragments', () => expect(open().feed('01 01 e2', '00 01 82', '80 01 ac')).toEqual(['text €']))
  test('incomplete at the end', () => {
    const { reader, feed } = open()
    expect(feed('01 01 f0', '80 02 9f 98')).toEqual([])
    expect(reader.error?.code).toBe('InvalidUtf8')
  })
  test('invalid in the first fragment is seen at once', () => {
    const { reader, feed } = open()
    expect(feed('01 02 61 ff')).toEqual([])
    expect(reader.error?.code).toBe('InvalidUtf8')
  })
  test('invalid in a middle fragment is seen before the last one', () => {
    const { reader, feed } = open()
    expect(feed('01 01 61', '00 01 ff')).toEqual([])
    expect(reader.error?.code).toBe('InvalidUtf8')
  })
  test('a valid prefix and a wrong continuation', () => {
    const { reader, feed } = open()
    expect(feed('01 01 c3', '80 01 28')).toEqual([])
    expect(reader.error?.code).toBe('InvalidUtf8')
  })
  test('an invalid byte is seen before its frame is complete', () => {
    const { reader, feed } = open()
    feed('81 7d 61 62')
    expect(reader.error).toBeNull()
    feed('ff')
    expect(reader.error?.code).toBe('InvalidUtf8')
  })
  // The original validated unfragmented texts only when a single read brought them.
  test('an unfragmented text that comes in two reads is validated', () => {
    for (const payload of ['48 65 6c ff 6f', 'ce ba e1 bd ed a0', '61 62 63 c0 80']) {
      const bytes = frame({ opcode: 1, payload: hex(payload) })
      for (let at = 1; at < bytes.length; at++) {
        const { reader, feed } = open()
        expect(feed(bytes.subarray(0, at), bytes.subarray(at)), `[${payload}] cut at ${at}`).toEqual([])
        expect(reader.error?.code, `[${payload}] cut at ${at}`).toBe('InvalidUtf8')
      }
    }
  })
  test('an unfragmented text larger than the buffer is validated to its last byte', () => {
    const { reader, feed } = open({ bufferCapacity: 256 })
    const bytes = frame({ opcode: 1, payload: concat(new Uint8Array(999).fill(0x61), hex('c3')) })
    for (let at = 0; at < bytes.length; at += 100) expect(feed(bytes.subarray(at, at + 100))).toEqual([])
    expect(reader.error?.code).toBe('InvalidUtf8')
  })
})

describe('close frames', () => {
  test('code and reason', () => expect(open().feed('88 05 03 e8 62 79 65')).toEqual(['close 1000 bye']))
  test('empty', () => expect(open().feed('88 00')).toEqual(['close 1005 ']))
  test('code only', () => expect(open().feed('88 02 03 e9')).toEqual(['close 1001 ']))
  test.each([
    ['code 999', '88 02 03 e7', 'InvalidCloseCode'],
    ['code 1005 on the wire', '88 02 03 ed', 'InvalidCloseCode'],
    ['a reason that is not UTF-8', '88 03 03 e8 ff', 'InvalidUtf8InCloseReason'],
    ['one byte', '88 01 03', 'CloseFrameTooShort'],
  ])('%s is refused', (_, bytes, code) => {
    const { reader, feed } = open()
    expect(feed(bytes)).toEqual([])
    expect(reader.error?.code).toBe(code)
    expect(reader.isClosed).toBe(false)
  })
  test('every code is accepted or refused as the IANA registry has it', () => {
    const { reader } = open()
    const accepted: number[] = []
    for (let code = 0; code <= 65_535; code++) {
      reader.reset()
      reader.read(Uint8Array.of(0x88, 2, code >> 8, code & 255))
      const message = reader.next()
      if (message !== null) {
        expect(message.closeCode).toBe(code)
        accepted.push(code)
      } else {
        expect(reader.error?.code).toBe('InvalidCloseCode')
      }
    }
    const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)
    expect(accepted).toEqual([...range(1000, 1003), ...range(1007, 1014), ...range(3000, 4999)])
  })
  test('nothing after one is delivered, in the same read or a later one', () => {
    const { reader, feed } = open()
    expect(feed('81 01 61 88 02 03 e8 81 01 62', '81 01 63', 'ff ff')).toEqual(['text a', 'close 1000 '])
    expect(reader.error).toBeNull()
    expect(reader.isClosed).toBe(true)
  })
})

describe('errors', () => {
  test.each([
    ['opcode 3', 'client', '83 00', 'InvalidOpcode', { opcode: 3 }, 1002],
    ['opcode 15', 'client', '8f 00', 'InvalidOpcode', { opcode: 15 }, 1002],
    ['a masked frame from a server', 'client', '81 80 00 00 00 00', 'MaskedFrameFromServer', {}, 1002],
    ['an unmasked frame from a client', 'server', '81 00', 'UnmaskedFrameFromClient', {}, 1002],
    ['RSV1', 'client', 'c1 00', 'ReservedBitsSet', { bits: 4 }, 1002],
    ['RSV2 and RSV3', 'client', 'b1 00', 'ReservedBitsSet', { bits: 3 }, 1002],
    ['an orphan continuation', 'client', '80 00', 'ContinuationWithoutStart', {}, 1002],
    ['a new text during assembly', 'client', '01 00 81 00', 'NewMessageDuringAssembly', {}, 1002],
    ['a ping of 126 bytes', 'client', '89 7e 00 7e', 'ControlFrameTooLarge', { size: 126, max: 125 }, 1002],
    ['a ping without FIN', 'client', '09 00', 'FragmentedControlFrame', {}, 1002],
    ['125 in two length bytes', 'client', '81 7e 00 7d', 'NonMinimalLength', { size: 125 }, 1002],
    ['invalid text', 'client', '81 01 ff', 'InvalidUtf8', {}, 1007],
    ['half a close code', 'client', '88 01 03', 'CloseFrameTooShort', { size: 1 }, 1002],
    ['close code 1006', 'client', '88 02 03 ee', 'InvalidCloseCode', { closeCodeReceived: 1006 }, 1002],
    ['an invalid close reason', 'client', '88 03 03 e8 ff', 'InvalidUtf8InCloseReason', {}, 1007],
    ['a frame of 17 bytes over 16', 'client', '82 11', 'PayloadTooLarge', { size: 17, max: 16 }, 1009],
    ['a message of 18 bytes over 17', 'client', '02 02 00 00 80 10', 'MessageTooLarge', { accumulated: 18, max: 17 }, 1009],
  ] as const)('%s: its code, its numbers, its close code', (_, role, bytes, code, detail, closeCode) => {
    const { reader, feed } = open({ role, maxFrameSize: 16, maxMessageSize: 17 })
    expect(feed(bytes)).toEqual([])
    const { error } = reader
    expect(error).toBeInstanceOf(ProtocolError)
    expect({ ...error, name: error?.name }).toMatchObject({ code, detail, closeCode, fault: 'remote', name: 'ProtocolError' })
    expect(error?.message).not.toBe('')
    for (const value of Object.values(detail).filter((n) => n > 7)) expect(error?.message).toContain(String(value))
  })

  // Without this rule a message never ends, and no limit is passed.
  test.each([
    ['client', undefined],
    ['server', KEY],
  ] as const)('%s: empty fragments of one message are limited, each counts as a byte', (role, key) => {
    const most = mostOnTheWire(100)
    const first = frame({ fin: false, opcode: 2, payload: new Uint8Array(40), key })
    for (const empty of [most - 41, most - 40, most - 39]) {
      const { reader, feed } = open({ role, maxMessageSize: 100 })
      const frames = Array.from({ length: empty }, (_, i) => frame({ fin: i === empty - 1, opcode: 0, payload: [], key }))
      const lines = feed(concat(first, ...frames), concat(first, ...frames))
      const isOver = empty > most - 40
      expect([empty, lines.length, reader.error?.code, reader.error?.detail]).toEqual([
        empty,
        isOver ? 0 : 2,
        isOver ? 'MessageTooLarge' : undefined,
        isOver ? { accumulated: most + 1, max: 100 } : undefined,
      ])
    }
  })

  // The original read on after an error: payload bytes became headers.
  test('they latch: the same error, and nothing more, whatever comes', () => {
    const { reader, feed } = open()
    expect(feed('81 01 61 83 00 81 01 62')).toEqual(['text a'])
    const first = reader.error
    expect(first?.code).toBe('InvalidOpcode')
    expect(feed('81 01 63', '88 00', 'ff')).toEqual([])
    expect(reader.error).toBe(first)
    expect(reader.poll()).toBe(false)
    expect(reader.isMidMessage).toBe(false)
    expect(reader.isClosed).toBe(false)
  })
  test('they show only after the messages before them have been taken', () => {
    const { reader } = open()
    reader.read(hex('81 01 61 81 01 62 83 00'))
    expect(reader.error).toBeNull()
    expect(reader.next()?.text).toBe('a')
    expect(reader.error).toBeNull()
    expect(reader.next()?.text).toBe('b')
    expect(reader.next()).toBeNull()
    expect(reader.error?.code).toBe('InvalidOpcode')
  })
})

test('what is dropped up to a close message is not put together', () => {
  const { reader } = open()
  reader.read(concat(text('a'), frame({ fin: false, opcode: 2, payload: new Uint8Array(1_000) }), ping('b'), frame({ opcode: 0, payload: [] })))
  expect(reader.dropToClose()).toBe(null)
  expect(reader.assembly.length).toBe(0)
  reader.read(concat(text('c'), hex('88 03 03 e8 64')))
  expect(reader.dropToClose()).toMatchObject({ kind: 'close', closeCode: 1000, text: 'd' })
  expect([reader.dropToClose(), reader.isDrained]).toEqual([null, true])
})

describe('order', () => {
  test('two messages in one read', () => expect(open().feed(concat(text('a'), text('b')))).toEqual(['text a', 'text b']))
  test('text and binary in turn', () =>
    expect(open().feed('81 01 61 82 01 62 81 01 63 82 01 64')).toEqual(['text a', 'binary 62', 'text c', 'binary 64']))
  test('single, assembled, single', () =>
    expect(open().feed(concat(text('a'), text('b', false), more('c'), text('d')))).toEqual(['text a', 'text bc', 'text d']))
  test('assembled, then single', () => expect(open().feed(concat(text('a', false), more('b'), text('c')))).toEqual(['text ab', 'text c']))
  test('data, ping, data', () => expect(open().feed(concat(text('a'), ping('!'), text('b')))).toEqual(['text a', 'ping 21', 'text b']))
  test('assembly with a control frame, then data', () =>
    expect(open().feed(concat(text('a', false), ping('!'), more('b'), text('c')))).toEqual(['ping 21', 'text ab', 'text c']))
  test('across reads', () => expect(open().feed(text('a'), text('b'), text('c'))).toEqual(['text a', 'text b', 'text c']))
  test('a message and a part of one, then the rest', () =>
    expect(open().feed('81 01 61 81 02 62', '63 81 01 64')).toEqual(['text a', 'text bc', 'text d']))
  test('100 messages in one read', () => {
    const names = Array.from({ length: 100 }, (_, i) => `message ${i}`)
    expect(open().feed(concat(...names.map((name) => text(name))))).toEqual(names.map((name) => `text ${name}`))
  })
  test('5,000 messages in one read: more than the descriptor table holds', () => {
    const { reader } = open({ bufferCapacity: 64 * 1024 })
    reader.read(concat(...Array.from({ length: 5_000 }, (_, i) => frame({ opcode: 2, payload: [i >> 8, i & 255] }))))
    for (let i = 0; i < 5_000; i++) expect(reader.next()?.getUint16(0)).toBe(i)
    expect(reader.next()).toBeNull()
    expect(reader.isDrained).toBe(true)
  })
  test.each([1_023, 1_024, 1_025, 2_048])('%i masked messages in one read, and an error behind them', (count) => {
    const { reader } = open({ role: 'server', bufferCapacity: 64 * 1024 })
    reader.read(concat(...Array.from({ length: count }, (_, i) => frame({ opcode: 1, payload: utf8(String(i)), key: KEY })), hex('83 80')))
    reader.read(hex('00 00 00 00'))
    for (let i = 0; i < count; i++) {
      expect(reader.error).toBeNull()
      expect(reader.next()?.text).toBe(String(i))
    }
    expect(reader.next()).toBeNull()
    expect(reader.error?.code).toBe('InvalidOpcode')
  })
  test('messages that lie unread when more bytes come are not lost', () => {
    const { reader } = open()
    for (const name of ['a', 'b', 'c']) reader.read(text(name))
    expect([reader.next()?.text, reader.next()?.text, reader.next()?.text, reader.next()]).toEqual(['a', 'b', 'c', null])
  })
})

describe('poll', () => {
  test('is true while a message waits, however often it is asked', () => {
    const { reader } = open()
    expect(reader.poll()).toBe(false)
    reader.read(text('a'))
    expect([reader.poll(), reader.poll(), reader.poll()]).toEqual([true, true, true])
    expect(reader.next()?.text).toBe('a')
    expect(reader.poll()).toBe(false)
  })
  test('is false while only parts of a message are there', () => {
    const { reader } = open()
    reader.read(text('a', false))
    expect(reader.poll()).toBe(false)
    reader.read(more('b'))
    expect(reader.poll()).toBe(true)
    expect(reader.next()?.text).toBe('ab')
  })
})

describe('an end of the connection', () => {
  // The original could not tell an end in mid-frame from a clean one.
  test.each([
    ['nothing', '', false],
    ['a whole message', '81 01 61', false],
    ['half a header', '81', true],
    ['half a payload', '81 02 61', true],
    ['half a control frame', '89 02 61', true],
    ['a first fragment', '01 01 61', true],
    ['a first fragment and a ping', '01 01 61 89 00', true],
    ['a whole message and a byte', '81 01 61 82', true],
    ['a close frame and a byte', '88 00 82', false],
    ['an error and a byte', '83 00 82', false],
  ])('after %s', (_, bytes, unfinished) => {
    const { reader, feed } = open()
    feed(bytes)
    expect(reader.isMidMessage).toBe(unfinished)
  })
})

describe('reset', () => {
  test.each([
    ['a fragmented message', '01 01 61'],
    ['half a frame', '82 05 01 02'],
    ['half a text with half a character', '81 05 61 c3'],
    ['messages that nobody took', '81 01 61 81 01 62'],
    ['an error', '83 00'],
    ['a close', '88 02 03 e8'],
  ])('after %s a fresh message is read as the first', (_, bytes) => {
    const { reader, feed } = open()
    reader.read(hex(bytes))
    reader.poll()
    reader.reset()
    expect(reader.error).toBeNull()
    expect(reader.isClosed).toBe(false)
    expect(reader.isMidMessage).toBe(false)
    expect(reader.buffered).toBe(0)
    expect(feed('81 02 68 69')).toEqual(['text hi'])
  })
  test('leaves no close code behind', () => {
    const { reader } = open()
    for (let i = 0; i < 8; i++) {
      reader.reset()
      reader.read(hex('88 02 03 e8'))
      reader.next()
    }
    reader.reset()
    reader.read(hex('81 01 61'))
    expect(reader.next()?.closeCode).toBeNull()
  })
})

describe('events', () => {
  test('are the same through every entry', () => {
    const bytes = concat(text('a', false), ping('!'), more('b'), frame({ opcode: 2, payload: new Uint8Array(300) }), hex('88 02 03 e8'))
    const collect = (feed: (reader: FrameReader) => void): DecodedEvent[] => {
      const reader = new FrameReader({ bufferCapacity: 1_024 })
      const events: DecodedEvent[] = []
      feed(reader)
      drain(reader, events)
      return events
    }
    const read = collect((reader) => reader.read(bytes))
    const spare = collect((reader) => {
      reader.spare().set(bytes)
      reader.filled(bytes.length)
    })
    const targets = collect((reader) => {
      const [target] = reader.targets(1, 512, 256) as [Uint8Array]
      target.set(bytes)
      reader.commit(target.byteOffset, bytes.length)
    })
    expect(read).toHaveLength(4)
    expect(spare).toEqual(read)
    expect(targets).toEqual(read)
  })
})
