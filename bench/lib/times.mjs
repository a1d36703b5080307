// @ts-check
// Times of round trips.

import { build } from 'hdr-histogram-js'

/** The percentiles of a curve: from what half of the round trips take to the slowest of ten thousand. */
export const PERCENTILES = [0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99]

/** What keeps times in ns. */
export const makeHistogram = () => build({ lowestDiscernibleValue: 1, highestTrackableValue: 10_000_000_000, numberOfSignificantValueDigits: 3 })

/**
 * What a round's times come to, in µs.
 *
 * @param {ReturnType<typeof makeHistogram>} histogram
 */
export function percentilesOf(histogram) {
  const at = (/** @type {number} */ percent) => histogram.getValueAtPercentile(percent) / 1000
  return { p50: at(50), p99: at(99), p999: at(99.9), curve: PERCENTILES.map(at) }
}

/** The times of one round. */
export class Times {
  histogram = makeHistogram()
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
    return { amount: this.count, seconds: (performance.now() - this.started) / 1000, ...percentilesOf(this.histogram) }
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
