/** The client's receiving half of HTTP/1.1, sans IO: bytes in, responses out. */

import {
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_UNLIMITED,
  BODY_UNTIL_CLOSE,
  BODY_UNTIL_VERIFIED_END,
  CHUNKED_BYTES,
  CHUNKED_LIMIT,
  CHUNKED_MAX_EXTENSION,
  CHUNKED_MAX_TRAILER,
  CHUNKED_TRAILER,
  FIELD_BYTES,
  HEAD_CONNECTION,
  HEAD_CONTENT_LENGTH,
  HEAD_FIELD_CAPACITY,
  HEAD_FIELD_COUNT,
  HEAD_FIELDS,
  HEAD_KEEP_ALIVE_MAX,
  HEAD_KEEP_ALIVE_TIMEOUT,
  HEAD_STATUS,
  HTTP_ERROR_NONE,
  HTTP_ERROR_UNEXPECTED_END,
  INCOMING_BODY_BYTES,
  INCOMING_BYTES,
  INCOMING_DATA,
  INCOMING_DATA_LENGTH,
  INCOMING_DONE,
  INCOMING_ERROR,
  INCOMING_ERROR_A,
  INCOMING_ERROR_B,
  INCOMING_FAILED,
  INCOMING_FRAMING,
  INCOMING_HELD,
  INCOMING_IDLE,
  INCOMING_IN_BODY,
  INCOMING_IN_HEAD,
  INCOMING_INPUT,
  INCOMING_INTERIM,
  INCOMING_MAX_BODY,
  INCOMING_MAX_HEAD,
  INCOMING_METHOD,
  INCOMING_REMAINING,
  INCOMING_START,
  INCOMING_START_LENGTH,
  INCOMING_STATE,
  INCOMING_STORE,
  INCOMING_STORE_BYTES,
  INCOMING_STREAMING,
  INCOMING_TAIL,
  METHOD_CONNECT,
  METHOD_HEAD,
  METHOD_OTHER,
  METHOD_UPGRADE,
  STEP_COMPLETE,
  STEP_DATA,
  STEP_FAILED,
  STEP_HEAD,
  STEP_INTERIM,
  STEP_MORE,
} from '../../../assembly/abi.ts'
import type { EndProof } from '../../end-proof.ts'
import { type HttpError, UsageError } from '../../errors.ts'
import { oneOf, SIZE_MAX } from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'
import { HeapBody } from '../heap-body.ts'
import { type BytesInit, bytesOf, copyInto, plainLength, textOf, within } from '../inputs.ts'
import { align, type Codec, type CodecMemory, type Region } from '../memory.ts'
import type { CodecExports } from '../module.ts'
import { bufferFull, released } from '../reader-errors.ts'
import type { TextDecoding } from '../text.ts'
import { HeadFields, latin1 } from './head-fields.ts'
import { responseError } from './http-error.ts'
import { type InterimResponse, readInterim } from './interim.ts'
import { type ResponseLimits, type ResponseReaderOptions, responseLimits } from './limits.ts'
import { bodyTextOf, type ResponseTimings, RestResponse, type Timed } from './response.ts'
import { endFault } from './response-end.ts'

/** How to make room for more bytes. */
const ROOM = 'Take the responses with next() first, or use a larger capacity'
const END_PROOF = oneOf<EndProof>('verified', 'unverified', 'truncated')
/** Serials stay small integers to every engine. */
const SERIAL_MASK = 2 ** 30 - 1

/**
 * Reads HTTP/1.1 responses (RFC 9112) from bytes that arrive in any cut. Strict: what two parsers could read in two ways is an error; the table
 * in docs/architecture.md names each decision.
 *
 * Order of calls: `begin(method)` for each request, in the order in which they were sent; `read(bytes)`, or `spare()` and `filled(n)`; then
 * `next()` until it is null; then look at {@link ResponseReader.error}. `end()` when the peer has ended the connection. Receiving never throws
 * for a broken peer: `error` is set, and no byte after it is interpreted. After {@link ResponseReader.release} all methods throw `Released`.
 */
