/** Dispatchers of undici's over pools: what its `request`, `fetch`, `stream`, `pipeline` and `compose` ask of one, and the global `fetch` of Node.js. */

import { EventEmitter } from 'node:events'
import { type Family, integer, readOptions, rule, timeLimit, withDefaults } from '../../option-rules.ts'
import { Alarm } from '../../rest/alarm.ts'
import type { ClientPool } from '../../rest/client-pool.ts'
import type { ClientPoolOptions } from '../../rest/options.ts'
import type { ClientSlot } from '../../rest/slot.ts'
import type { StreamedResponse } from '../../rest/streamed-response.ts'
import { type Lease, Agent as Origins } from '../agent.ts'
import { type CreateFetchOptions, FETCH_OPTIONS } from '../create-fetch.ts'
import { bridge, Call, type DispatchHandler } from './undici-call.ts'
import { errorOfUndici, undiciError } from './undici-errors.ts'
import { buildRequest, type DispatchOptions, type ReadRequest, readRequest } from './undici-request.ts'

type Callback = (error: unknown, data: null) => void
/** Sends a request; its handler receives what becomes of it. */
export type Dispatch = (options: DispatchOptions, handler: DispatchHandler) => boolean
/** As undici's interceptors: a dispatch around another one. */
export type Interceptor = (dispatch: Dispatch) => Dispatch

/** Any dispatcher, also of undici's. */
export interface AnyDispatcher {
  // biome-ignore lint/suspicious/noExplicitAny: each version of undici has types of its own for them
  dispatch(options: any, handler: any): unknown
}

/** Options of every dispatcher here. */
export interface DispatcherOptions {
  /** Milliseconds from sending until the head of the response, 0 to 2^31 - 1; 0 is no limit. Default 300,000. */
  headersTimeout?: number | undefined
  /** Milliseconds between two pieces of a body, 0 to 2^31 - 1; 0 is no limit. Default 300,000. */
  bodyTimeout?: number | undefined
  /** Gets what goes over no pool: `CONNECT`, and requests with `upgrade`, such as those of Node's `WebSocket`. Default: the global dispatcher at this time. */
  fallback?: AnyDispatcher | undefined
}

/** Options of an {@link Agent}: its pools' as well. */
export interface AgentOptions extends DispatcherOptions, Omit<CreateFetchOptions, 'timeout'> {}

const OF_DISPATCHER: Family<DispatcherOptions> = {
  headersTimeout: timeLimit(300_000),
  bodyTimeout: timeLimit(300_000),
  fallback: rule('a dispatcher of undici', (value) => typeof (value as AnyDispatcher | null)?.dispatch === 'function'),
}
const { timeout: _, ...OF_POOLS } = FETCH_OPTIONS
/** undici knows no limit where the others of these pools have one: neither for streamed bodies nor for the line that waits for a connection. */
const OF_AGENT: Family<AgentOptions> = {
  ...OF_POOLS,
  ...OF_DISPATCHER,
  maxBodySize: { ...OF_POOLS.maxBodySize, fallback: Number.POSITIVE_INFINITY },
  acquireTimeout: timeLimit(0),
  maxQueue: integer(0, 2 ** 31 - 1, 'callers', 2 ** 31 - 1),
}

/** Where dispatchers are global: of undici 6 and the Node.js that contains it, and of later ones. */
const GLOBAL = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')] as const
type Globals = Partial<Record<symbol, AnyDispatcher>>

/** How often deadlines are looked at, at least: a timer for a later one would keep the process alive. */
const WATCH = 1_000

/** What every dispatcher has. */
export abstract class Dispatcher extends EventEmitter {
  /** Sends a request; `handler` gets its events, of either of undici's interfaces. Returns true: nobody has to wait for `drain`. */
  abstract dispatch(options: DispatchOptions, handler: DispatchHandler): boolean

  /** Takes no more requests; resolves when those under way are over and the connections closed. */
  abstract close(): Promise<void>
  abstract close(callback: Callback): void

  /** Ends the requests under way with `error`, by default a `ClientDestroyedError`, and closes the connections. */
  abstract destroy(error?: unknown): Promise<void>
  abstract destroy(error: unknown, callback: Callback): void
  abstract destroy(callback: Callback): void

