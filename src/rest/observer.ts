/** Events of a pool: one method of an observer for each. A method that an observer does not have is not called. */

import type { RestError } from '../errors.ts'

/** A slot, by its number: 0 to `connections` - 1. */
export interface SlotEvent {
  /** Its number. */
  readonly slot: number
}

/** A connection was lost or given up. */
export interface SlotDownEvent extends SlotEvent {
  /** Why; null when the server ended it without an error. A connection that the pool renews is not lost: only `onSlotUp` reports it. */
  readonly error: Error | null
  /** Was a request under way? */
  readonly inUse: boolean
  /** Requests that were answered on it. */
  readonly requests: number
  /** How old it was, in ms. */
  readonly age: number
}

/** A connection is open. */
export interface SlotUpEvent extends SlotEvent {
  /** Attempts that this took, including the successful one. */
  readonly attempts: number
  /** Milliseconds without a connection; 0 for the first one and for a renewal. */
  readonly outage: number
  /** Why it was made. */
  readonly reason: 'first' | 'heal' | 'renewal'
}

/** An attempt to connect failed; another will be made. */
export interface SlotAttemptEvent extends SlotEvent {
  /** Why. */
  readonly error: unknown
  /** Which attempt this was, from 1. */
  readonly attempt: number
  /** Milliseconds until the next one. */
  readonly retryIn: number
}

/** A request has ended. */
export interface RequestEvent extends SlotEvent {
  /** Null when it failed. */
  readonly status: number | null
  /** Why it failed; null when it did not. */
  readonly error: RestError | null
  /** Milliseconds from sending to the end. */
  readonly duration: number
}

/** A `keepWarm` request could not be made, or failed; the connection is healed in the latter case. */
export interface KeepWarmEvent extends SlotEvent {
  /** Why. */
  readonly error: unknown
}

/** The memory that threads share holds a value that no step of the protocol writes. The block in question is not used again, and its slot gets another one. */
export interface CorruptionEvent {
  /** Number of the slot whose block it is; null for memory that belongs to no slot. */
  readonly slot: number | null
  /** `SharedMemoryCorrupt`; its message says which word. */
  readonly error: RestError
}

/** Methods that a pool calls as things happen; each is optional. What one throws becomes an uncaught exception, and does not disturb the pool. */
export interface PoolObserver {
  /** A connection is open. */
  onSlotUp?(event: SlotUpEvent): void
  /** A connection was lost or given up. */
  onSlotDown?(event: SlotDownEvent): void
  /** An attempt to connect failed; another will be made. */
  onAttemptFailed?(event: SlotAttemptEvent): void
  /** A slot has been held for `leakTimeout` without a request: its holder may have forgotten to release it. */
  onLeak?(event: SlotEvent & { readonly heldFor: number }): void
  /** A caller has to wait for a slot; `waiting` counts it. */
  onWait?(event: { readonly waiting: number }): void
  /** A request has ended. */
  onRequest?(event: RequestEvent): void
  /** A `keepWarm` request failed. */
  onKeepWarmFailed?(event: KeepWarmEvent): void
  /** A thread has damaged the memory of an `AtomicClientPool`. */
  onCorruption?(event: CorruptionEvent): void
}

/** The names of {@link PoolObserver}'s methods. */
export type PoolEventName = keyof PoolObserver
