import { constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, test, vi } from 'vitest'
import { CODEC_TEXT } from '../../../../src/codec/binary.ts'
import { DEFLATE_TEXT } from '../../../../src/codec/deflate/binary.ts'
import { Codec } from '../../../../src/codec/memory.ts'
import { webTextDecoding } from '../../../../src/codec/text.ts'
import { type CompressionFormat, Inflater, type InflaterOptions } from '../../../../src/entry/codec.ts'
import { BitWriter } from '../../../reference/bits.ts'
import { referenceInflate } from '../../../reference/inflate.ts'
import { latin1Bytes, latin1Text } from '../../../reference/linear.ts'

/** Everything that comes out of the bytes, fed in pieces, taken in pieces; and how it ends. */
function run(format: CompressionFormat, bytes: Uint8Array, options: InflaterOptions = {}, input = bytes.length, output = 1 << 16): string {
  const inflater = new Inflater(format, options)
  const room = new Uint8Array(output)
  let text = ''
  let at = 0
  let stalled = 0
  while (inflater.error === null && !inflater.isDone && stalled < 2) {
    const piece = bytes.subarray(at, at + Math.max(1, input))
    const { consumed, produced } = inflater.inflate(piece, room)
    at += consumed
    text += latin1Text(room.subarray(0, produced))
    stalled = consumed === 0 && produced === 0 ? stalled + 1 : 0
  }
  inflater.end()
  const { error } = inflater
  inflater.release()
  return `${JSON.stringify(text)}${error === null ? '' : ` ${error.code}`}${at < bytes.length && error === null ? ` +${bytes.length - at}` : ''}`
}

/** The same in several cuts: they must agree. */
function runAll(format: CompressionFormat, bytes: Uint8Array, options: InflaterOptions = {}): string {
  const whole = run(format, bytes, options)
  for (const [input, output] of [
    [1, 1 << 16],
    [bytes.length, 1],
    [1, 1],
    [3, 7],
  ] as const) {
    expect(run(format, bytes, options, input, output), `pieces of ${input}, room of ${output}`).toBe(whole)
  }
  return whole
}

const bits = (): BitWriter => new BitWriter()
/** 257 lengths with those that are named, for the shortest dynamic blocks. */
const literals = (named: Record<number, number>, count = 257): number[] => Array.from({ length: count }, (_, i) => named[i] ?? 0)

describe('the blocks of RFC 1951', () => {
  test.each([
    ['a stored one', bits().stored([1, 2, 3]), '\x01\x02\x03'],
    ['an empty stored one', bits().stored([]), ''],
    ['a fixed one', bits().block(1).fixedText('hi').fixed(256), 'hi'],
    ['an empty fixed one', bits().block(1).fixed(256), ''],
    ['one behind the other', bits().stored([0x61], false).block(1, false).fixedText('b').fixed(256).stored([0x63]), 'abc'],
    ['a match of the block before', bits().stored(latin1Bytes('abc'), false).block(1).fixed(257).fixedDistance(2).fixed(256), 'abcabc'],
    ['a match that covers itself', bits().block(1).fixedText('ab').fixed(260).fixedDistance(1).fixed(256), 'abababab'],
    ['the longest match', bits().block(1).fixedText('a').fixed(285).fixedDistance(0).fixed(256), 'a'.repeat(259)],
    ['258 as the longest but one', bits().block(1).fixedText('a').fixed(284).put(31, 5).fixedDistance(0).fixed(256), 'a'.repeat(259)],
    [
      'one with no codes of distances',
      bits()
        .dynamic(literals({ 97: 1, 256: 1 }), [0])
        .code('001'),
      'aa',
    ],
    [
      'one with a single code of distances',
      bits()
        .dynamic(literals({ 97: 2, 98: 2, 256: 2, 257: 2 }, 258), [1])
        .code('000111010'),
      'abbbb',
    ],
    [
      'one with nothing but its end',
      bits()
        .dynamic(literals({ 256: 1 }), [0])
        .code('0'),
      '',
    ],
  ])('%s', (_, writer, text) => {
    expect(runAll('deflate-raw', writer.bytes())).toBe(JSON.stringify(text))
    const verdict = referenceInflate(writer.bytes())
    expect(latin1Text(verdict.output)).toBe(text)
    expect(verdict.kind).toBe('whole')
  })
})

