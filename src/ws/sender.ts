/**
 * The outgoing half: frames to the transport, in as few writes as possible without delaying any.
 *
 * Rule 1: a send with nothing before it leaves at once; sends that follow in the same tick leave together, when the tick ends.
 * Rule 2: frames in the write buffer are older than those on the overflow queue, so the buffer goes first and the order is kept.
 * Rule 3: the caller's bytes are never referred to after its call has returned.
 */

import { OPCODE_CLOSE, OPCODE_PING, OPCODE_PONG } from '../../assembly/abi.ts'
import { type BytesInit, bytesOf, plainLength, textOf } from '../codec/inputs.ts'
import { checkControlPayload, closePayload, type FrameWriter } from '../codec/ws/frame-writer.ts'
import { EncodeError } from '../errors.ts'
import type { Transport } from '../transport/transport.ts'
import { Overflow } from './overflow.ts'

const TICK = Promise.resolve()
const UTF8 = new TextEncoder()
const NOTHING = new Uint8Array(0)
/** Most bytes of one write: progress with a large message is seen before its last byte. */
const WRITE_BYTES = 128 * 1024

/** Notified of the progress of writing. */
export interface WriteWatch {
  /** A write has to wait for the transport. */
  onBlocked(): void
  /** It is done. */
  onTaken(): void
}

/** Sends frames over one transport. */
export class Sender {
  /** Frames that the write buffer could not hold, oldest first, on the heap. */
  private readonly overflow = new Overflow()
  /** Bytes that the transport has and has not released. */
  private inFlight = 0
  private inFlightOverflow = false
  /** Something was written in this tick. */
  private corked = false
  /** Set when the progress of writing is observed. */
  watch: WriteWatch | null = null
  /** Why nothing more will leave. */
  private loss: Error | null = null
  /** Longest message that is certainly sent as it is, without a further question; below 0 once nothing more will leave. */
  private plainLimit: number
  /** Bytes from which on messages are compressed; null where that was not agreed on. */
  private threshold: number | null = null
  /** Bytes that were accepted have not left and will not. */
  private hasDropped = false
  private drain: { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } | null = null
  private readonly uncork = (): void => {
    this.corked = false
    this.write()
  }

  constructor(
    readonly writer: FrameWriter,
    private readonly transport: Transport,
    private readonly maxMessageSize: number,
    private readonly maxBufferedAmount: number,
  ) {
    this.plainLimit = maxMessageSize
  }

  /** Messages of so many bytes and more are compressed from now on. */
  compressFrom(threshold: number): void {
    this.threshold = threshold
    this.plainLimit = Math.min(this.plainLimit, threshold - 1)
  }

  /** Bytes, headers included, that have not left. */
  get bufferedAmount(): number {
    return this.writer.length + this.overflow.bytes
  }

  /** The transport has not taken everything. */
  get isBlocked(): boolean {
    return this.inFlight !== 0
  }

  text(text: string): undefined | Promise<void> {
    if (typeof text !== 'string') textOf('text', text)
    // Three bytes at most for each UTF-16 unit: mostly there is no need to count.
    if (text.length * 3 <= this.plainLimit && this.overflow.isEmpty && this.writer.encodeText(text)) return this.frameEncoded()
    return this.send('text', this.encoded(text))
  }

  /** @param compress whether it is compressed, where that was agreed on; undefined leaves it to its length */
  textWith(text: string, compress: boolean | undefined): undefined | Promise<void> {
    if (compress === undefined) return this.text(text)
    return this.send('text', this.encoded(textOf('text', text)), compress)
  }

  binary(bytes: BytesInit): undefined | Promise<void> {
    const length = plainLength(bytes)
    if (length > 0 && length <= this.plainLimit && this.overflow.isEmpty && this.writer.encodeCounted('binary', bytes as Uint8Array, length)) {
      return this.frameEncoded()
    }
    return this.send('binary', bytesOf('bytes', bytes))
  }

  /** As {@link Sender.textWith}. */
  binaryWith(bytes: BytesInit, compress: boolean | undefined): undefined | Promise<void> {
    return compress === undefined ? this.binary(bytes) : this.send('binary', bytesOf('bytes', bytes), compress)
  }

  ping(bytes: BytesInit): undefined | Promise<void> {
    const payload = checkControlPayload(bytes)
    this.checkRoom(payload.length)
    return this.control(OPCODE_PING, payload)
  }

  pong(bytes: BytesInit): undefined | Promise<void> {
    const payload = checkControlPayload(bytes)
    this.checkRoom(payload.length)
    return this.control(OPCODE_PONG, payload)
  }

  /**
   * A heartbeat's ping: nobody would catch its failure, so the limit does not apply. It is never queued behind bytes that the transport has not taken: for
   * a peer that stays alive without reading, one more would be queued in each interval. False when it has to wait; the heartbeat asks again.
   */
  ownPing(): boolean {
    if (this.isBlocked) return false
    this.control(OPCODE_PING, NOTHING)
    return true
  }

  /** The answer to a ping of at most 125 bytes; as {@link Sender.ownPing}. */
  ownPong(bytes: Uint8Array): void {
    this.control(OPCODE_PONG, bytes)
  }

  close(code: number, reason: string): undefined | Promise<void> {
    return this.control(OPCODE_CLOSE, closePayload(code, reason))
  }

  /** Queues bytes unchanged after those in the write buffer: the rest of a refusal's body. They belong to the queue from now on. */
  append(bytes: Uint8Array): void {
    if (bytes.length > 0) this.overflow.push(bytes)
  }

  /** Resolves when everything has left; rejects when the connection ends, or has ended, before that. */
  flushed(): Promise<void> {
    if (this.loss !== null) return this.hasDropped ? this.backlog() : TICK
    this.write()
    return this.bufferedAmount === 0 ? TICK : this.backlog()
  }

