/** Whether to look a little longer before sleeping: as long as it is worth it. */

const FULL = 16
const AFTER_REST = 8
const SHORTEST_REST = 64
const LONGEST_REST = 256

/**
 * Looking goes on while more than one try in three succeeds. Then it rests for a number of occasions, which doubles as long as it does not help, and
 * is tried again several times in a row: the first tries may fail only because the other thread still shares a core with this one.
 */
export class Patience {
  private score = FULL
  private rest = SHORTEST_REST
  private left = 0

  /** @param spin how long to look at most, in ms; 0 for never */
  constructor(readonly spin: number) {}

  /** Is it worth looking this time? */
  tries(): boolean {
    if (this.spin === 0) return false
    if (this.left === 0) return true
    this.left--
    return false
  }

  /** Says how the last try went. */
  tell(wasWorthIt: boolean): void {
    if (wasWorthIt) {
      this.score = Math.min(FULL, this.score + 2)
      if (this.score === FULL) this.rest = SHORTEST_REST
    } else if (--this.score === 0) {
      this.score = AFTER_REST
      this.left = this.rest
      this.rest = Math.min(LONGEST_REST, 2 * this.rest)
    }
  }
}
