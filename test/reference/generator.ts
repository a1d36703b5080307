/** Random frame sequences: well-formed conversations, then damage. */

import type { Random } from './random.ts'

const TEXTS = [
  '',
  'Hello',
  '{"e":"trade","p":"67012.10"}',
  'κόσμε',
  'Hello-µ@ßöäüàá-UTF-8!!',
  '𐍈 and € and ߿ and ࠀ',
  '\u{10ffff}\u{10000}\ud7ff\ue000\uffff',
  '0123456789abcdef0123456789abcdef',
  '0123456789abcde\u00fc0123456789abcdef',
].map((text) => new TextEncoder().encode(text))

/** Pieces of UTF-8 that are wrong, or right only in the right company. */
const SHARDS = ['c0 80', 'ed a0 80', 'f4 90 80 80', 'f8 88', 'e2 82', '80', 'bf', 'f0 9f 98', 'c3', 'ff', 'f0 8f bf bf', 'e0 9f bf', 'ef bf bf'].map(
  (text) => Uint8Array.from(text.split(' '), (byte) => Number.parseInt(byte, 16)),
)

const CLOSE_CODES = [1000, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 4999, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535]
const CONTROL_LENGTHS = [0, 1, 2, 4, 8, 16, 124, 125]
const DATA_LENGTHS = [0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 60]

/** Writes sequences into one buffer of its own, so that a run of many costs no garbage. */
export class SequenceGenerator {
  private readonly buffer = new Uint8Array(400_000)
  private at = 0
  private readonly masked: boolean

  constructor(
    private readonly random: Random,
    role: 'client' | 'server',
  ) {
    // What a client reads is unmasked, what a server reads is masked.
    this.masked = role === 'server'
  }

  /** The next sequence: valid until the next call. */
  next(): Uint8Array<ArrayBuffer> {
    this.at = 0
    const { random } = this
    const turns = 1 + random.below(5)
    for (let i = 0; i < turns; i++) this.conversation()
    let length = this.at
    if (random.oneIn(2)) length = this.mutate(length)
    if (random.oneIn(4) && length > 0) length = random.below(length)
    return this.buffer.subarray(0, length)
  }

  private conversation(): void {
    const { random } = this
    switch (random.below(16)) {
      case 0:
      case 1:
      case 2:
        this.single(1)
        break
      case 3:
      case 4:
        this.single(2)
        break
      case 5:
      case 6:
      case 7:
        this.fragmented(1)
        break
      case 8:
      case 9:
        this.fragmented(2)
        break
      case 10:
      case 11:
      case 12:
        this.control()
        break
      case 13:
        random.oneIn(3) ? this.close() : this.control()
        break
      case 14:
        this.odd()
        break
      default:
        random.oneIn(600) ? this.large() : this.single(1)
        break
    }
  }

  private single(opcode: 1 | 2): void {
    this.frame(0x80 | opcode, opcode === 1 ? this.text() : this.binary())
  }

  /** One message in two to five frames, cut anywhere, with control frames between them. */
  private fragmented(opcode: 1 | 2): void {
    const { random } = this
    const payload = opcode === 1 ? this.text() : this.binary()
    const frames = 2 + random.below(4)
    let from = 0
    for (let i = 0; i < frames; i++) {
      const last = i === frames - 1
      const to = last ? payload.length : from + random.below(payload.length - from + 1)
      this.frame((last ? 0x80 : 0) | (i === 0 ? opcode : 0), payload.subarray(from, to))
      from = to
      if (!last && random.oneIn(3)) this.control()
    }
  }

  private control(): void {
    const { random } = this
    const length = random.oneIn(2) ? random.below(9) : random.pick(CONTROL_LENGTHS)
    this.frame(0x80 | (random.oneIn(2) ? 9 : 10), random.bytes(length))
  }

