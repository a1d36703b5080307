/**
 * The client of npm `ws` 8 over a `WsStream`: its class, events, options, messages of errors. Nothing here knows the protocol.
 *
 * Rule 1: what a listener throws is an uncaught exception, as it is with `ws`, and the next message is delivered all the same.
 * Rule 2: `'close'` is the last event, and comes once. `'error'` is emitted before it for what `ws` calls an error: a connection that could not be made,
 *         or a peer that broke the protocol; a connection that is lost is just closed, with 1006.
 */

import { Buffer } from 'node:buffer'
import { EventEmitter } from 'node:events'
import process from 'node:process'
import { Readable } from 'node:stream'
import { report } from '../../callback.ts'
import type { BytesInit } from '../../codec/inputs.ts'
import { listProtocols } from '../../codec/ws/handshake.ts'
import { CloseCode, type Message } from '../../codec/ws/message.ts'
import { HandshakeError, ProtocolError } from '../../errors.ts'
import { showsItself } from '../../printing.ts'
import type { CloseInfo } from '../../ws/closing.ts'
import type { ConnectOptions } from '../../ws/options.ts'
import type { WsStream } from '../../ws/ws-stream.ts'
import { Outbox, type Sendable, sizeOf } from '../outbox.ts'
import { errorOfWs } from './ws-errors.ts'
import { addEventListener, type Listener, type ListenerOptions, listenerOf, removeEventListener } from './ws-events.ts'
import { type ClientOptions, connectOptions, isCloseCode, unsupported } from './ws-options.ts'

/** What the class stands on. */
export interface WsGround {
  readonly WsStream: typeof WsStream
  /** Calls back in a task of its own. */
  readonly queueTask: (callback: () => void) => void
}

/** What can be sent. */
export type Data = string | number | BytesInit | Blob | readonly number[] | null | undefined

/** How it is sent. */
export interface SendOptions {
  binary?: boolean
  compress?: boolean
  /** False for a fragment that others follow: they are put together, and sent with the last. */
  fin?: boolean
  mask?: boolean
}

type Callback = (error?: Error) => void

const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const
const [CONNECTING, OPEN, CLOSING, CLOSED] = [0, 1, 2, 3] as const
const BINARY_TYPES: readonly string[] = ['nodebuffer', 'arraybuffer', 'fragments', 'blob']
const TOO_EARLY = 'WebSocket was closed before the connection was established'

/** What users of `ws` rely on of `_socket`. */
class SocketFace extends EventEmitter {
  readonly #stream: WsStream
  readonly _writableState: { finished: boolean; readonly length: number }

  constructor(stream: WsStream) {
    super()
    this.#stream = stream
    this._writableState = {
      finished: false,
      get length() {
        return stream.bufferedAmount
      },
    }
  }

  get remoteAddress(): string | undefined {
    const { remoteAddress } = this.#stream
    return remoteAddress?.slice(0, remoteAddress.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  }
  get remotePort(): number | undefined {
    const { remoteAddress } = this.#stream
    return remoteAddress === null ? undefined : Number(remoteAddress.slice(remoteAddress.lastIndexOf(':') + 1))
  }
  get bufferSize(): number {
    return this.#stream.bufferedAmount
  }
  destroy(): this {
    this.#stream.destroy()
    return this
  }
  // Set when the connection was made, or nothing that a stream of ours has.
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  setTimeout(): this {
    return this
  }
}

/** The client of npm `ws`. */
export class WebSocket extends EventEmitter {
  static {
    showsItself(this.prototype, ({ readyState, protocol, extensions }) => ({ readyState, protocol, extensions }))
    for (const [i, name] of STATES.entries()) {
      for (const each of [this, this.prototype]) Object.defineProperty(each, name, { value: i, enumerable: true })
    }
    for (const type of ['open', 'error', 'close', 'message']) {
      Object.defineProperty(this.prototype, `on${type}`, {
        get(this: WebSocket) {
          return listenerOf(this, type)
        },
        set(this: WebSocket, listener: unknown) {
          const before = listenerOf(this, type)
          if (before !== null) removeEventListener(this, type, before, true)
          if (typeof listener === 'function') addEventListener(this, type, listener as Listener, {}, true)
        },
        enumerable: true,
        configurable: true,
      })
    }
  }

