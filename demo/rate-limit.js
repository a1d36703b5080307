// @ts-check
/** So many a second, counted in windows of one second, as exchanges do. */

/** Milliseconds. */
const WINDOW = 1_000

export class RateLimit {
  windowEnd = 0
  remaining = 0

  /** @param {number} limit */
  constructor(limit) {
    this.limit = limit
  }

  /**
   * One more, at `time`. `reset` is when the window ends, in ms from now.
   *
   * @param {number} time ms
   */
  take(time) {
    if (time >= this.windowEnd) {
      this.windowEnd = time + WINDOW
      this.remaining = this.limit
    }
    const allowed = this.remaining > 0
    if (allowed) this.remaining--
    return { allowed, remaining: this.remaining, reset: this.windowEnd - time }
  }
}
