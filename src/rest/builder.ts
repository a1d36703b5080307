/** The options of `HttpConnection` and `ClientPool`, fluent and reusable. */

import type { BackoffOptions } from '../backoff.ts'
import { type FieldsInit, pairsOf } from '../codec/http/fields.ts'
import type { ResponseReader } from '../codec/http/response-reader.ts'
import { UsageError } from '../errors.ts'
import { readOptions } from '../option-rules.ts'
import { showsItself } from '../printing.ts'
import type { ProxyOption } from '../transport/proxy-config.ts'
import type { TlsConfig } from '../transport/tls-config.ts'
import type { Transport } from '../transport/transport.ts'
import type { PoolObserver } from './observer.ts'
import { type ClientPoolOptions, HTTP_OPTIONS, type HttpOptions, type KeepWarmOptions, POOL_OPTIONS } from './options.ts'

/** Options that connections and pools have in common. Each method returns a new builder, so that one can be shared and varied. */
abstract class CommonBuilder<Options extends HttpOptions | ClientPoolOptions> {
  static {
    showsItself(this.prototype, (it) => ({ options: Object.keys(it.options) }))
  }

  constructor(
    /** The options collected so far. */
    readonly options: Readonly<Options>,
  ) {}

  /** TLS settings. */
  tls(config: TlsConfig): this {
    return this.with({ tls: config } as Partial<Options>)
  }
  /** The proxy to connect through: a URL, its configuration, `'environment'`, or null. */
  proxy(proxy: ProxyOption): this {
    return this.with({ proxy } as Partial<Options>)
  }
  /** A Unix domain socket to connect to instead of the URL's host and port. */
  socketPath(path: string): this {
    return this.with({ socketPath: path } as Partial<Options>)
  }
  /** Send small writes at once. */
  noDelay(on: boolean): this {
    return this.with({ noDelay: on } as Partial<Options>)
  }
  /** TCP keep-alive: idle ms before the first probe, or false. */
  keepAlive(idle: false | number): this {
    return this.with({ keepAlive: idle } as Partial<Options>)
  }
  /** Longest time to connect in ms. */
  connectTimeout(ms: number): this {
    return this.with({ connectTimeout: ms } as Partial<Options>)
  }
  /** Longest time of a request in ms, from the call to the complete response. */
  timeout(ms: number): this {
    return this.with({ timeout: ms } as Partial<Options>)
  }
  /** Longest time of a graceful close in ms. */
  closeTimeout(ms: number): this {
    return this.with({ closeTimeout: ms } as Partial<Options>)
  }
  /** Ask for compressed responses, and inflate them. */
  decompress(on: boolean): this {
    return this.with({ decompress: on } as Partial<Options>)
  }
  /** Refuse bodies whose end nothing verifies. */
  requireVerifiedEnd(on: boolean): this {
    return this.with({ requireVerifiedEnd: on } as Partial<Options>)
  }
  /** Bytes of a whole response, head and body, up to which it is handed out as views. */
  capacity(bytes: number): this {
    return this.with({ capacity: bytes } as Partial<Options>)
  }
  /** Longest head of a response in bytes. */
  maxHeadSize(bytes: number): this {
    return this.with({ maxHeadSize: bytes } as Partial<Options>)
  }
  /** Most fields of a response. */
  maxHeaders(count: number): this {
    return this.with({ maxHeaders: count } as Partial<Options>)
  }
  /** Longest body of a response in bytes. */
  maxBodySize(bytes: number): this {
    return this.with({ maxBodySize: bytes } as Partial<Options>)
  }
  /** Longest trailer section of a response in bytes. */
  maxTrailerSize(bytes: number): this {
    return this.with({ maxTrailerSize: bytes } as Partial<Options>)
  }
  /** Most bytes of extensions on one chunk's size line. */
  maxChunkExtension(bytes: number): this {
    return this.with({ maxChunkExtension: bytes } as Partial<Options>)
  }
  /** Abandons connecting. */
  signal(signal: AbortSignal): this {
    return this.with({ signal } as Partial<Options>)
  }

  /** A builder with these options in addition. Throws `InvalidOption` for a value outside its range. */
  protected abstract with(options: Partial<Options>): this
}

/** What a builder builds with: the static methods of an `HttpConnection`. */
export interface HttpConnectionFactory<Connection> {
  connect(url: string | URL, options?: HttpOptions): Promise<Connection>
  connectWith(transport: Transport, url: string | URL | undefined, options: HttpOptions): Promise<Connection>
}

/**
 * Collects options of connections; ranges and defaults are those of {@link HttpOptions}.
 *
 * ```ts
 * const conn = await HttpConnection.builder().timeout(2_000).maxBodySize(1024 * 1024).connect('https://api.example')
 * ```
 */
