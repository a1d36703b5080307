// @ts-check
// Times of round trips.

import { build } from 'hdr-histogram-js'

/** The times of one round. */
export class Times {
  histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: 10_000_000_000, numberOfSignificantValueDigits: 3 })
  started = performance.now()
  last = this.started
  count = 0

  /** A round trip is over, and the next one begins. */
  lap() {
    this.record(this.last)
    this.last = performance.now()
  }

  /**
   * A round trip is over that began at `started`: for several at a time.
   *
   * @param {number} started
   */
  record(started) {
    this.histogram.recordValue(Math.max(1, Math.round((performance.now() - started) * 1e6)))
    this.count++
  }

  result() {
    const at = (/** @type {number} */ percent) => this.histogram.getValueAtPercentile(percent) / 1000
    return { amount: this.count, seconds: (performance.now() - this.started) / 1000, p50: at(50), p99: at(99), p999: at(99.9) }
  }
}

/**
 * A percentile as a metric.
 *
 * @param {'p50' | 'p99' | 'p999'} id
 * @param {string} name
 */
export function percentile(id, name) {
  return { id, unit: `${name}, µs`, higherIsBetter: false, of: (/** @type {any} */ turn) => turn[id] }
}
