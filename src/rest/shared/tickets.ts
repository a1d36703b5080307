/**
 * How threads that do not own the sockets ask the owner for a slot: a ticket in shared memory that the owner writes a slot on.
 *
 * Rule 1: the owner stays the only one who acquires. No thread ever holds a lock, so none can die with one; and who came first is served first,
 *         because the owner's queue is.
 * Rule 2: the owner keeps in its own memory which tickets it has in its queue; what a ticket says is judged by that.
 *
 *     EMPTY       nobody's                          CLAIMED    a thread takes it
 *     CLAIMED     the thread's, which fills it in   WAITING    it is marked, for the owner to queue
 *     WAITING     the owner's                       GRANTED    a slot is on it · REFUSED  there is none for it · ABANDONED  the thread waits no longer
 *     GRANTED     the thread's                      EMPTY      it has read which slot
 *     REFUSED     the thread's                      EMPTY      it has seen it
 *     ABANDONED   the owner's                       EMPTY      it has seen that nobody waits
 *     RETIRED     nobody's, for good: it was damaged
 */

import { type Cells, mark, POOL_TICKET_MARKS, ring } from './handover.ts'

/** Threads that may wait at the same time. */
export const TICKETS = 64
export const TICKET_CELLS = 8

export const TICKET_STATE = 0
/** Tickets are queued in the order of these numbers, of those that the owner finds at the same time. */
export const TICKET_NUMBER = 1
export const TICKET_THREAD = 2
/** The slot: its block, its number, its lease. */
export const TICKET_BLOCK = 3
export const TICKET_INDEX = 4
export const TICKET_LEASE = 5

export const EMPTY = 0
export const CLAIMED = 1
export const WAITING = 2
export const GRANTED = 3
export const ABANDONED = 4
export const REFUSED = 5
export const RETIRED = 6

/** Counts the tickets; a cell of the pool. */
export const POOL_TICKETS = 5

const PHASE_BITS = 3
const PHASE_MASK = 7

/** The state of a ticket that a thread has claimed: it says whose it is, so that one whose thread ends can be told. */
export function claimedBy(thread: number): number {
  return (thread << PHASE_BITS) | CLAIMED
}

/** The phase of a ticket's state; -1 for a word that no step makes. */
export function phaseOfTicket(state: number): number {
  const phase = state & PHASE_MASK
  return phase === state || phase === CLAIMED ? phase : -1
}

function step(cells: Cells, ticket: number, from: number, to: number): boolean {
  return cells.compareExchange(ticket + TICKET_STATE, from, to) === from
}

// The thread that asks.

/** EMPTY to CLAIMED: the number of a ticket, or -1 when all are taken. `place` gives the first cell of a ticket. */
export function claim(cells: Cells, place: (ticket: number) => number, count: number, thread: number): number {
  for (let ticket = 0; ticket < count; ticket++) if (step(cells, place(ticket), EMPTY, claimedBy(thread))) return ticket
  return -1
}

/** CLAIMED to WAITING, and rings. */
export function ask(cells: Cells, pool: number, at: number, ticket: number, thread: number): void {
  cells.store(at + TICKET_THREAD, thread)
  cells.add(pool + POOL_TICKETS, 1)
  cells.store(at + TICKET_NUMBER, cells.load(pool + POOL_TICKETS))
  cells.store(at + TICKET_STATE, WAITING)
  mark(cells, pool, pool + POOL_TICKET_MARKS, ticket)
  ring(cells, pool)
}

/** WAITING to ABANDONED, and rings: its place in the queue is free again. False when a slot has been granted in the meantime, which is the thread's then. */
export function abandon(cells: Cells, pool: number, at: number, ticket: number): boolean {
  if (!step(cells, at, WAITING, ABANDONED)) return false
  mark(cells, pool, pool + POOL_TICKET_MARKS, ticket)
  ring(cells, pool)
  return true
}

/** GRANTED or REFUSED to EMPTY. What is on the ticket must have been read. */
export function redeem(cells: Cells, at: number): void {
  cells.store(at + TICKET_STATE, EMPTY)
}

// The owner.

/** WAITING to GRANTED, and wakes the thread. False when it no longer waits: the slot is still the owner's. */
export function grant(cells: Cells, at: number, block: number, index: number, lease: number): boolean {
  cells.store(at + TICKET_BLOCK, block)
  cells.store(at + TICKET_INDEX, index)
  cells.store(at + TICKET_LEASE, lease)
  // Publishes the three together.
  if (!step(cells, at, WAITING, GRANTED)) return false
  cells.notify(at + TICKET_STATE)
  return true
}

/** WAITING to REFUSED, and wakes the thread. */
export function refuse(cells: Cells, at: number): void {
  if (step(cells, at, WAITING, REFUSED)) cells.notify(at + TICKET_STATE)
}

/** From `state` to EMPTY: its thread has ended. */
export function free(cells: Cells, at: number, state: number): void {
  step(cells, at, state, EMPTY)
}

/** ABANDONED to EMPTY. */
export function clear(cells: Cells, at: number): void {
  step(cells, at, ABANDONED, EMPTY)
}

/** Out of use for good. Who waits on it is woken, and finds no slot. */
export function retire(cells: Cells, at: number): void {
  cells.store(at + TICKET_STATE, RETIRED)
  cells.notify(at + TICKET_STATE)
}
