import { readFileSync } from 'node:fs'
import { gunzipSync, inflateRawSync, inflateSync } from 'node:zlib'
import { describe, expect, test, vi } from 'vitest'
import { COMPRESS_INPUT, COMPRESS_NEEDED, COMPRESS_OUTPUT, DEFLATE_FULL } from '../../../../assembly/abi.ts'
import { CODEC_TEXT } from '../../../../src/codec/binary.ts'
import { DEFLATE_TEXT } from '../../../../src/codec/deflate/binary.ts'
import { Deflater as BaseDeflater } from '../../../../src/codec/deflate/deflater.ts'
import { Codec } from '../../../../src/codec/memory.ts'
import { webTextDecoding } from '../../../../src/codec/text.ts'
import { type CompressionFormat, Deflater, type DeflaterOptions, type Flush, Inflater } from '../../../../src/entry/codec.ts'
import { threadCodec } from '../../../../src/entry/thread-codec.ts'
import { latin1Bytes, latin1Text } from '../../../reference/linear.ts'
import { Random } from '../../../reference/random.ts'

const unpack = { gzip: gunzipSync, deflate: inflateSync, 'deflate-raw': inflateRawSync }

/** What is worth compressing in different ways. */
const INPUTS: Record<string, Uint8Array> = {
  nothing: new Uint8Array(0),
  'a byte': Uint8Array.of(7),
  zeros: new Uint8Array(300_000),
  prose: latin1Bytes('The quick brown fox jumps over the lazy dog. '.repeat(3_000)),
  noise: new Random(1).bytes(200_000),
  'a few letters': new Random(2).bytes(150_000).map((byte) => 97 + (byte & 7)),
  'all bytes once': Uint8Array.from({ length: 256 }, (_, i) => i),
  // Depths of a Huffman tree as Fibonacci numbers have it: more than 15 bits.
  skewed: Uint8Array.from(fibonacci(22).flatMap((many, i) => new Array<number>(many).fill(i))),
}

function fibonacci(count: number): number[] {
  const list = [1, 1]
  while (list.length < count) list.push((list.at(-1) as number) + (list.at(-2) as number))
  return list
}

/** Compresses bytes that come in pieces, into room that comes in pieces. */
function run(format: CompressionFormat, bytes: Uint8Array, input: number, output: number, flush: Flush = 'none', options?: DeflaterOptions): Buffer {
  const deflater = new Deflater(format, options)
  const room = new Uint8Array(output)
  const parts: Uint8Array[] = []
  for (let at = 0; !deflater.isDone; ) {
    const end = Math.min(bytes.length, at + input)
    const { consumed, produced } = deflater.deflate(bytes.subarray(at, end), room, end === bytes.length ? 'finish' : flush)
    parts.push(room.slice(0, produced))
    at += consumed
  }
  deflater.release()
  return Buffer.concat(parts)
}

describe.each(Object.entries(INPUTS))('%s', (name, bytes) => {
  test.each(['gzip', 'deflate', 'deflate-raw'] as const)('%s, in every cut, as zlib reads it', (format) => {
    const whole = Buffer.from(new Deflater(format).deflateAll(bytes))
    expect(Buffer.compare(unpack[format](whole), bytes)).toBe(0)
    expect(Buffer.compare(new Inflater(format).inflateAll(whole), bytes)).toBe(0)
    for (const [input, output] of [
      [1_000, 100_000],
      [100_000, 777],
      [17_000, 50],
    ] as const) {
      const cut = run(format, bytes, input, output)
      expect(Buffer.compare(unpack[format](cut), bytes)).toBe(0)
      if (name !== 'noise') expect(cut.length).toBeLessThanOrEqual(1.2 * whole.length + 60)
    }
  })

  test.each([8, 9, 11, 13, 14, 15])('with a window of %d bits, which no match leaves', (windowBits) => {
    const packed = run('deflate-raw', bytes, 5_000, 10_000, 'sync', { windowBits })
    const inflater = new Inflater('deflate-raw', { windowBits })
    expect(Buffer.compare(inflater.inflateAll(packed), bytes)).toBe(0)
    inflater.release()
  })
})

