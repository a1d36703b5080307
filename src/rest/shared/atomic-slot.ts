/** `AtomicClientSlot`: a slot as a thread holds it that does not own the sockets. */

import type { Request } from '../../codec/request.ts'
import { RequestWriter } from '../../codec/request-writer.ts'
import { RestResponse } from '../../codec/response.ts'
import { ResponseReader } from '../../codec/response-reader.ts'
import { type RequestSent, RestError, UsageError } from '../../errors.ts'
import { TIMER_MAX } from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'
import type { Runtime, ThreadedRuntime } from '../../runtime.ts'
import { checkTimeout } from '../options.ts'
import type { ResponseTimings } from '../response.ts'
import { Answers } from './answers.ts'
import { SharedCells } from './cells.ts'
import { takeFailure } from './failures.ts'
import {
  ANSWERED,
  BLOCK_LENGTH,
  BLOCK_METHOD,
  BLOCK_STATE,
  BLOCK_TIMEOUT,
  BLOCK_TIMES,
  BLOCK_TOUCHED,
  BLOCK_WRITER,
  cancel,
  giveBack,
  HELD,
  leaseOf,
  POOL_CLOSED,
  passOn,
  phaseOf,
  receive,
  stateOf,
  submit,
  take,
  unsubmit,
} from './handover.ts'
import { PoolMemory, type PoolPlan } from './layout.ts'
import { METHODS, type SlotMessage } from './messages.ts'
import type { WorkerLike } from './remote-slots.ts'

/** How long after its limit a request is given up for an owner that says nothing, in ms: the owner should have said so before. */
const GRACE = 1_000

/** Options of a request from another thread. */
export interface AtomicSendOptions {
  /** Milliseconds until the response is complete, 0 for no limit. Default: the pool's `timeout`. */
  timeout?: number | undefined
}

/** A thread's objects over the memory of one block; made when it first holds it. */
interface Berth {
  readonly writer: RequestWriter
  readonly reader: ResponseReader
}

/** A pool that this thread has attached to. */
class Attachment {
  readonly memory: PoolMemory
  readonly cells: SharedCells
  readonly answers: Answers
  private readonly berths: (Berth | undefined)[] = []

  constructor(
    readonly runtime: ThreadedRuntime,
    readonly plan: PoolPlan,
    thread: number,
  ) {
    this.memory = new PoolMemory(plan)
    this.cells = new SharedCells(this.memory.memory.i32)
    const turns = { clock: runtime.clock, immediately: runtime.threads.immediately }
    this.answers = new Answers(this.cells, this.memory.pool, thread, turns, plan.spin)
  }

  /** The objects over a block, which this thread holds. */
  berth(block: number): Berth {
    const { plan, runtime } = this
    let berth = this.berths[block]
    if (berth === undefined) {
      const region = this.memory.regionOf(block)
      const { host, basePath, defaultHeaders, writeBufferCapacity } = plan
      const writer = new RequestWriter(runtime.codec, host, { writeBufferCapacity, basePath, defaultHeaders }, region)
      berth = { writer, reader: new ResponseReader(runtime.codec, plan.reader, region, true) }
      this.berths[block] = berth
    }
    return berth
  }
}

/** What a thread knows of pools: each once, however many slots come. */
export class Attachments {
  private readonly pools = new Map<string, Attachment>()

  /** @param thread number of this thread, from 1 */
  constructor(
    private readonly runtime: ThreadedRuntime,
    readonly thread: number,
  ) {}

  /** Makes a pool known. Harmless when it is. */
  attach(plan: PoolPlan): void {
    if (!this.pools.has(plan.id)) this.pools.set(plan.id, new Attachment(this.runtime, plan, this.thread))
  }

  /** What this thread knows of an attached pool. */
  of(plan: PoolPlan): { readonly cells: SharedCells; readonly memory: PoolMemory; readonly clock: Runtime['clock'] } {
    const { cells, memory } = this.pools.get(plan.id) as Attachment
    return { cells, memory, clock: this.runtime.clock }
  }

