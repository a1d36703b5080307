/** The phases of a request that is being built: which step may follow which. */

import type { BytesInit } from '../inputs.ts'
import type { FieldValue } from './fields.ts'
import type { BodySource, Request } from './request.ts'

/** A query value; numbers and booleans are written as `String` does, undefined leaves the parameter out. */
export type QueryValue = FieldValue

/** The last phase: nothing is missing. */
export interface ReadyPhase {
  /**
   * Ends the request. Throws the first error of the steps before: `HeaderInjection` for bytes that may not stand at their place, `RequestTooLarge`
   * when it does not fit in the write buffer, `InvalidUrl` for a path that does not begin with `/`, or whose `..` segments lead above its beginning.
   */
  finish(): Request
}

/** Headers may follow, then a body. */
export interface HeadersPhase extends ReadyPhase {
  /**
   * A header field, in this case and at this place. The value is sent as UTF-8 where it is not ASCII, numbers and booleans as `String` writes them.
   * `undefined` leaves the field out.
   */
  header(name: string, value: FieldValue): HeadersPhase
  /** The whole body, with its Content-Length. Strings are sent as UTF-8, a buffer or a view of one as the bytes that it covers. */
  body(content: string | BytesInit): ReadyPhase
  /**
   * Lets `fill` write the body straight into linear memory; it returns how many bytes it used. The request is sent as with {@link HeadersPhase.body}.
   * When `fill` throws, so does this method, and the request can be continued without that body.
   */
  bodyWriter(fill: (writable: Uint8Array) => number): ReadyPhase
  /** Lets `fill` write a body of exactly `length` bytes, zeroed before, straight into linear memory. */
  bodyFixed(length: number, fill: (writable: Uint8Array) => void): ReadyPhase
  /**
   * A body that is produced while it is sent: in chunks (RFC 9112 section 7.1), or as exactly `length` bytes when that is given. A source that is not
   * an async iterable, or a `ReadableStream` that already has a reader, is refused with `InvalidOption`, which `finish` reports.
   */
  stream(source: BodySource, length?: number): ReadyPhase
}

/** Query parameters may follow, then headers, then a body. */
export interface QueryPhase extends HeadersPhase {
  /** A query parameter; name and value are percent-encoded as UTF-8, all but the unreserved characters of RFC 3986 section 2.3. */
  query(name: string, value: QueryValue): QueryPhase
  /** A piece of query that is sent unchanged: `a=1&b=2`. Characters that may not stand in a request target are refused. */
  queryRaw(query: string): QueryPhase
}
