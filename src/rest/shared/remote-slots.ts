/**
 * The owner's side of slots that other threads hold: it sends the requests that they submit, takes back the slots that they return, and takes away
 * those that they can no longer give back.
 *
 * Rule 1: a block that is taken from a thread that may still run is never used again: its late writes reach memory that nobody reads.
 * Rule 2: shared memory can be wrong. This thread records in its own memory whose block it is, under which lease, and whether it has a request under
 *         way, and keeps the connection's buffers there; a block that contradicts this is retired, and its slot loses only that memory.
 */

import { askCompressed } from '../../codec/http/accept-encoding.ts'
import type { RestResponse } from '../../codec/http/response.ts'
import { RestError, UsageError } from '../../errors.ts'
import { type Family, flag, readOptions, TIMER_MAX } from '../../option-rules.ts'
import type { HeldPool, Holders } from '../holders.ts'
import { streamOf } from '../request-body.ts'
import { abandonedRequest } from '../rest-errors.ts'
import { ClientSlot, Slot, type SlotOwner } from '../slot.ts'
import { SharedCells } from './cells.ts'
import { Doorbell, type Turns } from './doorbell.ts'
import { putFailure } from './failures.ts'
import {
  answer,
  BLOCK_CANCEL_REASON,
  BLOCK_DECOMPRESS,
  BLOCK_FAILURE,
  BLOCK_HOLDER,
  BLOCK_LENGTH,
  BLOCK_METHOD,
  BLOCK_STATE,
  BLOCK_TIMEOUT,
  BLOCK_TIMES,
  BLOCK_TOUCHED,
  handOff,
  lookAt,
  POOL_CLOSED,
  POOL_MARKED,
  POOL_MARKS,
  POOL_WANTED,
  requestOf,
  revoke,
  sleeper,
  TIMED_OUT,
  takeMarks,
  wake,
  wakeAll,
} from './handover.ts'
import type { PoolMemory, PoolPlan } from './layout.ts'
import { METHODS, type SlotMessage } from './messages.ts'
import { ResponsePoster } from './posted-response.ts'
import { TicketDesk } from './ticket-desk.ts'
import { checkWord, corrupt } from './words.ts'

/** The part of a worker that is needed: `Worker` of `node:worker_threads`, which Deno and Bun have too. */
export interface WorkerLike {
  readonly threadId: number
  once(event: 'exit', listener: () => void): unknown
  off?(event: 'exit', listener: () => void): unknown
}

const HAND_OFF_OPTIONS: Family<{ isAttached?: boolean }> = { isAttached: flag(false) }

/** A request of another thread that is under way, as this thread records it. */
interface Trip {
  /** Its number, which a cancel has to name. */
  readonly request: number
  /** Why it is abandoned; null while it is not. */
  reason: 'RequestAborted' | 'RequestTimeout' | null
}

/** A slot that threads may hold, by a block of shared memory. Its writer, its reader and its connection are this thread's own. */
export class SharedSlot extends Slot {
  /** The block under which other threads hold it; -1 when none is left. */
  block: number
  /** Another thread has it, or will receive it. */
  isAway = false
  /** The request that is sent for its holder. */
  trip: Trip | null = null

  constructor(
    index: number,
    writer: Slot['writer'],
    reader: Slot['reader'],
    owner: SlotOwner,
    private readonly holders: RemoteSlots,
  ) {
    super(index, writer, reader, owner)
    this.block = index
  }

  override get activity(): number {
    return super.activity + (this.isAway ? this.holders.touched(this.block) : 0)
  }

  /** @internal */
  sendAway(worker: WorkerLike | undefined, isAttached: boolean): SlotMessage {
    return this.holders.sendAway(this, worker, isAttached)
  }

  override hold(): ClientSlot {
    this.lease++
    return new OwnedSlot(this)
  }
}

/**
 * A slot of an {@link AtomicClientPool}, held on the thread that owns the sockets. Use it here like any other, or hand it to a worker.
 */
export class OwnedSlot extends ClientSlot {
  /** @internal */
  declare protected readonly slot: SharedSlot

