/** `SharedAcquirer`: threads that do not own the sockets ask for slots. */

import type { Clock } from '../../clock.ts'
import { checkMade, MADE, type Made } from '../../composition.ts'
import { RestError, UsageError } from '../../errors.ts'
import { checkOptions, type Family, signal, timeLimit } from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'
import { type AtomicClientSlot, GRACE } from './atomic-slot.ts'
import type { Attachment, Attachments } from './attachments.ts'
import { type SharedCells, stayAlive } from './cells.ts'
import { POOL_CLOSED } from './handover.ts'
import type { PoolMemory, PoolPlan } from './layout.ts'
import type { SlotMessage } from './messages.ts'
import {
  ABANDONED,
  abandon,
  ask,
  claim,
  GRANTED,
  REFUSED,
  redeem,
  TICKET_BLOCK,
  TICKET_INDEX,
  TICKET_LEASE,
  TICKET_STATE,
  TICKETS,
  ticketState,
  WAITING,
} from './tickets.ts'
import { checkWord, corrupt } from './words.ts'

/** Default of `timeout`, in ms. */
const DEFAULT_TIMEOUT = 30_000

/** Options of {@link SharedAcquirer.acquire}. */
export interface SharedAcquireOptions {
  /** Milliseconds to wait, 0 to 2^31 - 1; 0 is no limit. Default 30,000. */
  timeout?: number | undefined
  /** Ends the wait, with `RequestAborted`. In `acquireSync` it only counts if it was aborted before: a thread that blocks receives no events. */
  signal?: AbortSignal | undefined
}

/** What they may be. */
export const SHARED_ACQUIRE_OPTIONS: Family<SharedAcquireOptions> = { timeout: timeLimit(DEFAULT_TIMEOUT), signal }

/** Turns a message into a slot: `AtomicClientSlot`. */
export interface SlotReceiver {
  receive(message: SlotMessage): AtomicClientSlot
}

/** The class whose static method was called. */
export interface SharedAcquirerClass<Self extends SharedAcquirer> {
  /** @internal */
  readonly _$ground: AcquirerGround
  new (attached: AttachedAcquirer): Self
}

/** What acquirers stand on. */
export interface AcquirerGround {
  readonly threads: Attachments
  readonly Slot: SlotReceiver
}

/** What an acquirer is made of. */
export interface AttachedAcquirer extends Made {
  /** @internal */
  readonly attachment: Attachment
  /** @internal */
  readonly threads: Attachments
  /** @internal */
  readonly Slot: SlotReceiver
}

/**
 * Acquires slots of an {@link AtomicClientPool} from any thread, first come, first served.
 *
 * ```ts
 * const acquirer = SharedAcquirer.attach(workerData.plan) // the owner's `pool.plan`
 * const slot = await acquirer.acquire({ timeout: 50 })
 * ```
 *
 * It asks the owner, which hands the slot over: this costs a wake-up of the owner's thread. Where slots can be handed out ahead of time, do that instead.
 * Register the workers with the pool (`pool.watch(worker)`), so that a slot that is granted to a worker that has ended returns at once.
 */
