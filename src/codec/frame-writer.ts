/** The sending half of a WebSocket, sans IO: messages in, bytes out. */

import { MAX_CONTROL_PAYLOAD, MAX_FRAME_HEADER, OPCODE_BINARY, OPCODE_CLOSE, OPCODE_PING, OPCODE_PONG, OPCODE_TEXT } from '../../assembly/abi.ts'
import { checkInteger, EncodeError, UsageError } from '../errors.ts'
import { type Family, integer, oneOf } from '../option-rules.ts'
import { showsItself } from '../printing.ts'
import type { Role } from './frame-reader.ts'
import { MaskKeys, maskKeySource } from './mask-keys.ts'
import { align, type Codec, type Region } from './memory.ts'
import { CloseCode } from './message.ts'
import type { CodecExports } from './module.ts'

/** Options of a {@link FrameWriter}. */
export interface FrameWriterOptions {
  /** Whose writer it is: a client masks, a server does not. Default `'client'`. */
  role?: Role
  /** Bytes of the write buffer, 256 to 16 MiB. Default 64 KiB. */
  writeBufferCapacity?: number
  /** Where masking keys come from. Default: the platform's CSPRNG, in blocks of 1,024 keys. */
  maskKeys?: MaskKeys
}

export const DEFAULT_WRITE_BUFFER_CAPACITY: number = 64 * 1024

/** What a {@link FrameWriter} may be given. */
export const FRAME_WRITER_OPTIONS: Family<FrameWriterOptions> = {
  role: oneOf<Role>('client', 'server'),
  writeBufferCapacity: integer(256, 16 * 1024 * 1024, 'bytes', DEFAULT_WRITE_BUFFER_CAPACITY),
  maskKeys: maskKeySource,
}

/** FIN: outgoing messages are single frames. */
const FIN = 0x80
/** Strings are encoded here before their frame is made, and large payloads pass through piece by piece. A multiple of 4. */
const STAGE_BYTES = 16 * 1024

/**
 * Encodes frames (RFC 6455 section 5.2) one behind the other in a fixed buffer; take them out with `data()` and `advance(n)`.
 * Every encoder returns false, having written nothing, when the frame does not fit in what is free.
 */
export class FrameWriter {
  static {
    showsItself(this.prototype, (it) =>
      it.released ? { role: it.role, released: true } : { role: it.role, capacity: it.capacity, length: it.length, room: it.room },
    )
  }

  /** Whose end this is. */
  readonly role: Role
  /** Bytes of the write buffer. */
  readonly capacity: number
  private readonly masked: boolean
  private readonly keys: MaskKeys
  private readonly u8: Uint8Array
  private readonly exports: CodecExports
  private readonly region: Region
  private readonly stage: number
  private readonly stageView: Uint8Array
  private readonly start: number
  private readonly end: number
  private head: number
  private tail: number
  private view: Uint8Array | null = null
  private released = false
  private readonly encoder = new TextEncoder()

  private readonly ownsRegion: boolean

  /** @param region memory to live in, when it is to share one with others (who then release it); otherwise the writer takes its own */
  constructor(codec: Codec, options: FrameWriterOptions = {}, region?: Region) {
    this.role = options.role ?? 'client'
    this.masked = this.role === 'client'
    this.keys = options.maskKeys ?? new MaskKeys()
    this.capacity = checkInteger('writeBufferCapacity', options.writeBufferCapacity ?? DEFAULT_WRITE_BUFFER_CAPACITY, 256, 16 * 1024 * 1024, 'bytes')
    this.ownsRegion = region === undefined
    this.region = region ?? codec.region(FrameWriter.regionBytes(this.capacity))
    this.u8 = this.region.memory.u8
    this.exports = this.region.memory.exports
    this.stage = this.region.carve(STAGE_BYTES)
    this.stageView = this.u8.subarray(this.stage, this.stage + STAGE_BYTES)
    this.start = this.region.carve(this.capacity)
    this.end = this.start + this.capacity
    this.head = this.tail = this.start
  }

