/** Messages: borrowed ones that point into the reader's memory, owned ones that keep their data. */

import { DESCRIPTOR_ASCII, OPCODE_CLOSE } from '../../../assembly/abi.ts'
import { UsageError } from '../../errors.ts'
import { showsItself } from '../../printing.ts'
import type { CompressionFormat } from '../deflate/format.ts'
import type { TextDecoding } from '../text.ts'
import { OWNED_ALONE, OwnedBlock } from './owned-block.ts'
import type { InflateOptions } from './payload-inflater.ts'

/** The kind of a message (RFC 6455 section 5.6 and 5.5). */
export type MessageKind = 'text' | 'binary' | 'ping' | 'pong' | 'close'

/** Close codes (RFC 6455 section 7.4.1 and the IANA registry). 3000 to 4999 are free for applications and libraries. */
export const CloseCode = {
  Normal: 1000,
  GoingAway: 1001,
  Protocol: 1002,
  Unsupported: 1003,
  /** Never on the wire: the close frame had no code. */
  NoStatus: 1005,
  /** Never on the wire: the connection ended without a close frame. */
  Abnormal: 1006,
  InvalidPayload: 1007,
  PolicyViolation: 1008,
  MessageTooBig: 1009,
  MandatoryExtension: 1010,
  InternalError: 1011,
  ServiceRestart: 1012,
  TryAgainLater: 1013,
  BadGateway: 1014,
} as const

/** The source of the bytes of borrowed messages: the frame reader. */
export interface MessageSource {
  readonly u8: Uint8Array
  readonly view: DataView
  readonly decoding: TextDecoding
  /** The buffer of a message that was received in parts. */
  readonly assembly: Uint8Array
  /** Text of an in-place message. */
  textAt(offset: number, length: number, ascii: boolean): string
  /** Inflates a payload, as {@link Message.inflate} says. */
  inflate(payload: Uint8Array, format: CompressionFormat, options: InflateOptions | undefined): Uint8Array
  /** Text of bytes on the heap. */
  utf8(bytes: Uint8Array): string
  /** Text of the message in {@link MessageSource.assembly}. */
  assembledText(length: number, ascii: boolean): string
}

/** Set in {@link Message.flags} for a message whose bytes are in the assembly buffer. @internal */
export const ASSEMBLED = 32
/** Set for a message that was compressed: {@link Message.wire} says how long it was. @internal */
export const DEFLATED = 64

/**
 * A borrowed message. It is valid until the next `next`, `recv` or `readable` on the same connection (sending does not invalidate it);
 * using it later throws `StaleMessage`. What it returns by value (strings, numbers, `toOwned()`) stays yours. Eight objects take turns: one that is kept over
 * eight further messages, or a multiple of that, is the later message, and shows its bytes.
 *
 * ```ts
 * for (let m; (m = ws.next()) !== null; ) {
 *   if (m.kind === 'binary' && m.length >= 8) onPrice(m.getFloat64(0, true))
 * }
 * ```
 */
export class Message {
  static {
    showsItself(this.prototype, (it) => (it.live === null ? { stale: true } : { kind: it.live, length: it.size, ...closeOf(it) }))
  }

  /** Its kind while it may be used, otherwise null; a field of the message itself, because every access checks it. @internal */ live: MessageKind | null =
    null
  /** The message whose turn is next. @internal */ follower: Message = this
  /** @internal */ flags = 0
  /** @internal */ offset = 0
  /** @internal */ size = 0
  /** @internal */ status = 0
  /** @internal */ wire = 0

  readonly #source: MessageSource

  /** @internal */
  constructor(source: MessageSource) {
    this.#source = source
  }

  // V8 inlines getters last, and those of more than 27 bytecodes, calls included, only while its budget for the caller lasts:
  // the getters that a loop calls for each message have to be smaller than that.

  /** What it is. */
  get kind(): MessageKind {
    return this.live ?? stale()
  }

  /** Payload bytes; for a close message, those of the reason. */
  get length(): number {
    if (this.live === null) stale()
    return this.size
  }

  /** Payload bytes as they were received: for a compressed message (RFC 7692) those before inflating, otherwise {@link Message.length}. */
  get wireLength(): number {
    this.check()
    return this.flags & DEFLATED ? this.wire : this.size
  }

  /**
   * The payload as a view of the reader's memory: valid as long as the message, and read-only by contract. For a close message, the reason.
   * The view is not guarded: kept for longer, it shows other data, also of other connections, and so does its `buffer`. Copy what you keep.
   */
  get bytes(): Uint8Array {
    this.check()
    const from = this.flags & ASSEMBLED ? this.#source.assembly : this.#source.u8
    return from.subarray(this.offset, this.offset + this.size)
  }

