import { describe, expect, test } from 'vitest'
import { FREE, linear } from '../../../reference/linear.ts'
import { Random } from '../../../reference/random.ts'

const { codec, u8, view } = linear()

/** RFC 6455 section 5.3, as written. */
function naive(payload: Uint8Array, key: Uint8Array): Uint8Array {
  return payload.map((byte, i) => byte ^ (key[i % 4] as number))
}

const word = (key: Uint8Array): number => new DataView(key.buffer, key.byteOffset).getInt32(0, true)

/** Masks a run in a field of known bytes and compares the whole field, so that a byte too many is seen too. */
function check(length: number, source: number, target: number, key: Uint8Array, random: Random): void {
  const from = FREE
  const size = 256
  const before = random.bytes(size)
  u8.set(before, from)
  const expected = before.slice()
  expected.set(naive(before.subarray(source, source + length), key), target)
  codec.maskCopy(from + target, from + source, length, word(key))
  const after = u8.subarray(from, from + size)
  if (Buffer.compare(after, expected) !== 0) expect.fail(`length ${length}, source ${source}, target ${target}, key ${[...key]}`)
}

const random = new Random(53)
const lengths = Array.from({ length: 81 }, (_, i) => i)

describe('maskCopy equals the naive loop', () => {
  test('in place, at lengths 0 to 80 and every alignment', () => {
    for (const length of lengths) for (let at = 16; at < 32; at++) check(length, at, at, random.bytes(4), random)
  })
  test('from one place to another that does not overlap, at every pair of alignments', () => {
    for (const length of lengths) {
      for (let source = 0; source < 8; source++) for (let target = 128; target < 136; target++) check(length, source, target, random.bytes(4), random)
    }
  })
  test('down onto its own beginning, at every distance up to 40', () => {
    for (const length of lengths) for (let by = 1; by <= 40; by++) check(length, 60 + (by & 3), 60 + (by & 3) - by, random.bytes(4), random)
  })
  test('with a key of zeros, of ones, and of one byte', () => {
    for (const key of [
      [0, 0, 0, 0],
      [255, 255, 255, 255],
      [1, 0, 0, 0],
      [0, 0, 0, 0x80],
    ]) {
      for (const length of lengths) check(length, 17, 17, Uint8Array.from(key), random)
    }
  })
  test('on a long run', () => {
    const bytes = random.bytes(100_003)
    const key = random.bytes(4)
    u8.set(bytes, FREE + 1)
    codec.maskCopy(FREE + 1, FREE + 1, bytes.length, word(key))
    expect(Buffer.compare(u8.subarray(FREE + 1, FREE + 1 + bytes.length), naive(bytes, key))).toBe(0)
  })
})

test('masking twice gives the payload back', () => {
  const bytes = random.bytes(257)
  u8.set(bytes, FREE)
  for (let turn = 0; turn < 2; turn++) codec.maskCopy(FREE, FREE, 257, 0x12345678)
  expect(u8.slice(FREE, FREE + 257)).toEqual(bytes)
})

test('the known answer: Hello with key 37 FA 21 3D', () => {
  u8.set([0x48, 0x65, 0x6c, 0x6c, 0x6f], FREE)
  codec.maskCopy(FREE, FREE, 5, word(Uint8Array.of(0x37, 0xfa, 0x21, 0x3d)))
  expect([...u8.subarray(FREE, FREE + 5)]).toEqual([0x7f, 0x9f, 0x4d, 0x51, 0x58])
})

test('reads nothing behind the end of memory', () => {
  const end = u8.length
  for (const length of lengths) codec.maskCopy(end - length, end - length, length, 1)
  expect(() => codec.maskCopy(end - 3, end - 3, 4, 1)).toThrow(WebAssembly.RuntimeError)
})

test('rotateKey: masking in two pieces equals masking at once, wherever the cut', () => {
  for (let cut = 0; cut <= 40; cut++) {
    const bytes = random.bytes(40)
    const key = random.bytes(4)
    u8.set(bytes, FREE)
    codec.maskCopy(FREE, FREE, cut, word(key))
    codec.maskCopy(FREE + cut, FREE + cut, 40 - cut, codec.rotateKey(word(key), cut))
    expect(u8.slice(FREE, FREE + 40), `cut at ${cut}`).toEqual(naive(bytes, key))
  }
})

describe('writeHeader', () => {
  test.each([
    [0, '81 00'],
    [125, '81 7d'],
    [126, '81 7e 00 7e'],
    [65_535, '81 7e ff ff'],
    [65_536, '81 7f 00 00 00 00 00 01 00 00'],
    [2 ** 31 - 1, '81 7f 00 00 00 00 7f ff ff ff'],
  ])('of %i bytes', (length, expected) => {
    const bytes = expected.split(' ').map((b) => Number.parseInt(b, 16))
    expect(codec.writeHeader(FREE, FREE + 14, 0x81, length, 0, 0)).toBe(bytes.length)
    expect([...u8.subarray(FREE, FREE + bytes.length)]).toEqual(bytes)
    expect(codec.writeHeader(FREE, FREE + 14, 0x81, length, 1, 0x04030201)).toBe(bytes.length + 4)
    bytes[1] = (bytes[1] as number) | 0x80
    expect([...u8.subarray(FREE, FREE + bytes.length + 4)]).toEqual([...bytes, 1, 2, 3, 4])
    expect(view.getUint8(FREE)).toBe(0x81)
  })
})
