// @ts-check
/**
 * What the exchange does wrong, and when.
 *
 * A gap is one delta that is left out; it shows when the next one of the same symbol arrives. It counts from then on, and no drop comes
 * shortly after it: so every gap that was made can be seen by the client, and the two can be compared in the end.
 */

/** @typedef {{ at: number, kind: 'gap' | 'drop' }} Fault ms after the first subscription */

/** Milliseconds between two faults. */
const DISTANCE = 60

/**
 * Gaps and drops, each spread evenly over the time.
 *
 * @param {{ seconds: number, gaps: number, drops: number }} options
 * @returns {Fault[]}
 */
export function planFaults({ seconds, gaps, drops }) {
  /** @type {(kind: 'gap' | 'drop', count: number) => Fault[]} */
  const spread = (kind, count) => Array.from({ length: count }, (_, i) => ({ kind, at: ((i + 1) / (count + 1)) * seconds * 1_000 }))
  return [...spread('gap', gaps), ...spread('drop', drops)].sort((a, b) => a.at - b.at)
}

/** Carries out a plan. */
export class Faults {
  gapsMade = 0
  dropsMade = 0
  /** A gap is in the making … */
  armed = false
  /** … and a delta of this symbol was left out; -1 before. */
  skipped = -1
  quietUntil = 0

  /** @param {readonly Fault[]} plan */
  constructor(plan) {
    this.plan = [...plan]
  }

  /**
   * Is the connection to be cut now? To be asked while there is one.
   *
   * @param {number} elapsed ms
   */
  isDropDue(elapsed) {
    const [fault] = this.plan
    if (fault === undefined || this.armed || elapsed < fault.at || elapsed < this.quietUntil) return false
    this.plan.shift()
    this.armed = fault.kind === 'gap'
    if (this.armed) return false
    this.dropsMade++
    this.quietUntil = elapsed + DISTANCE
    return true
  }

  /**
   * Is this delta to be left out? To be asked for those that have a subscriber.
   *
   * @param {number} symbol
   * @param {number} elapsed ms
   */
  swallows(symbol, elapsed) {
    if (!this.armed) return false
    if (this.skipped === -1) {
      this.skipped = symbol
      return true
    }
    if (this.skipped === symbol) {
      this.skipped = -1
      this.armed = false
      this.gapsMade++
      this.quietUntil = elapsed + DISTANCE
    }
    return false
  }

  /** Nobody can notice the last gap any more: make it anew. */
  forget() {
    this.skipped = -1
  }
}
