/** Frames that wait on the heap, in order, joined to chunks: a backlog of small frames still leaves in large writes. */

const CHUNK_BYTES = 64 * 1024

/** A first-in, first-out queue of bytes. */
export class Overflow {
  /** Bytes waiting. */
  bytes = 0
  private readonly chunks: Uint8Array[] = []
  private first = 0
  /** Bytes of the first chunk that were removed. */
  private taken = 0
  /** Used bytes of the last chunk, when more may be put in; otherwise 0. */
  private open = 0

  /** Nothing waits. */
  get isEmpty(): boolean {
    return this.first === this.chunks.length
  }

  /** Appends a frame, which belongs to the queue from now on. */
  push(frame: Uint8Array): void {
    this.bytes += frame.length
    const last = this.chunks[this.chunks.length - 1]
    if (this.open !== 0 && last !== undefined && this.open + frame.length <= last.length) {
      last.set(frame, this.open)
      this.open += frame.length
      return
    }
    this.seal()
    if (frame.length > CHUNK_BYTES / 2) {
      this.chunks.push(frame)
      return
    }
    const chunk = new Uint8Array(CHUNK_BYTES)
    chunk.set(frame)
    this.chunks.push(chunk)
    this.open = frame.length
  }

  /** The oldest bytes, at most `max`; they stay in the queue, and where they are, until {@link Overflow.advance}. */
  peek(max: number): Uint8Array | undefined {
    if (this.first === this.chunks.length - 1) this.seal()
    const chunk = this.chunks[this.first]
    if (chunk === undefined || (this.taken === 0 && chunk.length <= max)) return chunk
    return chunk.subarray(this.taken, this.taken + max)
  }

  /** Removes `length` bytes of what {@link Overflow.peek} gave. */
  advance(length: number): void {
    this.bytes -= length
    this.taken += length
    if (this.taken < (this.chunks[this.first] as Uint8Array).length) return
    this.taken = 0
    this.first++
    // Now and then, so that neither a long queue nor a short one costs a move for each frame.
    if (this.first === this.chunks.length || this.first === 64) {
      this.chunks.splice(0, this.first)
      this.first = 0
    }
  }

  clear(): void {
    this.chunks.length = 0
    this.first = 0
    this.taken = 0
    this.open = 0
    this.bytes = 0
  }

  /** Nothing more goes into the last chunk. */
  private seal(): void {
    if (this.open === 0) return
    const last = this.chunks.length - 1
    this.chunks[last] = (this.chunks[last] as Uint8Array).subarray(0, this.open)
    this.open = 0
  }
}
