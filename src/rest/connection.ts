/**
 * One keep-alive connection to an HTTP/1.1 server: a request out, its response in, one at a time.
 *
 * Rule 1: poisoned first. From the first byte of a request until the last byte of its response nothing else may use the connection, and only
 *         a response that is complete, alone and reusable makes it usable again. So a late response can't be taken for another request's.
 * Rule 2: it always reads, also while idle: an end, a reset or bytes that nobody asked for are known when the next request comes,
 *         without a turn of the event loop.
 * Rule 3: there is one way out of use, `lose`; whoever waits is told there.
 */

import { RESPONSE_COMPLETE, RESPONSE_DATA, RESPONSE_FAILED, RESPONSE_HEAD, RESPONSE_INTERIM, RESPONSE_MORE } from '../../assembly/abi.ts'
import type { Request } from '../codec/request.ts'
import type { RequestWriter } from '../codec/request-writer.ts'
import { type InterimResponse, ResponseReader } from '../codec/response-reader.ts'
import { type HttpError, RestError, UsageError } from '../errors.ts'
import { checkOptions, readOptions } from '../option-rules.ts'
import { showsItself } from '../printing.ts'
import type { Runtime } from '../runtime.ts'
import { secureOver } from '../transport/secure-over.ts'
import type { Transport, TransportHandler } from '../transport/transport.ts'
import { Alarm } from './alarm.ts'
import { HttpConnectionBuilder } from './builder.ts'
import { checkTimeout, DEFAULT_TIMEOUT, HTTP_OPTIONS, type HttpOptions, SEND_OPTIONS, type SendOptions } from './options.ts'
import { RequestBody } from './request-body.ts'
import { HttpResponse, type ResponseTimings } from './response.ts'
import { abandonedRequest, lostRequest, type Outcome, REFUSED, refusedRequest, unexpectedData, unusableResponse } from './rest-errors.ts'
import { StreamedResponse } from './streamed-response.ts'
import { parseHttpUrl } from './url.ts'
import { WriteGrace } from './write-grace.ts'

/** Where a connection stands. `poisoned`: it can't be used again. */
export type ConnectionState = 'idle' | 'busy' | 'poisoned'

/** The class whose static method was called: an entry point's, or one that its user derived from it. */
export interface HttpConnectionClass<Self extends HttpConnection> {
  readonly runtime: Runtime
  new (runtime: Runtime, transport: Transport, options?: HttpOptions): Self
}

/** What a connection needs of a {@link Request}. */
export type SendableRequest = Pick<Request, 'bytes' | 'method' | 'isStreaming' | 'source' | 'declaredLength' | 'writer'>

/** What a pool wants to know of its connections. @internal */
export interface ConnectionOwner {
  /** It is out of use; `inUse`: a request was under way. Called once. */
  onDown(error: Error | null, inUse: boolean): void
  /** The server has said something new about how long it keeps an idle connection, in ms. */
  onKeepAlive(timeout: number): void
}

const NO_OPTIONS: SendOptions = {}

/** A connection of class `Class` over an open transport, which is closed when there comes none of it. */
function speakOver<Self extends HttpConnection>(Class: HttpConnectionClass<Self>, transport: Transport, options: HttpOptions): Self {
  try {
    return new Class(Class.runtime, transport, options)
  } catch (error) {
    transport.destroy()
    throw error
  }
}
/** Places of the times of the last exchange, in ms of the clock. */
const STARTED = 0
const FIRST_BYTE = 1
const COMPLETED = 2
const READ = 3

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
export class HttpConnection implements TransportHandler {
  static {
    showsItself(this.prototype, (it) => ({
      state: it.state,
      requests: it.requests,
      age: it.age,
      idleFor: it.idleFor,
      remoteAddress: it.remoteAddress,
    }))
  }

  /** What an entry point supplies. @internal */
  static readonly runtime: Runtime

