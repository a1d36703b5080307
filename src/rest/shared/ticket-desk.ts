/** The owner's side of {@link SharedAcquirer}: takes tickets in order, and writes slots on them as they become free. */

import type { HeldPool } from '../holders.ts'
import type { ClientSlot, Slot } from '../slot.ts'
import type { SharedCells } from './cells.ts'
import { POOL_TICKET_MARKS, takeMarks } from './handover.ts'
import type { PoolMemory } from './layout.ts'
import {
  free,
  freeOf,
  GRANTED,
  grant,
  isLater,
  type KnownTicket,
  lookAtTicket,
  numberOf,
  phaseOfTicket,
  refuse,
  retire,
  TICKET_STATE,
  TICKET_THREAD,
  TICKETS,
  ticketState,
  WAITING,
} from './tickets.ts'
import { corrupt } from './words.ts'

/** A slot that can be lent to a thread, under its block. */
interface LentSlot extends Slot {
  readonly block: number
}

/** Whose slots the tickets are for. */
export interface Lender {
  /** Lends a slot to a thread. Returns the lease. */
  lend(slot: LentSlot, thread: number): number
  /** Takes a slot back that was lent and never received. */
  recall(slot: LentSlot): void
  /** Whether this thread has ended; known for watched threads. */
  hasEnded(thread: number): boolean
  /** The memory that threads share was damaged: that of a slot, or what belongs to none. */
  onCorruption(slot: null, error: unknown): void
}

/** The owner's record of a ticket. */
interface Known extends KnownTicket {
  /** Leaves the queue, in which it is. */
  leave: AbortController | null
  /** The slot that was granted last. */
  granted: LentSlot | null
  isRetired: boolean
}

/** Serves the tickets of one pool. */
export class TicketDesk {
  private readonly known: readonly Known[] = Array.from({ length: TICKETS }, () => ({
    isQueued: false,
    number: -1,
    thread: 0,
    leave: null,
    granted: null,
    isRetired: false,
  }))
  /** Tickets found in one look, still to be queued. */
  private readonly found: number[] = []

  constructor(
    private readonly core: HeldPool,
    private readonly cells: SharedCells,
    private readonly memory: PoolMemory,
    private readonly slots: Lender,
  ) {}

  /** Looks at the marked tickets, and queues each waiting one like any caller on this thread. */
  collect(): void {
    takeMarks(this.cells, this.memory.pool + POOL_TICKET_MARKS, TICKETS, this.look)
    this.queueFound()
  }

  /** Looks at all tickets. */
  sweep(): void {
    for (let ticket = 0; ticket < TICKETS; ticket++) this.look(ticket)
    this.queueFound()
  }

  /** A thread has ended: its tickets are freed. */
  onExit(thread: number): void {
    this.known.forEach((known, ticket) => {
      if (!known.isRetired && freeOf(this.cells, this.memory.ticketAt(ticket), known, thread)) leave(known)
    })
  }

  /** A slot is taken away from a thread that did nothing: it may have ended before it read its ticket. */
  onLeak(slot: LentSlot): void {
    this.known.forEach((known, ticket) => {
      if (known.granted === slot && !known.isRetired) free(this.cells, this.memory.ticketAt(ticket), ticketState(known.number, GRANTED))
    })
  }

  /** No more slots are given: waiting threads are refused. */
  close(): void {
    for (let ticket = 0; ticket < TICKETS; ticket++) {
      leave(this.known[ticket] as Known)
      const at = this.memory.ticketAt(ticket)
      refuse(this.cells, at, numberOf(this.cells.load(at + TICKET_STATE)))
    }
  }

  private readonly look = (ticket: number): void => {
    const known = this.known[ticket] as Known
    if (known.isRetired) return
    const at = this.memory.ticketAt(ticket)
    switch (lookAtTicket(this.cells, at, known)) {
      case 'waits':
        if (!this.found.includes(ticket)) this.found.push(ticket)
        break
      case 'left':
        leave(known)
        break
      case 'damage': {
        const state = this.cells.load(at + TICKET_STATE)
        leave(known)
        known.isRetired = true
        retire(this.cells, at)
        this.slots.onCorruption(null, corrupt('the state of a ticket', state))
      }
    }
  }

  /** In the order in which they were drawn. */
  private queueFound(): void {
    const { cells, found, memory } = this
    if (found.length === 0) return
    const drawn = found.splice(0).map((ticket) => ({ ticket, state: cells.load(memory.ticketAt(ticket) + TICKET_STATE) }))
    drawn.sort((a, b) => (isLater(numberOf(a.state), numberOf(b.state)) ? 1 : -1))
    for (const { ticket, state } of drawn) if (phaseOfTicket(state) === WAITING) this.queue(ticket, numberOf(state))
  }

  private queue(ticket: number, number: number): void {
    const known = this.known[ticket] as Known
    const at = this.memory.ticketAt(ticket)
    const thread = this.cells.load(at + TICKET_THREAD)
    known.thread = thread
    if (this.slots.hasEnded(thread)) {
      freeOf(this.cells, at, known, thread)
      return
    }
    const controller = new AbortController()
    known.isQueued = true
    known.number = number
    known.leave = controller
    // The thread watches its own time limit; the bound of the queue also holds for it.
    this.core.acquire({ timeout: 0, signal: controller.signal }).then(
      (handle) => {
        // It has left just now.
        if (known.leave !== controller) handle.release()
        else this.hand(handle, ticket, known)
      },
      () => {
        if (known.leave !== controller) return
        known.isQueued = false
        known.leave = null
        refuse(this.cells, at, number)
      },
    )
  }

  private hand(handle: ClientSlot, ticket: number, known: Known): void {
    known.isQueued = false
    known.leave = null
    const { slots } = this
    const slot = handle.end() as LentSlot
    const lease = slots.lend(slot, known.thread)
    known.granted = slot
    if (grant(this.cells, this.memory.ticketAt(ticket), known.number, slot.block, slot.index, lease)) return
    slots.recall(slot)
    this.look(ticket)
    this.queueFound()
  }
}

function leave(known: Known): void {
  const { leave: controller } = known
  known.isQueued = false
  known.leave = null
  controller?.abort()
}
