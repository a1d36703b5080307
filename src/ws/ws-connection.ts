/** The WebSocket itself: messages in by pulling, messages out at once, a close that ends everything. */

import { OPCODE_CLOSE, OPCODE_PING } from '../../assembly/abi.ts'
import { isThenable } from '../callback.ts'
import { type Fields, packFields, unpackFields } from '../codec/http/fields.ts'
import type { BytesInit } from '../codec/inputs.ts'
import type { FrameReader } from '../codec/ws/frame-reader.ts'
import { closePayload } from '../codec/ws/frame-writer.ts'
import { CloseCode, type Message, type OwnedMessage } from '../codec/ws/message.ts'
import type { MessageBatch } from '../codec/ws/message-batch.ts'
import { checkMade } from '../composition.ts'
import { type TransportError, UsageError } from '../errors.ts'
import { callback, checkOptions, type Family, flag } from '../option-rules.ts'
import { showsItself } from '../printing.ts'
import type { Runtime } from '../runtime.ts'
import type { Transport } from '../transport/transport.ts'
import { type CloseInfo, Closing, type ClosingAction, type ReadyState } from './closing.ts'
import type { Connection, ConnectionUser } from './connection.ts'
import { linger } from './linger.ts'
import { MessageIterator } from './message-iterator.ts'
import type { Opened } from './opening.ts'
import type { ResolvedOptions, UpgradeRequest } from './options.ts'
import { OwedPongs } from './owed-pongs.ts'
import { Pacemaker } from './pacemaker.ts'
import { ANSWERED, ParkedMessages, type Source } from './parked.ts'
import { type WebSocketStreams, webStreams } from './web-streams.ts'

const YES = Promise.resolve(true)
const NO = Promise.resolve(false)
const EMPTY = new Uint8Array(0)
/** The bit that close, ping and pong have. V8 folds a constant of this module, but not one that is imported. */
const CONTROL = OPCODE_CLOSE

/** How a message is sent. */
export interface MessageOptions {
  /** Compress it, or don't. Default: from the `threshold` of `perMessageDeflate` on. */
  compress?: boolean | undefined
}

/** What they may be. */
const MESSAGE_OPTIONS: Family<MessageOptions> = { compress: flag() }

/** What a handler of messages may be. */
const HANDLER = callback<(message: Message) => unknown>('(message) => onQuote(message.text)')

/** Who waits for a message. */
interface Waiter {
  readonly resolve: (more: boolean) => void
  readonly reject: (error: Error) => void
}

/** An open WebSocket. Made by the static methods of the entry points' `WsStream`. */
export class WsConnection implements AsyncIterable<OwnedMessage> {
  static {
    showsItself(this.prototype, (it) => ({
      readyState: it.readyState,
      protocol: it.protocol,
      extensions: it.extensions,
      role: it.request === null ? 'client' : 'server',
      remoteAddress: it.remoteAddress,
      bufferedAmount: it.bufferedAmount,
    }))
  }

  /** What a handler of {@link WsConnection.forEach} returns, or resolves to, when it wants no more messages. */
  static readonly STOP: unique symbol = Symbol('STOP')

  /** Chosen subprotocol, `''` for none. */
  readonly protocol: string
  /** Agreed extensions, as the server named them, `''` for none: `permessage-deflate; server_max_window_bits=12`. */
  readonly extensions: string
  /** Server: the client's opening request; null on a client. */
  readonly request: UpgradeRequest | null

  /** Packed until somebody asks. */
  #headers: Fields | string
  readonly #connection: Connection
  readonly #reader: FrameReader
  /** Where messages are taken from: the parked ones, then the reader. */
  #source: Source
  readonly #transport: Transport
  readonly #options: ResolvedOptions
  readonly #runtime: Runtime
  readonly #closing: Closing
  /** Made for those who wait for it. */
  #ending: Promise<CloseInfo> | null = null
  #resolveEnding: ((info: CloseInfo) => void) | null = null
  #waiter: Waiter | null = null
  #parked: ParkedMessages | null = null
  /** A `recv` is under way. */
  #receiving = false
  /** A loop has begun and has not been left. */
  #looping = false
  #closeTimer: unknown = null
  #pacemaker: Pacemaker | null = null
  #owedPongs: OwedPongs | null = null
  /** What the connection calls. No methods of the stream itself: a user's class may have its own of these names. */
  static readonly #Events = class implements ConnectionUser {
    constructor(private readonly it: WsConnection) {}

