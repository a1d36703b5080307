// @ts-check
/**
 * What the order desk does wrong, and when.
 *
 * Connections are broken with an order in hand, in each of the three ways in which a client cannot know what has become of it; those that are
 * idle are closed; and once the desk is gone for a while. The last moments are quiet.
 */

/** @typedef {{ seconds: number, kills: number, outage: number }} OrderFaultOptions over what time; how often; for how long, in seconds */
/** @typedef {'before' | 'after' | 'half'} OrderFault an order is lost; booked, but not acknowledged; booked, and half acknowledged */
/** @typedef {'idle' | 'leave' | 'return'} TimedFault */

/** Share of the time in which there are faults. */
const BUSY = 0.8
/** Share of it before the outage. */
const BEFORE_OUTAGE = 0.4
/** Longest outage, as a share of the time. */
const MAX_OUTAGE = 0.35

/** Kills are of these kinds in turn. */
const KINDS = /** @type {const} */ (['after', 'idle', 'before', 'half'])

export class OrderFaults {
  /** What will happen to the next orders. @type {OrderFault[]} */
  armed = []
  /** @type {ReturnType<typeof setTimeout>[]} */
  timers = []
  begun = false

  /**
   * @param {OrderFaultOptions} options
   * @param {(fault: TimedFault) => void} misbehave
   */
  constructor({ seconds, kills, outage }, misbehave) {
    this.misbehave = misbehave
    const busy = seconds * 1_000 * BUSY
    const away = Math.min(outage, seconds * MAX_OUTAGE) * 1_000
    const leave = busy * BEFORE_OUTAGE
    // Nothing can be broken while nothing is there: what is due after the beginning of the outage comes after its end.
    const shrink = (busy - leave - away) / (busy - leave)
    const at = (/** @type {number} */ time) => (time < leave ? time : leave + away + (time - leave) * shrink)
    /** @type {{ fault: TimedFault | OrderFault, at: number }[]} */
    this.plan = Array.from({ length: kills }, (_, i) => ({ fault: KINDS[i % KINDS.length], at: at(((i + 1) / (kills + 1)) * busy) }))
    if (away > 0) this.plan.push({ fault: 'leave', at: leave }, { fault: 'return', at: leave + away })
  }

  /** The first order is here: the faults' time begins. */
  begin() {
    if (this.begun) return
    this.begun = true
    for (const { fault, at } of this.plan) {
      const happen = () => {
        if (fault === 'before' || fault === 'after' || fault === 'half') this.armed.push(fault)
        else this.misbehave(fault)
      }
      this.timers.push(setTimeout(happen, at))
    }
  }

  /** What happens to the order that is at hand, if anything. */
  take() {
    return this.armed.shift() ?? null
  }

  stop() {
    for (const timer of this.timers) clearTimeout(timer)
  }
}
