/** The options of `WsStream`, fluent and reusable. */

import type { FieldsInit } from '../codec/http/fields.ts'
import type { MaskKeys } from '../codec/ws/mask-keys.ts'
import { type Family, only, readOptions } from '../option-rules.ts'
import { showsItself } from '../printing.ts'
import type { ProxyOption } from '../transport/proxy-config.ts'
import type { TlsConfig } from '../transport/tls-config.ts'
import type { Transport } from '../transport/transport.ts'
import {
  ACCEPT_OPTIONS,
  type AcceptOptions,
  CONNECT_OPTIONS,
  type ConnectOptions,
  type DeflateOptions,
  type HeartbeatOptions,
  resolveOptions,
} from './options.ts'
import { SESSION_OPTIONS, type SessionOptions } from './sessions.ts'

/** What a builder builds with: the static methods of a `WsStream`. */
export interface WsStreamFactory<Stream> {
  connect(url: string | URL, options?: ConnectOptions): Promise<Stream>
  connectWith(transport: Transport, url: string | URL, options?: ConnectOptions): Promise<Stream>
  accept(transport: Transport, options?: AcceptOptions): Promise<Stream>
  sessions(url: string | URL, options?: SessionOptions<Stream>): AsyncGenerator<Stream, void, undefined>
}

/**
 * Collects options. Each method returns a new builder, so that one can be shared and varied; ranges and defaults are those of
 * {@link ConnectOptions}, and a value outside its range throws `InvalidOption` at once.
 *
 * ```ts
 * const feed = WsStream.builder().maxMessageSize(1024 * 1024).heartbeat({ interval: 15_000 })
 * const ws = await feed.connect('wss://exchange.example/ws')
 * ```
 */
export class WsStreamBuilder<Stream> {
  static {
    showsItself(this.prototype, (it) => ({ options: Object.keys(it.options) }))
  }

  readonly #factory: WsStreamFactory<Stream>

  /** @internal */
  constructor(
    factory: WsStreamFactory<Stream>,
    /** The options collected so far. */
    readonly options: Readonly<ConnectOptions> = {},
  ) {
    this.#factory = factory
  }

