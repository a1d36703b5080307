/**
 * The `WebSocket` of browsers (WHATWG, WebSockets standard) over a `WsStream`: names, events and errors are translated here, and nothing else is done.
 *
 * Rule 1: an event is dispatched in a task of its own, never inside of the call that caused it. Each task takes its message from the stream when it
 *         runs: there is no queue of messages, so those that the listeners have not had hold back the peer.
 * Rule 2: what the standard calls failing the connection is an `error` event, with the stream's error, and a `close` event with 1006.
 * Rule 3: what the standard leaves open (limits, timeouts, TLS, proxies, compression) is as the stream has it.
 */

import type { BytesInit } from '../codec/inputs.ts'
import { listProtocols } from '../codec/ws/handshake.ts'
import { CloseCode } from '../codec/ws/message.ts'
import { HandshakeError, type NexusError, TransportError, UsageError } from '../errors.ts'
import { type Family, flag, readOptions } from '../option-rules.ts'
import { showsItself } from '../printing.ts'
import type { CloseInfo } from '../ws/closing.ts'
import { checkRequest } from '../ws/opening.ts'
import { CONNECT_OPTIONS, type ConnectOptions, resolveOptions } from '../ws/options.ts'
import type { WsStream } from '../ws/ws-stream.ts'
import { isBadPort } from './bad-ports.ts'
import { type CloseEvent, closeEventClass, type ErrorEvent, errorEvent, type Listener, type PlainListener, ReceivedMessage } from './events.ts'
import { Outbox, type Sendable, sizeOf } from './outbox.ts'

/** Options of a {@link WebSocket}, its third argument. */
export interface WebSocketOptions extends Omit<ConnectOptions, 'protocols'> {
  /** Compression of messages, as for `WsStream`. Default true: it is offered, as browsers do. */
  perMessageDeflate?: ConnectOptions['perMessageDeflate']
  /** Messages that arrived together are dispatched in one task: faster, but microtasks run only after the last of them. Default false: a task for each. */
  batchedEvents?: boolean
}

/** What the listeners of a {@link WebSocket} receive. */
export interface WebSocketEvents {
  open: Event
  message: MessageEvent
  error: ErrorEvent
  close: CloseEvent
}

/** A listener's options (DOM standard). */
type ListenerOptions = boolean | { capture?: boolean; once?: boolean; passive?: boolean; signal?: AbortSignal }

/** A handler attribute. */
type Handler<Type extends keyof WebSocketEvents> = ((this: WebSocket, event: WebSocketEvents[Type]) => unknown) | null

/** What a {@link WebSocketClass} makes. */
export interface WebSocket extends EventTarget {
  /** 0. */
  readonly CONNECTING: 0
  /** 1. */
  readonly OPEN: 1
  /** 2. */
  readonly CLOSING: 2
  /** 3. */
  readonly CLOSED: 3
  /** The URL, as it was parsed. */
  readonly url: string
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: 0 | 1 | 2 | 3
  /** Payload bytes that were given to {@link WebSocket.send} and had not left when this task began. Those that never leave, because the connection has ended, stay. */
  readonly bufferedAmount: number
  /** Agreed extensions, `''` for none. */
  readonly extensions: string
  /** Chosen subprotocol, `''` for none. */
  readonly protocol: string
  /** What binary messages are given as. Default `'blob'`. */
  binaryType: 'blob' | 'arraybuffer'
  /** Called when the connection is open. */
  onopen: Handler<'open'>
  /** Called for each text and binary message. */
  onmessage: Handler<'message'>
  /** Called when the connection failed, before {@link WebSocket.onclose}. */
  onerror: Handler<'error'>
  /** Called when the connection has ended. */
  onclose: Handler<'close'>
  /**
   * Sends a message: a string as text, bytes as binary; anything else as its string. A `Blob` is read first, and what is sent after it waits. In any
   * state but OPEN nothing is sent; while CONNECTING, it throws an `InvalidStateError`. What can't be buffered (`maxBufferedAmount`, `maxMessageSize`) fails
   * the connection.
   */
  send(data: string | BytesInit | Blob): void
  /**
   * Closes, whatever the state. Throws an `InvalidAccessError` for another code, and a `SyntaxError` for a reason that is too long.
   *
   * @param code 1000, or 3000 to 4999. Default: the close frame has none
   * @param reason at most 123 bytes of UTF-8
   */
  close(code?: number, reason?: string): void
  /** Adds a listener (DOM standard, section 2.7). */
  addEventListener<Type extends keyof WebSocketEvents>(
    type: Type,
    listener: (this: WebSocket, event: WebSocketEvents[Type]) => unknown,
    options?: ListenerOptions,
  ): void
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: ListenerOptions): void
}

