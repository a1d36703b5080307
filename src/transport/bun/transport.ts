/**
 * Bun sockets as transports: each chunk is copied once into linear memory, because Bun delivers it in its own memory.
 *
 * A chunk that arrives unasked is kept, and the socket is paused: at most one chunk (512 KiB) waits. The socket is not paused before, so a user
 * that asks again at once causes no change in the event loop.
 */

import { TransportError } from '../../errors.ts'
import { showsItself } from '../../printing.ts'
import { lostError, printAddress } from '../connect-errors.ts'
import { Inbox, type InboxSource } from '../inbox.ts'
import type { Transport, TransportHandler, WriteProgress } from '../transport.ts'

/** The part of a Bun `Socket` that is used. */
export interface BunSocket {
  /** Belongs to the code that made the socket; an accepted socket carries its transport here. */
  data: unknown
  readonly authorized: boolean
  readonly alpnProtocol: string | false | null
  readonly remoteAddress: string
  readonly remotePort: number
  write(bytes: Uint8Array): number
  shutdown(): void
  close(): void
  pause(): void
  resume(): void
  setNoDelay(on: boolean): boolean
  setKeepAlive(on: boolean, delay: number): boolean
}

/** What `Bun.listen` and `Bun.connect` take as `socket`. */
export interface BunHandlers {
  open(socket: BunSocket): void
  handshake(socket: BunSocket, success: boolean, error: Error | null): void
  data(socket: BunSocket, chunk: Uint8Array): void
  drain(socket: BunSocket): void
  end(socket: BunSocket): void
  close(socket: BunSocket, error?: Error): void
  error(socket: BunSocket, error: Error): void
}

const NOTHING = new Uint8Array(0)

/** A Bun socket as a transport; the socket's handlers pass the events on. */
export class BunTransport implements Transport, InboxSource {
  static {
    showsItself(this.prototype, (it) => ({ remoteAddress: it.remoteAddress, alpnProtocol: it.alpnProtocol, lastWrite: it.lastWrite }))
  }

  readonly targetCount = 1
  readonly asksForTargets = true
  readonly remoteAddress: string | undefined
  /** Known once TLS is set up; the socket forgets it when it closes. */
  alpnProtocol: string | undefined
  lastWrite: WriteProgress = 'nothing'
  private readonly inbox = new Inbox(this)
  private handler: TransportHandler | null = null
  private paused = false
  /** The part of the last write that the socket did not take. */
  private unwritten: Uint8Array = NOTHING
  private endAsked = false
  private destroyed = false
  /** The socket is gone. */
  private closed = false
  private failure: unknown = null
  /** The system refused the last write. */
  private refused = false

  constructor(private readonly socket: BunSocket) {
    const { remoteAddress, remotePort } = socket
    this.remoteAddress = remoteAddress ? printAddress({ hostname: remoteAddress, port: remotePort }) : undefined
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
    if (this.closed) return false
    const taken = this.take(bytes)
    if (taken === bytes.length) {
      this.lastWrite = 'fully'
      return true
    }
    if (taken > 0) this.lastWrite = 'partly'
    this.unwritten = bytes.subarray(taken)
    return false
  }

  end(): void {
    if (this.endAsked || this.closed) return
    this.endAsked = true
    if (this.unwritten.length === 0) this.socket.shutdown()
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.inbox.drop()
    // Its memory may be another connection's from the close on.
    this.unwritten = NOTHING
    // Not `terminate`: that resets the connection, and the peer loses what was written just before.
    if (!this.closed) this.socket.close()
    queueMicrotask(() => this.inbox.close(null))
  }

  readOn(): void {
    if (!this.paused || this.closed) return
    this.paused = false
    this.socket.resume()
  }

  onSecured(): void {
    this.alpnProtocol = this.socket.alpnProtocol || undefined
  }

  onData(chunk: Uint8Array): void {
    this.inbox.pass(chunk)
    if (!this.inbox.hasBytes || this.paused || this.closed) return
    this.paused = true
    this.socket.pause()
  }

  onEnd(): void {
    // When a write finds a reset first, Bun does not report it: the write is refused, and the rest looks like an end.
    if (this.refused && !this.endAsked) {
      this.failure ??= new TransportError('ConnectionReset', 'the peer reset the connection (a write was refused)')
      this.socket.close()
      return
    }
    this.inbox.end()
    // With TLS the peer's end arrives before that of TCP, which a socket that stays paused would never see: it would not close.
    this.readOn()
  }

  onDrain(): void {
    if (this.unwritten.length === 0 || this.closed) return
    const taken = this.take(this.unwritten)
    if (taken < this.unwritten.length) {
      if (taken > 0) this.lastWrite = 'partly'
      this.unwritten = this.unwritten.subarray(taken)
      return
    }
    this.unwritten = NOTHING
    this.lastWrite = 'fully'
    if (this.endAsked) this.socket.shutdown()
    this.handler?.onWritten()
  }

  onError(error: unknown): void {
    this.failure ??= error
  }

  onClose(error: unknown): void {
    this.closed = true
    if (this.destroyed) return
    this.failure ??= error ?? null
    if (this.failure === null && this.unwritten.length > 0) {
      this.failure = new TransportError('ConnectionClosed', 'the peer closed the connection before everything was written')
    }
    // Bun does not always report an end before it closes.
    if (this.failure === null) this.onEnd()
    this.inbox.close(this.failure === null ? null : lostError(this.failure))
  }

  /** How many bytes the socket took; none when it is closing, which its close event reports. */
  private take(bytes: Uint8Array): number {
    const taken = this.socket.write(bytes)
    this.refused = taken < 0
    return Math.max(0, taken)
  }
}