export class ResponseReader {
  static {
    showsItself(this.prototype, (it) => ({ capacity: it.capacity, isComplete: it.isComplete, error: it.failure, released: it.isReleased }))
  }

  /** Bytes of a response that is handed out in place. */
  readonly capacity: number
  /** @internal */ serial = 0
  /** The connection that reads into it: one at a time, or two responses would be mixed up. */
  private user: object | null = null
  /** @internal */ readonly u8: Uint8Array<ArrayBuffer>
  /** @internal */ readonly fields: HeadFields
  /** A body whose end nothing verifies fails. @internal */ requiresVerifiedEnd = false
  /** Measures the exchange whose response is read, from its `begin` on. @internal */ timed: Timed | null = null

  private readonly limits: ResponseLimits
  private readonly memory: CodecMemory
  private readonly i32: Int32Array
  private readonly view: DataView
  private readonly exports: CodecExports
  private readonly text: TextDecoding
  private readonly region: Region
  private readonly ownsRegion: boolean
  private readonly record: number
  /** Word indexes of the record and of the trailers' field table. */
  private readonly words: number
  private readonly trailerTable: number
  /** Addresses of the two read targets. */
  private readonly first: number
  private readonly second: number
  private readonly views: [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>]

  private failure: HttpError | null = null
  private cached: RestResponse<unknown> | null = null
  /** The response under way, or the last one, has its head (and is whole). */
  private hasHead = false
  private isComplete = false
  /** `next` has handed it out. */
  private taken = false
  private begun = false
  private isReleased = false
  private latest: InterimResponse | null = null
  /** Bytes of a streamed body that the record counts no more: one without limit may be longer than 32 bits count. */
  private passed = 0
  /** A body that the store could not hold. */
  private heap: HeapBody | null = null
  /** The body without its content coding. */
  private decoded: Uint8Array<ArrayBuffer> | null = null
  /** The target that `spare` and `read` fill. */
  private current: number
  private spareView: Uint8Array<ArrayBuffer> | null = null

  /**
   * @param region memory to live in, when it is to share one with others (who then release it); otherwise the reader takes its own
   * @internal
   */
  constructor(codec: Codec, options: ResponseReaderOptions = {}, region?: Region) {
    const limits = responseLimits(options)
    this.limits = limits
    this.capacity = limits.capacity
    this.ownsRegion = region === undefined
    this.region = region ?? codec.region(ResponseReader.regionBytes(options))
    this.memory = this.region.memory
    this.u8 = this.memory.u8
    this.i32 = this.memory.i32
    this.view = this.memory.view
    this.exports = this.memory.exports
    this.text = codec.text

    this.record = this.region.carve(INCOMING_BYTES + CHUNKED_BYTES)
    const table = this.region.carve(limits.maxHeaders * FIELD_BYTES)
    const trailerTable = this.region.carve(limits.maxHeaders * FIELD_BYTES)
    const trailer = this.region.carve(limits.maxTrailer + 2)
    this.first = this.region.carve(limits.capacity)
    this.second = this.region.carve(limits.capacity)
    // Last, so that there is memory behind the targets: the codec may look up to CLEAN_OVERREAD bytes beyond a chunk.
    const store = this.region.carve(limits.capacity)
    this.words = this.record >> 2
    this.trailerTable = trailerTable >> 2
    this.current = this.first
    this.views = [this.u8.subarray(this.first, this.first + this.capacity), this.u8.subarray(this.second, this.second + this.capacity)]

    this.u8.fill(0, this.record, this.record + INCOMING_BYTES + CHUNKED_BYTES)
    this.set(HEAD_FIELDS, table)
    this.fields = new HeadFields(this.memory, codec.text, this.record)
    this.set(HEAD_FIELD_CAPACITY, limits.maxHeaders)
    this.set(INCOMING_STORE, store)
    this.set(INCOMING_STORE_BYTES, limits.capacity)
    this.set(INCOMING_MAX_HEAD, limits.maxHead)
    this.set(INCOMING_MAX_BODY, Math.min(limits.maxBody, SIZE_MAX))
    this.set(INCOMING_BYTES + HEAD_FIELDS, trailerTable)
    this.set(INCOMING_BYTES + HEAD_FIELD_CAPACITY, limits.maxHeaders)
    this.set(INCOMING_BYTES + CHUNKED_MAX_EXTENSION, limits.maxExtension)
    this.set(INCOMING_BYTES + CHUNKED_TRAILER, trailer)
    this.set(INCOMING_BYTES + CHUNKED_MAX_TRAILER, limits.maxTrailer)
    this.set(INCOMING_INPUT, this.first)
    this.set(INCOMING_TAIL, this.first)
  }