  /**
   * Hands the slot off: post the returned message to the thread that will hold it, which turns it into a slot with
   * `AtomicClientSlot.receive`. This handle is released. Throws `SlotReleased` when the slot is not held,
   * and `InvalidOption` for a worker that has ended.
   *
   * @param worker the receiver. When it exits, throws or is terminated, the slot returns at once; without a worker, after `leakTimeout`
   * @param options `isAttached`: the thread has attached to this pool before (`pool.plan`), so the message need not say how
   */
  handOff(worker?: WorkerLike, options: { isAttached?: boolean } = {}): SlotMessage {
    const { isAttached = false } = readOptions(HAND_OFF_OPTIONS, options)
    if (!this.held) {
      throw new RestError('SlotReleased', 'this slot was released, or handed off: another caller may have it now', {
        fault: 'local',
        requestSent: 'nothing',
        phase: 'send',
      })
    }
    const message = this.slot.sendAway(worker, isAttached)
    this.end()
    return message
  }
}

/** The slots of one pool that are away. */
export class RemoteSlots implements Holders {
  /** The pool whose slots they are, from {@link RemoteSlots.begin} on. */
  private core!: HeldPool
  private desk!: TicketDesk
  private posters: readonly ResponsePoster[] = []
  private readonly cells: SharedCells
  private readonly pool: number
  /** The slot of each block; null for a spare or retired block. */
  private readonly slotOf: (SharedSlot | null)[]
  /** The lease of each block. */
  private readonly leases: Int32Array
  private readonly spare: number[] = []
  /** Functions that end the watch over a thread, by its number. */
  private readonly watched = new Map<number, () => void>()
  /** Threads that have ended: they get no more slots. */
  private readonly ended = new Set<number>()
  private readonly bell: Doorbell
  /** First cells of the blocks answered in this turn. */
  private readonly answered: number[] = []
  private readonly woken: number[] = []
  private wanted = false
  private listening = true

  constructor(
    private readonly memory: PoolMemory,
    private readonly plan: PoolPlan,
    turns: Turns,
  ) {
    this.cells = new SharedCells(memory.memory.i32)
    this.pool = memory.pool
    this.leases = new Int32Array(plan.blocks)
    this.slotOf = new Array(plan.blocks).fill(null)
    this.bell = new Doorbell(
      this.cells,
      this.pool,
      turns,
      plan.spin,
      () => this.wakeSleepers(),
      () => this.sweep(),
    )
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
    const { block } = slot
    slot.isAway = true
    const lease = handOff(this.cells, this.place(block), this.leases[block] as number, thread)
    this.leases[block] = lease
    return lease
  }

  /** Takes a slot back that was lent and never received. */
  recall(slot: SharedSlot): void {
    this.revoke(slot.block)
    this.comeBack(slot)
  }

  /** Whether this thread has ended; known for watched threads. */
  hasEnded(thread: number): boolean {
    return this.ended.has(thread)
  }

  touched(block: number): number {
    return this.cells.load(this.place(block) + BLOCK_TOUCHED)
  }

  // Holders.

  begin(core: HeldPool): void {
    this.core = core
    this.desk = new TicketDesk(core, this.cells, this.memory, this)
    for (const slot of core.slots as SharedSlot[]) this.slotOf[slot.block] = slot
    this.posters = core.slots.map(({ reader }) => new ResponsePoster(reader, this.plan.reader))
    for (let block = this.plan.blocks - 1; block >= core.slots.length; block--) this.spare.push(block)
    this.bell.open()
  }

  collect(): void {
    const { cells, pool } = this
    if (cells.load(pool + POOL_MARKED) === 0) return
    // Before the marks: a mark that is set from here on is found the next time.
    cells.store(pool + POOL_MARKED, 0)
    takeMarks(cells, pool + POOL_MARKS, this.slotOf.length, this.look)
    this.desk.collect()
  }

  sweep(): void {
    this.collect()
    for (const slot of this.core.slots as SharedSlot[]) if (slot.isAway) this.look(slot.block)
    this.desk.sweep()
  }

  setWanted(wanted: boolean): void {
    if (this.wanted === wanted) return
    this.wanted = wanted
    this.cells.store(this.pool + POOL_WANTED, wanted ? 1 : 0)
  }

  onLeak(slot: Slot): void {
    const shared = slot as SharedSlot
    this.sweep()
    // Without a spare block the leak can only be reported.
    if (!shared.isAway || this.spare.length === 0) return
    this.replaceBlock(shared)
    this.desk.onLeak(shared)
    this.comeBack(shared)
  }

