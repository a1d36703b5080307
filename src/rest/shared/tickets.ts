/**
 * How threads that do not own the sockets ask the owner for a slot: a ticket in shared memory that the owner writes a slot on.
 *
 * Rule 1: only the owner acquires. No thread ever holds a lock, so none can die with one; and threads are served in order, because the owner's queue
 *         is in order.
 * Rule 2: the owner records in its own memory which tickets it has in its queue, and to which threads it has granted one; a ticket is judged by these records.
 * Rule 3: each use of a ticket has a number, which is part of its state: a step of an earlier use finds another word, and does nothing. So a ticket whose
 *         thread has ended, or sleeps, can be given to the next one.
 *
 *     EMPTY       nobody's                          CLAIMED    a thread takes it
 *     CLAIMED     the thread's, which fills it in   WAITING    it is marked, for the owner to queue
 *     WAITING     the owner's                       GRANTED    a slot is written on it · REFUSED  it gets no slot · ABANDONED  the thread stopped waiting
 *     GRANTED     the thread's                      EMPTY      it has read which slot
 *     REFUSED     the thread's                      EMPTY      it has seen it
 *     ABANDONED   the owner's                       EMPTY      it has seen that nobody waits
 *     any                                           EMPTY      its thread has ended: the owner frees it
 *     RETIRED     nobody's, for good: it was damaged
 */

import { type Cells, mark, POOL_TICKET_MARKS, ring } from './handover.ts'

/** Threads that may wait at the same time. */
export const TICKETS = 64
export const TICKET_CELLS = 8

export const TICKET_STATE = 0
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

/** Numbers the uses of tickets; a cell of the pool. */
export const POOL_TICKETS = 5

const PHASE_BITS = 3
const PHASE_MASK = 7
const NUMBER_MASK = 0x0fff_ffff

/** The state word of a use of a ticket. When it is CLAIMED, the number is that of the thread. */
export function ticketState(number: number, phase: number): number {
  return ((number & NUMBER_MASK) << PHASE_BITS) | phase
}

/** The phase of a ticket's state; -1 for a word that no step makes. */
export function phaseOfTicket(state: number): number {
  const phase = state & PHASE_MASK
  return state >= 0 && (phase > EMPTY || state === EMPTY) && phase <= RETIRED ? phase : -1
}

/** The number of a use; {@link isLater} compares two that are not too far apart. */
export function numberOf(state: number): number {
  return (state >>> PHASE_BITS) & NUMBER_MASK
}

/** Whether use `a` was drawn after use `b`. Numbers repeat after 268 million. */
export function isLater(a: number, b: number): boolean {
  const distance = (a - b) & NUMBER_MASK
  return distance > 0 && distance < NUMBER_MASK >>> 1
}

function step(cells: Cells, at: number, number: number, from: number, to: number): boolean {
  const expected = ticketState(number, from)
  return cells.compareExchange(at + TICKET_STATE, expected, to === EMPTY ? EMPTY : ticketState(number, to)) === expected
}

// The thread that asks.

/** EMPTY to CLAIMED: the number of a ticket, or -1 when all are taken. `place` gives the first cell of a ticket. */
export function claim(cells: Cells, place: (ticket: number) => number, count: number, thread: number): number {
  for (let ticket = 0; ticket < count; ticket++) {
    if (cells.compareExchange(place(ticket) + TICKET_STATE, EMPTY, ticketState(thread, CLAIMED)) === EMPTY) return ticket
  }
  return -1
}

/** CLAIMED to WAITING, and rings. Returns the number of this use. */
export function ask(cells: Cells, pool: number, at: number, ticket: number, thread: number): number {
  cells.store(at + TICKET_THREAD, thread)
  const number = cells.add(pool + POOL_TICKETS, 1) & NUMBER_MASK
  cells.store(at + TICKET_STATE, ticketState(number, WAITING))
  mark(cells, pool, pool + POOL_TICKET_MARKS, ticket)
  ring(cells, pool)
  return number
}

