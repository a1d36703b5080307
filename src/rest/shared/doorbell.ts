/** How the owner learns that other threads need it: it is woken, or it polls while it expects a request. */

import type { Clock } from '../../clock.ts'
import type { SharedCells } from './cells.ts'
import { POOL_ASLEEP, POOL_DOORBELL } from './handover.ts'
import { Polling } from './polling.ts'

/** Most rings that are answered in a row before the event loop gets its turn. */
const MOST_ROUNDS = 8

/** The turns of an event loop. */
export interface Turns {
  readonly clock: Clock
  /** Calls back in the next turn, after the loop has read the sockets without waiting. */
  immediately(callback: () => void): void
}

/**
 * The bell of a pool, on the thread that owns the sockets.
 *
 * Rule: when this thread may sleep, `POOL_ASLEEP` is set, a wait on the bell is under way, and the bell was looked at after both.
 */
export class Doorbell {
  /** The bell when it was last answered. */
  private seen = 0
  /** A wait can't be cancelled: it stays, and the next sleep uses it. */
  private isWaiting = false
  /** Awake, with a look ahead. */
  private isLooking = false
  private isClosed = false
  /** When to stop polling; 0 while no ring is expected. */
  private until = 0
  private readonly polling: Polling

  /**
   * @param onTurn is called at the end of a turn in which a ring was expected
   * @param onRing does what the other threads ask for
   */
  constructor(
    private readonly cells: SharedCells,
    private readonly pool: number,
    private readonly turns: Turns,
    spin: number,
    private readonly onTurn: () => void,
    private readonly onRing: () => void,
  ) {
    this.polling = new Polling(spin)
  }

  /** Calls `onRing` once, and from then on whenever the bell rings. */
  open(): void {
    this.answerRing()
    this.sleep()
  }

  /** Says that a ring is likely soon: the owner polls for it at the end of this turn, and a little longer where that is worth it. */
  expect(): void {
    this.until = 0
    if (this.isLooking) return
    this.isLooking = true
    this.cells.store(this.pool + POOL_ASLEEP, 0)
    this.turns.immediately(this.look)
  }

  /** No ring is answered any more. */
  close(): void {
    this.isClosed = true
    this.cells.add(this.pool + POOL_DOORBELL, 1)
    this.cells.notify(this.pool + POOL_DOORBELL)
  }

  private readonly look = (): void => {
    if (this.isClosed) return
    this.onTurn()
    if (this.looksOn()) {
      this.turns.immediately(this.look)
      return
    }
    this.isLooking = false
    if (this.hasRung()) this.answerRing()
    this.sleep()
  }

  /** Whether a ring is expected that has not happened yet. */
  private looksOn(): boolean {
    const { polling, turns } = this
    const hasRung = this.hasRung()
    if (this.until === 0) {
      // The end of the turn.
      const spin = hasRung ? 0 : polling.duration()
      this.until = turns.clock.now() + spin
      return spin > 0
    }
    if (!hasRung && turns.clock.now() < this.until) return true
    polling.report(hasRung)
    return false
  }

  private hasRung(): boolean {
    return this.cells.load(this.pool + POOL_DOORBELL) !== this.seen
  }

  private answerRing(): void {
    // Read before looking, so that a ring in between is not missed.
    this.seen = this.cells.load(this.pool + POOL_DOORBELL)
    this.onRing()
  }

  private sleep(): void {
    const { cells, pool } = this
    for (let rounds = 0; !this.isClosed && !this.isLooking; rounds++) {
      // A bell that never rests must not keep this thread from its sockets.
      if (rounds === MOST_ROUNDS) {
        this.expect()
        return
      }
      cells.store(pool + POOL_ASLEEP, 1)
      if (!this.isWaiting) {
        const waiting = cells.waitAsync(pool + POOL_DOORBELL, this.seen, Number.POSITIVE_INFINITY)
        if (typeof waiting !== 'string') {
          this.isWaiting = true
          waiting.then(this.onWoken)
        }
      }
      if (!this.hasRung()) return
      cells.store(pool + POOL_ASLEEP, 0)
      this.answerRing()
    }
  }

  private readonly onWoken = (): void => {
    this.isWaiting = false
    if (this.isClosed || this.isLooking) return
    this.cells.store(this.pool + POOL_ASLEEP, 0)
    if (this.hasRung()) this.answerRing()
    this.sleep()
  }
}
