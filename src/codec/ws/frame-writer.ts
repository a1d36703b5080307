/** The sending half of a WebSocket, sans IO: messages in, bytes out. */

import { MAX_CONTROL_PAYLOAD, MAX_FRAME_HEADER, OPCODE_BINARY, OPCODE_CLOSE, OPCODE_PING, OPCODE_PONG, OPCODE_TEXT } from '../../../assembly/abi.ts'
import { EncodeError, UsageError } from '../../errors.ts'
import { nameValue } from '../../naming.ts'
import { checkInteger, type Family, integer, refused, SIZE_MAX } from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'
import { type BytesInit, bytesOf, checkFill, copyInto, plainLength, textOf, within } from '../inputs.ts'
import { type Codec, type Places, Region } from '../memory.ts'
import type { CodecExports } from '../module.ts'
import { released } from '../reader-errors.ts'
import { ROLE, type Role } from './limits.ts'
import { MaskKeys, maskKeySource } from './mask-keys.ts'
import { CloseCode } from './message.ts'
import { MessageDeflater } from './message-deflater.ts'
import type { DeflateContext } from './permessage-deflate.ts'
import { STAGE_BYTES, WriterPlace } from './places.ts'

/** Options of a {@link FrameWriter}. */
export interface FrameWriterOptions {
  /** Whose writer it is: a client masks, a server does not. Default `'client'`. */
  role?: Role
  /** Bytes of the write buffer, 256 to 16 MiB. Default 64 KiB. */
  writeBufferCapacity?: number
  /** Where masking keys come from. Default: the platform's CSPRNG, in blocks of 64 to 4,096 keys. */
  maskKeys?: MaskKeys
}

export const DEFAULT_WRITE_BUFFER_CAPACITY: number = 64 * 1024

/** What a {@link FrameWriter} may be given. */
export const FRAME_WRITER_OPTIONS: Family<FrameWriterOptions> = {
  role: ROLE,
  writeBufferCapacity: integer(256, 16 * 1024 * 1024, 'bytes', DEFAULT_WRITE_BUFFER_CAPACITY),
  maskKeys: maskKeySource,
}

/** FIN: outgoing messages are single frames. */
const FIN = 0x80
/** RSV1: the message is compressed (RFC 7692 section 6). */
const DEFLATED = 0x40
/** Where in the stage a control frame's payload waits while the frame is made in front of it. */
const CONTROL_AT = 512

/**
 * Encodes frames (RFC 6455 section 5.2) one after the other in a fixed buffer; take them out with `data()` and `advance(n)`.
 * Every encoder returns false, having written nothing, when the frame does not fit in the free room. After {@link FrameWriter.release} all
 * methods throw `Released`.
 */
export class FrameWriter {
  static {
    showsItself(this.prototype, (it) =>
      it.#isReleased ? { role: it.role, released: true } : { role: it.role, capacity: it.capacity, length: it.length, room: it.room },
    )
  }

  /** Whose end this is. */
  readonly role: Role
  /** Bytes of the write buffer. */
  readonly capacity: number
  readonly #masked: boolean
  readonly #keys: MaskKeys
  /** @internal */ u8!: Uint8Array
  /** @internal */ exports!: CodecExports
  /** Where it lives; null while nothing waits to be sent, for one that shares places with others. */
  #place: WriterPlace | null = null
  readonly #places: Places<WriterPlace> | null
  #stage = 0
  #start = 0
  #end: number
  #head = 0
  #tail = 0
  #isReleased = false
  /** Compresses messages, where that was negotiated, from the first one on that is worth it: then the writer keeps the place that this lives in. */
  #deflater: MessageDeflater | null = null
  #deflated: DeflateContext | null = null

  readonly #ownsRegion: boolean

