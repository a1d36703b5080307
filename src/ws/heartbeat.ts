/**
 * When to ping, and when to give a peer up. Pure: its input is the time, its output a decision.
 *
 * Rule 1: only silence while we were reading counts. While the consumer does not read, the clocks stand still, so a slow consumer never makes its peer look dead.
 * Rule 2: any byte from the peer shows that it lives; only text and binary messages show that it still sends data.
 * Rule 3: a peer that takes bytes lives, too: a write that had to wait and is done is a sign of life, and the time for a pong begins when its ping
 *         has left. When a ping cannot leave, the peer is given up after `interval + timeout` without any sign.
 * Rule 4: a deadline that is noticed late is judged after a look at the socket: a thread that was busy has not seen yet what arrived in time.
 */

import { Looks } from '../look.ts'

/** What is due. `look`: let the event loop take a turn, in which it reads the socket, then ask again. */
export type HeartbeatAction = 'ping' | 'look' | 'heartbeat-timeout' | 'data-timeout' | 'nothing'

/** Writes that are done within so many ms went into a system buffer, whether the peer lives or not. */
const PROMPT = 5

/** The clocks of one connection. All times are ms of one clock. */
export class Heartbeat {
  private pingAt: number
  /** `wanted`: due, but nothing can be written. `queued`: written, but it has not left. */
  private ping: 'none' | 'wanted' | 'queued' | 'left' = 'none'
  /** Since when the silence after the ping counts. */
  private silentSince = Number.NEGATIVE_INFINITY
  /** Since when we have been waiting for bytes; infinite while the consumer holds the last ones. */
  private waitingSince: number
  /** When the consumer had finished with the last data. */
  private dataAt: number
  private holdsData = false
  /** Since when a write is waiting. */
  private blockedSince = Number.NaN
  /** When the peer was last seen to take bytes. */
  private takenAt = Number.NEGATIVE_INFINITY
  private readonly looks = new Looks()

  /**
   * @param interval ms between pings, 0 for none
   * @param timeout ms to wait for a sign of life after a ping
   * @param dataTimeout ms without data until the peer is given up, 0 for no limit
   */
  constructor(
    private readonly interval: number,
    private readonly timeout: number,
    private readonly dataTimeout: number,
    now: number,
  ) {
    this.pingAt = interval > 0 ? now + interval : Number.POSITIVE_INFINITY
    this.waitingSince = Number.POSITIVE_INFINITY
    this.dataAt = now
  }

  /** Reading goes on: the consumer has used everything. */
  onWaiting(now: number): void {
    this.waitingSince = now
    if (this.holdsData) this.dataAt = now
    this.holdsData = false
  }

  /** Bytes were received. */
  onBytes(hasData: boolean): void {
    this.waitingSince = Number.POSITIVE_INFINITY
    this.holdsData = hasData || this.holdsData
    this.ping = 'none'
  }

  /** A write has to wait. */
  onBlocked(now: number): void {
    this.blockedSince = now
  }

  /** The write that had to wait is done. */
  onTaken(now: number): void {
    if (now - this.blockedSince >= PROMPT) this.takenAt = now
    this.blockedSince = Number.NaN
    if (this.ping === 'queued') this.onPinged(now, true)
  }

  /** A ping was due and could not be written. It may be written once nothing waits. */
  get wantsPing(): boolean {
    return this.ping === 'wanted'
  }

  /** A ping was written. */
  onPinged(now: number, hasLeft: boolean): void {
    this.ping = hasLeft ? 'left' : 'queued'
    if (hasLeft) this.silentSince = now
  }

  /** When to look again. */
  get deadline(): number {
    return Math.min(this.pingAt, this.pongDeadline, this.dataDeadline)
  }

  /** What is due at `now`. Call it until it says `'nothing'`; a spurious call is harmless. */
  due(now: number): HeartbeatAction {
    if (this.waitingSince === Number.POSITIVE_INFINITY) {
      if (now >= this.dataDeadline) this.dataAt = now
      this.silentSince = now
    } else {
      const { dataDeadline } = this
      const isDataLate = now >= dataDeadline
      const deadline = isDataLate ? dataDeadline : this.pongDeadline
      if (now >= deadline) {
        if (this.looks.isDue(now - deadline)) return 'look'
        return isDataLate ? 'data-timeout' : 'heartbeat-timeout'
      }
    }
    this.looks.reset()
    if (now < this.pingAt) return 'nothing'
    this.pingAt = now + this.interval
    if (this.ping !== 'none') return 'nothing'
    this.ping = 'wanted'
    this.silentSince = Number.isNaN(this.blockedSince) ? now : this.blockedSince
    return 'ping'
  }

  private get dataDeadline(): number {
    return this.dataTimeout > 0 ? this.dataAt + this.dataTimeout : Number.POSITIVE_INFINITY
  }

  private get pongDeadline(): number {
    if (this.ping === 'none') return Number.POSITIVE_INFINITY
    const patience = this.ping === 'left' ? this.timeout : this.interval + this.timeout
    return Math.max(this.silentSince, this.takenAt, finite(this.waitingSince)) + patience
  }
}

function finite(time: number): number {
  return time === Number.POSITIVE_INFINITY ? Number.NEGATIVE_INFINITY : time
}