  /** Bytes of a region for a reader with these options. @internal */
  static regionBytes(options: ResponseReaderOptions = {}): number {
    const { capacity, maxHeaders, maxTrailer } = responseLimits(options)
    return align(INCOMING_BYTES + CHUNKED_BYTES) + 2 * align(maxHeaders * FIELD_BYTES) + align(maxTrailer + 2) + 3 * align(capacity)
  }

  /**
   * The next response answers a request with this method (upper case): a response to `HEAD` has no body, one to `CONNECT` that succeeds makes
   * the connection a tunnel. The previous response is stale from here on. Throws `RequestOutOfOrder` while a response is unfinished. Without a
   * call, `next` takes the request for a GET.
   */
  begin(method: string): void {
    if (this.isReleased) throw released('reader')
    if (typeof method !== 'string') textOf('method', method)
    const { i32, words } = this
    const state = i32[words + (INCOMING_STATE >> 2)] as number
    if (state === INCOMING_IN_BODY || (state === INCOMING_IN_HEAD && this.begun)) throw unfinished()
    this.expireNow()
    if (state === INCOMING_FAILED) return
    this.fields.clear()
    this.begun = i32[words + (INCOMING_INPUT >> 2)] !== i32[words + (INCOMING_TAIL >> 2)]
    i32[words + (INCOMING_STATE >> 2)] = INCOMING_IN_HEAD
    i32[words + (INCOMING_METHOD >> 2)] = method === 'HEAD' ? METHOD_HEAD : method === 'CONNECT' ? METHOD_CONNECT : METHOD_OTHER
    i32[words + (INCOMING_STREAMING >> 2)] = 0
    i32[words + (INCOMING_HELD >> 2)] = 0
    i32[words + (INCOMING_INTERIM >> 2)] = 0
  }

  /** The next response answers a request to upgrade: 101 is its end, and the bytes after it are no longer HTTP. Its body is given in pieces. @internal */
  beginUpgrade(): void {
    this.begin('GET')
    this.set(INCOMING_METHOD, METHOD_UPGRADE)
    this.streaming = true
  }

  /**
   * The next whole response; interim ones are skipped. It is valid until `begin` or `next` is called. Null when more bytes are needed, and after
   * a failure, which {@link ResponseReader.error} shows.
   */
  next(): RestResponse<null> | null {
    if (this.isReleased) throw released('reader')
    if (!this.isComplete || this.taken) {
      const state = this.word(INCOMING_STATE)
      if (state === INCOMING_IDLE || state === INCOMING_DONE) {
        if (this.surplus === 0) return null
        this.begin('GET')
      }
      this.set(INCOMING_STREAMING, 0)
      let code = this.advance()
      while (code === STEP_INTERIM) code = this.advance()
      if (code !== STEP_COMPLETE) return null
    }
    this.taken = true
    return this.response as RestResponse<null>
  }

  /** The writable rest of the buffer: put bytes at its beginning, then call {@link ResponseReader.filled}. Empty when there is no room. */
  spare(): Uint8Array {
    if (this.isReleased) throw released('reader')
    this.makeRoom(1)
    const from = this.word(INCOMING_TAIL)
    if (this.spareView === null || this.spareView.byteOffset !== from) this.spareView = this.u8.subarray(from, this.current + this.capacity)
    return this.spareView
  }

