/** How a thread learns that the owner has answered: it polls for a moment, then sleeps and is woken. */

import type { SharedCells } from './cells.ts'
import type { Turns } from './doorbell.ts'
import { announceSleep, sleepCellOf } from './handover.ts'
import { Polling } from './polling.ts'

/** A thread tries so often to fall asleep before the event loop gets its turn. */
const MOST_ROUNDS = 8

/** A wait for an answer. */
export interface Awaited {
  /** First cell of its block. */
  readonly at: number
  /** Whether the wait is over. */
  isOver(): boolean
  /** Called once it is over. */
  onOver(): void
}

/** The answers that one thread waits for, of one pool. */
export class Answers {
  private readonly awaited: Awaited[] = []
  private readonly sleepCell: number
  private readonly polling: Polling
  /** A wait can't be cancelled: it stays, and the next sleep uses it. */
  private isWaiting = false
  private isLooking = false
  private until = 0

  constructor(
    private readonly cells: SharedCells,
    private readonly pool: number,
    private readonly thread: number,
    private readonly turns: Turns,
    spin: number,
  ) {
    this.sleepCell = sleepCellOf(pool, thread)
    this.polling = new Polling(spin)
  }

  /** Notifies `awaited` when its wait is over. */
  add(awaited: Awaited): void {
    this.awaited.push(awaited)
    if (this.isLooking) return
    const spin = this.polling.duration()
    if (spin === 0) {
      this.sleep()
      return
    }
    this.lookOn(spin)
  }

  private lookOn(spin: number): void {
    this.isLooking = true
    this.until = this.turns.clock.now() + spin
    this.turns.immediately(this.look)
  }

  /** Stops waiting for it. */
  remove(awaited: Awaited): void {
    const i = this.awaited.indexOf(awaited)
    if (i >= 0) this.awaited.splice(i, 1)
  }

  /** Checks for waits that this thread itself has ended. */
  check(): void {
    this.settle()
  }

  /** Blocks this thread until it is over; false when that took longer than `left()` ms. */
  block(awaited: Omit<Awaited, 'onOver'>, left: () => number): boolean {
    const { polling, turns, cells, pool, thread, sleepCell } = this
    const spin = polling.duration()
    if (spin > 0) {
      const until = turns.clock.now() + spin
      do {
        for (let i = 0; i < 50; i++) {
          if (!awaited.isOver()) continue
          polling.report(true)
          return true
        }
      } while (turns.clock.now() < until)
      polling.report(false)
    }
    for (;;) {
      const seen = announceSleep(cells, pool, awaited.at, thread)
      if (awaited.isOver()) return true
      if (cells.wait(sleepCell, seen, left()) === 'timed-out') return awaited.isOver()
    }
  }

  private readonly look = (): void => {
    const before = this.awaited.length
    this.settle()
    const hasCome = this.awaited.length < before || before === 0
    if (!hasCome && this.turns.clock.now() < this.until) {
      this.turns.immediately(this.look)
      return
    }
    this.polling.report(hasCome)
    this.isLooking = false
    this.sleep()
  }

  /** Notifies every wait that is over. */
  private settle(): void {
    const { awaited } = this
    for (let i = awaited.length - 1; i >= 0; i--) {
      const one = awaited[i] as Awaited
      if (!one.isOver()) continue
      awaited.splice(i, 1)
      one.onOver()
    }
  }

  private sleep(): void {
    const { awaited, cells, pool, thread } = this
    for (let rounds = 0; awaited.length > 0; rounds++) {
      // A cell that never rests must not keep this thread from everything else.
      if (rounds === MOST_ROUNDS) {
        this.lookOn(0)
        return
      }
      let seen = 0
      for (const { at } of awaited) seen = announceSleep(cells, pool, at, thread)
      this.settle()
      if (this.isWaiting || awaited.length === 0) return
      const waiting = cells.waitAsync(this.sleepCell, seen, Number.POSITIVE_INFINITY)
      if (typeof waiting === 'string') continue
      this.isWaiting = true
      waiting.then(this.onWoken)
      return
    }
  }

  private readonly onWoken = (): void => {
    this.isWaiting = false
    this.settle()
    if (!this.isLooking) this.sleep()
  }
}
