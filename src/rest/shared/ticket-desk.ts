/** The owner's side of {@link SharedAcquirer}: takes tickets in order, and writes slots on them as they become free. */

import type { PoolCore } from '../pool-core.ts'
import type { ClientSlot } from '../slot.ts'
import type { SharedCells } from './cells.ts'
import { POOL_TICKET_MARKS, takeMarks } from './handover.ts'
import type { PoolMemory } from './layout.ts'
import type { RemoteSlots, SharedSlot } from './remote-slots.ts'
import {
  ABANDONED,
  CLAIMED,
  claimedBy,
  clear,
  EMPTY,
  free,
  GRANTED,
  grant,
  phaseOfTicket,
  REFUSED,
  refuse,
  retire,
  TICKET_NUMBER,
  TICKET_STATE,
  TICKET_THREAD,
  TICKETS,
  WAITING,
} from './tickets.ts'
import { corrupt } from './words.ts'

/** What the owner knows of a ticket that it has in its queue. */
interface Queued {
  readonly thread: number
  /** Leaves the queue. */
  readonly leave: AbortController
}

/** Serves the tickets of one pool. */
export class TicketDesk {
  private readonly queued: (Queued | null)[] = new Array(TICKETS).fill(null)
  /** Whose a ticket was last. */
  private readonly threads = new Int32Array(TICKETS)
  private readonly retired = new Set<number>()
  /** Tickets found in one look, still to be queued. */
  private readonly found: number[] = []

  constructor(
    private readonly core: PoolCore,
    private readonly cells: SharedCells,
    private readonly memory: PoolMemory,
    private readonly slots: RemoteSlots,
  ) {}

  /** Looks at the tickets that are marked, and queues each that waits like any caller on this thread. */
  collect(): void {
    takeMarks(this.cells, this.memory.pool + POOL_TICKET_MARKS, TICKETS, this.look)
    this.queueFound()
  }

  /** Looks at all tickets. */
  sweep(): void {
    for (let ticket = 0; ticket < TICKETS; ticket++) this.look(ticket)
    this.queueFound()
  }

  /** A thread has ended: what it asked for is asked for no more. */
  onExit(thread: number): void {
    for (let ticket = 0; ticket < TICKETS; ticket++) {
      const at = this.memory.ticketAt(ticket)
      const state = this.cells.load(at + TICKET_STATE)
      const isIts = state === claimedBy(thread) || (this.threads[ticket] === thread && phaseOfTicket(state) !== CLAIMED)
      if (!isIts || state === EMPTY || this.retired.has(ticket)) continue
      this.leave(ticket)
      free(this.cells, at, state)
    }
  }

  /** Nobody gets a slot any more: those who wait are told. */
  close(): void {
    this.sweep()
    for (let ticket = 0; ticket < TICKETS; ticket++) refuse(this.cells, this.memory.ticketAt(ticket))
  }

  private readonly look = (ticket: number): void => {
    if (this.retired.has(ticket)) return
    const { cells } = this
    const at = this.memory.ticketAt(ticket)
    const state = cells.load(at + TICKET_STATE)
    const isQueued = this.queued[ticket] !== null
    switch (phaseOfTicket(state)) {
      case WAITING:
        if (!isQueued && !this.found.includes(ticket)) this.found.push(ticket)
        return
      case ABANDONED:
        this.leave(ticket)
        clear(cells, at)
        return
      case EMPTY:
      case CLAIMED:
      case GRANTED:
      case REFUSED:
        if (!isQueued) return
    }
    this.leave(ticket)
    this.retired.add(ticket)
    retire(cells, at)
    this.slots.onCorruption(null, corrupt('the state of a ticket', state))
  }

  /** In the order in which they were drawn. */
  private queueFound(): void {
    const { cells, found, memory } = this
    if (found.length === 0) return
    const number = (ticket: number): number => cells.load(memory.ticketAt(ticket) + TICKET_NUMBER)
    const drawn = found.splice(0).map((ticket) => [number(ticket), ticket] as const)
    drawn.sort(([a], [b]) => (a - b) | 0)
    for (const [, ticket] of drawn) this.queue(ticket)
  }

  private queue(ticket: number): void {
    const at = this.memory.ticketAt(ticket)
    const thread = this.cells.load(at + TICKET_THREAD)
    if (this.slots.hasEnded(thread)) {
      free(this.cells, at, WAITING)
      return
    }
    const queued: Queued = { thread, leave: new AbortController() }
    this.queued[ticket] = queued
    this.threads[ticket] = thread
    // Its own limit is the thread's to watch; the queue's bound holds for it as for everybody.
    this.core.acquire({ timeout: 0, signal: queued.leave.signal }).then(
      (handle) => this.hand(handle, ticket, queued),
      () => {
        if (this.queued[ticket] !== queued) return
        this.queued[ticket] = null
        refuse(this.cells, at)
      },
    )
  }

  private leave(ticket: number): void {
    const queued = this.queued[ticket]
    this.queued[ticket] = null
    queued?.leave.abort()
  }

  private hand(handle: ClientSlot, ticket: number, queued: Queued): void {
    // It has left just now.
    if (this.queued[ticket] !== queued) {
      handle.release()
      return
    }
    this.queued[ticket] = null
    const { slots } = this
    const slot = handle.takeOver() as SharedSlot
    const lease = slots.lend(slot, queued.thread)
    if (grant(this.cells, this.memory.ticketAt(ticket), slot.block, slot.index, lease)) return
    slots.recall(slot)
    this.look(ticket)
  }
}
