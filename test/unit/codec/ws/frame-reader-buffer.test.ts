import { describe, expect, test } from 'vitest'
import { CODEC_TEXT } from '../../../../src/codec/binary.ts'
import { Codec } from '../../../../src/codec/memory.ts'
import { webTextDecoding } from '../../../../src/codec/text.ts'
import { FrameReader } from '../../../../src/codec/ws/frame-reader.ts'
import { FrameReader as JudgedFrameReader } from '../../../../src/entry/codec.ts'
import { UsageError } from '../../../../src/errors.ts'
import type { DecodedEvent } from '../../../reference/decoder.ts'
import { cut, drain, feedSpare, feedTargets } from '../../../reference/feed.ts'
import { concat, frame, hex } from '../../../reference/frames.ts'
import { Random } from '../../../reference/random.ts'

const codec = new Codec(() => CODEC_TEXT, webTextDecoding())
const open = (options: ConstructorParameters<typeof FrameReader>[1] = {}): FrameReader =>
  new FrameReader(codec, { bufferCapacity: 1_024, ...options })
const binary = (length: number, fill = 1): Uint8Array => frame({ opcode: 2, payload: new Uint8Array(length).fill(fill) })

function thrown(action: () => unknown): UsageError {
  try {
    action()
  } catch (error) {
    if (error instanceof UsageError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('options', () => {
  test.each([
    ['bufferCapacity', 255],
    ['bufferCapacity', 16 * 1024 * 1024 + 1],
    ['bufferCapacity', 1_000.5],
    ['compactAt', -0.1],
    ['compactAt', 1.1],
    ['compactAt', Number.NaN],
    ['maxFrameSize', -1],
    ['maxFrameSize', 2 ** 31],
    ['maxMessageSize', -1],
    ['maxMessageSize', Number.POSITIVE_INFINITY],
    ['role', 'proxy'],
  ])('%s of %s is refused by name', (name, value) => {
    const error = thrown(() => new JudgedFrameReader({ [name]: value }))
    expect(error.code).toBe('InvalidOption')
    expect(error.message).toContain(name)
  })
  test.each([
    ['bufferCapacity', 256],
    ['bufferCapacity', 16 * 1024 * 1024],
    ['compactAt', 0],
    ['compactAt', 1],
    ['maxFrameSize', 0],
    ['maxFrameSize', 2 ** 31 - 1],
    ['maxMessageSize', 2 ** 31 - 1],
  ])('%s of %s is taken', (name, value) => {
    const reader = new JudgedFrameReader({ [name]: value })
    reader.read(hex('81 00'))
    expect(reader.next()?.kind).toBe('text')
    reader.release()
  })
})

describe('read', () => {
  test('is all or nothing, and tells what was needed and what there was', () => {
    const reader = open({ bufferCapacity: 256 })
    reader.read(binary(238).subarray(0, 240))
    const error = thrown(() => reader.read(new Uint8Array(32)))
    expect(error).toMatchObject({ code: 'BufferFull', needed: 32, available: 16 })
    expect(reader.buffered).toBe(240)
  })
  test('refuses more than the buffer, drained or not', () => {
    const reader = open({ bufferCapacity: 256 })
    expect(thrown(() => reader.read(new Uint8Array(257)))).toMatchObject({ code: 'BufferFull', needed: 257, available: 256 })
    reader.read(new Uint8Array(0))
    expect(reader.next()).toBeNull()
  })
  test.each([
    [255, true],
    [256, true],
    [257, false],
  ])('%i bytes into a buffer of 256: %s', (length, fits) => {
    const reader = open({ bufferCapacity: 256 })
    const bytes = binary(300).subarray(0, length)
    if (fits) reader.read(bytes)
    else expect(thrown(() => reader.read(bytes)).code).toBe('BufferFull')
  })
  test('makes room by moving what is left of a consumed buffer', () => {
    const reader = open({ bufferCapacity: 256, compactAt: 1 })
    reader.read(concat(binary(196), hex('82 28'), new Uint8Array(10)))
    expect(reader.next()?.length).toBe(196)
    expect(reader.next()).toBeNull()
    // 212 of 256 are used, 200 of them consumed: 100 more fit only after a move.
    reader.read(concat(new Uint8Array(30), binary(50, 7)))
    expect(reader.next()?.length).toBe(40)
    expect(reader.next()?.at(0)).toBe(7)
  })
  test('never moves messages that wait to be taken', () => {
    const reader = open({ bufferCapacity: 256 })
    reader.read(concat(binary(100, 1), binary(100, 2)))
    expect(reader.next()?.at(0)).toBe(1)
    expect(thrown(() => reader.read(binary(100, 3)))).toMatchObject({ code: 'BufferFull', available: 52 })
    expect(reader.next()?.at(99)).toBe(2)
    expect(reader.next()).toBeNull()
    reader.read(binary(100, 3))
    expect(reader.next()?.at(0)).toBe(3)
  })
  test('copies: the caller may reuse its bytes', () => {
    const reader = open({ role: 'server' })
    const bytes = frame({ opcode: 2, payload: [1, 2, 3], key: [9, 9, 9, 9] })
    const before = bytes.slice()
    reader.read(bytes)
    const message = reader.next()
    expect(bytes).toEqual(before)
    bytes.fill(0)
    expect([...(message?.bytes ?? [])]).toEqual([1, 2, 3])
  })
})

describe('spare and filled', () => {
  test('take bytes without a copy', () => {
    const reader = open()
    const spare = reader.spare()
    expect(spare.length).toBe(1_024)
    spare.set(hex('81 02 68 69'))
    reader.filled(4)
    const message = reader.next()
    expect(message?.bytes.buffer).toBe(spare.buffer)
    expect(message?.text).toBe('hi')
  })
  test.each([-1, 1_025, 1.5, Number.NaN])('filled(%d) is refused', (length) => {
    const reader = open()
    reader.spare()
    expect(thrown(() => reader.filled(length)).code).toBe('BufferFull')
    expect(reader.buffered).toBe(0)
  })
  test('filled(0) changes nothing', () => {
    const reader = open()
    reader.spare()
    reader.filled(0)
    expect(reader.next()).toBeNull()
    expect(reader.isDrained).toBe(true)
  })
  test('spare is empty when messages fill the buffer, and whole again when they are taken', () => {
    const reader = open({ bufferCapacity: 256 })
    reader.read(binary(252))
    expect(reader.poll()).toBe(true)
    expect(reader.spare().length).toBe(0)
    reader.next()
    expect(reader.next()).toBeNull()
    expect(reader.spare().length).toBe(256)
  })
})

describe('compaction', () => {
  const partial = (reader: FrameReader, consumed: number): void => {
    reader.read(concat(binary(consumed - 4), hex('82 7e 01')))
    reader.next()
    reader.next()
  }
  test('is due by default from half the buffer on', () => {
    for (const [consumed, due] of [
      [511, false],
      [512, true],
      [604, true],
    ] as const) {
      const reader = open()
      partial(reader, consumed)
      expect(reader.shouldCompact, `${consumed} consumed`).toBe(due)
    }
  })
  test('is never due with compactAt 1', () => {
    const reader = open({ compactAt: 1 })
    partial(reader, 1_000)
    expect(reader.shouldCompact).toBe(false)
  })
  test('with compactAt 0 is due as soon as anything is consumed', () => {
    const reader = open({ compactAt: 0 })
    reader.read(hex('82'))
    reader.next()
    expect(reader.shouldCompact).toBe(false)
    reader.read(hex('00 82'))
    reader.next()
    reader.next()
    expect(reader.shouldCompact).toBe(true)
  })
  test('rounds its threshold up: 0.1 of 256 is 26', () => {
    for (const [consumed, due] of [
      [25, false],
      [26, true],
    ] as const) {
      const reader = open({ bufferCapacity: 256, compactAt: 0.1 })
      reader.read(concat(frame({ opcode: 2, payload: new Uint8Array(consumed - 2) }), hex('82')))
      reader.next()
      reader.next()
      expect(reader.shouldCompact, `${consumed} consumed`).toBe(due)
    }
  })
  test('moves the unparsed bytes to the start and gives the room back', () => {
    const reader = open()
    partial(reader, 604)
    expect(reader.remaining).toBe(1_024 - 607)
    reader.compact()
    expect(reader.remaining).toBe(1_024 - 3)
    expect(reader.buffered).toBe(3)
    reader.read(concat(hex('00'), new Uint8Array(256).fill(5)))
    expect(reader.next()?.length).toBe(256)
  })
  test('does nothing while messages wait', () => {
    const reader = open()
    reader.read(concat(binary(500), binary(10, 9)))
    reader.next()
    reader.compact()
    expect(reader.next()?.at(9)).toBe(9)
  })
  test('happens in the middle of a masked text without harm', () => {
    const reader = open({ role: 'server', bufferCapacity: 256, compactAt: 0 })
    const payload = new TextEncoder().encode('ä€😀'.repeat(20))
    const bytes = frame({ opcode: 1, payload, key: [1, 2, 3, 4] })
    const events: DecodedEvent[] = []
    reader.read(frame({ opcode: 2, payload: new Uint8Array(50), key: [0, 0, 0, 0] }))
    drain(reader, events)
    for (const piece of cut(bytes, [7, 20, 21, 90, 150])) {
      reader.read(piece)
      drain(reader, events)
      reader.compact()
    }
    expect(events.map((e) => new TextDecoder().decode(e.bytes))[1]).toBe('ä€😀'.repeat(20))
  })
})

describe('a frame and the buffer', () => {
  test.each([251, 252, 253, 254, 255, 256, 257, 300, 10_000])('a payload of %i bytes passes a buffer of 256', (length) => {
    const payload = new Random(length).bytes(length)
    for (const role of ['client', 'server'] as const) {
      const reader = open({ role, bufferCapacity: 256 })
      const bytes = concat(
        frame({ opcode: 2, payload, key: role === 'server' ? [1, 2, 3, 4] : undefined }),
        frame({ opcode: 1, payload: [0x61], key: role === 'server' ? [1, 2, 3, 4] : undefined }),
      )
      const { events, unfinished } = feedSpare(reader, [bytes])
      expect(events.map((e) => e.kind)).toEqual(['binary', 'text'])
      expect(Buffer.compare(events[0]?.bytes as Uint8Array, payload)).toBe(0)
      expect(unfinished).toBe(false)
    }
  })
  test('a message in place is a view of the buffer, one in parts is not', () => {
    const reader = open({ bufferCapacity: 256 })
    reader.read(binary(100))
    expect(reader.next()?.bytes.buffer).toBe(reader.u8.buffer)
    const bytes = binary(400)
    for (const piece of [bytes.subarray(0, 200), bytes.subarray(200)]) {
      reader.next()
      reader.read(piece)
    }
    const message = reader.next()
    expect(message?.length).toBe(400)
    expect(message?.bytes.buffer).not.toBe(reader.u8.buffer)
  })
  test('the assembly buffer is kept from message to message', () => {
    const reader = open()
    const message = concat(frame({ opcode: 2, fin: false, payload: new Uint8Array(300) }), frame({ opcode: 0, payload: new Uint8Array(300) }))
    reader.read(message)
    reader.next()
    const first = reader.assembly
    expect(first.length).toBeGreaterThanOrEqual(600)
    for (let i = 0; i < 10; i++) {
      expect(reader.next()).toBeNull()
      reader.read(message)
      expect(reader.next()?.length).toBe(600)
    }
    expect(reader.assembly).toBe(first)
  })
  /** A message in fragments, all but the last of `size` bytes. */
  const fragments = (length: number, size: number): Uint8Array[] =>
    Array.from({ length: Math.ceil(length / size) }, (_, i) =>
      frame({ opcode: i === 0 ? 2 : 0, fin: (i + 1) * size >= length, payload: new Uint8Array(Math.min(size, length - i * size)) }),
    )
  test.each([
    ['16 MiB, by default', 16 * 1024 * 1024, undefined, 1024 * 1024],
    ['a limit that is no power of two', 300_000, 300_000, 1_000],
    ['a limit below the first array', 1_000, 1_000, 300],
  ])('an assembly buffer grows with what arrives, and never past maxMessageSize: %s', (_, length, maxMessageSize, size) => {
    const reader = open({ bufferCapacity: 2 * 1024 * 1024, ...(maxMessageSize === undefined ? {} : { maxMessageSize }) })
    let arrived = 0
    for (const piece of fragments(length, size)) {
      reader.read(piece)
      arrived += size
      const message = reader.next()
      expect(reader.assembly.length).toBeLessThanOrEqual(Math.min(length, Math.max(4_096, 2 * arrived)))
      if (message !== null) expect(message.length).toBe(length)
    }
    expect(reader.assembly.length).toBe(length)
  })
  test('a frame that only says that it is large takes no memory for it', () => {
    const reader = open()
    // 16 MiB are announced.
    reader.read(concat(hex('82 7f 00 00 00 00 01 00 00 00'), new Uint8Array(50)))
    expect(reader.next()).toBeNull()
    expect(reader.assembly.length).toBeLessThanOrEqual(4_096)
  })
  test.each([
    ['next', (reader: FrameReader) => reader.next()],
    ['poll', (reader: FrameReader) => reader.poll()],
  ])('an idle reader holds nothing of a large message that was taken, from the call of %s on that makes it stale', (_, go) => {
    const reader = open({ bufferCapacity: 128 * 1024 })
    for (const length of [2 * 1024 * 1024, 131_073]) {
      expect(feedSpare(reader, [frame({ opcode: 2, payload: new Uint8Array(length) })]).events[0]?.bytes.length).toBe(length)
      go(reader)
      expect(reader.assembly.length).toBe(0)
    }
    // One that is small is kept: the next message in parts costs nothing.
    for (const piece of fragments(50_000, 30_000)) reader.read(piece)
    expect(reader.next()?.length).toBe(50_000)
    go(reader)
    expect(reader.assembly.length).toBe(60_000)
  })
  test('large messages that follow each other share a buffer; a small one never takes it', () => {
    const reader = open({ bufferCapacity: 128 * 1024 })
    const large = [frame({ opcode: 2, payload: new Uint8Array(1_200_000) })]
    const buffers: Uint8Array[] = []
    for (let i = 0; i < 3; i++) {
      for (const piece of cut(large[0] as Uint8Array, [100_000])) {
        for (let rest = piece; rest.length > 0; ) {
          const spare = reader.spare()
          spare.set(rest.subarray(0, spare.length))
          const { length } = spare
          reader.filled(Math.min(length, rest.length))
          rest = rest.subarray(length)
          if (reader.poll()) buffers.push(reader.assembly)
        }
      }
      expect(reader.next()?.length).toBe(1_200_000)
      expect(reader.next()).toBeNull()
    }
    expect(buffers.map((buffer) => buffer === buffers[0])).toEqual([true, true, true])
    for (const piece of fragments(2_000, 1_000)) reader.read(piece)
    expect(reader.next()?.length).toBe(2_000)
    expect(reader.assembly.length).toBe(4_096)
  })
  test('a large message that is not taken yet, or still held, is not let go', () => {
    const reader = open({ bufferCapacity: 128 * 1024 })
    const payload = new Uint8Array(200_000).fill(7)
    const pieces = cut(frame({ opcode: 2, payload }), [50_000, 100_000, 150_000])
    for (const piece of pieces) {
      reader.poll()
      reader.read(piece)
    }
    expect(reader.poll()).toBe(true)
    expect(reader.poll()).toBe(true)
    const message = reader.next()
    expect(Buffer.compare(message?.bytes as Uint8Array, payload)).toBe(0)
  })
})

describe('limits', () => {
  const sizes = [
    ['maxFrameSize', 'PayloadTooLarge'],
    ['maxMessageSize', 'MessageTooLarge'],
  ] as const
  describe.each(sizes)('%s', (name, code) => {
    test.each([0, 1, 10, 125, 126, 1_000, 65_535, 65_536])('of %i: one less and as much pass, one more fails from its header', (limit) => {
      for (const length of [limit - 1, limit].filter((n) => n >= 0)) {
        const reader = open({ [name]: limit })
        expect(feedSpare(reader, [binary(length)]).events[0]?.bytes.length).toBe(length)
        expect(reader.error).toBeNull()
        reader.release()
      }
      const reader = open({ [name]: limit })
      const bytes = binary(limit + 1)
      reader.read(bytes.subarray(0, bytes.length - limit - 1))
      expect(reader.next()).toBeNull()
      expect(reader.error).toMatchObject({ code, detail: { max: limit } })
      reader.release()
    })
  })
  test('a message of 14 bytes in two fragments is over a limit of 10', () => {
    const reader = open({ maxMessageSize: 10 })
    reader.read(concat(frame({ opcode: 1, fin: false, payload: new Uint8Array(7) }), frame({ opcode: 0, payload: new Uint8Array(7) })))
    expect(reader.next()).toBeNull()
    expect(reader.error).toMatchObject({ code: 'MessageTooLarge', detail: { accumulated: 14, max: 10 } })
  })
  test('endless empty fragments take no memory', () => {
    const reader = open()
    reader.read(hex('02 00'))
    for (let i = 0; i < 2_000; i++) {
      reader.read(new Uint8Array(512))
      expect(reader.next()).toBeNull()
    }
    expect(reader.assembly.length).toBe(0)
    expect(reader.isMidMessage).toBe(true)
  })
  test.each([
    [124, null],
    [125, null],
    [126, 'ControlFrameTooLarge'],
  ])('a ping of %i bytes: %s', (length, code) => {
    const reader = open()
    reader.read(frame({ opcode: 9, payload: new Uint8Array(length) }))
    expect(reader.next()?.length ?? null).toBe(code === null ? length : null)
    expect(reader.error?.code ?? null).toBe(code)
  })
})

describe('read targets', () => {
  test('lie inside the buffer, apart from each other and from its start', () => {
    const reader = open({ bufferCapacity: 4_096 })
    const spare = reader.spare()
    for (const [count, bytes, inPlace] of [
      [1, 2_048, 256],
      [2, 1_024, 256],
      [2, 1_536, 512],
      [1, 3_000, 1_000],
    ] as const) {
      const targets = reader.targets(count, bytes, inPlace)
      expect(targets).toHaveLength(count)
      const bounds = targets.flatMap((t) => [t.byteOffset, t.byteOffset + t.length])
      expect(bounds).toEqual([...bounds].sort((a, b) => a - b))
      expect(bounds[0]).toBeGreaterThanOrEqual(spare.byteOffset + 139)
      expect(bounds.at(-1)).toBeLessThanOrEqual(spare.byteOffset + 4_096)
      for (const target of targets) expect(target.length).toBe(bytes)
    }
  })
  test('that the buffer has no room for are refused', () => {
    const reader = open({ bufferCapacity: 4_096 })
    expect(() => reader.targets(2, 1_536, 513)).toThrow(RangeError)
    expect(() => reader.targets(1, 3_000, 1_097)).toThrow(RangeError)
    expect(() => reader.targets(1, 2_048, 512, 511)).toThrow(RangeError)
  })
  test('a single target may be filled again as soon as next has returned null', () => {
    const reader = open({ bufferCapacity: 2_048 })
    const [target] = reader.targets(1, 256, 512) as [Uint8Array]
    target.set(hex('82 0a 01 02 03'))
    reader.commit(target.byteOffset, 5)
    expect(reader.next()).toBeNull()
    target.fill(0xee)
    target.set(hex('04 05 06 07 08 09 0a'))
    reader.commit(target.byteOffset, 7)
    expect([...(reader.next()?.bytes ?? [])]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })
  test('the second target may be filled while messages of the first are in use, and the other way round', () => {
    const reader = open({ bufferCapacity: 2_048 })
    const [a, b] = reader.targets(2, 64, 256) as [Uint8Array, Uint8Array]
    a.set(hex('82 0a 01 02 03'))
    reader.commit(a.byteOffset, 5)
    expect(reader.next()).toBeNull()
    b.set(hex('04 05 06 07 08 09 0a 82 04 01'))
    reader.commit(b.byteOffset, 10)
    const message = reader.next()
    // The read ahead.
    a.fill(0xee)
    a.set(hex('02 03 04'))
    expect([...(message?.bytes ?? [])]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(reader.next()).toBeNull()
    reader.commit(a.byteOffset, 3)
    b.fill(0xdd)
    expect([...(reader.next()?.bytes ?? [])]).toEqual([1, 2, 3, 4])
  })
  test('a close message keeps its reason while bytes arrive behind it', () => {
    const reader = open({ bufferCapacity: 2_048 })
    const [target] = reader.targets(1, 256, 512) as [Uint8Array]
    target.set(hex('88 05 03 e8 62 79 65'))
    reader.commit(target.byteOffset, 7)
    const message = reader.next()
    target.fill(0xee)
    reader.commit(target.byteOffset, 256)
    expect(message?.text).toBe('bye')
    expect(message?.closeCode).toBe(1000)
    expect(reader.next()).toBeNull()
    expect(reader.error).toBeNull()
  })
  test.each([
    ['88 05 03 e8 62 79 65', 1000, 'bye'],
    ['88 02 03 e9', 1001, ''],
    ['88 00', 1005, ''],
  ])('the close message %j outlives the memory of its reader', (bytes, code, reason) => {
    const reader = open()
    reader.read(hex(bytes))
    const message = reader.next()
    reader.retire()
    expect([message?.kind, message?.closeCode, message?.text]).toEqual(['close', code, reason])
    expect(reader.next()).toBeNull()
    expect(() => message?.text).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
  })
  test.each([139, 140, 255, 256, 257, 600])('a frame around the in-place limit comes whole (%i bytes)', (size) => {
    for (const count of [1, 2] as const) {
      const reader = open({ bufferCapacity: 4_096 })
      const targets = reader.targets(count, 100, 256)
      const bytes = concat(binary(size - (size < 128 ? 2 : 4), 3), binary(size, 4), frame({ opcode: 9, payload: new Uint8Array(125) }))
      const { events, unfinished } = feedTargets(reader, targets, [bytes])
      expect(events.map((e) => [e.kind, e.bytes.length, new Set(e.bytes).size])).toEqual([
        ['binary', size - 4, 1],
        ['binary', size, 1],
        ['ping', 125, 1],
      ])
      expect(unfinished).toBe(false)
    }
  })
})

describe('linear memory', () => {
  test('never grows, and no view is detached, whatever passes through', () => {
    const own = new Codec(() => CODEC_TEXT, webTextDecoding())
    const reader = new FrameReader(own, { bufferCapacity: 4_096, maxMessageSize: 64 * 1024 * 1024 })
    const { buffer } = reader.u8
    const { byteLength } = buffer
    const spare = reader.spare()
    const payload = new Uint8Array(1024 * 1024)
    for (let i = 0; i < 8; i++) expect(feedSpare(reader, [frame({ opcode: 2, payload })]).events[0]?.bytes.length).toBe(payload.length)
    expect(reader.u8.buffer).toBe(buffer)
    expect(buffer.byteLength).toBe(byteLength)
    expect(spare.length).toBe(4_096)
    expect(own.memoryCount).toBe(1)
  })
  test('cannot grow: its maximum is its size', () => {
    const made: WebAssembly.MemoryDescriptor[] = []
    const { Memory } = WebAssembly
    WebAssembly.Memory = class extends Memory {
      constructor(descriptor: WebAssembly.MemoryDescriptor) {
        made.push(descriptor)
        super(descriptor)
      }
    }
    try {
      new FrameReader(new Codec(() => CODEC_TEXT, webTextDecoding()))
    } finally {
      WebAssembly.Memory = Memory
    }
    expect(made).toHaveLength(1)
    expect(made[0]?.maximum).toBe(made[0]?.initial)
  })
  test('a released reader gives all of it back, once', () => {
    const own = new Codec(() => CODEC_TEXT, webTextDecoding())
    const keep = new FrameReader(own, { bufferCapacity: 4_096 })
    const places = Array.from({ length: 3 }, () => {
      const reader = new FrameReader(own, { bufferCapacity: 4_096 })
      const { byteOffset } = reader.spare()
      reader.release()
      reader.release()
      return byteOffset
    })
    expect(new Set(places).size).toBe(1)
    keep.read(hex('81 01 61'))
    expect(keep.next()?.text).toBe('a')
  })
  test('a stream’s reader that is asked once more, after its end, leaves the memory’s new owner alone', () => {
    const own = new Codec(() => CODEC_TEXT, webTextDecoding())
    const old = new FrameReader(own, { bufferCapacity: 2_048 })
    old.targets(1, 512, 256)
    old.retire()
    const reader = new FrameReader(own, { bufferCapacity: 2_048 })
    reader.read(hex('81 05 48 65 6c'))
    expect(reader.next()).toBeNull()
    const before = reader.u8.slice(4_096, 4_096 + 16_384)
    expect([old.next(), old.poll(), old.error, old.isClosed, old.isMidMessage]).toEqual([null, false, null, false, false])
    expect(Buffer.compare(reader.u8.subarray(4_096, 4_096 + 16_384), before)).toBe(0)
    reader.read(hex('6c 6f'))
    expect(reader.next()?.text).toBe('Hello')
  })
  test('readers do not see each other’s bytes', () => {
    const own = new Codec(() => CODEC_TEXT, webTextDecoding())
    const readers = Array.from({ length: 20 }, () => new FrameReader(own, { bufferCapacity: 256 }))
    for (const [i, reader] of readers.entries()) reader.read(frame({ opcode: 2, payload: new Uint8Array(250).fill(i) }))
    readers.forEach((reader, i) => {
      const message = reader.next()
      expect(new Set(message?.bytes)).toEqual(new Set([i]))
    })
    expect(own.memoryCount).toBe(1)
  })
  test('a reader starts clean in memory that another one left full', () => {
    const own = new Codec(() => CODEC_TEXT, webTextDecoding())
    const first = new FrameReader(own, { bufferCapacity: 256, role: 'server' })
    first.read(hex('01 85 01 02 03 04 60'))
    first.next()
    first.release()
    const second = new FrameReader(own, { bufferCapacity: 256 })
    expect([second.isMidMessage, second.isClosed, second.error, second.buffered]).toEqual([false, false, null, 0])
    second.read(hex('81 01 61'))
    expect(second.next()?.text).toBe('a')
  })
})