describe('memory', () => {
  test('is what docs/compression.md says, by the bits of the window', () => {
    const region = vi.spyOn(threadCodec, 'deflateRegion')
    const taken = (): number => Math.round((region.mock.lastCall?.[0] as number) / 1024)
    const rows = [9, 10, 11, 12, 13, 14, 15].map((windowBits) => {
      new Inflater('deflate-raw', { windowBits }).release()
      const inflater = taken()
      new Deflater('gzip', { windowBits }).release()
      return [inflater, taken()] as const
    })
    region.mockRestore()
    const page = readFileSync(new URL('../../../../docs/compression.md', import.meta.url), 'utf8')
    expect(page).toContain(`| \`Inflater\`, KiB | ${rows.map(([inflater]) => inflater).join(' | ')} |`)
    expect(page).toContain(`| \`Deflater\`, KiB | ${rows.map(([, deflater]) => deflater).join(' | ')} |`)
  })

  test('no block is longer than 4,096 matches of 31 bits, so that each has room', () => {
    const codec = new Codec(
      () => CODEC_TEXT,
      webTextDecoding(),
      undefined,
      () => DEFLATE_TEXT,
    )
    const { memory } = codec.deflateRegion(64)
    const { deflate, view } = memory
    let longest = 0
    Object.defineProperty(memory, 'deflate', {
      value: {
        ...deflate,
        // Without room, so that each block says what it needs; then with just that.
        deflate(record: number, from: number, to: number, end: number, flush: number): number {
          const output = view.getUint32(record + COMPRESS_OUTPUT, true)
          const result = deflate.deflate(record, from, to, output, flush)
          if (result !== DEFLATE_FULL) return result
          const needed = view.getUint32(record + COMPRESS_NEEDED, true)
          longest = Math.max(longest, needed)
          return deflate.deflate(record, view.getUint32(record + COMPRESS_INPUT, true), to, Math.min(end, output + needed), flush)
        },
      },
    })
    const random = new Random(3)
    // Matches of all lengths, from everywhere in the second half of the window.
    const far = random.bytes(2_000_000)
    for (let at = 32_768; at < far.length - 300; ) {
      const length = 120 + random.below(139)
      const from = at - 16_385 - random.below(16_383)
      far.copyWithin(at, from, from + length)
      at += length
    }
    const deflater = new BaseDeflater(codec, 'deflate-raw')
    for (const bytes of [far, ...Object.values(INPUTS)]) {
      expect(Buffer.compare(inflateRawSync(deflater.deflateAll(bytes)), bytes)).toBe(0)
    }
    expect(longest).toBeGreaterThan(10_000)
    expect(longest).toBeLessThan((4_096 * 31) / 8 + 16)
  })
})

test('noise grows by little', () => {
  const { noise } = INPUTS as { noise: Uint8Array }
  expect(new Deflater('deflate-raw').deflateAll(noise).length).toBeLessThan(1.002 * noise.length)
})

test('a byte is copied once on its way in, however often there is too little room', () => {
  const { noise } = INPUTS as { noise: Uint8Array }
  const output = new Uint8Array(2 * noise.length)
  const set = vi.spyOn(Uint8Array.prototype, 'set')
  const { consumed, produced } = new Deflater('deflate-raw').deflate(noise, output, 'finish')
  const copied = set.mock.calls.reduce((sum, [bytes]) => sum + bytes.length, 0)
  set.mockRestore()
  expect([consumed, copied]).toEqual([noise.length, noise.length + produced])
})

describe('flushes', () => {
  test('sync: all that was put in can be read, and what is written ends with an empty stored block', () => {
    const deflater = new Deflater('deflate-raw')
    const inflater = new Inflater('deflate-raw')
    const output = new Uint8Array(1_000)
    const room = new Uint8Array(1_000)
    let before = Number.POSITIVE_INFINITY
    for (let i = 0; i < 5; i++) {
      const { consumed, produced } = deflater.deflate(latin1Bytes('the same message, again and again'), output, 'sync')
      expect(consumed).toBe(33)
      expect([...output.subarray(produced - 4, produced)]).toEqual([0, 0, 255, 255])
      const read = inflater.inflate(output.subarray(0, produced), room)
      expect(latin1Text(room.subarray(0, read.produced))).toBe('the same message, again and again')
      expect(i < 2 || produced <= before).toBe(true)
      before = produced
    }
    expect(before).toBeLessThan(14)
    expect(deflater.totalDeflated).toBeGreaterThan(5 * 5)
    // Asked again with nothing new, it has nothing to write.
    expect(deflater.deflate(new Uint8Array(0), output, 'sync')).toEqual({ consumed: 0, produced: 0 })
  })

  test('an empty message is an empty stored block (RFC 7692 section 7.2.3.6)', () => {
    const output = new Uint8Array(10)
    expect(new Deflater('deflate-raw').deflate(new Uint8Array(0), output, 'sync')).toEqual({ consumed: 0, produced: 5 })
    expect([...output.subarray(0, 5)]).toEqual([0, 0, 0, 255, 255])
  })

  test('none: a little input is only kept', () => {
    const deflater = new Deflater('deflate-raw')
    expect(deflater.deflate(latin1Bytes('abc'), new Uint8Array(100))).toEqual({ consumed: 3, produced: 0 })
  })

  test('after a reset nothing of what was before is used, and the bytes are the same', () => {
    const deflater = new Deflater('deflate-raw')
    const text = INPUTS['prose'] as Uint8Array
    const first = deflater.deflateAll(text)
    deflater.deflateAll(INPUTS['noise'] as Uint8Array)
    expect(Buffer.compare(deflater.deflateAll(text), first)).toBe(0)
  })
})

test('use: options are judged, and what was released is not used', () => {
  const wrong = (make: () => unknown): void => expect(make).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
  wrong(() => new Deflater('br' as 'gzip'))
  wrong(() => new Deflater('gzip', { windowBits: 16 }))
  wrong(() => new Deflater('gzip', { windowBits: 7 }))
  wrong(() => new Deflater('gzip', { level: 1 } as DeflaterOptions))
  const deflater = new Deflater('gzip')
  wrong(() => deflater.deflate(new Uint8Array(1), new Uint8Array(1), 'full' as Flush))
  wrong(() => deflater.deflate('text' as unknown as Uint8Array, new Uint8Array(1)))
  deflater.release()
  deflater.release()
  for (const use of [
    () => deflater.deflate(new Uint8Array(1), new Uint8Array(1)),
    () => deflater.deflateAll(new Uint8Array(1)),
    () => deflater.reset(),
  ]) {
    expect(use).toThrow(expect.objectContaining({ code: 'Released' }))
  }
})
