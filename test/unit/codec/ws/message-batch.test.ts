/** Batches: what `next` would give one by one, as columns. */

import { describe, expect, test } from 'vitest'
import { CODEC_TEXT } from '../../../../src/codec/binary.ts'
import { Codec } from '../../../../src/codec/memory.ts'
import { webTextDecoding } from '../../../../src/codec/text.ts'
import { FrameReader } from '../../../../src/codec/ws/frame-reader.ts'
import type { MessageBatch } from '../../../../src/codec/ws/message-batch.ts'
import { ReaderPlace } from '../../../../src/codec/ws/places.ts'
import { deflatedEnds, makeCodec, ZlibMessages } from '../../../helpers/deflated.ts'
import { frame } from '../../../reference/frames.ts'
import { Random } from '../../../reference/random.ts'

const codec = new Codec(() => CODEC_TEXT, webTextDecoding())
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const OPCODES: Readonly<Record<string, number>> = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 }

type Entry = [opcode: number, payload: string]

function entries({ count, kinds, offsets, lengths, bytes }: MessageBatch): Entry[] {
  return Array.from({ length: count }, (_, i) => {
    const from = offsets[i] as number
    return [kinds[i] as number, Buffer.from(bytes.subarray(from, from + (lengths[i] as number))).toString('latin1')]
  })
}

/** What `next` gives of the same bytes. */
function byNext(reader: FrameReader): Entry[] {
  const all: Entry[] = []
  for (let m = reader.next(); m !== null; m = reader.next()) all.push([OPCODES[m.kind] as number, Buffer.from(m.bytes).toString('latin1')])
  return all
}

function open(...frames: Uint8Array[]): FrameReader {
  const reader = new FrameReader(codec, { role: 'client' })
  reader.read(Buffer.concat(frames))
  return reader
}

test('text, binary, pings and pongs in place are one batch; null when nothing is left', () => {
  const reader = open(
    frame({ opcode: 1, payload: utf8('a') }),
    frame({ opcode: 9, payload: utf8('p') }),
    frame({ opcode: 2, payload: utf8('bc') }),
    frame({ opcode: 10 }),
    frame({ opcode: 1 }),
  )
  expect(entries(reader.batch() as MessageBatch)).toEqual([
    [1, 'a'],
    [9, 'p'],
    [2, 'bc'],
    [10, ''],
    [1, ''],
  ])
  expect([reader.batch(), reader.next()]).toEqual([null, null])
})

test('a message that was put together and a close are alone', () => {
  const reader = open(
    frame({ opcode: 2, payload: utf8('x') }),
    frame({ opcode: 1, fin: false, payload: utf8('one ') }),
    frame({ opcode: 9, payload: utf8('between') }),
    frame({ opcode: 0, payload: utf8('message') }),
    frame({ opcode: 2, payload: utf8('y') }),
    frame({ opcode: 8, payload: [3, 233, 0x62, 0x79] }),
  )
  const seen: [Entry[], number | null][] = []
  for (let batch = reader.batch(); batch !== null; batch = reader.batch()) seen.push([entries(batch), batch.closeCode])
  expect(seen).toEqual([
    [[[2, 'x']], null],
    [[[9, 'between']], null],
    [[[1, 'one message']], null],
    [[[2, 'y']], null],
    [[[8, 'by']], 1001],
  ])
  expect(reader.isClosed).toBe(true)
})

test('random frames in any cut give what next gives, in either role, with next between', () => {
  const random = new Random(3)
  for (const role of ['client', 'server'] as const) {
    for (let round = 0; round < 5; round++) {
      const key = role === 'server' ? [...random.bytes(4)] : undefined
      const frames = Array.from({ length: 300 }, () => {
        const payload = random.bytes(random.pick([0, 1, 20, 20, 125, 126, 700])).map((byte) => byte & 127)
        if (random.oneIn(30)) return Buffer.concat([frame({ opcode: 2, fin: false, payload, key }), frame({ opcode: 0, payload, key })])
        return frame({ opcode: random.pick([1, 2, 2, 9, 10]), payload: payload.subarray(0, 125), key })
      })
      const bytes = Buffer.concat(frames)
      const [one, other] = [0, 1].map(() => new FrameReader(codec, { role, capacity: 65_536 } as never)) as [FrameReader, FrameReader]
      const seen: Entry[] = []
      const expected: Entry[] = []
      for (let at = 0; at < bytes.length; ) {
        const part = bytes.subarray(at, at + 1 + random.below(9_000))
        at += part.length
        one.read(part)
        other.read(part)
        for (;;) {
          if (random.oneIn(4)) {
            const message = one.next()
            if (message === null) break
            seen.push([OPCODES[message.kind] as number, Buffer.from(message.bytes).toString('latin1')])
          } else {
            const batch = one.batch()
            if (batch === null) break
            seen.push(...entries(batch))
          }
        }
        expected.push(...byNext(other))
      }
      expect(seen).toEqual(expected)
      one.release()
      other.release()
    }
  }
})

