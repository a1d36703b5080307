/**
 * The owner's side of slots that other threads hold: sends what they submit, takes back what they return, and takes away what they can no
 * longer give back.
 *
 * Rule 1: a block that is taken from a thread that may still run is never used again: its late writes reach memory that nobody reads.
 * Rule 2: both lists are taken before a block changes hands by force.
 */

import { RestError, UsageError } from '../../errors.ts'
import type { PoolCore, RemoteHolders } from '../pool-core.ts'
import type { HttpResponse } from '../response.ts'
import { ClientSlot, Slot, type SlotOwner } from '../slot.ts'
import { SharedCells } from './cells.ts'
import { Doorbell, type Turns } from './doorbell.ts'
import { putFailure } from './failures.ts'
import {
  accept,
  answer,
  BLOCK_CANCEL,
  BLOCK_FAILURE,
  BLOCK_HOLDER,
  BLOCK_LENGTH,
  BLOCK_METHOD,
  BLOCK_NEXT_RETURNED,
  BLOCK_NEXT_SUBMITTED,
  BLOCK_STATE,
  BLOCK_TIMEOUT,
  BLOCK_TIMES,
  BLOCK_TOUCHED,
  BLOCK_WRITER,
  handOff,
  POOL_CLOSED,
  POOL_RETURNED,
  POOL_SUBMITTED,
  POOL_WANTED,
  phaseOf,
  revoke,
  SENDING,
  sleeper,
  stateOf,
  takeAll,
  takeBack,
  wake,
} from './handover.ts'
import type { PoolMemory, PoolPlan } from './layout.ts'
import { METHODS, type SlotMessage } from './messages.ts'
import { TicketDesk } from './ticket-desk.ts'

/** The part of a worker that is needed: `Worker` of `node:worker_threads`, which Deno and Bun have too. */
export interface WorkerLike {
  readonly threadId: number
  once(event: 'exit', listener: () => void): unknown
}

/** A slot whose memory threads share. */
export class SharedSlot extends Slot {
  /** Its memory. */
  block: number
  /** Another thread has it, or is about to. */
  isAway = false

  constructor(
    index: number,
    block: number,
    writer: Slot['writer'],
    reader: Slot['reader'],
    owner: SlotOwner,
    private readonly holders: () => RemoteSlots,
  ) {
    super(index, writer, reader, owner)
    this.block = block
  }

  override get activity(): number {
    return super.activity + (this.isAway ? this.holders().touched(this.block) : 0)
  }

  /** @internal */
  sendAway(worker: WorkerLike | undefined, isAttached: boolean): SlotMessage {
    return this.holders().sendAway(this, worker, isAttached)
  }

  protected override makeHandle(): ClientSlot {
    return new OwnedSlot(this)
  }
}

/**
 * A slot of an {@link AtomicClientPool}, held on the thread that owns the sockets. Use it here like any other, or hand it to a worker.
 */
export class OwnedSlot extends ClientSlot {
  declare protected readonly slot: SharedSlot

  /**
   * Hands the slot off: what is returned is to be posted to the thread that shall hold it, which makes a slot of it with
   * `AtomicClientSlot.receive`. This handle is released by it. Throws `SlotReleased` when the slot is not held,
   * and `InvalidOption` for a worker that has ended.
   *
   * @param worker who is to get it. When it exits, throws or is terminated, the slot comes back at once; without, after `leakTimeout`
   * @param options `isAttached`: the thread has attached to this pool before (`pool.plan`), so the message need not tell how
   */
  handOff(worker?: WorkerLike, options: { isAttached?: boolean } = {}): SlotMessage {
    if (!this.held) {
      throw new RestError('SlotReleased', 'this slot was released, or handed off: it may belong to somebody else now', {
        fault: 'local',
        requestSent: 'nothing',
        phase: 'send',
      })
    }
    const message = this.slot.sendAway(worker, options.isAttached === true)
    this.held = false
    return message
  }
}

