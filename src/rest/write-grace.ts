/** The wait until the system reports that it took all of a request whose response is already complete. */

import type { Runtime } from '../runtime.ts'

/** So many turns of so many ms: after a thread was blocked, its timers run before its sockets are read; between two turns they are read. */
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