/** Makes {@link WebSocket}s. */
export interface WebSocketClass {
  /**
   * Begins to connect. Throws a `SyntaxError` for a URL or subprotocols that cannot be, and `InvalidOption` or `HeaderInjection` for options that cannot be;
   * everything else is an `error` event.
   *
   * @param url `ws:` or `wss:` (`http:` and `https:` mean the same), without a fragment
   * @param protocols subprotocols to offer, best first; a server that chooses none of them fails the connection
   */
  new (url: string | URL, protocols?: string | Iterable<string>, options?: WebSocketOptions): WebSocket
  /** Of all its sockets. */
  readonly prototype: WebSocket
  /** 0. */
  readonly CONNECTING: 0
  /** 1. */
  readonly OPEN: 1
  /** 2. */
  readonly CLOSING: 2
  /** 3. */
  readonly CLOSED: 3
}

/** What the class stands on. */
export interface WebSocketGround {
  /** How it connects. */
  readonly WsStream: typeof WsStream
  /** Calls back in a later task, in order; microtasks run before the next one. */
  readonly queueTask: (callback: () => void) => void
}

const STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const
const { CONNECTING, OPEN, CLOSING, CLOSED } = STATES

const { protocols: _, ...connectOptions } = CONNECT_OPTIONS

/** What its options may be. */
export const WEB_SOCKET_OPTIONS: Family<WebSocketOptions> = {
  ...connectOptions,
  perMessageDeflate: { ...CONNECT_OPTIONS.perMessageDeflate, fallback: true },
  batchedEvents: flag(false),
}

/** Most messages whose tasks are queued at a time: other events of the loop wait for so many at most. */
const MAX_TASKS = 128

/** Most bytes of a reason. */
const MAX_REASON = 123

const NOTHING = new Uint8Array(0)

const FAILED: Omit<CloseInfo, 'error'> = { code: CloseCode.Abnormal, reason: '', wasClean: false }