/** The slots of one pool that are away. */
export class RemoteSlots implements RemoteHolders {
  private readonly cells: SharedCells
  private readonly pool: number
  /** Whose block it is; null for one that is spare or given up. */
  private readonly slotOf: (SharedSlot | null)[] = []
  private readonly spare: number[] = []
  private readonly watched = new Set<number>()
  /** Threads that have ended, so that nothing is given to them. */
  private readonly ended = new Set<number>()
  private readonly desk: TicketDesk
  private readonly bell: Doorbell
  /** First cells of the blocks answered in this turn. */
  private readonly answered: number[] = []
  private readonly woken: number[] = []
  private wanted = false
  private listening = true
  private readonly place = (block: number): number => this.memory.cellsOf(block)

  constructor(
    private readonly core: PoolCore,
    private readonly memory: PoolMemory,
    private readonly plan: PoolPlan,
    turns: Turns,
    private readonly remake: (slot: SharedSlot, block: number) => void,
  ) {
    this.cells = new SharedCells(memory.memory.i32)
    this.pool = memory.pool
    this.desk = new TicketDesk(core, this.cells, memory, this)
    for (const slot of core.slots as SharedSlot[]) this.slotOf[slot.block] = slot
    for (let block = plan.blocks - 1; block >= core.slots.length; block--) this.spare.push(block)
    const onRing = (): void => {
      this.collect()
      this.abandonCancelled()
    }
    this.bell = new Doorbell(this.cells, this.pool, turns, plan.spin, () => this.wakeSleepers(), onRing)
    this.bell.open()
  }

  /** FREE to TRANSIT. */
  sendAway(slot: SharedSlot, worker: WorkerLike | undefined, isAttached: boolean): SlotMessage {
    if (worker !== undefined) this.watch(worker)
    const lease = this.lend(slot, worker === undefined ? 0 : worker.threadId + 1)
    const { plan } = this
    return { nexusSlot: plan.id, block: slot.block, index: slot.index, lease, ...(isAttached ? {} : { plan }) }
  }

  /** FREE to TRANSIT, for a thread; 0 when it is not known. Returns the lease. */
  lend(slot: SharedSlot, thread: number): number {
    const at = this.place(slot.block)
    this.cells.store(at + BLOCK_CANCEL, 0)
    this.cells.store(at + BLOCK_WRITER, this.plan.owner)
    slot.isAway = true
    return handOff(this.cells, at, thread)
  }

  /** Takes a slot back that was lent and never reached anybody. */
  recall(slot: SharedSlot): void {
    revoke(this.cells, this.pool, this.place(slot.block))
    this.comeBack(slot)
  }

  /** Has this thread ended? Known of those that are watched. */
  hasEnded(thread: number): boolean {
    return this.ended.has(thread)
  }

  touched(block: number): number {
    return this.cells.load(this.place(block) + BLOCK_TOUCHED)
  }

  // RemoteHolders.

  collect(): void {
    const { cells, pool, place } = this
    if (cells.load(pool + POOL_RETURNED) !== 0) {
      for (const block of takeAll(cells, pool + POOL_RETURNED, BLOCK_NEXT_RETURNED, place)) {
        const slot = this.slotOf[block]
        if (slot && takeBack(cells, place(block))) this.comeBack(slot)
      }
    }
    if (cells.load(pool + POOL_SUBMITTED) !== 0) {
      for (const block of takeAll(cells, pool + POOL_SUBMITTED, BLOCK_NEXT_SUBMITTED, place)) {
        const slot = this.slotOf[block]
        const lease = slot ? accept(cells, place(block)) : -1
        if (slot && lease >= 0) this.serve(slot, lease)
      }
    }
    this.desk.collect()
  }

  setWanted(wanted: boolean): void {
    if (this.wanted === wanted) return
    this.wanted = wanted
    this.cells.store(this.pool + POOL_WANTED, wanted ? 1 : 0)
  }

  onLeak(slot: Slot): void {
    const shared = slot as SharedSlot
    if (!shared.isAway) return
    const block = this.spare.pop()
    // Without memory to spare it can only be reported.
    if (block === undefined) return
    this.collect()
    if (!shared.isAway) {
      this.spare.push(block)
      return
    }
    const old = shared.block
    revoke(this.cells, this.pool, this.place(old))
    this.slotOf[old] = null
    this.slotOf[block] = shared
    // The connection reads into the old memory.
    shared.connection?.destroy()
    shared.block = block
    this.remake(shared, block)
    this.comeBack(shared)
  }

