/**
 * Connections of Cloudflare's `workerd` (`cloudflare:sockets`): each chunk is copied once into linear memory, because a BYOB read transfers its buffer.
 *
 * A socket belongs to the request that made it: connect inside a handler, and keep none of it for another request.
 */

import { connect } from 'cloudflare:sockets'
import type { Clock } from '../../clock.ts'
import type { EndProof } from '../../end-proof.ts'
import { TlsError, UsageError } from '../../errors.ts'
import { showsItself } from '../../printing.ts'
import { makeConnection } from '../attempt.ts'
import { lostError } from '../connect-errors.ts'
import { checkTcpOptions } from '../dial-options.ts'
import { Inbox, type InboxSource } from '../inbox.ts'
import { checkTlsConfig, type TlsSettings } from '../tls-options.ts'
import type { Address, Dial, DialOptions, Secure, Transport, TransportHandler, WriteProgress } from '../transport.ts'
import type { WorkerdSocket } from './sockets.ts'

/** Bytes of one read: as much as the runtime delivers at once. */
const READ_SIZE = 65_536

class WorkerdTransport implements Transport, InboxSource {
  static {
    showsItself(this.prototype, (it) => ({ remoteAddress: it.remoteAddress, isSecure: it.isSecure, lastWrite: it.lastWrite }))
  }

  readonly targetCount = 1
  readonly asksForTargets = true
  readonly isSecure: boolean
  readonly remoteAddress: string | undefined
  lastWrite: WriteProgress = 'nothing'
  endProof: EndProof = 'unverified'
  private readonly inbox = new Inbox(this)
  private handler: TransportHandler | null = null
  // Taken when it starts: a socket whose streams are taken can't be secured any more.
  private reader: ReadableStreamBYOBReader | null = null
  private writer: WritableStreamDefaultWriter<Uint8Array> | null = null
  /** Lent to the runtime while a read is under way, which gives it back. */
  private buffer: ArrayBuffer = new ArrayBuffer(READ_SIZE)
  private reading = false
  private endAsked = false
  private closed = false

  constructor(
    private readonly socket: WorkerdSocket,
    remoteAddress: string | undefined,
  ) {
    this.remoteAddress = remoteAddress
    // Where the socket does not report it, the code that made it knows.
    this.isSecure = (socket.secureTransport ?? 'on') === 'on'
    socket.closed.then(
      () => {},
      (error: unknown) => this.lose(error),
    )
  }

  start(handler: TransportHandler, targets: readonly Uint8Array[]): void {
    this.handler = handler
    this.reader = this.socket.readable.getReader({ mode: 'byob' })
    this.writer = this.socket.writable.getWriter()
    this.inbox.start(handler, targets)
  }

  /**
   * Does the TLS handshake; the secured connection belongs to the result. Throws `TlsOptionUnsupported` for a connection that was not made for it, or is in use.
   *
   * @param serverName the name that the certificate has to be for
   */
  async secure(serverName: string): Promise<WorkerdTransport> {
    if (this.socket.secureTransport !== 'starttls' || this.handler !== null || this.closed) {
      throw new TlsError('TlsOptionUnsupported', 'workerd secures a connection that was made with secureTransport: "starttls", and before it is used')
    }
    // The runtime closes it; the failure is reported elsewhere.
    this.closed = true
    const secured = this.socket.startTls({ expectedServerHostname: serverName })
    const transport = new WorkerdTransport(secured, this.remoteAddress)
    await secured.opened
    return transport
  }

  resume(): void {
    this.inbox.resume()
  }

  write(bytes: Uint8Array): boolean {
    this.lastWrite = 'nothing'
    if (this.closed) return false
    this.lastWrite = 'partly'
    // A copy: after the socket is closed, the runtime may still write the bytes, whose memory may then belong to another connection.
    this.writer?.write(bytes.slice()).then(
      () => {
        if (this.closed) return
        this.lastWrite = 'fully'
        this.handler?.onWritten()
      },
      (error: unknown) => this.lose(error),
    )
    return false
  }

  end(): void {
    if (this.endAsked || this.closed) return
    this.endAsked = true
    // The peer is gone already: ignore it.
    this.writer?.close().then(
      () => this.closeWhenEnded(),
      () => this.closeWhenEnded(),
    )
  }

  destroy(): void {
    if (this.closed) return
    this.inbox.drop()
    this.close()
    queueMicrotask(() => this.inbox.close(null))
  }

  readOn(): void {
    if (this.reading || this.closed) return
    this.reading = true
    this.reader?.read(new Uint8Array(this.buffer)).then(
      ({ value, done }) => {
        this.reading = false
        if (!done) {
          // Used again when all of it has been taken: only then is there another read.
          this.buffer = value.buffer as ArrayBuffer
          this.inbox.push(value)
          return
        }
        if (this.isSecure) this.endProof = 'verified'
        this.inbox.end()
        this.closeWhenEnded()
      },
      // A TLS connection that ends without close_notify fails here like one that is reset: the runtime reports the same for both.
      (error: unknown) => this.lose(error),
    )
  }

