/** `AtomicClientSlot`: a slot that is held by a thread which does not own the sockets. */

import type { Request } from '../../codec/http/request.ts'
import type { RequestWriter } from '../../codec/http/request-writer.ts'
import { type ResponseTimings, RestResponse } from '../../codec/http/response.ts'
import { checkMade, MADE, type Made } from '../../composition.ts'
import { type RequestSent, RestError, UsageError } from '../../errors.ts'
import { checkInteger, checkOptions, type Family, flag, signal, TIMER_MAX, timeLimit } from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'
import { codingOf, decodeBody } from '../content-coding.ts'
import { abandonedRequest, undecodableBody } from '../rest-errors.ts'
import { checkRequest } from '../sendable.ts'
import type { Attachment, Attachments } from './attachments.ts'
import type { SharedCells } from './cells.ts'
import { takeFailure } from './failures.ts'
import {
  ABORTED,
  BLOCK_DAMAGED,
  BLOCK_DECOMPRESS,
  BLOCK_LENGTH,
  BLOCK_METHOD,
  BLOCK_STATE,
  BLOCK_TIMEOUT,
  BLOCK_TIMES,
  BLOCK_TOUCHED,
  cancel,
  claimWriter,
  giveBack,
  HELD,
  LEASE_MASK,
  POOL_CLOSED,
  passOn,
  phaseUnder,
  receive,
  ring,
  SENDING,
  SUBMITTED,
  submit,
  TIMED_OUT,
  take,
  unsubmit,
} from './handover.ts'
import { checkPlan, type PoolPlan } from './layout.ts'
import { METHODS, type SlotMessage } from './messages.ts'
import type { ReceivedResponse } from './posted-response.ts'
import type { WorkerLike } from './remote-slots.ts'

/** How long after its limit, or after it was abandoned, a thread waits for the owner to end a request, in ms: the owner should have done so before. */
export const GRACE = 1_000

/** Options of a request from another thread. */
export interface AtomicSendOptions {
  /** Milliseconds until the response is complete, 0 for no limit. Default: the pool's `timeout`. */
  timeout?: number | undefined
  /** Asks for compressed responses and inflates them, on this thread: see {@link SendOptions.decompress}. Default: the pool's `decompress`. */
  decompress?: boolean | undefined
  /** Abandons the request. A thread that blocks in `sendSync` receives no events: there, the signal only counts if it was aborted before. */
  signal?: AbortSignal | undefined
}

/** What they may be. */
export const ATOMIC_SEND_OPTIONS: Family<AtomicSendOptions> = { timeout: timeLimit(), decompress: flag(), signal }

/** The fields of the error for a request that the owner has not taken. */
const NOT_SENT = { requestSent: 'nothing', phase: 'queue', elapsed: 0 } as const

/** The class whose static method was called. */
export interface AtomicClientSlotClass<Self extends AtomicClientSlot> {
  /** @internal */
  readonly _$ground: Attachments
  new (received: ReceivedSlot): Self
}

/** What a slot is made of on the thread that receives it. */
export interface ReceivedSlot extends Made {
  /** @internal */
  readonly attachment: Attachment
  /** @internal */
  readonly message: SlotMessage
  /** @internal */
  readonly threads: Attachments
}