  /** This dispatcher behind interceptors, of undici's or your own; the last one is the outermost. */
  compose(...interceptors: (Interceptor | null | undefined)[] | [readonly (Interceptor | null | undefined)[]]): Dispatcher {
    let dispatch: Dispatch = (options, handler) => this.dispatch(options, handler)
    for (const interceptor of interceptors.flat() as (Interceptor | null | undefined)[]) {
      if (interceptor === null || interceptor === undefined) continue
      if (typeof interceptor !== 'function') throw new TypeError(`invalid interceptor, expected function received ${typeof interceptor}`)
      const outer = interceptor(dispatch)
      if (typeof outer !== 'function' || outer.length !== 2) throw new TypeError('invalid interceptor')
      dispatch = (options, handler) => outer(options, bridge(handler))
    }
    return new Composed(this, dispatch)
  }
}

class Composed extends Dispatcher {
  readonly #inner: Dispatcher
  readonly #dispatch: Dispatch

  constructor(inner: Dispatcher, dispatch: Dispatch) {
    super()
    this.#inner = inner
    this.#dispatch = dispatch
  }

  dispatch(options: DispatchOptions, handler: DispatchHandler): boolean {
    return this.#dispatch(options, handler)
  }

  close(callback?: Callback): Promise<void> {
    return this.#inner.close(callback as Callback) as unknown as Promise<void>
  }

  destroy(...args: unknown[]): Promise<void> {
    return this.#inner.destroy(...(args as [unknown]))
  }
}

interface Limits {
  readonly head: number
  readonly body: number
}

/** Those that wait for a connection of one pool. */
interface Line {
  readonly controller: AbortController
  /** Nobody waits any more, or they have failed. */
  stop(): void
  length: number
}

/** A dispatcher whose requests go over pools. */
abstract class PooledDispatcher extends Dispatcher {
  readonly #calls = new Set<Call>()
  /** Of pools that somebody waits for. */
  readonly #lines = new Map<ClientPool, Line>()
  readonly #options: Required<DispatcherOptions>
  readonly #fallbacks: readonly (AnyDispatcher | undefined)[]
  readonly #alarm: Alarm
  readonly #now: () => number
  #isClosed = false
  #isDestroyed = false
  #closing: Promise<void> | null = null
  #onIdle: (() => void) | null = null

  constructor(Pool: Pick<typeof ClientPool, '_$ground'>, options: DispatcherOptions) {
    super()
    const { clock } = Pool._$ground.runtime
    this.#options = withDefaults(OF_DISPATCHER, options) as Required<DispatcherOptions>
    const { fallback } = options
    // Node.js has its own in place as soon as one of its classes is used.
    void globalThis.Headers
    this.#fallbacks =
      fallback === undefined
        ? GLOBAL.map((symbol, i) => {
            const before = (globalThis as Globals)[symbol]
            return before instanceof PooledDispatcher ? before.#fallbacks[i] : before
          })
        : [fallback]
    this.#now = () => clock.now()
    this.#alarm = new Alarm(clock, () => this.#watch())
  }

  /** `close` or `destroy` was called. */
  get closed(): boolean {
    return this.#isClosed
  }

  /** `destroy` was called, or `close` is complete. */
  get destroyed(): boolean {
    return this.#isDestroyed
  }

