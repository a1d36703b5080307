/** The WebSocket itself: messages in by pulling, messages out at once, a close that ends everything. */

import { OPCODE_CLOSE, OPCODE_PING } from '../../assembly/abi.ts'
import type { FrameReader } from '../codec/frame-reader.ts'
import type { Fields } from '../codec/handshake.ts'
import type { BytesInit } from '../codec/inputs.ts'
import { CloseCode, type Message, type OwnedMessage } from '../codec/message.ts'
import { ProtocolError, TransportError, UsageError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import type { Transport } from '../transport/transport.ts'
import type { Connection, ConnectionUser } from './connection.ts'
import { Heartbeat } from './heartbeat.ts'
import { linger } from './linger.ts'
import type { Opened } from './opening.ts'
import type { ResolvedOptions, UpgradeRequest } from './options.ts'
import { type WebSocketStreams, webStreams } from './web-streams.ts'

/** How a connection ended. */
export interface CloseInfo {
  /** The peer's close code; 1005 when its close frame had none, 1006 when there was no close frame. */
  readonly code: number
  /** The peer's reason. */
  readonly reason: string
  /** Both sides sent a close frame (RFC 6455 section 7.1.4). */
  readonly wasClean: boolean
  /** Why the connection failed, if it did. */
  readonly error: Error | null
}

/** Where a connection stands. */
export type ReadyState = 'open' | 'closing' | 'closed'

const YES = Promise.resolve(true)
const NO = Promise.resolve(false)
const EMPTY = new Uint8Array(0)
/** The bit that close, ping and pong have. V8 folds a constant of this module, but not one that is imported. */
const CONTROL = OPCODE_CLOSE

/** An open WebSocket. Made by the static methods of the entry points' `WsStream`. */
export class WsConnection implements ConnectionUser, AsyncIterable<OwnedMessage> {
  /** Chosen subprotocol, `''` for none. */
  readonly protocol: string
  /** Client: fields of the server's response, in order. */
  readonly headers: Fields
  /** Server: what the client asked for; null on a client. */
  readonly request: UpgradeRequest | null
  /** Resolves when the connection is gone, however that came; never rejects. */
  readonly closed: Promise<CloseInfo>

  private readonly connection: Connection
  private readonly reader: FrameReader
  private readonly transport: Transport
  private readonly options: ResolvedOptions
  private readonly runtime: Runtime
  private state: ReadyState = 'open'
  private failure: Error | null = null
  private waiter: { promise: Promise<boolean>; resolve: (more: boolean) => void; reject: (error: Error) => void } | null = null
  private receiving = false
  private closeSent = false
  private closeReceived = false
  /** Received messages are dropped: our side has closed. */
  private discarding = false
  private endReceived = false
  private closeCode: number = CloseCode.Abnormal
  private closeReason = ''
  private resolveClosed!: (info: CloseInfo) => void
  private closeTimer: unknown = null
  private heartbeat: Heartbeat | null = null
  private heartbeatTimer: unknown = null
  /** The last ping that could not be answered yet; older ones need no answer (RFC 6455 section 5.5.3). */
  private owedPong: Uint8Array | null = null
  private released = false

  /** @internal */
  constructor(
    runtime: Runtime,
    opened: Opened,
    /** A failure ends receiving as a clean end does: for those who look at {@link WsConnection.closed} anyway. */
    private readonly endsQuietly = false,
  ) {
    this.runtime = runtime
    this.connection = opened.connection
    this.reader = opened.connection.reader
    this.transport = opened.connection.transport
    this.options = opened.options
    this.protocol = opened.protocol
    this.headers = opened.headers
    this.request = opened.request
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve
    })
    this.connection.handTo(this)
    const { heartbeat, dataTimeout } = opened.options
    if (heartbeat !== null || dataTimeout > 0) {
      this.heartbeat = new Heartbeat(heartbeat?.interval ?? 0, heartbeat?.timeout ?? 0, dataTimeout, runtime.clock.now())
      this.armHeartbeat()
    }
  }

  /** Where the connection stands. */
  get readyState(): ReadyState {
    return this.state
  }

  /** Bytes, frame headers included, that were accepted and have not left. */
  get bufferedAmount(): number {
    return this.state === 'closed' ? 0 : this.connection.sender.bufferedAmount
  }

  /** The protocol that TLS negotiated (ALPN), if any. */
  get alpnProtocol(): string | undefined {
    return this.transport.alpnProtocol
  }

  /** The peer's address, when the runtime tells. */
  get remoteAddress(): string | undefined {
    return this.transport.remoteAddress
  }

  // Receiving.

  /**
   * Waits until {@link WsConnection.next} has a message: true. False at a clean end; rejects when the connection failed, with the messages
   * before the failure still delivered first. Messages taken before are stale after this call, if it has to wait.
   */
  readable(): Promise<boolean> {
    if (this.connection.reader.poll()) return YES
    if (this.waiter !== null) return this.waiter.promise
    if (this.isOver()) {
      this.free()
      return this.failure === null || this.endsQuietly ? NO : Promise.reject(this.failure)
    }
    let resolve!: (more: boolean) => void
    let reject!: (error: Error) => void
    const promise = new Promise<boolean>((yes, no) => {
      resolve = yes
      reject = no
    })
    this.waiter = { promise, resolve, reject }
    if (!this.discarding) this.pull()
    return promise
  }

  /**
   * The next message that has already arrived, borrowed; null when none has. Pings are answered (`autoPong`) and a close is answered when
   * they are taken here. Nothing is allocated.
   */
  next(): Message | null {
    const message = this.reader.next()
    if (message !== null) return (message.flags & CONTROL) === 0 ? message : this.control(message)
    if (this.state === 'closed') this.free()
    return null
  }

  /** Waits for the next message, borrowed; null at a clean end. Rejects when the connection failed, or with `ConcurrentReceive` when another `recv` waits. */
  async recv(): Promise<Message | null> {
    if (this.receiving)
      throw new UsageError('ConcurrentReceive', 'another recv() is waiting on this connection: each would make the other’s message stale')
    this.receiving = true
    try {
      for (;;) {
        const message = this.next()
        if (message !== null) return message
        if (!(await this.readable())) return null
      }
    } finally {
      this.receiving = false
    }
  }

  /** Text and binary messages, owned, until the end. Leaving the loop early closes the connection. Throws when the connection fails. */
  async *[Symbol.asyncIterator](): AsyncGenerator<OwnedMessage, void, undefined> {
    try {
      while (await this.readable()) {
        for (let message = this.next(); message !== null; message = this.next()) {
          if ((message.flags & CONTROL) === 0) yield message.toOwned()
        }
      }
    } finally {
      if (this.state === 'open') this.close(CloseCode.Normal).catch(() => {})
    }
  }

  /** This connection as a pair of WHATWG streams: owned messages out of `readable`, strings and bytes into `writable`, backpressure both ways. */
  streams(): WebSocketStreams {
    return webStreams(this)
  }

  // Sending.

  /**
   * Sends a text message. `undefined`: it left, leaves when this tick ends, or follows what the transport is still writing. A promise: half of
   * the write buffer waits, so await it before the next one; {@link WsConnection.flush} tells when everything is out. Sending does not make
   * received messages stale. Throws `NotOpen`, `InvalidOption` (it is no string), `OutgoingMessageTooLarge` or `SendBufferFull`, and has then sent
   * nothing.
   */
  sendText(text: string): undefined | Promise<void> {
    if (this.state !== 'open') throw this.notOpen()
    return this.connection.sender.text(text)
  }

  /**
   * Sends a binary message; as {@link WsConnection.sendText}. An `ArrayBuffer`, or a view of one: the bytes that it covers are copied before the
   * call returns. Anything else is `InvalidOption`: a string is text, and a `Blob` has to be awaited first (`await blob.arrayBuffer()`).
   */
  sendBinary(bytes: BytesInit): undefined | Promise<void> {
    if (this.state !== 'open') throw this.notOpen()
    return this.connection.sender.binary(bytes)
  }

  /** Sends a ping of at most 125 bytes. Throws `ControlPayloadTooLarge`, `InvalidOption`, `NotOpen` or `SendBufferFull`. */
  sendPing(bytes: BytesInit = EMPTY): undefined | Promise<void> {
    if (this.state !== 'open') throw this.notOpen()
    return this.connection.sender.ping(bytes)
  }

  /** Sends a pong of at most 125 bytes, unasked for or with `autoPong: false`. Throws as {@link WsConnection.sendPing}. */
  sendPong(bytes: BytesInit = EMPTY): undefined | Promise<void> {
    if (this.state !== 'open') throw this.notOpen()
    return this.connection.sender.pong(bytes)
  }

  /** Resolves when everything sent so far has left this process; rejects when the connection is lost before. */
  async flush(): Promise<void> {
    if (this.failure !== null) throw this.failure
    if (this.state !== 'closed') await this.connection.sender.flushed()
  }

  // Ending.

  /**
   * Closes (RFC 6455 section 7): sends what is queued and a close frame, waits for the peer's, and ends the connection; after `closeTimeout` ms
   * it is cut. Messages that arrive meanwhile are dropped, those taken before are stale, and every pending call ends. Resolves like {@link WsConnection.closed}; a second call
   * waits for the first.
   *
   * @param code 1000 to 1003, 1007 to 1014, 3000 to 4999, or 1005 for none. Default 1000. Otherwise rejects with `OutgoingCloseCodeInvalid`
   * @param reason at most 123 bytes of UTF-8. Otherwise rejects with `ControlPayloadTooLarge`
   */
  async close(code: number = CloseCode.Normal, reason = ''): Promise<CloseInfo> {
    if (this.state === 'open') {
      this.connection.sender.close(code, reason)
      this.closeSent = true
      this.startClosing()
      this.discarding = true
      this.discard()
    } else if (!this.discarding) {
      this.discarding = true
      this.discard()
    }
    return this.closed
  }

  /** Cuts the connection at once, without a close frame. Pending calls end; {@link WsConnection.closed} resolves with 1006. */
  destroy(): void {
    if (this.state === 'closed') return
    this.discarding = true
    this.finish(null)
  }

  // ConnectionUser.

  /** @internal */
  onBytes(): void {
    const { reader } = this.connection
    if (this.closeReceived) {
      // Nothing counts after a close frame, whose message may still be in use.
      reader.drop()
      this.connection.resume()
      return
    }
    const ready = reader.poll()
    this.heartbeat?.onBytes(reader.sawData)
    if (this.discarding) this.discard()
    else if (ready) this.wake()
    else this.pull()
  }

  /** @internal */
  onEnd(): void {
    this.endReceived = true
    const { reader } = this.connection
    if (this.closeReceived || this.discarding) {
      this.finish(null)
    } else if (reader.isMidMessage) {
      this.finish(new TransportError('UnexpectedEnd', 'the peer ended the connection in the middle of a message'))
    } else {
      // No close frame, but nothing is missing either: 1006 (RFC 6455 section 7.1.5).
      this.finish(null)
    }
  }

  /** @internal */
  onWritten(): void {
    const pong = this.owedPong
    if (pong === null || this.state !== 'open') return
    this.owedPong = null
    this.connection.sender.ownPong(pong)
  }

  /** @internal */
  onClosed(error: Error | null): void {
    const lost = error === null && !this.closeReceived && !this.endReceived && this.state !== 'closed'
    this.finish(this.closeReceived && this.closeSent ? null : lost ? new TransportError('ConnectionClosed', 'the connection was closed') : error)
  }

  // How it works inside.

  /** Asks the transport for more, unless what is in the reader is the end. The reader is drained. */
  private pull(): void {
    const { reader } = this.connection
    if (reader.error !== null) {
      this.fail(reader.error)
      return
    }
    if (this.state === 'closed') return
    this.heartbeat?.onWaiting(this.runtime.clock.now())
    this.connection.resume()
  }

  private wake(): void {
    const { waiter } = this
    if (waiter === null) return
    this.waiter = null
    waiter.resolve(true)
  }

  /** Nothing more will come out of the reader. */
  private isOver(): boolean {
    if (this.state === 'closed') return true
    const { error } = this.connection.reader
    if (error !== null && this.failure === null) this.fail(error)
    return (this.state as ReadyState) === 'closed'
  }

  private control(message: Message): Message {
    const kind = message.flags & 15
    if (kind === OPCODE_CLOSE) {
      this.closeReceived = true
      this.closeCode = message.closeCode
      this.closeReason = message.text
      // A close frame that was taken after the connection was lost still makes it a clean end.
      if (this.state === 'closed') this.failure = null
      this.answerClose()
    } else if (kind === OPCODE_PING && this.options.autoPong && this.state === 'open') {
      if (this.connection.sender.isBlocked) this.owedPong = message.bytes.slice()
      else this.connection.sender.ownPong(message.bytes)
    }
    return message
  }

  /** The peer's close frame was taken: answer it, then end the connection, the server first (RFC 6455 section 7.1.1). */
  private answerClose(): void {
    if (this.state === 'closed') return
    if (!this.closeSent) {
      this.closeSent = true
      this.connection.sender.close(this.closeCode, '')
    }
    this.startClosing()
    // What still comes is read only to see the end.
    this.discarding = true
    if (this.request !== null) this.endAfterFlush()
    this.connection.resume()
  }

  private endAfterFlush(): void {
    this.connection.sender.flushed().then(
      () => {
        if (this.state !== 'closed') this.transport.end()
      },
      () => {},
    )
  }

  private startClosing(): void {
    if (this.state !== 'open') return
    this.state = 'closing'
    this.stopHeartbeat()
    this.closeTimer = this.runtime.clock.set(() => this.finish(null), this.options.closeTimeout)
  }

  /** Drops what has arrived, looking for the peer's close frame only. */
  private discard(): void {
    const { reader } = this.connection
    for (let message = reader.next(); message !== null; message = reader.next()) {
      if ((message.flags & 15) === OPCODE_CLOSE) this.control(message)
    }
    if (this.state === 'closed') return
    if (reader.error !== null) this.fail(reader.error)
    else this.connection.resume()
  }

  /** The peer broke the protocol: tell it why, and give the connection up (RFC 6455 section 7.1.7). */
  private fail(error: ProtocolError): void {
    if (!this.closeSent && this.state !== 'closed') {
      this.closeSent = true
      this.connection.sender.close(error.closeCode, '')
    }
    this.finish(error)
  }

  /** The one way into `closed`. */
  private finish(error: Error | null): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.failure = error
    this.stopHeartbeat()
    if (this.closeTimer !== null) this.runtime.clock.clear(this.closeTimer)
    const { connection, transport, waiter } = this
    if (error instanceof ProtocolError && !connection.isClosed) {
      // It frees the memory when it is done.
      this.released = true
      linger(this.runtime, connection, this.options.closeTimeout)
    } else {
      connection.sender.stop(error ?? this.notOpen())
      if (!connection.isClosed) {
        transport.end()
        transport.destroy()
      }
    }
    this.resolveClosed({
      code: this.closeCode,
      reason: this.closeReason,
      wasClean: this.closeReceived && this.closeSent && error === null,
      error,
    })
    // Messages that arrived before the end may still be taken, and one may be in use; without any, the memory goes back now.
    if (this.discarding || !(connection.reader.isHeld || connection.reader.poll())) this.free()
    if (waiter === null) return
    this.waiter = null
    if (error === null || this.endsQuietly) waiter.resolve(false)
    else waiter.reject(error)
  }

  private free(): void {
    if (this.released) return
    this.released = true
    this.connection.release()
  }

  private notOpen(): UsageError {
    return new UsageError('NotOpen', `the connection is ${this.state}`, { cause: this.failure })
  }

  // Heartbeat.

  private armHeartbeat(): void {
    const { heartbeat } = this
    if (heartbeat === null) return
    const { clock } = this.runtime
    const delay = Math.max(1, heartbeat.deadline - clock.now())
    this.heartbeatTimer = clock.set(() => this.beat(), Math.min(delay, 2 ** 31 - 1))
  }

  private beat(): void {
    const { heartbeat } = this
    if (heartbeat === null || this.state !== 'open') return
    switch (heartbeat.due(this.runtime.clock.now())) {
      case 'heartbeat-timeout':
        this.finish(new TransportError('HeartbeatTimeout', `nothing came within ${this.options.heartbeat?.timeout} ms of a ping`))
        return
      case 'data-timeout':
        this.finish(new TransportError('DataTimeout', `no text or binary message came within ${this.options.dataTimeout} ms`))
        return
      case 'ping':
        this.connection.sender.ownPing()
        break
      case 'nothing':
    }
    this.armHeartbeat()
  }

  private stopHeartbeat(): void {
    if (this.heartbeatTimer !== null) this.runtime.clock.clear(this.heartbeatTimer)
    this.heartbeat = null
  }
}
