/** The receiving half of a WebSocket, sans IO: bytes in, messages out. */

import {
  DESCRIPTOR_ASCII,
  DESCRIPTOR_BYTES,
  DESCRIPTOR_KIND_MASK,
  DESCRIPTOR_LENGTH_SHIFT,
  ERROR_NONE,
  KIND_DEFLATED_BINARY,
  KIND_DEFLATED_BINARY_PART,
  KIND_DEFLATED_TEXT,
  KIND_DEFLATED_TEXT_PART,
  KIND_END_TEXT,
  KIND_PART,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
  READER_BYTES,
  READER_CONTROLS,
  READER_DEFLATE,
  READER_ERROR,
  READER_ERROR_A,
  READER_ERROR_B,
  READER_HEAD,
  READER_IN_PLACE_LIMIT,
  READER_MAX_FRAME,
  READER_MAX_MESSAGE,
  READER_PENDING,
  READER_REMAINING,
  READER_ROLE,
  READER_STATE,
  READER_TAIL,
  ROLE_CLIENT,
  ROLE_SERVER,
  STATE_CLOSED,
  STATE_FAILED,
  STATE_HEADER,
  STATE_PARTS,
} from '../../../assembly/abi.ts'
import type { ProtocolError } from '../../errors.ts'
import { showsItself } from '../../printing.ts'
import type { CompressionFormat } from '../deflate/format.ts'
import { type BytesInit, bytesOf, copyInto, plainLength, within } from '../inputs.ts'
import { type Codec, type Places, Region } from '../memory.ts'
import type { CodecExports } from '../module.ts'
import { bufferFull, released } from '../reader-errors.ts'
import { TextCutter, type TextDecoding } from '../text.ts'
import { type FrameReaderOptions, frameLimits, type Role } from './limits.ts'
import { ASSEMBLED, CloseCode, DEFLATED, Message, type MessageKind, type MessageSource, OwnedMessage } from './message.ts'
import { Batches, type MessageBatch } from './message-batch.ts'
import { MessageInflater } from './message-inflater.ts'
import { OWNED_ALONE, OWNED_BLOCK, OwnedBlock } from './owned-block.ts'
import { Parts } from './parts.ts'
import { type InflateOptions, PayloadInflater } from './payload-inflater.ts'
import type { DeflateContext } from './permessage-deflate.ts'
import { ReaderPlace, TABLE_ENTRIES, type TargetLayout } from './places.ts'
import { protocolError } from './protocol-error.ts'

/** By opcode. */
const KINDS: Readonly<Record<number, MessageKind>> = {
  [OPCODE_TEXT]: 'text',
  [OPCODE_BINARY]: 'binary',
  [OPCODE_CLOSE]: 'close',
  [OPCODE_PING]: 'ping',
  [OPCODE_PONG]: 'pong',
}

/** How to make room for more bytes. */
const ROOM = 'Take the messages first, or use a larger bufferCapacity'
/** A bit for each kind of descriptor that is a piece of a compressed message … */
const DEFLATED_TEXTS = (1 << KIND_DEFLATED_TEXT) | (1 << KIND_DEFLATED_TEXT_PART)
const DEFLATED_KINDS = DEFLATED_TEXTS | (1 << KIND_DEFLATED_BINARY) | (1 << KIND_DEFLATED_BINARY_PART)
/** … and for each that is no message by itself. */
const PIECES = DEFLATED_KINDS | (1 << KIND_PART)
/** A bit for each kind of descriptor that is a message in place. */
const WHOLES = (1 << OPCODE_TEXT) | (1 << OPCODE_BINARY) | (1 << OPCODE_PING) | (1 << OPCODE_PONG)
/** Borrowed messages take turns, so that the use of an old one is detected. */
const RING = 8
/** The record of a reader that has no place: nothing has arrived, and nothing was wrong. Never written. */
const NO_RECORD = new Int32Array(READER_BYTES >> 2)
/** What is held before the first message: it has no source, and is stale for ever. */
const NONE = new Message(null as unknown as MessageSource)

/**
 * Reads WebSocket frames (RFC 6455 section 5) from bytes that arrive in any cut.
 *
 * Order of calls: `read(bytes)`, or `spare()` and `filled(n)`; then `next()` until it is null; then look at {@link FrameReader.error}.
 * Receiving never throws for a broken peer: `error` is set, after the messages before it. After {@link FrameReader.release} all methods
 * throw `Released`.
 */