  /** @internal */
  static readonly _$ground: WsGround

  declare readonly CONNECTING: 0
  declare readonly OPEN: 1
  declare readonly CLOSING: 2
  declare readonly CLOSED: 3
  declare onopen: Listener | null
  declare onmessage: Listener | null
  declare onerror: Listener | null
  declare onclose: Listener | null

  /** The socket below, as far as users of `ws` rely on it; null until the connection is open. */
  _socket: SocketFace | null = null
  readonly #ground: WsGround
  readonly #options: ClientOptions
  readonly #protocols: readonly string[]
  readonly #abort = new AbortController()
  #url: URL
  #readyState: 0 | 1 | 2 | 3 = CONNECTING
  #binaryType = 'nodebuffer'
  #stream: WsStream | null = null
  #redirects = 0
  #isPaused = false
  /** Messages may have arrived while it was paused. */
  #isStalled = false
  #hasEnded = false
  /** Bytes that will not be sent. */
  #kept = 0
  /** Fragments that wait for the last. */
  #fragments: Uint8Array[] = []
  readonly #outbox = new Outbox()

  /**
   * @param address `ws:`, `wss:`, `http:`, `https:` or `ws+unix:`
   * @param protocols subprotocols, or the options
   */
  constructor(address: string | URL, protocols?: string | string[] | ClientOptions, options?: ClientOptions) {
    super()
    this.#ground = (new.target as unknown as { _$ground: WsGround })._$ground
    if (address === null) throw unsupported('the server side')
    const isList = typeof protocols === 'string' || Array.isArray(protocols)
    this.#options = (typeof protocols === 'object' && protocols !== null && !isList ? (protocols as ClientOptions) : options) ?? {}
    const { protocolVersion = 13, protocols: offered = [] } = this.#options
    if (protocolVersion !== 13) throw new RangeError(`Unsupported protocol version: ${protocolVersion} (supported versions: 13)`)
    this.#url = parseAddress(address)
    this.#protocols = checkProtocols(isList ? (protocols as string | string[]) : offered)
    this.#connect(connectOptions(this.#options, this.#protocols))
  }

  get binaryType(): string {
    return this.#binaryType
  }
  set binaryType(type: string) {
    if (BINARY_TYPES.includes(type)) this.#binaryType = type
  }
  get bufferedAmount(): number {
    return this.#kept + this.#outbox.waiting + (this.#stream?.bufferedAmount ?? 0)
  }
  get extensions(): string {
    return this.#stream?.extensions.split(';')[0] ?? ''
  }
  get isPaused(): boolean {
    return this.#isPaused
  }
  get protocol(): string {
    return this.#stream?.protocol ?? ''
  }
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState
  }
  get url(): string {
    return this.#url.href
  }

  addEventListener(type: string, listener: Listener, options: ListenerOptions = {}): void {
    addEventListener(this, type, listener, options, false)
  }
  removeEventListener(type: string, listener: Listener): void {
    removeEventListener(this, type, listener, false)
  }

  /** Sends a message; `callback` is called when it has left, or could not. */
  send(data: Data, options?: SendOptions | Callback, callback?: Callback): void {
    const done = typeof options === 'function' ? options : callback
    const { binary, compress, fin = true } = typeof options === 'object' && options !== null ? options : {}
    const message = this.#checkOpen(data, done)
    if (message === null) return
    const isBinary = binary ?? typeof message !== 'string'
    const how = compress === false ? { compress } : undefined
    if (!this.#outbox.holds(message)) this.#pass(message, isBinary, fin, how, done)
    else
      this.#outbox.put(
        message,
        sizeOf(message),
        (read) => this.#pass(read, isBinary, fin, how, done),
        (error) => done?.(error),
      )
  }

