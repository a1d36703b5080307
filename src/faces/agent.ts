/** Pools by origin: opened when they are first needed, closed when they have been idle. */

import type { Clock } from '../clock.ts'
import { RestError } from '../errors.ts'
import type { ClientPool } from '../rest/client-pool.ts'
import type { ClientPoolOptions } from '../rest/options.ts'

/** How many origins an agent serves, and for how long. */
export interface AgentLimits {
  /** Most origins that have connections at a time. */
  readonly maxOrigins: number
  /** Milliseconds without a request after which an origin's connections are closed; 0 is never. */
  readonly originTimeout: number
}

/** The use of a pool for one exchange. */
export interface Lease {
  readonly pool: ClientPool
  /** The exchange is over. Called once. */
  done(): void
}

/** An origin that has connections, or will have. */
interface Tenant {
  readonly pool: Promise<ClientPool>
  /** Exchanges that are under way. */
  users: number
  /** When the last one was over, in the clock's ms. */
  since: number
  /** Set once it has been used, and again as long as it is: an exchange touches no timer. */
  timer: unknown
}

/** One pool for each origin. */
export class Agent {
  /** Least recently used first. */
  readonly #tenants = new Map<string, Tenant>()
  #isClosed = false

  constructor(
    private readonly Pool: typeof ClientPool,
    private readonly options: ClientPoolOptions,
    private readonly limits: AgentLimits,
  ) {}

  get clock(): Clock {
    return this.Pool._$ground.runtime.clock
  }

  /** The pool of an origin. Rejects as {@link ClientPool.connect}, and with `PoolQueueFull` when every origin that may be served has an exchange under way. */
  async lease(origin: string, signal: AbortSignal | null): Promise<Lease> {
    if (this.#isClosed) throw refusal('PoolClosed', 'this fetch was closed')
    const tenant = this.#tenants.get(origin) ?? { pool: this.#open(origin), users: 0, since: 0, timer: null }
    this.#tenants.delete(origin)
    this.#tenants.set(origin, tenant)
    tenant.users++
    try {
      const pool = await unlessAborted(tenant.pool, signal)
      return { pool, done: () => this.#leave(origin, tenant) }
    } catch (error) {
      this.#leave(origin, tenant)
      throw error
    }
  }

  /** Its pool can't be used any more: the next exchange opens another one. */
  forget(origin: string): void {
    const tenant = this.#tenants.get(origin)
    this.#tenants.delete(origin)
    void this.#end(tenant)
  }

  /** Closes all connections, those in use when their exchange is over. */
  async close(options: { timeout?: number | undefined }): Promise<void> {
    this.#isClosed = true
    const tenants = [...this.#tenants.values()]
    this.#tenants.clear()
    await Promise.all(tenants.map((tenant) => this.#end(tenant, options)))
  }

  #open(origin: string): Promise<ClientPool> {
    const { maxOrigins } = this.limits
    if (this.#tenants.size >= maxOrigins) {
      const idle = [...this.#tenants].find(([, { users }]) => users === 0)
      if (idle === undefined) throw refusal('PoolQueueFull', `requests to ${maxOrigins} other origins (maxOrigins) are under way`)
      this.forget(idle[0])
    }
    const pool = this.Pool.connect(origin, this.options)
    pool.catch(() => {
      if (this.#tenants.get(origin)?.pool === pool) this.#tenants.delete(origin)
    })
    return pool
  }

  #leave(origin: string, tenant: Tenant): void {
    const { originTimeout } = this.limits
    if (--tenant.users > 0 || originTimeout === 0 || this.#tenants.get(origin) !== tenant) return
    tenant.since = this.clock.now()
    if (tenant.timer === null) this.#watch(origin, tenant, originTimeout)
  }

  #watch(origin: string, tenant: Tenant, delay: number): void {
    tenant.timer = this.clock.set(() => {
      tenant.timer = null
      if (tenant.users > 0) return
      const left = tenant.since + this.limits.originTimeout - this.clock.now()
      if (left > 0) this.#watch(origin, tenant, left)
      else this.forget(origin)
    }, delay)
  }

  async #end(tenant: Tenant | undefined, options: { timeout?: number | undefined } = {}): Promise<void> {
    if (tenant === undefined) return
    this.clock.clear(tenant.timer)
    // A pool that could not be opened has no connections.
    await tenant.pool.then(
      (pool) => pool.close(options),
      () => {},
    )
  }
}

function refusal(code: 'PoolClosed' | 'PoolQueueFull', message: string): RestError {
  return new RestError(code, `${message}; nothing was sent`, { fault: 'local', requestSent: 'nothing', phase: 'queue' })
}

/** Others may wait for the same: it goes on when one of them gives up. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | null): Promise<T> {
  if (signal === null) return promise
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
