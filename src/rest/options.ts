/** Options of HTTP connections and pools: defaults, ranges, and their checks in one place. */

import type { BackoffOptions } from '../backoff.ts'
import type { FieldsInit } from '../codec/handshake.ts'
import type { ResponseReaderOptions } from '../codec/http-limits.ts'
import type { Request } from '../codec/request.ts'
import type { RequestWriter } from '../codec/request-writer.ts'
import type { InterimResponse, ResponseReader } from '../codec/response-reader.ts'
import { checkBoolean, checkInteger, checkRange, UsageError } from '../errors.ts'
import type { DialOptions } from '../transport/transport.ts'
import type { PoolObserver } from './observer.ts'
import { checkSignal } from './signals.ts'

/** Longest delay that the runtimes' timers take, in ms. */
export const TIMER_MAX: number = 2 ** 31 - 1

/** Default of `timeout`, in ms. */
export const DEFAULT_TIMEOUT: number = 30_000

/** Options of one request. */
export interface SendOptions {
  /**
   * Milliseconds from the call until the response is complete, 1 to 2^31 - 1, or 0 for no limit. Covers sending, waiting and the body, and
   * with `pool.request` the wait for a slot too. Default: the connection's `timeout`.
   */
  timeout?: number | undefined
  /** Abandons the request, with `RequestAborted`. The connection is not used again. */
  signal?: AbortSignal | undefined
  /**
   * Refuses a response whose body only the end of the connection delimits, unless TLS verified that end (RFC 9112 section 9.8): `ResponseInvalid`, with
   * an {@link HttpError} `UnverifiedEnd` as its cause. Bodies with a length or chunks are not concerned. Default: the connection's `requireVerifiedEnd`.
   */
  requireVerifiedEnd?: boolean | undefined
  /** Told of each interim response (RFC 9110 section 15.2: 100, 102, 103) before the final one. */
  onInterim?: ((response: InterimResponse) => void) | undefined
}

/** Options of an {@link HttpConnection}. */
export interface HttpOptions extends DialOptions, ResponseReaderOptions {
  /** Milliseconds that a request may take when it does not say itself, 0 for no limit. Default 30,000. */
  timeout?: number | undefined
  /** Milliseconds that a graceful close waits for the server's end. Default 1,000. */
  closeTimeout?: number | undefined
  /** For requests that do not say it themselves: refuse bodies whose end nothing verifies, see {@link SendOptions.requireVerifiedEnd}. Default false. */
  requireVerifiedEnd?: boolean | undefined
  /** Where responses are read; bytes go from the system straight into it. Default: one of its own, made with these options. */
  reader?: ResponseReader | undefined
}

/** A request that keeps idle connections warm. */
export interface KeepWarmOptions {
  /** Milliseconds of idleness after which it is sent, 100 to 2^31 - 1. */
  interval: number
  /** Makes it: `(writer) => writer.head('/ping').finish()`. May be asynchronous: the slot is held meanwhile. */
  request: (writer: RequestWriter) => Request | Promise<Request>
  /** Milliseconds for its response. Default 5,000. */
  timeout?: number | undefined
}

/** Options of a {@link ClientPool}. */
export interface ClientPoolOptions extends Omit<HttpOptions, 'reader' | 'signal'> {
  /** Connections to open ahead and to keep open, 1 to 10,000. Default 1. */
  connections?: number | undefined
  /**
   * Do not wait for the server: `connect` resolves at once, and the connections are opened in the background, with the pauses of `backoff` for as long
   * as it is away. `pool.ready()` waits for the first one. Default false.
   */
  lazy?: boolean | undefined
  /** Put before each path. Default: the path of the URL. */
  basePath?: string | undefined
  /** Sent with each request, in this order and case. */
  defaultHeaders?: FieldsInit | undefined
  /** Bytes of each slot's write buffer: the largest request, head and body. 1 KiB to 16 MiB. Default 32 KiB. */
  writeBufferCapacity?: number | undefined
  /** Pauses between attempts to reconnect; the first attempt is made at once. Default 100 ms doubling to 5,000 ms, half of it random. */
  backoff?: BackoffOptions | undefined
  /** Milliseconds that `acquire` waits for a slot when it does not say itself, 0 for no limit. Default 30,000. */
  acquireTimeout?: number | undefined
  /** Most callers that may wait for a slot; one more fails at once with `PoolQueueFull`. 0: nobody waits. Default 10,000. */
  maxQueue?: number | undefined
  /** Milliseconds after which a connection is renewed, however busy; up to a tenth is taken off at random. 0: never. Default 0. */
  maxAge?: number | undefined
  /** Milliseconds of idleness after which a connection is renewed. 0: never. Default 0: as long as the server keeps it. */
  maxIdle?: number | undefined
  /**
   * Milliseconds by which a connection is renewed before the server's `Keep-Alive: timeout=` ends it; at most half of that time, and all of it when it is
   * a second or less: such a connection is not used again. Default 1,000.
   */
  keepAliveMargin?: number | undefined
  /** Sends a request of yours on connections that are idle. Default off. */
  keepWarm?: KeepWarmOptions | undefined
  /** Milliseconds that a slot may be held without a request before it is reported as leaked, 0 for never. Default 60,000. */
  leakTimeout?: number | undefined
  /** Told what happens. More can be added with `pool.observe`. */
  observer?: PoolObserver | undefined
  /** Abandons connecting; later it has no effect. */
  signal?: AbortSignal | undefined
}

