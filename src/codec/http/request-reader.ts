/** The server's receiving half of HTTP/1.1, sans IO: bytes in, request heads out; the caller takes the body. */

import {
  BODY_CHUNKED,
  BODY_LENGTH,
  FIELD_BYTES,
  HEAD_CONNECTION,
  HEAD_CONTENT_LENGTH,
  HEAD_FIELD_CAPACITY,
  HEAD_FIELDS,
  HEAD_METHOD,
  HEAD_METHOD_LENGTH,
  HEAD_TARGET,
  HEAD_TARGET_LENGTH,
  HTTP_ERROR_NONE,
  INCOMING_BYTES,
  INCOMING_ERROR,
  INCOMING_ERROR_A,
  INCOMING_ERROR_B,
  INCOMING_FRAMING,
  INCOMING_HELD,
  INCOMING_IN_HEAD,
  INCOMING_INPUT,
  INCOMING_INTERIM,
  INCOMING_MAX_HEAD,
  INCOMING_STATE,
  INCOMING_STORE,
  INCOMING_TAIL,
  STEP_FAILED,
  STEP_HEAD,
} from '../../../assembly/abi.ts'
import { type HttpError, UsageError } from '../../errors.ts'
import { checkInteger, flag } from '../../option-rules.ts'
import { namesOf, showsItself } from '../../printing.ts'
import { type BytesInit, bytesOf, copyInto, plainLength } from '../inputs.ts'
import { align, type Codec, type Region } from '../memory.ts'
import type { CodecExports } from '../module.ts'
import { bufferFull, released } from '../reader-errors.ts'
import { BorrowedHead, type HeadSource } from './borrowed-head.ts'
import { HeadFields } from './head-fields.ts'
import { httpError } from './http-error.ts'
import { headLimits, type RequestReaderOptions } from './limits.ts'

/** How a request's body is framed (RFC 9112 section 6.3): there is none, it has a length, or it is chunked. */
export type RequestFraming = 'none' | 'length' | 'chunked'

const ENDED = flag()
/** How to make room for more bytes. */
const ROOM = 'Take the requests and their bodies first, or use a larger capacity'
/** Serials stay small integers to every engine. */
const SERIAL_MASK = 2 ** 30 - 1

/** The source of the data of borrowed request heads. */
export interface RequestSource extends HeadSource {
  readonly contentLength: number | null
}

/** A request head, borrowed: valid until the reader's next `next` or `reset`; using it later throws `StaleRequest`. */
export class RequestHead extends BorrowedHead<RequestSource> {
  static {
    showsItself(this.prototype, (it) =>
      it.isStale
        ? { stale: true }
        : { method: it.method, version: it.version, headers: namesOf(it.headers()), framing: it.framing, contentLength: it.contentLength },
    )
  }

  /** The method; case matters (RFC 9110 section 9.1). */
  get method(): string {
    return this.check().fields.textOf(HEAD_METHOD, HEAD_METHOD_LENGTH)
  }

  /** The request target as received, not decoded: mostly path and query (RFC 9112 section 3.2). */
  get target(): string {
    return this.check().fields.textOf(HEAD_TARGET, HEAD_TARGET_LENGTH)
  }

  /** How the body is framed. */
  get framing(): RequestFraming {
    const framing = this.check().word(INCOMING_FRAMING)
    return framing === BODY_LENGTH ? 'length' : framing === BODY_CHUNKED ? 'chunked' : 'none'
  }

  /** Bytes of the body according to Content-Length, null without one. */
  get contentLength(): number | null {
    return this.check().contentLength
  }

  /** Whether the client wants to use the connection again (RFC 9112 section 9.3). */
  get keepAlive(): boolean {
    return this.check().word(HEAD_CONNECTION) !== 0
  }

  /** @internal */
  protected override stale(): UsageError {
    return new UsageError('StaleRequest', 'this request head is no longer valid: its memory may hold another one. Use it before the next next()')
  }
}

/**
 * Reads HTTP/1.1 requests (RFC 9112) from bytes that arrive in any cut: the head is parsed and judged, the body is yours to take from
 * {@link RequestReader.remainder}. Strict, as the table in docs/architecture.md describes it.
 *
 * Order of calls: `read(bytes)`, or `spare()` and `filled(n)`; then `next()`; when it gives a head, `remainder` and `consume(n)` until
 * `bodyRemaining` is 0 (a chunked body goes through a `ChunkedDecoder`, and the last `consume` says so); then `next()` again. Receiving never
 * throws for a broken peer: `error` is set, and no byte after it is interpreted. After {@link RequestReader.release} all methods throw `Released`.
 */
