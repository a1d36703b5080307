/**
 * A look at the sockets: a few turns of the event loop, in which a thread reads the bytes that wait in the system. After it was blocked, its timers run
 * first: a deadline that is long past says nothing about a peer whose bytes already waited in the system.
 */

import type { Clock } from './clock.ts'

/** A deadline that is noticed more than so many ms late means that the thread was blocked; less is normal for timers. */
const LATE = 2
/** Turns: Node and Bun read all sockets in one; Deno takes two to deliver what it read. */
const TURNS = 4
/** Milliseconds of one turn: the shortest delay of a timer. */
export const LOOK: number = 1

/** The looks before one deadline. */
export class Looks {
  private taken = 0

  /** Whether another turn is needed before judging a deadline that is noticed `late` ms after its time. */
  isDue(late: number): boolean {
    if (this.taken === TURNS || (this.taken === 0 && late < LATE)) return false
    this.taken++
    return true
  }

  /** The next deadline. */
  reset(): void {
    this.taken = 0
  }
}

/** Resolves after a look at a socket on which only the end can arrive. */
export async function look(clock: Clock): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => void clock.set(resolve, LOOK))
}
