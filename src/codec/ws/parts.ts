/** Messages that come in parts, put together on the heap. */

import { grown, KEPT } from '../heap-body.ts'

const EMPTY = new Uint8Array(0)

/** The parts of one reader's messages: one message after the other. */
export class Parts {
  /** The message, or what there is of it, with free room behind it. */
  bytes: Uint8Array = EMPTY
  /** Bytes of a message whose end has not come. */
  private length = 0
  /** The buffer is too large to be held: {@link Parts.rest} has something to do. */
  isLarge = false
  /** A buffer that was too large to be held: used again while large messages follow each other, and gone once nothing does. */
  private last: WeakRef<Uint8Array> | null = null

  /** @param most bytes that a message may have */
  constructor(private readonly most: number) {}

  /**
   * Appends a part.
   *
   * @param remaining bytes of its frame that have not arrived
   */
  append(part: Uint8Array, remaining: number): void {
    const needed = this.length + part.length
    if (this.length === 0) this.reuse(needed, remaining)
    if (needed > this.bytes.length) this.bytes = grown(this.bytes, this.length, needed, this.most, false)
    this.isLarge = this.bytes.length > KEPT
    this.bytes.set(part, this.length)
    this.length = needed
  }

  /** Bytes of the message so far. */
  get size(): number {
    return this.length
  }

  /** The message is whole. Returns its length. */
  end(): number {
    const { length } = this
    this.length = 0
    return length
  }

  /** What was put together before is not used any more: a large buffer is let go of. */
  rest(): void {
    if (this.length !== 0 || !this.isLarge) return
    this.last = new WeakRef(this.bytes)
    this.clear()
  }

  /** Lets go of every buffer. */
  clear(): void {
    this.bytes = EMPTY
    this.isLarge = false
  }

  /** The first `length` bytes of a message were received: if its frame will need a quarter of the last large buffer, and that is still there, it goes there. */
  private reuse(length: number, remaining: number): void {
    const last = this.last?.deref()
    if (last === undefined) return
    if (length + remaining >= last.length / 4 && length <= last.length) this.bytes = last
    this.last = null
  }
}