  /** Throws `NotAttached`. */
  get(message: SlotMessage): Attachment {
    if (message.plan !== undefined) this.attach(message.plan)
    const attachment = this.pools.get(message.nexusSlot)
    if (attachment !== undefined) return attachment
    throw new UsageError(
      'NotAttached',
      'this thread does not know the pool: call AtomicClientSlot.attach(plan) first, or hand off without isAttached',
    )
  }
}

/** The class whose static method was called. */
export interface AtomicClientSlotClass<Self extends AtomicClientSlot> {
  readonly threads: Attachments
  new (attachment: Attachment, message: SlotMessage, threads: Attachments): Self
}

/**
 * A slot that came from the thread that owns the sockets: encode, send and read here; the bytes stay where they are.
 *
 * ```ts
 * parentPort.on('message', async (message) => {
 *   const slot = AtomicClientSlot.receive(message)
 *   const res = await slot.send(slot.writer.post('/order').body(json).finish())
 *   console.log(res.status, res.json())
 *   slot.release()
 * })
 * ```
 */
export class AtomicClientSlot {
  static {
    showsItself(this.prototype, (it) => ({ index: it.index, held: it.isHeld }))
  }

  /** What an entry point supplies. @internal */
  static readonly threads: Attachments

  /** Makes this slot's requests, in shared memory. */
  readonly writer: RequestWriter
  /** Number of the slot, 0 to `connections` - 1. */
  readonly index: number

  private readonly reader: ResponseReader
  private readonly cells: SharedCells
  private readonly pool: number
  /** First cell of its block. @internal */
  readonly at: number
  private readonly block: number
  private readonly lease: number
  private isHeld = true
  /** The owner did not answer: no more can be sent, as a late answer would be taken for the next one's. */
  private isSpent = false

  /** @internal */
  constructor(
    private readonly attachment: Attachment,
    private readonly message: SlotMessage,
    private readonly threads: Attachments,
  ) {
    const { cells, memory } = attachment
    const { block, lease, index } = message
    this.cells = cells
    this.pool = memory.pool
    this.at = memory.cellsOf(block)
    this.block = block
    this.lease = lease
    this.index = index
    if (!receive(cells, this.at, lease, threads.thread)) throw this.notHeld('it was received before, or taken back')
    const { writer, reader } = attachment.berth(block)
    this.writer = writer
    this.reader = reader
    writer.inUse = false
    if (cells.load(this.at + BLOCK_WRITER) !== threads.thread) {
      writer.refresh()
      cells.store(this.at + BLOCK_WRITER, threads.thread)
    }
    this.touch()
  }

  /** Makes a pool known to this thread, so that the messages of its slots can be short (`handOff(worker, { isAttached: true })`). */
  static attach<Self extends AtomicClientSlot>(this: AtomicClientSlotClass<Self>, plan: PoolPlan): void {
    this.threads.attach(plan)
  }

  /**
   * The slot of a message that `handOff` made. Throws `SlotReleased` when it was received before or taken back, `NotAttached` when this thread
   * does not know the pool.
   */
  static receive<Self extends AtomicClientSlot>(this: AtomicClientSlotClass<Self>, message: SlotMessage): Self {
    return new this(this.threads.get(message), message, this.threads)
  }

  /**
   * Has the owner send a request, and resolves with its response: a view of the shared memory, valid until the next request on this slot or its
   * release. Rejects as `slot.send` of the owner's thread does, with `SlotReleased` when the slot is no longer held, and with `OwnerGone` when
   * the owner does not answer within a second of the limit.
   */
  async send(request: Request, options: AtomicSendOptions & { signal?: AbortSignal | undefined } = {}): Promise<AtomicResponse> {
    const { signal } = options
    if (signal?.aborted) {
      throw new RestError('RequestAborted', 'the request was aborted before it was sent', {
        fault: 'local',
        requestSent: 'nothing',
        phase: 'send',
        cause: signal.reason,
      })
    }
    const { since, end } = this.begin(request, options)
    const onAbort = (): void => cancel(this.cells, this.pool, this.at, this.lease)
    signal?.addEventListener('abort', onAbort, { once: true })
    const isAnswered = await this.answered(end)
    signal?.removeEventListener('abort', onAbort)
    return this.finish(since, isAnswered)
  }

