/** `ClientPool`: connections that are opened before they are needed, and heal themselves. */

import { pairsOf } from '../codec/http/fields.ts'
import { RESPONSE_READER_OPTIONS } from '../codec/http/limits.ts'
import type { Request as HttpRequest } from '../codec/http/request.ts'
import { targetFault } from '../codec/http/request-builder.ts'
import { type RequestWriter, withoutTrailingSlashes } from '../codec/http/request-writer.ts'
import type { OwnedResponse } from '../codec/http/response.ts'
import { checkMade, MADE, type Made } from '../composition.ts'
import { RestError, UsageError } from '../errors.ts'
import { only, readOptions } from '../option-rules.ts'
import { showsItself } from '../printing.ts'
import type { Address } from '../transport/transport.ts'
import { buildRequest } from './build-request.ts'
import { ClientPoolBuilder } from './builder.ts'
import type { PoolGround } from './connector.ts'
import { type FetchPlace, poolFetch } from './fetch.ts'
import { respond as respondBy } from './fetched-response.ts'
import type { PoolObserver } from './observer.ts'
import {
  ACQUIRE_OPTIONS,
  type AcquireOptions,
  CLOSE_OPTIONS,
  type ClientPoolOptions,
  DEFAULT_TIMEOUT,
  observer as observerRule,
  POOL_OPTIONS,
  type PoolRequestOptions,
  REQUEST_OPTIONS,
  type ResolvedPoolOptions,
  resolvePoolOptions,
  type SendOptions,
} from './options.ts'
import { PoolCore } from './pool-core.ts'
import type { PoolStats } from './pool-stats.ts'
import { type ClientSlot, Slot } from './slot.ts'
import { parseHttpUrl } from './url.ts'

/** The class whose static method was called: an entry point's, or one that its user derived from it. */
export interface ClientPoolClass<Self extends ClientPool> {
  /** @internal */
  readonly _$ground: PoolGround
  new (open: OpenPool): Self
}

/** What a pool is made of. */
export interface OpenPool extends Made {
  /** @internal */
  readonly core: PoolCore
  /** @internal */
  readonly place: PoolPlace
  /** @internal */
  readonly timeout: number
}

/** Where a pool's requests go. */
export interface PoolPlace {
  /** Scheme, host and port: `https://api.example`. */
  readonly origin: string
  /** What is put before each path, without a slash at its end. */
  readonly basePath: string
}

/** What every kind of pool derives from its URL and options before it connects. */
export interface PreparedPool {
  readonly address: Address
  readonly host: string
  readonly place: PoolPlace
  readonly resolved: ResolvedPoolOptions
  readonly defaultHeaders: [name: string, value: string][]
}

/** Checks everything that can be checked without connecting. Throws `InvalidUrl` or `InvalidOption`. @param options that were read by their family */
export function preparePool(url: string | URL, options: ClientPoolOptions): PreparedPool {
  const { address, host, target, authorization } = parseHttpUrl(url)
  if (target.includes('?')) throw new UsageError('InvalidUrl', 'the URL of a pool has no query: give it with each request')
  const resolved = resolvePoolOptions(options)
  const defaultHeaders = pairsOf(options.defaultHeaders, 'defaultHeaders')
  if (authorization !== undefined && !defaultHeaders.some(([name]) => name.toLowerCase() === 'authorization')) {
    defaultHeaders.push(['Authorization', authorization])
  }
  const basePath = withoutTrailingSlashes(options.basePath ?? target)
  return { address, host, place: { origin: `${address.secure ? 'https' : 'http'}://${host}`, basePath }, resolved, defaultHeaders }
}

/**
 * Keep-alive connections to one server.
 *
 * ```ts
 * const pool = await ClientPool.connect('https://api.example/v3', { connections: 4, defaultHeaders: { 'X-Api-Key': key } })
 * using slot = pool.tryAcquire()
 * if (slot !== null) {
 *   const res = await slot.send(slot.writer.post('/order').body(json).finish())
 *   console.log(res.status, res.json())
 * }
 * ```
 */