export class FrameReader {
  static {
    showsItself(this.prototype, (it) =>
      it.#isReleased
        ? { role: it.role, released: true }
        : { role: it.role, capacity: it.capacity, buffered: it.buffered, isMidMessage: it.isMidMessage, isClosed: it.isClosed, error: it.#failure },
    )
  }

  /** Whose end this is. */
  readonly role: Role
  /** Bytes of the read buffer. */
  readonly capacity: number
  /** @internal */ u8!: Uint8Array
  /** @internal */ view!: DataView

  #i32: Int32Array = NO_RECORD
  /** @internal */ exports!: CodecExports
  /** @internal */ readonly decoding: TextDecoding
  /** Where it lives; null while nothing of what has arrived is left, for one that shares places with others. */
  #place: ReaderPlace | null = null
  readonly #places: Places<ReaderPlace> | null
  #layout: TargetLayout | null = null
  #record = 0
  #slab = 0
  /** The end of the read buffer; 0 when the memory is no longer ours, so that nothing is within it. */
  #limit = 0
  /** Word index of the record and of the descriptor table. */
  #words = 0
  #table = 0
  readonly #compactThreshold: number
  /** The message that was taken last; one of no ring before the first one has arrived. */
  #held: Message = NONE
  /** Word indexes of the next descriptor and of the end of those parsed. */
  #cursor = 0
  #end = 0
  /** Unparsed bytes may contain more messages. */
  #unparsed = false
  /** Where what has arrived begins: from here to the tail, nothing is anybody else's. */
  #arrived = 0
  /** What batches are made of, once one was taken. */
  #batches: Batches | null = null
  readonly #parts: Parts
  /** Inflates compressed messages, where that was negotiated. */
  #inflater: MessageInflater | null = null
  /** What was negotiated for them. */
  #deflated: DeflateContext | null = null
  readonly #maxFrame: number
  readonly #maxMessage: number
  /** Longest unfinished frame that is awaited in place. */
  #inPlace: number
  /** Inflates what the application has compressed. */
  #payloads: PayloadInflater | null = null
  readonly #cutter: TextCutter
  /** A copy of messages from the one at `sharedStart` on, up to `sharedEnd`: of those that are taken as owned ones. */
  #shared: OwnedBlock | null = null
  #sharedStart = 0
  #sharedEnd = 0
  #failure: ProtocolError | null = null
  /** The memory is no longer ours … */
  #isRetired = false
  /** … and every method says so. */
  #isReleased = false
  /** Released, or with a large message that was put together: {@link FrameReader.beforeParsing} has something to do. */
  #isUnusual = false
  #spareView: Uint8Array | null = null
  /** Address of the read target when there is only one, otherwise 0. */
  #onlyTarget = 0

  readonly #ownsRegion: boolean

  /**
   * @param home memory to live in, when it is to share one with others, who then release it; or the places that it shares with other readers: then it has
   * one only while there are bytes for it. Otherwise the reader takes its own memory @internal
   */
  constructor(
    /** Where it took its memory from, for the opening handshake. @internal */ readonly codec: Codec,
    options: FrameReaderOptions = {},
    home?: Region | Places<ReaderPlace>,
  ) {
    const { role, capacity, compactAt, maxFrame, maxMessage } = frameLimits(options)
    this.role = role
    this.capacity = capacity
    this.#inPlace = capacity
    this.#parts = new Parts(maxMessage)
    this.#maxFrame = maxFrame
    this.#maxMessage = maxMessage
    this.#compactThreshold = compactAt >= 1 ? Number.POSITIVE_INFINITY : Math.ceil(capacity * compactAt)
    this.decoding = codec.text
    this.#cutter = new TextCutter(codec.text)

    this.#ownsRegion = home === undefined
    this.#places = home === undefined || home instanceof Region ? null : home
    if (home === undefined || home instanceof Region) {
      this.#settle(new ReaderPlace(home ?? codec.region(FrameReader.regionBytes(capacity)), capacity))
    }
  }

  /** Bytes of a region for a reader of this capacity. @internal */
  static regionBytes(capacity: number): number {
    return ReaderPlace.regionBytes(capacity)
  }

  /**
   * The next message, borrowed: valid until the next call of `next`, `poll`, `read`, `spare` or `reset`. Null when more bytes
   * are needed, after a close message, and after a failure, which {@link FrameReader.error} shows.
   */
  next(): Message | null {
    if (this.#cursor === this.#end && !this.#parse()) return null
    const at = this.#cursor
    const word = this.#i32[at + 1] as number
    const kind = word & DESCRIPTOR_KIND_MASK
    if (kind > OPCODE_BINARY) return this.#nextSpecial(at, word, kind)
    this.#cursor = at + 2
    const message = this.#takeTurn(kind === OPCODE_TEXT ? 'text' : 'binary')
    message.offset = this.#i32[at] as number
    message.size = word >>> DESCRIPTOR_LENGTH_SHIFT
    message.flags = word & (DESCRIPTOR_KIND_MASK | DESCRIPTOR_ASCII)
    return message
  }

  /**
   * As {@link FrameReader.next}, for a text or binary message in place, owned: small ones of a read share a copy. Null for all others, which are left to
   * `next`, and where that is null. @internal
   */
  nextOwned(): OwnedMessage | null {
    if (this.#cursor === this.#end && !this.#parse()) return null
    const at = this.#cursor
    const word = this.#i32[at + 1] as number
    const kind = word & DESCRIPTOR_KIND_MASK
    if (kind > OPCODE_BINARY) return null
    this.#held.live = null
    const offset = this.#i32[at] as number
    if (offset >= this.#sharedEnd) this.#share(offset)
    this.#cursor = at + 2
    const size = word >>> DESCRIPTOR_LENGTH_SHIFT
    const place = ((offset - this.#sharedStart) << 1) | ((word & DESCRIPTOR_ASCII) >> 4)
    return new OwnedMessage(kind === OPCODE_TEXT ? 'text' : 'binary', this.#shared as OwnedBlock, size, size, place)
  }

  /**
   * The messages that have arrived, up to 1,024 of them, as columns, borrowed: instead of as many calls of {@link FrameReader.next}, and null when that is null. A
   * message that was put together or inflated, and a close, is alone in its batch. Nothing is allocated, but a view for each message that was inflated without
   * context takeover.
   */
  batch(): MessageBatch | null {
    if (this.#cursor === this.#end && !this.#parse()) return null
    const cursor = this.#cursor
    const end = this.#end
    const i32 = this.#i32
    if (((WHOLES >>> ((i32[cursor + 1] as number) & DESCRIPTOR_KIND_MASK)) & 1) === 0) return this.#batchOfOne()
    const batches = (this.#batches ??= new Batches())
    const { columns, runs } = this.#place as ReaderPlace
    const { from, bytes } = runs.around(batches.mark, this.u8, this.#arrived, this.#get(READER_TAIL))
    const { offsets, lengths, kinds } = columns
    const count = this.exports.readerColumns(cursor << 2, (end - cursor) >> 1, from, offsets.byteOffset, lengths.byteOffset, kinds.byteOffset)
    this.#cursor = cursor + 2 * count
    const message = this.#takeTurn('binary')
    message.flags = 0
    return batches.of(message).show(count, columns, bytes, this.#get(READER_CONTROLS) !== 0)
  }

  /** Whether a whole message is ready for `next`. Parses and joins the bytes that have arrived. */
  poll(): boolean {
    for (;;) {
      if (this.#cursor === this.#end && !this.#parse()) return false
      const word = this.#i32[this.#cursor + 1] as number
      if (((PIECES >>> (word & DESCRIPTOR_KIND_MASK)) & 1) === 0 || this.#takePiece(this.#i32[this.#cursor] as number, word)) return true
    }
  }

  /** Why the connection has failed, once every message before the failure has been taken; null until then. No byte after it is interpreted. */
  get error(): ProtocolError | null {
    if (this.#failure === null && this.#cursor === this.#end && !this.#unparsed && !this.#isRetired) {
      const code = this.#get(READER_ERROR)
      if (code !== ERROR_NONE) {
        const a = this.view.getFloat64(this.#record + READER_ERROR_A, true)
        this.#failure = protocolError(code, a, this.view.getFloat64(this.#record + READER_ERROR_B, true))
      }
    }
    return this.#failure
  }

  /** A close frame has been read; nothing after it is delivered (RFC 6455 section 5.5.1). */
  get isClosed(): boolean {
    this.#checkReleased()
    return !this.#isRetired && this.#get(READER_STATE) === STATE_CLOSED
  }

  /** A frame or a fragmented message is unfinished, so an end of the connection here is a failure. */
  get isMidMessage(): boolean {
    this.#checkReleased()
    return !this.#isRetired && (this.#unparsed || this.#get(READER_PENDING) !== 0)
  }

  /** Every message that has arrived whole has been taken. */
  get isDrained(): boolean {
    this.#checkReleased()
    return this.#cursor === this.#end && !this.#unparsed
  }

  /** Bytes in the buffer that are not parsed yet. */
  get buffered(): number {
    this.#checkUsable()
    return this.#get(READER_TAIL) - this.#get(READER_HEAD)
  }

  /** Bytes that {@link FrameReader.spare} would have without compaction. */
  get remaining(): number {
    this.#checkUsable()
    return this.#limit - this.#get(READER_TAIL)
  }

  /** Whether {@link FrameReader.compact} is worth it: true from the `compactAt` share of the buffer on. */
  get shouldCompact(): boolean {
    this.#checkUsable()
    const consumed = this.#get(READER_HEAD) - this.#slab
    return consumed > 0 && consumed >= this.#compactThreshold && this.buffered > 0
  }

  /** Moves the unparsed bytes to the start of the buffer. Does nothing while messages that were parsed have not been taken. */
  compact(): void {
    this.#checkUsable()
    if (!this.isDrained) return
    this.#held.live = null
    this.exports.readerCompact(this.#record)
  }

  /** The writable rest of the buffer: put bytes at its beginning, then call {@link FrameReader.filled}. Empty when there is no room. */
  spare(): Uint8Array {
    this.#checkUsable()
    this.#makeRoom()
    const from = this.#get(READER_TAIL)
    if (this.#spareView === null || this.#spareView.byteOffset !== from) this.#spareView = this.u8.subarray(from, this.#limit)
    return this.#spareView
  }

  /** The first `length` bytes of the last {@link FrameReader.spare} have been filled. Throws `BufferFull` when there was no such room. */
  filled(length: number): void {
    this.#checkUsable()
    if (!Number.isInteger(length) || length < 0 || length > this.remaining) {
      throw bufferFull(length, this.remaining, ROOM)
    }
    if (length !== 0) this.commit(this.#get(READER_TAIL), length)
  }

  /**
   * Copies `bytes` in, all or nothing. Throws `BufferFull` with `needed` and `available` when they do not fit, `InvalidOption` for a value that is
   * neither an `ArrayBuffer` nor a view of one.
   */
  read(bytes: BytesInit): void {
    this.#checkUsable()
    const length = plainLength(bytes)
    if (length > 0) this.#take(bytes as Uint8Array, length)
    else {
      const judged = bytesOf('bytes', bytes)
      this.#take(judged, judged.length)
    }
  }

  /** Drops everything and starts over, as for a new connection. */
  reset(): void {
    this.#checkUsable()
    if (this.#place !== null) this.exports.readerReset(this.#record)
    this.#place?.keepFor(null)
    this.#held.live = null
    this.#cursor = this.#end = this.#table
    this.#unparsed = false
    this.#parts.end()
    this.#inflater?.release()
    this.#inflater = null
    this.#deflated = null
    this.#failure = null
    // Only close messages set it, and the hot path of `next` does not clear it.
  }

  /**
   * Gives the memory back. Every later use throws `Released`, and its messages are stale, except for a close message (and a message that was put
   * together on the heap), which stays valid. A second call does nothing.
   */
  release(): void {
    this.retire()
    this.#isReleased = this.#isUnusual = true
  }

  /** As {@link release}, for a stream, which may be asked at any later time: it just has no more messages. @internal */
  retire(): void {
    if (this.#isRetired) return
    const kept = (this.#held.flags & ASSEMBLED) !== 0 ? this.#held.live : null
    this.reset()
    this.#isRetired = true
    this.#limit = 0
    this.#onlyTarget = 0
    this.#held.live = kept
    if (kept === null) this.#parts.clear()
    this.#payloads?.release()
    this.#payloads = null
    if (this.#ownsRegion) this.#place?.region.release()
  }

  /** A message has been handed out and is still valid. @internal */
  get isHeld(): boolean {
    return this.#held.live !== null
  }

  /**
   * From now on the peer may compress its messages (RFC 7692). What the reader lives in has room for {@link MessageInflater.regionBytes}, which is taken from
   * the first compressed message on. @internal
   */
  inflateMessages(context: DeflateContext): void {
    this.#deflated = context
    if (this.#place !== null) this.#set(READER_DEFLATE, 1)
  }

  // For adapters that read into fixed places of the buffer.

  /**
   * Fixed read targets. Each has `room` bytes in front of it: a transport that reads ahead fills the one while the other's messages are in
   * use. The beginning of an unfinished frame is moved there, if the frame is at most `inPlace` bytes; the parts of a larger one are assembled
   * on the heap. @internal
   */
  targets(count: 1 | 2, bytes: number, inPlace: number, room: number = inPlace): Uint8Array[] {
    this.#checkUsable()
    if (count * (room + bytes) > this.capacity || inPlace > room) throw new RangeError('read targets overrun the buffer')
    this.#layout = { count, bytes, room }
    this.#inPlace = inPlace
    const place = this.#place ?? (this.#places as Places<ReaderPlace>).take()
    this.#settle(place)
    return place.targets(this.#layout)
  }

  /** The target `index`, in a place that is taken for it if there is none. @internal */
  targetAt(index: number): Uint8Array {
    if (this.#place === null) this.#settle((this.#places as Places<ReaderPlace>).take())
    return (this.#place as ReaderPlace).targets(this.#layout as TargetLayout)[index] as Uint8Array
  }

  /** `length` bytes were put in target `index`. The reader must be drained. @internal */
  fill(index: number, length: number): void {
    const { room, bytes } = this.#layout as TargetLayout
    this.commit(this.#slab + room + index * (room + bytes), length)
  }

  /** It is drained, and nothing reads into its targets: it gives its place to others when nothing is left in it, and shares places at all. @internal */
  leave(): void {
    const place = this.#place
    const places = this.#places
    if (place === null || places === null || this.#cursor !== this.#end || this.#unparsed || this.#failure !== null) return
    if (this.#get(READER_STATE) !== STATE_HEADER || this.#get(READER_PENDING) !== 0 || this.#get(READER_TAIL) !== this.#get(READER_HEAD)) return
    const inflater = this.#inflater
    if (inflater !== null) {
      if (!inflater.mayMove) return
      inflater.release()
    }
    if ((this.#held.flags & ASSEMBLED) === 0) this.#held.live = null
    this.vacate()
  }

  /** Nothing uses its memory any more, and it is never filled again, unless it takes another place. @internal */
  vacate(): void {
    const place = this.#place
    const places = this.#places
    if (place === null || places === null) return
    this.#place = null
    this.#i32 = NO_RECORD
    this.#words = this.#table = this.#cursor = this.#end = this.#limit = this.#onlyTarget = this.#sharedEnd = 0
    this.#shared = null
    this.#cutter.clear()
    places.giveBack(place)
  }

  #settle(place: ReaderPlace): void {
    const { region, record, table, slab, limit } = place
    const { memory } = region
    this.#place = place
    this.u8 = memory.u8
    this.#i32 = memory.i32
    this.view = memory.view
    this.exports = memory.exports
    this.#record = record
    this.#words = record >> 2
    this.#cursor = this.#end = this.#table = table >> 2
    this.#slab = slab
    this.#limit = limit
    this.#spareView = null
    place.keepFor(this.#batches?.mark ?? null)
    this.exports.readerReset(record)
    this.#set(READER_ROLE, this.role === 'client' ? ROLE_CLIENT : ROLE_SERVER)
    this.#set(READER_IN_PLACE_LIMIT, this.#inPlace)
    // Limits are below 2^31.
    this.#set(READER_MAX_FRAME, this.#maxFrame)
    this.#set(READER_MAX_FRAME + 4, 0)
    this.#set(READER_MAX_MESSAGE, this.#maxMessage)
    this.#set(READER_MAX_MESSAGE + 4, 0)
    if (this.#deflated !== null) {
      this.#set(READER_DEFLATE, 1)
      this.#inflater?.settle(region)
    }
    if (this.#layout === null) return
    const first = slab + this.#layout.room
    this.#onlyTarget = this.#layout.count === 1 ? first : 0
    this.#set(READER_HEAD, first)
    this.#set(READER_TAIL, first)
  }

  /**
   * Moves the unparsed bytes out of the way of the next read, which with a single target goes to the place where they lie. `next` does so when it
   * returns null; before the first frame, the opening handshake must. With two targets, `commit` is early enough. @internal
   */
  makeWay(): void {
    if (this.#onlyTarget !== 0 && this.#get(READER_TAIL) !== this.#get(READER_HEAD)) this.exports.readerCommit(this.#record, this.#onlyTarget, 0)
  }

  /** `length` bytes were put at `address`, a target's. The reader must be drained. @internal */
  commit(address: number, length: number): void {
    this.exports.readerCommit(this.#record, address, within(length, this.#limit - address))
    this.#arrived = this.#get(READER_HEAD)
    this.#unparsed = true
    this.#cutter.end = 0
    this.#sharedEnd = 0
  }

  /** Whether the last parse found anything except control frames. @internal */
  get sawData(): boolean {
    return this.#end - this.#table > this.#get(READER_CONTROLS) * (DESCRIPTOR_BYTES >> 2) || this.#get(READER_STATE) === STATE_PARTS
  }

  /** The close frame among the received messages that were not taken; undefined when not everything is parsed, and inflated. @internal */
  get closeAhead(): { code: number; reason: string } | null | undefined {
    if (this.#isRetired) return null
    for (let at = this.#cursor; at !== this.#end; at += 2) {
      const word = this.#i32[at + 1] as number
      const kind = word & DESCRIPTOR_KIND_MASK
      // What has not been inflated may break the protocol, and then nothing after it counts.
      if (((DEFLATED_KINDS >>> kind) & 1) !== 0 && (at !== this.#cursor || this.#inflater?.isReady !== true)) return undefined
      if (kind === OPCODE_CLOSE) return this.#closeAt(this.#i32[at] as number, word >>> DESCRIPTOR_LENGTH_SHIFT)
    }
    return this.#unparsed ? undefined : null
  }

  /** Address of the first byte that is not parsed yet, for the opening handshake. @internal */
  get headAddress(): number {
    this.#checkUsable()
    return this.#get(READER_HEAD)
  }

  /** Takes `length` unparsed bytes away from the front, for the opening handshake. @internal */
  consume(length: number): void {
    this.#set(READER_HEAD, this.#get(READER_HEAD) + within(length, this.buffered))
    this.#unparsed = this.buffered !== 0
  }

  /**
   * Takes all that has arrived up to a close message, which is returned; null when there is none. Nothing in front of it is inflated, or put
   * together. @internal
   */
  dropToClose(): Message | null {
    while (this.#cursor !== this.#end || this.#parse()) {
      const at = this.#cursor
      const word = this.#i32[at + 1] as number
      if ((word & DESCRIPTOR_KIND_MASK) === OPCODE_CLOSE) return this.#nextSpecial(at, word, OPCODE_CLOSE)
      this.#cursor = at + 2
    }
    return null
  }

  /** Takes all unparsed bytes away; a message that is held stays valid. @internal */
  drop(): void {
    this.consume(this.buffered)
  }

  // MessageSource

  /** @internal */
  get assembly(): Uint8Array {
    return this.#parts.bytes
  }

  /** @internal */
  textAt(offset: number, length: number, ascii: boolean): string {
    return this.#cutter.text(this.u8, offset, length, ascii, this.#get(READER_HEAD))
  }

  /** @internal */
  inflate(payload: Uint8Array, format: CompressionFormat, options: InflateOptions | undefined): Uint8Array {
    const payloads = this.#payloads ?? new PayloadInflater(this.codec, this.#maxMessage)
    if (!this.#isRetired) this.#payloads = payloads
    try {
      return payloads.inflate(payload, format, options, !this.#isRetired)
    } finally {
      // A message that outlives its reader leaves nothing behind.
      if (this.#isRetired) payloads.release()
    }
  }

  /** @internal */
  utf8(bytes: Uint8Array): string {
    const { length } = bytes
    const isAscii = bytes.buffer === this.u8.buffer && this.exports.isAsciiRun(bytes.byteOffset, length) !== 0
    return isAscii ? this.decoding.latin1(bytes, 0, length) : this.decoding.utf8(bytes, 0, length)
  }

  /** @internal */
  assembledText(length: number, ascii: boolean): string {
    return ascii ? this.decoding.latin1(this.#parts.bytes, 0, length) : this.decoding.utf8(this.#parts.bytes, 0, length)
  }

  /** Everything parsed has been taken: parses the bytes received since. True when that gave a message. */
  #parse(): boolean {
    // One test for all that is rare: with more in it, engines no longer put this method into those that call it.
    if (this.#isUnusual) this.#beforeParsing()
    this.#held.live = null
    if (this.#unparsed) {
      const count = this.exports.readerParse(this.#record)
      this.#cursor = this.#table
      this.#end = this.#table + count * (DESCRIPTOR_BYTES >> 2)
      this.#unparsed = count === TABLE_ENTRIES
      if (count !== 0) {
        if (this.#held === NONE) this.#makeRing()
        return true
      }
    }
    this.makeWay()
    return false
  }

  #batchOfOne(): MessageBatch | null {
    const message = this.next()
    if (message === null) return null
    const { flags, offset, size } = message
    const batches = (this.#batches ??= new Batches())
    const batch = batches.of(message)
    if ((flags & ASSEMBLED) !== 0) return batch.showOne(this.#parts.bytes, offset)
    // Memory that is borrowed for a message has another user after it: what was shown of it is not remembered.
    if (this.#inflater?.isBorrowing === true) return batch.showOne(this.u8.subarray(offset, offset + size), 0)
    const { from, bytes } = (this.#place as ReaderPlace).runs.around(batches.mark, this.u8, offset, offset + size)
    return batch.showOne(bytes, offset - from)
  }

  /** Copies the message at `offset`, the next one, and those behind it that share its block. */
  #share(offset: number): void {
    let to = offset
    for (let at = this.#cursor; at !== this.#end; at += 2) {
      const word = this.#i32[at + 1] as number
      const length = word >>> DESCRIPTOR_LENGTH_SHIFT
      const next = (this.#i32[at] as number) + length
      const isAlone = length >= OWNED_ALONE
      if ((word & DESCRIPTOR_KIND_MASK) > OPCODE_BINARY || ((isAlone || next - offset > OWNED_BLOCK) && at !== this.#cursor)) break
      to = next
      if (isAlone) break
    }
    this.#shared = new OwnedBlock(this.u8.slice(offset, to), this.decoding)
    this.#sharedStart = offset
    this.#sharedEnd = to
  }

  /** A connection that never gets a message needs none of these. */
  #makeRing(): void {
    const ring = Array.from({ length: RING }, () => new Message(this))
    for (let i = 0; i < RING; i++) (ring[i] as Message).follower = ring[(i + 1) % RING] as Message
    this.#held = ring[0] as Message
  }

  #beforeParsing(): void {
    this.#checkReleased()
    this.#isUnusual = false
    this.#parts.rest()
    this.#inflater?.rest()
  }

  /** Control frames and parts. */
  #nextSpecial(at: number, word: number, kind: number): Message | null {
    const length = word >>> DESCRIPTOR_LENGTH_SHIFT
    const offset = this.#i32[at] as number
    if (((DEFLATED_KINDS >>> kind) & 1) !== 0) {
      if (this.#inflater?.isReady) return this.#deliverInflated(this.#inflater, kind)
      return this.poll() ? this.next() : null
    }
    this.#cursor = at + 2
    if (kind < OPCODE_CLOSE) {
      this.#append(offset, length)
      // A loop, not a recursion: a peer chooses how many parts there are.
      if (kind === KIND_PART) return this.poll() ? this.next() : null
      const size = this.#parts.end()
      return this.#deliver(0, size, (kind === KIND_END_TEXT ? OPCODE_TEXT : OPCODE_BINARY) | (word & DESCRIPTOR_ASCII) | ASSEMBLED)
    }
    if (kind !== OPCODE_CLOSE) return this.#deliver(offset, length, kind)
    // Reading goes on after a close message, to see the connection end, and then the memory is released: the reason is kept separately.
    this.#parts.bytes = this.u8.slice(offset + 2, offset + length)
    const status = length < 2 ? CloseCode.NoStatus : this.view.getUint16(offset)
    return this.#deliver(0, this.#parts.bytes.length, kind | ASSEMBLED, status)
  }

  /** Copies in bytes whose length has been checked. */
  #take(bytes: Uint8Array, length: number): void {
    if (length > this.remaining) this.#makeRoom()
    if (length > this.remaining && this.isDrained) this.compact()
    if (length > this.remaining) throw bufferFull(length, this.remaining, ROOM)
    this.#makeRoom()
    const at = this.#get(READER_TAIL)
    copyInto((this.#place as ReaderPlace).buffer, at - this.#slab, bytes, length)
    if (length !== 0) this.commit(at, length)
  }

  /** The close frame whose payload lies at `offset`. */
  #closeAt(offset: number, length: number): { code: number; reason: string } {
    if (length < 2) return { code: CloseCode.NoStatus, reason: '' }
    return { code: this.view.getUint16(offset), reason: this.decoding.utf8(this.u8, offset + 2, offset + length) }
  }

  /** The message that was taken last is stale from here on. */
  #takeTurn(live: MessageKind): Message {
    const held = this.#held
    held.live = null
    const message = held.follower
    message.live = live
    this.#held = message
    return message
  }

  #deliver(offset: number, size: number, flags: number, status = 0): Message {
    const message = this.#takeTurn(KINDS[flags & DESCRIPTOR_KIND_MASK] as MessageKind)
    message.offset = offset
    message.size = size
    message.flags = flags
    message.status = status
    return message
  }

  /** A piece of a message, which is put together, or inflated. True when a compressed message is whole by it: then the piece stays until it is taken. */
  #takePiece(offset: number, word: number): boolean {
    const kind = word & DESCRIPTOR_KIND_MASK
    const length = word >>> DESCRIPTOR_LENGTH_SHIFT
    if (kind !== KIND_PART) {
      const { region } = this.#place as ReaderPlace
      this.#inflater ??= new MessageInflater(region, this.#deflated as DeflateContext, this.#parts, this.#maxMessage)
      return this.#inflatePiece(this.#inflater, offset, length, kind)
    }
    // One that was put together lies where this one goes.
    if ((this.#held.flags & ASSEMBLED) !== 0) this.#held.live = null
    this.#append(offset, length)
    this.#cursor += 2
    return false
  }

  #inflatePiece(inflater: MessageInflater, offset: number, length: number, kind: number): boolean {
    if (inflater.isReady) return true
    // Earlier messages lie where this one goes.
    this.#held.live = null
    const isText = ((DEFLATED_TEXTS >>> kind) & 1) !== 0
    const isLast = kind < OPCODE_CLOSE
    const failure = inflater.inflate(offset, length, isText) ?? (isLast ? inflater.end(isText) : null)
    if (this.#parts.isLarge || inflater.isBorrowing) this.#isUnusual = true
    if (failure !== null) this.#fail(failure)
    else if (!isLast) this.#cursor += 2
    return failure === null && isLast
  }

  /** Nothing that has arrived, or will arrive, counts any more. */
  #fail(failure: ProtocolError): void {
    this.#failure = failure
    this.#cursor = this.#end
    this.#unparsed = false
    this.#set(READER_STATE, STATE_FAILED)
    this.#set(READER_HEAD, this.#get(READER_TAIL))
    this.#set(READER_PENDING, 0)
  }

  #deliverInflated(inflater: MessageInflater, kind: number): Message {
    this.#cursor += 2
    inflater.isReady = false
    const opcode = kind === KIND_DEFLATED_TEXT ? OPCODE_TEXT : OPCODE_BINARY
    const { isOnHeap, start, size } = inflater
    const flags = (isOnHeap ? ASSEMBLED : 0) | (inflater.isAscii ? DESCRIPTOR_ASCII : 0)
    const message = this.#deliver(isOnHeap ? 0 : start, size, opcode | DEFLATED | flags)
    message.wire = inflater.wireLength
    return message
  }

  #append(offset: number, length: number): void {
    // The low word of the remaining length: the limits are below 2^31.
    this.#parts.append(this.u8.subarray(offset, offset + length), this.#get(READER_REMAINING))
    if (this.#parts.isLarge) this.#isUnusual = true
  }

  /** Frees consumed bytes, when that costs nothing or is due. */
  #makeRoom(): void {
    if (!this.isDrained) return
    this.#held.live = null
    if (this.buffered === 0 || this.shouldCompact || this.remaining === 0) this.exports.readerCompact(this.#record)
  }

  #checkUsable(): void {
    if (this.#isRetired) throw released('reader')
  }

  #checkReleased(): void {
    if (this.#isReleased) throw released('reader')
  }

  #get(offset: number): number {
    return this.#i32[this.#words + (offset >> 2)] as number
  }

  #set(offset: number, value: number): void {
    this.#i32[this.#words + (offset >> 2)] = value
  }
}
