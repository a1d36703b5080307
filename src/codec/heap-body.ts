/** A body that is too large for linear memory, put together on the heap. */

/** Grows by doubling, so that each byte is moved twice at most on average. */
export class HeapBody {
  /** What there is of it, and free room behind that. */
  bytes: Uint8Array<ArrayBuffer>
  private length = 0

  /**
   * @param first bytes to begin with: all of them when the length is known
   * @param most what it never grows beyond; no more is ever appended
   */
  constructor(
    first: number,
    private readonly most: number,
  ) {
    this.bytes = new Uint8Array(Math.min(first, most))
  }

  /** What there is of it. */
  get view(): Uint8Array<ArrayBuffer> {
    return this.bytes.length === this.length ? this.bytes : this.bytes.subarray(0, this.length)
  }

  /** Copies a piece to the end. */
  append(piece: Uint8Array): void {
    const needed = this.length + piece.length
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.min(this.most, Math.max(needed, 2 * this.bytes.length)))
      grown.set(this.bytes.subarray(0, this.length))
      this.bytes = grown
    }
    this.bytes.set(piece, this.length)
    this.length = needed
  }
}
