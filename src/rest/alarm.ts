/**
 * One timer for many deadlines: a request that is answered in time needs no timer of its own.
 *
 * Rule 1: a deadline that is noticed late is judged after a look at the sockets. After a thread was blocked, its timers run before its sockets are
 *         read, and the awaited bytes may have waited in the system for long.
 *
 * The timer is armed for the earliest deadline that was ever set and stays armed when that deadline is cancelled; when it fires early, it is
 * armed again for the next deadline. So a deadline that moves with every request costs two stores, and is still kept to the millisecond.
 */

import type { Clock } from '../clock.ts'
import { LOOK, Looks } from '../look.ts'
import { TIMER_MAX } from '../option-rules.ts'

/** Calls back at a deadline that moves often and is rarely met. */
export class Alarm {
  private due: number = Number.POSITIVE_INFINITY
  private timer: unknown = null
  private timerDue: number = Number.POSITIVE_INFINITY
  private readonly looks = new Looks()
  private readonly onTimer = (): void => {
    this.timer = null
    this.timerDue = Number.POSITIVE_INFINITY
    if (this.due === Number.POSITIVE_INFINITY) return
    const now = this.clock.now()
    if (now < this.due) {
      this.start()
      return
    }
    if (this.looks.isDue(now - this.due)) {
      this.timerDue = now + LOOK
      this.timer = this.clock.set(this.onTimer, LOOK)
      return
    }
    this.due = Number.POSITIVE_INFINITY
    this.onDue()
  }

  constructor(
    private readonly clock: Clock,
    private readonly onDue: () => void,
  ) {}

  /** Moves the deadline to `due`, in the clock's ms. `Infinity` cancels it. */
  set(due: number): void {
    this.due = due
    this.looks.reset()
    if (due < this.timerDue) this.start()
  }

  /** Moves the deadline to `due` when that is earlier. */
  setAtLatest(due: number): void {
    if (due < this.due) this.set(due)
  }

  /** Cancels the deadline and stops the timer, for good. */
  stop(): void {
    this.due = Number.POSITIVE_INFINITY
    if (this.timer !== null) this.clock.clear(this.timer)
    this.timer = null
    this.timerDue = Number.POSITIVE_INFINITY
  }

  private start(): void {
    if (this.timer !== null) this.clock.clear(this.timer)
    this.timerDue = this.due
    this.timer = this.clock.set(this.onTimer, Math.min(TIMER_MAX, Math.max(1, Math.ceil(this.due - this.clock.now()))))
  }
}
