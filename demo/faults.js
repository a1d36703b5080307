// @ts-check
/**
 * What the exchange does wrong, and when.
 *
 * In the end, what the client noticed is compared with what was done. So nothing is done that it cannot notice, however slow it is: after a
 * gap, the next fault waits until the client has seen it; and the last moments are quiet.
 */

/** @typedef {{ seconds: number, gaps: number, drops: number }} FaultOptions how many of each, and over what time */
/** @typedef {'gap' | 'drop'} FaultKind */

/** Share of the time in which there are faults. */
const BUSY = 0.9

export class Faults {
  gapsMade = 0
  dropsMade = 0
  /** The client has not asked for the snapshot that repairs the last gap. */
  isGapUnseen = false

  /** @param {FaultOptions} options */
  constructor({ seconds, gaps, drops }) {
    /** ms after the first subscription */
    this.end = seconds * 1_000 * BUSY
    /** @type {(kind: FaultKind, count: number) => { kind: FaultKind, at: number }[]} */
    const spread = (kind, count) => Array.from({ length: count }, (_, i) => ({ kind, at: ((i + 1) / (count + 1)) * this.end }))
    this.plan = [...spread('gap', gaps), ...spread('drop', drops)].sort((a, b) => a.at - b.at)
  }

  /**
   * What is to be done now, if anything. To be asked while there is a subscriber.
   *
   * @param {number} elapsed ms since the first subscription
   */
  due(elapsed) {
    const [fault] = this.plan
    if (fault === undefined || elapsed < fault.at || elapsed > this.end || this.isGapUnseen) return null
    this.plan.shift()
    if (fault.kind === 'gap') {
      this.gapsMade++
      this.isGapUnseen = true
    } else {
      this.dropsMade++
    }
    return fault.kind
  }
}