  /** Bytes of the read buffer. */
  bufferCapacity(bytes: number): WsStreamBuilder<Stream> {
    return this.#with({ bufferCapacity: bytes })
  }
  /** Most bytes of one read. */
  maxReadSize(bytes: number): WsStreamBuilder<Stream> {
    return this.#with({ maxReadSize: bytes })
  }
  /** Share of the buffer up to which an unfinished frame is completed in place. */
  compactAt(share: number): WsStreamBuilder<Stream> {
    return this.#with({ compactAt: share })
  }
  /** Longest head of the opening handshake in bytes. */
  maxHeadSize(bytes: number): WsStreamBuilder<Stream> {
    return this.#with({ maxHeadSize: bytes })
  }
  /** Most fields of that head. */
  maxHeaders(count: number): WsStreamBuilder<Stream> {
    return this.#with({ maxHeaders: count })
  }
  /** Longest received frame in bytes. */
  maxFrameSize(bytes: number): WsStreamBuilder<Stream> {
    return this.#with({ maxFrameSize: bytes })
  }
  /** Longest message in bytes. */
  maxMessageSize(bytes: number): WsStreamBuilder<Stream> {
    return this.#with({ maxMessageSize: bytes })
  }
  /** Bytes of the write buffer. */
  writeBufferCapacity(bytes: number): WsStreamBuilder<Stream> {
    return this.#with({ writeBufferCapacity: bytes })
  }
  /** Most bytes that may wait to be sent. */
  maxBufferedAmount(bytes: number): WsStreamBuilder<Stream> {
    return this.#with({ maxBufferedAmount: bytes })
  }
  /** Compression of messages. */
  perMessageDeflate(wishes: boolean | DeflateOptions): WsStreamBuilder<Stream> {
    return this.#with({ perMessageDeflate: wishes })
  }
  /** TLS settings. */
  tls(config: TlsConfig): WsStreamBuilder<Stream> {
    return this.#with({ tls: config })
  }
  /** The proxy to connect through: a URL, its configuration, `'environment'`, or null. */
  proxy(proxy: ProxyOption): WsStreamBuilder<Stream> {
    return this.#with({ proxy })
  }
  /** A Unix domain socket to connect to instead of the URL's host and port. */
  socketPath(path: string): WsStreamBuilder<Stream> {
    return this.#with({ socketPath: path })
  }
  /** Send small writes at once. */
  noDelay(on: boolean): WsStreamBuilder<Stream> {
    return this.#with({ noDelay: on })
  }
  /** TCP keep-alive: idle ms before the first probe, or false. */
  keepAlive(idle: false | number): WsStreamBuilder<Stream> {
    return this.#with({ keepAlive: idle })
  }
  /** Longest time to connect in ms. */
  connectTimeout(ms: number): WsStreamBuilder<Stream> {
    return this.#with({ connectTimeout: ms })
  }
  /** Longest time for the opening handshake in ms. */
  handshakeTimeout(ms: number): WsStreamBuilder<Stream> {
    return this.#with({ handshakeTimeout: ms })
  }
  /** Longest time for a close in ms. */
  closeTimeout(ms: number): WsStreamBuilder<Stream> {
    return this.#with({ closeTimeout: ms })
  }
  /** Pings and their deadline. */
  heartbeat(options: HeartbeatOptions): WsStreamBuilder<Stream> {
    return this.#with({ heartbeat: options })
  }
  /** Most ms between two text or binary messages. */
  dataTimeout(ms: number): WsStreamBuilder<Stream> {
    return this.#with({ dataTimeout: ms })
  }
  /** Answer pings. */
  autoPong(on: boolean): WsStreamBuilder<Stream> {
    return this.#with({ autoPong: on })
  }
  /** Further fields of the request (or, accepting, of the response). */
  headers(fields: FieldsInit): WsStreamBuilder<Stream> {
    return this.#with({ headers: fields })
  }
  /** Subprotocols, best first. */
  protocols(protocols: string | readonly string[]): WsStreamBuilder<Stream> {
    return this.#with({ protocols })
  }
  /** Source of masking keys. */
  maskKeys(keys: MaskKeys): WsStreamBuilder<Stream> {
    return this.#with({ maskKeys: keys })
  }
  /** Abandons connecting. */
  signal(signal: AbortSignal): WsStreamBuilder<Stream> {
    return this.#with({ signal })
  }

  /** `WsStream.connect` with these options. */
  connect(url: string | URL): Promise<Stream> {
    return this.#factory.connect(url, this.options)
  }
  /** `WsStream.connectWith` with these options. */
  connectWith(transport: Transport, url: string | URL): Promise<Stream> {
    return this.#factory.connectWith(transport, url, this.options)
  }
  /** `WsStream.accept` with these options. */
  accept(transport: Transport, options: AcceptOptions = {}): Promise<Stream> {
    return this.#factory.accept(transport, { ...only(ACCEPT_OPTIONS, this.options), ...readOptions(ACCEPT_OPTIONS, options) })
  }
  /** `WsStream.sessions` with these options. */
  sessions(url: string | URL, options: SessionOptions<Stream> = {}): AsyncGenerator<Stream, void, undefined> {
    const read = readOptions(SESSION_OPTIONS as Family<SessionOptions<Stream>>, options)
    return this.#factory.sessions(url, { ...this.options, ...read })
  }

  #with(options: ConnectOptions): WsStreamBuilder<Stream> {
    const all = { ...this.options, ...options }
    resolveOptions(readOptions(CONNECT_OPTIONS, all))
    return new WsStreamBuilder(this.#factory, all)
  }
}