  ping(data?: Data | Callback, mask?: boolean | Callback, callback?: Callback): void {
    this.#control('sendPing', data, mask, callback)
  }
  pong(data?: Data | Callback, mask?: boolean | Callback, callback?: Callback): void {
    this.#control('sendPong', data, mask, callback)
  }

  /** Closes. Throws a `TypeError` for a code that may not be sent, a `RangeError` for a reason of more than 123 bytes. */
  close(code?: number, data: string | Uint8Array = ''): void {
    if (this.#readyState === CONNECTING) {
      this.#giveUp(TOO_EARLY)
      return
    }
    if (this.#readyState !== OPEN) return
    if (code !== undefined && !isCloseCode(code)) throw new TypeError('First argument must be a valid error code number')
    const reason = code === undefined ? '' : Buffer.from(data as string).toString()
    if (Buffer.byteLength(reason) > 123) throw new RangeError('The message must not be greater than 123 bytes')
    this.#readyState = CLOSING
    this.#outbox.after(() => void this.#stream?.close(code ?? CloseCode.NoStatus, reason).then(this.#end))
  }

  /** Cuts the connection. */
  terminate(): void {
    if (this.#readyState === CONNECTING) {
      this.#giveUp(TOO_EARLY)
      return
    }
    if (this.#readyState === CLOSED) return
    this.#readyState = CLOSING
    this.#stream?.destroy()
    this.#stream?.closed.then(this.#end)
  }

  pause(): void {
    if (this.#readyState === OPEN || this.#readyState === CLOSING) this.#isPaused = true
  }
  resume(): void {
    if (this.#readyState === CONNECTING || this.#readyState === CLOSED) return
    this.#isPaused = false
    if (!this.#isStalled) return
    this.#isStalled = false
    process.nextTick(this.#onReadable, true)
  }

  // Connecting.

  #connect(options: ConnectOptions): void {
    const isUnix = this.#url.protocol === 'ws+unix:'
    const [socketPath, path = '/'] = isUnix ? `${this.#url.pathname}${this.#url.search}`.split(':') : []
    const url = isUnix ? `ws://localhost${path}` : this.#url.href
    this.#ground.WsStream.connect(url, { ...options, socketPath, signal: this.#abort.signal }).then(
      (stream) => this.#open(stream),
      (error) => this.#onFailure(error, options),
    )
  }

  #open(stream: WsStream): void {
    if (this.#readyState !== CONNECTING) {
      stream.destroy()
      return
    }
    const { protocol, headers } = stream
    this.#emit('upgrade', responseOf(101, 'Switching Protocols', headers, ''))
    if (this.#readyState !== CONNECTING) {
      stream.destroy()
      return
    }
    if (this.#protocols.length > 0 && protocol === '') {
      stream.destroy()
      this.#fail(new Error('Server sent no subprotocol'))
      return
    }
    this.#stream = stream
    this._socket = new SocketFace(stream)
    this.#readyState = OPEN
    this.#emit('open')
    this.#await()
  }

  #onFailure(error: unknown, options: ConnectOptions): void {
    if (this.#readyState !== CONNECTING) return
    const response = error instanceof HandshakeError && error.code === 'UnexpectedStatus' ? error.response : null
    if (response === null) {
      this.#fail(errorOfWs(error, this.#protocols.length > 0))
      return
    }
    const { status, reason, headers, body } = response
    const location = headers.find(([name]) => name.toLowerCase() === 'location')?.[1]
    if (this.#options.followRedirects && status >= 300 && status < 400 && location !== undefined) {
      this.#follow(location, options)
      return
    }
    const request = requestFace(() => this.#giveUp('socket hang up'))
    if (this.listenerCount('unexpected-response') > 0) this.#emit('unexpected-response', request, responseOf(status, reason, headers, body))
    else this.#fail(errorOfWs(error))
  }

  /** Credentials are for the host that they were given for. */
  #follow(location: string, options: ConnectOptions): void {
    if (++this.#redirects > (this.#options.maxRedirects ?? 10)) {
      this.#fail(new Error('Maximum redirects exceeded'))
      return
    }
    const before = this.#url
    try {
      this.#url = parseAddress(new URL(location, before.href.replace(/^ws/, 'http')))
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    const isElsewhere = this.#url.host !== before.host
    const dropped = isElsewhere || (before.protocol === 'wss:' && this.#url.protocol === 'ws:') ? ['authorization', 'cookie'] : []
    if (isElsewhere) dropped.push('host')
    const headers = (options.headers as [string, string][]).filter(([name]) => !dropped.includes(name.toLowerCase()))
    this.#emit(
      'redirect',
      this.#url.href,
      requestFace(() => this.#giveUp('socket hang up')),
    )
    if (this.#readyState === CONNECTING) this.#connect({ ...options, headers })
  }

  #giveUp(message: string): void {
    if (this.#readyState !== CONNECTING) return
    this.#readyState = CLOSING
    const error = new Error(message)
    this.#abort.abort(error)
    process.nextTick(() => this.#fail(error))
  }

  /** There was no connection. */
  #fail(error: Error): void {
    this.#readyState = CLOSING
    this.#emit('error', error)
    this.#readyState = CLOSED
    this.#emit('close', CloseCode.Abnormal, Buffer.alloc(0))
  }

  // Receiving.

  #await(): void {
    this.#stream?.readable().then(this.#onReadable, this.#onEnd)
  }

  readonly #onReadable = (more: boolean): void => {
    if (!more) {
      this.#onEnd()
      return
    }
    if (this.#options.allowSynchronousEvents === false) {
      if (this.#isPaused) this.#isStalled = true
      else if (this.#deliver()) this.#ground.queueTask(() => this.#onReadable(true))
      else this.#await()
      return
    }
    while (!this.#isPaused && this.#deliver());
    if (this.#isPaused) this.#isStalled = true
    else this.#await()
  }

  readonly #onEnd = (): void => {
    this.#stream?.closed.then(this.#end)
  }

  readonly #end = ({ code, reason, error }: CloseInfo): void => {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#readyState = CLOSING
    if (error instanceof ProtocolError) this.#emit('error', errorOfWs(error))
    const socket = this._socket as SocketFace
    socket._writableState.finished = true
    socket.emit('finish')
    socket.emit('close')
    this.#readyState = CLOSED
    this.#emit('close', code, Buffer.from(reason))
  }

  #deliver(): boolean {
    const message = (this.#stream as WsStream).next()
    if (message === null) return false
    const { kind } = message
    if (kind === 'text') this.#emit('message', Buffer.from(message.bytes), false)
    else if (kind === 'binary') this.#emit('message', this.#dataOf(message), true)
    else if (kind !== 'close') this.#emit(kind, Buffer.from(message.bytes))
    else if (this.#readyState === OPEN) this.#readyState = CLOSING
    return true
  }

  #dataOf({ bytes }: Message): unknown {
    if (this.#binaryType === 'arraybuffer') return bytes.slice().buffer
    if (this.#binaryType === 'blob') return new Blob([bytes as Uint8Array<ArrayBuffer>])
    const buffer = Buffer.from(bytes)
    return this.#binaryType === 'fragments' ? [buffer] : buffer
  }

  #emit(type: string, ...args: unknown[]): void {
    try {
      this.emit(type, ...args)
    } catch (error) {
      report(error)
    }
  }

  // Sending.

  /** What is to be sent; null when nothing is sent any more. Throws while connecting, as `ws` does. */
  #checkOpen(data: Data, done: Callback | undefined): Sendable | null {
    if (this.#readyState === CONNECTING) throw new Error('WebSocket is not open: readyState 0 (CONNECTING)')
    const message = messageOf(data)
    if (this.#readyState === OPEN) return message
    this.#kept += sizeOf(message)
    const state = this.#readyState
    if (done) process.nextTick(done, new Error(`WebSocket is not open: readyState ${state} (${STATES[state]})`))
    return null
  }

  #pass(message: string | BytesInit, isBinary: boolean, fin: boolean, how: { compress: boolean } | undefined, done?: Callback): void {
    const stream = this.#stream as WsStream
    let whole = message
    if (!fin || this.#fragments.length > 0) {
      this.#fragments.push(bytesOf(message).slice())
      if (!fin) {
        if (done) process.nextTick(done)
        return
      }
      whole = Buffer.concat(this.#fragments)
      this.#fragments = []
    }
    try {
      const text = typeof whole === 'string' ? whole : isBinary ? null : bytesOf(whole).toString()
      settle(
        text === null
          ? stream.sendBinary(whole as BytesInit, how)
          : isBinary
            ? stream.sendBinary(Buffer.from(text), how)
            : stream.sendText(text, how),
        done,
      )
    } catch (error) {
      settle(Promise.reject(error), done)
    }
  }

  #control(method: 'sendPing' | 'sendPong', data: Data | Callback, mask: boolean | Callback | undefined, callback: Callback | undefined): void {
    const done = typeof data === 'function' ? data : typeof mask === 'function' ? mask : callback
    const message = this.#checkOpen(typeof data === 'function' ? undefined : data, done)
    if (message === null) return
    const payload = bytesOf(message as string | BytesInit)
    if (payload.length > 125) throw new RangeError('The data size must not be greater than 125 bytes')
    try {
      settle(this.#stream?.[method](payload), done)
    } catch (error) {
      settle(Promise.reject(error), done)
    }
  }
}

function settle(sent: undefined | Promise<void>, done: Callback | undefined): void {
  if (sent === undefined) done && process.nextTick(done)
  else
    sent.then(
      () => done?.(),
      (error) => done?.(error),
    )
}

/** As `ws` reads what is sent: numbers are text, nothing is an empty message. */
function messageOf(data: Data): Sendable {
  if (typeof data === 'number') return `${data}`
  if (typeof data === 'string' || data instanceof Blob || ArrayBuffer.isView(data) || data instanceof ArrayBuffer) return data
  return data ? Buffer.from(data as unknown as ArrayBuffer) : Buffer.alloc(0)
}

function bytesOf(message: string | BytesInit): Buffer {
  if (typeof message === 'string') return Buffer.from(message)
  if (ArrayBuffer.isView(message)) return Buffer.from(message.buffer as ArrayBuffer, message.byteOffset, message.byteLength)
  return Buffer.from(message as ArrayBuffer)
}

/** A URL, judged as `ws` does. */
function parseAddress(address: string | URL): URL {
  let url: URL
  try {
    url = new URL(address)
  } catch {
    throw new SyntaxError('Invalid URL')
  }
  url = /^https?:$/.test(url.protocol) ? new URL(url.href.replace(/^http/, 'ws')) : url
  if (!/^(?:wss?|ws\+unix):$/.test(url.protocol)) {
    throw new SyntaxError('The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"')
  }
  if (url.protocol === 'ws+unix:' && !url.pathname) throw new SyntaxError("The URL's pathname is empty")
  if (url.hash) throw new SyntaxError('The URL contains a fragment identifier')
  return url
}

function checkProtocols(protocols: string | string[]): readonly string[] {
  try {
    return listProtocols(protocols)
  } catch {
    throw new SyntaxError('An invalid or duplicated subprotocol was specified')
  }
}

/** A response as `node:http` has it, as far as users of `ws` look into it. */
function responseOf(statusCode: number, statusMessage: string, headers: readonly (readonly [string, string])[], body: string): Readable {
  const joined: Record<string, string | string[]> = {}
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    if (key === 'set-cookie') joined[key] = [...(joined[key] ?? []), value]
    else joined[key] = key in joined ? `${joined[key]}, ${value}` : value
  }
  return Object.assign(Readable.from(body === '' ? [] : [Buffer.from(body)]), {
    statusCode,
    statusMessage,
    httpVersion: '1.1',
    headers: joined,
    rawHeaders: headers.flat(),
  })
}

/** A request, as far as listeners use it: to give it up. */
function requestFace(giveUp: () => void): EventEmitter {
  return Object.assign(new EventEmitter(), { abort: giveUp, destroy: giveUp })
}
