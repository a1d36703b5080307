/** What a thread knows of the pools whose slots it receives: each pool's memory once, and its own objects over it. */

import type { RequestWriter } from '../../codec/http/request-writer.ts'
import { UsageError } from '../../errors.ts'
import { isBag, refused } from '../../option-rules.ts'
import type { ThreadedRuntime } from '../../runtime.ts'
import { Answers } from './answers.ts'
import { SharedCells } from './cells.ts'
import { POOL_CLOSED, POOL_THREADS } from './handover.ts'
import { checkPlan, PoolMemory, type PoolPlan } from './layout.ts'
import type { SlotMessage } from './messages.ts'
import { ReceivedResponse } from './posted-response.ts'

/** A thread's objects over the memory of one block; made when it first holds it. */
export interface BlockObjects {
  readonly writer: RequestWriter
  readonly response: ReceivedResponse
}

/** A pool that this thread has attached to. */
export class Attachment {
  readonly memory: PoolMemory
  readonly cells: SharedCells
  readonly answers: Answers
  /** Distinguishes the threads that use a pool, whatever their runtime calls them. */
  readonly number: number
  private readonly objects: (BlockObjects | undefined)[] = []

  constructor(
    readonly runtime: ThreadedRuntime,
    readonly plan: PoolPlan,
    thread: number,
  ) {
    this.memory = new PoolMemory(plan)
    this.cells = new SharedCells(this.memory.memory.i32)
    const turns = { clock: runtime.clock, immediately: runtime.threads.immediately }
    this.answers = new Answers(this.cells, this.memory.pool, thread, turns, plan.spin)
    this.number = this.cells.add(this.memory.pool + POOL_THREADS, 1) + 1
  }

  get isClosed(): boolean {
    return this.cells.load(this.memory.pool + POOL_CLOSED) !== 0
  }

  /** The objects over a block, which this thread holds. */
  objectsOf(block: number): BlockObjects {
    const { plan, runtime } = this
    let objects = this.objects[block]
    if (objects === undefined) {
      const region = this.memory.regionOf(block)
      const { host, basePath, defaultHeaders, writeBufferCapacity } = plan
      const writer = new runtime.http.RequestWriter(host, { writeBufferCapacity, basePath, defaultHeaders }, region)
      objects = { writer, response: new ReceivedResponse(runtime.codec, plan.reader) }
      this.objects[block] = objects
    }
    return objects
  }
}

/** The pools that a thread knows: each once, however many slots it receives. */
export class Attachments {
  private readonly pools = new Map<string, Attachment>()
  private readonly owned = new Set<string>()

  /** @param thread number of this thread, from 1 */
  constructor(
    private readonly runtime: ThreadedRuntime,
    readonly thread: number,
  ) {}

  /** Makes a pool known. Harmless when it is. Pools that have been closed meanwhile are forgotten. */
  attach(plan: PoolPlan): Attachment {
    checkPlan('plan', plan)
    const known = this.pools.get(plan.id)
    if (known !== undefined) return known
    for (const [id, pool] of this.pools) if (pool.isClosed) this.pools.delete(id)
    const attachment = new Attachment(this.runtime, plan, this.thread)
    this.pools.set(plan.id, attachment)
    return attachment
  }

  /** Forgets a pool, and its memory. Harmless when it is not known. */
  detach(id: string): void {
    this.pools.delete(id)
  }

  /** A pool is made on this thread, which then owns its sockets. */
  own(plan: PoolPlan): void {
    this.owned.add(plan.id)
  }

  /** It has been closed. */
  disown(plan: PoolPlan): void {
    this.owned.delete(plan.id)
    this.detach(plan.id)
  }

  /** Whether this thread owns the sockets of a pool. The thread's number does not tell: several threads can have the same. */
  owns(plan: PoolPlan): boolean {
    return this.owned.has(plan.id)
  }

  /** Throws `NotAttached`. */
  get(message: SlotMessage): Attachment {
    if (!isBag(message) || typeof message.nexusSlot !== 'string') throw refused('message', 'what handOff returned', message)
    if (message.plan !== undefined) this.attach(checkPlan('message.plan', message.plan))
    const attachment = this.pools.get(message.nexusSlot)
    if (attachment !== undefined) return attachment
    throw new UsageError(
      'NotAttached',
      'this thread does not know the pool: call AtomicClientSlot.attach(plan) first, or hand off without isAttached',
    )
  }
}
