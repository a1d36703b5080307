/**
 * How threads that do not own the sockets ask the owner for a slot: a ticket in shared memory that the owner writes a slot on.
 *
 * Rule 1: the owner stays the only one who acquires. No thread ever holds a lock, so none can die with one; and who came first is served first,
 *         because the owner's queue is.
 * Rule 2: a ticket is in the list of those that wait at most once: it is not used again before the owner has seen it.
 *
 *     EMPTY       nobody's                          CLAIMED    a thread takes it
 *     CLAIMED     the thread's, which fills it in   WAITING    it is in the list
 *     WAITING     the owner's                       GRANTED    a slot is on it · REFUSED  there is none for it · ABANDONED  the thread waits no longer
 *     GRANTED     the thread's                      EMPTY      it has read which slot
 *     REFUSED     the thread's                      EMPTY      it has seen it
 *     ABANDONED   the owner's                       EMPTY      it has seen that nobody waits
 */

import { type Cells, ring } from './handover.ts'

/** Threads that may wait at the same time. */
export const TICKETS = 64
export const TICKET_CELLS = 8

export const TICKET_STATE = 0
export const TICKET_NEXT = 1
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

/** First of the tickets that wait, plus 1; a cell of the pool. */
export const POOL_TICKETS = 5

function step(cells: Cells, ticket: number, from: number, to: number): boolean {
  return cells.compareExchange(ticket + TICKET_STATE, from, to) === from
}

// The thread that asks.

/** EMPTY to CLAIMED: the number of a ticket, or -1 when all are taken. `place` gives the first cell of a ticket. */
export function claim(cells: Cells, place: (ticket: number) => number, count: number): number {
  for (let ticket = 0; ticket < count; ticket++) if (step(cells, place(ticket), EMPTY, CLAIMED)) return ticket
  return -1
}

/** CLAIMED to WAITING, and rings. */
export function ask(cells: Cells, pool: number, at: number, ticket: number, thread: number): void {
  cells.store(at + TICKET_THREAD, thread)
  cells.store(at + TICKET_STATE, WAITING)
  for (;;) {
    const first = cells.load(pool + POOL_TICKETS)
    cells.store(at + TICKET_NEXT, first)
    if (cells.compareExchange(pool + POOL_TICKETS, first, ticket + 1) === first) break
  }
  ring(cells, pool)
}

/** WAITING to ABANDONED. False when a slot has been granted in the meantime, which is the thread's then. */
export function abandon(cells: Cells, at: number): boolean {
  return step(cells, at, WAITING, ABANDONED)
}

/** GRANTED or REFUSED to EMPTY. What is on the ticket must have been read. */
export function redeem(cells: Cells, at: number): void {
  cells.store(at + TICKET_STATE, EMPTY)
}

// The owner.

/** WAITING to GRANTED, and wakes the thread. False when it has stopped waiting: the ticket is EMPTY then, and the slot still the owner's. */
export function grant(cells: Cells, at: number, block: number, index: number, lease: number): boolean {
  cells.store(at + TICKET_BLOCK, block)
  cells.store(at + TICKET_INDEX, index)
  cells.store(at + TICKET_LEASE, lease)
  // Publishes the three together.
  if (step(cells, at, WAITING, GRANTED)) {
    cells.notify(at + TICKET_STATE)
    return true
  }
  cells.store(at + TICKET_STATE, EMPTY)
  return false
}

/** WAITING to REFUSED, and wakes the thread; ABANDONED to EMPTY. Any other ticket is left as it is. */
export function refuse(cells: Cells, at: number): void {
  if (step(cells, at, WAITING, REFUSED)) cells.notify(at + TICKET_STATE)
  else step(cells, at, ABANDONED, EMPTY)
}
