/** Options of HTTP connections and pools: defaults, ranges, and their checks in one place. */

import { BACKOFF_OPTIONS, type BackoffOptions } from '../backoff.ts'
import { type FieldsInit, fieldList } from '../codec/http/fields.ts'
import type { InterimResponse } from '../codec/http/interim.ts'
import { RESPONSE_READER_OPTIONS, type ResponseReaderOptions } from '../codec/http/limits.ts'
import type { Request } from '../codec/http/request.ts'
import { DEFAULT_REQUEST_CAPACITY, type RequestWriter } from '../codec/http/request-writer.ts'
import type { ResponseReader } from '../codec/http/response-reader.ts'
import type { BytesInit } from '../codec/inputs.ts'
import {
  bag,
  callback,
  type Family,
  flag,
  integer,
  isBag,
  number,
  type Rule,
  rule,
  SIZE_MAX,
  signal,
  TIMER_MAX,
  text,
  timeLimit,
  withDefaults,
} from '../option-rules.ts'
import { DIAL_OPTIONS } from '../transport/dial-options.ts'
import type { DialOptions } from '../transport/transport.ts'
import type { PoolObserver } from './observer.ts'

/** Default of `timeout`, in ms. */
export const DEFAULT_TIMEOUT: number = 30_000

/** Options of one request. */
export interface SendOptions {
  /**
   * Milliseconds from the call until the response is complete, 0 to 2^31 - 1; 0 is no limit. Covers sending, waiting and the body, and
   * with `pool.request` also the wait for a slot. Default: the connection's `timeout`.
   */
  timeout?: number | undefined
  /** Abandons the request, with `RequestAborted`. The connection is not used again. */
  signal?: AbortSignal | undefined
  /**
   * Refuses a response whose body only the end of the connection delimits, unless TLS verified that end (RFC 9112 section 9.8): `ResponseInvalid`, with
   * an {@link HttpError} `UnverifiedEnd` as its cause. Bodies with a length or in chunks are not affected. Default: the connection's `requireVerifiedEnd`.
   */
  requireVerifiedEnd?: boolean | undefined
  /**
   * Asks for compressed responses (`Accept-Encoding: gzip, deflate`, unless the request has that field or a `Range`), and inflates them: `body`, `text()`
   * and streamed pieces are what was compressed, `rawBody` and the header fields are as received, and `maxBodySize` limits both. Other codings are left as
   * they are. What is broken fails with `ResponseInvalid`, whose cause is a {@link CompressionError}. Default: the connection's `decompress`; true for `pool.fetch`.
   */
  decompress?: boolean | undefined
  /** Called with each interim response (RFC 9110 section 15.2: 100, 102, 103) before the final one. What it throws, or rejects with, fails the request. */
  onInterim?: ((response: InterimResponse) => void) | undefined
}

/** Options of an {@link HttpConnection}. */
export interface HttpOptions extends DialOptions, ResponseReaderOptions {
  /** Milliseconds for a request that has no `timeout` of its own. Default 30,000. */
  timeout?: number | undefined
  /** Milliseconds that a graceful close waits for the server's end. Default 1,000. */
  closeTimeout?: number | undefined
  /** For requests without this option: refuse bodies whose end nothing verifies, see {@link SendOptions.requireVerifiedEnd}. Default false. */
  requireVerifiedEnd?: boolean | undefined
  /** For requests without this option: ask for compressed responses and inflate them, see {@link SendOptions.decompress}. Default false. */
  decompress?: boolean | undefined
  /** Where responses are read; the system writes their bytes straight into it. Default: a new reader, made with these options. */
  reader?: ResponseReader | undefined
}

/** A request that keeps idle connections warm. */
export interface KeepWarmOptions {
  /** Milliseconds of idleness after which the request is sent, 100 to 2^31 - 1. */
  interval: number
  /** Makes the request: `(writer) => writer.head('/ping').finish()`. May be asynchronous: the slot is held meanwhile. */
  request: (writer: RequestWriter) => Request | Promise<Request>
  /** Milliseconds for its response, 1 to 2^31 - 1. Default 5,000. */
  timeout?: number | undefined
}

