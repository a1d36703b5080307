/** The fields of a head, where they lie in linear memory: found without allocation, made into strings when asked for. */

import { FIELD_BYTES, HEAD_FIELD_COUNT, HEAD_FIELDS, INCOMING_START, INCOMING_START_LENGTH } from '../../../assembly/abi.ts'
import type { CodecMemory } from '../memory.ts'
import type { TextDecoding } from '../text.ts'

/** Longest head that is decoded as one string. Texts cut from it keep it alive, as {@link Message.text} does with its blocks. */
const BLOCK = 2_048

/** Runs up to this length are built character by character, which is quicker than a call into the engine's decoder. */
const SHORT = 6

/**
 * Bytes `[start, end)` as text, one character per byte (ISO 8859-1, as RFC 9110 section 5.5 describes it for old values). A browser's `latin1` decoder
 * is really windows-1252, so it is only used for ASCII.
 */
export function latin1(memory: CodecMemory, text: TextDecoding, start: number, end: number): string {
  const { u8 } = memory
  if (end - start > SHORT && memory.exports.isAsciiRun(start, end - start) !== 0) return text.latin1(u8, start, end)
  let string = ''
  for (let i = start; i < end; i++) string += String.fromCharCode(u8[i] as number)
  return string
}

/** Whether the run at `start` equals `name`, whatever the case of either. Allocates nothing. */
export function equalsName(u8: Uint8Array, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    let wanted = name.charCodeAt(i)
    let byte = u8[start + i] as number
    if (wanted === byte) continue
    if (wanted >= 0x41 && wanted <= 0x5a) wanted |= 0x20
    if (byte >= 0x41 && byte <= 0x5a) byte |= 0x20
    if (wanted !== byte) return false
  }
  return true
}

/** Fields that were copied as they lay: one string, and where each name and value begins and ends in it. Made into pairs when they are asked for. */
export class KeptFields {
  constructor(
    private readonly text: string,
    private readonly places: readonly number[],
  ) {}

  pairs(): [name: string, value: string][] {
    const { text, places } = this
    const pairs: [string, string][] = []
    for (let i = 0; i < places.length; i += 4) {
      pairs.push([text.substring(places[i] as number, places[i + 1]), text.substring(places[i + 2] as number, places[i + 3])])
    }
    return pairs
  }
}

/** The fields of the message whose record lies at an address. Its text is decoded as a whole when its first part is asked for. */
export class HeadFields {
  private readonly u8: Uint8Array
  private readonly i32: Int32Array
  /** Word indexes of the record and of the field table. */
  private readonly words: number
  private readonly table: number
  private block = ''
  private decoded = false

  constructor(
    private readonly memory: CodecMemory,
    private readonly text: TextDecoding,
    record: number,
  ) {
    this.u8 = memory.u8
    this.i32 = memory.i32
    this.words = record >> 2
    this.table = this.word(HEAD_FIELDS) >> 2
  }

  /** Forgets the last head: another one was received, or will be. */
  clear(): void {
    this.decoded = false
  }

  /** Their number. */
  get count(): number {
    return this.word(HEAD_FIELD_COUNT)
  }

  /** Index of the first field of that name, whatever the case, or -1. */
  find(name: string): number {
    const { i32, u8 } = this
    const count = this.word(HEAD_FIELD_COUNT)
    const { length } = name
    for (let i = 0, at = this.table; i < count; i++, at += FIELD_BYTES >> 2) {
      if (i32[at + 1] === length && equalsName(u8, i32[at] as number, name)) return i
    }
    return -1
  }

  /** Name of field `index`, in its own case. */
  name(index: number): string {
    const at = this.table + index * (FIELD_BYTES >> 2)
    return this.cut(this.i32[at] as number, this.i32[at + 1] as number)
  }

  /** Value of field `index`. */
  value(index: number): string {
    const at = this.table + index * (FIELD_BYTES >> 2)
    return this.cut(this.i32[at + 2] as number, this.i32[at + 3] as number)
  }

  /** The same as a view. */
  bytes(index: number): Uint8Array {
    const at = this.table + index * (FIELD_BYTES >> 2)
    const start = this.i32[at + 2] as number
    return this.u8.subarray(start, start + (this.i32[at + 3] as number))
  }

  /** All of them, to stay: what is copied is the text of the head. */
  keep(): KeptFields {
    const { i32 } = this
    const start = this.word(INCOMING_START)
    const places: number[] = []
    for (let at = this.table, end = at + this.count * (FIELD_BYTES >> 2); at < end; at += FIELD_BYTES >> 2) {
      const name = (i32[at] as number) - start
      const value = (i32[at + 2] as number) - start
      places.push(name, name + (i32[at + 1] as number), value, value + (i32[at + 3] as number))
    }
    return new KeptFields(this.head(), places)
  }

  /** Text of the run whose address and length are in two words of the record. */
  textOf(offset: number, lengthOffset: number): string {
    return this.cut(this.word(offset), this.word(lengthOffset))
  }

  private cut(at: number, length: number): string {
    if (length === 0) return ''
    if (!this.decoded && this.word(INCOMING_START_LENGTH) > BLOCK) return latin1(this.memory, this.text, at, at + length)
    const from = at - this.word(INCOMING_START)
    return this.head().substring(from, from + length)
  }

  private head(): string {
    if (!this.decoded) {
      const start = this.word(INCOMING_START)
      this.block = latin1(this.memory, this.text, start, start + this.word(INCOMING_START_LENGTH))
      this.decoded = true
    }
    return this.block
  }

  private word(offset: number): number {
    return this.i32[this.words + (offset >> 2)] as number
  }
}