  private close(): void {
    const { random } = this
    if (random.oneIn(6)) {
      this.frame(0x88, random.bytes(random.below(2)))
      return
    }
    const code = random.oneIn(8) ? random.below(65_536) : random.pick(CLOSE_CODES)
    const reason = random.oneIn(3) ? this.text() : new Uint8Array(0)
    const payload = new Uint8Array(2 + Math.min(reason.length, 123))
    payload[0] = code >> 8
    payload[1] = code
    payload.set(reason.subarray(0, payload.length - 2), 2)
    this.frame(0x88, payload)
  }

  /** Frames that break one rule. */
  private odd(): void {
    const { random } = this
    switch (random.below(8)) {
      case 0:
        this.frame(0x80 | ((1 + random.below(7)) * 16) | 1, this.text())
        break
      case 1:
        this.frame(0x80 | random.pick([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), this.text())
        break
      case 2:
        this.frame(0x81, this.text(), !this.masked)
        break
      case 3:
        this.frame(0x82, this.binary(), this.masked, random.oneIn(2) ? 2 : 8)
        break
      case 4:
        this.frame(0x80 | (8 + random.below(3)), random.bytes(126 + random.below(4)))
        break
      case 5:
        this.frame(8 + random.below(3), random.bytes(random.below(4)))
        break
      case 6:
        this.frame(random.oneIn(2) ? 0x80 : 0, this.binary())
        break
      default:
        // A length with its top bits set, and nothing behind it.
        this.frame(0x82, new Uint8Array(0), this.masked, 8)
        for (let i = 0; i < 4; i++) this.buffer[this.at - (this.masked ? 12 : 8) + i] = random.word()
    }
  }

  /** Lengths around the steps of the length encoding. */
  private large(): void {
    const { random } = this
    const length = random.oneIn(8) ? random.pick([65_535, 65_536, 65_537]) : random.pick([126, 127, 128, 255, 256, 257, 1_000])
    const payload = new Uint8Array(length).fill(0x61)
    this.frame(random.oneIn(2) ? 0x81 : 0x82, payload)
  }

  private text(): Uint8Array {
    const { random } = this
    const text = random.pick(TEXTS)
    if (random.oneIn(6)) {
      const shard = random.pick(SHARDS)
      const joined = new Uint8Array(text.length + shard.length)
      joined.set(text)
      joined.set(shard, text.length)
      return joined
    }
    return text
  }

  private binary(): Uint8Array {
    const { random } = this
    return random.bytes(random.oneIn(12) ? 118 + random.below(20) : random.pick(DATA_LENGTHS))
  }

  private frame(first: number, payload: Uint8Array, masked = this.masked, lengthBytes?: number): void {
    const { buffer, random } = this
    const { length } = payload
    const extra = lengthBytes ?? (length < 126 ? 0 : length < 65_536 ? 2 : 8)
    let at = this.at
    buffer[at++] = first
    buffer[at++] = (masked ? 0x80 : 0) | (extra === 0 ? length : extra === 2 ? 126 : 127)
    for (let i = extra - 1; i >= 0; i--) buffer[at++] = i > 3 ? 0 : length >>> (8 * i)
    if (masked) {
      const key = random.oneIn(16) ? 0 : random.word()
      const keyAt = at
      for (let i = 0; i < 4; i++) buffer[at++] = key >>> (8 * i)
      for (let i = 0; i < length; i++) buffer[at++] = (payload[i] as number) ^ (buffer[keyAt + (i & 3)] as number)
    } else {
      buffer.set(payload, at)
      at += length
    }
    this.at = at
  }

  /** One to three random injuries; returns the new length. */
  private mutate(length: number): number {
    const { buffer, random } = this
    for (let n = 1 + random.below(3); n > 0 && length > 0; n--) {
      const at = random.below(length)
      switch (random.below(5)) {
        case 0:
          buffer[at] = (buffer[at] as number) ^ (1 << random.below(8))
          break
        case 1:
          buffer[at] = random.word()
          break
        case 2:
          buffer.copyWithin(at, at + 1, length)
          length--
          break
        case 3:
          buffer.copyWithin(at + 1, at, length)
          buffer[at] = random.word()
          length++
          break
        default: {
          const run = Math.min(random.below(12), length - at)
          buffer.copyWithin(length, at, at + run)
          length += run
        }
      }
    }
    return length
  }
}
