/** Builds one request, part by part, straight into the writer's memory. */

import { SEAL_NO_ROOM } from '../../../assembly/abi.ts'
import { EncodeError, type NexusError, UsageError } from '../../errors.ts'
import { nameField, nameValue } from '../../naming.ts'
import { checkInteger, SIZE_MAX } from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'
import { type BytesInit, bytesOf, checkFill, copyInto, plainLength, within } from '../inputs.ts'
import type { CodecExports } from '../module.ts'
import { type FieldValue, fieldText } from './fields.ts'
import { injectedLine } from './injection.ts'
import { methodFault } from './method.ts'
import { climbsOut } from './path.ts'
import { type BodySource, Request, type RequestMemory, type RequestStream, refusedField } from './request.ts'
import type { QueryPhase, QueryValue } from './request-phases.ts'

/** The memory that a request is built into. */
export interface BuilderMemory extends RequestMemory {
  /** Bytes from {@link RequestMemory.address} on. */
  readonly capacity: number
  /** Those bytes and nothing else: a copy into them can't go past their end. */
  readonly buffer: Uint8Array<ArrayBuffer>
  /** Memory of the fields that every request has, and their bytes. */
  readonly prefix: number
  readonly prefixLength: number
  /** The head of a streamed request ends here; chunks may be put behind it. */
  streamFrom(address: number): void
}

const PHASE_QUERY = 0
const PHASE_HEADERS = 1
const PHASE_READY = 2
const PHASE_FINISHED = 3

/** Strings up to this length are copied character by character; longer ones by `encodeInto`, which costs a view but not more with length.
 * The two meet at 44 characters on Node 20, 60 on Bun, 64 on Deno. */
const LOOP_UP_TO = 48
/** Bytes that every step leaves free, for writes that do not check for room: separators, line ends, `Content-Length: 0` (21 bytes). */
const SLACK = 32
/** `Content-Length: `, ten digits and the blank line. */
const LENGTH_FIELD = 16 + 4
/** Least room for the chunks of a streamed body. */
const MIN_CHUNK_ROOM = 512

/** 1 for the unreserved characters of RFC 3986 section 2.3, by their code. */
const UNRESERVED = Uint8Array.from({ length: 128 }, (_, code) => (/[A-Za-z0-9\-._~]/.test(String.fromCharCode(code)) ? 1 : 0))
/** Upper case, as RFC 3986 section 2.1 asks for. */
const HEX = Uint8Array.from('0123456789ABCDEF', (digit) => digit.charCodeAt(0))

const NO_BODY = 0
const IN_BUFFER = 1
const STREAMED = 2

/** All phases in one object; each writer has a few of them, which take turns. A builder that was not finished gets no further turn. */
export class RequestBuilder implements QueryPhase {
  static {
    showsItself(this.prototype, (it) => ({ method: it.method, superseded: it.serial !== it.writer.serial, length: it.at - it.start }))
  }

  private readonly u8: Uint8Array<ArrayBuffer>
  private readonly exports: CodecExports
  private readonly start: number
  private readonly end: number
  private serial = -1
  private phase = PHASE_FINISHED
  private at = 0
  private method = ''
  private targetLength = 0
  private hasQuery = false
  private bodyKind = NO_BODY
  private bodyStart = 0
  private streamed: RequestStream | null = null
  private error: NexusError | null = null

  constructor(
    private readonly writer: BuilderMemory,
    exports: CodecExports,
    private readonly encoder: TextEncoder,
  ) {
    this.u8 = writer.u8
    this.exports = exports
    this.start = writer.address
    this.end = writer.address + writer.capacity
  }

  /** Its request is finished, or none was begun: it may serve another. */
  get isFinished(): boolean {
    return this.phase === PHASE_FINISHED
  }

  /** Begins request number `serial` of the writer. @param fault what is wrong with method and path, which `finish` reports */
  begin(serial: number, method: string, basePath: string, path: string, fault: UsageError | null): this {
    this.serial = serial
    this.phase = PHASE_QUERY
    this.at = this.start
    // Its length is one of the numbers that the codec goes by.
    this.method = typeof method === 'string' ? method : ''
    this.hasQuery = false
    this.bodyKind = NO_BODY
    this.streamed = null
    this.error = fault
    if (fault !== null) return this
    this.put(this.method)
    this.putByte(0x20)
    if (basePath !== '' && path !== '*') this.put(basePath)
    this.put(path)
    this.hasQuery = path.includes('?')
    return this
  }

  query(name: string, value: QueryValue): this {
    this.enter(PHASE_QUERY, PHASE_QUERY)
    if (typeof name !== 'string') return this.refuse('name', name)
    const written = typeof value === 'string' ? value : this.textOf(value, 'query parameter', name)
    if (written === undefined) return this
    this.putByte(this.hasQuery ? 0x26 : 0x3f)
    this.hasQuery = true
    this.putPercent(name)
    this.putByte(0x3d)
    this.putPercent(written)
    return this
  }