export class HttpConnectionBuilder<Connection> extends CommonBuilder<HttpOptions> {
  readonly #factory: HttpConnectionFactory<Connection>

  /** @internal */
  constructor(factory: HttpConnectionFactory<Connection>, options: Readonly<HttpOptions> = {}) {
    super(options)
    this.#factory = factory
  }

  /** Where responses are read. */
  reader(reader: ResponseReader): this {
    return this.with({ reader })
  }

  /** `HttpConnection.connect` with these options. */
  connect(url: string | URL): Promise<Connection> {
    return this.#factory.connect(url, this.options)
  }

  /** `HttpConnection.connectWith` with these options. */
  connectWith(transport: Transport, url?: string | URL): Promise<Connection> {
    return this.#factory.connectWith(transport, url, this.options)
  }

  protected override with(options: Partial<HttpOptions>): this {
    const all = { ...this.options, ...options }
    readOptions(HTTP_OPTIONS, all)
    return new HttpConnectionBuilder(this.#factory, all) as this
  }
}

/** What a builder builds with: the static method of a `ClientPool`. */
export interface ClientPoolFactory<Pool> {
  connect(url: string | URL, options?: ClientPoolOptions): Promise<Pool>
}

/**
 * Collects options of pools; ranges and defaults are those of {@link ClientPoolOptions}.
 *
 * ```ts
 * const pool = await ClientPool.builder().url('https://api.example').connections(4).defaultHeader('X-Api-Key', key).build()
 * ```
 */
export class ClientPoolBuilder<Pool> extends CommonBuilder<ClientPoolOptions> {
  readonly #factory: ClientPoolFactory<Pool>
  readonly #target: string | URL | null

  /** @internal */
  constructor(factory: ClientPoolFactory<Pool>, options: Readonly<ClientPoolOptions> = {}, target: string | URL | null = null) {
    super(options)
    this.#factory = factory
    this.#target = target
  }

  /** The server. */
  url(url: string | URL): ClientPoolBuilder<Pool> {
    return new ClientPoolBuilder(this.#factory, this.options, url)
  }
  /** Whether `build` waits for the connections. */
  lazy(on: boolean): this {
    return this.with({ lazy: on })
  }
  /** Put before each path. */
  basePath(path: string): this {
    return this.with({ basePath: path })
  }
  /** Connections to open ahead of time and keep open. */
  connections(count: number): this {
    return this.with({ connections: count })
  }
  /** One more field that is sent with each request. */
  defaultHeader(name: string, value: string): this {
    return this.with({ defaultHeaders: [...pairsOf(this.options.defaultHeaders, 'defaultHeaders'), [name, value]] })
  }
  /** All fields that are sent with each request. */
  defaultHeaders(fields: FieldsInit): this {
    return this.with({ defaultHeaders: fields })
  }
  /** Bytes of each slot's write buffer: the largest request. */
  writeBufferCapacity(bytes: number): this {
    return this.with({ writeBufferCapacity: bytes })
  }
  /** Pauses between attempts to reconnect. */
  backoff(options: BackoffOptions): this {
    return this.with({ backoff: options })
  }
  /** Longest wait for a slot in ms. */
  acquireTimeout(ms: number): this {
    return this.with({ acquireTimeout: ms })
  }
  /** Most callers that may wait for a slot. */
  maxQueue(callers: number): this {
    return this.with({ maxQueue: callers })
  }
  /** Age in ms at which a connection is renewed. */
  maxAge(ms: number): this {
    return this.with({ maxAge: ms })
  }
  /** Idleness in ms at which a connection is renewed. */
  maxIdle(ms: number): this {
    return this.with({ maxIdle: ms })
  }
  /** Ms by which a connection is renewed before the server would drop it. */
  keepAliveMargin(ms: number): this {
    return this.with({ keepAliveMargin: ms })
  }
  /** A request for connections that are idle. */
  keepWarm(options: KeepWarmOptions): this {
    return this.with({ keepWarm: options })
  }
  /** Ms after which a slot that is held without a request is reported. */
  leakTimeout(ms: number): this {
    return this.with({ leakTimeout: ms })
  }
  /** Notified of what happens in the pool. */
  observer(observer: PoolObserver): this {
    return this.with({ observer })
  }

  /** `ClientPool.connect` with these options. Rejects with `InvalidUrl` when no {@link ClientPoolBuilder.url} was given. */
  async build(): Promise<Pool> {
    if (this.#target === null) throw new UsageError('InvalidUrl', 'a pool needs a server: call url(…) before build()')
    return this.#factory.connect(this.#target, this.options)
  }

  protected override with(options: Partial<ClientPoolOptions>): this {
    const all = { ...this.options, ...options }
    readOptions(POOL_OPTIONS, all)
    return new ClientPoolBuilder(this.#factory, all, this.#target) as this
  }
}