  /**
   * @param home memory to live in, when it is to share one with others, who then release it; or the places that it shares with other writers: then it has one
   * only while there are bytes to send. Otherwise the writer takes its own memory @internal
   */
  constructor(codec: Codec, options: FrameWriterOptions = {}, home?: Region | Places<WriterPlace>) {
    this.role = options.role ?? 'client'
    this.#masked = this.role === 'client'
    this.#keys = options.maskKeys ?? new MaskKeys()
    this.capacity = options.writeBufferCapacity ?? DEFAULT_WRITE_BUFFER_CAPACITY
    this.#end = this.capacity
    this.#ownsRegion = home === undefined
    this.#places = home === undefined || home instanceof Region ? null : home
    if (home === undefined || home instanceof Region) {
      this.#settle(new WriterPlace(home ?? codec.region(FrameWriter.regionBytes(this.capacity)), this.capacity))
    }
  }

  /** Bytes of a region for a writer of this capacity. @internal */
  static regionBytes(capacity: number): number {
    return WriterPlace.regionBytes(capacity)
  }

  /** Encoded bytes that have not been taken. */
  get length(): number {
    return this.#tail - this.#head
  }

  /** Largest payload that fits now; below 0 when not even an empty frame does. */
  get room(): number {
    return this.#end - this.#tail - MAX_FRAME_HEADER
  }