export class RequestReader {
  static {
    showsItself(this.prototype, (it) => ({ capacity: it.capacity, bodyRemaining: it.#owed, error: it.#failure, released: it.#isReleased }))
  }

  /** Bytes of the read buffer. */
  readonly capacity: number
  /** @internal */ serial = 0
  /** @internal */ readonly fields: HeadFields

  readonly #u8: Uint8Array<ArrayBuffer>
  readonly #i32: Int32Array
  readonly #view: DataView
  readonly #exports: CodecExports
  readonly #region: Region
  readonly #ownsRegion: boolean
  readonly #record: number
  readonly #words: number
  readonly #slab: number
  /** The read buffer and nothing else: what is copied into it can't pass its end. */
  readonly #buffer: Uint8Array<ArrayBuffer>
  #failure: HttpError | null = null
  /** Bytes of the body that are not consumed; Infinity while a chunked one has not ended. */
  #owed = 0
  #isReleased = false

  /** @param region memory to live in, when it is to share one with others (who then release it); otherwise the reader takes its own @internal */
  constructor(codec: Codec, options: RequestReaderOptions = {}, region?: Region) {
    const { capacity, maxHead, maxHeaders } = headLimits(options)
    this.capacity = capacity
    this.#ownsRegion = region === undefined
    this.#region = region ?? codec.region(RequestReader.regionBytes(options))
    const { memory } = this.#region
    this.#u8 = memory.u8
    this.#i32 = memory.i32
    this.#view = memory.view
    this.#exports = memory.exports
    this.#record = this.#region.carve(INCOMING_BYTES)
    const table = this.#region.carve(maxHeaders * FIELD_BYTES)
    this.#slab = this.#region.carve(capacity)
    this.#buffer = this.#u8.subarray(this.#slab, this.#slab + capacity)
    this.#words = this.#record >> 2

    this.#u8.fill(0, this.#record, this.#record + INCOMING_BYTES)
    this.#set(HEAD_FIELDS, table)
    this.fields = new HeadFields(memory, codec.text, this.#record)
    this.#set(HEAD_FIELD_CAPACITY, maxHeaders)
    this.#set(INCOMING_MAX_HEAD, maxHead)
    this.#set(INCOMING_STORE, this.#slab)
    this.reset()
  }

  /** Bytes of a region for a reader with these options. @internal */
  static regionBytes(options: RequestReaderOptions = {}): number {
    const { capacity, maxHeaders } = headLimits(options)
    return align(INCOMING_BYTES) + align(maxHeaders * FIELD_BYTES) + align(capacity)
  }

  /**
   * The next head. It is valid until `next` or `reset` is called. Null when more bytes are needed, and after a failure, which
   * {@link RequestReader.error} shows. Throws `RequestOutOfOrder` while the body of the request before has not been consumed: it would be
   * taken for the next request.
   */
  next(): RequestHead | null {
    this.#checkUsable()
    if (this.#owed !== 0) {
      throw new UsageError('RequestOutOfOrder', `consume() the body first: ${this.#owed} bytes of it are left, which are not the next request`)
    }
    this.serial = (this.serial + 1) & SERIAL_MASK
    this.fields.clear()
    const code = this.#exports.requestParse(this.#record)
    if (code === STEP_FAILED) {
      this.#failure ??= httpError(this.word(INCOMING_ERROR), 'request', this.#float(INCOMING_ERROR_A), this.#float(INCOMING_ERROR_B))
    }
    if (code !== STEP_HEAD) return null
    const framing = this.word(INCOMING_FRAMING)
    this.#owed = framing === BODY_LENGTH ? this.#float(HEAD_CONTENT_LENGTH) : framing === BODY_CHUNKED ? Number.POSITIVE_INFINITY : 0
    return new RequestHead(this)
  }

  /** Received bytes after the head that are not consumed: the body, then further bytes. A view that is not guarded, valid until bytes are put in. */
  get remainder(): Uint8Array {
    this.#checkUsable()
    return this.#u8.subarray(this.word(INCOMING_INPUT), this.word(INCOMING_TAIL))
  }

  /** Bytes of the body that are not consumed yet; Infinity for a chunked one that has not ended, 0 when there is none (left). */
  get bodyRemaining(): number {
    return this.#owed
  }

  /**
   * The first `length` bytes of {@link RequestReader.remainder} were body. Throws `InvalidOption` for more than were received, or than the body has.
   *
   * @param ended for a chunked body: these were its last bytes. Ignored for others
   */
  consume(length: number, ended = false): void {
    this.#checkUsable()
    ENDED.read('ended', ended)
    const most = Math.min(this.#owed, this.word(INCOMING_TAIL) - this.word(INCOMING_INPUT))
    checkInteger('length', length, 0, most, 'bytes of body')
    this.#set(INCOMING_INPUT, this.word(INCOMING_INPUT) + length)
    this.#owed = ended && this.#owed === Number.POSITIVE_INFINITY ? 0 : this.#owed - length
  }

  /** The writable rest of the buffer: put bytes at its beginning, then call {@link RequestReader.filled}. Empty when there is no room. */
  spare(): Uint8Array {
    this.#checkUsable()
    if (this.#remaining === 0 || this.word(INCOMING_INPUT) === this.word(INCOMING_TAIL)) this.#exports.requestCompact(this.#record)
    return this.#u8.subarray(this.word(INCOMING_TAIL), this.#slab + this.capacity)
  }

  /** The first `length` bytes of the last {@link RequestReader.spare} have been filled. Throws `BufferFull` when there was no such room. */
  filled(length: number): void {
    this.#checkUsable()
    const remaining = this.#remaining
    if (!Number.isInteger(length) || length < 0 || length > remaining) throw bufferFull(length, remaining, ROOM)
    this.#set(INCOMING_TAIL, this.word(INCOMING_TAIL) + length)
  }

  /**
   * Copies `bytes` in, all or nothing. Throws `BufferFull` with `needed` and `available` when they do not fit (`consume` and `next` make room),
   * `InvalidOption` for what is no `ArrayBuffer` and no view of one.
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

  /** A head or a body is unfinished, so an end of the connection here is a failure. */
  get isMidMessage(): boolean {
    this.#checkUsable()
    return this.#owed !== 0 || this.word(INCOMING_INPUT) !== this.word(INCOMING_TAIL)
  }

  /** Why the connection has failed, null while it has not. `reset` makes the reader usable again. */
  get error(): HttpError | null {
    return this.#failure
  }

  /** It failed because the request had no Host, or several (RFC 9112 section 3.2). @internal */
  get lacksHost(): boolean {
    return this.#failure?.code === 'MalformedHead' && this.#float(INCOMING_ERROR_A) !== 0
  }

  /** Drops everything and starts over, as for a new connection. */
  reset(): void {
    this.#checkUsable()
    this.serial = (this.serial + 1) & SERIAL_MASK
    this.#failure = null
    this.#owed = 0
    this.fields.clear()
    this.#set(INCOMING_STATE, INCOMING_IN_HEAD)
    this.#set(INCOMING_ERROR, HTTP_ERROR_NONE)
    this.#set(INCOMING_HELD, 0)
    this.#set(INCOMING_INTERIM, 0)
    this.#set(INCOMING_INPUT, this.#slab)
    this.#set(INCOMING_TAIL, this.#slab)
  }

  /** Gives the memory back: what is used afterwards throws `Released`, and its head is stale. A second call does nothing. */
  release(): void {
    if (this.#isReleased) return
    this.reset()
    this.#isReleased = true
    if (this.#ownsRegion) this.#region.release()
  }

  // RequestSource: the head checks that it is not stale, then asks.

  /** @internal */
  get contentLength(): number | null {
    return this.word(INCOMING_FRAMING) === BODY_LENGTH ? this.#float(HEAD_CONTENT_LENGTH) : null
  }

  /** @internal */
  word(offset: number): number {
    return this.#i32[this.#words + (offset >> 2)] as number
  }

  /** Copies in bytes whose length has been judged. */
  #take(bytes: Uint8Array, length: number): void {
    if (length > this.#remaining) this.#exports.requestCompact(this.#record)
    if (length > this.#remaining) throw bufferFull(length, this.#remaining, ROOM)
    const tail = this.word(INCOMING_TAIL)
    copyInto(this.#buffer, tail - this.#slab, bytes, length)
    this.#set(INCOMING_TAIL, tail + length)
  }

  #checkUsable(): void {
    if (this.#isReleased) throw released('reader')
  }

  get #remaining(): number {
    return this.#slab + this.capacity - this.word(INCOMING_TAIL)
  }

  #float(offset: number): number {
    return this.#view.getFloat64(this.#record + offset, true)
  }

  #set(offset: number, value: number): void {
    this.#i32[this.#words + (offset >> 2)] = value
  }
}