  /**
   * As {@link AtomicClientSlot.send}, blocking this thread: for workers that have nothing else to do. Throws `InvalidOption` on the thread that
   * owns the sockets, which would wait for itself.
   */
  sendSync(request: Request, options: AtomicSendOptions = {}): AtomicResponse {
    if (this.threads.thread === this.attachment.plan.owner) {
      throw new UsageError('InvalidOption', 'sendSync would block the thread that owns the sockets: use send there')
    }
    const { since, end } = this.begin(request, options)
    const isAnswered = this.attachment.answers.block(this, () => this.left(end))
    return this.finish(since, isAnswered)
  }

  /** Tells the owner that this thread still needs the slot, though it sends nothing: every request does so too. Throws `SlotReleased`. */
  renew(): void {
    if (!this.isHeld || this.state() !== stateOf(this.lease, HELD)) throw this.notHeld('it was released, or taken back')
    this.touch()
  }

  /** Hands the slot on to another thread: post what is returned. Throws `SlotReleased` when it is not held, or a request is under way. */
  handOff(worker?: Pick<WorkerLike, 'threadId'>): SlotMessage {
    if (!this.isHeld || this.isSpent || !passOn(this.cells, this.at, this.lease, worker === undefined ? 0 : worker.threadId + 1)) {
      throw this.notHeld('it was released, taken back, or has a request under way')
    }
    this.end()
    return { ...this.message, plan: this.attachment.plan }
  }

  /**
   * Gives the slot back: an atomic push, no message. A second call does nothing. Throws `SlotReleased` when the slot was taken away from this thread,
   * or while a request is under way.
   */
  release(): void {
    if (!this.isHeld) return
    const { cells, at, lease } = this
    // The owner may have answered after all.
    if (this.isSpent) take(cells, at, lease)
    if (!giveBack(cells, this.pool, at, this.block, lease) && !this.isSpent) {
      if (leaseOf(this.state()) === lease) throw this.notHeld('a request is under way: await it before the release')
      this.end()
      throw this.notHeld('it was taken back')
    }
    this.end()
  }

  /** As `release`. */
  [Symbol.dispose](): void {
    this.release()
  }

  /** How the last exchange went. @internal */
  get timings(): ResponseTimings {
    const { view } = this.attachment.memory.memory
    const time = (i: number): number => view.getFloat64((this.at + BLOCK_TIMES + 2 * i) * 4, true)
    return { firstByte: time(0), total: time(1), reused: time(2) !== 0, connectionAge: time(3), requests: time(4) }
  }

  private end(): void {
    this.isHeld = false
    this.reader.expire()
  }

  private state(): number {
    return this.cells.load(this.at + BLOCK_STATE)
  }

  /** Answered, or the lease is over. @internal */
  isOver(): boolean {
    const state = this.state()
    return phaseOf(state) === ANSWERED || leaseOf(state) !== this.lease
  }

  /** Waits for the answer; resolves with false when it does not come in time. */
  private answered(end: number): Promise<boolean> {
    const { answers, runtime } = this.attachment
    const { clock } = runtime
    return new Promise((resolve) => {
      const awaited = {
        at: this.at,
        isOver: () => this.isOver(),
        onOver: () => {
          clock.clear(timer)
          resolve(true)
        },
      }
      const onTimer = (): void => {
        if (this.left(end) > 0) setTimer()
        else {
          answers.remove(awaited)
          resolve(this.isOver())
        }
      }
      let timer: unknown
      // By itself, the wait would not keep this thread alive: it has a timer even without a limit.
      const setTimer = (): void => {
        timer = clock.set(onTimer, Math.min(Math.ceil(this.left(end)), TIMER_MAX))
      }
      setTimer()
      answers.add(awaited)
    })
  }