/** WAITING to ABANDONED, and rings: its place in the queue is free again. False when a slot has been granted in the meantime: the thread has it then. */
export function abandon(cells: Cells, pool: number, at: number, ticket: number, number: number): boolean {
  if (!step(cells, at, number, WAITING, ABANDONED)) return false
  mark(cells, pool, pool + POOL_TICKET_MARKS, ticket)
  ring(cells, pool)
  return true
}

/** GRANTED or REFUSED to EMPTY: the ticket has been read. False when the owner has taken it back meanwhile. */
export function redeem(cells: Cells, at: number, number: number, from: number): boolean {
  return step(cells, at, number, from, EMPTY)
}

// The owner.

/** WAITING to GRANTED, and wakes the thread. False when the thread no longer waits: the owner keeps the slot. */
export function grant(cells: Cells, at: number, number: number, block: number, index: number, lease: number): boolean {
  cells.store(at + TICKET_BLOCK, block)
  cells.store(at + TICKET_INDEX, index)
  cells.store(at + TICKET_LEASE, lease)
  // Publishes the three together.
  if (!step(cells, at, number, WAITING, GRANTED)) return false
  cells.notify(at + TICKET_STATE)
  return true
}

/** WAITING to REFUSED, and wakes the thread. */
export function refuse(cells: Cells, at: number, number: number): void {
  if (step(cells, at, number, WAITING, REFUSED)) cells.notify(at + TICKET_STATE)
}

/** From `state` to EMPTY. A waiting thread is woken. */
export function free(cells: Cells, at: number, state: number): void {
  if (cells.compareExchange(at + TICKET_STATE, state, EMPTY) === state) cells.notify(at + TICKET_STATE)
}

/** Out of use for good. A waiting thread is woken, and finds no slot. */
export function retire(cells: Cells, at: number): void {
  cells.store(at + TICKET_STATE, RETIRED)
  cells.notify(at + TICKET_STATE)
}

/** The owner's own record of one ticket. */
export interface KnownTicket {
  /** It is in the queue. */
  isQueued: boolean
  /** Number of the use that it has queued last; -1 for none. */
  number: number
  /** Thread that asked last. */
  thread: number
}

/** What the owner finds when it looks at a ticket. */
export type TicketFinding =
  // Nothing to do.
  | 'nothing'
  // A thread waits and has to be queued.
  | 'waits'
  // The thread that is in the queue has left; its ticket is free again.
  | 'left'
  // No step of the protocol leads here.
  | 'damage'

/** Does what the state of a ticket asks for, and returns the result. */
export function lookAtTicket(cells: Cells, at: number, known: KnownTicket): TicketFinding {
  const state = cells.load(at + TICKET_STATE)
  const number = numberOf(state)
  const { isQueued } = known
  switch (phaseOfTicket(state)) {
    case WAITING:
      if (isQueued) return number === known.number ? 'nothing' : 'damage'
      // A use that is over does not come back.
      return isLater(number, known.number) ? 'waits' : 'damage'
    case ABANDONED:
      if (isQueued && number !== known.number) return 'damage'
      free(cells, at, state)
      return isQueued ? 'left' : 'nothing'
    case EMPTY:
    case CLAIMED:
    case GRANTED:
    case REFUSED:
      return isQueued ? 'damage' : 'nothing'
    default:
      return 'damage'
  }
}

/** A thread has ended: its use of this ticket is over. True when it had one. */
export function freeOf(cells: Cells, at: number, known: KnownTicket, thread: number): boolean {
  const state = cells.load(at + TICKET_STATE)
  const phase = phaseOfTicket(state)
  const asked = phase === WAITING && !known.isQueued ? cells.load(at + TICKET_THREAD) : known.thread
  const isIts = phase === CLAIMED ? numberOf(state) === (thread & NUMBER_MASK) : phase > CLAIMED && phase < RETIRED && asked === thread
  if (isIts) free(cells, at, state)
  return isIts
}
