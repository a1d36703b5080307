/** Inflate as RFC 1951 says it, bit by bit, with no thought of speed; written from the RFC alone. What zlib lets pass beyond it is said where it is done. */

/** What deflated data stands for. */
export type Verdict =
  | { readonly kind: 'whole'; readonly output: Uint8Array<ArrayBuffer>; readonly consumed: number }
  | { readonly kind: 'incomplete'; readonly output: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'broken'; readonly why: string; readonly output: Uint8Array<ArrayBuffer> }

class Incomplete extends Error {}
class Broken extends Error {}

const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258]
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
]
const DISTANCE_EXTRA = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13]
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/** Symbols by their codes, written as strings of 0 and 1. */
type Code = ReadonlyMap<string, number>

/** @param most what may come out, after which no more is looked at */
export function referenceInflate(input: Uint8Array, windowBits = 15, most = 1 << 22): Verdict {
  const output: number[] = []
  let at = 0
  const bit = (): number => {
    if (at >= 8 * input.length) throw new Incomplete()
    const value = ((input[at >> 3] as number) >> (at & 7)) & 1
    at++
    return value
  }
  const bits = (count: number): number => {
    let value = 0
    for (let i = 0; i < count; i++) value |= bit() << i
    return value
  }
  const symbolOf = (code: Code): number => {
    let word = ''
    for (;;) {
      word += bit()
      const symbol = code.get(word)
      if (symbol !== undefined) return symbol
      if (word.length === 15) throw new Broken('no such code')
      // An incomplete code has one bit (makeCode): a second one is not waited for.
      if (code.size < 2) throw new Broken('no such code')
    }
  }
  const whole = (): Uint8Array<ArrayBuffer> => Uint8Array.from(output)
  try {
    for (let isLast = 0; isLast === 0; ) {
      isLast = bit()
      const type = bits(2)
      if (type === 3) throw new Broken('block type')
      if (type === 0) {
        at = (at + 7) & ~7
        const length = bits(16)
        if (length !== (bits(16) ^ 0xffff)) throw new Broken('stored length')
        for (let i = 0; i < length; i++) output.push(bits(8))
        continue
      }
      let literals: Code
      let distances: Code
      if (type === 1) {
        literals = makeCode(Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)))
        distances = makeCode(new Array(32).fill(5))
      } else {
        const hlit = bits(5) + 257
        const hdist = bits(5) + 1
        const hclen = bits(4) + 4
        if (hlit > 286 || hdist > 30) throw new Broken('too many codes')
        const own = new Array<number>(19).fill(0)
        for (let i = 0; i < hclen; i++) own[ORDER[i] as number] = bits(3)
        const precode = makeCode(own, false)
        if (precode.size === 0) throw new Broken('code lengths')
        const lengths: number[] = []
        while (lengths.length < hlit + hdist) {
          const symbol = symbolOf(precode)
          if (symbol < 16) {
            lengths.push(symbol)
            continue
          }
          if (symbol === 16 && lengths.length === 0) throw new Broken('repeat')
          const value = symbol === 16 ? (lengths.at(-1) as number) : 0
          const times = symbol === 16 ? 3 + bits(2) : symbol === 17 ? 3 + bits(3) : 11 + bits(7)
          if (lengths.length + times > hlit + hdist) throw new Broken('repeat')
          for (let i = 0; i < times; i++) lengths.push(value)
        }
        if (lengths[256] === 0) throw new Broken('no end of block')
        literals = makeCode(lengths.slice(0, hlit))
        distances = makeCode(lengths.slice(hlit))
      }
      for (;;) {
        const symbol = symbolOf(literals)
        if (symbol < 256) output.push(symbol)
        else if (symbol === 256) break
        else if (symbol > 285) throw new Broken('length symbol')
        else {
          const length = (LENGTH_BASE[symbol - 257] as number) + bits(LENGTH_EXTRA[symbol - 257] as number)
          const far = symbolOf(distances)
          if (far > 29) throw new Broken('distance symbol')
          const distance = (DISTANCE_BASE[far] as number) + bits(DISTANCE_EXTRA[far] as number)
          if (distance > output.length || distance > 1 << windowBits) throw new Broken('distance too far')
          for (let i = 0; i < length; i++) output.push(output[output.length - distance] as number)
        }
        if (output.length > most) throw new Broken('too much for the reference')
      }
    }
    return { kind: 'whole', output: whole(), consumed: (at + 7) >> 3 }
  } catch (error) {
    if (error instanceof Incomplete) return { kind: 'incomplete', output: whole() }
    if (error instanceof Broken) return { kind: 'broken', why: error.message, output: whole() }
    throw error
  }
}

/**
 * The canonical code of section 3.2.2. Throws for one that is over-subscribed, or incomplete; as zlib, it takes one symbol of one bit, and none.
 *
 * @param mayBeIncomplete so much is only let pass for literals and distances
 */
function makeCode(lengths: readonly number[], mayBeIncomplete = true): Code {
  const code = new Map<string, number>()
  const used = lengths.filter((length) => length > 0)
  const taken = used.reduce((sum, length) => sum + 2 ** -length, 0)
  if (taken > 1) throw new Broken('over-subscribed')
  if (taken < 1 && used.length > 0 && !(mayBeIncomplete && used.length === 1 && used[0] === 1)) throw new Broken('incomplete')
  let next = 0
  for (let bits = 1; bits <= 15; bits++) {
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] === bits) code.set((next++).toString(2).padStart(bits, '0'), symbol)
    }
    next *= 2
  }
  return code
}
