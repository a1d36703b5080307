/** The owner's side of {@link SharedAcquirer}: takes tickets in order, and writes slots on them as they become free. */

import type { PoolCore } from '../pool-core.ts'
import type { ClientSlot } from '../slot.ts'
import type { SharedCells } from './cells.ts'
import { takeAll } from './handover.ts'
import type { PoolMemory } from './layout.ts'
import type { RemoteSlots, SharedSlot } from './remote-slots.ts'
import { grant, POOL_TICKETS, redeem, refuse, TICKET_NEXT, TICKET_THREAD, TICKETS } from './tickets.ts'

/** Serves the tickets of one pool. */
export class TicketDesk {
  constructor(
    private readonly core: PoolCore,
    private readonly cells: SharedCells,
    private readonly memory: PoolMemory,
    private readonly slots: RemoteSlots,
  ) {}

  /** Takes the tickets that have come, in their order, and queues each like any caller on this thread. */
  collect(): void {
    const { cells, memory } = this
    if (cells.load(memory.pool + POOL_TICKETS) === 0) return
    for (const ticket of takeAll(cells, memory.pool + POOL_TICKETS, TICKET_NEXT, memory.ticketAt)) {
      const at = memory.ticketAt(ticket)
      // Its own limit is the thread's to watch; the queue's bound holds for it as for everybody.
      this.core.acquire({ timeout: 0 }).then(
        (handle) => this.hand(handle, at),
        () => refuse(cells, at),
      )
    }
  }

  /** Nobody gets a slot any more: those who wait are told. */
  close(): void {
    this.collect()
    for (let ticket = 0; ticket < TICKETS; ticket++) refuse(this.cells, this.memory.ticketAt(ticket))
  }

  private hand(handle: ClientSlot, at: number): void {
    const slot = handle.takeOver() as SharedSlot
    const thread = this.cells.load(at + TICKET_THREAD)
    const lease = this.slots.lend(slot, thread)
    if (!grant(this.cells, at, slot.block, slot.index, lease)) {
      this.slots.recall(slot)
    } else if (this.slots.hasEnded(thread)) {
      redeem(this.cells, at)
      this.slots.recall(slot)
    }
  }
}
