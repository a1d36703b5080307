/** `AtomicClientPool`: a {@link ClientPool} whose slots any thread may hold and return. */

import { responseLimits } from '../../codec/http/limits.ts'
import { MADE } from '../../composition.ts'
import { UsageError } from '../../errors.ts'
import { checkInteger, type Family, integer, readOptions } from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'
import type { ThreadedRuntime } from '../../runtime.ts'
import type { ClientPoolBuilder } from '../builder.ts'
import { type ClientPool, type OpenPool, preparePool } from '../client-pool.ts'
import type { HttpConnection, HttpConnectionClass } from '../connection.ts'
import { type AcquireOptions, type ClientPoolOptions, DEFAULT_TIMEOUT, POOL_OPTIONS } from '../options.ts'
import { PoolCore } from '../pool-core.ts'
import type { SlotOwner } from '../slot.ts'
import type { Attachments } from './attachments.ts'
import { PoolMemory, type PoolPlan, pagesOf, planBytes } from './layout.ts'
import { type OwnedSlot, RemoteSlots, SharedSlot, type WorkerLike } from './remote-slots.ts'

/** Options of an {@link AtomicClientPool}. */
export interface AtomicClientPoolOptions extends ClientPoolOptions {
  /**
   * Blocks of memory in addition to those of the slots, 0 to 10,000: one is used up when a slot is taken from a thread that may still run, because it did
   * nothing for `leakTimeout`. Default: as many as `connections`. Memory that is not touched costs nothing.
   */
  spareBlocks?: number | undefined
  /**
   * Microseconds that a thread polls before it sleeps, 0 to 10,000: a worker for its answer, the owner for the request that often follows an
   * answer. Waking a thread costs tens of µs, and a thread that polls need not be woken; but it keeps a core busy. After polling in vain, the thread
   * polls less and less often. Use 0 where threads outnumber cores. Default 100.
   */
  spin?: number | undefined
}

const DEFAULT_SPIN = 100

/** What they may be. */
export const ATOMIC_POOL_OPTIONS: Family<AtomicClientPoolOptions> = {
  ...POOL_OPTIONS,
  spareBlocks: integer(0, 10_000, 'blocks'),
  spin: integer(0, 10_000, 'µs', DEFAULT_SPIN),
}

const DEFAULT_CAPACITY = 64 * 1024
const DEFAULT_MAX_HEAD = 16 * 1024
const DEFAULT_WRITE_CAPACITY = 32 * 1024
/** 2 GiB less a page: addresses are signed words on their way through shared memory. */
const MOST_PAGES = 32_767

/**
 * Keep-alive connections to one server, whose slots threads share: this thread owns the sockets and acquires; any thread may hold a slot, send on
 * it, and give it back with one atomic step.
 *
 * ```ts
 * const pool = await AtomicClientPool.connect('https://api.example', { connections: 8 })
 * const slot = await pool.acquire()
 * worker.postMessage(slot.handOff(worker))
 * ```
 *
 * A whole response must fit `capacity` (default 64 KiB): its body may have `capacity` less `maxHeadSize` bytes, and fails with `BodyTooLarge` beyond.
 */
export interface AtomicClientPool extends ClientPool {
  /** What a thread needs to attach: post it once, then hand slots off with `isAttached`. */
  readonly plan: PoolPlan
  tryAcquire(): OwnedSlot | null
  acquire(options?: AcquireOptions): Promise<OwnedSlot>
  /**
   * Takes back every slot that `worker` holds at once when it exits, throws or is terminated. `handOff(worker)` does so by itself; call this for
   * workers that acquire through a `SharedAcquirer`, or get their slots from other workers.
   */
  watch(worker: WorkerLike): void
  /** As `ClientPool.close`; slots that other threads hold count as in use. Calls of those threads fail with `PoolClosed`. */
  close(options?: { timeout?: number | undefined }): Promise<void>
}

/** What such a pool is made of. */
export interface OpenAtomicPool extends OpenPool {
  /** @internal */
  readonly plan: PoolPlan
  /** @internal */
  readonly remote: RemoteSlots
}

/** The class of {@link AtomicClientPool}: one that derives from the `ClientPool` of its runtime. */
export interface AtomicClientPoolClass {
  readonly prototype: AtomicClientPool
  new (open: OpenAtomicPool): AtomicClientPool
  /** As `ClientPool.connect`, with slots in shared memory. Throws `OptionUnsupported` where threads can't share memory. */
  connect<Self extends AtomicClientPool>(
    this: new (
      open: OpenAtomicPool,
    ) => Self,
    url: string | URL,
    options?: AtomicClientPoolOptions,
  ): Promise<Self>
  /** A builder with every option at its default. */
  builder<Self extends AtomicClientPool>(this: (new (open: OpenAtomicPool) => Self) & Pick<AtomicClientPoolClass, 'connect'>): ClientPoolBuilder<Self>
}

/** What such pools stand on. */
export interface AtomicPoolGround {
  readonly runtime: ThreadedRuntime
  readonly HttpConnection: HttpConnectionClass<HttpConnection>
  readonly threads: Attachments
}

