/** Bytes of messages that their receivers may keep: one copy for those that lay together in the read buffer. */

import { TextCutter, type TextDecoding } from '../text.ts'

/** Most bytes of a block with several messages: so much may a message that is kept keep besides its own. */
export const OWNED_BLOCK: number = 16 * 1024
/** A message of so many bytes has a block of its own. */
export const OWNED_ALONE = 1024

/** A block, which its messages make strings and bytes from when they are asked. */
export class OwnedBlock {
  #cutter: TextCutter | null = null

  constructor(
    private readonly bytes: Uint8Array<ArrayBuffer>,
    private readonly decoding: TextDecoding,
  ) {}

  /** A text, which has been validated. */
  text(offset: number, length: number, ascii: boolean): string {
    this.#cutter ??= new TextCutter(this.decoding)
    return this.#cutter.text(this.bytes, offset, length, ascii, this.bytes.length)
  }

  /** The byte at `offset`. */
  at(offset: number): number {
    return this.bytes[offset] as number
  }

  /** Bytes with an `ArrayBuffer` of their own, for a message that does not use the block any more: all of it may be theirs. */
  take(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return length === this.bytes.length ? this.bytes : this.copy(offset, length)
  }

  /** The same, for one that still does. */
  copy(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(offset, offset + length)
  }
}
