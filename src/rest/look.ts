/**
 * A look at the sockets: a few turns of the event loop, in which a thread hears what the system has for it. After it stood still, its timers run
 * first: a deadline that is long past says nothing of a peer whose bytes have lain in the system all the time.
 */

import type { Clock } from '../clock.ts'

/** By how many ms a deadline is met late when the thread stood still; less is how timers are. */
const LATE = 2
/** Turns: in one, Node and Bun have heard of all sockets; Deno takes two to hand over what it read. */
const TURNS = 4
/** Milliseconds of one turn: the least that a timer takes. */
export const LOOK: number = 1

/** The looks before one deadline. */
export class Looks {
  private taken = 0

  /** Is there to be another turn before a deadline is judged that is met `late` ms after its time? */
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

/** Resolves after a look at a socket of which nobody expects more than its end. */
export async function look(clock: Clock): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => void clock.set(resolve, LOOK))
}