  /**
   * The payload as a string, decoded on each access. A text message has been validated; other kinds are decoded with U+FFFD for invalid UTF-8.
   * Short ASCII texts of one read share a parent string of up to 2 KiB, which lives as long as any of them.
   */
  get text(): string {
    this.check()
    const ascii = (this.flags & DESCRIPTOR_ASCII) !== 0
    return this.flags & (ASSEMBLED | DEFLATED) ? this.#loneText(ascii) : this.#source.textAt(this.offset, this.size, ascii)
  }

  /** `JSON.parse` of {@link Message.text}. */
  json(): unknown {
    return JSON.parse(this.text)
  }

  /**
   * The payload, inflated: for feeds that compress inside their messages. As {@link Message.bytes}, it may be a view of linear memory, valid as long as the
   * message, and read-only by contract. `deflate-raw` may end with a last block or after a sync flush. Throws `InvalidOption`, and a `CompressionError` for data that is broken, ends too early, is followed by something else
   * (`UnexpectedData`), or would become larger than `maxSize` (`OutputTooLarge`).
   *
   * ```ts
   * if (m.kind === 'binary') onUpdate(JSON.parse(m.inflateText('gzip')))
   * ```
   */
  inflate(format: CompressionFormat, options?: InflateOptions): Uint8Array {
    return this.#source.inflate(this.bytes, format, options)
  }

  /** {@link Message.inflate} as a string, with U+FFFD for what is not UTF-8. */
  inflateText(format: CompressionFormat, options?: InflateOptions): string {
    return this.#source.utf8(this.inflate(format, options))
  }

  /** The payload byte at `index`; null outside the payload and for an index that is not a whole number. Allocates nothing. */
  at(index: number): number | null {
    this.check()
    // A string would be concatenated with the offset instead of added, and reach another connection's memory.
    if (!isIndex(index) || index >= this.size) return null
    return (this.flags & ASSEMBLED ? this.#source.assembly[index] : this.#source.u8[this.offset + index]) as number
  }

  /** Unsigned 8-bit number at `index`. This and the following methods allocate nothing and throw `RangeError` outside the payload and for an index that is not a whole number. */
  getUint8(index: number): number {
    return this.#dataView(index, 1).getUint8(this.offset + index)
  }
  /** Unsigned 16-bit number at `index`, big-endian unless `littleEndian`. */
  getUint16(index: number, littleEndian?: boolean): number {
    return this.#dataView(index, 2).getUint16(this.offset + index, littleEndian)
  }
  /** Signed 32-bit number at `index`, big-endian unless `littleEndian`. */
  getInt32(index: number, littleEndian?: boolean): number {
    return this.#dataView(index, 4).getInt32(this.offset + index, littleEndian)
  }
  /** Unsigned 32-bit number at `index`, big-endian unless `littleEndian`. */
  getUint32(index: number, littleEndian?: boolean): number {
    return this.#dataView(index, 4).getUint32(this.offset + index, littleEndian)
  }
  /** Signed 64-bit number at `index`, big-endian unless `littleEndian`. The `bigint` itself may be allocated by the engine. */
  getBigInt64(index: number, littleEndian?: boolean): bigint {
    return this.#dataView(index, 8).getBigInt64(this.offset + index, littleEndian)
  }
  /** 64-bit float at `index`, big-endian unless `littleEndian`. */
  getFloat64(index: number, littleEndian?: boolean): number {
    return this.#dataView(index, 8).getFloat64(this.offset + index, littleEndian)
  }

  /** Of a close message, its code: 1005 (`NoStatus`) when it had none. Null for any other. */
  get closeCode(): number | null {
    this.check()
    return (this.flags & 15) === OPCODE_CLOSE ? this.status : null
  }

  /** A copy that stays valid. */
  toOwned(): OwnedMessage {
    const { kind, closeCode, wireLength } = this
    const isAscii = (this.flags & DESCRIPTOR_ASCII) !== 0
    return new OwnedMessage(kind, this.#ownData(), closeCode ?? wireLength, this.size, isAscii ? 1 : 0)
  }

  /** Text of a message that lies among no others. */
  #loneText(ascii: boolean): string {
    const { offset, size } = this
    const source = this.#source
    if (this.flags & ASSEMBLED) return source.assembledText(size, ascii)
    return source.decoding[ascii ? 'latin1' : 'utf8'](source.u8, offset, offset + size)
  }

  #ownData(): string | Uint8Array<ArrayBuffer> | OwnedBlock {
    const isText = hasText(this.kind)
    // A short one costs less as a string.
    if (isText && this.size < OWNED_ALONE) return this.text
    const bytes = this.bytes.slice() as Uint8Array<ArrayBuffer>
    return isText ? new OwnedBlock(bytes, this.#source.decoding) : bytes
  }

  #dataView(index: number, width: number): DataView {
    this.check()
    if (!isIndex(index) || index + width > this.size) {
      throw new RangeError(`${width} bytes at ${String(index)} are outside the message's ${this.size} bytes`)
    }
    if (this.flags & ASSEMBLED) {
      const { assembly } = this.#source
      return new DataView(assembly.buffer, assembly.byteOffset, assembly.byteLength)
    }
    return this.#source.view
  }