  /** The transport has released the bytes that it was given. */
  onWritten(): void {
    this.watch?.onTaken()
    this.written()
    this.write()
  }

  /** Nothing more will leave: waiting bytes are dropped, and waiting callers are notified. A second call does nothing. */
  stop(error: Error): void {
    if (this.loss !== null) return
    this.loss = error
    this.plainLimit = -1
    this.hasDropped = this.bufferedAmount > 0
    this.overflow.clear()
    this.drain?.reject(error)
    this.drain = null
  }

  /** Hands what waits to the transport. */
  write(): void {
    if (this.inFlight !== 0 || this.loss !== null) return
    for (;;) {
      this.inFlightOverflow = this.writer.length === 0
      const bytes = this.inFlightOverflow ? this.overflow.peek(WRITE_BYTES) : this.writer.data()
      if (bytes === undefined) break
      this.inFlight = bytes.length
      if (!this.transport.write(bytes)) {
        this.watch?.onBlocked()
        return
      }
      this.written()
    }
    this.drain?.resolve()
    this.drain = null
  }

  private written(): void {
    const bytes = this.inFlight
    this.inFlight = 0
    if (this.loss !== null) return
    if (this.inFlightOverflow) {
      this.overflow.advance(bytes)
    } else {
      this.writer.advance(bytes)
    }
  }

  /** A frame was put in the write buffer, and nothing waits on the heap. */
  private frameEncoded(): undefined | Promise<void> {
    const { writer } = this
    const half = writer.capacity >> 1
    if (!this.corked) {
      this.corked = true
      TICK.then(this.uncork)
      this.write()
    } else if (writer.length > half) {
      this.write()
    }
    // From half a buffer on, the caller should wait.
    return writer.room < half ? this.backlog() : undefined
  }

  /** UTF-8 of a text: where it certainly finds room it lies in the stage, as it is used at once. */
  private encoded(text: string): Uint8Array {
    return (this.overflow.isEmpty ? this.writer.stageText(text) : null) ?? UTF8.encode(text)
  }

  /** A message that is compressed, or that the write buffer has no room for now, or ever. */
  private send(kind: 'text' | 'binary', payload: Uint8Array, compress?: boolean): undefined | Promise<void> {
    if (payload.length > this.maxMessageSize) {
      throw new EncodeError(
        'OutgoingMessageTooLarge',
        `a message of ${payload.length} bytes is over maxMessageSize (${this.maxMessageSize})`,
        payload.length,
        this.maxMessageSize,
      )
    }
    if (this.loss !== null) return this.backlog()
    if (this.threshold !== null && (compress ?? payload.length >= this.threshold)) return this.sendDeflated(kind, payload)
    if (this.overflow.isEmpty && this.writer.encodeCounted(kind, payload, payload.length)) return this.frameEncoded()
    this.write()
    if (this.overflow.isEmpty && this.writer.encodeCounted(kind, payload, payload.length)) {
      return this.frameEncoded()
    }
    this.checkRoom(this.writer.encodedLength(payload.length))
    this.overflow.push(this.writer.encodeDetached(kind, payload))
    this.write()
    return this.bufferedAmount === 0 ? undefined : this.backlog()
  }

  /** Once it is compressed it is part of what the next messages may refer to, so it is accepted before. */
  private sendDeflated(kind: 'text' | 'binary', payload: Uint8Array): undefined | Promise<void> {
    const { writer } = this
    if (!this.overflow.isEmpty || writer.room < payload.length) {
      this.write()
      if (!this.overflow.isEmpty || writer.room < payload.length) this.checkRoom(writer.encodedLength(payload.length))
    }
    writer.deflate(payload)
    if (this.overflow.isEmpty && writer.encodeDeflated(kind)) return this.frameEncoded()
    this.overflow.push(writer.detachedDeflated(kind))
    this.write()
    return this.bufferedAmount === 0 ? undefined : this.backlog()
  }

  /** A control frame, which is small enough to be worth a copy when the write buffer is full. */
  private control(opcode: number, payload: Uint8Array): undefined | Promise<void> {
    if (this.loss !== null) return this.backlog()
    if (this.overflow.isEmpty) {
      if (this.writer.encodeControl(opcode, payload)) return this.frameEncoded()
      this.write()
      if (this.writer.encodeControl(opcode, payload)) return this.frameEncoded()
    }
    this.overflow.push(this.writer.detachedControl(opcode, payload))
    this.write()
    return this.bufferedAmount === 0 ? undefined : this.backlog()
  }

  /** With nothing before it, a message may be longer than the limit: it could never leave otherwise. */
  private checkRoom(bytes: number): void {
    const { bufferedAmount } = this
    const total = bufferedAmount + bytes
    if (bufferedAmount === 0 || total <= this.maxBufferedAmount) return
    throw new EncodeError(
      'SendBufferFull',
      `${total} bytes would wait to be sent, over maxBufferedAmount (${this.maxBufferedAmount}): await the promises of send, or flush()`,
      total,
      this.maxBufferedAmount,
    )
  }

  /** For a caller that should wait. One whose message is lost is notified when it does. */
  private backlog(): Promise<void> {
    if (this.loss !== null) {
      this.hasDropped = true
      const lost = Promise.reject(this.loss)
      lost.catch(() => {})
      return lost
    }
    if (this.drain === null) {
      let resolve!: () => void
      let reject!: (error: Error) => void
      const promise = new Promise<void>((yes, no) => {
        resolve = yes
        reject = no
      })
      // A caller who does not await learns of a lost connection from the receiving side.
      promise.catch(() => {})
      this.drain = { promise, resolve, reject }
    }
    return this.drain.promise
  }
}