/** Options of a {@link ClientPool}. */
export interface ClientPoolOptions extends Omit<HttpOptions, 'reader' | 'signal'> {
  /** Connections to open ahead of time and to keep open, 1 to 10,000. Default 1. */
  connections?: number | undefined
  /**
   * Do not wait for the server: `connect` resolves at once, and the connections are opened in the background, with the pauses of `backoff` for as long
   * as the server is down. `pool.ready()` waits for the first one. Default false.
   */
  lazy?: boolean | undefined
  /** Put before each path. Default: the path of the URL. */
  basePath?: string | undefined
  /** Sent with each request, in this order and case. User and password of the URL become `Authorization`, unless that field is here. */
  defaultHeaders?: FieldsInit | undefined
  /** Bytes of each slot's write buffer, 1 KiB to 16 MiB: the largest request, head and body. Default 32 KiB. */
  writeBufferCapacity?: number | undefined
  /** Pauses between attempts to reconnect; the first attempt is made at once. Default 100 ms doubling to 5,000 ms, half of it random. */
  backoff?: BackoffOptions | undefined
  /** Milliseconds that an `acquire` without a `timeout` waits for a slot. Default 30,000. */
  acquireTimeout?: number | undefined
  /** Most callers that may wait for a slot, 0 to 2^31 - 1; one more fails at once with `PoolQueueFull`. With 0, nobody waits. Default 10,000. */
  maxQueue?: number | undefined
  /** Milliseconds after which a connection is renewed, however busy it is; up to a tenth is taken off at random. 0 is never. Default 0. */
  maxAge?: number | undefined
  /** Milliseconds of idleness after which a connection is renewed; 0 keeps it for as long as the server does. Default 0. */
  maxIdle?: number | undefined
  /**
   * Milliseconds by which a connection is renewed before the server's `Keep-Alive: timeout=` ends it; at most half of that time, and all of it when it is
   * a second or less: such a connection is not used again. Default 1,000.
   */
  keepAliveMargin?: number | undefined
  /** Sends a request that you define on idle connections. Default off. */
  keepWarm?: KeepWarmOptions | undefined
  /** Milliseconds that a slot may be held without a request before it is reported as leaked; 0 is never. Default 60,000. */
  leakTimeout?: number | undefined
  /** Notified of what happens in the pool. `pool.observe` adds more observers. */
  observer?: PoolObserver | undefined
  /** Abandons connecting; later it has no effect. */
  signal?: AbortSignal | undefined
}

/** Options of one `pool.request`. */
export interface PoolRequestOptions extends SendOptions {
  /**
   * Parameters that are appended to the path, percent-encoded (RFC 3986). An object, or pairs in order (also a `URLSearchParams`); numbers and booleans are
   * written as `String` does, a list gives a parameter for each member, and `undefined` leaves the parameter out.
   */
  query?: FieldsInit | undefined
  /** Fields of the request, in this order and case. */
  headers?: FieldsInit | undefined
  /** The body; a string is sent as UTF-8, a buffer or a view of one as the bytes that it covers. */
  body?: string | BytesInit | undefined
  /**
   * How often the request may be sent again on another connection when not one byte of it has left (`requestSent` is `'nothing'`), whatever its
   * method, 0 to 10. Such a request cannot have reached the server. Default 0.
   */
  retryUnsent?: number | undefined
}

