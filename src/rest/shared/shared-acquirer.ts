/** `SharedAcquirer`: slots for threads that do not own the sockets, for the asking. */

import { RestError } from '../../errors.ts'
import { checkTimeout } from '../options.ts'
import type { AtomicClientSlot, Attachments } from './atomic-slot.ts'
import { stayAlive } from './cells.ts'
import { POOL_CLOSED } from './handover.ts'
import type { PoolPlan } from './layout.ts'
import type { SlotMessage } from './messages.ts'
import { abandon, ask, claim, GRANTED, REFUSED, redeem, TICKET_BLOCK, TICKET_INDEX, TICKET_LEASE, TICKET_STATE, TICKETS, WAITING } from './tickets.ts'
import { checkWord, corrupt } from './words.ts'

/** Default of `timeout`, in ms. */
const DEFAULT_TIMEOUT = 30_000

/** Makes a slot of a message: `AtomicClientSlot`. */
export interface SlotReceiver {
  receive(message: SlotMessage): AtomicClientSlot
}

/** The class whose static method was called. */
export interface SharedAcquirerClass<Self extends SharedAcquirer> {
  readonly threads: Attachments
  readonly Slot: SlotReceiver
  new (plan: PoolPlan, threads: Attachments, Slot: SlotReceiver): Self
}

/**
 * Acquires slots of an {@link AtomicClientPool} from any thread, first come, first served.
 *
 * ```ts
 * const acquirer = SharedAcquirer.attach(workerData.plan) // the owner's `pool.plan`
 * const slot = await acquirer.acquire({ timeout: 50 })
 * ```
 *
 * The owner is asked, and hands the slot over: it costs a wake-up of the owner's thread. Where slots can be handed out ahead, do that instead. Tell
 * the pool of its workers (`pool.watch(worker)`), so that a slot that is granted to one that has ended comes back at once.
 */
export class SharedAcquirer {
  /** What an entry point supplies. @internal */
  static readonly threads: Attachments
  /** @internal */
  static readonly Slot: SlotReceiver

  /** @internal */
  constructor(
    private readonly plan: PoolPlan,
    private readonly threads: Attachments,
    private readonly Slot: SlotReceiver,
  ) {}

  /** An acquirer for the pool whose `plan` this is. */
  static attach<Self extends SharedAcquirer>(this: SharedAcquirerClass<Self>, plan: PoolPlan): Self {
    this.threads.attach(plan)
    return new this(plan, this.threads, this.Slot)
  }

  /**
   * Waits for a slot. Rejects with a {@link RestError}: `AcquireTimeout`, `PoolClosed`, or `PoolQueueFull` when 64 threads wait already.
   *
   * @param options `timeout`: ms to wait, 0 for no limit. Default 30,000
   */
  async acquire(options: { timeout?: number | undefined } = {}): Promise<AtomicClientSlot> {
    const wait = this.begin(options)
    const ended = stayAlive(this.threads.of(this.plan).clock)
    try {
      for (let state = wait.state(); state === WAITING; state = wait.state()) {
        if ((await wait.cells.waitAsync(wait.at + TICKET_STATE, state, wait.left())) === 'timed-out' && wait.abandon()) throw wait.timedOut()
      }
    } finally {
      ended()
    }
    return this.end(wait)
  }

  /** As {@link SharedAcquirer.acquire}, blocking this thread: for workers only. */
  acquireSync(options: { timeout?: number | undefined } = {}): AtomicClientSlot {
    const wait = this.begin(options)
    for (let state = wait.state(); state === WAITING; state = wait.state()) {
      if (wait.cells.wait(wait.at + TICKET_STATE, state, wait.left()) === 'timed-out' && wait.abandon()) throw wait.timedOut()
    }
    return this.end(wait)
  }

  private begin(options: { timeout?: number | undefined }): Wait {
    const timeout = checkTimeout('timeout', options.timeout ?? DEFAULT_TIMEOUT)
    const { cells, memory, clock } = this.threads.of(this.plan)
    const isClosed = (): boolean => cells.load(memory.pool + POOL_CLOSED) !== 0
    if (isClosed()) throw closed()
    const ticket = claim(cells, memory.ticketAt, TICKETS, this.threads.thread)
    if (ticket < 0) throw queueFull(`${TICKETS} threads wait for a slot already`)
    const at = memory.ticketAt(ticket)
    ask(cells, memory.pool, at, ticket, this.threads.thread)
    const end = timeout === 0 ? Number.POSITIVE_INFINITY : clock.now() + timeout
    return {
      cells,
      at,
      isClosed,
      abandon: () => abandon(cells, memory.pool, at, ticket),
      state: () => cells.load(at + TICKET_STATE),
      left: () => (end === Number.POSITIVE_INFINITY ? end : Math.max(0, end - clock.now())),
      timedOut: () =>
        new RestError('AcquireTimeout', `no slot became free within ${timeout} ms; nothing was sent`, {
          fault: 'local',
          requestSent: 'nothing',
          phase: 'queue',
          elapsed: timeout,
        }),
    }
  }

  private end({ cells, at, state, isClosed }: Wait): AtomicClientSlot {
    const outcome = state()
    if (outcome === REFUSED) {
      redeem(cells, at)
      throw isClosed() ? closed() : queueFull('the queue of the pool is full (maxQueue)')
    }
    if (outcome !== GRANTED) throw corrupt('the state of a ticket', outcome)
    const message = {
      nexusSlot: this.plan.id,
      block: checkWord('the block on a ticket', cells.load(at + TICKET_BLOCK), 0, this.plan.blocks - 1),
      index: cells.load(at + TICKET_INDEX),
      lease: cells.load(at + TICKET_LEASE),
    }
    redeem(cells, at)
    return this.Slot.receive(message)
  }
}

/** One wait for a slot. */
interface Wait {
  readonly cells: ReturnType<Attachments['of']>['cells']
  readonly at: number
  state(): number
  /** Waits no longer; false when a slot is there. */
  abandon(): boolean
  isClosed(): boolean
  left(): number
  timedOut(): RestError
}

function queueFull(message: string): RestError {
  return new RestError('PoolQueueFull', message, { fault: 'local', requestSent: 'nothing', phase: 'queue' })
}

function closed(): RestError {
  return new RestError('PoolClosed', 'the pool was closed', { fault: 'local', requestSent: 'nothing', phase: 'queue' })
}