  /** The first `length` bytes of the last {@link ResponseReader.spare} have been filled. Throws `BufferFull` when there was no such room. */
  filled(length: number): void {
    if (this.isReleased) throw released('reader')
    const { remaining } = this
    if (!Number.isInteger(length) || length < 0 || length > remaining) throw bufferFull(length, remaining, ROOM)
    this.add(length)
  }

  /**
   * Copies `bytes` in, all or nothing. Throws `BufferFull` with `needed` and `available` when they do not fit (`next` makes room), `InvalidOption`
   * for what is no `ArrayBuffer` and no view of one.
   */
  read(bytes: BytesInit): void {
    if (this.isReleased) throw released('reader')
    const length = plainLength(bytes)
    if (length > 0) this.take(bytes as Uint8Array, length)
    else {
      const judged = bytesOf('bytes', bytes)
      this.take(judged, judged.length)
    }
  }

  /**
   * The peer has ended the connection. Returns STEP_COMPLETE (4) when that completes a response which lasts until the end, which `next` then gives, or
   * when none was under way; otherwise STEP_FAILED (5) with `UnexpectedEnd`. Take complete responses with `next` first.
   *
   * @param proof what is known of that end. An end that cut TLS (`truncated`) completes nothing (RFC 9112 section 9.8); only a `verified` end makes
   * {@link RestResponse.isEndVerified} true for a response that lasts until the end
   */
  end(proof: EndProof = 'unverified'): number {
    if (this.isReleased) throw released('reader')
    END_PROOF.read('proof', proof)
    if (this.failure !== null) return STEP_FAILED
    const state = this.word(INCOMING_STATE)
    if (state === INCOMING_IDLE || state === INCOMING_DONE) return STEP_COMPLETE
    const framing = this.word(INCOMING_FRAMING)
    const { bodyLength: received, contentLength: announced } = this
    this.failure = endFault({ state, framing, hasBegun: this.begun, received, announced }, proof, this.requiresVerifiedEnd)
    if (this.failure !== null) {
      this.set(INCOMING_STATE, INCOMING_FAILED)
      this.set(INCOMING_ERROR, HTTP_ERROR_UNEXPECTED_END)
      return STEP_FAILED
    }
    if (proof === 'verified') this.set(INCOMING_FRAMING, BODY_UNTIL_VERIFIED_END)
    this.set(INCOMING_STATE, INCOMING_DONE)
    this.hasHead = this.isComplete = true
    return STEP_COMPLETE
  }

  /** Why the connection has failed, null while it has not. No byte after the failure is interpreted; `reset` makes the reader usable again. */
  get error(): HttpError | null {
    return this.failure
  }

  /** Drops everything and starts over, as for a new connection. */
  reset(): void {
    if (this.isReleased) throw released('reader')
    this.expireNow()
    this.failure = this.latest = null
    this.begun = false
    this.current = this.first
    this.fields.clear()
    this.set(INCOMING_STATE, INCOMING_IDLE)
    this.set(INCOMING_ERROR, HTTP_ERROR_NONE)
    this.set(INCOMING_INPUT, this.first)
    this.set(INCOMING_TAIL, this.first)
  }

  /** Gives the memory back: what is used afterwards throws `Released`, and its response is stale. A second call does nothing. */
  release(): void {
    if (this.isReleased) return
    this.reset()
    this.isReleased = true
    if (this.ownsRegion) this.region.release()
  }

  // For adapters that read into fixed places of the memory.

  /** Makes it `user`'s, and its memory the system's to read into, until {@link ResponseReader.letGo}. Throws `InvalidOption` when it is another's. @internal */
  claim(user: object): void {
    if (this.user !== null) {
      throw new UsageError('InvalidOption', 'the reader is in use on another connection: each needs one of its own, until its `closed` has resolved')
    }
    this.user = user
    this.region.lend()
  }

