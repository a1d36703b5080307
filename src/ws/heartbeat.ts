/**
 * When to ping, and when to give a peer up. Pure: time comes in, a decision goes out.
 *
 * Rule 1: only silence while we were reading counts. A consumer that does not read stops the clocks, so it cannot condemn its peer.
 * Rule 2: any byte from the peer shows that it lives; only text and binary messages show that it still has something to say.
 */

/** What is due. */
export type HeartbeatAction = 'ping' | 'heartbeat-timeout' | 'data-timeout' | 'nothing'

/** The clocks of one connection. All times are ms of one clock. */
export class Heartbeat {
  private pingAt: number
  private pingSentAt = Number.NaN
  /** Since when we have been waiting for bytes; infinite while the consumer holds what came. */
  private waitingSince: number
  /** When the last data was done with. */
  private dataAt: number
  private holdsData = false

  /**
   * @param interval ms between pings, 0 for none
   * @param timeout ms to wait for a sign of life after a ping
   * @param dataTimeout ms without data that condemn the peer, 0 for no limit
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

  /** Bytes came. */
  onBytes(hasData: boolean): void {
    this.waitingSince = Number.POSITIVE_INFINITY
    this.holdsData = hasData || this.holdsData
    this.pingSentAt = Number.NaN
  }

  /** When to look again. */
  get deadline(): number {
    const pong = Number.isNaN(this.pingSentAt) ? Number.POSITIVE_INFINITY : Math.max(this.pingSentAt, finite(this.waitingSince)) + this.timeout
    const data = this.dataTimeout > 0 ? this.dataAt + this.dataTimeout : Number.POSITIVE_INFINITY
    return Math.min(this.pingAt, pong, data)
  }

  /** What is due at `now`. Call it until it says `'nothing'`; a spurious call is harmless. */
  due(now: number): HeartbeatAction {
    const holding = this.waitingSince === Number.POSITIVE_INFINITY
    if (this.dataTimeout > 0 && now >= this.dataAt + this.dataTimeout) {
      if (!holding) return 'data-timeout'
      this.dataAt = now
    }
    if (!Number.isNaN(this.pingSentAt)) {
      if (holding) this.pingSentAt = now
      else if (now >= Math.max(this.pingSentAt, this.waitingSince) + this.timeout) return 'heartbeat-timeout'
    }
    if (now >= this.pingAt) {
      this.pingAt = now + this.interval
      if (Number.isNaN(this.pingSentAt)) {
        this.pingSentAt = now
        return 'ping'
      }
    }
    return 'nothing'
  }
}

function finite(time: number): number {
  return time === Number.POSITIVE_INFINITY ? Number.NEGATIVE_INFINITY : time
}