  /** Bytes of a region for a writer of this capacity. @internal */
  static regionBytes(capacity: number): number {
    return align(STAGE_BYTES) + align(capacity)
  }

  /** Encoded bytes that have not been taken. */
  get length(): number {
    return this.tail - this.head
  }

  /** Largest payload that fits now. */
  get room(): number {
    return Math.max(0, this.end - this.tail - MAX_FRAME_HEADER)
  }

  /** Encoded length of a frame with `payload` bytes. */
  encodedLength(payload: number): number {
    return (payload < 126 ? 2 : payload < 65_536 ? 4 : 10) + (this.masked ? 4 : 0) + payload
  }

  /** Encodes a text message. */
  encodeText(text: string): boolean {
    if (text.length * 3 > STAGE_BYTES) return this.encode(OPCODE_TEXT, this.encoder.encode(text))
    const { written } = this.encoder.encodeInto(text, this.stageView)
    if (written > this.room) return false
    this.frame(this.stage, written, OPCODE_TEXT)
    return true
  }

  /** Encodes a text message that is already UTF-8. */
  encodeUtf8(bytes: Uint8Array): boolean {
    return this.encode(OPCODE_TEXT, bytes)
  }

  /** Encodes a binary message. */
  encodeBinary(bytes: Uint8Array): boolean {
    return this.encode(OPCODE_BINARY, bytes)
  }

  /** Encodes a ping. Throws `ControlPayloadTooLarge` above 125 bytes. */
  encodePing(bytes: Uint8Array = EMPTY): boolean {
    return this.encode(OPCODE_PING, checkControlPayload(bytes))
  }

  /** Encodes a pong. Throws `ControlPayloadTooLarge` above 125 bytes. */
  encodePong(bytes: Uint8Array = EMPTY): boolean {
    return this.encode(OPCODE_PONG, checkControlPayload(bytes))
  }

  /** Encodes a control frame whose payload has been checked. @internal */
  encodeControl(opcode: number, payload: Uint8Array): boolean {
    return this.encode(opcode, payload)
  }

  /**
   * Encodes a close frame; `NoStatus` (1005) gives an empty one, and the reason is then dropped. Throws `OutgoingCloseCodeInvalid`
   * for a code that may not be sent (RFC 6455 section 7.4.2), `ControlPayloadTooLarge` for a reason over 123 bytes.
   */
  encodeClose(code: number, reason = ''): boolean {
    return this.encode(OPCODE_CLOSE, closePayload(code, reason))
  }

  /**
   * Lets `fill` write a payload of exactly `length` bytes straight into the buffer (zeroed before), then masks it there.
   * Nothing is encoded when `fill` throws. Throws `InvalidOption` for a length that is not a whole number.
   */
  encodeWith(kind: 'text' | 'binary', length: number, fill: (payload: Uint8Array) => void): boolean {
    // A length below 0 would be one near 2^32 to the codec, which would mask the memory of every other connection.
    checkInteger('length', length, 0, 2 ** 31 - 1, 'bytes')
    if (length > this.room) return false
    const { tail } = this
    const at = tail + MAX_FRAME_HEADER
    const payload = this.u8.subarray(at, at + length).fill(0)
    fill(payload)
    if (this.tail !== tail) throw new UsageError('InvalidOption', 'fill must not use the writer that it fills')
    this.frame(at, length, kind === 'text' ? OPCODE_TEXT : OPCODE_BINARY)
    return true
  }

  /** The bytes to send, oldest first: a view that is not guarded, and stays valid until they are {@link FrameWriter.advance}d over. */
  data(from = 0): Uint8Array {
    const at = this.head + from
    const length = this.tail - at
    if (this.view === null || this.view.byteOffset !== at || this.view.length !== length) {
      this.view = this.u8.subarray(at, this.tail)
    }
    return this.view
  }

  /** The first `count` bytes of {@link FrameWriter.data} are sent. When all are, the buffer begins anew. */
  advance(count: number): void {
    if (!(count >= 0 && count <= this.length)) throw new RangeError(`advance by ${count} of ${this.length} bytes`)
    this.head += count
    if (this.head === this.tail) this.head = this.tail = this.start
  }

