/** What linear memory can't hold, put together on the heap. */

/** The first array, in bytes; less when there will never be as much. */
const FIRST = 4_096

/** How much larger each array is than the one before. What is announced is believed a little: half as many moves. */
const GROWTH = 2
const GROWTH_ANNOUNCED = 4

/**
 * An array with room for `needed` bytes that begins with the first `used` of `bytes`. It grows with what has arrived, never to what is only
 * announced: a peer says in a few bytes that gigabytes will follow. By a factor, so that each byte is moved once or twice on average.
 *
 * @param needed more than there is room for, and at most `most`
 * @param most what will never be exceeded: a limit, or what was announced
 */
export function grown(bytes: Uint8Array, used: number, needed: number, most: number, isAnnounced: boolean): Uint8Array<ArrayBuffer> {
  const factor = isAnnounced ? GROWTH_ANNOUNCED : GROWTH
  const larger = new Uint8Array(Math.min(most, Math.max(FIRST, needed, factor * bytes.length)))
  larger.set(bytes.subarray(0, used))
  return larger
}

/** A body that is too large for linear memory. */
export class HeapBody {
  /** What there is of it, and free room behind that. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0)
  private length = 0

  /**
   * @param most what it never grows beyond; no more is ever appended
   * @param isAnnounced that is what the peer has announced, not a limit
   */
  constructor(
    private readonly most: number,
    private readonly isAnnounced: boolean,
  ) {}

  /** What there is of it. */
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
