/** Field text: one character for each byte, whatever the byte. */

import type { CodecMemory } from './memory.ts'
import type { TextDecoding } from './text.ts'

/** Longest head that is decoded as one string. Texts cut from it keep it alive, as {@link Message.text} does with its blocks. */
const BLOCK = 2_048

/** Runs up to this length are put together character by character, which is quicker than a call into the engine's decoder. */
const SHORT = 12

/**
 * Bytes `[start, end)` as text, one character a byte (ISO 8859-1, as RFC 9110 section 5.5 has it for old values). A browser's `latin1` decoder is
 * windows-1252 in truth, so only ASCII is left to it.
 */
export function latin1(memory: CodecMemory, text: TextDecoding, start: number, end: number): string {
  const { u8 } = memory
  if (end - start > SHORT && memory.exports.isAsciiRun(start, end - start) !== 0) return text.latin1(u8, start, end)
  let string = ''
  for (let i = start; i < end; i++) string += String.fromCharCode(u8[i] as number)
  return string
}

/** Does the run equal `name`, whatever the case of either? Allocates nothing. */
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

/** The text of one head, decoded as a whole when its first part is asked for: a call into the engine's decoder costs more than the decoding. */
export class HeadText {
  private block = ''
  private decoded = false

  constructor(
    private readonly memory: CodecMemory,
    private readonly text: TextDecoding,
  ) {}

  /** Forgets the last head. */
  clear(): void {
    this.decoded = false
    this.block = ''
  }

  /** Text of the run of `length` bytes at `at`, in the head of `headLength` bytes at `head`. */
  cut(head: number, headLength: number, at: number, length: number): string {
    if (length === 0) return ''
    if (!this.decoded) {
      if (headLength > BLOCK) return latin1(this.memory, this.text, at, at + length)
      this.decoded = true
      this.block = latin1(this.memory, this.text, head, head + headLength)
    }
    const from = at - head
    return this.block.substring(from, from + length)
  }
}
