/** {@link Cells} over memory that threads share. Every step is sequentially consistent, as all of `Atomics` is. */

import type { Clock } from '../../clock.ts'
import { TIMER_MAX } from '../../option-rules.ts'
import type { Cells } from './handover.ts'

/** The result of waiting on a cell; missing in the libraries of older TypeScript. */
type WaitAsync = (
  cells: Int32Array,
  cell: number,
  value: number,
  timeout?: number,
) => { async: false; value: 'not-equal' | 'timed-out' } | { async: true; value: Promise<'ok' | 'timed-out'> }

/** The words of a shared memory. */
export class SharedCells implements Cells {
  constructor(private readonly words: Int32Array) {}

  load(cell: number): number {
    return Atomics.load(this.words, cell)
  }
  store(cell: number, value: number): void {
    Atomics.store(this.words, cell, value)
  }
  exchange(cell: number, value: number): number {
    return Atomics.exchange(this.words, cell, value)
  }
  compareExchange(cell: number, expected: number, value: number): number {
    return Atomics.compareExchange(this.words, cell, expected, value)
  }
  add(cell: number, value: number): number {
    return Atomics.add(this.words, cell, value)
  }
  or(cell: number, bits: number): void {
    Atomics.or(this.words, cell, bits)
  }
  notify(cell: number): void {
    Atomics.notify(this.words, cell)
  }

  /** Blocks the thread while the cell holds `value`, at most `timeout` ms. Not for a thread that may not block, such as a browser's main thread. */
  wait(cell: number, value: number, timeout: number): 'ok' | 'not-equal' | 'timed-out' {
    return Atomics.wait(this.words, cell, value, timeout)
  }

  /**
   * As {@link SharedCells.wait}, without blocking. An outcome that is known at once is returned as it is, and no turn of the event loop passes: who waits
   * in a loop must not take 'timed-out' for a change, or nothing else of this thread would ever run again.
   */
  waitAsync(cell: number, value: number, timeout: number): Promise<'ok' | 'timed-out'> | 'not-equal' | 'timed-out' {
    const { waitAsync } = Atomics as unknown as { waitAsync: WaitAsync }
    return waitAsync.call(Atomics, this.words, cell, value, timeout).value
  }
}

/** Keeps this thread from ending while it waits on a cell, which by itself would not. Returns what ends that. */
export function stayAlive(clock: Clock): () => void {
  const timer = clock.set(() => {}, TIMER_MAX)
  return () => clock.clear(timer)
}