  private touch(): void {
    this.cells.add(this.at + BLOCK_TOUCHED, 1)
  }

  /** HELD to SUBMITTED. */
  private begin(request: Request, options: AtomicSendOptions): { since: number; end: number } {
    const { cells, at, attachment, writer } = this
    const timeout = options.timeout === undefined ? attachment.plan.timeout : checkTimeout('timeout', options.timeout)
    if (!this.isHeld) throw this.notHeld('it was released')
    if (this.isSpent) throw this.notHeld('its owner did not answer')
    if (request.writer !== writer) throw new UsageError('InvalidOption', 'the request must be built with the writer of this slot')
    if (request.isStreaming) throw new UsageError('InvalidOption', 'a streamed body can’t be sent from another thread: build the request whole')
    // Throws for a request that its writer has superseded.
    const { length } = request
    cells.store(at + BLOCK_LENGTH, length)
    cells.store(at + BLOCK_METHOD, Math.max(0, METHODS.indexOf(request.method)))
    cells.store(at + BLOCK_TIMEOUT, timeout)
    this.touch()
    this.reader.expire()
    if (!submit(cells, this.pool, at, this.block, this.lease)) throw this.lost('nothing')
    writer.inUse = true
    const since = this.attachment.runtime.clock.now()
    return { since, end: timeout === 0 ? Number.POSITIVE_INFINITY : since + timeout + GRACE }
  }

  /** ANSWERED to HELD. */
  private finish(since: number, isAnswered: boolean): AtomicResponse {
    const { cells, at, attachment } = this
    if (!isAnswered) throw this.ownerGone(since)
    if (!take(cells, at, this.lease)) throw this.lost('partly')
    this.writer.inUse = false
    const { memory } = attachment
    const failure = takeFailure(cells, at, memory.memory.u8, memory.messageOf(this.block), this.attachment.runtime.clock.now() - since)
    if (failure !== null) throw failure
    this.reader.adopt()
    return new AtomicResponse(this.reader, this)
  }

  private left(end: number): number {
    return end === Number.POSITIVE_INFINITY ? end : Math.max(0, end - this.attachment.runtime.clock.now())
  }

  /** The lease is over, and the request with it. */
  private lost(requestSent: RequestSent): RestError {
    this.isHeld = false
    const isClosed = this.cells.load(this.pool + POOL_CLOSED) !== 0
    const message = isClosed ? 'the pool was closed' : 'this slot can’t be used: it was taken back'
    const phase = requestSent === 'nothing' ? 'send' : 'first byte'
    return new RestError(isClosed ? 'PoolClosed' : 'SlotReleased', message, { fault: 'local', requestSent, phase })
  }

  private ownerGone(since: number): RestError {
    this.isSpent = true
    // What the owner has not even taken can't have left.
    const requestSent = unsubmit(this.cells, this.at, this.lease) ? 'nothing' : 'partly'
    const message = 'the thread that owns the sockets did not answer in time: it is gone, or blocked'
    return new RestError('OwnerGone', message, { fault: 'local', requestSent, phase: 'queue', elapsed: this.attachment.runtime.clock.now() - since })
  }

  private notHeld(why: string): RestError {
    return new RestError('SlotReleased', `this slot can't be used: ${why}`, { fault: 'local', requestSent: 'nothing', phase: 'send' })
  }
}

/** A response in shared memory, borrowed: valid until the next request on its slot, or its release. */
export class AtomicResponse extends RestResponse {
  /** @internal */
  constructor(
    reader: ResponseReader,
    private readonly slot: AtomicClientSlot,
  ) {
    super(reader)
  }

  /** How long it took, as the owner measured it, and on what connection. */
  get timings(): ResponseTimings {
    // Throws when another request has been sent since.
    void this.status
    return this.slot.timings
  }
}