  /** `user` is done with it. Harmless when it is another's by now. @internal */
  letGo(user: object): void {
    if (this.user !== user) return
    this.user = null
    this.region.endLoan()
  }

  /** The two read targets, of `capacity` bytes each. Fill them in turn: a response that is held lies in the one that was filled last. @internal */
  targets(): [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>] {
    return this.views
  }

  /** `length` bytes lie at the start of target `index`. Returns a RESPONSE number; call `advance` after INTERIM, HEAD and DATA. @internal */
  commit(index: 0 | 1, length: number): number {
    if (this.isReleased) return STEP_FAILED
    const target = index === 0 ? this.first : this.second
    if (length === 0 || this.surplus !== 0) return this.commitRest(target, length)
    this.current = target
    this.begun = true
    return this.settle(this.exports.incomingCommit(this.record, target, within(length, this.capacity)))
  }

  /** Whoever had its response is done with it. @internal */
  expire(): void {
    if (this.hasHead) this.expireNow()
  }

  /** Continues with the rest of the chunk. @internal */
  advance(): number {
    if (this.isReleased) return STEP_FAILED
    return this.settle(this.exports.incomingParse(this.record))
  }

  /** Whether the body is given in pieces. Set it between `begin` and the first byte. @internal */
  get streaming(): boolean {
    return this.word(INCOMING_STREAMING) !== 0
  }
  /** @internal */
  set streaming(value: boolean) {
    this.set(INCOMING_STREAMING, value ? 1 : 0)
    if (this.isUnlimited) this.set(INCOMING_MAX_BODY, value ? BODY_UNLIMITED : SIZE_MAX)
  }

  /** Whether any byte of the current response has arrived. @internal */
  get hasBegun(): boolean {
    return this.begun && this.word(INCOMING_STATE) !== INCOMING_IDLE && this.word(INCOMING_STATE) !== INCOMING_DONE
  }

  /** Bytes that have arrived and belong to no response yet. @internal */
  get surplus(): number {
    return this.word(INCOMING_TAIL) - this.word(INCOMING_INPUT)
  }

  /** The piece of body that STEP_DATA stands for, as a view that is valid until the next step. @internal */
  get data(): Uint8Array {
    return this.u8.subarray(this.dataAddress, this.dataAddress + this.dataLength)
  }

  /** Address of the piece of body that STEP_DATA stands for. @internal */
  get dataAddress(): number {
    return this.word(INCOMING_DATA)
  }

  /** Its length in bytes. @internal */
  get dataLength(): number {
    return this.word(INCOMING_DATA_LENGTH)
  }

  /** The interim response that STEP_INTERIM stands for. @internal */
  get interim(): InterimResponse {
    if (this.latest === null) throw new UsageError('NotOpen', 'no interim response has arrived')
    return this.latest
  }

  /** Whether the connection may carry another request (RFC 9112 section 9.3). Known once the response is complete. @internal */
  get reusable(): boolean {
    return this.isComplete && this.failure === null && this.word(HEAD_CONNECTION) !== 0
  }

  /** `Keep-Alive: timeout=` in ms, -1 when not sent. @internal */
  get keepAliveTimeout(): number {
    const seconds = this.word(HEAD_KEEP_ALIVE_TIMEOUT)
    return this.hasHead && seconds >= 0 ? seconds * 1_000 : -1
  }

  /** `Keep-Alive: max=`, requests that the server still takes; -1 when not sent. @internal */
  get keepAliveMax(): number {
    return this.hasHead ? this.word(HEAD_KEEP_ALIVE_MAX) : -1
  }

  /** The response whose head is complete; a small object, made when it is first asked for. Throws `NotOpen` when there is none. @internal */
  get response(): RestResponse<unknown> {
    if (!this.hasHead) throw new UsageError('NotOpen', 'no response has arrived yet')
    this.cached ??= new RestResponse<unknown>(this)
    return this.cached
  }

