/**
 * Deno connections as transports: `read` fills linear memory itself. Needs Deno 2.9: in older versions, `close` did not end a waiting read.
 *
 * Deno's own TLS trusts `caCerts` beside its roots, never instead of them; it can't raise the version, nor leave the certificate unchecked,
 * nor set TCP options on a connection with a client certificate. Settings that need any of it take the engine of `node:tls` (tls.ts);
 * all others take the direct way, at twice the throughput. It has one drawback: an abandoned handshake keeps its socket until the peer
 * answers or ends the connection.
 */

import type { Clock } from '../../clock.ts'
import type { EndProof } from '../../end-proof.ts'
import { UsageError } from '../../errors.ts'
import { showsItself } from '../../printing.ts'
import { type Attempt, makeConnection } from '../attempt.ts'
import { lostError, printAddress } from '../connect-errors.ts'
import { checkSocketPath, checkTcpOptions } from '../dial-options.ts'
import { Inbox, type InboxSource } from '../inbox.ts'
import { nodeDial } from '../node/dial.ts'
import { checkIdentity } from '../node/identity.ts'
import { checkTlsConfig, serverNameFor, type TlsSettings } from '../tls-options.ts'
import type { Dial, Transport, TransportHandler, WriteProgress } from '../transport.ts'
import type { DenoConn } from './conn.ts'
import { secureDenoConn } from './tls.ts'

interface DenoTcpConn extends DenoConn {
  setNoDelay(on: boolean): void
}

interface DenoTlsConn extends DenoConn {
  handshake(): Promise<{ alpnProtocol: string | null }>
}

declare const Deno: {
  connect(options: { hostname: string; port: number; signal: AbortSignal }): Promise<DenoTcpConn>
  connect(options: { transport: 'unix'; path: string; signal: AbortSignal }): Promise<DenoConn>
  startTls(conn: DenoTcpConn, options: { hostname: string; alpnProtocols?: string[] }): Promise<DenoTlsConn>
}

const NOTHING = new Uint8Array(0)
/** Bytes of a read on a quiet connection. One that fills them is followed by reads into targets, for as long as those are as long. */
const QUIET_SIZE = 2_048
/** Bytes of a read that nobody has asked for. */
const DRAIN_SIZE = 16_384

class DenoTransport implements Transport, InboxSource {
  static {
    showsItself(this.prototype, (it) => ({
      remoteAddress: it.remoteAddress,
      isSecure: it.isSecure,
      alpnProtocol: it.alpnProtocol,
      lastWrite: it.lastWrite,
    }))
  }

  readonly targetCount = 1
  readonly asksForTargets = true
  readonly isSecure: boolean
  readonly remoteAddress: string | undefined
  lastWrite: WriteProgress = 'nothing'
  endProof: EndProof = 'unverified'
  private readonly inbox = new Inbox(this)
  private handler: TransportHandler | null = null
  /** What is still to be written; empty when no write is under way. */
  private unwritten: Uint8Array = NOTHING
  /** A read is under way. */
  private reading = false
  /** Where a quiet connection of a thrifty user reads to; a read waits there, so that each connection has its own. */
  private quiet: Uint8Array | null = null
  private isQuiet = true
  private readEnded = false
  private endAsked = false
  private writeEnded = false
  private closed = false
  /** A write has failed: nothing more can be written, but the system may hold bytes that arrived before. */
  private writeLoss: Error | null = null

  constructor(
    private readonly conn: DenoConn,
    readonly alpnProtocol: string | undefined,
  ) {
    this.isSecure = conn.handshake !== undefined
    const { hostname, port } = conn.remoteAddr as { hostname?: string; port?: number }
    this.remoteAddress = hostname === undefined || port === undefined ? undefined : printAddress({ hostname, port })
  }

  start(handler: TransportHandler, targets: readonly Uint8Array[]): void {
    this.handler = handler
    this.inbox.start(handler, targets)
  }

