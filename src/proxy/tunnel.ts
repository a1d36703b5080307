/** A connection through a proxy: first it asks for the tunnel, then it is the server's, and passes on what comes. */

import type { TunnelRequest } from '../codec/http/tunnel.ts'
import { TransportError } from '../errors.ts'
import { showsItself } from '../printing.ts'
import { Inbox, type InboxSource } from '../transport/inbox.ts'
import type { Transport, TransportHandler, WriteProgress } from '../transport/transport.ts'

/** Bytes of a read from the proxy. */
const READ_SIZE = 65_536

/** A transport over another one, whose first bytes are the proxy's. Reads are copied once. */
export class TunnelTransport implements Transport, TransportHandler, InboxSource {
  static {
    showsItself(this.prototype, (it) => ({ remoteAddress: it.remoteAddress, lastWrite: it.lastWrite }))
  }

  readonly targetCount = 1
  readonly asksForTargets = true
  private readonly inbox = new Inbox(this)
  private handler: TransportHandler | null = null
  private readonly buffers: readonly Uint8Array[]
  /** The proxy's part of what was written is not out yet. */
  private isWriting = false
  private request: TunnelRequest | null
  private settle: ((error: unknown) => void) | null = null
  private isClosed = false

  private constructor(
    private readonly below: Transport,
    request: TunnelRequest,
    settle: (error: unknown) => void,
  ) {
    this.request = request
    this.settle = settle
    this.buffers = Array.from({ length: below.targetCount }, () => new Uint8Array(READ_SIZE))
    below.start(this, this.buffers)
  }

  /** Asks for the tunnel. Rejects with what the request throws, or `ProxyFailed`; the connection is closed then. The request stays its maker's. */
  static open(below: Transport, request: TunnelRequest): Promise<TunnelTransport> {
    return new Promise<TunnelTransport>((resolve, reject) => {
      const transport: TunnelTransport = new TunnelTransport(below, request, (error) => {
        if (error === null) resolve(transport)
        else reject(error)
      })
      transport.proceed(request)
    })
  }

  get lastWrite(): WriteProgress {
    return this.below.lastWrite
  }

  get remoteAddress(): string | undefined {
    return this.below.remoteAddress
  }

  start(handler: TransportHandler, targets: readonly Uint8Array[]): void {
    this.handler = handler
    this.inbox.start(handler, targets)
  }

  resume(): void {
    this.inbox.resume()
  }

  readOn(): void {
    this.below.resume()
  }

  write(bytes: Uint8Array): boolean {
    return this.below.write(bytes)
  }

  end(): void {
    this.below.end()
  }

  destroy(): void {
    this.inbox.drop()
    this.below.destroy()
  }

  // Events of the connection to the proxy.

  onRead(index: number, length: number): void {
    const bytes = (this.buffers[index] as Uint8Array).subarray(0, length)
    const { request } = this
    // The bytes stay in place until all of them were asked for: only then is there another read.
    if (request === null) {
      this.inbox.push(bytes)
      return
    }
    try {
      this.inbox.push(bytes.subarray(request.receive(bytes)))
    } catch (error) {
      this.fail(error)
      return
    }
    this.proceed(request)
  }

  onEnd(): void {
    if (this.request === null) this.inbox.end()
    else this.fail(new TransportError('ProxyFailed', 'the proxy closed the connection instead of making the tunnel'))
  }

  onWritten(): void {
    const { request } = this
    if (request === null) {
      this.handler?.onWritten()
      return
    }
    this.isWriting = false
    this.proceed(request)
  }

  onLost(error: Error): void {
    if (this.request === null) this.inbox.notifyLoss(error)
  }

  onClosed(error: Error | null): void {
    this.isClosed = true
    if (this.request === null) this.inbox.close(error)
    else this.fail(new TransportError('ProxyFailed', 'the connection to the proxy was lost before the tunnel was made', { cause: error }))
  }

  /** The next step of the request; or, with the tunnel made, the end of it. One write at a time, and none left to its successor. */
  private proceed(request: TunnelRequest): void {
    if (this.isWriting || this.settle === null) return
    if (request.isOpen) {
      this.request = null
      this.conclude(null)
      return
    }
    const bytes = request.take()
    if (bytes.length > 0) this.isWriting = !this.below.write(bytes)
    this.below.resume()
  }

  private fail(error: unknown): void {
    this.conclude(error)
    if (!this.isClosed) this.below.destroy()
  }

  private conclude(error: unknown): void {
    const { settle } = this
    this.settle = null
    settle?.(error)
  }
}