export class ClientPool {
  static {
    showsItself(this.prototype, (it) => ({ origin: it.origin, ...it.stats }))
  }

  /** @internal */
  static readonly _$ground: PoolGround

  /** @internal */
  readonly _$core: PoolCore
  readonly #place: PoolPlace
  readonly #timeout: number
  /** @internal */
  readonly _$fetching: FetchPlace

  /** For the static methods, and for classes that are derived from this one. */
  constructor(made: OpenPool) {
    const { core, place, timeout } = checkMade(made, new.target, 'connect')
    this._$core = core
    this.#place = place
    this.#timeout = timeout
    const { clock, respond = respondBy } = core.runtime
    this._$fetching = { ...place, timeout, clock, respond, send: (build, options) => this.#run(build, options) }
  }

  /**
   * Opens `connections` connections to the server of `url`, all at the same time. When one fails, the others are closed gracefully
   * and the promise rejects: `InvalidUrl`, `InvalidOption`, a {@link TransportError}, a {@link TlsError}, or the signal's reason. With `lazy` it
   * resolves at once, and the connections are opened in the background: see {@link ClientPool.ready}.
   *
   * @param url `http:` or `https:`; its path is put before each request's, its user and password become Basic credentials
   */
  static async connect<Self extends ClientPool>(this: ClientPoolClass<Self>, url: string | URL, given: ClientPoolOptions = {}): Promise<Self> {
    const ground = this._$ground
    const { RequestWriter, ResponseReader } = ground.runtime.http
    const options = readOptions(POOL_OPTIONS, given)
    const { address, host, place, resolved, defaultHeaders } = preparePool(url, options)
    const { writeBufferCapacity } = options
    const { basePath } = place
    const core = new PoolCore(ground, address, options, resolved, (index, owner) => {
      const writer = new RequestWriter(host, { writeBufferCapacity, basePath, defaultHeaders })
      return new Slot(index, writer, new ResponseReader(only(RESPONSE_READER_OPTIONS, options)), owner)
    })
    await core.connect(options.signal ?? undefined)
    return new this({ [MADE]: true, core, place, timeout: options.timeout ?? DEFAULT_TIMEOUT })
  }

  /** A builder with every option at its default. */
  static builder<Self extends ClientPool>(this: ClientPoolClass<Self> & Pick<typeof ClientPool, 'connect'>): ClientPoolBuilder<Self> {
    return new ClientPoolBuilder<Self>({ connect: (url, options) => this.connect<Self>(url, options) })
  }

  /** Scheme, host and port of the server: `https://api.example`. */
  get origin(): string {
    return this.#place.origin
  }

  /** Slots in all. */
  get size(): number {
    return this._$core.slots.length
  }

  /** Slots that are healthy and free. */
  get available(): number {
    return this.stats.idle
  }

  /** Current counts. */
  get stats(): PoolStats {
    return this._$core.stats
  }

  /** Notifies `observer` of everything from now on. The returned function ends that. */
  observe(observer: PoolObserver): () => void {
    return this._$core.observers.add(observerRule.read('observer', observer))
  }

  /** A healthy free slot, the one last used first; null when there is none, or the pool is closed. Never waits, allocates the handle alone. */
  tryAcquire(): ClientSlot | null {
    return this._$core.take()
  }

  /**
   * Waits for a slot: first come, first served, woken by a release or by a connection that has healed. Rejects with a {@link RestError}:
   * `AcquireTimeout`, `PoolQueueFull`, `PoolClosed`, `RequestAborted`.
   */
  async acquire(options?: AcquireOptions): Promise<ClientSlot> {
    const { timeout = this._$core.options.acquireTimeout, signal } = readOptions(ACQUIRE_OPTIONS, options)
    return this._$core.acquire({ timeout, signal })
  }

  /**
   * Resolves when a connection is open: at once, unless the pool is `lazy` and has none yet, or all were lost. Rejects with a {@link RestError}:
   * `AcquireTimeout`, whose `cause` is why the last attempt failed, `PoolClosed`, `RequestAborted`.
   *
   * ```ts
   * const pool = await ClientPool.connect('https://api.example', { lazy: true }) // the server may still be starting
   * await pool.ready({ timeout: 10_000 })
   * ```
   */
  async ready(options?: AcquireOptions): Promise<void> {
    const { timeout = this._$core.options.acquireTimeout, signal } = readOptions(ACQUIRE_OPTIONS, options)
    return this._$core.ready({ timeout, signal })
  }

  /**
   * Acquires, sends, copies the response out, releases. One `timeout` covers all of it.
   *
   * Rejects as {@link ClientPool.acquire} and `slot.send`, and with an {@link EncodeError} for what can't be sent. `requestSent` says whether
   * the server can have seen the request; with `retryUnsent`, a request that it cannot have seen is sent again.
   *
   * ```ts
   * const res = await pool.request('GET', '/ticker', { query: { symbol: 'BTC-USD' }, timeout: 500 })
   * console.log(res.status, res.json(), res.timings.queued)
   * ```
   */
  request(method: string, path: string, given?: PoolRequestOptions): Promise<OwnedResponse> {
    try {
      const options = readOptions(REQUEST_OPTIONS, given)
      const fault = targetFault(method, this.#place.basePath, path)
      if (fault !== null) throw fault
      return this.#run((writer) => buildRequest(writer, method, path, options), options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Acquires, sends the request that `build` makes, copies the response out, releases. @param options that were judged */
  async #run(build: (writer: RequestWriter) => HttpRequest, options: SendOptions & { retryUnsent?: number | undefined }): Promise<OwnedResponse> {
    const core = this._$core
    const { clock } = core.runtime
    const { timeout = this.#timeout, signal, onInterim, requireVerifiedEnd, decompress } = options
    let retries = options.retryUnsent ?? 0
    const since = clock.now()
    const left = (elapsed: number): number => (timeout === 0 ? 0 : Math.max(1, timeout - elapsed))
    for (;;) {
      const slot = core.take() ?? (await this.#inTime(core.acquire({ timeout: left(clock.now() - since), signal }), timeout))
      try {
        const request = build(slot.writer)
        const queued = clock.now() - since
        const response = await slot.send(request, { timeout: left(queued), signal, onInterim, requireVerifiedEnd, decompress })
        return response._$ownedWith({ ...response.timings, queued })
      } catch (error) {
        const again = retries-- > 0 && error instanceof RestError && error.requestSent === 'nothing' && !signal?.aborted
        if (!again || (timeout !== 0 && clock.now() >= since + timeout)) throw error
      } finally {
        slot.release()
      }
    }
  }

  /**
   * As the global `fetch`, over this pool's connections: resolves to a standard `Response`. A path is relative to the base path, as for
   * {@link ClientPool.request}; a URL must be of the pool's server, and below its base path. Redirects are not followed. Rejects with a `TypeError` whose `cause` is the {@link RestError}, or with the signal's reason.
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    return poolFetch(this._$fetching, input, init)
  }

  /**
   * Ends the pool: no more slots are given, waiting callers are rejected with `PoolClosed`, free connections are closed gracefully now and the others
   * when they are released. Resolves when all are closed.
   *
   * @param options `timeout`: ms after which requests under way are cut; 0, the default, is never. With several calls the earliest limit counts
   */
  close(options?: { timeout?: number | undefined }): Promise<void> {
    const { timeout = 0 } = readOptions(CLOSE_OPTIONS, options)
    return this._$core.close(timeout)
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The wait for a slot, as part of a request that has a limit of its own. */
  async #inTime(waiting: Promise<ClientSlot>, timeout: number): Promise<ClientSlot> {
    try {
      return await waiting
    } catch (error) {
      if (!(error instanceof RestError) || error.code !== 'AcquireTimeout') throw error
      const message = `no slot became free within the ${timeout} ms of the request (timeout); nothing was sent`
      throw new RestError('RequestTimeout', message, { fault: 'local', requestSent: 'nothing', phase: 'queue', elapsed: timeout, cause: error })
    }
  }
}
