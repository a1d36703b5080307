/** The seam between a pool and threads that hold its slots. */

import type { RestError } from '../errors.ts'
import type { ClientSlot, Slot, SlotOwner } from './slot.ts'
import type { WaitOptions } from './waiters.ts'

/** What holders need from the pool. */
export interface HeldPool extends SlotOwner {
  readonly slots: readonly Slot[]
  acquire(options: WaitOptions): Promise<ClientSlot>
  /** Ends a slot that no thread can hold any more. */
  retire(slot: Slot): void
  /** The memory that threads share was damaged: that of a slot, or memory that belongs to none. */
  onCorruption(slot: Slot | null, error: RestError): void
}

/** The holders of a pool's slots on other threads. */
export interface Holders {
  /** Called once, when the pool has its slots. */
  begin(pool: HeldPool): void
  /** Takes back the slots that they have marked as returned, and sends the requests that they have submitted. */
  collect(): void
  /** The same, and looks at each slot that is away, whether it is marked or not. */
  sweep(): void
  /** Whether a caller waits for a slot on this thread: a return has to ring only then. */
  setWanted(wanted: boolean): void
  /** A slot seems to have been forgotten. */
  onLeak(slot: Slot): void
}

/** For a pool whose slots are all held on its own thread. */
export const NO_HOLDERS: Holders = {
  begin: () => {},
  collect: () => {},
  sweep: () => {},
  setWanted: () => {},
  onLeak: () => {},
}
