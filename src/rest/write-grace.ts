/** The wait for the system to tell that it took all of a request whose response is there already. */

import type { Runtime } from '../runtime.ts'

/** So many turns of so many ms: a thread that stood still has its timers run before it hears from the system; between two turns it does hear. */
const TURNS = 4
const TURN = 5

/** One wait at a time. */
export class WriteGrace {
  private timer: unknown = null

  constructor(
    private readonly clock: Runtime['clock'],
    private readonly onOver: () => void,
  ) {}

  begin(): void {
    this.wait(TURNS)
  }

  end(): void {
    this.clock.clear(this.timer)
  }

  private wait(turns: number): void {
    this.timer = this.clock.set(() => (turns === 1 ? this.onOver() : this.wait(turns - 1)), TURN)
  }
}