/** Options of one `pool.request`. */
export interface PoolRequestOptions extends SendOptions {
  /** Appended to the path, percent-encoded (RFC 3986). */
  query?: Readonly<Record<string, string | number | boolean>> | Iterable<readonly [string, string | number | boolean]> | undefined
  /** Fields of the request, in order and case. */
  headers?: FieldsInit | undefined
  /** The body; a string is sent as UTF-8. */
  body?: string | Uint8Array | undefined
  /**
   * How often the request may be sent again on another connection when not one byte of it has left (`requestSent` is `nothing`), whatever its
   * method; 0 to 10. Such a request cannot have reached the server. Default 0.
   */
  retryUnsent?: number | undefined
}

/** Pool options with every default filled in and every range checked. */
export interface ResolvedPoolOptions {
  readonly connections: number
  readonly lazy: boolean
  readonly acquireTimeout: number
  readonly maxQueue: number
  readonly maxAge: number
  readonly maxIdle: number
  readonly keepAliveMargin: number
  readonly keepWarm: { readonly interval: number; readonly timeout: number; readonly request: KeepWarmOptions['request'] } | null
  readonly leakTimeout: number
}

/** A limit in ms where 0 is none. */
export function checkTimeout(name: string, value: number): number {
  return checkRange(name, value, 0, TIMER_MAX, 'ms (0 is no limit)')
}

/** Fills in the defaults. Throws `InvalidOption` with the name, the range and the value. */
export function resolvePoolOptions(options: ClientPoolOptions): ResolvedPoolOptions {
  const { keepWarm } = options
  if (keepWarm !== undefined && (typeof keepWarm !== 'object' || keepWarm === null || typeof keepWarm.request !== 'function')) {
    throw new UsageError('InvalidOption', 'keepWarm must be { interval, request: (writer) => writer.head("/ping").finish() }')
  }
  return {
    connections: checkInteger('connections', options.connections ?? 1, 1, 10_000, 'connections'),
    lazy: checkBoolean('lazy', options.lazy ?? false),
    acquireTimeout: checkTimeout('acquireTimeout', options.acquireTimeout ?? 30_000),
    maxQueue: checkInteger('maxQueue', options.maxQueue ?? 10_000, 0, TIMER_MAX, 'callers'),
    maxAge: checkTimeout('maxAge', options.maxAge ?? 0),
    maxIdle: checkTimeout('maxIdle', options.maxIdle ?? 0),
    keepAliveMargin: checkTimeout('keepAliveMargin', options.keepAliveMargin ?? 1_000),
    keepWarm: keepWarm
      ? {
          interval: checkRange('keepWarm.interval', keepWarm.interval, 100, TIMER_MAX, 'ms'),
          timeout: checkRange('keepWarm.timeout', keepWarm.timeout ?? 5_000, 1, TIMER_MAX, 'ms'),
          request: keepWarm.request,
        }
      : null,
    leakTimeout: checkTimeout('leakTimeout', options.leakTimeout ?? 60_000),
  }
}

/** The checks of connections that need no connection. Throws `InvalidOption`. */
export function checkHttpOptions(options: Pick<HttpOptions, 'timeout' | 'closeTimeout' | 'signal' | 'requireVerifiedEnd'>): void {
  checkSignal('signal', options.signal)
  checkTimeout('timeout', options.timeout ?? 0)
  checkTimeout('closeTimeout', options.closeTimeout ?? 0)
  checkBoolean('requireVerifiedEnd', options.requireVerifiedEnd ?? false)
}
