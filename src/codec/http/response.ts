/** Responses: borrowed ones that point into the reader's memory, owned ones that keep their data. */

import { HEAD_REASON, HEAD_REASON_LENGTH, HEAD_STATUS } from '../../../assembly/abi.ts'
import { UsageError } from '../../errors.ts'
import { namesOf, showsItself } from '../../printing.ts'
import { textOf } from '../inputs.ts'
import { noField } from '../reader-errors.ts'
import type { TextDecoding } from '../text.ts'
import { BorrowedHead, type HeadSource, type HttpVersion } from './borrowed-head.ts'
import type { Fields } from './fields.ts'
import { KeptFields } from './head-fields.ts'

const UTF8 = new TextDecoder()

/** How an exchange went, in ms. */
export interface ResponseTimings {
  /** Of `pool.request`: from the call until the request was sent. Otherwise 0. */
  readonly queued: number
  /** From sending until the first byte of the response. */
  readonly firstByte: number
  /** From sending until its last byte. */
  readonly total: number
  /** The connection had answered a request before. */
  readonly reused: boolean
  /** Age of the connection when the request was sent. */
  readonly connectionAge: number
  /** Requests that the connection has answered, including this one. */
  readonly requests: number
}

/** What knows how an exchange went. */
export interface Timed {
  readonly timings: ResponseTimings
}

/** Where borrowed responses get their data from: the response reader. */
export interface ResponseSource extends HeadSource {
  /** Null when nobody has measured them: the codec has no clock. */
  readonly timings: ResponseTimings | null
  trailers(): [name: string, value: string][]
  readonly isEndVerified: boolean
  readonly bodyLength: number
  readonly bodyBytes: Uint8Array
  /** As received, where {@link ResponseSource.bodyBytes} has no content coding any more. */
  readonly rawBytes: Uint8Array
  bodyText(): string
}

/** A body as UTF-8, without its byte order mark. */
export function bodyTextOf(text: TextDecoding, bytes: Uint8Array, start: number, end: number): string {
  const hasMark = end - start >= 3 && bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf
  return text.utf8(bytes, hasMark ? start + 3 : start, end)
}

/**
 * A borrowed response. It is valid until the next send (or `begin`, or `next`) on the same reader, and until its slot is released; using it later throws
 * `StaleResponse`. What it returns by value (strings, numbers, pairs, `toOwned()`) stays yours; `body` and `headerBytes` are views that are not guarded: kept for longer, they show other data, also of other connections,
 * too, and so does their `buffer`.
 *
 * ```ts
 * if (res.status === 200) onOrder(res.json())
 * else log(res.status, res.header('retry-after'), res.text())
 * ```
 */
export class RestResponse<Timings = ResponseTimings> extends BorrowedHead<ResponseSource> {
  static {
    showsItself(this.prototype, (it) =>
      it.isStale
        ? { stale: true }
        : { status: it.status, reason: it.reason, version: it.version, headers: namesOf(it.headers()), bodyLength: it.bodyLength },
    )
  }

  /** Status code, 200 to 999. */
  get status(): number {
    return this.check().word(HEAD_STATUS)
  }

  /** Reason phrase, often empty; it means nothing (RFC 9112 section 4). */
  get reason(): string {
    return this.check().fields.textOf(HEAD_REASON, HEAD_REASON_LENGTH)
  }

  /** Fields that came behind a chunked body (RFC 9112 section 7.1.2), in order; none while the body is unfinished. */
  trailers(): [name: string, value: string][] {
    return this.check().trailers()
  }

  /** The body, decoded from its chunks: a view of the reader's memory, or an array of its own when it was too large for that. */
  get body(): Uint8Array {
    return this.check().bodyBytes
  }

  /** The body as it was received: what was compressed, where `decompress` has inflated {@link RestResponse.body}; the same elsewhere. */
  get rawBody(): Uint8Array {
    return this.check().rawBytes
  }

  /** A copy of the body, in memory of its own: for `postMessage`, which would send all the memory behind a view along, and for whatever keeps it. */
  bytes(): Uint8Array<ArrayBuffer> {
    return copyOf(this.body)
  }

  /** Bytes of the body; of one that is streamed, those received so far. */
  get bodyLength(): number {
    return this.check().bodyLength
  }

  /**
   * False for a body that only the end of the connection delimits (neither a length nor chunks), unless TLS verified that end with a close_notify: anyone
   * on the path may have cut it (RFC 9112 sections 8 and 9.8). True for every other response. For a streamed body, valid once it has ended.
   */
  get isEndVerified(): boolean {
    return this.check().isEndVerified
  }

  /** The body as UTF-8, decoded on each call, without its byte order mark; U+FFFD for what is not UTF-8, as `fetch` does. */
  text(): string {
    return this.check().bodyText()
  }