  resume(): void {
    this.inbox.resume()
  }

  write(bytes: Uint8Array): boolean {
    this.lastWrite = 'nothing'
    if (this.closed || this.writeLoss !== null) return false
    this.unwritten = bytes
    this.lastWrite = 'partly'
    this.conn.write(bytes).then(this.onWrote, this.onWriteRefused)
    return false
  }

  end(): void {
    if (this.endAsked || this.closed) return
    this.endAsked = true
    if (this.unwritten.length === 0) this.closeWrite()
  }

  destroy(): void {
    if (this.closed) return
    this.inbox.drop()
    this.close()
    queueMicrotask(() => this.inbox.close(null))
  }

  readOn(): void {
    if (this.reading || this.readEnded || this.closed || this.writeLoss !== null) return
    this.reading = true
    if (!this.inbox.isThrifty) this.isQuiet = false
    this.conn
      .read(this.isQuiet ? (this.quiet ??= new Uint8Array(QUIET_SIZE)) : (this.inbox.target as Uint8Array))
      .then(this.onRead, this.onReadFailed)
  }

  // The callbacks are made once: a read or a write costs its own promise and the one of `then`.

  private readonly onRead = (length: number | null): void => {
    this.reading = false
    if (this.closed) return
    if (length === null) this.onReadEnd(this.isSecure ? 'verified' : 'unverified')
    else {
      const wasQuiet = this.isQuiet
      this.isQuiet = length < QUIET_SIZE
      if (wasQuiet) this.inbox.pass(this.quiet as Uint8Array, length)
      else this.inbox.filled(length)
      if (this.writeLoss !== null) this.drain(this.writeLoss)
    }
  }

  private readonly onReadFailed = (error: unknown): void => {
    this.reading = false
    if (this.closed) return
    // TLS that ends without close_notify. The protocol above knows whether something is missing: many servers end this way after everything was sent.
    if ((error as Error | null)?.name === 'UnexpectedEof') this.onReadEnd('truncated')
    else this.lose(error)
  }

  private onReadEnd(proof: EndProof): void {
    // The system reports a reset once. If a write received it, what follows is not an end.
    if (this.writeLoss !== null) {
      this.lose(this.writeLoss)
      return
    }
    this.endProof = proof
    this.readEnded = true
    this.inbox.end()
    this.closeWhenEnded()
  }

  private readonly onWrote = (length: number): void => {
    if (this.closed) return
    if (length < this.unwritten.length) {
      this.unwritten = this.unwritten.subarray(length)
      this.conn.write(this.unwritten).then(this.onWrote, this.onWriteFailed)
      return
    }
    this.unwritten = NOTHING
    this.lastWrite = 'fully'
    if (this.endAsked) this.closeWrite()
    this.handler?.onWritten()
  }

  /** The first system call of a write failed: it took nothing. What a TLS engine had written before that is not known. */
  private readonly onWriteRefused = (error: unknown): void => {
    if (this.conn.handshake === undefined && !this.closed) this.lastWrite = 'nothing'
    this.onWriteFailed(error)
  }

  private readonly onWriteFailed = (error: unknown): void => {
    if (this.closed) return
    // With the peer's end known there is nothing left to be read; else what it sent before comes first, and then the reason.
    if (this.readEnded) {
      this.lose(error)
      return
    }
    this.writeLoss ??= lostError(error)
    this.drain(this.writeLoss)
  }

  /** Reads the bytes of a lost connection that the system still holds: at most its buffer, as nothing can follow. */
  private drain(reason: Error): void {
    if (this.reading || this.closed) return
    this.reading = true
    const bytes = new Uint8Array(DRAIN_SIZE)
    const onEnd = (): void => this.lose(reason)
    this.conn.read(bytes).then((length) => {
      this.reading = false
      if (this.closed) return
      if (length === null) {
        onEnd()
        return
      }
      this.inbox.push(bytes.subarray(0, length))
      this.drain(reason)
    }, onEnd)
  }

