/** A connection through a proxy: first it asks for the tunnel, then it is the server's, and passes on what comes. */

import type { TunnelRequest } from '../codec/tunnel.ts'
import { TransportError } from '../errors.ts'
import type { Transport, TransportHandler, WriteProgress } from '../transport/transport.ts'

/** Bytes of a read from the proxy. */
const READ_SIZE = 65_536
const NOTHING = new Uint8Array(0)

/** A transport over another one, whose first bytes are the proxy's. Reads are copied once. */
export class TunnelTransport implements Transport, TransportHandler {
  readonly targetCount = 1
  private handler: TransportHandler | null = null
  private targets: readonly Uint8Array[] = []
  /** Which target is filled next. */
  private filling = 0
  private readonly buffers: readonly Uint8Array[]
  /** What has come and has not been passed on. It lies in a buffer, which stays as it is until the next `resume`. */
  private pending: Uint8Array = NOTHING
  private asked = false
  /** The proxy's part of what was written is not out yet. */
  private isWriting = false
  private request: TunnelRequest | null
  private settle: ((error: unknown) => void) | null = null
  private isClosed = false
  private failure: Error | null = null

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
    this.targets = targets
    if (this.isClosed) queueMicrotask(() => this.handler?.onClosed(this.failure))
  }

  resume(): void {
    this.asked = true
    if (this.pending.length > 0) this.deliver()
    else this.below.resume()
  }

  write(bytes: Uint8Array): boolean {
    return this.below.write(bytes)
  }

  end(): void {
    this.below.end()
  }

  destroy(): void {
    this.below.destroy()
  }

  // What the connection to the proxy tells.

  onRead(index: number, length: number): void {
    const bytes = (this.buffers[index] as Uint8Array).subarray(0, length)
    const { request } = this
    if (request === null) {
      this.pending = bytes
      if (this.asked) this.deliver()
      return
    }
    try {
      // It stays where it is until the user asks for it.
      this.pending = bytes.subarray(request.receive(bytes))
    } catch (error) {
      this.fail(error)
      return
    }
    this.proceed(request)
  }

  onEnd(): void {
    if (this.request === null) this.handler?.onEnd()
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

  onClosed(error: Error | null): void {
    this.isClosed = true
    this.failure = error
    if (this.request === null) this.handler?.onClosed(error)
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

  private deliver(): void {
    const { handler, pending } = this
    const index = this.filling
    const target = this.targets[index] as Uint8Array
    const part = pending.subarray(0, target.length)
    target.set(part)
    this.pending = pending.subarray(part.length)
    this.filling = (index + 1) % this.targets.length
    this.asked = false
    handler?.onRead(index, part.length)
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
