import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { FrameWriter } from '../../../../src/codec/ws/frame-writer.ts'
import { MessageDeflater } from '../../../../src/codec/ws/message-deflater.ts'
import { MessageInflater } from '../../../../src/codec/ws/message-inflater.ts'
import { deflatedEnds, makeCodec, ZlibMessages } from '../../../helpers/deflated.ts'
import { Random } from '../../../reference/random.ts'

/** The one frame that the writer holds: its first byte and payload. */
function taken(writer: FrameWriter): { first: number; payload: Uint8Array } {
  const bytes = writer.data()
  const short = (bytes[1] as number) & 127
  const header = short === 126 ? 4 : short === 127 ? 10 : 2
  const payload = bytes.slice(header)
  const first = bytes[0] as number
  writer.advance(bytes.length)
  return { first, payload }
}

const json = (count: number): Uint8Array =>
  Buffer.from(JSON.stringify(Array.from({ length: count }, (_, i) => ({ price: (i * 7_919) % 1_000, quantity: (i * 31) % 97 }))))

describe.each([8, 9, 11, 15])('a window of %i bits', (windowBits) => {
  test.each([false, true])('zlib reads every message (no takeover: %s)', (noContextTakeover) => {
    const { writer } = deflatedEnds(windowBits, noContextTakeover, { role: 'server' })
    let zlib = new ZlibMessages({ windowBits: Math.max(9, windowBits) })
    const random = new Random(windowBits)
    for (let i = 0; i < 40; i++) {
      if (noContextTakeover) zlib = new ZlibMessages({ windowBits: Math.max(9, windowBits) })
      const message = random.oneIn(3) ? random.bytes(random.below(9_000)) : json(random.below(400))
      writer.deflate(message)
      expect(writer.encodeDeflated(i % 2 === 0 ? 'text' : 'binary')).toBe(true)
      const { first, payload } = taken(writer)
      expect(first).toBe(i % 2 === 0 ? 0xc1 : 0xc2)
      expect(Buffer.compare(zlib.expand(payload), message), `message ${i}`).toBe(0)
    }
  })
})

describe('memory', () => {
  test.each([9, 10, 11, 12, 13, 14, 15])('for sending with %i bits: none before the first compressed message, then at most 160 KiB', (windowBits) => {
    const { reader, writer, inflating } = deflatedEnds(windowBits, false, { bufferCapacity: 8_192 }, makeCodec())
    const bytes = MessageDeflater.regionBytes(windowBits)
    expect(bytes).toBeLessThanOrEqual(160 * 1024)
    // Nothing was received, so that what compresses comes next in the region.
    const part = reader.u8.subarray(inflating, inflating + bytes).fill(0xa5)
    const isUntouched = (): boolean => part.every((byte) => byte === 0xa5)
    for (let i = 0; i < 100; i++) {
      writer.encodeText('not compressed')
      writer.advance(writer.length)
    }
    expect(isUntouched()).toBe(true)
    const behind = reader.u8.slice(inflating + bytes, inflating + bytes + 256)
    for (const message of [json(300), json(5_000)]) {
      writer.deflate(message)
      writer.detachedDeflated('text')
    }
    expect(isUntouched()).toBe(false)
    expect(reader.u8.slice(inflating + bytes, inflating + bytes + 256)).toEqual(behind)
  })

  test('is what docs/compression.md says', () => {
    const page = readFileSync(new URL('../../../../docs/compression.md', import.meta.url), 'utf8')
    const kib = (bytes: number): string => `${Math.ceil(bytes / 512) / 2} KiB`
    const row = (of: { regionBytes(windowBits: number): number }): string => `${kib(of.regionBytes(9))} (9) to ${kib(of.regionBytes(15))} (15)`
    expect(page).toContain(`| with takeover, by bits of the window | ${row(MessageInflater)} | ${row(MessageDeflater)} |`)
  })
})

test('what the buffer has no room for leaves whole, on the heap', () => {
  const { writer } = deflatedEnds(15, false, { role: 'server' })
  const zlib = new ZlibMessages()
  const noise = new Random(1).bytes(300_000)
  for (const message of [noise, json(10), noise.subarray(0, 100_000), json(50_000)]) {
    writer.deflate(message)
    const frame = writer.detachedDeflated('binary')
    expect(frame[0]).toBe(0xc2)
    const header = frame[1] === 127 ? 10 : frame[1] === 126 ? 4 : 2
    expect(Buffer.compare(zlib.expand(frame.subarray(header)), message)).toBe(0)
  }
})

test('what one end compresses, masked or not, the other inflates', () => {
  for (const role of ['client', 'server'] as const) {
    const { writer } = deflatedEnds(15, false, { role })
    const { reader } = deflatedEnds(15, false, { role: role === 'client' ? 'server' : 'client' })
    for (let count = 0; count < 600; count += 37) {
      const message = json(count)
      writer.deflate(message)
      expect(writer.encodeDeflated('text')).toBe(true)
      reader.read(writer.data())
      writer.advance(writer.length)
      expect(reader.next()?.text).toBe(message.toString())
    }
  }
})

describe('a message that became no frame', () => {
  test.each<[string, (writer: FrameWriter) => void]>([
    ['was compressed, and then something threw', () => {}],
    [
      'was dropped with the buffer',
      (writer) => {
        writer.encodeDeflated('text')
        writer.reset()
      },
    ],
  ])('%s: the next one does not refer to it', (_, lose) => {
    const { writer } = deflatedEnds(15, false, { role: 'server' })
    writer.deflate(json(100))
    lose(writer)
    const zlib = new ZlibMessages()
    for (let i = 0; i < 2; i++) {
      writer.deflate(json(100))
      expect(writer.encodeDeflated('text')).toBe(true)
      expect(Buffer.compare(zlib.expand(taken(writer).payload), json(100))).toBe(0)
    }
  })
})