  // ResponseSource: the response checks that it is not stale, then asks.

  /** @internal */
  get timings(): ResponseTimings | null {
    return this.timed === null ? null : this.timed.timings
  }

  /** @internal */
  word(offset: number): number {
    return this.i32[this.words + (offset >> 2)] as number
  }

  /** Whether there is a table of trailers, which may be empty. @internal */
  get hasTrailers(): boolean {
    return this.isComplete && this.word(INCOMING_FRAMING) === BODY_CHUNKED
  }

  /** @internal */
  trailers(): [name: string, value: string][] {
    const list: [string, string][] = []
    if (!this.hasTrailers) return list
    const count = this.word(INCOMING_BYTES + HEAD_FIELD_COUNT)
    for (let i = 0, at = this.trailerTable; i < count; i++, at += FIELD_BYTES >> 2) {
      list.push([this.textAt(at), this.textAt(at + 2)])
    }
    return list
  }

  /** Whether the body's end is proved, by its own framing or by TLS. @internal */
  get isEndVerified(): boolean {
    return this.word(INCOMING_FRAMING) !== BODY_UNTIL_CLOSE
  }

  /** Bytes of the body that were received. @internal */
  get bodyLength(): number {
    return this.decoded === null ? this.passed + this.word(INCOMING_BODY_BYTES) : this.decoded.length
  }

  /** What the body is without its content coding: the response gives it out from here on. @internal */
  set decodedBody(body: Uint8Array<ArrayBuffer>) {
    this.decoded = body
  }

  /** Longest body in bytes. @internal */
  get maxBodySize(): number {
    return this.limits.maxBody
  }

  /** Empty when it is streamed. @internal */
  get bodyBytes(): Uint8Array {
    return this.decoded ?? this.rawBytes
  }

  /** The body as it was received. @internal */
  get rawBytes(): Uint8Array {
    if (this.heap !== null) return this.heap.view
    const length = this.streaming ? 0 : this.word(INCOMING_BODY_BYTES)
    const start = this.word(INCOMING_START) + this.word(INCOMING_START_LENGTH)
    return this.u8.subarray(start, start + length)
  }

  /** The body as text. @internal */
  bodyText(): string {
    if (this.decoded !== null) return bodyTextOf(this.text, this.decoded, 0, this.decoded.length)
    const bytes = this.heap === null ? this.u8 : this.heap.bytes
    const start = this.heap === null ? this.word(INCOMING_START) + this.word(INCOMING_START_LENGTH) : 0
    const end = this.streaming ? start : start + this.word(INCOMING_BODY_BYTES)
    return bodyTextOf(this.text, bytes, start, end)
  }

  /** The last response is stale from here on. */
  private expireNow(): void {
    this.serial = (this.serial + 1) & SERIAL_MASK
    this.cached = null
    this.timed = null
    this.heap = null
    this.decoded = null
    this.passed = 0
    this.hasHead = this.isComplete = this.taken = false
  }

  private get isUnlimited(): boolean {
    return this.limits.maxBody === Number.POSITIVE_INFINITY
  }

  /** Keeps what the record counts of a streamed body without limit within its words. */
  private passPiece(): void {
    this.passed += this.word(INCOMING_BODY_BYTES)
    this.set(INCOMING_BODY_BYTES, 0)
    if (this.word(INCOMING_FRAMING) === BODY_LENGTH) this.set(INCOMING_REMAINING, Math.min(this.contentLength - this.passed, SIZE_MAX))
  }

  private get contentLength(): number {
    return this.view.getFloat64(this.record + HEAD_CONTENT_LENGTH, true)
  }

  /** Acts on the result of a WASM step. */
  private settle(code: number): number {
    if (code === STEP_COMPLETE) {
      this.hasHead = this.isComplete = true
      return code
    }
    return code === STEP_MORE ? code : this.settleRest(code)
  }