  /** No more slots are given. */
  beginClose(): void {
    this.cells.store(this.pool + POOL_CLOSED, 1)
    this.setWanted(true)
    this.sweep()
  }

  /** Ends it: every holder is notified, and no object keeps the pool's memory. */
  close(): void {
    if (!this.listening) return
    this.listening = false
    this.cells.store(this.pool + POOL_CLOSED, 1)
    for (const stop of this.watched.values()) stop()
    this.watched.clear()
    for (const slot of this.slotOf) if (slot) this.revoke(slot.block)
    this.desk.close()
    this.bell.close()
    // A wait that is no longer needed would keep the memory, too.
    wakeAll(this.cells, this.pool)
  }

  /** Shared memory contradicts this thread's records. `slot`: the slot whose block is retired; null for memory that belongs to no slot. */
  onCorruption(slot: SharedSlot | null, error: unknown): void {
    this.core.onCorruption(slot, error as RestError)
    if (slot === null) return
    if (this.replaceBlock(slot)) {
      this.comeBack(slot)
      return
    }
    slot.isAway = false
    slot.trip = null
    this.core.retire(slot)
  }

  // How it works inside.

  private place(block: number): number {
    return this.memory.cellsOf(block)
  }

  private revoke(block: number): void {
    this.leases[block] = revoke(this.cells, this.pool, this.place(block), this.leases[block] as number)
  }

  /** Retires a slot's block and gives it a spare one. False when there is none. */
  private replaceBlock(slot: SharedSlot): boolean {
    this.revoke(slot.block)
    this.slotOf[slot.block] = null
    const block = this.spare.pop()
    slot.block = block ?? -1
    if (block === undefined) return false
    this.slotOf[block] = slot
    return true
  }

  /** Does what the state of a block asks for, if it is away. */
  private readonly look = (block: number): void => {
    const slot = this.slotOf[block]
    if (!slot?.isAway) return
    const at = this.place(block)
    const found = lookAt(this.cells, at, this.leases[block] as number, slot.trip?.request ?? 0)
    switch (found) {
      case 'request':
      case 'abandoned request':
        this.serve(slot, found === 'request')
        break
      case 'abandon':
        this.abandon(slot, slot.trip as Trip)
        break
      case 'back':
        this.comeBack(slot)
        break
      case 'damage':
        this.onCorruption(slot, corrupt('the state of a block', this.cells.load(at + BLOCK_STATE)))
    }
  }

  /** Sends a request that a holder has encoded, straight from the shared memory. */
  private serve(slot: SharedSlot, isWanted: boolean): void {
    const { cells } = this
    const at = this.place(slot.block)
    const trip: Trip = { request: requestOf(cells, at), reason: null }
    slot.trip = trip
    if (!isWanted) {
      this.readReason(slot, trip)
      const outcome = { requestSent: 'nothing', phase: 'queue', elapsed: 0 } as const
      this.fail(slot, trip, abandonedRequest('RequestAborted', 'it was abandoned before it was sent', outcome))
      return
    }
    let sending: Promise<RestResponse>
    try {
      const { u8 } = this.memory.memory
      const length = checkWord('the length of a request', cells.load(at + BLOCK_LENGTH), 1, this.plan.writeBufferCapacity)
      const method = METHODS[checkWord('the method of a request', cells.load(at + BLOCK_METHOD), 0, METHODS.length - 1)] as string
      const timeout = checkWord('the limit of a request', cells.load(at + BLOCK_TIMEOUT), 0, TIMER_MAX)
      const asks = checkWord('whether a response may be compressed', cells.load(at + BLOCK_DECOMPRESS), 0, 1) === 1
      const start = this.memory.requestOf(slot.block)
      const given = u8.subarray(start, start + length)
      const { bytes, body } = asks ? askCompressed(given) : { bytes: given, body: null }
      const request = { bytes, method, writer: slot.writer, stream: body === null ? null : streamOf(body) }
      // What was compressed is posted as it is: its holder inflates it.
      sending = slot.send(request, { timeout, decompress: false })
    } catch (error) {
      this.onCorruption(slot, error)
      return
    }
    sending.then(
      (response) => {
        if (slot.trip === trip) this.succeed(slot, response)
      },
      (error: unknown) => {
        if (slot.trip === trip) this.fail(slot, trip, error)
      },
    )
  }