test('more than 1,024 messages are several batches', () => {
  const reader = open(...Array.from({ length: 2_500 }, (_, i) => frame({ opcode: 2, payload: [i & 255] })))
  const counts: number[] = []
  let next = 0
  for (let batch = reader.batch(); batch !== null; batch = reader.batch()) {
    counts.push(batch.count)
    for (const [kind, payload] of entries(batch)) expect([kind, payload.charCodeAt(0)]).toEqual([2, next++ & 255])
  }
  expect(counts).toEqual([1_024, 1_024, 452])
})

describe('borrowed', () => {
  const uses: Record<string, (batch: MessageBatch) => unknown> = {
    count: (batch) => batch.count,
    kinds: (batch) => batch.kinds,
    offsets: (batch) => batch.offsets,
    lengths: (batch) => batch.lengths,
    bytes: (batch) => batch.bytes,
    closeCode: (batch) => batch.closeCode,
  }
  const ends: Record<string, (reader: FrameReader) => unknown> = {
    batch: (reader) => reader.batch(),
    next: (reader) => reader.next(),
    reset: (reader) => reader.reset(),
    release: (reader) => reader.release(),
  }
  test.each(Object.entries(ends))('stale after %s, and what was taken before it, too', (_, end) => {
    const payload = utf8('a')
    const reader = open(frame({ opcode: 2, payload }))
    const message = reader.next()
    reader.read(Buffer.concat([frame({ opcode: 2, payload }), frame({ opcode: 1, fin: false, payload }), frame({ opcode: 0, payload })]))
    const batch = reader.batch() as MessageBatch
    expect(() => message?.text).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
    end(reader)
    for (const use of Object.values(uses)) expect(() => use(batch)).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
  })

  test('nothing is made for a batch of the same places: columns and bytes are the same ones', () => {
    const reader = open()
    const bytes = Buffer.concat(Array.from({ length: 100 }, () => frame({ opcode: 2, payload: utf8('abc') })))
    const made = new Set<unknown>()
    for (let i = 0; i < 100; i++) {
      reader.read(bytes)
      const batch = reader.batch() as MessageBatch
      for (const each of [batch, batch.kinds, batch.offsets, batch.lengths, batch.bytes]) made.add(each)
      expect(reader.batch()).toBeNull()
    }
    expect(made.size).toBe(8 + 3 + 1)
  })

  test('nothing is made for the batches of a read of which there are several', () => {
    const reader = open()
    const bytes = Buffer.concat(Array.from({ length: 3_000 }, () => frame({ opcode: 2, payload: utf8('ab') })))
    const views = new Set<Uint8Array>()
    for (let i = 0; i < 3; i++) {
      reader.read(bytes)
      for (let batch = reader.batch(); batch !== null; batch = reader.batch()) views.add(batch.bytes)
    }
    expect(views.size).toBe(1)
  })

  test('bytes shows nothing but what this reader has received', () => {
    const own = new Codec(() => CODEC_TEXT, webTextDecoding())
    const first = new FrameReader(own, { role: 'client' })
    first.read(Buffer.concat(Array.from({ length: 500 }, () => frame({ opcode: 2, payload: utf8('secret') }))))
    first.release()
    const second = new FrameReader(own, { role: 'client' })
    const random = new Random(5)
    for (let i = 0; i < 50; i++) {
      const frames = Buffer.concat(Array.from({ length: 1 + random.below(20) }, () => frame({ opcode: 2, payload: random.bytes(random.below(90)) })))
      second.read(frames.subarray(0, -1))
      for (const part of [frames.subarray(-1), new Uint8Array(0)]) {
        for (let batch = second.batch(); batch !== null; batch = second.batch()) {
          expect(Buffer.from(batch.bytes).includes('secret')).toBe(false)
          expect(batch.bytes.length).toBeLessThan(second.capacity)
        }
        second.read(part)
      }
    }
  })

  test('a place that nobody else had meanwhile keeps its views, and one that had another user shows nothing of theirs', () => {
    const own = new Codec(() => CODEC_TEXT, webTextDecoding())
    own.join(own)
    const capacity = 65_536
    const places = own.places(ReaderPlace, capacity)
    const [first, second] = ['first', 'second'].map(() => {
      const reader = new FrameReader(own, { role: 'client', bufferCapacity: capacity }, places)
      reader.targets(1, 32_768, 1_024)
      reader.leave()
      return reader
    }) as [FrameReader, FrameReader]
    /** Receives in the place that is free, and gives it back. */
    const receive = (reader: FrameReader, payload: string, count: number): Uint8Array => {
      const bytes = Buffer.concat(Array.from({ length: count }, () => frame({ opcode: 2, payload: utf8(payload) })))
      reader.targetAt(0).set(bytes)
      reader.fill(0, bytes.length)
      const batch = reader.batch() as MessageBatch
      expect(entries(batch)).toEqual(Array.from({ length: count }, () => [2, payload]))
      const shown = batch.bytes
      expect(reader.batch()).toBeNull()
      reader.leave()
      return shown
    }
    receive(first, 'mine', 200)
    const mine = receive(first, 'mine', 200)
    expect(receive(first, 'mine', 200)).toBe(mine)
    receive(second, 'secret', 500)
    const later = receive(first, 'mine', 2)
    expect(Buffer.from(later).includes('secret')).toBe(false)
    expect(receive(second, 'other', 3).length).toBeLessThan(30)
  })

  test('readers that use the same places in turn, in several memories, see nothing of each other', () => {
    const own = new Codec(() => CODEC_TEXT, webTextDecoding(), 2)
    own.join(own)
    const capacity = 65_536
    const places = own.places(ReaderPlace, capacity)
    const random = new Random(7)
    const readers = ['A', 'B', 'C', 'D'].map((letter, i) => {
      const reader = new FrameReader(own, { role: 'client', bufferCapacity: capacity }, places)
      reader.targets(1, 32_768, 1_024)
      return { letter, rest: i, reader, isFilled: false }
    })
    expect(own.memoryCount).toBeGreaterThan(2)
    for (const { reader } of readers) reader.leave()
    for (let step = 0; step < 4_000; step++) {
      const each = random.pick(readers)
      const { reader, letter, rest } = each
      if (each.isFilled) {
        const { bytes, lengths } = reader.batch() as MessageBatch
        expect(others(bytes, letter), `step ${step}`).toBe('')
        // Behind the last entry, too, stand numbers of its own, or none.
        expect(lengths.every((length) => length === 0 || length % 4 === rest)).toBe(true)
        expect(reader.batch()).toBeNull()
        reader.leave()
      } else {
        const frames = Array.from({ length: 1 + random.below(30) }, () =>
          frame({ opcode: 2, payload: utf8(letter.repeat(4 * (1 + random.below(15)) + rest)) }),
        )
        const received = Buffer.concat(frames)
        reader.targetAt(0).set(received)
        reader.fill(0, received.length)
      }
      each.isFilled = !each.isFilled
    }
  })

  test.each([true, false])('inflated messages, without takeover %s: bytes shows nothing of another connection', (noContextTakeover) => {
    const own = makeCodec()
    const random = new Random(8)
    const ends = ['A', 'B', 'C'].map((letter) => ({ letter, zlib: new ZlibMessages(), ...deflatedEnds(15, noContextTakeover, {}, own) }))
    for (let step = 0; step < 300; step++) {
      const { letter, reader, zlib } = random.pick(ends)
      const text = letter.repeat(1 + random.below(random.pick([20, 20_000])))
      reader.read(frame({ rsv: 4, opcode: 1, payload: (noContextTakeover ? new ZlibMessages() : zlib).compress(utf8(text)) }))
      const batch = reader.batch() as MessageBatch
      expect(entries(batch)).toEqual([[1, text]])
      expect(others(batch.bytes, letter), `step ${step}`).toBe('')
      expect(reader.batch()).toBeNull()
    }
  })
})

/** Letters of other readers. */
function others(bytes: Uint8Array, own: string): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replaceAll(own, '')
    .replace(/[^A-D]/g, '')
    .slice(0, 20)
}
