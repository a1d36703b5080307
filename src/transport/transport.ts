/**
 * A connection as the shells see it: bytes in, bytes out, an end. One small interface; each runtime implements it in one file.
 *
 * Rule 1: reading is pulled. After `start`, and after each `onRead`, nothing is delivered until `resume` asks for it; a transport
 *         that cannot stop its runtime at once holds back bytes that arrive too early, without touching the target last delivered.
 * Rule 2: `write` is given one run of bytes at a time, which stays untouched until it is written.
 * Rule 3: bytes, then the peer's end, then `onClosed`, which is called exactly once, as the last call. Bytes that had arrived before a connection was lost
 *         are delivered first, to a user that asks for them. After `onClosed`, neither targets nor bytes to write are touched any more.
 * Rule 4: a transport keeps its handler for as long as it may touch targets or bytes to write: the handler owns their memory.
 */

import type { EndProof } from '../end-proof.ts'
import type { ProxyOption } from './proxy-config.ts'
import type { TlsConfig } from './tls-config.ts'
import type { TlsSettings } from './tls-options.ts'
import type { TlsSessions } from './tls-sessions.ts'

/**
 * How much of a write has left this process. `nothing` is certain: no byte of it can have reached the peer. `partly` means that some may have;
 * `fully` that the system has taken all of it.
 */
export type WriteProgress = 'nothing' | 'partly' | 'fully'

/** Receives a transport's events. */
export interface TransportHandler {
  /** `length` bytes (at least 1) lie at the beginning of `targets[index]`. May be called from inside `resume`. */
  onRead(index: number, length: number): void
  /**
   * Where the next bytes go, as target `index`: memory that stays theirs until they are delivered, or to the end. Whoever has it is given its targets at the
   * last moment, by a transport that {@link Transport.asksForTargets}; others fill those of `start`.
   */
  giveTarget?(index: number): Uint8Array
  /** The peer will send no more (FIN, or TLS close_notify); everything before was delivered. May be called from inside `resume`. */
  onEnd(): void
  /** The write that returned false is done: its memory is free again. */
  onWritten(): void
  /**
   * The connection is lost, but bytes or an end that arrived before can still be asked for; `onClosed` follows them. Nothing can be written any more: no
   * `onWritten` follows for the write under way. Not called when nothing waits.
   */
  onLost?(error: Error): void
  /** The connection is gone: null after `destroy` or when both sides have ended, otherwise the error. */
  onClosed(error: Error | null): void
}

/** How requests are written to a proxy that reads them and passes them on. */
export interface Forwarding {
  /** What is to be written instead of `request`: a whole one, or the head of one whose body follows. Valid until the next call. */
  forward(request: Uint8Array, method: string): Uint8Array
}

/** An open connection. */
export interface Transport {
  /** The least number of read targets: 2 when its runtime may read ahead into the next one. It fills all given targets in turn. */
  readonly targetCount: 1 | 2
  /**
   * It asks its handler for each target when bytes are there for it, or a read into it begins. So a connection that is quiet needs no memory. Default false:
   * it keeps to the targets that `start` was given.
   */
  readonly asksForTargets?: boolean | undefined
  /** How much of the last `write` has left; still valid once the connection is gone. */
  readonly lastWrite: WriteProgress
  /** It is TLS already: bytes that are written to it are encrypted, for {@link Transport.serverName}. */
  readonly isSecure?: boolean | undefined
  /** The name that TLS was set up for (SNI, RFC 6066 section 3), when the runtime reports it. */
  readonly serverName?: string | undefined
  /** The protocol that TLS negotiated (ALPN), when it did. */
  readonly alpnProtocol?: string | undefined
  /** The peer's address, when the runtime reports it: `192.0.2.1:443`, `[2001:db8::1]:443`. */
  readonly remoteAddress?: string | undefined
  /** What proves the peer's end; read once `onEnd` was called. Default `unverified`. */
  readonly endProof?: EndProof | undefined
  /** It leads to a proxy that reads requests, which are written by this. Without: to the server, whatever lies between. */
  readonly forwarding?: Forwarding | undefined
  /** Tells where to read to, at least {@link Transport.targetCount} targets, and whom to tell. Called once, before anything else. Nothing is read before `resume`. */
  start(handler: TransportHandler, targets: readonly Uint8Array[]): void
  /** Everything delivered has been used: exactly one `onRead`, `onEnd` or `onClosed` will follow. A second call before that is harmless. */
  resume(): void
  /** Writes `bytes`. True: they are out, and their memory is free. False: `onWritten` follows. Not called again before that. */
  write(bytes: Uint8Array): boolean
  /** Half-closes: the peer sees an end after what was written. Nothing may be written afterwards. Reading goes on. */
  end(): void
  /** Closes at once, without waiting for anything; unread and unwritten bytes are dropped. Harmless when closed. */
  destroy(): void
}

/** Options of a connection, the same on every runtime. One that a runtime cannot honour is refused with `OptionUnsupported` or `TlsOptionUnsupported`. */
export interface DialOptions {
  /** TLS settings, for secure connections. Default: the runtime's own roots and versions. */
  tls?: TlsConfig | undefined
  /** The proxy to connect through. Default none. Not on workerd. */
  proxy?: ProxyOption | undefined
  /** Connect to this Unix domain socket instead of the URL's host and port, which still give `Host` and the name on the certificate. Not on workerd. */
  socketPath?: string | undefined
  /** Send small writes at once (TCP_NODELAY). Default true. */
  noDelay?: boolean | undefined
  /** TCP keep-alive: the idle time in ms before the first probe, 1,000 to 32,767,000, or false for no probes. Default false. */
  keepAlive?: false | number | undefined
  /** Milliseconds for name lookup, TCP connect and TLS handshake together. Default 10,000. */
  connectTimeout?: number | undefined
  /** Abandons the attempt. The rejection is the signal's reason. */
  signal?: AbortSignal | undefined
}

/** Where to connect. */
export interface Address {
  /** Name or IP address, IPv6 without brackets. */
  readonly hostname: string
  /** 1 to 65535. */
  readonly port: number
  /** Speak TLS. */
  readonly secure: boolean
  /** HTTP requests are all that is sent there, so that a proxy may forward them one by one. */
  readonly speaksHttp?: boolean | undefined
}

/** The destination of a connection, as errors name it. */
export interface Destination extends Address {
  /** A Unix domain socket, which stands in for host and port. */
  readonly socketPath?: string | undefined
}

/**
 * Opens a connection. Rejects with TransportError, TlsError, UsageError or the signal's reason. Options are judged before the signal: with one that is
 * aborted, that is all that happens.
 *
 * @param sessions of TLS to the same server: one is resumed, where the runtime can, and new ones are kept in it
 */
export type Dial = (address: Address, options: DialOptions, sessions?: TlsSessions) => Promise<Transport>

/**
 * Does a client's TLS handshake on an open connection, which belongs to the result from then on.
 *
 * @param hostname what the certificate has to be for, unless the settings say otherwise
 * @param sessions as for {@link Dial}
 * @returns rejects with the runtime's own error; the connection is closed then
 */
export type Secure = (transport: Transport, hostname: string, settings: TlsSettings, sessions?: TlsSessions) => Promise<Transport>
