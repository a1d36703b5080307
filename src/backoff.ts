/** Delays between attempts: exponential, with jitter, so that a thousand clients do not reconnect at once. */

import { checkNumber, type Family, number, TIMER_MAX } from './option-rules.ts'

/** How long to wait between attempts. */
export interface BackoffOptions {
  /** First delay in ms, 1 to 2^31 - 1. Default 100. */
  initial?: number
  /** Longest delay in ms, `initial` to 2^31 - 1. Default 30,000 in `sessions`, 5,000 in a pool. */
  max?: number
  /** Factor from one delay to the next, 1 to 10. Default 2. */
  factor?: number
  /** Share of each delay that is random, 0 (none) to 1 (all of it). Default 0.5: a delay is between half of its length and all of it. */
  jitter?: number
}

/** What they may be. Their defaults are the caller's. */
export const BACKOFF_OPTIONS: Family<BackoffOptions> = {
  initial: number(1, TIMER_MAX, 'ms'),
  max: number(1, TIMER_MAX, 'ms'),
  factor: number(1, 10, 'times'),
  jitter: number(0, 1, 'of the delay'),
}

/** A sequence of delays that can be restarted. */
export class Backoff {
  private readonly initial: number
  private readonly max: number
  private readonly factor: number
  private readonly jitter: number
  private upcoming: number

  /**
   * @param options as {@link BACKOFF_OPTIONS} judged them
   * @param random 0 to just under 1
   * @throws UsageError `InvalidOption` for a longest delay that is shorter than the first
   */
  constructor(
    options: BackoffOptions,
    private readonly random: () => number,
    defaults: Required<BackoffOptions> = { initial: 100, max: 30_000, factor: 2, jitter: 0.5 },
  ) {
    this.initial = options.initial ?? defaults.initial
    // The one range that depends on another option.
    this.max = checkNumber('backoff.max', options.max ?? Math.max(defaults.max, this.initial), this.initial, TIMER_MAX, 'ms')
    this.factor = options.factor ?? defaults.factor
    this.jitter = options.jitter ?? defaults.jitter
    this.upcoming = this.initial
  }

  /** The next delay in ms. */
  next(): number {
    const delay = this.upcoming
    this.upcoming = Math.min(this.max, delay * this.factor)
    return delay * (1 - this.jitter * this.random())
  }

  /** The next delay is the first one again. */
  reset(): void {
    this.upcoming = this.initial
  }
}