  /** Closes a connection that has ended both ways. */
  private closeWhenEnded(): void {
    if (!this.inbox.hasDeliveredEnd || !this.endAsked || this.closed) return
    this.close()
    this.inbox.close(null)
  }

  private lose(error: unknown): void {
    if (this.closed) return
    this.close()
    this.inbox.close(lostError(error))
  }

  private close(): void {
    this.closed = true
    // Writes that are still under way fail with the close; that is ignored. The writer is not aborted: that would keep the connection
    // open until the request ends.
    const ignore = (): void => {}
    this.reader?.cancel().catch(ignore)
    this.socket.close().catch(ignore)
  }
}

/**
 * A transport over a socket of `connect()`, which belongs to it from then on. For `wss:` and `https:` over it, the socket is to be made with `secureTransport: 'starttls'`
 * (or `'on'`, when it is secure already); make it with `allowHalfOpen: true`.
 */
export function workerdTransport(socket: WorkerdSocket): Transport {
  return new WorkerdTransport(socket, undefined)
}

/**
 * Connects with `cloudflare:sockets`. Of the options, `proxy`, `socketPath` and TCP's (`noDelay: false`, `keepAlive`) are refused with `OptionUnsupported`, and of TLS's all but
 * `serverName` with `TlsOptionUnsupported`: the runtime has none of them.
 */
export function workerdDial(clock: Clock): Dial {
  return async (address, options) => {
    const serverName = checkOptions(address, options)
    const { hostname, port, secure } = address
    return makeConnection(clock, address, options, async (attempt) => {
      const secureTransport = !secure ? 'off' : serverName === null ? 'on' : 'starttls'
      let socket = connect({ hostname: hostname.includes(':') ? `[${hostname}]` : hostname, port }, { secureTransport, allowHalfOpen: true })
      attempt.hold(() => {
        socket.close().catch(() => {})
      })
      // `opened` reports a failure; the same on `closed` would be an unhandled rejection.
      socket.closed.catch(() => {})
      const { remoteAddress } = await socket.opened
      if (serverName !== null) {
        socket = socket.startTls({ expectedServerHostname: serverName })
        socket.closed.catch(() => {})
        await socket.opened
      }
      return new WorkerdTransport(socket, remoteAddress)
    })
  }
}

/** The name that the server's certificate is to be for, when it is not that of the address. Refuses what can't be honoured. */
function checkOptions({ secure }: Address, options: DialOptions): string | null {
  const { noDelay, keepAlive } = checkTcpOptions(options)
  if ((options.proxy !== undefined && options.proxy !== null) || options.socketPath !== undefined) {
    const name = options.socketPath === undefined ? 'proxy' : 'socketPath'
    throw new UsageError('OptionUnsupported', `${name} cannot be set on workerd: connections leave by what its configuration says`)
  }
  if (!noDelay) throw new UsageError('OptionUnsupported', 'noDelay cannot be turned off on workerd: leave it out')
  if (keepAlive !== false)
    throw new UsageError('OptionUnsupported', 'keepAlive cannot be set on workerd: use heartbeat (WebSocket) or keepWarm (pool)')
  return secure ? serverNameOf(checkTlsConfig(options.tls)) : null
}

/**
 * TLS on a connection that {@link workerdTransport} made of a socket of `connect(address, { secureTransport: 'starttls' })`. Of the settings, the server's name is taken; the
 * others are refused with `TlsOptionUnsupported`.
 */
export const secureOnWorkerd: Secure = async (transport, hostname, settings) => {
  const serverName = serverNameOf(settings) ?? hostname
  if (transport instanceof WorkerdTransport) return transport.secure(serverName)
  throw new TlsError('TlsOptionUnsupported', 'workerd secures its own sockets only: hand over workerdTransport(socket)')
}

function serverNameOf(settings: TlsSettings): string | null {
  const { ca, identity, alpnProtocols, serverName, minVersion, resumeSessions, dangerNoVerify } = settings
  const refused = Object.entries({
    ca: ca !== null,
    'cert and key': identity !== null,
    alpnProtocols: alpnProtocols.length > 0,
    minVersion: minVersion !== '1.2',
    resumeSessions: !resumeSessions,
    dangerNoVerify,
  }).find(([, isSet]) => isSet)?.[0]
  if (refused !== undefined) {
    throw new TlsError('TlsOptionUnsupported', `tls.${refused} cannot be set on workerd, whose TLS takes a server name only`)
  }
  return serverName
}
