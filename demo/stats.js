// @ts-check
/** Counts and latencies, in total and for the last full second. */

import { build } from 'hdr-histogram-js'

/** An hour in µs: what takes longer is recorded as this. */
const LONGEST = 3_600_000_000

/** @typedef {{ messages: number, bytes: number, p50: number, p99: number }} Second latencies in µs */

export class Stats {
  messages = 0
  bytes = 0
  /** Bytes of payload as they were received: fewer when they are compressed. */
  wire = 0
  /** Latencies in µs. */
  latency = histogram()
  window = histogram()
  windowMessages = 0
  windowBytes = 0
  /** Full seconds so far. */
  seconds = 0
  /** @type {Second} */
  last = { messages: 0, bytes: 0, p50: 0, p99: 0 }

  /** @param {{ length: number, wireLength: number }} message */
  count({ length, wireLength }) {
    this.messages++
    this.bytes += length
    this.wire += wireLength
  }

  /** @param {number} ms from sending to having it in hand */
  delay(ms) {
    record(this.window, ms)
  }

  /** A second is over. */
  roll() {
    this.seconds++
    this.last = {
      messages: this.messages - this.windowMessages,
      bytes: this.bytes - this.windowBytes,
      p50: this.window.getValueAtPercentile(50),
      p99: this.window.getValueAtPercentile(99),
    }
    this.windowMessages = this.messages
    this.windowBytes = this.bytes
    this.latency.add(this.window)
    this.window.reset()
  }
}

/** Of times in µs. */
export function histogram() {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: LONGEST, numberOfSignificantValueDigits: 3, useWebAssembly: false })
}

/**
 * @param {ReturnType<typeof histogram>} times
 * @param {number} ms
 */
export function record(times, ms) {
  times.recordValue(Math.min(LONGEST, Math.max(1, Math.round(ms * 1_000))))
}
