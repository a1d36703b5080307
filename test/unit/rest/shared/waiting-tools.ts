/** What the tests of waiting share: cells that threads would share, and time and turns that pass when told to. */

import { SharedCells } from '../../../../src/rest/shared/cells.ts'
import type { Turns } from '../../../../src/rest/shared/doorbell.ts'
import { BLOCK_CELLS, poolCells } from '../../../../src/rest/shared/handover.ts'

export const POOL = 0
export const SPIN = 10
export const BLOCK: number = poolCells(1)

/** Time and turns that pass when told to. */
export class HandMadeTurns implements Turns {
  private time = 0
  private next: (() => void)[] = []
  readonly clock = { now: () => this.time, set: () => undefined, clear: () => undefined }
  readonly immediately = (callback: () => void): void => void this.next.push(callback)
  get pending(): number {
    return this.next.length
  }
  turn(ms = 0): void {
    this.time += ms
    for (const callback of this.next.splice(0)) callback()
  }
}

export const makeCells = (): SharedCells => new SharedCells(new Int32Array(new SharedArrayBuffer(4 * (BLOCK + 2 * BLOCK_CELLS))))

/** Cells of which one is never twice the same: another thread writes there without end. */
export class RestlessCells extends SharedCells {
  private reads = 0
  constructor(private readonly restless: number) {
    super(new Int32Array(new SharedArrayBuffer(4 * (BLOCK + 2 * BLOCK_CELLS))))
  }
  override load(cell: number): number {
    return cell === this.restless ? ++this.reads : super.load(cell)
  }
}

/** Lets every wake-up arrive that has been given: they come by the event loop, in their order, and this one is the last. */
export async function settled(): Promise<void> {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  const woken = Atomics.waitAsync(cell, 0, 0)
  Atomics.notify(cell, 0)
  await woken.value
  // And what follows from them, in the same turn.
  await new Promise((resolve) => setImmediate(resolve))
}