  private settleRest(step: number): number {
    let code = step
    while (code === STEP_DATA && !this.streaming) {
      this.append(this.dataAddress, this.dataLength)
      code = this.exports.incomingParse(this.record)
    }
    if (code === STEP_HEAD) this.onHead()
    else if (code === STEP_DATA && this.isUnlimited) this.passPiece()
    else if (code === STEP_COMPLETE) this.hasHead = this.isComplete = true
    else if (code === STEP_INTERIM) this.latest = readInterim(this.fields, this.word(HEAD_STATUS))
    else if (code === STEP_FAILED) this.failure ??= this.makeError()
    return code
  }

  private onHead(): void {
    this.hasHead = true
    if (this.isUnlimited && this.streaming) this.view.setFloat64(this.record + INCOMING_BYTES + CHUNKED_LIMIT, Number.POSITIVE_INFINITY, true)
  }

  /** A chunk of nothing, or one that comes while something of the chunk before it is still there. */
  private commitRest(target: number, length: number): number {
    if (length === 0) return this.advance()
    // What is left of the chunk before belongs to the response that was begun since: it first.
    const code = this.word(INCOMING_STATE) === INCOMING_IN_HEAD ? this.advance() : STEP_COMPLETE
    if (code === STEP_FAILED) return code
    if (code !== STEP_MORE) this.set(INCOMING_STATE, INCOMING_DONE)
    this.current = target
    return this.settle(this.exports.incomingCommit(this.record, target, within(length, this.capacity)))
  }

  private append(address: number, length: number): void {
    if (this.heap === null) {
      // The length was checked against maxBodySize before it got here.
      const isKnown = this.word(INCOMING_FRAMING) === BODY_LENGTH
      this.heap = new HeapBody(isKnown ? this.contentLength : Math.min(this.limits.maxBody, SIZE_MAX), isKnown)
    }
    this.heap.append(this.u8.subarray(address, address + length))
  }

  private makeError(): HttpError {
    const at = (offset: number): number => this.view.getFloat64(this.record + offset, true)
    return responseError(this.word(INCOMING_ERROR), at(INCOMING_ERROR_A), at(INCOMING_ERROR_B), this.limits)
  }

  /** Bytes that fit behind those that have arrived. */
  private get remaining(): number {
    return this.current + this.capacity - this.word(INCOMING_TAIL)
  }

  /** Sees to it that `wanted` bytes fit, if they can. A response that is held is left alone: it lies in the current target, or in the store. */
  private makeRoom(wanted: number): void {
    const { surplus } = this
    const from = this.word(INCOMING_INPUT)
    // At its start, the target is either untouched or cannot be emptied any further.
    if (from === this.current || (surplus !== 0 && wanted <= this.remaining)) return
    const other = this.current === this.first ? this.second : this.first
    if (surplus !== 0) this.u8.copyWithin(other, from, from + surplus)
    this.current = other
    this.set(INCOMING_INPUT, other)
    this.set(INCOMING_TAIL, other + surplus)
  }

  /** Copies in bytes whose length has been judged. */
  private take(bytes: Uint8Array, length: number): void {
    this.makeRoom(length)
    if (length > this.remaining) throw bufferFull(length, this.remaining, ROOM)
    copyInto(this.views[this.current === this.first ? 0 : 1], this.word(INCOMING_TAIL) - this.current, bytes, length)
    this.add(length)
  }

  private add(length: number): void {
    if (length === 0) return
    this.set(INCOMING_TAIL, this.word(INCOMING_TAIL) + length)
    this.begun = true
  }

  private textAt(word: number): string {
    const start = this.i32[word] as number
    return latin1(this.memory, this.text, start, start + (this.i32[word + 1] as number))
  }

  private set(offset: number, value: number): void {
    this.i32[this.words + (offset >> 2)] = value
  }
}

function unfinished(): UsageError {
  return new UsageError('RequestOutOfOrder', 'a response is still under way; reset() the reader before it is used for another connection')
}