export class SharedAcquirer {
  static {
    showsItself(this.prototype, (it) => ({ pool: it.#attachment.plan.id }))
  }

  /** @internal */
  static readonly _$ground: AcquirerGround

  /** Its own: the thread may have forgotten the pool since. */
  readonly #attachment: Attachment
  readonly #threads: Attachments
  readonly #Slot: SlotReceiver

  /** For the static methods, and for classes that are derived from this one. */
  constructor(made: AttachedAcquirer) {
    const { attachment, threads, Slot } = checkMade(made, new.target, 'attach')
    this.#attachment = attachment
    this.#threads = threads
    this.#Slot = Slot
  }

  /** An acquirer for the pool whose `plan` this is. */
  static attach<Self extends SharedAcquirer>(this: SharedAcquirerClass<Self>, plan: PoolPlan): Self {
    const { threads, Slot } = this._$ground
    return new this({ [MADE]: true, attachment: threads.attach(plan), threads, Slot })
  }

  /**
   * Waits for a slot. Rejects with a {@link RestError}: `AcquireTimeout`, `RequestAborted`, `PoolClosed`, `PoolQueueFull` when 64 threads wait already, and
   * `OwnerGone` when the owner does not answer within a second of the limit.
   */
  async acquire(options: SharedAcquireOptions = {}): Promise<AtomicClientSlot> {
    const wait = this.#begin(options)
    const signal = options.signal ?? undefined
    const ended = stayAlive(this.#attachment.runtime.clock)
    let onAbort = (): void => {}
    const aborted = new Promise<'aborted'>((resolve) => {
      onAbort = () => resolve('aborted')
      signal?.addEventListener('abort', onAbort, { once: true })
    })
    try {
      while (wait.isWaiting()) {
        const outcome = await Promise.race([wait.change(wait.left()), aborted])
        if (outcome === 'aborted' && wait.abandon()) throw waitAborted(signal?.reason, wait.elapsed())
        if (outcome !== 'timed-out' || !wait.abandon()) continue
        if ((await wait.change(GRACE)) === 'timed-out' && wait.isAbandoned()) throw ownerGone(wait.elapsed())
        throw wait.timedOut()
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      ended()
    }
    return this.#end(wait)
  }

  /** As {@link SharedAcquirer.acquire}, blocking this thread: for workers only. Throws `InvalidOption` on the thread that owns the sockets. */
  acquireSync(options: SharedAcquireOptions = {}): AtomicClientSlot {
    if (this.#threads.owns(this.#attachment.plan)) {
      throw new UsageError('InvalidOption', 'acquireSync would block the thread that owns the sockets: use acquire there')
    }
    const wait = this.#begin(options)
    while (wait.isWaiting()) {
      if (wait.block(wait.left()) !== 'timed-out' || !wait.abandon()) continue
      if (wait.block(GRACE) === 'timed-out' && wait.isAbandoned()) throw ownerGone(wait.elapsed())
      throw wait.timedOut()
    }
    return this.#end(wait)
  }

  #begin(options: SharedAcquireOptions): Wait {
    checkOptions(SHARED_ACQUIRE_OPTIONS, options)
    const { timeout = DEFAULT_TIMEOUT, signal } = options
    if (signal?.aborted) throw waitAborted(signal.reason, 0)
    const { cells, memory, runtime } = this.#attachment
    if (cells.load(memory.pool + POOL_CLOSED) !== 0) throw closed()
    const { thread } = this.#threads
    const ticket = claim(cells, memory.ticketAt, TICKETS, thread)
    if (ticket < 0) throw queueFull(`${TICKETS} threads wait for a slot already`)
    const at = memory.ticketAt(ticket)
    const number = ask(cells, memory.pool, at, ticket, thread)
    return new Wait(cells, memory, runtime.clock, ticket, at, number, timeout)
  }

  #end(wait: Wait): AtomicClientSlot {
    const { cells, at, number } = wait
    const { plan } = this.#attachment
    const state = cells.load(at + TICKET_STATE)
    if (state === ticketState(number, GRANTED)) {
      const block = cells.load(at + TICKET_BLOCK)
      const index = cells.load(at + TICKET_INDEX)
      const lease = cells.load(at + TICKET_LEASE)
      // Read before: from here on the ticket may be another thread's.
      if (redeem(cells, at, number, GRANTED)) {
        checkWord('the block on a ticket', block, 0, plan.blocks - 1)
        return this.#Slot.receive({ nexusSlot: plan.id, plan, block, index, lease })
      }
    }
    if (state === ticketState(number, REFUSED)) {
      redeem(cells, at, number, REFUSED)
      throw wait.isClosed() ? closed() : queueFull('the queue of the pool is full (maxQueue)')
    }
    throw wait.isClosed() ? closed() : corrupt('the state of a ticket', state)
  }
}

/** One wait for a slot. */
class Wait {
  private readonly since: number

  constructor(
    readonly cells: SharedCells,
    private readonly memory: PoolMemory,
    private readonly clock: Clock,
    private readonly ticket: number,
    readonly at: number,
    readonly number: number,
    private readonly timeout: number,
  ) {
    this.since = clock.now()
  }

  isWaiting(): boolean {
    return this.cells.load(this.at + TICKET_STATE) === ticketState(this.number, WAITING)
  }

  /** The thread has stopped waiting, and the owner has not seen that yet. */
  isAbandoned(): boolean {
    return this.cells.load(this.at + TICKET_STATE) === ticketState(this.number, ABANDONED)
  }

  /** Stops waiting; false when a slot was granted. */
  abandon(): boolean {
    return abandon(this.cells, this.memory.pool, this.at, this.ticket, this.number)
  }

  /** Resolves when the ticket's state may have changed, or after `limit` ms: at once when that is 0. */
  async change(limit: number): Promise<'ok' | 'not-equal' | 'timed-out'> {
    return this.cells.waitAsync(this.at + TICKET_STATE, this.cells.load(this.at + TICKET_STATE), limit)
  }

  block(limit: number): 'ok' | 'timed-out' | 'not-equal' {
    return this.cells.wait(this.at + TICKET_STATE, this.cells.load(this.at + TICKET_STATE), limit)
  }

  isClosed(): boolean {
    return this.cells.load(this.memory.pool + POOL_CLOSED) !== 0
  }

  elapsed(): number {
    return this.clock.now() - this.since
  }

  left(): number {
    return this.timeout === 0 ? Number.POSITIVE_INFINITY : Math.max(0, this.timeout - this.elapsed())
  }

  timedOut(): RestError {
    const message = `no slot became free within ${this.timeout} ms; nothing was sent`
    return new RestError('AcquireTimeout', message, { ...QUEUED, elapsed: this.timeout })
  }
}

const QUEUED = { fault: 'local', requestSent: 'nothing', phase: 'queue' } as const

function queueFull(message: string): RestError {
  return new RestError('PoolQueueFull', message, QUEUED)
}

function closed(): RestError {
  return new RestError('PoolClosed', 'the pool was closed', QUEUED)
}

function waitAborted(cause: unknown, elapsed: number): RestError {
  return new RestError('RequestAborted', 'waiting for a slot was aborted; nothing was sent', { ...QUEUED, elapsed, cause })
}

function ownerGone(elapsed: number): RestError {
  const message = 'the thread that owns the sockets did not answer in time: it is gone, or blocked; nothing was sent'
  return new RestError('OwnerGone', message, { ...QUEUED, elapsed })
}