/** Options of {@link ClientPool.acquire}. */
export interface AcquireOptions {
  /** Milliseconds to wait, 0 to 2^31 - 1; 0 is no limit. Default: the pool's `acquireTimeout`. */
  timeout?: number | undefined
  /** Leaves the queue, with `RequestAborted`. */
  signal?: AbortSignal | undefined
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

const MIB = 1024 * 1024

const reader: Rule<ResponseReader> = rule('a ResponseReader', (value) => isBag(value) && typeof (value as { begin?: unknown }).begin === 'function')

const OBSERVER_METHODS = ['onSlotUp', 'onSlotDown', 'onAttemptFailed', 'onLeak', 'onWait', 'onRequest', 'onKeepWarmFailed'] as const

/** It may have other members: it can be any object of the caller. */
export const observer: Rule<PoolObserver> = rule(
  'an object with methods like onSlotDown',
  (value) => isBag(value) && OBSERVER_METHODS.every((name) => value[name] === undefined || typeof value[name] === 'function'),
)

/** What one request may be given. */
export const SEND_OPTIONS: Family<SendOptions> = {
  timeout: timeLimit(),
  signal,
  requireVerifiedEnd: flag(),
  decompress: flag(),
  onInterim: callback('({ status, headers }) => …'),
}

/** What an {@link HttpConnection} may be given. */
export const HTTP_OPTIONS: Family<HttpOptions> = {
  ...DIAL_OPTIONS,
  ...RESPONSE_READER_OPTIONS,
  timeout: timeLimit(DEFAULT_TIMEOUT),
  closeTimeout: timeLimit(1_000),
  requireVerifiedEnd: flag(false),
  decompress: flag(false),
  reader,
}

/** What it may be. */
export const KEEP_WARM_OPTIONS: Family<KeepWarmOptions> = {
  interval: number(100, TIMER_MAX, 'ms'),
  request: callback('(writer) => writer.head("/ping").finish()'),
  timeout: number(1, TIMER_MAX, 'ms', 5_000),
}

const { reader: _, ...COMMON_OPTIONS } = HTTP_OPTIONS

/** What a {@link ClientPool} may be given. */
export const POOL_OPTIONS: Family<ClientPoolOptions> = {
  ...COMMON_OPTIONS,
  connections: integer(1, 10_000, 'connections', 1),
  lazy: flag(false),
  basePath: text,
  defaultHeaders: fieldList,
  writeBufferCapacity: integer(1_024, 16 * MIB, 'bytes', DEFAULT_REQUEST_CAPACITY),
  backoff: bag(BACKOFF_OPTIONS),
  acquireTimeout: timeLimit(30_000),
  maxQueue: integer(0, SIZE_MAX, 'callers', 10_000),
  maxAge: timeLimit(0),
  maxIdle: timeLimit(0),
  keepAliveMargin: timeLimit(1_000),
  keepWarm: bag(KEEP_WARM_OPTIONS, ['interval', 'request']),
  leakTimeout: timeLimit(60_000),
  observer,
}

/** What one `acquire` may be given. */
export const ACQUIRE_OPTIONS: Family<AcquireOptions> = { timeout: timeLimit(), signal }

/** What one `close` of a pool may be given. */
export const CLOSE_OPTIONS: Family<{ timeout?: number | undefined }> = { timeout: timeLimit(0) }

/** What one `pool.request` may be given. */
export const REQUEST_OPTIONS: Family<PoolRequestOptions> = {
  ...SEND_OPTIONS,
  query: fieldList,
  headers: fieldList,
  body: rule(
    'a string, an ArrayBuffer or a view of one',
    (value) => typeof value === 'string' || value instanceof ArrayBuffer || ArrayBuffer.isView(value),
  ),
  retryUnsent: integer(0, 10, 'times', 0),
}

/** Fills in the defaults of options that were read. */
export function resolvePoolOptions(options: ClientPoolOptions): ResolvedPoolOptions {
  const all = withDefaults(POOL_OPTIONS, options) as Required<ClientPoolOptions>
  const { keepWarm } = options
  return {
    connections: all.connections as number,
    lazy: all.lazy as boolean,
    acquireTimeout: all.acquireTimeout as number,
    maxQueue: all.maxQueue as number,
    maxAge: all.maxAge as number,
    maxIdle: all.maxIdle as number,
    keepAliveMargin: all.keepAliveMargin as number,
    keepWarm: keepWarm ? { interval: keepWarm.interval, timeout: keepWarm.timeout ?? 5_000, request: keepWarm.request } : null,
    leakTimeout: all.leakTimeout as number,
  }
}