  queryRaw(query: string): this {
    this.enter(PHASE_QUERY, PHASE_QUERY)
    if (typeof query !== 'string') return this.refuse('query', query)
    this.putByte(this.hasQuery ? 0x26 : 0x3f)
    this.hasQuery = true
    this.put(query)
    return this
  }

  header(name: string, value: FieldValue): this {
    this.enter(PHASE_HEADERS, PHASE_HEADERS)
    if (typeof name !== 'string') return this.refuse('name', name)
    const written = typeof value === 'string' ? value : this.textOf(value, 'header', name)
    if (written === undefined) return this
    const line = this.at
    this.put(name)
    const nameLength = this.at - line
    this.putByte(0x3a)
    this.putByte(0x20)
    this.put(written)
    this.sealField(line, nameLength, name)
    return this
  }

  /** As {@link RequestBuilder.header}, for a value whose characters are bytes, as the Fetch standard has them. @internal */
  headerOfBytes(name: string, value: string): this {
    this.enter(PHASE_HEADERS, PHASE_HEADERS)
    const line = this.at
    this.put(name)
    const nameLength = this.at - line
    this.putByte(0x3a)
    this.putByte(0x20)
    const { at, u8 } = this
    const end = at + value.length
    if (end + SLACK > this.end) this.tooLarge(end + SLACK)
    if (this.error === null) {
      for (let i = 0; i < value.length; i++) u8[at + i] = value.charCodeAt(i)
      this.at = end
    }
    this.sealField(line, nameLength, name)
    return this
  }

  body(content: string | BytesInit): this {
    this.enter(PHASE_HEADERS, PHASE_READY)
    if (this.error !== null) return this
    if (typeof content === 'string') {
      // As if it were ASCII; when it is not, and its length has a digit more, it is moved once.
      const at = this.at + LENGTH_FIELD + digits(content.length)
      const length = this.write(content, at)
      if (length >= 0) this.placeBody(at, length)
      else this.tooLarge(at + content.length)
    } else {
      const length = plainLength(content)
      if (length > 0) this.copyBody(content as Uint8Array, length)
      else this.judgeBody(content)
    }
    return this
  }

  bodyWriter(fill: (writable: Uint8Array) => number): this {
    this.enter(PHASE_HEADERS, PHASE_HEADERS)
    checkFill(fill)
    if (this.error === null) {
      const at = this.at + LENGTH_FIELD + digits(this.end - this.at)
      if (at > this.end) this.tooLarge(at)
      else {
        const writable = this.u8.subarray(at, this.end)
        const used = this.fill(fill, writable)
        if (Number.isInteger(used) && used >= 0 && used <= writable.length) this.placeBody(at, used)
        else this.fail(new UsageError('InvalidOption', `fill must return how many of the ${writable.length} bytes it used, not ${nameValue(used)}`))
      }
    }
    this.phase = PHASE_READY
    return this
  }

  bodyFixed(length: number, fill: (writable: Uint8Array) => void): this {
    this.enter(PHASE_HEADERS, PHASE_HEADERS)
    checkInteger('length', length, 0, SIZE_MAX, 'bytes')
    checkFill(fill)
    if (this.error === null) {
      const at = this.at + LENGTH_FIELD + digits(length)
      if (at + length > this.end) this.tooLarge(at + length)
      else {
        this.fill(fill, this.u8.subarray(at, at + length).fill(0))
        this.placeBody(at, length)
      }
    }
    this.phase = PHASE_READY
    return this
  }

  stream(source: BodySource, length?: number): this {
    this.enter(PHASE_HEADERS, PHASE_READY)
    if (length !== undefined) checkInteger('length', length, 0, Number.MAX_SAFE_INTEGER, 'bytes')
    if (!isSource(source)) this.fail(wrongSource(source))
    this.streamed = { source, length: length ?? null }
    this.bodyKind = STREAMED
    this.put(length === undefined ? 'Transfer-Encoding: chunked\r\n\r\n' : `Content-Length: ${length}\r\n\r\n`)
    if (this.error === null && this.at + MIN_CHUNK_ROOM > this.end) this.tooLarge(this.at + MIN_CHUNK_ROOM)
    return this
  }

  finish(): Request {
    this.enter(PHASE_READY, PHASE_FINISHED)
    if (this.error !== null) throw this.error
    const { bodyKind, method, serial } = this
    if (bodyKind === NO_BODY) {
      // Servers answer 411 to a POST that does not say that it is empty (RFC 9110 section 8.6).
      if (method === 'POST' || method === 'PUT' || method === 'PATCH') this.at = this.exports.putContentLength(this.at, this.end, 0)
      else {
        this.u8[this.at++] = 0x0d
        this.u8[this.at++] = 0x0a
      }
      this.bodyStart = this.at
    } else if (bodyKind !== IN_BUFFER) {
      this.bodyStart = this.at
      this.writer.streamFrom(this.at)
    }
    const { bodyStart, start, streamed, targetLength } = this
    this.streamed = null
    return new Request(this.writer, serial, method, targetLength, bodyStart - start, this.at - bodyStart, streamed)
  }

