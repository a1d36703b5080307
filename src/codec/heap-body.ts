/** Bodies that linear memory can't hold, put together on the heap. */

/** The largest buffer that is held for what comes next: an idle connection holds no more than its other buffers take anyway. */
export const KEPT: number = 64 * 1024

/** The size of the first array, in bytes; less when the body can't be that large. */
const FIRST = 4_096

/** How much larger each array is than the one before; more for an announced body, which then needs half as many moves. */
const GROWTH = 2
const GROWTH_ANNOUNCED = 4

/**
 * An array with room for `needed` bytes that begins with the first `used` of `bytes`. It grows with the bytes that have arrived, never to the announced
 * size: a peer can announce gigabytes in a few bytes. It grows by a factor, so that each byte is moved once or twice on average.
 *
 * @param needed more than there is room for, and at most `most`
 * @param most never exceeded: a limit, or the announced size
 */
export function grown(bytes: Uint8Array, used: number, needed: number, most: number, isAnnounced: boolean): Uint8Array<ArrayBuffer> {
  const factor = isAnnounced ? GROWTH_ANNOUNCED : GROWTH
  const larger = new Uint8Array(Math.min(most, Math.max(FIRST, needed, factor * bytes.length)))
  larger.set(bytes.subarray(0, used))
  return larger
}

/** A body that is too large for linear memory. */
export class HeapBody {
  /** The body so far, and free room after it. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0)
  private length = 0

  /**
   * @param most it never grows beyond this; no more is ever appended
   * @param isAnnounced `most` is the size that the peer has announced, not a limit
   */
  constructor(
    private readonly most: number,
    private readonly isAnnounced: boolean,
  ) {}

  /** The body so far. */
  get view(): Uint8Array<ArrayBuffer> {
    return this.bytes.length === this.length ? this.bytes : this.bytes.subarray(0, this.length)
  }

  /** Copies a piece to the end. */
  append(piece: Uint8Array): void {
    const needed = this.length + piece.length
    if (needed > this.bytes.length) this.bytes = grown(this.bytes, this.length, needed, this.most, this.isAnnounced)
    this.bytes.set(piece, this.length)
    this.length = needed
  }
}
