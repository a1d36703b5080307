/** What a pool counts. */

import { type Slot, SlotState } from './slot.ts'

/** Counts of a pool. */
export interface PoolStats {
  /** Slots in all. */
  readonly size: number
  /** Healthy and free. */
  readonly idle: number
  /** Held. */
  readonly leased: number
  /** Without a connection, on the way to a new one. */
  readonly healing: number
  /** Callers that wait for a slot. */
  readonly waiting: number
  /** Requests answered since the pool was made. */
  readonly requests: number
  /** Requests that failed. */
  readonly failures: number
  /** Connections lost. */
  readonly lost: number
  /** Connections that replaced a lost one. */
  readonly healed: number
  /** Connections replaced for their age or idleness. */
  readonly renewed: number
  /** Attempts to connect that failed. */
  readonly failedAttempts: number
  /** Slots that were reported as leaked. */
  readonly leaks: number
  /** Times that the memory of threads was found damaged; always 0 for a `ClientPool`. */
  readonly corruptions: number
}

/** Those that only grow, as the parts of a pool count. */
export type Counters = { -readonly [Name in Exclude<keyof PoolStats, 'size' | 'idle' | 'leased' | 'healing' | 'waiting'>]: number }

/** What nothing has happened to yet. */
export function newCounters(): Counters {
  return { requests: 0, failures: 0, lost: 0, healed: 0, renewed: 0, failedAttempts: 0, leaks: 0, corruptions: 0 }
}

/** @param waiting callers that wait for a slot */
export function statsOf(slots: readonly Slot[], waiting: number, counters: Counters): PoolStats {
  let { requests } = counters
  const inState = [0, 0, 0, 0, 0]
  for (const { connection, state } of slots) {
    requests += connection?.requests ?? 0
    ;(inState[state] as number)++
  }
  const {
    [SlotState.Connecting]: connecting = 0,
    [SlotState.Idle]: idle = 0,
    [SlotState.Leased]: leased = 0,
    [SlotState.Healing]: healing = 0,
  } = inState
  return { size: slots.length, idle, leased, healing: healing + connecting, waiting, ...counters, requests }
}