  /** Is a step for phase `latest` or earlier allowed now? Then the request goes on in phase `next`. Closes the request line when it is left. */
  private enter(latest: number, next: number): void {
    if (this.serial !== this.writer.serial || this.phase > latest) throw outOfOrder(this.serial !== this.writer.serial, this.phase)
    if (this.phase === PHASE_QUERY && next !== PHASE_QUERY) this.sealLine()
    this.phase = next
  }

  private sealLine(): void {
    if (this.error !== null) return
    const { prefix, prefixLength } = this.writer
    const { at, method, start } = this
    const needed = at + 11 + prefixLength + SLACK
    if (needed > this.end) {
      this.tooLarge(needed)
      return
    }
    this.targetLength = at - start - method.length - 1
    const sealed = this.exports.sealRequestLine(start, within(method.length, at - start), at, this.end, prefix, prefixLength)
    if (sealed <= SEAL_NO_ROOM) this.fail(injectedLine(method, this.writer.ascii(method.length + 1, this.targetLength)))
    else this.at = sealed
  }

  private sealField(line: number, nameLength: number, name: string): void {
    if (this.error !== null) return
    const end = this.exports.sealField(line, within(nameLength, this.at - line - 2), this.at, this.end)
    if (end <= SEAL_NO_ROOM) this.fail(refusedField(end, name))
    else this.at = end
  }

  /** Gives the body at `at` its Content-Length, and moves it to behind that when it is not there. */
  private placeBody(at: number, length: number): void {
    const { u8 } = this
    const place = this.at + LENGTH_FIELD + digits(length)
    if (place !== at) {
      if (place + length > this.end) {
        this.tooLarge(place + length)
        return
      }
      u8.copyWithin(place, at, at + length)
    }
    this.exports.putContentLength(this.at, this.end, within(length, this.end - place))
    this.bodyKind = IN_BUFFER
    this.bodyStart = place
    this.at = place + length
  }

  private judgeBody(content: unknown): void {
    try {
      const bytes = bytesOf('body', content, 'a string, ')
      this.copyBody(bytes, bytes.length)
    } catch (error) {
      this.fail(error as NexusError)
    }
  }

  private copyBody(bytes: Uint8Array, length: number): void {
    const at = this.at + LENGTH_FIELD + digits(length)
    if (at + length > this.end) {
      this.tooLarge(at + length)
      return
    }
    copyInto(this.writer.buffer, at - this.start, bytes, length)
    this.placeBody(at, length)
  }

  private fill<T>(fill: (writable: Uint8Array) => T, writable: Uint8Array): T {
    const { at } = this
    const result = fill(writable)
    if (this.serial !== this.writer.serial || this.phase !== PHASE_HEADERS || this.at !== at) {
      throw new UsageError('InvalidOption', 'fill must not use the writer that it fills')
    }
    return result
  }

  private putByte(byte: number): void {
    if (this.error === null) this.u8[this.at++] = byte
  }

  /** Appends a string, and leaves SLACK bytes free behind it. */
  private put(text: string): void {
    if (this.error !== null) return
    const { at } = this
    const length = this.write(text, at)
    if (length >= 0 && at + length + SLACK <= this.end) this.at = at + length
    else this.tooLarge(at + text.length + SLACK)
  }

  /** Writes a string as UTF-8 to `at`; returns the bytes, or -1 when there is no room. */
  private write(text: string, at: number): number {
    const { length } = text
    if (at + length > this.end) return -1
    if (length <= LOOP_UP_TO) {
      const { u8 } = this
      let i = 0
      for (; i < length; i++) {
        const code = text.charCodeAt(i)
        if (code > 0x7f) break
        u8[at + i] = code
      }
      if (i === length) return length
    }
    const { read, written } = this.encoder.encodeInto(text, this.u8.subarray(at, this.end))
    return read === length ? written : -1
  }

