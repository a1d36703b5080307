/** The seam between a pool and threads that hold its slots. */

import type { RestError } from '../errors.ts'
import type { ClientSlot, Slot, SlotOwner } from './slot.ts'
import type { WaitOptions } from './waiters.ts'

/** What holders need of the pool. */
export interface HeldPool extends SlotOwner {
  readonly slots: readonly Slot[]
  acquire(options: WaitOptions): Promise<ClientSlot>
  /** Ends a slot that nobody can hold any more. */
  retire(slot: Slot): void
  /** The memory that threads share was damaged: that of a slot, or what belongs to none. */
  onCorruption(slot: Slot | null, error: RestError): void
}

/** Those who hold slots of a pool on other threads. */
export interface Holders {
  /** Called once, when the pool has its slots. */
  begin(pool: HeldPool): void
  /** Takes back what they say they have returned, and sends what they have submitted. */
  collect(): void
  /** The same, and looks at each slot that is away, whatever they say. */
  sweep(): void
  /** Somebody waits for a slot on this thread, or nobody does any more: a return need ring only then. */
  setWanted(wanted: boolean): void
  /** A slot seems to have been forgotten. */
  onLeak(slot: Slot): void
}

/** Of a pool whose slots are all held on its own thread. */
export const NO_HOLDERS: Holders = {
  begin: () => {},
  collect: () => {},
  sweep: () => {},
  setWanted: () => {},
  onLeak: () => {},
}
