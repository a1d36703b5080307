/** What `ws --stats` counts: messages, their sizes, and round trips of pings. */

import { Buffer } from 'node:buffer'
import { performance } from 'node:perf_hooks'
import { bytes, count, counted, ms } from './format.ts'
import { Histogram } from './histogram.ts'

/** Distinguishes our pings from others. */
const MARK = 'nexus-stats '

/** One direction. */
interface Direction {
  messages: number
  bytes: number
}

/** Counts of one connection. */
export class Stats {
  private readonly started = performance.now()
  private readonly sizes = new Histogram()
  /** In tenths of a microsecond. */
  private readonly trips = new Histogram()
  private readonly received: Direction = { messages: 0, bytes: 0 }
  private readonly sent: Direction = { messages: 0, bytes: 0 }
  /** Bytes of what was received, as long as it was before it was inflated. */
  private wire = 0
  private last = { at: this.started, messages: 0, bytes: 0 }
  private pings = 0
  /** The ping that was not answered yet. */
  private pending: { readonly text: string; readonly at: number } | null = null

  /** @param wireLength its bytes before it was inflated */
  onReceived(length: number, wireLength: number): void {
    this.received.messages++
    this.received.bytes += length
    this.wire += wireLength
    this.sizes.add(length)
  }

  onSent(length: number): void {
    this.sent.messages++
    this.sent.bytes += length
  }

  /** The payload of a ping that measures; null while one is under way. */
  ping(): Uint8Array | null {
    if (this.pending !== null) return null
    this.pending = { text: `${MARK}${++this.pings}`, at: performance.now() }
    return Buffer.from(this.pending.text)
  }

  onPong(text: string): void {
    if (text !== this.pending?.text) return
    this.trips.add((performance.now() - this.pending.at) * 1e4)
    this.pending = null
  }

  /** The time since the last such line. */
  line(): string {
    const { received, last } = this
    const at = performance.now()
    const seconds = (at - last.at) / 1_000 || 1
    const text = `${count((received.messages - last.messages) / seconds)} msg/s  ${bytes((received.bytes - last.bytes) / seconds)}/s`
    this.last = { at, ...received }
    const ratio = this.wire === received.bytes ? '' : `  ratio ${this.ratio}`
    return `${text}${ratio}${this.trips.total === 0 ? '' : `  round trip ${ms(this.trips.percentile(0.5) / 1e4)}`}`
  }

  /** What is left of the bytes that were received while they are compressed. */
  private get ratio(): string {
    return (this.wire / (this.received.bytes || 1)).toFixed(3)
  }

  /** The summary at the end. @param extensions what the server agreed to when compression was offered; null when it was not */
  summary(extensions: string | null): string {
    const { received, sent, sizes, trips, wire } = this
    const seconds = (performance.now() - this.started) / 1_000
    const lines = [
      `received ${counted(received.messages, 'message')}, ${bytes(received.bytes)} in ${seconds.toFixed(1)} s: ${count(received.messages / seconds)} msg/s, ${bytes(received.bytes / seconds)}/s`,
      `sent ${counted(sent.messages, 'message')}, ${bytes(sent.bytes)}`,
    ]
    if (extensions === '') lines.push('not compressed: the server does not want it')
    else if (extensions !== null) lines.push(`compressed to ${bytes(wire)}, ratio ${this.ratio}: ${extensions}`)
    if (sizes.total > 0) {
      lines.push(`size p50 ${bytes(sizes.percentile(0.5))}, p99 ${bytes(sizes.percentile(0.99))}, max ${bytes(sizes.max)}`)
    }
    if (trips.total > 0) {
      const [half, most, max] = [trips.percentile(0.5), trips.percentile(0.99), trips.max].map((trip) => ms(trip / 1e4))
      lines.push(`round trip of a ping p50 ${half}, p99 ${most}, max ${max}, of ${count(trips.total)}`)
    }
    return lines.join('\n')
  }
}