  /** The reader that the system's bytes go to. */
  readonly reader: ResponseReader
  /** Resolves when the connection is gone, with why it failed, or null when it ended; never rejects. */
  readonly closed: Promise<Error | null>

  private readonly clock: Runtime['clock']
  private readonly transport: Transport
  private readonly timeout: number
  private readonly closeTimeout: number
  private readonly requireVerifiedEnd: boolean
  private readonly targets: readonly Uint8Array[]
  private readonly openedAt: number
  private readonly times = new Float64Array(4)
  private readonly alarm: Alarm
  private status: ConnectionState = 'idle'
  private answered = 0
  /** What the server last said about how long it keeps an idle connection, in ms; -1 when nothing. */
  private keepAlive = -1
  private owner: ConnectionOwner | null = null
  private isClosed = false
  private closeTimer: unknown = null
  private resolveClosed!: (error: Error | null) => void
  private failure: Error | null = null

  // The exchange under way.
  /** Where its response is read: the connection's own reader, or one that was given with the request. */
  private active: ResponseReader | null = null
  private otherTarget: 0 | 1 = 0
  /** Its limit in ms. */
  private limit = 0
  private resolve: ((response: never) => void) | null = null
  private reject: ((error: Error) => void) | null = null
  private streamed: StreamedResponse | null = null
  private body: RequestBody | null = null
  /** The writer of a request that the system has not taken all of: its memory is in use. */
  private writing: RequestWriter | null = null
  /** Whose response is complete before the system has told that it took all of the request; and the wait for that. */
  private held: ResponseReader | null = null
  private readonly grace: WriteGrace
  /** Pieces of a read are being passed on: nothing may come in between. */
  private passing = false
  private onInterim: SendOptions['onInterim']
  private signal: AbortSignal | undefined
  private readonly onAbort = (): void => this.abandon('RequestAborted', 'the request was aborted', this.signal?.reason)

