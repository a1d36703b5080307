/**
 * Bun sockets as transports: each chunk is copied once into linear memory, because Bun hands out memory of its own.
 *
 * A chunk that comes unasked is kept, and the socket paused: at most one chunk (512 KiB) waits. The pause is left until then, so a user
 * who asks again at once costs no change of the event loop's mind.
 */

import { TransportError } from '../errors.ts'
import { showsItself } from '../printing.ts'
import { lostError, printAddress } from './connect-errors.ts'
import type { Transport, TransportHandler, WriteProgress } from './transport.ts'

/** The part of a Bun `Socket` that is used. */
export interface BunSocket {
  /** Belongs to whoever made the socket; an accepted one carries its transport here. */
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

/** A Bun socket as a transport; whoever has the handlers passes the events on. */
export class BunTransport implements Transport {
  static {
    showsItself(this.prototype, (it) => ({ remoteAddress: it.remoteAddress, alpnProtocol: it.alpnProtocol, lastWrite: it.lastWrite }))
  }

  readonly targetCount = 1
  readonly remoteAddress: string | undefined
  /** Known once TLS is set up; the socket forgets it when it closes. */
  alpnProtocol: string | undefined
  lastWrite: WriteProgress = 'nothing'
  private handler: TransportHandler | null = null
  private targets: readonly Uint8Array[] = []
  /** Which target is filled next. */
  private filling = 0
  /** Copies of what came unasked, oldest first. */
  private readonly held: Uint8Array[] = []
  private paused = false
  /** `resume` has asked and has not been answered. */
  private asked = false
  /** `onRead` is running further up the stack; the loop there goes on when it asks for more. */
  private delivering = false
  private readEnded = false
  private endDelivered = false
  /** What the socket did not take of the last write. */
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
    this.targets = targets
    if (this.closed && this.failure !== null) queueMicrotask(() => this.report())
  }

  resume(): void {
    if (this.asked || this.destroyed) return
    this.asked = true
    if (!this.delivering) this.answer()
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
    this.held.length = 0
    // Its memory may be another connection's from the close on.
    this.unwritten = NOTHING
    // Not `terminate`: that resets the connection, and the peer loses what was written just before.
    if (!this.closed) this.socket.close()
    queueMicrotask(() => this.report())
  }

  onSecured(): void {
    this.alpnProtocol = this.socket.alpnProtocol || undefined
  }

  onData(chunk: Uint8Array): void {
    if (this.destroyed) return
    const used = this.asked && this.held.length === 0 && !this.delivering ? this.deliver(chunk) : 0
    if (used === chunk.length || this.destroyed) return
    this.held.push(chunk.slice(used))
    if (!this.paused && !this.closed) {
      this.paused = true
      this.socket.pause()
    }
  }

  onEnd(): void {
    // A reset that a write finds first is told to nobody: the write is refused, and the rest looks like an end.
    if (this.refused && !this.endAsked) {
      this.failure ??= new TransportError('ConnectionReset', 'the peer reset the connection (a write was refused)')
      this.socket.close()
      return
    }
    this.readEnded = true
    if (!this.delivering) this.answer()
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
    this.failure ??= error ?? null
    if (this.destroyed) return
    if (this.failure === null && this.unwritten.length > 0) {
      this.failure = new TransportError('ConnectionClosed', 'the peer closed the connection before everything was written')
    }
    if (this.failure !== null || this.endDelivered) this.report()
    else this.onEnd()
  }

  /** How many bytes the socket took; none when it is closing, which its close event will tell. */
  private take(bytes: Uint8Array): number {
    const taken = this.socket.write(bytes)
    this.refused = taken < 0
    return Math.max(0, taken)
  }

  /** Fills the target from `chunk` as often as the user asks; returns how many bytes were used. */
  private deliver(chunk: Uint8Array): number {
    let used = 0
    this.delivering = true
    while (this.asked && !this.destroyed && used < chunk.length) {
      const index = this.filling
      const target = this.targets[index] as Uint8Array
      const length = Math.min(chunk.length - used, target.length)
      target.set(length === chunk.length ? chunk : chunk.subarray(used, used + length))
      used += length
      this.asked = false
      this.filling = (index + 1) % this.targets.length
      this.handler?.onRead(index, length)
    }
    this.delivering = false
    return used
  }

  /** Gives the user what it asked for, if it is there, and reads on if not. */
  private answer(): void {
    while (this.asked && !this.destroyed && this.held.length > 0) {
      const chunk = this.held[0] as Uint8Array
      const used = this.deliver(chunk)
      if (used === chunk.length) this.held.shift()
      else this.held[0] = chunk.subarray(used)
    }
    if (!this.asked || this.destroyed || this.handler === null) return
    if (!this.readEnded) {
      if (!this.paused) return
      this.paused = false
      this.socket.resume()
      return
    }
    this.asked = false
    if (!this.endDelivered) {
      this.endDelivered = true
      this.handler.onEnd()
    }
    if (this.closed) this.report()
  }

  private report(): void {
    const { handler } = this
    if (handler === null) return
    this.handler = null
    handler.onClosed(this.destroyed || this.failure === null ? null : lostError(this.failure))
  }
}
