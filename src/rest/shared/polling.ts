/** Whether to poll a little longer before sleeping: as long as it is worth it. */

const FULL = 16
const AFTER_REST = 8
const SHORTEST_REST = 64
const LONGEST_REST = 256
/** The first poll after a rest lasts so many times longer. */
const PROBE = 30

/**
 * A thread keeps polling while more than one try in three succeeds. Then it rests for a number of waits, which doubles as long as polling does not help.
 *
 * After a rest, the first poll is a long one: it may take a time slice of the system's scheduler until threads that wait for one another no longer
 * share a core, and shorter polls would fail without end.
 */
export class Polling {
  private score = FULL
  private rest = SHORTEST_REST
  private left = 0
  private isProbe = false

  /** @param spin how long to poll at most, in ms; 0 for never */
  constructor(private readonly spin: number) {}

  /** How long to poll this time, in ms; 0 for not at all. */
  duration(): number {
    if (this.left === 0) return this.isProbe ? PROBE * this.spin : this.spin
    this.left--
    return 0
  }

  /** Reports whether the last poll succeeded. */
  report(wasWorthIt: boolean): void {
    if (wasWorthIt) {
      this.score = this.isProbe ? AFTER_REST : Math.min(FULL, this.score + 2)
      this.isProbe = false
      if (this.score === FULL) this.rest = SHORTEST_REST
    } else if (this.isProbe || --this.score === 0) {
      this.isProbe = true
      this.left = this.rest
      this.rest = Math.min(LONGEST_REST, 2 * this.rest)
    }
  }
}