  /** @internal */
  constructor(runtime: Runtime, transport: Transport, options: HttpOptions = {}) {
    this.clock = runtime.clock
    this.transport = transport
    this.timeout = checkTimeout('timeout', options.timeout ?? DEFAULT_TIMEOUT)
    this.closeTimeout = checkTimeout('closeTimeout', options.closeTimeout ?? 1_000)
    this.requireVerifiedEnd = options.requireVerifiedEnd ?? false
    this.reader = options.reader ?? new ResponseReader(runtime.codec, options)
    this.reader.claim(this)
    // What it held is of another connection.
    this.reader.reset()
    this.alarm = new Alarm(runtime.clock, () => this.onTimeout())
    this.grace = new WriteGrace(runtime.clock, () => this.settle(this.held as ResponseReader, false))
    this.openedAt = runtime.clock.now()
    this.times.fill(this.openedAt)
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve
    })
    this.targets = this.reader.targets()
    transport.start(this, this.targets)
    transport.resume()
  }

  /**
   * Connects to the server of `url`, whose path is of no importance here.
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
    return speakOver(this, await this.runtime.dial(address, read), read)
  }

  /** Speaks HTTP over a connection that the caller made, and owns it from then on. */
  static connectWith<Self extends HttpConnection>(this: HttpConnectionClass<Self>, transport: Transport, options?: HttpOptions): Self
  /** … and puts TLS over it first when the URL begins with `https:`, unless it `isSecure` already. Closes it on failure. */
  static connectWith<Self extends HttpConnection>(
    this: HttpConnectionClass<Self>,
    transport: Transport,
    url: string | URL,
    options?: HttpOptions,
  ): Promise<Self>
  static connectWith<Self extends HttpConnection>(
    this: HttpConnectionClass<Self>,
    transport: Transport,
    second: string | URL | HttpOptions = {},
    options: HttpOptions = {},
  ): Self | Promise<Self> {
    if (typeof second !== 'string' && !(second instanceof URL)) return new this(this.runtime, transport, readOptions(HTTP_OPTIONS, second))
    const { address } = parseHttpUrl(second)
    const read = readOptions(HTTP_OPTIONS, options)
    return secureOver(this.runtime.secure, transport, address, read).then((secured) => speakOver(this, secured, read))
  }

  /** A builder with every option at its default. */
  static builder<Self extends HttpConnection>(this: HttpConnectionClass<Self> & typeof HttpConnection): HttpConnectionBuilder<Self> {
    return new HttpConnectionBuilder<Self>(this as never)
  }

  /** Where the connection stands. */
  get state(): ConnectionState {
    return this.status
  }

  /** The connection can't be used again: it was lost, or a request on it was not answered as it should be. */
  get isPoisoned(): boolean {
    return this.status === 'poisoned'
  }

  /** Requests that were answered. */
  get requests(): number {
    return this.answered
  }

  /** Milliseconds since it was opened. */
  get age(): number {
    return this.clock.now() - this.openedAt
  }

  /** Milliseconds since the last response was complete, or since it was opened. */
  get idleFor(): number {
    return this.clock.now() - this.lastUsed
  }

  /** Time of the clock at which the last response was complete. @internal */
  get lastUsed(): number {
    return this.times[COMPLETED] as number
  }

  /** The protocol that TLS negotiated (ALPN), if any. */
  get alpnProtocol(): string | undefined {
    return this.transport.alpnProtocol
  }

  /** The peer's address, when the runtime tells. */
  get remoteAddress(): string | undefined {
    return this.transport.remoteAddress
  }

  /**
   * Sends a request and reads its response.
   *
   * The response is borrowed: it is valid until the next request is sent on the same reader; `toOwned()` copies. A body that does not fit the
   * reader's buffer is on the heap, and its own.
   *
   * Rejects with a {@link RestError}, whose `requestSent` says how far the request got: `RequestTimeout`, `RequestAborted`, `ConnectionClosed`,
   * `ConnectionReset`, `TransportFailed`, `ResponseInvalid` (its `cause` is an {@link HttpError}), `RequestBodyFailed`. The connection is
   * poisoned then. `ConnectionBusy` and `ConnectionPoisoned` say that nothing was sent at all; `StaleRequest` that the writer has begun another one.
   *
   * @param reader where the response is read, when not in the connection's own reader: costs one copy
   */
  send(request: SendableRequest, reader: ResponseReader = this.reader, options: SendOptions = NO_OPTIONS): Promise<HttpResponse> {
    return new Promise<HttpResponse>((resolve, reject) => this.start(request, reader, options, false, resolve, reject))
  }

  /**
   * As {@link HttpConnection.send}, but resolves when the head has come; the body is read piece by piece, and a reader that does not keep up stops
   * the server. The connection is busy until the body has ended.
   */
  sendStreaming(request: SendableRequest, options: SendOptions = NO_OPTIONS): Promise<StreamedResponse> {
    return new Promise<StreamedResponse>((resolve, reject) => this.start(request, this.reader, options, true, resolve, reject))
  }

  /**
   * Closes gracefully: the server sees an end, and has `closeTimeout` ms for its own. A request under way fails with `RequestAborted`.
   * Resolves like {@link HttpConnection.closed}.
   */
  close(): Promise<Error | null> {
    if (this.status === 'busy') this.abandon('RequestAborted', 'the connection was closed')
    else this.lose(null, true)
    return this.closed
  }

  /** Cuts the connection at once. A request under way fails with `RequestAborted`. */
  destroy(): void {
    if (this.status === 'busy') this.abandon('RequestAborted', 'the connection was destroyed')
    else this.lose(null, false)
    if (!this.isClosed) this.transport.destroy()
  }

  /** As `destroy`. */
  [Symbol.dispose](): void {
    this.destroy()
  }

  /** Tells `owner` when the connection is out of use. @internal */
  ownedBy(owner: ConnectionOwner | null): void {
    this.owner = owner
  }

  /** How the last exchange went, for {@link HttpResponse.timings}. @internal */
  get timings(): ResponseTimings {
    const started = this.times[STARTED] as number
    return {
      firstByte: (this.times[FIRST_BYTE] as number) - started,
      total: (this.times[COMPLETED] as number) - started,
      reused: this.answered > 1,
      connectionAge: started - this.openedAt,
      requests: this.answered,
    }
  }

  // TransportHandler.

  /** @internal */
  onRead(index: number, length: number): void {
    if (this.status === 'poisoned') {
      // It is only read to see the end; what comes instead must not land on a response that is still in use.
      this.transport.destroy()
      return
    }
    if (this.held !== null) this.settle(this.held, true)
    if ((this.status as ConnectionState) === 'poisoned') return
    const reader = this.active ?? this.reader
    this.times[READ] = this.clock.now()
    if (!reader.hasBegun) this.times[FIRST_BYTE] = this.times[READ] as number
    if (reader === this.reader) this.take(reader, reader.commit(index as 0 | 1, length))
    else this.passOn(reader, (this.targets[index] as Uint8Array).subarray(0, length))
  }

  /** @internal */
  onEnd(): void {
    if (this.held !== null) this.settle(this.held, false)
    const { active } = this
    if (active !== null && this.status === 'busy') this.take(active, active.end(this.transport.endProof))
    if (this.status !== 'poisoned') this.lose(null, false)
    else this.transport.destroy()
  }

  /** @internal */
  onWritten(): void {
    this.body?.onWritten()
    // A response is held for a body that was given whole: this was the last of it.
    if (this.body === null || this.held !== null) this.endWriting()
    if (this.held !== null) this.settle(this.held, false)
  }

  /** @internal */
  onClosed(error: Error | null): void {
    this.isClosed = true
    if (this.held !== null) this.settle(this.held, false)
    this.reader.letGo()
    this.endWriting()
    if (this.status !== 'poisoned') this.lose(error, false)
    if (this.closeTimer !== null) this.clock.clear(this.closeTimer)
    this.resolveClosed(this.failure)
  }

  // How it works inside.

  private start(
    request: SendableRequest,
    reader: ResponseReader,
    options: SendOptions,
    streaming: boolean,
    resolve: (response: never) => void,
    reject: (error: Error) => void,
  ): void {
    if (this.status !== 'idle') {
      reject(refusedRequest(this.status === 'busy' ? 'ConnectionBusy' : 'ConnectionPoisoned', this.failure))
      return
    }
    checkOptions(SEND_OPTIONS, options)
    const { timeout = this.timeout, requireVerifiedEnd = this.requireVerifiedEnd } = options
    const signal = options.signal ?? undefined
    // Throws for a request that its writer has superseded, before anything has changed.
    const bytes = request.bytes
    if (signal?.aborted) {
      reject(new RestError('RequestAborted', 'the request was aborted before it was sent', { ...REFUSED, cause: signal.reason }))
      return
    }
    if (reader !== this.reader) {
      reader.claim(this)
      reader.reset()
    }
    this.status = 'busy'
    this.resolve = resolve
    this.reject = reject
    this.active = reader
    reader.begin(request.method)
    reader.streaming = streaming
    reader.requiresVerifiedEnd = requireVerifiedEnd
    this.onInterim = options.onInterim
    const now = this.clock.now()
    this.times[STARTED] = now
    this.times[FIRST_BYTE] = now
    this.limit = timeout
    if (timeout !== 0) this.alarm.set(now + timeout)
    if (signal !== undefined) {
      this.signal = signal
      signal.addEventListener('abort', this.onAbort, { once: true })
    }
    if (request.isStreaming) {
      this.beginWriting(request.writer)
      this.body = new RequestBody(request, this.transport, (error) => this.onBodyEnd(error))
      this.body.start()
    } else if (!this.transport.write(bytes)) {
      this.beginWriting(request.writer)
    }
  }

  private beginWriting(writer: RequestWriter): void {
    writer.inUse = true
    this.writing = writer
  }

  private endWriting(): void {
    if (this.writing === null) return
    this.writing.inUse = false
    this.writing = null
  }

  /** Bytes for a reader that the system does not read into. */
  private passOn(reader: ResponseReader, bytes: Uint8Array): void {
    const targets = reader.targets()
    // A transport may deliver what follows from inside `resume`: not before all of this has been used.
    this.passing = true
    for (let at = 0; at < bytes.length && this.status !== 'poisoned'; ) {
      if (this.active !== reader) {
        this.lose(unexpectedData(), false)
        return
      }
      const target = targets[this.otherTarget] as Uint8Array
      const piece = bytes.subarray(at, at + target.length)
      target.set(piece)
      at += piece.length
      const { otherTarget } = this
      this.otherTarget = otherTarget === 0 ? 1 : 0
      this.take(reader, reader.commit(otherTarget, piece.length))
    }
    this.passing = false
    if (this.status !== 'poisoned') this.readOn()
  }

  /** Acts on what the reader made of the bytes that it was given. */
  private take(reader: ResponseReader, outcome: number): void {
    for (let progress = outcome; ; progress = reader.advance()) {
      switch (progress) {
        case RESPONSE_MORE:
          this.readOn()
          return
        case RESPONSE_INTERIM:
          this.tellInterim(reader.interim)
          break
        case RESPONSE_HEAD:
          this.onHead(reader)
          break
        case RESPONSE_DATA:
          this.streamed?.push(reader.u8.slice(reader.dataAddress, reader.dataAddress + reader.dataLength))
          break
        case RESPONSE_COMPLETE:
          this.complete(reader)
          return
        case RESPONSE_FAILED:
          this.fail(reader.error ?? unexpectedData())
          return
      }
      // An observer or a consumer may have ended the exchange.
      if (this.active !== reader) return
    }
  }

  /** A callback that throws fails the request, as there is nobody else to tell. */
  private tellInterim(response: InterimResponse): void {
    try {
      this.onInterim?.(response)
    } catch (error) {
      this.abandon('RequestAborted', 'onInterim threw', error)
    }
  }

  /** Asks for more, unless a consumer of the body has enough to do. */
  private readOn(): void {
    if (!this.passing && (this.streamed === null || this.streamed.wantsMore)) this.transport.resume()
  }

  /** The head of a response whose body is streamed. */
  private onHead(reader: ResponseReader): void {
    const resolve = this.resolve as ((response: StreamedResponse) => void) | null
    this.streamed = new StreamedResponse(new HttpResponse(reader, this), {
      more: () => {
        if (this.status === 'busy') this.transport.resume()
      },
      cancel: () => this.abandon('RequestAborted', 'the body was not read to its end'),
    })
    this.resolve = null
    resolve?.(this.streamed)
  }

  /** The response is there. */
  private complete(reader: ResponseReader): void {
    const isWhole = this.body === null || this.body.isWhole
    // That the source of a body still has to say that this was all matters to nobody now.
    if (this.body !== null && isWhole && this.transport.lastWrite === 'fully') this.endWriting()
    if (this.writing === null || !isWhole || reader.surplus !== 0) {
      this.settle(reader, false)
      return
    }
    // It nearly always is there because the server has read all of the request, and the system tells of that a moment later. A response that
    // really overtakes its request, such as a 413, waits in vain.
    this.held = reader
    this.alarm.set(Number.POSITIVE_INFINITY)
    this.grace.begin()
    this.readOn()
  }

  /** Gives the response out, and decides what becomes of the connection. `isFollowed`: bytes have come that belong to nothing. */
  private settle(reader: ResponseReader, isFollowed: boolean): void {
    const { streamed, resolve } = this
    const response = new HttpResponse(reader, this)
    this.times[COMPLETED] = this.times[READ] as number
    this.answered++
    if (reader.keepAliveTimeout !== this.keepAlive) {
      this.keepAlive = reader.keepAliveTimeout
      this.owner?.onKeepAlive(this.keepAlive)
    }
    const isLeftOver = isFollowed || reader.surplus !== 0
    // A response that overtook its request leaves the server in the middle of reading it.
    const reusable = reader.reusable && !isLeftOver && this.writing === null
    this.endExchange()
    this.status = 'idle'
    if (reusable) this.readOn()
    else this.lose(isLeftOver ? unexpectedData() : null, !isLeftOver)
    if (streamed !== null) streamed.end(null)
    else (resolve as ((response: HttpResponse) => void) | null)?.(response)
  }

  private fail(error: HttpError): void {
    if (this.status !== 'busy') {
      this.lose(error, false)
      return
    }
    this.lose(unusableResponse(error, this.outcome()), false)
  }

  private onTimeout(): void {
    if (this.status !== 'busy') return
    const { phase } = this.outcome()
    const waitingFor = phase === 'send' ? 'the system to take the request' : `the ${phase}`
    this.abandon('RequestTimeout', `no complete response within ${this.limit} ms (timeout), while waiting for ${waitingFor}`)
  }

  private abandon(code: 'RequestTimeout' | 'RequestAborted', message: string, cause?: unknown): void {
    if (this.status !== 'busy') return
    this.lose(abandonedRequest(code, message, this.outcome(), cause), false)
  }

  /** The source of a streaming request has ended, or failed. */
  private onBodyEnd(error: unknown): void {
    if (error === null) {
      this.body = null
      this.endWriting()
    } else {
      this.lose(
        new RestError('RequestBodyFailed', 'the source of the request body failed', { ...this.outcome(), fault: 'local', cause: error }),
        false,
      )
    }
  }

  /** How far the exchange under way has got. */
  private outcome(): Outcome {
    const requestSent = this.body?.sent ?? this.transport.lastWrite
    const phase = this.active?.hasBegun ? 'body' : requestSent === 'fully' ? 'first byte' : 'send'
    return { requestSent, phase, elapsed: this.clock.now() - (this.times[STARTED] as number) }
  }

  /** Out of use, for good. */
  private lose(error: Error | null, gracefully: boolean): void {
    if (this.status === 'poisoned') return
    const inUse = this.status === 'busy'
    const { reject, streamed, owner } = this
    const failure = inUse ? lostRequest(error, this.outcome()) : error
    this.status = 'poisoned'
    this.failure = failure
    if (inUse) this.endExchange()
    this.alarm.stop()
    this.endTransport(gracefully)
    owner?.onDown(failure, inUse)
    if (failure === null || !inUse) return
    if (streamed !== null) streamed.end(failure)
    else reject?.(failure)
  }

  private endTransport(gracefully: boolean): void {
    const { transport } = this
    if (this.isClosed) return
    transport.end()
    if (!gracefully) {
      transport.destroy()
      return
    }
    // The server's end is awaited, so that it gets to see ours (with TLS, the close_notify).
    this.closeTimer = this.clock.set(() => transport.destroy(), this.closeTimeout)
    transport.resume()
  }

  private endExchange(): void {
    if (this.active !== this.reader && this.active !== null) this.active.letGo()
    this.active = null
    if (this.held !== null) {
      this.held = null
      this.grace.end()
    }
    this.resolve = null
    this.reject = null
    this.streamed = null
    this.onInterim = undefined
    this.alarm.set(Number.POSITIVE_INFINITY)
    if (this.body !== null) {
      this.body.abandon()
      this.body = null
    }
    if (this.signal !== undefined) {
      this.signal.removeEventListener('abort', this.onAbort)
      this.signal = undefined
    }
  }
}
