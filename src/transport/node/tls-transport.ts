/** TLS over an existing connection: a proxy's tunnel, or a caller's own stream. */

import type { EndProof } from '../../end-proof.ts'
import { TransportError } from '../../errors.ts'
import { showsItself } from '../../printing.ts'
import { connectError } from '../connect-errors.ts'
import { Inbox, type InboxSource } from '../inbox.ts'
import type { Secure, Transport, TransportHandler, WriteProgress } from '../transport.ts'
import { TlsCodec } from './tls-codec.ts'

/** Most ciphertext that is read at once: four full records. */
const READ_SIZE = 65_536

/** A transport over a {@link TlsCodec} over a transport. */
class TlsTransport implements Transport, TransportHandler, InboxSource {
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
  readonly isSecure = true
  lastWrite: WriteProgress = 'nothing'
  private readonly inbox = new Inbox(this)
  private handler: TransportHandler | null = null
  private readonly buffers: readonly Uint8Array[]
  /** Received ciphertext that the codec had no room for; it lies in a buffer, which stays unchanged until the next `resume`. */
  private unfed: Uint8Array | null = null
  /** The connection below has been asked for ciphertext. */
  private isReading = false
  /** The connection below has ciphertext that is not out yet. */
  private isWritingBelow = false
  /** The last write: the codec has its bytes; … its ciphertext has been fetched, or a part of it. */
  private isWriting = false
  private isEncrypted = false
  private hasLeft = false
  /** The connection below is gone, and how it was lost. */
  private isClosed = false
  private loss: Error | null = null
  private isDestroyed = false
  /** The inbox has the peer's end. */
  private isEnded = false
  private hasEndedBelow = false

  constructor(
    private readonly below: Transport,
    private readonly codec: TlsCodec,
    private readonly onHandshake: (error: Error | null) => void,
  ) {
    this.buffers = Array.from({ length: below.targetCount }, () => new Uint8Array(READ_SIZE))
  }

  get alpnProtocol(): string | undefined {
    return this.codec.alpnProtocol ?? undefined
  }

  get remoteAddress(): string | undefined {
    return this.below.remoteAddress
  }

  get endProof(): EndProof {
    return this.codec.isTruncated ? 'truncated' : 'verified'
  }

  /** Begins the handshake. */
  open(): void {
    this.codec.onProgress = () => this.onProgress()
    this.below.start(this, this.buffers)
    this.onProgress()
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
    if (this.isClosed || this.isDestroyed || this.codec.failure !== null) return false
    this.lastWrite = 'partly'
    this.isWriting = true
    this.isEncrypted = this.hasLeft = false
    this.codec.encryptInPlace(bytes, () => {
      this.isEncrypted = true
      this.finishWrite()
    })
    this.pump()
    return false
  }

  end(): void {
    if (!this.isDestroyed) this.codec.sendCloseNotify()
  }

  destroy(): void {
    if (this.isDestroyed) return
    this.inbox.drop()
    this.giveUp()
    if (this.isClosed) queueMicrotask(() => this.inbox.close(null))
  }

  /** The next plaintext, or why there is none; or more ciphertext. */
  readOn(): void {
    const { codec, inbox } = this
    const target = codec.buffered === 0 ? null : inbox.target
    const length = target === null ? 0 : codec.readPlaintext(target)
    if (length > 0) inbox.filled(length)
    else if (codec.failure !== null) this.lose(codec.failure)
    else if (codec.hasEnded) this.endInput()
    else if (this.loss !== null) this.lose(this.loss)
    else this.readBelow()
  }

  // What the connection below tells.

  onRead(index: number, length: number): void {
    this.isReading = false
    if (this.codec.hasEnded) {
      this.awaitEndBelow()
      return
    }
    this.feed((this.buffers[index] as Uint8Array).subarray(0, length))
    this.onProgress()
  }

  onEnd(): void {
    this.isReading = false
    this.codec.endTls()
    this.onProgress()
  }

  onWritten(): void {
    this.isWritingBelow = false
    this.advance()
    this.pump()
  }

  onLost(error: Error): void {
    this.inbox.notifyLoss(error)
  }