  /** Drops what has not been taken. */
  reset(): void {
    this.head = this.tail = this.start
  }

  /** Gives the memory back. The writer must not be used afterwards; a second call does nothing. */
  release(): void {
    if (this.released) return
    this.released = true
    if (this.ownsRegion) this.region.release()
  }

  /**
   * Encodes a frame of any size into an array of its own, through the stage: for messages that the buffer cannot hold.
   * @internal
   */
  encodeDetached(kind: 'text' | 'binary', payload: Uint8Array): Uint8Array<ArrayBuffer> {
    const opcode = kind === 'text' ? OPCODE_TEXT : OPCODE_BINARY
    const key = this.masked ? this.keys.next() : 0
    const frame = new Uint8Array(this.encodedLength(payload.length))
    let at = this.exports.writeHeader(this.stage, FIN | opcode, payload.length, this.masked ? 1 : 0, key)
    frame.set(this.stageView.subarray(0, at))
    if (!this.masked) {
      frame.set(payload, at)
      return frame
    }
    // Pieces are multiples of four bytes, so that each begins at the first byte of the key.
    for (let i = 0; i < payload.length; i += STAGE_BYTES) {
      const piece = payload.subarray(i, i + STAGE_BYTES)
      this.u8.set(piece, this.stage)
      this.exports.maskCopy(this.stage, this.stage, piece.length, key)
      frame.set(this.stageView.subarray(0, piece.length), at)
      at += piece.length
    }
    return frame
  }

  /**
   * Runs one of the encoders for a control frame with its output in an array of its own: for one that the buffer has no room for.
   * @internal
   */
  detachedControl(opcode: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
    const key = this.masked ? this.keys.next() : 0
    // The stage is free: it is only used within a call.
    const source = this.stage + 512
    this.u8.set(payload, source)
    const length = this.exports.writeFrame(this.stage, source, payload.length, FIN | opcode, this.masked ? 1 : 0, key)
    return this.stageView.slice(0, length)
  }

  // For the opening handshake, which comes before the first frame and uses the same memory.

  /** Working memory of the opening handshake: the stage. @internal */
  get scratch(): { address: number; bytes: number } {
    return { address: this.stage, bytes: STAGE_BYTES }
  }

  /** Where the next byte goes, and the end of the buffer. @internal */
  get free(): { from: number; to: number } {
    return { from: this.tail, to: this.end }
  }

  /** Bytes up to `address` were appended. @internal */
  appendedTo(address: number): void {
    this.tail = address
  }

  private encode(opcode: number, payload: Uint8Array): boolean {
    const length = payload.length
    if (length > this.room) return false
    const at = this.tail + MAX_FRAME_HEADER
    this.u8.set(payload, at)
    this.frame(at, length, opcode)
    return true
  }

  private frame(source: number, length: number, opcode: number): void {
    const key = this.masked ? this.keys.next() : 0
    this.tail += this.exports.writeFrame(this.tail, source, length, FIN | opcode, this.masked ? 1 : 0, key)
  }
}

const EMPTY = new Uint8Array(0)

/** A payload that a control frame may carry (RFC 6455 section 5.5). Throws `ControlPayloadTooLarge`. */
export function checkControlPayload(payload: Uint8Array): Uint8Array {
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

/** May this code be sent? As for receiving, less what only servers' proxies may say. */
function isSendable(code: number): boolean {
  return Number.isInteger(code) && ((code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006)) || (code >= 3000 && code <= 4999))
}

/** Payload of a close frame: code, big-endian, and reason. */
export function closePayload(code: number, reason: string): Uint8Array {
  if (code === CloseCode.NoStatus) return EMPTY
  if (!isSendable(code)) {
    throw new EncodeError('OutgoingCloseCodeInvalid', `close code ${code} may not be sent: use 1000 to 1003, 1007 to 1014 or 3000 to 4999`, code)
  }
  const text = new TextEncoder().encode(reason)
  const payload = new Uint8Array(2 + text.length)
  new DataView(payload.buffer).setUint16(0, code)
  payload.set(text, 2)
  return checkControlPayload(payload)
}
