/**
 * One keep-alive connection to an HTTP/1.1 server: a request out, its response in, one at a time.
 *
 * Rule 1: poisoned first. From the first byte of a request until the last byte of its response nothing else may use the connection, and only
 *         a response that is complete, alone and reusable makes it usable again. So a late response can't be taken for another request's.
 * Rule 2: it always reads, also while idle: an end, a reset or bytes that nobody asked for are known when the next request comes,
 *         without a turn of the event loop.
 * Rule 3: there is one way out of use, `lose`; waiting callers are notified there.
 * Rule 4: a request under way is an `Exchange`. An exception anywhere leaves the connection idle, when nothing had begun, or poisoned.
 */

import { RESPONSE_READER_OPTIONS } from '../codec/http/limits.ts'
import type { RestResponse } from '../codec/http/response.ts'
import type { ResponseReader } from '../codec/http/response-reader.ts'
import { checkMade, MADE, type Made } from '../composition.ts'
import { type RestError, UsageError } from '../errors.ts'
import { only, readOptions } from '../option-rules.ts'
import { showsItself } from '../printing.ts'
import type { Runtime } from '../runtime.ts'
import { checkTransport } from '../transport/dial-options.ts'
import { secureOver } from '../transport/secure-over.ts'
import type { Transport, TransportHandler } from '../transport/transport.ts'
import { HttpConnectionBuilder } from './builder.ts'
import { Exchange, type ExchangeDefaults, type ExchangeHost } from './exchange.ts'
import { DEFAULT_TIMEOUT, HTTP_OPTIONS, type HttpOptions, type SendOptions } from './options.ts'
import { lostRequest, refusedRequest, unexpectedData } from './rest-errors.ts'
import type { SendableRequest } from './sendable.ts'
import { Signals } from './signals.ts'
import type { StreamedResponse } from './streamed-response.ts'
import { parseHttpUrl } from './url.ts'

/** Where a connection stands. `poisoned`: it can't be used again. */
export type ConnectionState = 'idle' | 'busy' | 'poisoned'

/** The class whose static method was called: an entry point's, or one that its user derived from it. */
export interface HttpConnectionClass<Self extends HttpConnection> {
  /** @internal */
  readonly _$ground: Runtime
  new (open: OpenConnection): Self
}

/** What a connection is made of. */
export interface OpenConnection extends Made {
  /** @internal */
  readonly runtime: Runtime
  /** @internal */
  readonly transport: Transport
  /** @internal */
  readonly options: HttpOptions
  /** Those of a pool; one of its own when there are none. @internal */
  readonly signals?: Signals
}

/** Notifies a pool of what happens to its connections. */
export interface ConnectionOwner {
  /** The connection is out of use; `inUse`: a request was under way. Called once; at once for a connection that is out of use already. */
  onDown(error: Error | null, inUse: boolean): void
  /** The server has changed how long it keeps an idle connection, in ms. */
  onKeepAlive(timeout: number): void
}

/** What a connection has for its pool. */
export interface PooledConnection {
  /** Time of the clock at which the last response was complete. */
  readonly lastUsed: number
  /** Notifies `owner` when the connection is out of use: at once, when it is already. */
  ownedBy(owner: ConnectionOwner | null): void
  /** Another connection may read into its reader, while neither has a request: see {@link PooledConnection.takeReaderBack}. */
  lendReader(): void
  /** The other connection is closed. */
  takeReaderBack(): void
}

const NO_OPTIONS: SendOptions = {}

/** A connection of class `Class` over an open transport, which is closed when making the connection fails. */
function speakOver<Self extends HttpConnection>(Class: HttpConnectionClass<Self>, transport: Transport, options: HttpOptions): Self {
  checkTransport(transport)
  try {
    return new Class({ [MADE]: true, runtime: Class._$ground, transport, options: readOptions(HTTP_OPTIONS, options) })
  } catch (error) {
    transport.destroy()
    throw error
  }
}

/**
 * A keep-alive connection (RFC 9112 section 9.3).
 *
 * ```ts
 * const writer = new RequestWriter('api.example')
 * const conn = await HttpConnection.connect('https://api.example')
 * const res = await conn.send(writer.get('/orders').query('symbol', 'BTC-USD').finish())
 * console.log(res.status, res.header('content-type'), res.json())
 * ```
 */
export class HttpConnection {
  static {
    showsItself(this.prototype, (it) => ({
      state: it.state,
      requests: it.requests,
      age: it.age,
      idleFor: it.idleFor,
      remoteAddress: it.remoteAddress,
    }))
  }