/**
 * A slot that came from the thread that owns the sockets: encode, send and read here.
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
    showsItself(this.prototype, (it) => ({ index: it.index, held: it.#isHeld }))
  }

  /** @internal */
  static readonly _$ground: Attachments

  /** Makes this slot's requests, in shared memory. */
  readonly writer: RequestWriter
  /** Number of the slot, 0 to `connections` - 1. */
  readonly index: number

  readonly #response: ReceivedResponse
  readonly #cells: SharedCells
  readonly #pool: number
  /** First cell of its block. @internal */
  readonly at: number
  readonly #block: number
  readonly #lease: number
  #isHeld = true
  /** The request that was submitted and not yet answered; 0 for none. */
  #request = 0
  /** The content coding of its response is undone. */
  #decompresses = false
  /** How far a request got that was given up together with the slot. */
  #left: RequestSent = 'nothing'

  readonly #attachment: Attachment
  readonly #message: SlotMessage
  readonly #threads: Attachments

  /** For the static methods, and for classes that are derived from this one. */
  constructor(made: ReceivedSlot) {
    const { attachment, message, threads } = checkMade(made, new.target, 'receive')
    this.#attachment = attachment
    this.#message = message
    this.#threads = threads
    const { cells, memory, plan } = attachment
    const block = checkInteger('the block of a slot message', message.block, 0, plan.blocks - 1, '')
    const lease = checkInteger('the lease of a slot message', message.lease, 0, LEASE_MASK, '')
    const index = checkInteger('the index of a slot message', message.index, 0, plan.blocks - 1, '')
    this.#cells = cells
    this.#pool = memory.pool
    this.at = memory.cellsOf(block)
    this.#block = block
    this.#lease = lease
    this.index = index
    if (!receive(cells, this.at, lease, threads.thread)) throw this.#notHeld('it was received before, or taken back')
    const { writer, response } = attachment.objectsOf(block)
    this.writer = writer
    this.#response = response
    writer.inUse = false
    if (claimWriter(cells, this.at, attachment.number)) writer.refresh()
    this.#touch()
  }

  /** Makes a pool known to this thread, so that the messages of its slots can be short (`handOff(worker, { isAttached: true })`). */
  static attach<Self extends AtomicClientSlot>(this: AtomicClientSlotClass<Self>, plan: PoolPlan): void {
    this._$ground.attach(plan)
  }

  /**
   * Forgets a pool and the memory that this thread shares with it; slots of it that are still held can be used to the end. Pools that have been closed are also
   * forgotten when the thread attaches to another one.
   */
  static detach<Self extends AtomicClientSlot>(this: AtomicClientSlotClass<Self>, plan: PoolPlan): void {
    this._$ground.detach(checkPlan('plan', plan).id)
  }

  /**
   * The slot of a message that `handOff` made. Throws `SlotReleased` when it was received before or taken back, `NotAttached` when this thread
   * does not know the pool.
   */
  static receive<Self extends AtomicClientSlot>(this: AtomicClientSlotClass<Self>, message: SlotMessage): Self {
    const threads = this._$ground
    return new this({ [MADE]: true, attachment: threads.get(message), message, threads })
  }

  /**
   * Asks the owner to send a request, and resolves with its response: a view of this thread's memory, valid until the next request on this slot or its
   * release. Rejects as `slot.send` of the owner's thread does, with `SlotReleased` when the slot is no longer held, and with `OwnerGone` when
   * the owner does not answer within a second of the limit.
   */
  async send(request: Request, options: AtomicSendOptions = {}): Promise<RestResponse> {
    const { since, end } = this.#begin(request, options)
    const signal = options.signal ?? undefined
    const outcome = await this.#answered(end, signal)
    if (outcome === 'aborted') this.#abort(since, signal)
    else if (outcome === 'late') this.#abandon(TIMED_OUT)
    if (outcome !== 'over' && (await this.#answered(this.#now() + GRACE)) !== 'over') throw this.#ownerGone(since, signal)
    return this.#finish(since, signal)
  }

  /**
   * As {@link AtomicClientSlot.send}, blocking this thread: for workers that have nothing else to do. Throws `InvalidOption` on the thread that
   * owns the sockets, which would wait for itself.
   */
  sendSync(request: Request, options: AtomicSendOptions = {}): RestResponse {
    if (this.#threads.owns(this.#attachment.plan)) {
      throw new UsageError('InvalidOption', 'sendSync would block the thread that owns the sockets: use send there')
    }
    const { answers } = this.#attachment
    const { since, end } = this.#begin(request, options)
    if (!answers.block(this, () => this.#remaining(end))) {
      this.#abandon(TIMED_OUT)
      const last = this.#now() + GRACE
      if (!answers.block(this, () => this.#remaining(last))) throw this.#ownerGone(since)
    }
    return this.#finish(since, options.signal)
  }

  /** Tells the owner that this thread still needs the slot, although it sends nothing: every request does so too. Throws `SlotReleased`. */
  renew(): void {
    if (!this.#isHeld || this.#phase() !== HELD) throw this.#notHeld('it was released, or taken back')
    this.#touch()
  }

  /** Hands the slot on to another thread: post the returned message. Throws `SlotReleased` when the slot is not held, or a request is under way. */
  handOff(worker?: Pick<WorkerLike, 'threadId'>): SlotMessage {
    const thread = worker === undefined ? 0 : checkInteger('threadId of the worker', worker?.threadId, -1, 2 ** 31 - 2, '') + 1
    if (!this.#isHeld || this.#request !== 0 || !passOn(this.#cells, this.at, this.#lease, thread)) {
      throw this.#notHeld('it was released, taken back, or has a request under way')
    }
    this.#end()
    return { ...this.#message, plan: this.#attachment.plan }
  }

  /**
   * Gives the slot back: an atomic step, no message. A request under way is abandoned and the connection replaced. A second call does nothing,
   * and neither does one after the slot was taken away from this thread, or the pool was closed.
   */
  release(): void {
    if (!this.#isHeld) return
    const from = giveBack(this.#cells, this.#pool, this.at, this.#block, this.#lease)
    this.#left = from === SUBMITTED ? 'nothing' : from === SENDING ? 'partly' : 'fully'
    this.#end()
    // A call that waits for the answer ends.
    if (this.#request !== 0) this.#attachment.answers.check()
  }

  /** As `release`. */
  [Symbol.dispose](): void {
    this.release()
  }

  /** How the last exchange went, as the owner has measured it. */
  #timings(): ResponseTimings {
    const { view } = this.#attachment.memory.memory
    const time = (i: number): number => view.getFloat64((this.at + BLOCK_TIMES + 2 * i) * 4, true)
    return { queued: 0, firstByte: time(0), total: time(1), reused: time(2) !== 0, connectionAge: time(3), requests: time(4) }
  }

  #end(): void {
    this.#isHeld = false
    this.#response.expire()
    // Its memory is no longer this thread's.
    this.writer.inUse = true
  }

  #now(): number {
    return this.#attachment.runtime.clock.now()
  }

  #remaining(end: number): number {
    return end === Number.POSITIVE_INFINITY ? end : Math.max(0, end - this.#now())
  }

  #phase(): number {
    return phaseUnder(this.#cells.load(this.at + BLOCK_STATE), this.#lease)
  }

  /** Nothing more to wait for: answered, or the lease is over. @internal */
  isOver(): boolean {
    const phase = this.#phase()
    return phase !== SUBMITTED && phase !== SENDING
  }

  /** Waits for the answer until `end`, or until `signal` is aborted. */
  #answered(end: number, signal?: AbortSignal): Promise<'over' | 'late' | 'aborted'> {
    const { answers, runtime } = this.#attachment
    const { clock } = runtime
    return new Promise((resolve) => {
      let timer: unknown
      const leave = (outcome: 'over' | 'late' | 'aborted'): void => {
        clock.clear(timer)
        signal?.removeEventListener('abort', onAbort)
        resolve(outcome)
      }
      const awaited = { at: this.at, isOver: () => this.isOver(), onOver: () => leave('over') }
      const giveUp = (outcome: 'late' | 'aborted'): void => {
        answers.remove(awaited)
        leave(this.isOver() ? 'over' : outcome)
      }
      const onAbort = (): void => giveUp('aborted')
      const onTimer = (): void => (this.#remaining(end) > 0 ? setTimer() : giveUp('late'))
      // By itself, the wait would not keep this thread alive: it has a timer even without a limit.
      const setTimer = (): void => {
        timer = clock.set(onTimer, Math.min(Math.ceil(this.#remaining(end)), TIMER_MAX))
      }
      setTimer()
      signal?.addEventListener('abort', onAbort, { once: true })
      answers.add(awaited)
    })
  }

  #touch(): void {
    this.#cells.add(this.at + BLOCK_TOUCHED, 1)
  }

  /** HELD to SUBMITTED. */
  #begin(request: Request, options: AtomicSendOptions): { since: number; end: number } {
    const cells = this.#cells
    const attachment = this.#attachment
    const { at, writer } = this
    checkOptions(ATOMIC_SEND_OPTIONS, options)
    const { timeout = attachment.plan.timeout, decompress = attachment.plan.decompress } = options
    const signal = options.signal ?? undefined
    if (signal?.aborted) {
      throw abandonedRequest('RequestAborted', 'the request was aborted before it was sent', NOT_SENT, signal.reason)
    }
    if (!this.#isHeld) throw this.#notHeld('it was released')
    checkRequest(request)
    if (this.#request !== 0) throw this.#notHeld('another request is under way on it')
    if (request.writer !== writer) throw new UsageError('InvalidOption', 'the request must be built with the writer of this slot')
    if (request.isStreaming) throw new UsageError('InvalidOption', 'a streamed body can’t be sent from another thread: build the request whole')
    const { length } = request
    cells.store(at + BLOCK_LENGTH, length)
    cells.store(at + BLOCK_METHOD, Math.max(0, METHODS.indexOf(request.method)))
    cells.store(at + BLOCK_TIMEOUT, timeout)
    cells.store(at + BLOCK_DECOMPRESS, decompress ? 1 : 0)
    this.#decompresses = decompress
    this.#touch()
    this.#response.expire()
    this.#request = submit(cells, this.#pool, at, this.#block, this.#lease)
    if (this.#request === 0) throw this.#lost('nothing')
    writer.inUse = true
    const since = this.#now()
    return { since, end: timeout === 0 ? Number.POSITIVE_INFINITY : since + timeout }
  }

  /** Asks the owner to abandon the request: if the owner has not taken it yet, nothing of it will leave. The owner reports the outcome, as for any other request. */
  #abandon(reason: number): void {
    cancel(this.#cells, this.#pool, this.at, this.#block, this.#request, reason)
  }

  /** Takes the request back, and throws, if the owner has not taken it; otherwise asks the owner to abandon it. */
  #abort(since: number, signal: AbortSignal | undefined): void {
    if (!this.#takeBack()) this.#abandon(ABORTED)
    else throw abandonedRequest('RequestAborted', 'the request was aborted', { ...NOT_SENT, elapsed: this.#now() - since }, signal?.reason)
  }

  /** SUBMITTED to HELD: nothing of the request has left, and nothing will. */
  #takeBack(): boolean {
    if (!unsubmit(this.#cells, this.at, this.#lease)) return false
    this.#request = 0
    this.writer.inUse = false
    return true
  }

  /** ANSWERED to HELD. */
  #finish(since: number, signal: AbortSignal | undefined): RestResponse {
    const cells = this.#cells
    const attachment = this.#attachment
    const block = this.#block
    const { at } = this
    if (!this.#isHeld) {
      const message = 'the slot was released while its request was under way'
      throw abandonedRequest('RequestAborted', message, { requestSent: this.#left, phase: 'first byte', elapsed: this.#now() - since })
    }
    if (!take(cells, at, this.#lease)) throw this.#lost('partly')
    this.#request = 0
    this.writer.inUse = false
    const { memory } = attachment
    const { u8, i32 } = memory.memory
    let failure: RestError | null
    try {
      failure = takeFailure(cells, at, u8, memory.messageOf(block), this.#now() - since)
      if (failure === null) this.#response.receive(i32, u8, memory.responseOf(block))
    } catch (error) {
      cells.store(at + BLOCK_DAMAGED, 1)
      throw new RestError('SharedMemoryCorrupt', (error as Error).message, { fault: 'local', requestSent: 'fully', phase: 'body' })
    }
    if (failure === null) {
      this.#response.timings = this.#timings()
      return this.#decoded(new RestResponse(this.#response), since)
    }
    if (failure.code !== 'RequestAborted' || !signal?.aborted) throw failure
    const { requestSent, phase, elapsed } = failure
    throw abandonedRequest('RequestAborted', 'the request was aborted', { requestSent, phase, elapsed: elapsed ?? 0 }, signal.reason)
  }

  /** Undoes the coding of its body. Throws `ResponseInvalid`; the slot may be used again. */
  #decoded(response: RestResponse, since: number): RestResponse {
    const coding = this.#decompresses ? codingOf(response) : null
    if (coding === null) return response
    const received = this.#response
    try {
      received.decodedBody = decodeBody(this.#attachment.runtime.codec, coding, received.rawBytes, received.maxBodySize)
      return response
    } catch (error) {
      received.expire()
      throw undecodableBody(error, { requestSent: 'fully', phase: 'body', elapsed: this.#now() - since }) ?? error
    }
  }

  /** The lease is over, and the request with it. */
  #lost(requestSent: RequestSent): RestError {
    const cells = this.#cells
    const pool = this.#pool
    this.#end()
    const isClosed = cells.load(pool + POOL_CLOSED) !== 0
    // The owner may not know of it, if the state was damaged.
    if (!isClosed) ring(cells, pool)
    const message = isClosed ? 'the pool was closed' : 'this slot can’t be used: it was taken back'
    const phase = requestSent === 'nothing' ? 'send' : 'first byte'
    return new RestError(isClosed ? 'PoolClosed' : 'SlotReleased', message, { fault: 'local', requestSent, phase })
  }

  /** The owner does not report the outcome of a request that it should abandon. The slot can be released, and the owner takes it back when it runs again. */
  #ownerGone(since: number, signal?: AbortSignal): RestError {
    const outcome = { requestSent: this.#takeBack() ? 'nothing' : 'partly', phase: 'queue', elapsed: this.#now() - since } as const
    if (signal?.aborted) return abandonedRequest('RequestAborted', 'the request was aborted, and its owner is silent', outcome, signal.reason)
    const message = 'the thread that owns the sockets did not answer in time: it is gone, or blocked'
    return new RestError('OwnerGone', message, { ...outcome, fault: 'local' })
  }

  #notHeld(why: string): RestError {
    return new RestError('SlotReleased', `this slot can't be used: ${why}`, { fault: 'local', requestSent: 'nothing', phase: 'send' })
  }
}