    onBytes(): void {
      this.it.#onBytes()
    }

    onEnd(): void {
      const { it } = this
      it.#act(it.#closing.onEnd(it.#reader.isMidMessage))
    }

    onWritten(): void {
      this.it.#onWritten()
    }

    onClosed(error: Error | null): void {
      const { it } = this
      it.#act(it.#closing.onLost(error))
    }
  }

  /** For the static methods, and for classes that are derived from this one. */
  constructor(made: Opened) {
    const { runtime, endsQuietly = false } = checkMade(made, new.target, 'connect')
    this.#runtime = runtime
    this.#connection = made.connection
    this.#reader = made.connection.reader
    this.#source = this.#reader
    this.#transport = made.connection.transport
    this.#options = made.options
    this.protocol = made.protocol
    this.extensions = made.extensions
    this.#headers = packFields(made.headers)
    this.request = made.request
    this.#closing = new Closing(made.request !== null, endsQuietly)
    this.#connection.handTo(new WsConnection.#Events(this))
    const { heartbeat, dataTimeout } = made.options
    if (heartbeat !== null || dataTimeout > 0) {
      const giveUp = (error: TransportError): void => this.#act(this.#closing.onGivenUp(error))
      this.#pacemaker = new Pacemaker(runtime.clock, this.#connection.sender, this.#closing, made.options, giveUp)
    }
  }

  /** Client: fields of the server's response, in order. */
  get headers(): Fields {
    if (typeof this.#headers === 'string') this.#headers = unpackFields(this.#headers)
    return this.#headers
  }

  /** Where the connection stands. */
  get readyState(): ReadyState {
    return this.#closing.readyState
  }

  /**
   * Resolves when the connection has ended, whatever the reason; never rejects. Awaiting it is enough to learn of the end: while nobody receives, the
   * stream reads on by itself, answers pings and a close, and keeps messages for a later receiver. A borrowed message that is still in use, or 64 KiB of
   * messages that nobody takes, hold back the peer and the end: take them, or `close()`.
   */
  get closed(): Promise<CloseInfo> {
    if (this.#closing.readyState === 'open' && this.#waiter === null && !this.#reader.isHeld) this.#readAhead()
    return this.#whenEnded()
  }

  /** Bytes, frame headers included, that were accepted and have not left. */
  get bufferedAmount(): number {
    return this.#closing.readyState === 'closed' ? 0 : this.#connection.sender.bufferedAmount
  }

  /** Whether {@link WsConnection.next} has a message now; messages taken before are stale. */
  get isReadable(): boolean {
    return this.#source.poll()
  }

  /** The protocol that TLS negotiated (ALPN), if any. */
  get alpnProtocol(): string | null {
    return this.#transport.alpnProtocol ?? null
  }

  /** The peer's address, when the runtime reports it. */
  get remoteAddress(): string | null {
    return this.#transport.remoteAddress ?? null
  }

  // Receiving.

  /**
   * Waits until {@link WsConnection.next} has a message: true. False at the end: after a close frame from the peer, or a close of this side. Rejects
   * when the connection failed (an end without a close frame is a failure, too), after the messages that were received before the failure, and
   * with `ConcurrentReceive` while another receiver waits. Messages taken before are stale after this call.
   */
  readable(): Promise<boolean> {
    if (this.#source.poll()) return YES
    if (this.#waiter !== null) return Promise.reject(concurrentReceive())
    const closing = this.#closing
    if (this.#isOver()) {
      this.#free()
      return closing.failure === null ? NO : Promise.reject(closing.failure)
    }
    let resolve!: (more: boolean) => void
    let reject!: (error: Error) => void
    const promise = new Promise<boolean>((yes, no) => {
      resolve = yes
      reject = no
    })
    this.#waiter = { resolve, reject }
    if (!closing.drops) this.#pull()
    return promise
  }

  /**
   * The next message that has already arrived, borrowed; null when none has. Pings are answered (`autoPong`) and a close is answered when
   * they are taken here. Nothing is allocated.
   */
  next(): Message | null {
    const message = this.#source.next()
    if (message !== null) return (message.flags & CONTROL) === 0 ? message : this.#control(message)
    if (this.#closing.readyState === 'closed') this.#settle()
    return null
  }

  /**
   * The messages that have arrived, up to 1,024 of them, as columns, borrowed: instead of as many calls of {@link WsConnection.next}, and null when that is
   * null. Pings and a close are answered as there, and are in the batch. A message that was put together or inflated, and a close, is alone in its batch. Nothing
   * is allocated, but a view for each message that was inflated without context takeover.
   */
  batch(): MessageBatch | null {
    const batch = this.#source.batch()
    if (batch === null) {
      if (this.#closing.readyState === 'closed') this.#settle()
      return null
    }
    if ((batch.message.flags & CONTROL) !== 0) this.#control(batch.message)
    else if (batch.hasPings) this.#answerPings(batch)
    return batch
  }

  /**
   * Waits for the next message, borrowed; null at the end. Rejects as {@link WsConnection.readable}, with `ConcurrentReceive` when another receiver
   * waits: each would make the other's message stale.
   */
  recv(): Promise<Message | null> {
    if (this.#receiving) return Promise.reject(concurrentReceive())
    const message = this.next()
    return message === null ? this.#receive() : Promise.resolve(message)
  }

  /**
   * Calls `handler` with each text and binary message, borrowed, at once and in order, until the end. Pings and a close are answered on the way. A handler
   * that returns a promise is awaited before the next message: until then its message stays valid, and the peer waits. One that returns `WsStream.STOP`, or
   * resolves to it, gets no more messages, and the connection stays open; any other value is ignored.
   *
   * ```ts
   * await ws.forEach((m) => {
   *   if (m.kind === 'text') onQuote(m.text)
   * })
   * ```
   *
   * Resolves after a close frame from the peer, a close of this side, and STOP. Rejects when the connection fails, and with what the handler throws, which
   * closes the connection (1000) as leaving a `for await` does; with `ConcurrentReceive` when another loop has not been left or another receiver waits; with
   * `InvalidOption` for what is no function.
   */
  async forEach(handler: (message: Message) => unknown): Promise<void> {
    HANDLER.read('handler', handler)
    this.#enter()
    let staysOpen = false
    try {
      while (await this.readable()) {
        for (let result = this.#handOut(handler); result !== undefined; result = this.#handOut(handler)) {
          staysOpen = (await result) === WsConnection.STOP
          if (staysOpen) return
        }
      }
    } finally {
      this.#leave(staysOpen)
    }
  }

  /**
   * Text and binary messages, owned, until the end; small ones of one read share a copy until their text or bytes are asked for. Leaving the loop early closes
   * the connection. Throws when the connection fails, and
   * `ConcurrentReceive` when another loop has not been left or another receiver waits.
   */
  [Symbol.asyncIterator](): AsyncGenerator<OwnedMessage, void, undefined> {
    return this.#iterate()
  }

  /**
   * This connection as a pair of WHATWG streams: owned messages out of `readable`, strings and bytes into `writable`, backpressure both ways. To notice
   * the end of the connection they read ahead by up to 64 KiB, as {@link WsConnection.closed} does.
   */
  streams(): WebSocketStreams {
    return webStreams(this, this.#iterate())
  }

  // Sending.

  /**
   * Sends a text message. Returns `undefined` when it has left, leaves when this tick ends, or follows what the transport is still writing. Returns a
   * promise when half of the write buffer waits: await it before the next send; {@link WsConnection.flush} resolves when everything is out. Sending does
   * not make received messages stale. Throws `NotOpen`, `InvalidOption` (not a string), `OutgoingMessageTooLarge` or `SendBufferFull`, and has then sent
   * nothing.
   *
   * @param options whether this message is compressed; ignored where no compression was agreed on. Default: from `threshold` bytes on
   */
  sendText(text: string, options?: MessageOptions): undefined | Promise<void> {
    if (this.#closing.readyState !== 'open') throw this.#notOpen()
    return options === undefined ? this.#connection.sender.text(text) : this.#connection.sender.textWith(text, compressOf(options))
  }

  /**
   * Sends a binary message; as {@link WsConnection.sendText}. An `ArrayBuffer`, or a view of one: the bytes that it covers are copied before the
   * call returns. Anything else is `InvalidOption`: a string is text, and a `Blob` has to be awaited first (`await blob.arrayBuffer()`).
   */
  sendBinary(bytes: BytesInit, options?: MessageOptions): undefined | Promise<void> {
    if (this.#closing.readyState !== 'open') throw this.#notOpen()
    return options === undefined ? this.#connection.sender.binary(bytes) : this.#connection.sender.binaryWith(bytes, compressOf(options))
  }

  /** Sends a ping of at most 125 bytes. Throws `ControlPayloadTooLarge`, `InvalidOption`, `NotOpen` or `SendBufferFull`. */
  sendPing(bytes: BytesInit = EMPTY): undefined | Promise<void> {
    if (this.#closing.readyState !== 'open') throw this.#notOpen()
    return this.#connection.sender.ping(bytes)
  }

  /** Sends a pong of at most 125 bytes, unasked for or with `autoPong: false`. Throws as {@link WsConnection.sendPing}. */
  sendPong(bytes: BytesInit = EMPTY): undefined | Promise<void> {
    if (this.#closing.readyState !== 'open') throw this.#notOpen()
    return this.#connection.sender.pong(bytes)
  }

  /**
   * Resolves when everything sent so far has left this process. Rejects when the connection fails before, and, whenever it is called, when the
   * connection ended with bytes that had not left.
   */
  async flush(): Promise<void> {
    if (this.#closing.error !== null) throw this.#closing.error
    await this.#connection.sender.flushed()
  }

  // Ending.

  /**
   * Closes (RFC 6455 section 7): sends what is queued and a close frame, waits for the peer's, and ends the connection. A peer that for
   * `closeTimeout` ms neither takes bytes that are queued nor answers is cut: `error` is `CloseTimeout`. Messages that arrive meanwhile are dropped,
   * those taken before are stale, and every pending call ends. Resolves like {@link WsConnection.closed}; a second call waits for the first.
   *
   * @param code 1000 to 1003, 1007 to 1014, 3000 to 4999, or 1005 for none. Default 1000. Otherwise rejects with `OutgoingCloseCodeInvalid`
   * @param reason at most 123 bytes of UTF-8. Otherwise rejects with `ControlPayloadTooLarge`
   */
  async close(code: number = CloseCode.Normal, reason = ''): Promise<CloseInfo> {
    // Throws before anything has changed.
    if (this.#closing.readyState === 'open') closePayload(code, reason)
    this.#act(this.#closing.onClose({ code, reason }))
    return this.#whenEnded()
  }

  /** Cuts the connection at once, without a close frame. Pending calls end; {@link WsConnection.closed} resolves with 1006 and no error. */
  destroy(): void {
    this.#act(this.#closing.onDestroy())
  }

  // How it works inside.

  /** A loop begins. Throws before anything is done: another receiver keeps the connection. */
  #enter(): void {
    if (this.#looping || this.#waiter !== null) throw concurrentReceive()
    this.#looping = true
  }

  /** A loop has ended, or was left: then the connection goes, unless it is to stay. */
  #leave(staysOpen: boolean): void {
    this.#looping = false
    if (!staysOpen && this.readyState === 'open') this.close(CloseCode.Normal).catch(() => {})
  }

  #iterate(): MessageIterator {
    return new MessageIterator({
      enter: () => this.#enter(),
      leave: () => this.#leave(false),
      take: () => this.#takeOwned(),
      readable: () => this.readable(),
    })
  }

  /** The next text or binary message that has arrived, owned. */
  #takeOwned(): OwnedMessage | null {
    for (;;) {
      const owned = this.#source.nextOwned()
      if (owned !== null) return owned
      const message = this.next()
      if (message === null) return null
      if ((message.flags & CONTROL) === 0) return message.toOwned()
    }
  }

  /** `recv`, when nothing has arrived. */
  async #receive(): Promise<Message | null> {
    this.#receiving = true
    try {
      while (await this.readable()) {
        const message = this.next()
        if (message !== null) return message
      }
      return null
    } finally {
      this.#receiving = false
    }
  }

  /** Gives the handler what has arrived, up to a message after which it stops or has to be awaited: then what it returned. */
  #handOut(handler: (message: Message) => unknown): unknown {
    for (let message = this.next(); message !== null; message = this.next()) {
      if ((message.flags & CONTROL) !== 0) continue
      const result = handler(message)
      if (result !== undefined && (result === WsConnection.STOP || isThenable(result))) return result
    }
    return undefined
  }

  #onBytes(): void {
    const reader = this.#reader
    const closing = this.#closing
    if (closing.isAnswered) {
      // Nothing counts after a close frame, whose message may still be in use.
      reader.drop()
      this.#connection.resume()
      return
    }
    if (closing.drops) {
      this.#drop()
      return
    }
    const ready = reader.poll()
    this.#pacemaker?.onBytes(reader.sawData)
    if (!ready) this.#pull()
    else if (this.#waiter !== null) this.#wake(this.#waiter)
    else this.#readAhead()
  }

  #onWritten(): void {
    if (this.#closing.readyState === 'closing') this.#startCloseTimer()
    if (this.#closing.readyState !== 'open') return
    for (const pong of this.#owedPongs?.take() ?? []) this.#connection.sender.ownPong(pong)
    this.#pacemaker?.onWritten()
  }

  #whenEnded(): Promise<CloseInfo> {
    this.#ending ??= this.#closing.isOver
      ? Promise.resolve(this.#closing.info)
      : new Promise((resolve) => {
          this.#resolveEnding = resolve
        })
    return this.#ending
  }

  /** Executes the actions of the closing handshake. */
  #act(actions: readonly ClosingAction[]): void {
    for (const action of actions) WsConnection.#actions[action](this)
  }

  /** Asks the transport for more, unless what is in the reader is the end. The reader is drained. */
  #pull(): void {
    const { error } = this.#reader
    if (error !== null) {
      this.#act(this.#closing.onBroken(error))
      return
    }
    if (this.#closing.readyState === 'closed') return
    this.#pacemaker?.onWaiting()
    this.#connection.resume()
  }

  /** While nobody receives: answers control frames, parks messages, and reads on. */
  #readAhead(): void {
    const reader = this.#reader
    while (reader.poll()) {
      if (this.#parked?.isFull === true) return
      const message = reader.next()
      if (message === null) break
      this.#parked ??= new ParkedMessages(reader, () => this.#unpark())
      this.#source = this.#parked
      this.#parked.park(message)
      if ((message.flags & CONTROL) !== 0) this.#control(message)
      if (this.#closing.readyState !== 'open') return
    }
    this.#pull()
  }

  #unpark(): void {
    this.#parked = null
    this.#source = this.#reader
  }

  #wake(waiter: Waiter): void {
    this.#waiter = null
    waiter.resolve(true)
  }

  /** The reader will give no more messages. It is drained. */
  #isOver(): boolean {
    this.#decide()
    return this.#closing.readyState === 'closed'
  }

  #control(message: Message): Message {
    const kind = message.flags & 15
    if (kind === OPCODE_CLOSE) {
      this.#act(this.#closing.onCloseFrame({ code: message.status, reason: message.text }))
    } else if (kind === OPCODE_PING && (message.flags & ANSWERED) === 0) this.#answerPing(message.bytes)
    return message
  }

  #answerPings({ count, kinds, offsets, lengths, bytes }: MessageBatch): void {
    for (let i = 0; i < count; i++) {
      const offset = offsets[i] as number
      if (kinds[i] === OPCODE_PING) this.#answerPing(bytes.subarray(offset, offset + (lengths[i] as number)))
    }
  }

  #answerPing(bytes: Uint8Array): void {
    if (!this.#options.autoPong || this.#closing.readyState !== 'open') return
    if (this.#connection.sender.isBlocked) (this.#owedPongs ??= new OwedPongs()).add(bytes)
    else this.#connection.sender.ownPong(bytes)
  }

  /** Judges the end by the last byte in the reader, once the reader is drained. */
  #decide(): void {
    const { error } = this.#reader
    if (error !== null) this.#act(this.#closing.onBroken(error))
    else if (this.#closing.isUndecided) this.#judge()
  }

  /** The connection is closed and the reader drained: the last verdict that may be due, and the memory goes back. */
  #settle(): void {
    this.#decide()
    this.#free()
  }

  #free(): void {
    if (!this.#closing.lingers) this.#connection.release()
  }

  #startCloseTimer(): void {
    const { clock } = this.#runtime
    const { closeTimeout } = this.#options
    if (this.#closeTimer !== null) clock.clear(this.#closeTimer)
    this.#closeTimer = clock.set(() => this.#act(this.#closing.onTimeout(closeTimeout)), closeTimeout)
  }

  #stopTimers(): void {
    if (this.#closeTimer !== null) this.#runtime.clock.clear(this.#closeTimer)
    this.#stopPacemaker()
  }

  #stopPacemaker(): void {
    this.#pacemaker?.stop()
    this.#pacemaker = null
  }

  #notOpen(): UsageError {
    return new UsageError('NotOpen', `the connection is ${this.readyState}`, { cause: this.#closing.error })
  }

  // The actions of the closing handshake.

  static readonly #actions: Readonly<Record<ClosingAction, (it: WsConnection) => void>> = {
    send: (it) => it.#send(),
    wait: (it) => it.#wait(),
    drop: (it) => it.#drop(),
    watch: (it) => it.#watch(),
    end: (it) => it.#end(),
    linger: (it) => it.#linger(),
    cut: (it) => it.#cut(),
    judge: (it) => it.#judge(),
    over: (it) => it.#over(),
  }

  #send(): void {
    const { code, reason } = this.#closing.frame
    this.#connection.sender.close(code, reason)
  }

  #wait(): void {
    this.#stopPacemaker()
    this.#startCloseTimer()
  }

  /** Drops what has arrived, except for the peer's close frame. */
  #drop(): void {
    const reader = this.#reader
    this.#parked?.clear()
    this.#unpark()
    const close = reader.dropToClose()
    if (close !== null) this.#control(close)
    if (this.#closing.readyState === 'closed') this.#settle()
    else if (reader.error !== null) this.#decide()
    else this.#connection.resume()
  }

  #watch(): void {
    this.#connection.resume()
  }

  #end(): void {
    this.#connection.sender.flushed().then(
      () => {
        if (this.readyState !== 'closed') this.#transport.end()
      },
      () => {},
    )
  }

  #linger(): void {
    linger(this.#runtime, this.#connection, this.#options.closeTimeout)
  }

  #cut(): void {
    this.#stopTimers()
    this.#connection.sender.stop(this.#closing.error ?? this.#notOpen())
    if (this.#connection.isClosed) return
    this.#transport.end()
    this.#transport.destroy()
  }

  #judge(): void {
    const reader = this.#reader
    if (!reader.isHeld) reader.poll()
    const ahead = reader.closeAhead
    if (ahead === null) this.#act(this.#closing.onNoneAhead())
    else if (ahead !== undefined) this.#act(this.#closing.onCloseFrameAhead(ahead))
  }

  #over(): void {
    const waiter = this.#waiter
    const closing = this.#closing
    const reader = this.#reader
    this.#stopTimers()
    this.#resolveEnding?.(closing.info)
    // Messages that arrived before the end may still be taken, and one may be in use; without any, the memory goes back now.
    if (closing.drops || !(reader.isHeld || reader.poll())) this.#free()
    if (waiter === null) return
    this.#waiter = null
    if (closing.failure === null) waiter.resolve(false)
    else waiter.reject(closing.failure)
  }
}

function compressOf(options: MessageOptions): boolean | undefined {
  checkOptions(MESSAGE_OPTIONS, options)
  return options.compress
}

function concurrentReceive(): UsageError {
  return new UsageError('ConcurrentReceive', 'another recv(), readable() or loop receives on this connection: each would take the other’s messages')
}
