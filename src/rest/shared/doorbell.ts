/** How the owner learns that other threads want something: it is woken, or, while it expects to be asked, looks by itself. */

import type { Clock } from '../../clock.ts'
import type { SharedCells } from './cells.ts'
import { POOL_ASLEEP, POOL_DOORBELL } from './handover.ts'
import { Patience } from './patience.ts'

/** So many rings are answered in a row before the event loop gets its turn. */
const MOST_ROUNDS = 8

/** The turns of an event loop. */
export interface Turns {
  readonly clock: Clock
  /** Calls back in the next turn, after a look at the sockets that waits for nothing. */
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
  /** A wait can't be taken back: it stays, and the next sleep uses it. */
  private isWaiting = false
  /** Awake, with a look ahead. */
  private isLooking = false
  private isClosed = false
  /** When to stop looking; 0 while nothing in particular is looked for. */
  private until = 0
  private readonly patience: Patience

  /**
   * @param onTurn is called at the end of a turn in which something was expected
   * @param onRing looks after whatever is wanted
   */
  constructor(
    private readonly cells: SharedCells,
    private readonly pool: number,
    private readonly turns: Turns,
    spin: number,
    private readonly onTurn: () => void,
    private readonly onRing: () => void,
  ) {
    this.patience = new Patience(spin)
  }

  /** Looks for the first time, and from then on whenever it rings. */
  open(): void {
    this.answerRing()
    this.sleep()
  }

  /** Says that a ring is likely to come soon: it is looked for at the end of this turn, and a little longer where that pays. */
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

  /** Is there more to look for, which has not come yet? */
  private looksOn(): boolean {
    const { patience, turns } = this
    const hasRung = this.hasRung()
    if (this.until === 0) {
      // The end of the turn.
      const spin = hasRung ? 0 : patience.tries()
      this.until = turns.clock.now() + spin
      return spin > 0
    }
    if (!hasRung && turns.clock.now() < this.until) return true
    patience.tell(hasRung)
    return false
  }

  private hasRung(): boolean {
    return this.cells.load(this.pool + POOL_DOORBELL) !== this.seen
  }

  private answerRing(): void {
    // Read before looking: what rings meanwhile is not missed.
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
        if (waiting !== null) {
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
