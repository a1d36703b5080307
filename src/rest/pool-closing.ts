/** How a pool ends: over when its last slot is closed, and cut when that takes too long. */

import type { Clock } from '../clock.ts'
import { RestError } from '../errors.ts'
import { type Slot, SlotState } from './slot.ts'

/** The end of one pool. */
export class PoolClosing {
  /** Resolves when everything is closed. */
  readonly over: Promise<void>
  private resolve!: () => void
  private isOver = false
  /** When the slots that are still in use are cut. */
  private cutAt: number = Number.POSITIVE_INFINITY
  private timer: unknown = null

  /** @param cut ends what is still in use */
  constructor(
    private readonly clock: Clock,
    private readonly slots: readonly Slot[],
    private readonly cut: () => void,
  ) {
    this.over = new Promise((resolve) => {
      this.resolve = resolve
    })
  }

  /** What is still in use in `timeout` ms is cut; 0 is never. Of several calls the earliest limit counts. */
  within(timeout: number): void {
    if (timeout === 0 || this.isDrained) return
    const due = this.clock.now() + timeout
    if (due >= this.cutAt) return
    this.cutAt = due
    if (this.timer !== null) this.clock.clear(this.timer)
    this.timer = this.clock.set(this.cut, timeout)
  }

  /** The pool is closing, and a slot may have been its last. */
  check(): void {
    if (this.isOver || !this.isDrained) return
    this.isOver = true
    if (this.timer !== null) this.clock.clear(this.timer)
    Promise.all(this.slots.map((slot) => slot.connection?.closed)).then(() => this.resolve())
  }

  private get isDrained(): boolean {
    return this.slots.every(({ state }) => state === SlotState.Closed)
  }
}

/** The error of every call after a pool has been closed. */
export function poolClosed(): RestError {
  return new RestError('PoolClosed', 'the pool was closed', { fault: 'local', requestSent: 'nothing', phase: 'queue' })
}