test('the longest match at the edge of the output, and at each place near it', () => {
  const bytes = bits().block(1).fixedText('a').fixed(285).fixedDistance(0).fixedText('b').fixed(285).fixedDistance(16).put(1, 7).fixed(256).bytes()
  const text = `${'a'.repeat(259)}b${'a'.repeat(257)}b`
  for (let room = 250; room < 300; room++) expect(run('deflate-raw', bytes, {}, bytes.length, room), `room of ${room}`).toBe(JSON.stringify(text))
  for (let room = 510; room < 530; room++) expect(run('deflate-raw', bytes, {}, bytes.length, room), `room of ${room}`).toBe(JSON.stringify(text))
})

describe('what is wrong has a name', () => {
  const codeLengths = (lengths: readonly number[]): BitWriter => {
    const writer = bits().block(2).put(0, 5).put(0, 5).put(15, 4)
    for (const length of lengths) writer.put(length, 3)
    return writer
  }
  test.each([
    ['InvalidBlockType', bits().block(3)],
    ['InvalidStoredLength', bits().stored([1], true, 0xfffd)],
    ['TooManyCodes', bits().block(2).put(30, 5).put(0, 5).put(0, 4)],
    ['TooManyCodes', bits().block(2).put(0, 5).put(30, 5).put(0, 4)],
    ['InvalidCodeLengths', codeLengths(new Array(19).fill(1))],
    ['InvalidCodeLengths', codeLengths([1, ...new Array(18).fill(0)])],
    ['InvalidCodeLengths', codeLengths(new Array(19).fill(0))],
    // Symbols 16 and 18, of a bit each: a repeat with nothing before it, and one past the end.
    [
      'InvalidRepeat',
      codeLengths([1, 0, 1, ...new Array(16).fill(0)])
        .code('0')
        .put(0, 2),
    ],
    [
      'InvalidRepeat',
      codeLengths([1, 0, 1, ...new Array(16).fill(0)])
        .code('1')
        .put(127, 7)
        .code('1')
        .put(127, 7),
    ],
    ['MissingEndOfBlock', bits().dynamic(literals({ 97: 1, 98: 1 }), [1])],
    ['InvalidLiteralCode', bits().dynamic(literals({ 97: 1, 98: 1, 256: 1 }), [1])],
    ['InvalidLiteralCode', bits().dynamic(literals({ 97: 2, 256: 2 }), [1])],
    ['InvalidLiteralCode', bits().dynamic(literals({ 256: 2 }), [1])],
    ['InvalidDistanceCode', bits().dynamic(literals({ 256: 1 }), [1, 1, 1])],
    ['InvalidDistanceCode', bits().dynamic(literals({ 256: 1 }), [2, 2])],
    ['InvalidDistanceCode', bits().dynamic(literals({ 256: 1 }), [2])],
    ['InvalidLength', bits().block(1).fixed(286)],
    ['InvalidLength', bits().block(1).fixed(287)],
    [
      'InvalidLength',
      bits()
        .dynamic(literals({ 256: 1 }), [0])
        .code('1'),
    ],
    ['InvalidDistance', bits().block(1).fixed(257).fixedDistance(30)],
    ['InvalidDistance', bits().block(1).fixed(257).fixedDistance(31)],
    [
      'InvalidDistance',
      bits()
        .dynamic(literals({ 97: 2, 98: 2, 256: 2, 257: 2 }, 258), [0])
        .code('110'),
    ],
    [
      'InvalidDistance',
      bits()
        .dynamic(literals({ 97: 2, 98: 2, 256: 2, 257: 2 }, 258), [1])
        .code('111'),
    ],
    ['DistanceTooFar', bits().block(1).fixed(257).fixedDistance(0)],
    ['DistanceTooFar', bits().block(1).fixedText('ab').fixed(257).fixedDistance(2)],
  ])('%s', (code, writer) => {
    // What follows does not matter, and much of it makes the quick way run.
    for (const more of [0, 40, 200]) {
      const bytes = Uint8Array.from([...writer.bytes(), ...new Array(more).fill(0x55)])
      expect(runAll('deflate-raw', bytes)).toMatch(new RegExp(` ${code}$`))
      expect(referenceInflate(bytes).kind).toBe('broken')
    }
  })

  test.each([
    ['no byte', []],
    ['half a head', [0x05]],
    ['no lengths', [0x00]],
    ['half the lengths', [0x00, 0x01, 0x00, 0xfe]],
    ['half the stored bytes', [0x00, 0x02, 0x00, 0xfd, 0xff, 0x61]],
    ['a block that does not end', [...bits().block(1).fixedText('hello').bytes()]],
    ['no last block', [...bits().block(1, false).fixedText('hello').fixed(256).bytes()]],
  ])('UnexpectedEnd: %s', (_, bytes) => {
    expect(runAll('deflate-raw', Uint8Array.from(bytes))).toMatch(/ UnexpectedEnd$/)
  })
})