/** The class over the `ClientPool` of the same runtime. */
export function atomicClientPool(Pool: typeof ClientPool, ground: AtomicPoolGround): AtomicClientPoolClass {
  const { threads } = ground
  class AtomicClientPool extends Pool {
    readonly plan: PoolPlan
    readonly #remote: RemoteSlots

    constructor(made: OpenAtomicPool) {
      super(made)
      this.plan = made.plan
      this.#remote = made.remote
    }

    static override async connect<Self extends ClientPool>(
      this: new (
        open: OpenAtomicPool,
      ) => Self,
      url: string | URL,
      given: AtomicClientPoolOptions = {},
    ): Promise<Self> {
      const open = await openAtomicPool(ground, url, given)
      threads.own(open.plan)
      return new this(open)
    }

    override tryAcquire(): OwnedSlot | null {
      return this._$core.take() as OwnedSlot | null
    }

    override acquire(options?: AcquireOptions): Promise<OwnedSlot> {
      return super.acquire(options) as Promise<OwnedSlot>
    }

    watch(worker: WorkerLike): void {
      this.#remote.watch(worker)
    }

    override async close(options: { timeout?: number | undefined } = {}): Promise<void> {
      const closing = super.close(options)
      this.#remote.beginClose()
      await closing
      this.#remote.close()
      threads.disown(this.plan)
    }
  }
  // Minifiers drop the name of a class that nothing refers to by it.
  return Object.defineProperty(AtomicClientPool, 'name', { value: 'AtomicClientPool', configurable: true })
}

async function openAtomicPool(ground: AtomicPoolGround, url: string | URL, given: AtomicClientPoolOptions): Promise<OpenAtomicPool> {
  const { runtime } = ground
  const { RequestWriter, ResponseReader } = runtime.http
  const options = readOptions(ATOMIC_POOL_OPTIONS, given)
  const { address, host, place, resolved, defaultHeaders } = preparePool(url, options)
  if (typeof SharedArrayBuffer === 'undefined') {
    throw new UsageError('OptionUnsupported', 'threads cannot share memory on this runtime: use ClientPool')
  }
  const timeout = options.timeout ?? DEFAULT_TIMEOUT
  const { connections } = resolved
  const spare = options.spareBlocks ?? connections
  const reader = readerOptions(options)
  const writer = { writeBufferCapacity: options.writeBufferCapacity ?? DEFAULT_WRITE_CAPACITY, basePath: place.basePath, defaultHeaders }
  const blocks = connections + spare
  const plan: PoolPlan = {
    id: poolId(),
    memory: sharedMemory(planBytes(blocks, writer, reader), blocks),
    module: runtime.threads.sharedModule(),
    blocks,
    host,
    ...writer,
    reader,
    timeout,
    decompress: options.decompress ?? false,
    spin: (options.spin ?? DEFAULT_SPIN) / 1000,
  }
  // It has the default fields in it, whose values may be secrets.
  showsItself(plan, (it) => ({ id: it.id, blocks: it.blocks }))
  const memory = new PoolMemory(plan)
  const remote = new RemoteSlots(memory, plan, { clock: runtime.clock, immediately: runtime.threads.immediately })
  const makeSlot = (index: number, owner: SlotOwner): SharedSlot => {
    return new SharedSlot(index, new RequestWriter(host, writer), new ResponseReader(reader), owner, remote)
  }
  const core = new PoolCore(ground, address, options, resolved, makeSlot, remote)
  try {
    await core.connect(options.signal ?? undefined)
  } catch (error) {
    remote.close()
    throw error
  }
  return { [MADE]: true, core, place, timeout, plan, remote }
}

/** A whole response has to lie in the slot's memory, where every thread can see it. */
function readerOptions(options: AtomicClientPoolOptions): PoolPlan['reader'] {
  const { capacity = DEFAULT_CAPACITY } = options
  const { maxHeadSize = Math.min(DEFAULT_MAX_HEAD, capacity >> 1) } = options
  const { maxHead, maxHeaders, maxTrailer, maxExtension } = responseLimits({ ...options, capacity, maxHeadSize })
  const most = capacity - maxHead
  return {
    capacity,
    maxHeadSize: maxHead,
    maxHeaders,
    maxBodySize: checkInteger('maxBodySize', options.maxBodySize ?? most, 0, most, 'bytes (capacity less maxHeadSize)'),
    maxTrailerSize: maxTrailer,
    maxChunkExtension: maxExtension,
  }
}

/** Throws `InvalidOption` when a process can't have that much memory. */
function sharedMemory(bytes: number, blocks: number): WebAssembly.Memory {
  const pages = pagesOf(bytes)
  let cause: unknown
  try {
    if (pages <= MOST_PAGES) return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  } catch (error) {
    cause = error
  }
  const message =
    `connections and spareBlocks make ${blocks} blocks of memory, which with this capacity and writeBufferCapacity are ${Math.ceil(bytes / 2 ** 20)} MiB, ` +
    'more than one shared memory can have: choose fewer or smaller ones'
  throw new UsageError('InvalidOption', message, cause === undefined ? undefined : { cause })
}

/** Distinguishes the pools of a process, whichever thread made them. */
function poolId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