  /** Ends it: every holder is told. */
  close(): void {
    this.listening = false
    this.cells.store(this.pool + POOL_CLOSED, 1)
    for (const slot of this.slotOf) if (slot) revoke(this.cells, this.pool, this.place(slot.block))
    this.desk.close()
    this.bell.close()
  }

  // How it works inside.

  /** Sends what a holder has encoded, straight from the shared memory. */
  private serve(slot: SharedSlot, lease: number): void {
    const { cells, memory } = this
    const at = this.place(slot.block)
    const { block, writer } = slot
    const request = {
      bytes: memory.memory.u8.subarray(writer.address, writer.address + cells.load(at + BLOCK_LENGTH)),
      method: METHODS[cells.load(at + BLOCK_METHOD)] as string,
      writer,
      stream: null,
    }
    this.core.send(slot, request, { timeout: cells.load(at + BLOCK_TIMEOUT) }).then(
      (response) => {
        this.putTimes(at, response)
        cells.store(at + BLOCK_FAILURE, 0)
        this.answer(at, lease)
      },
      (error: unknown) => {
        // The block may be another holder's by now, and its message area with it.
        if (cells.load(at + BLOCK_STATE) !== stateOf(lease, SENDING)) return
        putFailure(cells, at, memory.memory.u8, memory.messageOf(block), error)
        this.answer(at, lease)
      },
    )
  }

  /** Who looks for it sees it at once; who sleeps is woken when this turn is over, however many answers it has for one thread. */
  private answer(at: number, lease: number): void {
    if (!answer(this.cells, at, lease)) return
    this.answered.push(at)
    this.bell.expect()
  }

  private wakeSleepers(): void {
    const { answered, cells, pool, woken } = this
    for (const at of answered) {
      const thread = sleeper(cells, at)
      if (thread < 0 || woken.includes(thread)) continue
      woken.push(thread)
      wake(cells, pool, thread)
    }
    answered.length = 0
    woken.length = 0
  }

  private putTimes(at: number, response: HttpResponse): void {
    const { firstByte, total, reused, connectionAge, requests } = response.timings
    const { view } = this.memory.memory
    const times = [firstByte, total, reused ? 1 : 0, connectionAge, requests]
    for (let i = 0; i < times.length; i++) view.setFloat64((at + BLOCK_TIMES + 2 * i) * 4, times[i] as number, true)
  }

  private abandonCancelled(): void {
    const { cells } = this
    for (const slot of this.slotOf) {
      if (!slot?.isAway) continue
      const at = this.place(slot.block)
      const cancelled = cells.load(at + BLOCK_CANCEL)
      if (cancelled === 0) continue
      if (cells.load(at + BLOCK_STATE) === stateOf(cancelled - 1, SENDING)) slot.connection?.destroy()
      cells.store(at + BLOCK_CANCEL, 0)
    }
  }

  private comeBack(slot: SharedSlot): void {
    slot.isAway = false
    this.core.giveBack(slot)
  }

  /** Has the slots of `worker` come back when it ends. */
  watch(worker: WorkerLike): void {
    const thread = worker.threadId + 1
    // A worker that has ended says -1 on Node and Bun, and no longer tells that it ends.
    if (thread <= 0 || this.ended.has(thread)) throw new UsageError('InvalidOption', 'the worker has ended: nothing can be handed to it')
    if (this.watched.has(thread)) return
    this.watched.add(thread)
    worker.once('exit', () => {
      this.watched.delete(thread)
      this.ended.add(thread)
      this.onExit(thread)
    })
  }

  /** A thread is gone: nothing it held can come back by itself, and nothing will be written there any more. */
  private onExit(thread: number): void {
    if (!this.listening) return
    this.collect()
    for (const slot of this.slotOf) {
      if (!slot?.isAway) continue
      const at = this.place(slot.block)
      if (this.cells.load(at + BLOCK_HOLDER) !== thread) continue
      const wasSending = phaseOf(this.cells.load(at + BLOCK_STATE)) === SENDING
      revoke(this.cells, this.pool, at)
      if (wasSending || slot.connection?.state === 'busy') slot.connection?.destroy()
      this.comeBack(slot)
    }
  }
}