  /** Limits of WebSockets that have this as their dispatcher, which the fallback carries. */
  get webSocketOptions(): unknown {
    return (this.#fallbacks.find((each) => each !== undefined) as { webSocketOptions?: unknown } | undefined)?.webSocketOptions
  }

  dispatch(options: DispatchOptions, handler: DispatchHandler): boolean {
    if (typeof handler !== 'object' || handler === null) throw undiciError('InvalidArgumentError', 'handler must be an object')
    const call = new Call(handler, () => this.#over(call))
    try {
      if (typeof options !== 'object' || options === null) throw undiciError('InvalidArgumentError', 'opts must be an object.')
      if (this.#isDestroyed) throw undiciError('ClientDestroyedError')
      if (this.#isClosed) throw undiciError('ClientClosedError')
      if (options.upgrade || options.method === 'CONNECT') return this.#pass(options, handler, call.isOld)
      const request = readRequest(options, this.origin)
      const limits = { head: this.#limit(options, 'headersTimeout'), body: this.#limit(options, 'bodyTimeout') }
      this.#calls.add(call)
      call.start()
      if (!call.isOver) void this.#run(call, request, limits)
    } catch (error) {
      call.fail(errorOfUndici(error))
    }
    return true
  }

  close(): Promise<void>
  close(callback: Callback): void
  close(callback?: Callback): Promise<void> | void {
    if (this.#isDestroyed && this.#closing === null) return settle(Promise.reject(undiciError('ClientDestroyedError')), callback)
    this.#isClosed = true
    this.#closing ??= this.#idle().then(() => this.#end())
    return settle(this.#closing, callback)
  }

  destroy(error?: unknown): Promise<void>
  destroy(error: unknown, callback: Callback): void
  destroy(callback: Callback): void
  destroy(error?: unknown, callback?: Callback): Promise<void> | void {
    if (typeof error === 'function') return this.destroy(null, error as Callback)
    this.#isClosed = true
    this.#isDestroyed = true
    for (const call of [...this.#calls]) call.fail(error ?? undiciError('ClientDestroyedError'))
    this.#closing ??= this.#end()
    return settle(this.#closing, callback)
  }

  /** The one origin that it serves; null when it serves any. */
  protected abstract readonly origin: string | null

  protected abstract lease(origin: string): Lease | Promise<Lease>

  /** All requests are over. */
  protected abstract end(): Promise<void>

  #pass(options: DispatchOptions, handler: DispatchHandler, isOld: boolean): boolean {
    const [old, current] = this.#fallbacks
    const fallback = isOld ? (old ?? current) : (current ?? old)
    if (fallback === undefined) throw undiciError('NotSupportedError', 'CONNECT and upgrade need a fallback: a dispatcher of undici')
    return fallback.dispatch(options, handler) !== false
  }

  async #run(call: Call, request: ReadRequest, limits: Limits): Promise<void> {
    try {
      const lease = await this.lease(request.origin)
      try {
        if (!call.isOver) await this.#exchange(call, request, limits, lease.pool)
      } finally {
        lease.done()
      }
    } catch (error) {
      call.fail(call.isLate ? undiciError(call.waitsFor, undefined, error) : errorOfUndici(error))
    }
  }

  async #exchange(call: Call, request: ReadRequest, limits: Limits, pool: ClientPool): Promise<void> {
    const slot = pool.tryAcquire() ?? (await this.#wait(pool))
    if (call.isOver) return slot.release()
    call.onCut = () => slot.release()
    try {
      const built = buildRequest(slot.writer, request)
      this.#expect(call, 'HeadersTimeoutError', limits.head)
      const sending = slot.sendStreaming(built, {
        timeout: 0,
        decompress: false,
        onInterim: ({ status, headers, reason }) => call.head(status, headers, reason),
      })
      const response = await sending
      if (call.isOver) return
      const { head } = response
      call.head(head.status, head.headers(), head.reason)
      await this.#body(call, response, limits.body)
      if (call.isOver) return
      const trailers = head.trailers()
      call.onCut = null
      if (request.reset) slot.connection?.destroy()
      slot.release()
      call.end(trailers)
    } finally {
      slot.release()
    }
  }

  /** In the line. When there is no connection, and none can be made, all that wait in it fail. */
  async #wait(pool: ClientPool): Promise<ClientSlot> {
    const line = this.#lines.get(pool) ?? this.#lineOf(pool)
    line.length++
    const { signal } = line.controller
    try {
      return await pool.acquire({ signal })
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    } finally {
      if (--line.length === 0) line.stop()
    }
  }

  #lineOf(pool: ClientPool): Line {
    const controller = new AbortController()
    const end = pool.observe({
      onAttemptFailed: ({ error }) => {
        const { idle, leased } = pool.stats
        if (idle + leased > 0) return
        line.stop()
        controller.abort(error)
      },
    })
    const stop = (): void => {
      end()
      if (this.#lines.get(pool) === line) this.#lines.delete(pool)
    }
    const line: Line = { controller, stop, length: 0 }
    this.#lines.set(pool, line)
    return line
  }

  async #body(call: Call, response: StreamedResponse, limit: number): Promise<void> {
    while (!call.isOver) {
      if (call.paused) {
        call.due = Number.POSITIVE_INFINITY
        await call.whilePaused()
        continue
      }
      this.#expect(call, 'BodyTimeoutError', limit)
      const piece = await response.read()
      if (piece === null || call.isOver) return
      call.data(piece)
    }
  }

  #limit(options: DispatchOptions, name: 'headersTimeout' | 'bodyTimeout'): number {
    const given = options[name] ?? (this.#options[name] as number)
    if (!Number.isFinite(given) || given < 0) throw undiciError('InvalidArgumentError', `invalid ${name}`)
    return given
  }

  #expect(call: Call, what: Call['waitsFor'], limit: number): void {
    call.waitsFor = what
    if (limit === 0) {
      call.due = Number.POSITIVE_INFINITY
      return
    }
    const now = this.#now()
    call.due = now + limit
    this.#alarm.setAtLatest(Math.min(call.due, now + WATCH))
  }

  #watch(): void {
    const now = this.#now()
    let next = Number.POSITIVE_INFINITY
    for (const call of this.#calls) {
      if (call.due <= now) call.cut(true)
      else next = Math.min(next, call.due)
    }
    if (next !== Number.POSITIVE_INFINITY) this.#alarm.set(Math.min(next, now + WATCH))
  }

  #over(call: Call): void {
    this.#calls.delete(call)
    if (this.#calls.size === 0) this.#onIdle?.()
  }

  #idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle = resolve
      if (this.#calls.size === 0) resolve()
    })
  }

  async #end(): Promise<void> {
    this.#alarm.stop()
    await this.end()
    this.#isDestroyed = true
  }
}

/** As undici's functions that take a callback, or give a promise. */
function settle(promise: Promise<void>, callback: Callback | undefined): Promise<void> | void {
  if (callback === undefined) return promise
  promise.then(
    () => callback(null, null),
    (error: unknown) => callback(error, null),
  )
}

/**
 * A dispatcher over one pool, for its origin and what is below its base path. Closing one closes the other.
 *
 * ```ts
 * const dispatcher = new PoolDispatcher(await ClientPool.connect('https://exchange.example', { connections: 8 }))
 * const { statusCode, body } = await request('https://exchange.example/v3/ticker', { dispatcher })
 * ```
 */
export class PoolDispatcher extends PooledDispatcher {
  readonly #pool: ClientPool

