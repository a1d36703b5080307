/** UTF-8 as the ABNF of RFC 3629 section 4 says it, one production a line. */

type Range = readonly [from: number, to: number]

const TAIL: Range = [0x80, 0xbf]

/** Each production: the lead bytes, then what each following byte must be. */
const PRODUCTIONS: readonly (readonly Range[])[] = [
  [[0x00, 0x7f]],
  [[0xc2, 0xdf], TAIL],
  [[0xe0, 0xe0], [0xa0, 0xbf], TAIL],
  [[0xe1, 0xec], TAIL, TAIL],
  [[0xed, 0xed], [0x80, 0x9f], TAIL],
  [[0xee, 0xef], TAIL, TAIL],
  [[0xf0, 0xf0], [0x90, 0xbf], TAIL, TAIL],
  [[0xf1, 0xf3], TAIL, TAIL, TAIL],
  [[0xf4, 0xf4], [0x80, 0x8f], TAIL, TAIL],
]

/** `valid`: whole characters only. `prefix`: valid so far, but ends inside a character. `invalid`: no continuation can mend it. */
export type Utf8Verdict = 'valid' | 'prefix' | 'invalid'

export function judgeUtf8(bytes: ArrayLike<number>): Utf8Verdict {
  let at = 0
  while (at < bytes.length) {
    const lead = bytes[at] as number
    const production = PRODUCTIONS.find(([range]) => inside(lead, range as Range))
    if (production === undefined) return 'invalid'
    for (let i = 1; i < production.length; i++) {
      if (at + i === bytes.length) return 'prefix'
      if (!inside(bytes[at + i] as number, production[i] as Range)) return 'invalid'
    }
    at += production.length
  }
  return 'valid'
}

function inside(byte: number, [from, to]: Range): boolean {
  return byte >= from && byte <= to
}