describe('the window', () => {
  test.each([8, 9, 10, 11, 12, 13, 14, 15])('of %d bits: a match reaches its size, and no byte farther', (windowBits) => {
    const size = 1 << windowBits
    const symbol = windowBits * 2 - 1
    const extra = windowBits - 2
    const at = (distance: number): Uint8Array => {
      const far = distance > size
      const writer = bits()
      for (let left = size + 8; left > 0; left -= 60_000) writer.stored(new Uint8Array(Math.min(left, 60_000)).fill(0x61), false)
      writer.block(1).fixed(257)
      if (far) writer.fixedDistance(symbol + 1).put(0, extra + (windowBits === 15 ? 0 : 1))
      else writer.fixedDistance(symbol).put((1 << extra) - 1, extra)
      return writer.fixed(256).bytes()
    }
    expect(run('deflate-raw', at(size), { windowBits })).toBe(JSON.stringify('a'.repeat(size + 11)))
    expect(run('deflate-raw', at(size + 1), { windowBits })).toMatch(windowBits === 15 ? / InvalidDistance$/ : / DistanceTooFar$/)
  })
})

const TEXT = 'The quick brown fox jumps over the lazy dog. '.repeat(50)
const encoded = latin1Bytes(TEXT)

describe('formats', () => {
  test.each([
    ['gzip', gzipSync(encoded)],
    ['deflate', deflateSync(encoded)],
    ['deflate-raw', deflateRawSync(encoded)],
  ] as const)('%s: what follows it is not consumed', (format, bytes) => {
    expect(run(format, bytes)).toBe(JSON.stringify(TEXT))
    expect(run(format, Buffer.concat([bytes, bytes]))).toBe(`${JSON.stringify(TEXT)} +${bytes.length}`)
    expect(run(format, bytes, {}, 1, 1)).toBe(JSON.stringify(TEXT))
    for (let length = 0; length < bytes.length; length++) expect(run(format, bytes.subarray(0, length))).toMatch(/ UnexpectedEnd$/)
  })

  const head = (flags: number, ...more: number[]): number[] => [0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255, ...more]
  const member = [...gzipSync(latin1Bytes('hi'))].slice(10)
  /** With the checksum of the head that RFC 1952 section 2.3.1 has. */
  const checked = (bytes: readonly number[]): number[] => {
    let crc = -1
    for (const byte of bytes) {
      crc ^= byte
      for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
    }
    return [...bytes, ~crc & 0xff, (~crc >> 8) & 0xff]
  }
  test.each([
    ['nothing more', head(0), '"hi"'],
    ['a text flag', head(1), '"hi"'],
    ['a name', head(8, 0x61, 0), '"hi"'],
    ['a comment', head(16, 0x61, 0x62, 0), '"hi"'],
    ['extra fields', head(4, 3, 0, 1, 2, 3), '"hi"'],
    ['no extra fields', head(4, 0, 0), '"hi"'],
    ['all of it, with a checksum', checked(head(31, 2, 0, 1, 2, 0x61, 0, 0x62, 0)), '"hi"'],
    ['a checksum alone', checked(head(2)), '"hi"'],
    ['a wrong checksum', head(2, 1, 2), '"" HeaderChecksumMismatch'],
    ['a reserved flag', head(32), '"" InvalidHeader'],
    ['another method', [0x1f, 0x8b, 7], '"" UnsupportedMethod'],
    ['another magic', [0x1f, 0x8c], '"" InvalidHeader'],
    ['zlib’s head', [0x78, 0x9c], '"" InvalidHeader'],
  ])('a gzip head with %s', (_, bytes, expected) => {
    expect(runAll('gzip', Uint8Array.from([...bytes, ...member]))).toBe(expected)
  })

  test.each([
    ['a wrong check', [0x78, 0x9d], 'InvalidHeader'],
    ['another method', [0x79, 0x18], 'UnsupportedMethod'],
    ['a window of 64 KiB', [0x88, 0x1c], 'UnsupportedWindow'],
    ['a dictionary', [0x78, 0xbb], 'DictionaryRequired'],
  ])('a zlib head with %s', (_, bytes, code) => {
    expect(runAll('deflate', Uint8Array.from([...bytes, 0, 0, 0]))).toBe(`"" ${code}`)
  })

  test('a checksum or a length that is wrong, at each byte', () => {
    for (const [format, bytes, trailer] of [
      ['gzip', gzipSync(encoded), 8],
      ['deflate', deflateSync(encoded), 4],
    ] as const) {
      for (let i = 1; i <= trailer; i++) {
        const broken = Uint8Array.from(bytes)
        broken[bytes.length - i] = (broken[bytes.length - i] as number) ^ 1
        expect(run(format, broken)).toMatch(trailer === 8 && i <= 4 ? / LengthMismatch$/ : / ChecksumMismatch$/)
      }
    }
  })

  test('several members of gzip, when they are allowed', () => {
    const members = Buffer.concat([gzipSync(latin1Bytes('one ')), gzipSync(new Uint8Array(0)), gzipSync(latin1Bytes('two'))])
    const inflater = new Inflater('gzip', { members: true })
    expect(latin1Text(inflater.inflateAll(members))).toBe('one two')
    expect(() => inflater.inflateAll(members.subarray(0, -1))).toThrow(expect.objectContaining({ code: 'UnexpectedEnd' }))
    expect(() => inflater.inflateAll(Buffer.concat([members, Buffer.from([0])]))).toThrow(expect.objectContaining({ code: 'InvalidHeader' }))
    const single = new Inflater('gzip')
    expect(() => single.inflateAll(members)).toThrow(expect.objectContaining({ code: 'UnexpectedData' }))
    // No match reaches into the member before.
    const far = bits().block(1).fixed(257).fixedDistance(0).fixed(256).bytes()
    const second = Uint8Array.from([...members.subarray(0, members.length - 23), ...head(0), ...far])
    expect(() => inflater.inflateAll(second)).toThrow(expect.objectContaining({ code: 'DistanceTooFar' }))
  })

  test.each([-1, 0, 1])('a member that ends near the end of a piece of the input: %d bytes behind it', (more) => {
    // A stored block, so that its length is known.
    const noise = new Uint8Array(16_384 - 23 + more).map((_, i) => i * i)
    const first = gzipSync(noise, { level: 0 })
    expect(first.length).toBe(16_384 + more)
    const members = Buffer.concat([first, gzipSync(latin1Bytes('two'))])
    expect(latin1Text(new Inflater('gzip', { members: true }).inflateAll(members).subarray(noise.length))).toBe('two')
    expect(new Inflater('gzip').inflate(members, new Uint8Array(1 << 16))).toEqual({ consumed: first.length, produced: noise.length })
  })

  test('raw data without an end, where that is said', () => {
    const flushed = deflateRawSync(encoded, { finishFlush: constants.Z_SYNC_FLUSH })
    const open = new Inflater('deflate-raw', { openEnded: true })
    expect(latin1Text(open.inflateAll(flushed))).toBe(TEXT)
    expect(latin1Text(open.inflateAll(flushed.subarray(0, -4)))).toBe(TEXT)
    expect(latin1Text(open.inflateAll(new Uint8Array(0)))).toBe('')
    expect(() => open.inflateAll(flushed.subarray(0, -3))).toThrow(expect.objectContaining({ code: 'UnexpectedEnd' }))
    expect(() => open.inflateAll(flushed.subarray(0, -6))).toThrow(expect.objectContaining({ code: 'UnexpectedEnd' }))
    expect(() => new Inflater('deflate-raw').inflateAll(flushed)).toThrow(expect.objectContaining({ code: 'UnexpectedEnd' }))
  })
})