  constructor(pool: ClientPool, options?: DispatcherOptions) {
    super(pool.constructor as typeof ClientPool, readOptions(OF_DISPATCHER, options))
    this.#pool = pool
  }

  protected get origin(): string {
    return this.#pool.origin
  }

  protected lease(): Lease {
    return { pool: this.#pool, done() {} }
  }

  protected end(): Promise<void> {
    return this.#pool.close()
  }
}

/**
 * A dispatcher for any origin: a pool for each, opened with its first request, closed when it has been idle.
 *
 * ```ts
 * import { Agent, setGlobalDispatcher } from 'nexus-async-net/compat/undici'
 *
 * setGlobalDispatcher(new Agent({ connections: 8 }))
 * const response = await fetch('https://exchange.example/v3/ticker')
 * ```
 */
export class Agent extends PooledDispatcher {
  /** @internal */
  static readonly _$ground: typeof ClientPool

  readonly #origins: Origins
  protected readonly origin = null

  constructor(given?: AgentOptions) {
    const Pool = new.target._$ground
    const options = withDefaults(OF_AGENT, readOptions(OF_AGENT, given)) as Required<AgentOptions>
    const { headersTimeout, bodyTimeout, fallback, maxOrigins, originTimeout, ...ofPools } = options
    super(Pool, { headersTimeout, bodyTimeout, fallback })
    this.#origins = new Origins(Pool, ofPools as ClientPoolOptions, { maxOrigins: maxOrigins as number, originTimeout: originTimeout as number })
  }

  protected lease(origin: string): Promise<Lease> {
    return this.#origins.lease(origin, null)
  }

  protected end(): Promise<void> {
    return this.#origins.close({})
  }
}

/** The dispatcher of Node's `fetch`, and of undici's functions that are given none. */
export function getGlobalDispatcher(): AnyDispatcher | undefined {
  const [old, current] = GLOBAL.map((symbol) => (globalThis as Globals)[symbol])
  return current ?? old
}

/** Makes it that dispatcher, for Node's `fetch` and for every version of undici in the process. */
export function setGlobalDispatcher(dispatcher: Dispatcher): void {
  for (const symbol of GLOBAL)
    Object.defineProperty(globalThis, symbol, { value: dispatcher, writable: true, configurable: false, enumerable: false })
}