  onClosed(error: Error | null): void {
    this.isClosed = true
    const { codec, inbox } = this
    if (codec.isHandshaking) {
      this.onHandshake(codec.failure ?? cutShort(error))
      codec.destroy()
    } else if (this.isDestroyed || this.isEnded) {
      codec.destroy()
      inbox.close(error)
    } else if (error === null) {
      // What came ahead of it is taken first, and then the end that the codec makes of it.
      codec.endTls()
    } else {
      this.loss = error
      if (codec.buffered > 0) inbox.notifyLoss(error)
      else this.lose(error)
    }
  }

  private onProgress(): void {
    const { codec } = this
    this.pump()
    if (codec.failure !== null && codec.isHandshaking) {
      this.onHandshake(codec.failure)
      this.destroy()
      return
    }
    if (codec.isHandshaking) {
      this.readBelow()
      return
    }
    this.onHandshake(null)
    if (this.inbox.wantsMore) this.inbox.serve()
    // The failure is reported, whether the user asks for bytes or not.
    else if (codec.failure !== null) {
      if (codec.buffered === 0) this.lose(codec.failure)
      else this.inbox.notifyLoss(codec.failure)
    }
  }

  private endInput(): void {
    this.isEnded = true
    this.inbox.end()
    if (this.isClosed) {
      this.codec.destroy()
      this.inbox.close(null)
    } else this.awaitEndBelow()
  }

  /** The user asks for nothing after the end; but the connection below closes only when its own end has been read. Bytes before that are no TLS any more. */
  private awaitEndBelow(): void {
    if (this.isReading || this.isClosed || this.isDestroyed) return
    this.isReading = true
    this.below.resume()
  }

  /** The connection can't be used any more: bytes that have arrived are still delivered. */
  private lose(error: Error): void {
    this.giveUp()
    this.inbox.close(error instanceof TransportError ? error : lost(error))
  }

  private giveUp(): void {
    this.isDestroyed = true
    this.codec.destroy()
    this.below.destroy()
  }

  private readBelow(): void {
    if (this.isReading || this.isClosed || this.isDestroyed) return
    if (this.unfed !== null) this.feed(this.unfed)
    if (this.unfed !== null || !this.codec.wantsRead) return
    this.isReading = true
    this.below.resume()
  }

  private feed(bytes: Uint8Array): void {
    const taken = this.codec.readTls(bytes)
    this.unfed = taken < bytes.length ? bytes.subarray(taken) : null
  }

  /** Writes the codec's ciphertext to the connection below. */
  private pump(): void {
    const { codec, below } = this
    for (let bytes = codec.peekTls(); bytes !== null && !this.isWritingBelow && !this.isClosed; bytes = codec.peekTls()) {
      this.hasLeft = true
      if (below.write(bytes)) this.advance()
      else this.isWritingBelow = true
    }
    if (codec.hasEndedOutput && !this.hasEndedBelow && !this.isWritingBelow) {
      this.hasEndedBelow = true
      below.end()
    }
  }

  private advance(): void {
    this.codec.advanceTls(this.codec.peekTls()?.length ?? 0)
    this.finishWrite()
  }

  /** Some engines take a write at once and pass it on later: it is done when its ciphertext is. */
  private finishWrite(): void {
    if (!this.isWriting || !this.isEncrypted || !this.hasLeft || this.codec.wantsWrite) return
    this.isWriting = false
    this.lastWrite = 'fully'
    this.handler?.onWritten()
  }
}

function lost(cause: Error): TransportError {
  return new TransportError('TransportFailed', `the TLS connection failed: ${cause.message}`, { cause })
}

/** The connection below was lost in the handshake: as the runtimes report it where they speak TLS themselves. */
function cutShort(cause: Error | null): Error {
  return Object.assign(new Error('the connection was lost during the TLS handshake', { cause: cause ?? undefined }), { code: 'ECONNRESET' })
}

/** Secures an open connection with the engine of `node:tls`. */
export const secureWithNode: Secure = (transport, hostname, settings, sessions) =>
  new Promise((resolve, reject) => {
    const codec = new TlsCodec(hostname, { settings, sessions })
    let isDone = false
    const secured = new TlsTransport(transport, codec, (error) => {
      if (isDone) return
      isDone = true
      if (error === null) resolve(secured)
      else reject(connectError(error, { hostname, port: 0, secure: true }))
    })
    secured.open()
  })