describe('limits', () => {
  test.each(['gzip', 'deflate', 'deflate-raw'] as const)('%s: maxOutputSize, at one less, at, and at one more', (format) => {
    const bytes = format === 'gzip' ? gzipSync(encoded) : format === 'deflate' ? deflateSync(encoded) : deflateRawSync(encoded)
    expect(run(format, bytes, { maxOutputSize: TEXT.length - 1 })).toBe(`${JSON.stringify(TEXT.slice(0, -1))} OutputTooLarge`)
    expect(run(format, bytes, { maxOutputSize: TEXT.length })).toBe(JSON.stringify(TEXT))
    expect(run(format, bytes, { maxOutputSize: TEXT.length + 1 })).toBe(JSON.stringify(TEXT))
    expect(() => new Inflater(format, { maxOutputSize: 0 }).inflateAll(bytes)).toThrow(expect.objectContaining({ code: 'OutputTooLarge', max: 0 }))
  })

  test('data that ends with the output, and is not whole, ends in an error', () => {
    const thousand = gzipSync(new Uint8Array(1_000))
    const flushed = deflateRawSync(encoded, { finishFlush: constants.Z_SYNC_FLUSH })
    const unexpected = expect.objectContaining({ code: 'UnexpectedEnd' })
    expect(() => new Inflater('gzip', { maxOutputSize: 0 }).inflateAll(new Uint8Array(0))).toThrow(unexpected)
    expect(() => new Inflater('gzip', { maxOutputSize: 1_000 }).inflateAll(thousand.subarray(0, -3))).toThrow(unexpected)
    expect(latin1Text(new Inflater('deflate-raw', { openEnded: true, maxOutputSize: TEXT.length }).inflateAll(flushed))).toBe(TEXT)
  })

  test('a byte is copied once on its way in, however much comes out of it', () => {
    const packed = gzipSync(new Uint8Array(2_000_000))
    const inflater = new Inflater('gzip')
    const output = new Uint8Array(2_000_000)
    const set = vi.spyOn(Uint8Array.prototype, 'set')
    const { consumed, produced } = inflater.inflate(packed, output)
    const copied = set.mock.calls.reduce((sum, [bytes]) => sum + bytes.length, 0)
    set.mockRestore()
    expect([consumed, produced, copied]).toEqual([packed.length, output.length, packed.length + output.length])
  })

  test('2 GiB of zeros cost the limit', () => {
    const million = deflateRawSync(new Uint8Array(1 << 20), { finishFlush: constants.Z_FULL_FLUSH })
    const body = Buffer.concat(new Array(2_048).fill(million))
    expect(body.length).toBeLessThan(3_000_000)
    const inflater = new Inflater('deflate-raw', { maxOutputSize: 100_000 })
    expect(() => inflater.inflateAll(body)).toThrow(expect.objectContaining({ code: 'OutputTooLarge' }))
    expect(inflater.totalInflated).toBe(100_000)
  })

  test('thousands of empty blocks cost what their bytes do', () => {
    const writer = bits()
    for (let i = 0; i < 20_000; i++) writer.block(1, false).fixed(256)
    const fixed = writer.block(1).fixed(256).bytes()
    expect(run('deflate-raw', fixed)).toBe('""')
    const stored = bits()
    for (let i = 0; i < 5_000; i++) stored.stored([], false)
    expect(run('deflate-raw', stored.stored([]).bytes(), {}, 100)).toBe('""')
  })
})