  /** `JSON.parse` of {@link RestResponse.text}; throws its `SyntaxError`. */
  json<T = unknown>(): T {
    return JSON.parse(this.check().bodyText()) as T
  }

  /** How long it took, and on what connection; null for a response that a reader of the codec has read. */
  get timings(): Timings {
    return this.check().timings as Timings
  }

  /** A copy that stays valid. */
  toOwned(): OwnedResponse<Timings> {
    return this._$ownedWith(this.timings)
  }

  /** A copy with these times. @internal */
  _$ownedWith(timings: Timings): OwnedResponse<Timings> {
    const { reason, status, version } = this
    const { bodyBytes, rawBytes, isEndVerified, fields } = this.check()
    // What was decoded is in an array that stays.
    const isDecoded = bodyBytes.buffer !== rawBytes.buffer
    const body = isDecoded ? bodyBytes : bodyBytes.slice()
    return new OwnedResponse(
      status,
      reason,
      version,
      fields.keep(),
      this.trailers(),
      body,
      isEndVerified,
      isDecoded ? rawBytes.slice() : body,
      timings,
    )
  }

  /** @internal */
  protected override stale(): UsageError {
    return new UsageError(
      'StaleResponse',
      'this response is no longer valid: its memory may hold another one. Use it before the next send and before its slot is released, or keep toOwned()',
    )
  }
}

/** A response that owns its data: all of {@link RestResponse}, for as long as it is kept. */
export class OwnedResponse<Timings = ResponseTimings> {
  static {
    showsItself(this.prototype, (it) => ({
      status: it.status,
      reason: it.reason,
      version: it.version,
      headers: namesOf(it.pairs),
      bodyLength: it.body.length,
    }))
  }

  constructor(
    /** Status code, 200 to 999. */
    readonly status: number,
    /** Reason phrase, often empty. */
    readonly reason: string,
    /** Protocol version of the server. */
    readonly version: HttpVersion,
    private fields: Fields | KeptFields,
    private readonly trailerFields: Fields,
    /** The body, decoded from its chunks. */
    readonly body: Uint8Array,
    /** False when the body may have been cut off: see {@link RestResponse.isEndVerified}. */
    readonly isEndVerified: boolean = true,
    /** The body as it was received: what was compressed, where `decompress` has inflated {@link OwnedResponse.body}; the same elsewhere. */
    readonly rawBody: Uint8Array = body,
    /** How long it took, and on what connection; null for a response that a reader of the codec has read. */
    readonly timings: Timings = null as Timings,
  ) {}

  /** Field lines of the head. */
  get headerCount(): number {
    return this.pairs.length
  }

  /** Value of the first field of that name, whatever the case of either; null when there is none. */
  header(name: string): string | null {
    const wanted = textOf('name', name).toLowerCase()
    return this.pairs.find(([each]) => each.toLowerCase() === wanted)?.[1] ?? null
  }

  /** The bytes of that value; null when there is none. */
  headerBytes(name: string): Uint8Array | null {
    const value = this.header(name)
    return value === null ? null : Uint8Array.from(value, (character) => character.charCodeAt(0))
  }

  /** All fields, in the order and case in which they came. */
  headers(): [name: string, value: string][] {
    return this.pairs.map(([name, value]) => [name, value])
  }

  /** Name of field `index`, 0 to `headerCount` - 1, in its own case. Throws `RangeError` outside. */
  fieldName(index: number): string {
    return this.field(index)[0]
  }

  /** Value of field `index`, 0 to `headerCount` - 1. Throws `RangeError` outside. */
  fieldValue(index: number): string {
    return this.field(index)[1]
  }

  /** Fields that came behind a chunked body, in order. */
  trailers(): [name: string, value: string][] {
    return this.trailerFields.map(([name, value]) => [name, value])
  }

  /** Bytes of the body. */
  get bodyLength(): number {
    return this.body.length
  }

  /** A copy of the body, in memory of its own. */
  bytes(): Uint8Array<ArrayBuffer> {
    return copyOf(this.body)
  }

  /** The body as UTF-8, without its byte order mark; U+FFFD for what is not UTF-8. */
  text(): string {
    return UTF8.decode(this.body)
  }

  /** `JSON.parse` of {@link OwnedResponse.text}; throws its `SyntaxError`. */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T
  }

  /** Made when they are first asked for. */
  private get pairs(): Fields {
    if (this.fields instanceof KeptFields) this.fields = this.fields.pairs()
    return this.fields
  }

  private field(index: number): readonly [name: string, value: string] {
    const field = Number.isInteger(index) ? this.pairs[index] : undefined
    if (field === undefined) throw noField(index, this.pairs.length)
    return field
  }
}

function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes.length)
  copy.set(bytes)
  return copy
}