  /** Encoded length of a frame with `payload` bytes. */
  encodedLength(payload: number): number {
    checkInteger('payload', payload, 0, Number.MAX_SAFE_INTEGER, 'bytes')
    return (payload < 126 ? 2 : payload < 65_536 ? 4 : 10) + (this.#masked ? 4 : 0) + payload
  }

  /** Encodes a text message. Throws `InvalidOption` for a value that is not a string. */
  encodeText(text: string): boolean {
    if (typeof text !== 'string') textOf('text', text)
    // A released writer has no room, so only a call that finds no room has to check for it.
    if (this.room < 0) return this.#full()
    if (text.length * 3 > STAGE_BYTES) {
      const bytes = UTF8.encode(text)
      return this.#encode(OPCODE_TEXT, bytes, bytes.length)
    }
    const { written } = UTF8.encodeInto(text, this.#home.stageView)
    const { room } = this
    if (written > room) return false
    return this.#frame(this.#stage, within(written, room), OPCODE_TEXT)
  }

  /** Encodes a text message that is already UTF-8. This and the following methods throw `InvalidOption` for a value that is not bytes. */
  encodeUtf8(bytes: BytesInit): boolean {
    return this.#encodeBytes(OPCODE_TEXT, bytes)
  }

  /** Encodes a binary message. */
  encodeBinary(bytes: BytesInit): boolean {
    return this.#encodeBytes(OPCODE_BINARY, bytes)
  }

  /** Encodes a ping. Throws `ControlPayloadTooLarge` above 125 bytes. */
  encodePing(bytes: BytesInit = EMPTY): boolean {
    return this.encodeControl(OPCODE_PING, checkControlPayload(bytes))
  }

  /** Encodes a pong. Throws `ControlPayloadTooLarge` above 125 bytes. */
  encodePong(bytes: BytesInit = EMPTY): boolean {
    return this.encodeControl(OPCODE_PONG, checkControlPayload(bytes))
  }

  /** Encodes a control frame whose payload has been checked. @internal */
  encodeControl(opcode: number, payload: Uint8Array): boolean {
    return this.#encode(opcode, payload, payload.length)
  }

  /** Encodes a message whose payload has been checked: `length` comes from {@link plainLength} or {@link bytesOf}. @internal */
  encodeCounted(kind: 'text' | 'binary', payload: Uint8Array, length: number): boolean {
    return this.#encode(kind === 'text' ? OPCODE_TEXT : OPCODE_BINARY, payload, length)
  }

  /**
   * Encodes a close frame; `NoStatus` (1005) gives an empty one, and the reason is then dropped. Throws `OutgoingCloseCodeInvalid`
   * for a code that may not be sent (RFC 6455 section 7.4.2), `ControlPayloadTooLarge` for a reason over 123 bytes.
   */
  encodeClose(code: number, reason = ''): boolean {
    return this.encodeControl(OPCODE_CLOSE, closePayload(code, reason))
  }

  /**
   * Lets `fill` write a payload of exactly `length` bytes straight into the buffer (zeroed before), then masks it there.
   * Nothing is encoded when `fill` throws. Throws `InvalidOption` for a length that is not a whole number.
   */
  encodeWith(kind: 'text' | 'binary', length: number, fill: (payload: Uint8Array) => void): boolean {
    if (kind !== 'text' && kind !== 'binary') throw refused('kind', "'text' or 'binary'", kind)
    checkFill(fill)
    // A length below 0 would be one near 2^32 to the codec, which would mask the memory of every other connection.
    checkInteger('length', length, 0, SIZE_MAX, 'bytes')
    if (length > this.room) return this.#full()
    const { u8 } = this.#home.region.memory
    const tail = this.#tail
    const at = tail + MAX_FRAME_HEADER
    const payload = u8.subarray(at, at + length).fill(0)
    fill(payload)
    this.#checkUsable()
    if (this.#tail !== tail) throw new UsageError('InvalidOption', 'fill must not use the writer that it fills')
    return this.#frame(at, within(length, this.room), kind === 'text' ? OPCODE_TEXT : OPCODE_BINARY)
  }

  /**
   * The bytes to send, oldest first: a view that is not guarded, and stays valid until they are {@link FrameWriter.advance}d over.
   *
   * @param from how many of them to leave out at the front: 0 to {@link FrameWriter.length}. Default 0
   */
  data(from = 0): Uint8Array {
    if (from !== 0) checkInteger('from', from, 0, this.length, 'bytes')
    if (this.length === 0) this.#checkUsable()
    const place = this.#place
    if (place === null) return EMPTY
    const at = this.#head + from
    const length = this.#tail - at
    const { view } = place
    if (view !== null && view.byteOffset === at && view.length === length) return view
    return (place.view = place.region.memory.u8.subarray(at, this.#tail))
  }

  /** The first `count` bytes of {@link FrameWriter.data} are sent. When all are, the buffer starts again at its beginning. Throws `RangeError` for a larger count. */
  advance(count: number): void {
    if (this.length === 0) this.#checkUsable()
    if (!(Number.isInteger(count) && count >= 0 && count <= this.length))
      throw new RangeError(`advance by ${nameValue(count)} of ${this.length} bytes`)
    this.#head += count
    if (this.#head === this.#tail) this.#leave()
  }

  /** Drops the bytes that have not been taken. */
  reset(): void {
    this.#checkUsable()
    this.#leave()
    if (this.#deflater !== null) this.#deflater.isPending = true
  }

  /** Gives the memory back: every later use throws `Released`. A second call does nothing. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    // Without any room, nothing is encoded.
    this.#head = this.#tail = this.#end = this.#start
    if (this.#ownsRegion) this.#place?.region.release()
  }

  /** Nothing uses its memory any more. @internal */
  vacate(): void {
    const place = this.#place
    const places = this.#places
    if (place === null || places === null) return
    this.#place = null
    this.#end -= this.#start
    this.#start = this.#head = this.#tail = 0
    places.giveBack(place)
  }

  /** Nothing waits to be sent. */
  #leave(): void {
    this.#head = this.#tail = this.#start
    if (this.#deflater === null) this.vacate()
  }

  #leaveWhenEmpty(): void {
    if (this.#head === this.#tail) this.#leave()
  }

  /** Where it lives from now on, until nothing waits to be sent. */
  get #home(): WriterPlace {
    if (this.#place === null) this.#settle((this.#places as Places<WriterPlace>).take())
    return this.#place as WriterPlace
  }

  #settle(place: WriterPlace): void {
    const { memory } = place.region
    this.#place = place
    this.u8 = memory.u8
    this.exports = memory.exports
    this.#stage = place.stage
    this.#start = this.#head = this.#tail = place.start
    this.#end = place.start + this.capacity
  }

  /**
   * Encodes a frame of any size into a new array, through the stage: for messages that the buffer cannot hold.
   * @internal
   */
  encodeDetached(kind: 'text' | 'binary', payload: Uint8Array): Uint8Array<ArrayBuffer> {
    return this.#detached(kind === 'text' ? OPCODE_TEXT : OPCODE_BINARY, payload)
  }

  #detached(opcode: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
    this.#checkUsable()
    const { stageView } = this.#home
    const key = this.#masked ? this.#keys.next() : 0
    const frame = new Uint8Array(this.encodedLength(payload.length))
    let at = this.exports.writeHeader(this.#stage, this.#stage + STAGE_BYTES, FIN | opcode, payload.length, this.#masked ? 1 : 0, key)
    frame.set(stageView.subarray(0, at))
    if (!this.#masked) {
      frame.set(payload, at)
      this.#leaveWhenEmpty()
      return frame
    }
    // Pieces are multiples of four bytes, so that each begins at the first byte of the key.
    for (let i = 0; i < payload.length; i += STAGE_BYTES) {
      const piece = payload.subarray(i, i + STAGE_BYTES)
      copyInto(stageView, 0, piece, piece.length)
      this.exports.maskCopy(this.#stage, this.#stage, within(piece.length, STAGE_BYTES), key)
      frame.set(stageView.subarray(0, piece.length), at)
      at += piece.length
    }
    this.#leaveWhenEmpty()
    return frame
  }

  /**
   * Runs one of the encoders for a control frame with its output in a new array: for a frame that the buffer has no room for.
   * @internal
   */
  detachedControl(opcode: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
    this.#checkUsable()
    const key = this.#masked ? this.#keys.next() : 0
    // The stage is free: it is only used within a call.
    const { stageView } = this.#home
    copyInto(stageView, CONTROL_AT, payload, within(payload.length, MAX_CONTROL_PAYLOAD))
    const end = this.#stage + CONTROL_AT
    const length = this.exports.writeFrame(this.#stage, end, end, payload.length, FIN | opcode, this.#masked ? 1 : 0, key)
    const frame = stageView.slice(0, length)
    this.#leaveWhenEmpty()
    return frame
  }

  /** A text as UTF-8, in the stage: valid until the next call. Null when it may be longer than that, or than the room that there is. @internal */
  stageText(text: string): Uint8Array | null {
    if (text.length * 3 > Math.min(STAGE_BYTES, this.room)) return null
    const { stageView } = this.#home
    return stageView.subarray(0, UTF8.encodeInto(text, stageView).written)
  }

  // Compressed messages (RFC 7692). One that is compressed becomes a frame, which must be sent: the next one may refer to it.

  /** From now on messages may be compressed. What the writer lives in has room for {@link MessageDeflater.regionBytes}. @internal */
  deflateMessages(context: DeflateContext): void {
    this.#deflated = context
  }

  /** Compresses a message, for {@link FrameWriter.encodeDeflated} or {@link FrameWriter.detachedDeflated}. @internal */
  deflate(payload: Uint8Array): void {
    this.#checkUsable()
    this.#deflater ??= new MessageDeflater(this.#home.region, this.#deflated as DeflateContext)
    const deflater = this.#deflater
    deflater.begin()
    for (let i = 0; ; i += STAGE_BYTES) {
      const piece = payload.subarray(i, i + STAGE_BYTES)
      copyInto(this.#home.stageView, 0, piece, piece.length)
      const isLast = i + STAGE_BYTES >= payload.length
      deflater.put(this.#stage, within(piece.length, STAGE_BYTES), isLast)
      if (isLast) return
    }
  }

  /** Encodes the message that was compressed last. False when it does not fit. @internal */
  encodeDeflated(kind: 'text' | 'binary'): boolean {
    const deflater = this.#deflater as MessageDeflater
    const { made, length, onHeap } = deflater
    const opcode = DEFLATED | (kind === 'text' ? OPCODE_TEXT : OPCODE_BINARY)
    const size = onHeap?.length ?? length
    if (size > this.room) return this.#full()
    const isEncoded = onHeap === null ? this.#frame(made, within(length, this.room), opcode) : this.#encode(opcode, onHeap, size)
    if (isEncoded) deflater.isPending = false
    return isEncoded
  }

  /** The same in a new array. @internal */
  detachedDeflated(kind: 'text' | 'binary'): Uint8Array<ArrayBuffer> {
    const deflater = this.#deflater as MessageDeflater
    const { made, length, onHeap } = deflater
    const frame = this.#detached(DEFLATED | (kind === 'text' ? OPCODE_TEXT : OPCODE_BINARY), onHeap ?? this.u8.subarray(made, made + length))
    deflater.isPending = false
    return frame
  }

  // For the opening handshake, which comes before the first frame and uses the same memory.

  /** Working memory of the opening handshake: the stage. @internal */
  get scratch(): { address: number; bytes: number } {
    this.#checkUsable()
    return { address: this.#home.stage, bytes: STAGE_BYTES }
  }

  /** Where the next byte goes, and the end of the buffer. @internal */
  get free(): { from: number; to: number } {
    this.#checkUsable()
    return { from: this.#tail, to: this.#end }
  }

  /** Bytes up to `address` were appended. @internal */
  appendedTo(address: number): void {
    this.#tail += within(address - this.#tail, this.#end - this.#tail)
  }

  /** Appends bytes as they are, as many as there is room for; returns their number. For a handshake's body. @internal */
  append(bytes: Uint8Array): number {
    const { buffer } = this.#home
    const length = Math.min(bytes.length, this.#end - this.#tail)
    copyInto(buffer, this.#tail - this.#start, bytes.subarray(0, length), length)
    this.#tail += length
    return length
  }

  #encodeBytes(opcode: number, bytes: BytesInit): boolean {
    const length = plainLength(bytes)
    if (length > 0) return this.#encode(opcode, bytes as Uint8Array, length)
    const judged = bytesOf('bytes', bytes)
    return this.#encode(opcode, judged, judged.length)
  }

  #encode(opcode: number, payload: Uint8Array, length: number): boolean {
    if (length > this.room) return this.#full()
    const { buffer } = this.#home
    const at = this.#tail + MAX_FRAME_HEADER
    return this.#frame(at, copyInto(buffer, at - this.#start, payload, length), opcode)
  }

  /** @param length proved to be within the room that is left */
  #frame(source: number, length: number, opcode: number): boolean {
    const masked = this.#masked
    const tail = this.#tail
    const size = this.exports.writeFrame(tail, this.#end, source, length, FIN | opcode, masked ? 1 : 0, masked ? this.#keys.next() : 0)
    this.#tail = tail + size
    return size !== 0
  }

  /** There is no room; a released writer has none at all. */
  #full(): false {
    this.#checkUsable()
    return false
  }

  #checkUsable(): void {
    if (this.#isReleased) throw released('writer')
  }
}

const EMPTY = new Uint8Array(0)
const UTF8 = new TextEncoder()

/** A payload that a control frame may carry (RFC 6455 section 5.5). Throws `InvalidOption` for a value that is not bytes, `ControlPayloadTooLarge`. */
export function checkControlPayload(bytes: BytesInit): Uint8Array {
  const payload = bytesOf('bytes', bytes)
  if (payload.length > MAX_CONTROL_PAYLOAD) {
    throw new EncodeError(
      'ControlPayloadTooLarge',
      `a control frame carries at most ${MAX_CONTROL_PAYLOAD} bytes, not ${payload.length}`,
      payload.length,
      MAX_CONTROL_PAYLOAD,
    )
  }
  return payload
}

/** Whether this code may be sent: as for receiving, except for the codes that only proxies may send. */
function isSendable(code: number): boolean {
  return Number.isInteger(code) && ((code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006)) || (code >= 3000 && code <= 4999))
}

/** Payload of a close frame: code, big-endian, and reason. */
export function closePayload(code: number, reason: string): Uint8Array {
  textOf('reason', reason)
  if (code === CloseCode.NoStatus) return EMPTY
  if (!isSendable(code)) {
    throw new EncodeError(
      'OutgoingCloseCodeInvalid',
      `close code ${nameValue(code)} may not be sent: use 1000 to 1003, 1007 to 1014 or 3000 to 4999`,
      code,
    )
  }
  const text = new TextEncoder().encode(reason)
  const payload = new Uint8Array(2 + text.length)
  new DataView(payload.buffer).setUint16(0, code)
  payload.set(text, 2)
  return checkControlPayload(payload)
}