  /** @internal */
  static readonly _$ground: Runtime

  /** The reader that the system's bytes go to. */
  readonly reader: ResponseReader
  /** Resolves when the connection is gone, with why it failed, or null when it ended; never rejects. */
  readonly closed: Promise<Error | null>

  /** What transport and exchange call. No methods of the connection itself: a user's class may have its own of these names. */
  readonly #events: TransportHandler & ExchangeHost
  readonly #pooled: PooledConnection
  readonly #clock: Runtime['clock']
  readonly #transport: Transport
  /** For requests without this option. */
  readonly #defaults: ExchangeDefaults
  readonly #closeTimeout: number
  readonly #targets: readonly Uint8Array[]
  readonly #exchange: Exchange
  #poisoned = false
  /** How long the server keeps an idle connection, as it last said, in ms; -1 when it has not said. */
  #keepAlive = -1
  #owner: ConnectionOwner | null = null
  #isClosed = false
  /** The reader is lent to another connection: this one can't send. */
  #isAside = false
  #closeTimer: unknown = null
  #resolveClosed!: (error: Error | null) => void
  #failure: Error | null = null

  /** For the static methods, and for classes that are derived from this one. */
  constructor(made: OpenConnection) {
    const { runtime, transport, options, signals = new Signals() } = checkMade(made, new.target, 'connect')
    this.#clock = runtime.clock
    this.#transport = transport
    this.#defaults = {
      timeout: options.timeout ?? DEFAULT_TIMEOUT,
      requireVerifiedEnd: options.requireVerifiedEnd ?? false,
      decompress: options.decompress ?? false,
    }
    this.#closeTimeout = options.closeTimeout ?? 1_000
    this.reader = options.reader ?? new runtime.http.ResponseReader(only(RESPONSE_READER_OPTIONS, options))
    this.reader.claim(this)
    // What it held belongs to another connection.
    this.reader.reset()
    this.#events = {
      reader: this.reader,
      onRead: (index, length) => this.#onRead(index, length),
      onEnd: () => this.#onEnd(),
      onWritten: () => this.#onWritten(),
      onClosed: (error) => this.#onClosed(error),
      onAnswered: (reusable, isFollowed, keepAlive) => this.#onAnswered(reusable, isFollowed, keepAlive),
      readOn: () => this.#readOn(),
      lose: (error, gracefully) => this.#lose(error, gracefully),
    }
    const exchange = new Exchange(runtime, this.#events, transport, signals)
    this.#exchange = exchange
    this.#pooled = {
      get lastUsed() {
        return exchange.completedAt
      },
      ownedBy: (owner) => this.#ownedBy(owner),
      lendReader: () => this.#lendReader(),
      takeReaderBack: () => this.#takeReaderBack(),
    }
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    this.#targets = this.reader.targets()
    try {
      transport.start(this.#events, this.#targets)
      transport.resume()
    } catch (error) {
      this.reader.letGo(this)
      throw error
    }
  }

  /**
   * Connects to the server of `url`, whose path is not used.
   *
   * Rejects with `InvalidUrl`, `InvalidOption`, a {@link TransportError} (`ConnectRefused`, `HostNotFound`, `ConnectTimeout` …), a
   * {@link TlsError}, or the signal's reason.
   *
   * @param url `http:` or `https:`, without user and password
   */
  static async connect<Self extends HttpConnection>(this: HttpConnectionClass<Self>, url: string | URL, options: HttpOptions = {}): Promise<Self> {
    const { address, authorization } = parseHttpUrl(url)
    if (authorization !== undefined) {
      throw new UsageError('InvalidUrl', 'user and password belong to requests: give them to the writer, as its Authorization default header')
    }
    const read = readOptions(HTTP_OPTIONS, options)
    return speakOver(this, await this._$ground.dial(address, read), read)
  }

  /** Speaks HTTP over a connection that the caller made, and owns it from then on. */
  static connectWith<Self extends HttpConnection>(this: HttpConnectionClass<Self>, transport: Transport, options?: HttpOptions): Promise<Self>
  /** … and puts TLS over it first for an `https:` URL: always with `options.tls`, and without it unless the connection `isSecure` already, for the URL's host. Closes it on failure. */
  static connectWith<Self extends HttpConnection>(
    this: HttpConnectionClass<Self>,
    transport: Transport,
    url: string | URL,
    options?: HttpOptions,
  ): Promise<Self>
  static async connectWith<Self extends HttpConnection>(
    this: HttpConnectionClass<Self>,
    transport: Transport,
    second: string | URL | HttpOptions = {},
    options?: HttpOptions,
  ): Promise<Self> {
    if (options === undefined && typeof second !== 'string' && !(second instanceof URL)) return speakOver(this, transport, second)
    let read!: HttpOptions
    const secured = await secureOver(this._$ground, transport, () => {
      read = readOptions(HTTP_OPTIONS, options)
      return { address: parseHttpUrl(second as string | URL).address, options: read }
    })
    return speakOver(this, secured, read)
  }

  /** A builder with every option at its default. */
  static builder<Self extends HttpConnection>(
    this: HttpConnectionClass<Self> & Pick<typeof HttpConnection, 'connect' | 'connectWith'>,
  ): HttpConnectionBuilder<Self> {
    return new HttpConnectionBuilder<Self>({
      connect: (url, options) => this.connect<Self>(url, options),
      connectWith: (transport, url, options) =>
        url === undefined ? this.connectWith<Self>(transport, options) : this.connectWith<Self>(transport, url, options),
    })
  }

  /** Where the connection stands. */
  get state(): ConnectionState {
    return this.#poisoned ? 'poisoned' : this.#exchange.isOpen ? 'busy' : 'idle'
  }

  /** Its next request can begin now. @internal */
  get _$isIdle(): boolean {
    return !this.#poisoned && !this.#exchange.isOpen
  }

  /** The connection can't be used again: it was lost, or a request on it did not get a complete and valid response. */
  get isPoisoned(): boolean {
    return this.#poisoned
  }

  /** Requests that were answered. */
  get requests(): number {
    return this.#exchange.answered
  }

  /** Milliseconds since it was opened. */
  get age(): number {
    return this.#exchange.age
  }

  /** Milliseconds since the last response was complete, or since it was opened. */
  get idleFor(): number {
    return this.#clock.now() - this.#exchange.completedAt
  }

  /** The protocol that TLS negotiated (ALPN), if any. */
  get alpnProtocol(): string | null {
    return this.#transport.alpnProtocol ?? null
  }

  /** The peer's address, when the runtime reports it. */
  get remoteAddress(): string | null {
    return this.#transport.remoteAddress ?? null
  }

  /**
   * Sends a request and reads its response.
   *
   * The response is borrowed: it is valid until the next request is sent on the same reader; `toOwned()` copies it. A body that does not fit the
   * reader's buffer is an array on the heap, which nothing overwrites.
   *
   * Rejects with a {@link RestError}, whose `requestSent` says how far the request got: `RequestTimeout`, `RequestAborted`, `ConnectionClosed`,
   * `ConnectionReset`, `TransportFailed`, `ResponseInvalid` (its `cause` is an {@link HttpError}), `RequestBodyFailed`, `ProxyAuthRequired`. The connection is
   * poisoned then. `ConnectionBusy` and `ConnectionPoisoned` say that nothing was sent at all. A {@link UsageError} says so too, and that nothing has
   * changed: `InvalidOption`, `RequestOutOfOrder` for a request whose `finish` was forgotten, `StaleRequest` for one whose writer has begun another.
   *
   * @param reader where the response is read, when not in the connection's own reader: costs one copy
   */
  send(request: SendableRequest, reader: ResponseReader = this.reader, options: SendOptions = NO_OPTIONS): Promise<RestResponse> {
    return new Promise<RestResponse>((resolve, reject) => this.#start(request, reader, options, false, resolve, reject))
  }

  /**
   * As {@link HttpConnection.send}, but resolves when the head was received; the body is read piece by piece, and when the consumer does not keep up, the
   * server has to wait. The connection is busy until the body has ended.
   */
  sendStreaming(request: SendableRequest, options: SendOptions = NO_OPTIONS): Promise<StreamedResponse> {
    return new Promise<StreamedResponse>((resolve, reject) => this.#start(request, this.reader, options, true, resolve, reject))
  }

  /**
   * Closes gracefully: the server sees an end, and has `closeTimeout` ms for its own. A request under way fails with `RequestAborted`.
   * Resolves like {@link HttpConnection.closed}.
   */
  close(): Promise<Error | null> {
    if (this.state === 'busy') this.#exchange.abandon('RequestAborted', 'the connection was closed')
    else this.#lose(null, true)
    return this.closed
  }

  /** Cuts the connection at once. A request under way fails with `RequestAborted`. */
  destroy(): void {
    if (this.state === 'busy') this.#exchange.abandon('RequestAborted', 'the connection was destroyed')
    else this.#lose(null, false)
    if (!this.#isClosed) this.#transport.destroy()
  }

  /** As `destroy`. */
  [Symbol.dispose](): void {
    this.destroy()
  }

  /** @internal */
  get _$pooled(): PooledConnection {
    return this.#pooled
  }

  // How it works inside.

  #ownedBy(owner: ConnectionOwner | null): void {
    this.#owner = owner
    if (this.#poisoned) owner?.onDown(this.#failure, false)
  }

  #lendReader(): void {
    this.#isAside = true
    this.reader.letGo(this)
  }

  #takeReaderBack(): void {
    this.#isAside = false
    // A lost connection does not read any more.
    if (!this.#poisoned) this.reader.claim(this)
  }

  #onRead(index: number, length: number): void {
    try {
      // A lost connection is only read to see its end; other bytes must not land on a response that is still in use.
      if (this.#poisoned) this.#transport.destroy()
      else if (this.#exchange.isOpen) this.#exchange.receive(index as 0 | 1, this.#targets[index] as Uint8Array, length)
      else this.#lose(unexpectedData(), false)
    } catch (error) {
      this.#onFault(error)
    }
  }

  #onEnd(): void {
    try {
      if (this.#exchange.isOpen) this.#exchange.receiveEnd()
      if (this.#poisoned) this.#transport.destroy()
      else this.#lose(null, false)
    } catch (error) {
      this.#onFault(error)
    }
  }

  #onWritten(): void {
    try {
      this.#exchange.onWritten()
    } catch (error) {
      this.#onFault(error)
    }
  }

  #readOn(): void {
    try {
      this.#transport.resume()
    } catch (error) {
      this.#onFault(error)
    }
  }

  #onClosed(error: Error | null): void {
    this.#isClosed = true
    try {
      this.#exchange.onClosed()
      this.#lose(error, false)
    } finally {
      this.reader.letGo(this)
      if (this.#closeTimer !== null) this.#clock.clear(this.#closeTimer)
      this.#resolveClosed(this.#failure)
    }
  }

  #onAnswered(reusable: boolean, isFollowed: boolean, keepAlive: number): void {
    if (keepAlive !== this.#keepAlive) {
      this.#keepAlive = keepAlive
      this.#owner?.onKeepAlive(keepAlive)
    }
    if (reusable) this.#transport.resume()
    else this.#lose(isFollowed ? unexpectedData() : null, !isFollowed)
  }

  /** Out of use, for good. */
  #lose(error: Error | null, gracefully: boolean): void {
    if (this.#poisoned) return
    const exchange = this.#exchange
    const owner = this.#owner
    const inUse = exchange.isOpen
    const failure = inUse ? lostRequest(error, exchange.outcome) : error
    this.#poisoned = true
    this.#failure = failure
    try {
      if (inUse) exchange.fail(failure as RestError)
      exchange.stop()
      this.#endTransport(gracefully)
    } finally {
      owner?.onDown(failure, inUse)
    }
  }

  #start(
    request: SendableRequest,
    reader: ResponseReader,
    options: SendOptions,
    streaming: boolean,
    resolve: (response: never) => void,
    reject: (error: Error) => void,
  ): void {
    const exchange = this.#exchange
    if (this.#poisoned || exchange.isOpen || this.#isAside) {
      reject(refusedRequest(this.#poisoned ? 'ConnectionPoisoned' : 'ConnectionBusy', this.#failure))
      return
    }
    // What it throws is the caller's mistake, which rejects the promise; nothing has begun.
    const head = exchange.begin(request, reader, options, this.#defaults, streaming, resolve, reject)
    try {
      exchange.write(head, request.writer)
    } catch (error) {
      this.#onFault(error)
    }
  }

  /** Code threw that must not throw: the connection can't be trusted any more. An exception after a loss goes to the caller. */
  #onFault(error: unknown): void {
    if (this.#poisoned) throw error
    this.#lose(error instanceof Error ? error : new Error(String(error)), false)
  }

  #endTransport(gracefully: boolean): void {
    const transport = this.#transport
    if (this.#isClosed) return
    transport.end()
    if (!gracefully) {
      transport.destroy()
      return
    }
    // Wait for the server's end, so that it sees ours (with TLS, the close_notify).
    this.#closeTimer = this.#clock.set(() => transport.destroy(), this.#closeTimeout)
    transport.resume()
  }
}
