import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { FrameReader } from '../../../../src/codec/ws/frame-reader.ts'
import type { Message } from '../../../../src/codec/ws/message.ts'
import { deflatedEnds, makeCodec } from '../../../helpers/deflated.ts'
import { frame, utf8 } from '../../../reference/frames.ts'

const TEXT = JSON.stringify(Array.from({ length: 50 }, (_, i) => ({ price: (i * 7_919) % 997, size: 'é' })))

function messageOf(reader: FrameReader, payload: Uint8Array): Message {
  reader.read(frame({ opcode: 2, payload }))
  return reader.next() as Message
}

const open = (options = {}): FrameReader => deflatedEnds(15, false, options).reader

describe('a payload that the application has compressed', () => {
  test.each([
    ['gzip', gzipSync(TEXT)],
    ['deflate', deflateSync(TEXT)],
    ['deflate-raw', deflateRawSync(TEXT)],
    ['deflate-raw', deflateRawSync(TEXT, { finishFlush: 2 })],
  ] as const)('%s', (format, payload) => {
    const reader = open()
    for (let i = 0; i < 3; i++) {
      const message = messageOf(reader, payload)
      expect(message.inflateText(format)).toBe(TEXT)
      expect(message.inflate(format)).toEqual(utf8(TEXT))
      expect(message.length).toBe(payload.length)
    }
  })
  test.each([
    ['nothing', new Uint8Array(0), 'UnexpectedEnd'],
    ['something else', utf8(TEXT), 'InvalidHeader'],
    ['half of it', gzipSync(TEXT).subarray(0, 60), 'UnexpectedEnd'],
    ['more than it', new Uint8Array([...gzipSync(TEXT), 0]), 'UnexpectedData'],
  ])('%s is refused, and the next is not', (_, payload, code) => {
    const reader = open()
    expect(() => messageOf(reader, payload).inflate('gzip')).toThrow(expect.objectContaining({ code }))
    expect(messageOf(reader, gzipSync(TEXT)).inflateText('gzip')).toBe(TEXT)
  })
  test.each([99, 100, 101])('100 bytes, and a limit of %i', (maxSize) => {
    const payload = gzipSync('x'.repeat(100))
    for (const [reader, options] of [
      [open({ maxMessageSize: maxSize }), undefined],
      [open(), { maxSize }],
    ] as const) {
      const message = messageOf(reader, payload)
      if (maxSize < 100) expect(() => message.inflate('gzip', options)).toThrow(expect.objectContaining({ code: 'OutputTooLarge', max: 99 }))
      else expect(message.inflate('gzip', options).length).toBe(100)
    }
  })
  test('what comes out is a view of linear memory, for as long as the message, whatever else is asked of that', () => {
    const reader = open()
    const message = messageOf(reader, gzipSync(TEXT))
    const view = message.inflate('gzip')
    expect(view.buffer === reader.u8.buffer).toBe(true)
    expect(message.inflateText('gzip')).toBe(TEXT)
    expect(() => message.inflate('gzip', { maxSize: 10 })).toThrow(expect.objectContaining({ code: 'OutputTooLarge' }))
    expect(() => message.inflate('deflate')).toThrow(expect.objectContaining({ code: 'InvalidHeader' }))
    expect(message.inflate('gzip', { maxSize: 10_000 })).toEqual(view)
    expect(view).toEqual(utf8(TEXT))
  })
  test.each([1, 65_535, 65_536, 65_537, 1_000_000])('%i bytes, of a payload of few bytes and of as many', (size) => {
    const reader = open({ bufferCapacity: 2 << 20 })
    for (const level of [0, 9]) {
      const payload = gzipSync(new Uint8Array(size).fill(65), { level })
      expect(Buffer.compare(messageOf(reader, payload).inflate('gzip'), Buffer.alloc(size, 65))).toBe(0)
      expect(messageOf(reader, payload).inflateText('gzip') === 'A'.repeat(size)).toBe(true)
    }
  })
  test('wrong formats and options are refused', () => {
    const message = messageOf(open(), gzipSync(TEXT))
    for (const call of [
      () => message.inflate('br' as never),
      () => message.inflateText(undefined as never),
      () => message.inflate('gzip', { maxSize: -1 }),
      () => message.inflate('gzip', { max: 1 } as never),
    ])
      expect(call).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
    expect(() => message.inflate('gzip', null as never)).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
  })
  test('a message that outlives its reader is inflated, and leaves nothing behind', () => {
    const codec = makeCodec()
    const used = (): number => {
      const region = codec.region(64)
      region.release()
      return (region.memory as unknown as { used: number }).used
    }
    const reader = new FrameReader(codec, { bufferCapacity: 4_096 })
    const payload = gzipSync(TEXT, { level: 0 })
    // In two fragments, so that it is put together on the heap.
    for (const bytes of [frame({ fin: false, opcode: 2, payload: payload.subarray(0, 20) }), frame({ opcode: 0, payload: payload.subarray(20) })]) {
      reader.read(bytes)
    }
    const message = reader.next()
    reader.retire()
    expect(message?.inflateText('gzip')).toBe(TEXT)
    expect(used()).toBe(0)
  })

  test('a stale message has none, and a reader that is released gives the memory of its inflaters back', () => {
    const codec = makeCodec()
    const take = (): number => {
      const region = codec.region(64)
      region.release()
      return region.start
    }
    const reader = new FrameReader(codec, { bufferCapacity: 4_096 })
    const before = take()
    const message = messageOf(reader, gzipSync(TEXT))
    expect(message.inflateText('gzip')).toBe(TEXT)
    expect(take()).toBeGreaterThan(before)
    reader.release()
    expect(take()).toBeLessThanOrEqual(before)
    expect(() => message.inflate('gzip')).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
  })
})