  /** Appends a string percent-encoded as UTF-8, all but the unreserved characters (RFC 3986 section 2). */
  private putPercent(text: string): void {
    if (this.error !== null) return
    const { length } = text
    const limit = this.end - SLACK
    for (let i = 0; i < length; i++) {
      if (this.at > limit) {
        this.tooLarge(this.at + length - i)
        return
      }
      let code = text.charCodeAt(i)
      if (code < 0x80) {
        if (UNRESERVED[code] === 1) this.u8[this.at++] = code
        else this.escape(code)
      } else if (code < 0x800) {
        this.escape(0xc0 | (code >> 6))
        this.escape(0x80 | (code & 0x3f))
      } else {
        if (code >= 0xd800 && code <= 0xdfff) {
          const low = text.charCodeAt(i + 1)
          if (code <= 0xdbff && low >= 0xdc00 && low <= 0xdfff) {
            i++
            code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff)
            this.escape(0xf0 | (code >> 18))
            this.escape(0x80 | ((code >> 12) & 0x3f))
            this.escape(0x80 | ((code >> 6) & 0x3f))
            this.escape(0x80 | (code & 0x3f))
            continue
          }
          // Half a pair has no UTF-8: U+FFFD, as TextEncoder has it.
          code = 0xfffd
        }
        this.escape(0xe0 | (code >> 12))
        this.escape(0x80 | ((code >> 6) & 0x3f))
        this.escape(0x80 | (code & 0x3f))
      }
    }
    if (this.at > limit) this.tooLarge(this.at)
  }

  private escape(byte: number): void {
    const { at, u8 } = this
    u8[at] = 0x25
    u8[at + 1] = HEX[byte >> 4] as number
    u8[at + 2] = HEX[byte & 15] as number
    this.at = at + 3
  }

  /** A value that is not a string: as text, undefined when it is to be left out or is refused, which `finish` reports. */
  private textOf(value: unknown, kind: string, name: string): string | undefined {
    try {
      return fieldText(value, `${kind} ${nameField(name)}`)
    } catch (error) {
      this.fail(error as UsageError)
      return undefined
    }
  }

  /** A part that has to be text and is not, which `finish` reports. */
  private refuse(part: string, value: unknown): this {
    this.fail(new UsageError('InvalidOption', `${part} must be a string, but is ${nameValue(value)}`))
    return this
  }

  private fail(error: NexusError): void {
    this.error ??= error
  }

  private tooLarge(end: number): void {
    const size = end - this.start
    const max = this.end - this.start
    this.fail(new EncodeError('RequestTooLarge', `a request of at least ${size} bytes is over writeBufferCapacity (${max} bytes)`, size, max))
  }
}

/**
 * What is wrong with a method and a path, null when nothing is but perhaps what the codec finds.
 *
 * @param basePath what is put before the path
 */
export function targetFault(method: unknown, basePath: string, path: unknown): UsageError | null {
  const fault = methodFault(method)
  if (fault !== null) return fault
  if (typeof path !== 'string' || (path.charCodeAt(0) !== 0x2f && !isOfBase(basePath, path))) {
    return path === '*' && method === 'OPTIONS' ? null : wrongPath(path)
  }
  return climbsOut(path) ? climbingPath() : null
}

/** Can a body be taken from it? Judged while nothing has been sent. */
function isSource(source: unknown): source is BodySource {
  if (typeof source !== 'object' || source === null) return false
  const { locked, [Symbol.asyncIterator]: iterate } = source as Partial<BodySource> & { readonly locked?: unknown }
  return typeof iterate === 'function' && locked !== true
}

function wrongSource(source: unknown): UsageError {
  const is =
    typeof source !== 'object' || source === null
      ? String(source === null ? null : typeof source)
      : (source as { locked?: unknown }).locked === true
        ? 'a stream that somebody reads already (it is locked)'
        : Symbol.iterator in source
          ? 'synchronous: give it to body(), or yield from it in an async generator'
          : 'an object without Symbol.asyncIterator'
  return new UsageError('InvalidOption', `source must be an async iterable, such as an async generator or a ReadableStream, but is ${is}`)
}

/** Decimal digits of a length. */
function digits(length: number): number {
  let count = 1
  for (let rest = length; rest > 9; rest = Math.floor(rest / 10)) count++
  return count
}

function outOfOrder(superseded: boolean, phase: number): UsageError {
  return new UsageError(
    'RequestOutOfOrder',
    superseded
      ? 'this request was superseded: its writer has begun another one'
      : phase === PHASE_FINISHED
        ? 'this request is finished'
        : 'the order is: query, headers, body, finish',
  )
}

/** Does the path name the base path itself, with a query or without? */
function isOfBase(basePath: string, path: string): boolean {
  return basePath !== '' && (path === '' || path.charCodeAt(0) === 0x3f)
}

function climbingPath(): UsageError {
  return new UsageError('InvalidUrl', 'the ".." segments of this path lead above where it begins, out of the base path')
}

function wrongPath(path: unknown): UsageError {
  const what = typeof path === 'string' && path !== '' ? `begins with ${JSON.stringify(path.charAt(0))}` : `is ${nameValue(path)}`
  return new UsageError('InvalidUrl', `a path begins with "/" (or is "*", for OPTIONS, or empty, for the base path itself), but this one ${what}`)
}