  /** @internal */
  check(): void {
    if (this.live === null) stale()
  }
}

/** Is its data a string? */
function hasText(kind: MessageKind): boolean {
  return kind === 'text' || kind === 'close'
}

/** Of a close message, what it says of the end. */
function closeOf({ kind, closeCode }: Message | OwnedMessage): { closeCode?: number | null } {
  return kind === 'close' ? { closeCode } : {}
}

/** Is it a whole number that may be added to an offset? Of the ways to ask, the one without floating point. */
function isIndex(index: number): boolean {
  return typeof index === 'number' && index >>> 0 === index
}

function stale(): never {
  throw new UsageError(
    'StaleMessage',
    'this message is no longer valid: its memory may hold another one. Use it before the next next()/recv()/readable(), or keep toOwned()',
  )
}

/** A message that owns its data, which is made when it is first asked for: what `for await` and the WHATWG streams give. */
export class OwnedMessage {
  static {
    showsItself(this.prototype, (it) => ({ kind: it.kind, length: it.length, ...closeOf(it) }))
  }

  /** Its data, or the block in which it lies. */
  #data: string | Uint8Array<ArrayBuffer> | OwnedBlock
  /** Its offset there, times two, and one more when it is ASCII. */
  readonly #place: number
  /** Payload bytes, -1 while that is not known. */
  readonly #size: number
  /** Of a close message its code, of others their payload bytes on the wire; null while that is not known. */
  readonly #status: number | null

  /** @param data a string for text (and the reason of a close), bytes for the rest */
  constructor(kind: MessageKind, data: string | Uint8Array<ArrayBuffer>, closeCode?: number | null)
  /** One whose data may lie in a block. @internal */
  constructor(kind: MessageKind, data: string | Uint8Array<ArrayBuffer> | OwnedBlock, status: number, size: number, place: number)
  constructor(
    /** What it is. */
    readonly kind: MessageKind,
    data: string | Uint8Array<ArrayBuffer> | OwnedBlock,
    status: number | null = null,
    size: number = -1,
    place: number = 0,
  ) {
    this.#data = data
    this.#place = place
    this.#size = size
    this.#status = status
  }

  /** Of a close message, its code: 1005 (`NoStatus`) when it had none. Null for any other. */
  get closeCode(): number | null {
    return this.kind === 'close' ? this.#status : null
  }

  /** A string for text (and the reason of a close), bytes for the rest. The bytes have an `ArrayBuffer` of their own. */
  get data(): string | Uint8Array<ArrayBuffer> {
    const data = this.#data
    if (!(data instanceof OwnedBlock)) return data
    // The block is let go of.
    this.#data = hasText(this.kind) ? data.text(this.#place >> 1, this.#size, (this.#place & 1) !== 0) : data.take(this.#place >> 1, this.#size)
    return this.#data
  }

  /** Payload bytes as they were received: of a compressed message (RFC 7692) those before inflating, otherwise {@link OwnedMessage.length}. */
  get wireLength(): number {
    return this.kind === 'close' ? this.length : (this.#status ?? this.length)
  }

  /** The data as a string. */
  get text(): string {
    const { data } = this
    return typeof data === 'string' ? data : new TextDecoder().decode(data)
  }

  /** The data as bytes, with an `ArrayBuffer` of their own; of a close message, the reason without the code. */
  get bytes(): Uint8Array<ArrayBuffer> {
    const data = this.#data
    if (data instanceof OwnedBlock && hasText(this.kind)) return data.copy(this.#place >> 1, this.#size)
    return typeof data === 'string' ? new TextEncoder().encode(data) : (this.data as Uint8Array<ArrayBuffer>)
  }

  /** Payload bytes. */
  get length(): number {
    return this.#size < 0 ? this.bytes.length : this.#size
  }

  /**
   * The payload byte at `index`; null outside the payload and for an index that is not a whole number. Of a binary message it makes nothing, where
   * {@link OwnedMessage.bytes} makes an array.
   */
  at(index: number): number | null {
    if (!isIndex(index) || index >= this.length) return null
    const data = this.#data
    if (data instanceof OwnedBlock) return data.at((this.#place >> 1) + index)
    return (typeof data === 'string' ? this.bytes : data)[index] as number
  }

  /** `JSON.parse` of {@link OwnedMessage.text}. */
  json(): unknown {
    return JSON.parse(this.text)
  }
}