  private closeWrite(): void {
    const onEnded = (): void => {
      this.writeEnded = true
      this.closeWhenEnded()
    }
    // With the peer gone already there is nobody left to tell.
    this.conn.closeWrite().then(onEnded, (error: unknown) => (this.readEnded ? onEnded() : this.onWriteFailed(error)))
  }

  /** Deno has no event for it: we close a connection that has ended both ways as soon as we notice. */
  private closeWhenEnded(): void {
    if (!this.readEnded || !this.writeEnded || this.closed) return
    this.close()
    this.inbox.close(null)
  }

  private lose(error: unknown): void {
    if (this.closed) return
    this.close()
    this.inbox.close(lostError(error))
  }

  /** Deno abandons the current read and write, so their memory is free at once. */
  private close(): void {
    this.closed = true
    closeQuietly(this.conn)
  }
}

/** A connection that is gone already can't be closed again; Deno throws then. */
function closeQuietly(conn: DenoConn): void {
  try {
    conn.close()
  } catch {}
}

/**
 * A transport over an open Deno connection, such as one from `Deno.listen` or `Deno.listenTls`.
 *
 * @param alpnProtocol what `handshake()` of a TLS connection said
 */
export function denoTransport(conn: DenoConn, alpnProtocol?: string): Transport {
  return new DenoTransport(conn, alpnProtocol)
}

/**
 * Connects with `Deno.connect`. All of {@link DialOptions} are honoured but `keepAlive` together with TLS: Deno can set its time only on
 * sockets of `node:net`, whose TLS would read without bounds. It is refused with `OptionUnsupported`; a heartbeat serves the same end.
 */
export function denoDial(clock: Clock): Dial {
  const dialNode = nodeDial(clock, undefined, false)
  return async (address, options) => {
    const path = checkSocketPath(options)
    const tcp = checkTcpOptions(options)
    const tls = address.secure ? checkTlsConfig(options.tls) : null
    if (tls !== null) checkIdentity(tls)
    if (path === null && tcp.keepAlive !== false) {
      if (tls === null) return dialNode(address, options)
      throw new UsageError(
        'OptionUnsupported',
        'keepAlive cannot be set on TLS connections on Deno; use heartbeat (WebSocket) or keepWarm (pool) instead',
      )
    }
    return makeConnection(clock, address, options, async (attempt) => {
      const { signal } = attempt
      const { hostname, port } = address
      const conn = path === null ? await Deno.connect({ hostname, port, signal }) : await Deno.connect({ transport: 'unix', path, signal })
      attempt.hold(() => closeQuietly(conn))
      // TCP's options mean nothing for a Unix domain socket, and Deno's own TLS is for TCP alone.
      if (path === null && tcp.noDelay) (conn as DenoTcpConn).setNoDelay(true)
      if (tls === null) return new DenoTransport(conn, undefined)
      if (path !== null || !isServedByDeno(tls)) return secureDenoConn(conn, hostname, tls)
      return secureByDeno(attempt, conn as DenoTcpConn, hostname, tls)
    })
  }
}

function isServedByDeno(tls: TlsSettings): boolean {
  return tls.ca === null && tls.identity === null && tls.minVersion === '1.2' && !tls.dangerNoVerify
}

async function secureByDeno(attempt: Attempt, tcp: DenoTcpConn, hostname: string, settings: TlsSettings): Promise<Transport> {
  const { alpnProtocols } = settings
  const conn = await Deno.startTls(tcp, {
    hostname: serverNameFor(hostname, settings),
    ...(alpnProtocols.length === 0 ? {} : { alpnProtocols: [...alpnProtocols] }),
  })
  attempt.hold(() => closeQuietly(conn))
  // Without this the handshake would begin with the first read or write, and its failure come as a lost connection.
  const { alpnProtocol } = await conn.handshake()
  return new DenoTransport(conn, alpnProtocol ?? undefined)
}
