/** `WsStream`: the ways to open a WebSocket. An entry point gives it its runtime. */

import type { UpgradeHead } from '../codec/ws/upgrade.ts'
import { type Family, readOptions } from '../option-rules.ts'
import type { Runtime } from '../runtime.ts'
import { checkTransport } from '../transport/dial-options.ts'
import { secureOver } from '../transport/secure-over.ts'
import { TlsSessions } from '../transport/tls-sessions.ts'
import type { Transport } from '../transport/transport.ts'
import { WsStreamBuilder } from './builder.ts'
import { checkRequest, type Opened, openClient, openServer } from './opening.ts'
import { ACCEPT_OPTIONS, type AcceptOptions, CONNECT_OPTIONS, type ConnectOptions, resolveOptions } from './options.ts'
import { SESSION_OPTIONS, type SessionOptions, sessions } from './sessions.ts'
import { parseWsUrl, type WsTarget } from './url.ts'
import { WsConnection } from './ws-connection.ts'

/** The class whose static method was called: an entry point's, or one that its user derived from it. */
export interface WsStreamClass<Stream extends WsStream> {
  /** @internal */
  readonly _$ground: Runtime
  new (opened: Opened): Stream
}

/** The static methods that make a stream. */
export type WsStreamWays = Pick<typeof WsStream, 'connect' | 'connectWith' | 'accept' | 'sessions'>

/** A WebSocket (RFC 6455), client or server. */
export class WsStream extends WsConnection {
  /** @internal */
  static readonly _$ground: Runtime

  /**
   * Connects and upgrades.
   *
   * Rejects with `InvalidUrl`, `InvalidOption`, a {@link TransportError} (`ConnectRefused`, `HostNotFound`, `ConnectTimeout` …), a
   * {@link TlsError}, a {@link HandshakeError} (`UnexpectedStatus` has the server's answer), or the signal's reason.
   *
   * ```ts
   * const ws = await WsStream.connect('wss://exchange.example/ws', { headers: { 'X-Api-Key': key } })
   * while (await ws.readable()) {
   *   for (let m; (m = ws.next()) !== null; ) if (m.kind === 'text') onQuote(m.text)
   * }
   * ```
   *
   * @param url `ws:` or `wss:` (`http:` and `https:` mean the same); user and password in it become Basic credentials
   */
  static async connect<Stream extends WsStream>(this: WsStreamClass<Stream>, url: string | URL, options: ConnectOptions = {}): Promise<Stream> {
    const target = parseWsUrl(url)
    const read = readOptions(CONNECT_OPTIONS, options)
    resolveOptions(read)
    checkRequest(read)
    return new this(await dialAndOpen(this._$ground, target, read))
  }

  /**
   * Upgrades over a connection that the caller made, like {@link WsStream.connect}. The URL gives `Host`, path, and whether TLS is put over the connection
   * first: for `wss:`, always with `options.tls`, and without it unless the connection `isSecure` already, for the URL's host. Closes it on failure.
   */
  static async connectWith<Stream extends WsStream>(
    this: WsStreamClass<Stream>,
    transport: Transport,
    url: string | URL,
    options: ConnectOptions = {},
  ): Promise<Stream> {
    let target!: WsTarget
    let read!: ConnectOptions
    const secured = await secureOver(this._$ground, transport, () => {
      target = parseWsUrl(url)
      read = readOptions(CONNECT_OPTIONS, options)
      resolveOptions(read)
      checkRequest(read)
      return { address: target.address, options: read }
    })
    return new this(await openClient(this._$ground, secured, target, read))
  }

  /**
   * Serves an opening handshake on an accepted connection. A request that is no valid upgrade, or that `onRequest` refuses, is answered
   * (400, 405, 426, 431 or the application's status), the connection is closed, and the promise rejects with a {@link HandshakeError}.
   */
  static async accept<Stream extends WsStream>(this: WsStreamClass<Stream>, transport: Transport, options: AcceptOptions = {}): Promise<Stream> {
    const read = readOptions(ACCEPT_OPTIONS, options)
    return new this(await openServer(this._$ground, checkTransport(transport), read))
  }

  /**
   * Streams, one after the other: when one ends, the next is opened after a pause (100 ms doubling to 30 s, jittered, starting again at 100 ms after a
   * stable session). Leave the loop or abort `signal` to stop. In these streams a lost connection ends receiving instead of throwing; `await ws.closed` and
   * `onDown` give the reason.
   *
   * ```ts
   * const onOpen = (ws) => ws.sendText('{"op":"subscribe","symbols":["BTC-USD"]}')
   * for await (const ws of WsStream.sessions('wss://exchange.example/ws', { onOpen })) {
   *   for await (const message of ws) onMessage(message)
   * }
   * ```
   */
  static sessions<Stream extends WsStream>(
    this: WsStreamClass<Stream>,
    url: string | URL,
    options: SessionOptions<Stream> = {},
  ): AsyncGenerator<Stream, void, undefined> {
    const target = parseWsUrl(url)
    const { backoff, stableAfter, onOpen, onDown, shouldRetry, ...connect } = readOptions(SESSION_OPTIONS as Family<SessionOptions<Stream>>, options)
    resolveOptions(connect)
    checkRequest(connect)
    const tlsSessions = new TlsSessions(this._$ground.date)
    const open = async (): Promise<Stream> => new this({ ...(await dialAndOpen(this._$ground, target, connect, tlsSessions)), endsQuietly: true })
    return sessions(this._$ground, open, { backoff, stableAfter, onOpen, onDown, shouldRetry, signal: connect.signal })
  }

  /** A builder with every option at its default. */
  static builder<Stream extends WsStream>(this: WsStreamClass<Stream> & WsStreamWays): WsStreamBuilder<Stream> {
    return new WsStreamBuilder<Stream>({
      connect: (url, options) => this.connect<Stream>(url, options),
      connectWith: (transport, url, options) => this.connectWith<Stream>(transport, url, options),
      accept: (transport, options) => this.accept<Stream>(transport, options),
      sessions: (url, options) => this.sessions<Stream>(url, options),
    })
  }
}

/** @param options that were read by their family */
async function dialAndOpen(runtime: Runtime, target: WsTarget, options: ConnectOptions, tlsSessions?: TlsSessions): Promise<Opened> {
  return openClient(runtime, await runtime.dial(target.address, options, tlsSessions), target, options)
}

/** As {@link WsStream.accept}, for a request whose head a server of the platform's has read. */
export async function acceptHead<Stream extends WsStream>(
  Class: WsStreamClass<Stream>,
  transport: Transport,
  head: UpgradeHead,
  options: AcceptOptions,
): Promise<Stream> {
  return new Class(await openServer(Class._$ground, transport, readOptions(ACCEPT_OPTIONS, options), head))
}