/** The class of one runtime. */
export function webSocketClass({ WsStream, queueTask }: WebSocketGround): WebSocketClass {
  class WebSocket extends EventTarget {
    static {
      showsItself(this.prototype, ({ readyState, protocol, extensions, binaryType, bufferedAmount }) => ({
        readyState,
        protocol,
        extensions,
        binaryType,
        bufferedAmount,
      }))
      for (const type of ['open', 'message', 'error', 'close']) {
        Object.defineProperty(this.prototype, `on${type}`, {
          get(this: WebSocket) {
            return this.#handlers.get(type)?.callback ?? null
          },
          set(this: WebSocket, value: unknown) {
            this.#handle(type, value)
          },
          configurable: true,
        })
      }
      for (const name of Object.getOwnPropertyNames(this.prototype)) {
        if (name !== 'constructor' && name !== 'toJSON') Object.defineProperty(this.prototype, name, { enumerable: true })
      }
      for (const [name, value] of Object.entries(STATES)) {
        for (const each of [this, this.prototype]) Object.defineProperty(each, name, { value, enumerable: true })
      }
      Object.defineProperty(this.prototype, Symbol.toStringTag, { value: 'WebSocket', configurable: true })
    }

    readonly #url: URL
    readonly #origin: string
    readonly #isBatched: boolean
    readonly #hasProtocols: boolean
    readonly #connecting = new AbortController()
    readonly #handlers = new Map<string, Attribute>()
    /** Listeners for messages, and whether there was none but these: then they are called without the runtime's dispatch. */
    #plain: readonly PlainListener[] = []
    #isPlain = true
    #readyState: 0 | 1 | 2 | 3 = CONNECTING
    #binaryType: 'blob' | 'arraybuffer' = 'blob'
    #stream: WsStream | null = null
    /** Why this side failed the connection. */
    #failure: Error | null = null
    /** The stream is asked for more, or has ended. */
    #isWaiting = true
    /** Tasks that are queued, and how many were queued last. */
    #tasks = 0
    #burst = 1
    readonly #outbox = new Outbox()
    /** Payload bytes: of this task; of those before it, at most; of what will never leave. */
    #fresh = 0
    #older = 0
    #kept = 0

    constructor(url: string | URL, protocols: string | Iterable<string> = [], options: WebSocketOptions = {}) {
      super()
      // biome-ignore lint/complexity/noArguments: undefined is no URL, nothing is no argument.
      if (arguments.length === 0) throw new TypeError('a WebSocket needs a URL')
      this.#url = parseUrl(`${url}`)
      this.#origin = this.#url.origin
      const offered = parseProtocols(protocols)
      const { batchedEvents = false, signal, ...others } = readOptions(WEB_SOCKET_OPTIONS, options)
      const connect: ConnectOptions = { perMessageDeflate: true, ...others, protocols: offered }
      resolveOptions(connect)
      checkRequest(connect)
      this.#isBatched = batchedEvents
      this.#hasProtocols = offered.length > 0
      connect.signal = signal === undefined ? this.#connecting.signal : AbortSignal.any([signal, this.#connecting.signal])
      const opening = isBadPort(this.#url) ? Promise.reject(blockedPort()) : WsStream.connect(this.#url, connect)
      opening.then(
        (stream) => queueTask(() => this.#open(stream)),
        (error) => queueTask(() => this.#end(FAILED, error)),
      )
    }

    get url(): string {
      return this.#url.href
    }

    get readyState(): 0 | 1 | 2 | 3 {
      return this.#readyState
    }

    get bufferedAmount(): number {
      const waiting = this.#stream?.bufferedAmount ?? 0
      return this.#kept + this.#outbox.waiting + this.#fresh + Math.min(this.#older, waiting)
    }

    get extensions(): string {
      return this.#stream?.extensions ?? ''
    }

    get protocol(): string {
      return this.#stream?.protocol ?? ''
    }

    get binaryType(): 'blob' | 'arraybuffer' {
      return this.#binaryType
    }

    set binaryType(type: unknown) {
      const name = `${type}`
      if (name === 'blob' || name === 'arraybuffer') this.#binaryType = name
    }

    send(data: unknown): void {
      // biome-ignore lint/complexity/noArguments: undefined is sent as its string, nothing is a mistake.
      if (arguments.length === 0) throw new TypeError('send needs a message')
      const message = typeof data === 'string' ? data : messageOf(data)
      if (this.#readyState === CONNECTING) throw new DOMException('send() was called before the connection was open', 'InvalidStateError')
      const size = sizeOf(message)
      if (this.#readyState !== OPEN) this.#kept += size
      else if (!this.#outbox.holds(message)) this.#pass(message, size)
      else
        this.#outbox.put(
          message,
          size,
          (read) => this.#pass(read, size),
          (error) => this.#fail(error),
        )
    }

    close(...[code, reason]: [code?: unknown, reason?: unknown]): void {
      const status = code === undefined ? null : clamp(code)
      const text = reason === undefined ? '' : `${reason}`
      if (status !== null && status !== 1000 && (status < 3000 || status > 4999)) {
        throw new DOMException(`close: the code is 1000 or 3000 to 4999, not ${status}`, 'InvalidAccessError')
      }
      if (sizeOf(text) > MAX_REASON) throw new DOMException(`close: the reason is longer than ${MAX_REASON} bytes`, 'SyntaxError')
      const stream = this.#stream
      if (this.#readyState === CONNECTING) {
        this.#failure = new TransportError('ConnectionClosed', 'close() was called before the connection was open')
        this.#connecting.abort(this.#failure)
      } else if (this.#readyState === OPEN && stream !== null) {
        this.#outbox.after(() => void stream.close(status ?? (text === '' ? CloseCode.NoStatus : CloseCode.Normal), text))
      } else return
      this.#readyState = CLOSING
    }

    override addEventListener(type: string, callback: Listener | null, options?: ListenerOptions | null): void {
      super.addEventListener(type, callback, options as AddEventListenerOptions)
      if (`${type}` !== 'message' || !callback) return
      const { capture = false, once = false, signal }: AddEventListenerOptions = typeof options === 'object' ? { ...options } : { capture: options }
      if (capture || signal !== undefined) this.#isPlain = false
      else if (!this.#plain.some((listener) => listener.callback === callback)) this.#plain = [...this.#plain, { callback, once }]
    }

    override removeEventListener(type: string, callback: Listener | null, options?: ListenerOptions | null): void {
      super.removeEventListener(type, callback, options as EventListenerOptions)
      const isCapturing = typeof options === 'object' ? options?.capture : options
      if (`${type}` === 'message' && !isCapturing) this.#plain = this.#plain.filter((listener) => listener.callback !== callback)
    }

    // The connection.

    #open(stream: WsStream): void {
      this.#stream = stream
      if (this.#hasProtocols && stream.protocol === '') {
        this.#fail(new HandshakeError('UnexpectedProtocol', 'the server chose none of the subprotocols that were offered'))
      }
      if (this.#readyState === CONNECTING) {
        this.#readyState = OPEN
        this.dispatchEvent(new Event('open'))
      } else stream.destroy()
      this.#await()
    }

    /** Fails the connection. */
    #fail(error: Error): void {
      this.#failure = error
      this.#readyState = CLOSING
      this.#stream?.destroy()
    }

    #end(info: Omit<CloseInfo, 'error'>, error: Error | null): void {
      const { code, reason, wasClean } = info
      if (!wasClean) this.#kept += this.#older + this.#fresh
      this.#older = this.#fresh = 0
      this.#readyState = CLOSED
      const failure = this.#failure ?? error
      if (failure !== null) this.dispatchEvent(errorEvent(failure))
      this.dispatchEvent(new closeEventClass('close', { code, reason, wasClean }))
    }

    // Receiving.

    #await(): void {
      this.#isWaiting = true
      this.#stream?.readable().then(this.#onReadable, this.#onEnd)
    }

    readonly #onReadable = (more: boolean): void => {
      if (!more) {
        this.#onEnd()
      } else if (this.#isBatched) {
        while (this.#deliver());
        this.#await()
      } else {
        this.#isWaiting = false
        this.#queueTasks(1)
      }
    }

    readonly #listeners = (): readonly PlainListener[] => this.#plain

    readonly #onEnd = (): void => {
      this.#stream?.closed.then(({ error, ...info }) => queueTask(() => this.#end(info, error)))
    }

    #queueTasks(count: number): void {
      this.#burst = count
      this.#tasks += count
      for (let i = 0; i < count; i++) queueTask(this.#onTask)
    }

    readonly #onTask = (): void => {
      this.#tasks--
      if (this.#isWaiting) return
      // Tasks that are queued together run in one turn of the event loop: as many as there may be messages, and no more.
      if (!this.#deliver() || !this.#stream?.isReadable) this.#await()
      else if (this.#tasks === 0) this.#queueTasks(Math.min(2 * this.#burst, MAX_TASKS))
    }

    /** Takes a message and dispatches its event. */
    #deliver(): boolean {
      const stream = this.#stream as WsStream
      for (let message = stream.next(); message !== null; message = stream.next()) {
        const { kind } = message
        if (kind === 'text') return this.#dispatch(message.text)
        if (kind === 'binary')
          return this.#dispatch(this.#binaryType === 'blob' ? new Blob([message.bytes as Uint8Array<ArrayBuffer>]) : message.bytes.slice().buffer)
        if (kind === 'close' && this.#readyState === OPEN) this.#readyState = CLOSING
      }
      return false
    }

    #dispatch(data: string | ArrayBuffer | Blob): true {
      if (this.#isPlain) ReceivedMessage.dispatch(this, data, this.#origin, this.#listeners)
      else this.dispatchEvent(new MessageEvent('message', { data, origin: this.#origin }))
      return true
    }

    // Sending.

    #pass(message: string | BytesInit, size: number): void {
      const stream = this.#stream as WsStream
      if (this.#fresh === 0) {
        this.#older = Math.min(this.#older, stream.bufferedAmount)
        queueTask(this.#settle)
      }
      this.#fresh += size
      try {
        if (typeof message === 'string') stream.sendText(message)
        else stream.sendBinary(size === 0 ? NOTHING : message)
      } catch (error) {
        // The connection has just ended: its events are on their way.
        if ((error as NexusError).code !== 'NotOpen') this.#fail(error as Error)
      }
    }

    /** A task later, what was sent before it counts only as long as it has not left. */
    readonly #settle = (): void => {
      const stream = this.#stream as WsStream
      this.#older = Math.min(this.#older + this.#fresh, stream.bufferedAmount)
      this.#fresh = 0
      if (this.#older === 0) return
      const left = (): void => {
        this.#older = 0
      }
      stream.flush().then(left, () => {})
    }

    // Handler attributes (HTML standard, section 8.1.8.1).

    #handle(type: string, value: unknown): void {
      const known = this.#handlers.get(type)
      const callback = typeof value === 'function' || (typeof value === 'object' && value !== null) ? value : null
      if (known !== undefined && callback !== null) {
        known.callback = callback
      } else if (known !== undefined) {
        this.#handlers.delete(type)
        this.removeEventListener(type, known.listener)
      } else if (callback !== null) {
        const listener = (event: Event): void => {
          if (typeof attribute.callback === 'function' && attribute.callback.call(this, event) === false) event.preventDefault()
        }
        const attribute: Attribute = { callback, listener }
        this.#handlers.set(type, attribute)
        this.addEventListener(type, listener)
      }
    }
  }
  return WebSocket as unknown as WebSocketClass
}

/** The value of a handler attribute, and the listener that stands for it, in its place among the others. */
interface Attribute {
  callback: object
  readonly listener: (event: Event) => void
}

/** Throws a `SyntaxError` for what is no URL of a WebSocket. */
function parseUrl(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
    // Each in turn has the same default port as the other.
    url = new URL(url.href.replace(/^http/, 'ws'))
  } catch {
    throw new DOMException('the URL of a WebSocket is like wss://host:port/path', 'SyntaxError')
  }
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') throw new DOMException('the URL of a WebSocket begins with ws:// or wss://', 'SyntaxError')
  if (url.href.includes('#')) throw new DOMException('the URL of a WebSocket has no fragment', 'SyntaxError')
  return url
}

/** As a union of `DOMString` and `sequence<DOMString>` is read. Names that differ in case alone are the same one, as the web-platform tests have it. */
function parseProtocols(given: unknown): readonly string[] {
  const isSequence = typeof given === 'object' && given !== null && Symbol.iterator in given
  const protocols = isSequence ? Array.from(given as Iterable<unknown>, (each) => `${each}`) : [`${given}`]
  try {
    listProtocols(protocols.map((each) => each.toLowerCase()))
    return listProtocols(protocols)
  } catch (error) {
    throw new DOMException((error as Error).message, 'SyntaxError')
  }
}

function blockedPort(): UsageError {
  return new UsageError('InvalidUrl', 'browsers block the port of this URL, because it is that of another protocol')
}

/** As a union of `BufferSource`, `Blob` and `USVString` is read. */
function messageOf(data: unknown): Sendable {
  if (ArrayBuffer.isView(data) || data instanceof ArrayBuffer || data instanceof Blob) return data
  const isBuffer = /^\[object (?:Shared)?ArrayBuffer\]$/.test(Object.prototype.toString.call(data))
  return isBuffer ? (data as ArrayBuffer) : `${data}`
}

/** As `[Clamp] unsigned short` is read: the nearest whole number, of two the even one. */
function clamp(value: unknown): number {
  const number = Math.min(Math.max(+(value as number), 0), 0xffff)
  if (Number.isNaN(number)) return 0
  const whole = Math.round(number)
  return whole - number === 0.5 && whole % 2 === 1 ? whole - 1 : whole
}