  private succeed(slot: SharedSlot, response: RestResponse): void {
    const { i32, u8 } = this.memory.memory
    const at = this.place(slot.block)
    ;(this.posters[slot.index] as ResponsePoster).post(i32, u8, this.memory.responseOf(slot.block))
    this.putTimes(at, response)
    this.cells.store(at + BLOCK_FAILURE, 0)
    // The response has overtaken its request, whose memory is the holder's again.
    if (slot.writer.inUse) slot.connection?.destroy()
    this.answer(slot, at)
  }

  private fail(slot: SharedSlot, trip: Trip, error: unknown): void {
    const at = this.place(slot.block)
    putFailure(this.cells, at, this.memory.memory.u8, this.memory.messageOf(slot.block), trip.reason === null ? error : abandoned(trip.reason, error))
    this.answer(slot, at)
  }

  /** A thread that polls sees the answer at once; a thread that sleeps is woken once when this turn is over, however many answers it has. */
  private answer(slot: SharedSlot, at: number): void {
    const lease = this.leases[slot.block] as number
    if (!answer(this.cells, at, lease)) {
      // The holder has left, or the word was damaged.
      this.look(slot.block)
      return
    }
    slot.trip = null
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

  private putTimes(at: number, response: RestResponse): void {
    const { firstByte, total, reused, connectionAge, requests } = response.timings
    const { view } = this.memory.memory
    const times = [firstByte, total, reused ? 1 : 0, connectionAge, requests]
    for (let i = 0; i < times.length; i++) view.setFloat64((at + BLOCK_TIMES + 2 * i) * 4, times[i] as number, true)
  }

  /** Abandons a request that its holder no longer wants. */
  private abandon(slot: SharedSlot, trip: Trip): void {
    if (trip.reason !== null) return
    this.readReason(slot, trip)
    // When its response is complete already, the connection is no longer the request's.
    if (slot.connection?.state === 'busy') slot.connection.destroy()
  }

  private readReason(slot: SharedSlot, trip: Trip): void {
    const reason = this.cells.load(this.place(slot.block) + BLOCK_CANCEL_REASON)
    trip.reason = reason === TIMED_OUT ? 'RequestTimeout' : 'RequestAborted'
  }

  private comeBack(slot: SharedSlot): void {
    slot.isAway = false
    slot.trip = null
    this.core.giveBack(slot)
  }

  /** Takes the slots of `worker` back when it ends. */
  watch(worker: WorkerLike): void {
    if (!Number.isInteger(worker?.threadId) || typeof worker.once !== 'function') {
      throw new UsageError('InvalidOption', 'worker must be a Worker of node:worker_threads: the end of any other kind cannot be noticed')
    }
    const thread = worker.threadId + 1
    // A worker that has ended has the number -1 on Node and Bun, and emits no event for its end any more.
    if (thread <= 0 || this.ended.has(thread)) throw new UsageError('InvalidOption', 'the worker has ended: nothing can be handed to it')
    if (this.watched.has(thread)) return
    const onExit = (): void => {
      this.watched.delete(thread)
      this.ended.add(thread)
      this.onExit(thread)
    }
    worker.once('exit', onExit)
    this.watched.set(thread, () => worker.off?.('exit', onExit))
  }

  /** A thread is gone: its slots can't be returned by it, and it will write nothing more there. */
  private onExit(thread: number): void {
    if (!this.listening) return
    this.sweep()
    for (const slot of this.core.slots as SharedSlot[]) {
      if (!slot.isAway || this.cells.load(this.place(slot.block) + BLOCK_HOLDER) !== thread) continue
      if (slot.connection?.state === 'busy') slot.connection.destroy()
      this.recall(slot)
    }
    this.desk.onExit(thread)
  }
}

/** The failure of a request that its holder abandoned. */
function abandoned(code: 'RequestAborted' | 'RequestTimeout', error: unknown): unknown {
  if (!(error instanceof RestError) || error.code !== 'RequestAborted') return error
  const { requestSent, phase, elapsed } = error
  const message = code === 'RequestTimeout' ? 'no complete response within the limit of the request (timeout)' : 'the request was aborted'
  return abandonedRequest(code, message, { requestSent, phase, elapsed: elapsed ?? 0 })
}