describe('use', () => {
  test('options are judged', () => {
    const wrong = (make: () => unknown): void => expect(make).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
    wrong(() => new Inflater('zip' as 'gzip'))
    wrong(() => new Inflater('gzip', { windowBits: 9 }))
    wrong(() => new Inflater('deflate', { openEnded: true }))
    wrong(() => new Inflater('deflate', { members: true }))
    wrong(() => new Inflater('deflate-raw', { windowBits: 7 }))
    wrong(() => new Inflater('deflate-raw', { windowBits: 16 }))
    wrong(() => new Inflater('gzip', { maxOutputSize: -1 }))
    wrong(() => new Inflater('gzip', { max: 1 } as InflaterOptions))
    wrong(() => new Inflater('gzip').inflate('text' as unknown as Uint8Array, new Uint8Array(1)))
  })

  test('reset and release', () => {
    const inflater = new Inflater('gzip')
    const bytes = gzipSync(encoded)
    inflater.inflate(bytes.subarray(0, 30), new Uint8Array(10))
    inflater.reset()
    expect(latin1Text(inflater.inflateAll(bytes))).toBe(TEXT)
    expect(inflater.totalInflated).toBe(TEXT.length)
    inflater.release()
    inflater.release()
    for (const use of [() => inflater.inflate(bytes, bytes), () => inflater.inflateAll(bytes), () => inflater.end(), () => inflater.reset()]) {
      expect(use).toThrow(expect.objectContaining({ code: 'Released' }))
    }
  })

  test('decoders that share tables do not disturb each other', () => {
    const texts = ['aabbbccdddd', 'xyzzyxyzzy', 'The lazy dog'].map((text) => text.repeat(200))
    const packed = texts.map((text) => deflateRawSync(latin1Bytes(text)))
    const inflaters = texts.map(() => new Inflater('deflate-raw'))
    const output = texts.map(() => '')
    const room = new Uint8Array(100)
    for (let at = 0; inflaters.some((each) => !each.isDone); at += 5) {
      for (const [i, inflater] of inflaters.entries()) {
        let piece = (packed[i] as Buffer).subarray(at, at + 5)
        for (;;) {
          const { consumed, produced } = inflater.inflate(piece, room)
          output[i] += latin1Text(room.subarray(0, produced))
          piece = piece.subarray(consumed)
          if (inflater.isDone || produced < room.length) break
        }
        expect(inflater.error).toBe(null)
      }
    }
    expect(output).toEqual(texts)
  })

  test('its binary is compiled when it is first used', () => {
    let asked = 0
    const codec = new Codec(
      () => CODEC_TEXT,
      webTextDecoding(),
      undefined,
      () => {
        asked++
        return DEFLATE_TEXT
      },
    )
    codec.region(1_000).release()
    expect(asked).toBe(0)
    const { memory } = codec.deflateRegion(1_000)
    expect(asked).toBe(0)
    expect(memory.deflateTables).toBeGreaterThan(0)
    expect(codec.deflateRegion(1_000).memory.deflateTables).toBe(memory.deflateTables)
    expect(asked).toBe(1)
    expect(() => new Codec(() => CODEC_TEXT, webTextDecoding()).deflateRegion(1_000)).toThrow(expect.objectContaining({ code: 'OptionUnsupported' }))
  })
})
