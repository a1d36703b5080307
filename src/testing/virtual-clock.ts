/** Time that passes only when a test advances it. */

import type { Clock } from '../clock.ts'
import { checkNumber, refused } from '../option-rules.ts'
import { showsItself } from '../printing.ts'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/**
 * A {@link Clock} that stands still until {@link VirtualClock.advance}: hours pass in no time, and always in the same order.
 *
 * ```ts
 * const clock = new VirtualClock()
 * clock.set(() => console.log('a minute later'), 60_000)
 * await clock.advance(60_000)
 * ```
 */
export class VirtualClock implements Clock {
  static {
    showsItself(this.prototype, (it) => ({ now: it.#time, pending: it.#timers.size }))
  }

  /** Unordered: there are few, and each is looked at once per firing. */
  readonly #timers = new Set<Timer>()
  #time: number
  /** The last advance; the next one waits for it. */
  #last: Promise<void> = Promise.resolve()

  /** @param start the first value of `now()`, in ms. Default 0 */
  constructor(start: number = 0) {
    this.#time = checkNumber('start', start, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 'ms')
  }

  /** How many timers are set: 0 when nothing waits for time to pass. */
  get pending(): number {
    return this.#timers.size
  }

  /** Milliseconds of virtual time. */
  now(): number {
    return this.#time
  }

  /** Calls `callback` once virtual time has advanced by `delay` ms. Returns a handle for `clear`. */
  set(callback: () => void, delay: number): unknown {
    if (typeof callback !== 'function') throw refused('callback', 'a function', callback)
    checkNumber('delay', delay, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 'ms')
    const timer: Timer = { at: this.#time + Math.max(0, delay), callback }
    this.#timers.add(timer)
    return timer
  }

  /** Cancels a timer; harmless when it has fired. */
  clear(timer: unknown): void {
    this.#timers.delete(timer as Timer)
  }

  /**
   * Lets `ms` milliseconds pass. Timers fire in the order of their times, those of one time in the order in which they were set, each
   * with `now()` at its time. Before the first and after each, all promises that can settle without time or I/O do so; timers that they set
   * within the span fire too. Overlapping calls run one after the other.
   *
   * @returns rejects with what a timer's callback throws; the clock then stands at that timer's time
   */
  advance(ms: number): Promise<void> {
    checkNumber('ms', ms, 0, Number.MAX_SAFE_INTEGER, 'ms')
    const result = this.#last.then(() => this.#run(ms))
    this.#last = result.catch(() => {})
    return result
  }

  async #run(ms: number): Promise<void> {
    // A message is a task of its own: every microtask that can run does so before it comes, however long the chain. No timer is used,
    // so it works where those are replaced too.
    const { port1, port2 } = new MessageChannel()
    const settle = (): Promise<void> =>
      new Promise((resolve) => {
        port1.onmessage = () => resolve()
        port2.postMessage(null)
      })
    try {
      await settle()
      const end = this.#time + ms
      for (let timer = this.#next(end); timer !== null; timer = this.#next(end)) {
        this.#timers.delete(timer)
        this.#time = timer.at
        timer.callback()
        await settle()
      }
      this.#time = end
    } finally {
      port1.close()
      port2.close()
    }
  }

  /** The first timer up to `end`. */
  #next(end: number): Timer | null {
    let first: Timer | null = null
    for (const timer of this.#timers) if (timer.at <= end && (first === null || timer.at < first.at)) first = timer
    return first
  }
}
