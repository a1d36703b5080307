import { describe, expect, test } from 'vitest'
import { FREE, linear } from '../../../reference/linear.ts'
import { Random } from '../../../reference/random.ts'
import { judgeUtf8 } from '../../../reference/utf8.ts'

const { codec, u8 } = linear()
const START = 0
const REJECT = 12

function validate(bytes: ArrayLike<number>, state = START): number {
  u8.set(bytes, FREE)
  return codec.utf8Validate(state, FREE, bytes.length)
}

const verdict = (state: number): string => (state === START ? 'valid' : state === REJECT ? 'invalid' : 'prefix')

describe('utf8Validate agrees with the RFC’s grammar', () => {
  test('on every sequence of one and two bytes', () => {
    for (let a = 0; a < 256; a++) {
      if (verdict(validate([a])) !== judgeUtf8([a])) expect.fail(`[${a}]`)
      for (let b = 0; b < 256; b++) if (verdict(validate([a, b])) !== judgeUtf8([a, b])) expect.fail(`[${a}, ${b}]`)
    }
  })
  test('on every sequence of three bytes that begins with a lead of three or four', () => {
    for (let a = 0xe0; a < 256; a++) {
      for (let b = 0; b < 256; b++) {
        for (const c of [0, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff]) {
          if (verdict(validate([a, b, c])) !== judgeUtf8([a, b, c])) expect.fail(`[${a}, ${b}, ${c}]`)
        }
      }
    }
  })
  test('on four bytes around every boundary', () => {
    const edges = [0x7f, 0x80, 0x8f, 0x90, 0xbf, 0xc0]
    for (let a = 0xf0; a < 0xf8; a++) {
      for (let b = 0x70; b < 0xd0; b++) {
        for (const c of edges)
          for (const d of edges) if (verdict(validate([a, b, c, d])) !== judgeUtf8([a, b, c, d])) expect.fail(`[${a}, ${b}, ${c}, ${d}]`)
      }
    }
  })
  test('on the encoding of every code point', () => {
    const encoder = new TextEncoder()
    const size = 4_096
    for (let from = 0; from <= 0x10ffff; from += size) {
      let text = ''
      for (let code = from; code < from + size; code++) if (code < 0xd800 || code > 0xdfff) text += String.fromCodePoint(code)
      if (validate(encoder.encode(text)) !== START) expect.fail(`from U+${from.toString(16)}`)
    }
  })
  test('on an invalid byte at every position of an ASCII text, across the steps of sixteen', () => {
    for (let length = 1; length <= 70; length++) {
      for (let at = 0; at < length; at++) {
        const bytes = new Uint8Array(length).fill(0x61)
        bytes[at] = 0xff
        if (validate(bytes) !== REJECT) expect.fail(`${at} of ${length}`)
        bytes[at] = 0xc3
        const expected = judgeUtf8(bytes)
        if (verdict(validate(bytes)) !== expected) expect.fail(`C3 at ${at} of ${length}`)
      }
    }
  })
})

describe('the wide way, 16 bytes a step, agrees with the grammar', () => {
  /** 19 bytes and more go that way; the runs around it must not matter, whatever they are. */
  function wide(bytes: Uint8Array): number {
    u8.fill(0xf0, FREE, FREE + 300)
    u8.set(bytes, FREE + 100)
    return codec.utf8Validate(START, FREE + 100, bytes.length)
  }

  test('on every pair of bytes, at the start, across a step and at the end', () => {
    for (const [length, at] of [
      [19, 0],
      [40, 15],
      [40, 22],
      [40, 38],
      [32, 30],
    ] as const) {
      const bytes = new Uint8Array(length).fill(0x61)
      for (let a = 0; a < 256; a++) {
        for (let b = 0; b < 256; b++) {
          bytes[at] = a
          bytes[at + 1] = b
          if (verdict(wide(bytes)) !== judgeUtf8(bytes)) expect.fail(`[${a}, ${b}] at ${at} of ${length}`)
        }
      }
    }
  })

  test('on sequences of three and four bytes around every boundary, wherever a step begins', () => {
    const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf0, 0xff]
    for (let at = 11; at < 18; at++) {
      const bytes = new Uint8Array(36).fill(0x61)
      for (const a of [0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff]) {
        for (const b of edges)
          for (const c of edges)
            for (const d of edges) {
              bytes.set([a, b, c, d], at)
              if (verdict(wide(bytes)) !== judgeUtf8(bytes)) expect.fail(`[${a}, ${b}, ${c}, ${d}] at ${at}`)
            }
      }
    }
  })

  test('on texts in many scripts with one byte changed, and in the state behind them, whole and in two', () => {
    const text = new TextEncoder().encode('Ἀβγ и тд 漢字かな 𝒳𝒴😀 plain, plain ASCII as it may be ÿøπ漢字𐍈 and so on')
    const random = new Random(7)
    for (let round = 0; round < 4_000; round++) {
      const bytes = text.slice(random.below(20), text.length - random.below(20))
      if (round % 4 !== 0) bytes[random.below(bytes.length)] = random.below(256)
      let slow = START
      for (const byte of bytes) slow = validate([byte], slow)
      const split = random.below(bytes.length)
      const inTwo = validate(bytes.subarray(split), validate(bytes.subarray(0, split)))
      if (verdict(slow) !== judgeUtf8(bytes) || wide(bytes) !== slow || inTwo !== slow) expect.fail(`${bytes}`)
    }
  })
})

test('the state carries on: any split gives the same', () => {
  const bytes = new TextEncoder().encode('plain ASCII of some length é€😀 and then a little more of it')
  for (let at = 0; at <= bytes.length; at++) {
    expect(validate(bytes.subarray(at), validate(bytes.subarray(0, at))), `split at ${at}`).toBe(START)
  }
})

test('a text that is wrong stays wrong', () => {
  expect(validate([0x61, 0x62], validate([0xff]))).toBe(REJECT)
  expect(validate([], REJECT)).toBe(REJECT)
})

test('reads nothing behind the end of memory', () => {
  const end = u8.length
  for (let length = 0; length <= 64; length++) {
    u8.fill(0x61, end - length)
    expect(codec.utf8Validate(START, end - length, length)).toBe(START)
  }
})
