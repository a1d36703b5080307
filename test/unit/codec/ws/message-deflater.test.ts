import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import type { FrameWriter } from '../../../../src/codec/ws/frame-writer.ts'
import { deflatedEnds, ZlibMessages } from '../../../helpers/deflated.ts'
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
