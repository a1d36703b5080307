/** The timer of a {@link Heartbeat}: asks it what is due, and does that on one connection. */

import type { Clock } from '../clock.ts'
import { TransportError } from '../errors.ts'
import { LOOK } from '../look.ts'
import { TIMER_MAX } from '../option-rules.ts'
import type { Closing } from './closing.ts'
import { Heartbeat } from './heartbeat.ts'
import type { ResolvedOptions } from './options.ts'
import type { Sender, WriteWatch } from './sender.ts'

export class Pacemaker implements WriteWatch {
  private readonly heartbeat: Heartbeat
  private timer: unknown = null

  /**
   * @param closing pings and deadlines are only due while it is open
   * @param giveUp called with the error when the peer counts as dead
   */
  constructor(
    private readonly clock: Clock,
    private readonly sender: Sender,
    private readonly closing: Closing,
    private readonly options: ResolvedOptions,
    private readonly giveUp: (error: TransportError) => void,
  ) {
    const { heartbeat, dataTimeout } = options
    this.heartbeat = new Heartbeat(heartbeat?.interval ?? 0, heartbeat?.timeout ?? 0, dataTimeout, clock.now())
    sender.watch = this
    this.arm()
  }

  /** Reading goes on: the consumer has used everything. */
  onWaiting(): void {
    this.heartbeat.onWaiting(this.clock.now())
  }

  /** Bytes came. */
  onBytes(hasData: boolean): void {
    this.heartbeat.onBytes(hasData)
  }

  /** What waited to be written has left. */
  onWritten(): void {
    if (this.heartbeat.wantsPing) this.ping()
  }

  stop(): void {
    if (this.timer !== null) this.clock.clear(this.timer)
    this.sender.watch = null
  }

  // WriteWatch.

  onBlocked(): void {
    this.heartbeat.onBlocked(this.clock.now())
  }

  onTaken(): void {
    this.heartbeat.onTaken(this.clock.now())
  }

  private arm(): void {
    // The ping may have met the end.
    if (this.closing.readyState !== 'open') return
    const delay = Math.max(1, this.heartbeat.deadline - this.clock.now())
    this.timer = this.clock.set(() => this.beat(), Math.min(delay, TIMER_MAX))
  }

  private beat(): void {
    if (this.closing.readyState !== 'open') return
    switch (this.heartbeat.due(this.clock.now())) {
      case 'look':
        this.timer = this.clock.set(() => this.beat(), LOOK)
        return
      case 'heartbeat-timeout':
        this.giveUp(new TransportError('HeartbeatTimeout', this.silence()))
        return
      case 'data-timeout':
        this.giveUp(new TransportError('DataTimeout', `no text or binary message was received within ${this.options.dataTimeout} ms`))
        return
      case 'ping':
        this.ping()
        break
      case 'nothing':
    }
    this.arm()
  }

  /** Writes the ping that is due, unless something else waits to be written. */
  private ping(): void {
    const { sender } = this
    if (!sender.ownPing()) return
    sender.write()
    this.heartbeat.onPinged(this.clock.now(), !sender.isBlocked)
  }

  private silence(): string {
    const { interval, timeout } = this.options.heartbeat as NonNullable<ResolvedOptions['heartbeat']>
    return this.heartbeat.wantsPing
      ? `nothing was received and the peer took no bytes for ${interval + timeout} ms: not even a ping can be sent`
      : `nothing was received within ${timeout} ms of a ping`
  }
}
