/** The client's sending half of HTTP/1.1, sans IO: requests in, bytes out. */

import { SEAL_NO_ROOM, SEAL_RESERVED } from '../../../assembly/abi.ts'
import { EncodeError, UsageError } from '../../errors.ts'
import { nameFault, nameField, nameValue } from '../../naming.ts'
import { type Family, integer, text } from '../../option-rules.ts'
import { namesOf, showsItself } from '../../printing.ts'
import { copyInto, plainLength, textOf, within } from '../inputs.ts'
import { align, type Codec, type Region } from '../memory.ts'
import type { CodecExports } from '../module.ts'
import { released } from '../reader-errors.ts'
import { type FieldsInit, type FieldValue, fieldList, fieldText, pairsOf } from './fields.ts'
import { climbsOut } from './path.ts'
import { refusedField, staleRequest } from './request.ts'
import { RequestBuilder, targetFault } from './request-builder.ts'
import type { QueryPhase } from './request-phases.ts'

/** Options of a {@link RequestWriter}. */
export interface RequestWriterOptions {
  /** Bytes of one whole request, head and body; 1 KiB to 16 MiB. A streamed body passes through the room that the head leaves. Default 32 KiB. */
  writeBufferCapacity?: number
  /** Put before each path: `/v3`. Default none. */
  basePath?: string
  /** Fields of every request, in order. A `Host` replaces that of the writer. */
  defaultHeaders?: FieldsInit
}

export const DEFAULT_REQUEST_CAPACITY: number = 32 * 1024

/** What a {@link RequestWriter} may be given. */
export const REQUEST_WRITER_OPTIONS: Family<RequestWriterOptions> = {
  writeBufferCapacity: integer(1_024, 16 * 1024 * 1024, 'bytes', DEFAULT_REQUEST_CAPACITY),
  basePath: text,
  defaultHeaders: fieldList,
}

/** Memory for the common beginning of all requests; room for a few long tokens. It lies in front of the request. */
export const PREFIX_BYTES: number = 16 * 1024
/** Builders of finished requests take turns, so that the use of an old one is detected. A power of two. */
const BUILDERS = 4
const SERIAL_MASK = 2 ** 30 - 1
const SLASH = 0x2f
/** Size line and CRLF around a chunk: eight digits at most. */
const CHUNK_FRAMING = 12

/**
 * Encodes requests (RFC 9112 section 3), one at a time, into a fixed buffer. Nothing but the {@link Request} itself is allocated for one.
 *
 * ```ts
 * const request = writer.get('/orders').query('symbol', 'BTC-USD').header('X-Timestamp', ts).finish()
 * socket.write(request.bytes)
 * ```
 *
 * After {@link RequestWriter.release} all methods throw `Released`.
 */
export class RequestWriter {
  static {
    showsItself(this.prototype, (it) => ({
      host: it.host,
      capacity: it.capacity,
      defaultHeaders: namesOf(it.defaults),
      inUse: it.lent,
      released: it.isReleased,
    }))
  }

  /** Value of `Host`, and what the constructor was given. */
  readonly host: string
  /** Bytes of the write buffer. */
  readonly capacity: number
  /** @internal */ readonly u8: Uint8Array<ArrayBuffer>
  /** @internal */ readonly exports: CodecExports
  /** Where requests begin. @internal */
  readonly address: number
  /** Number of the request that is valid now. @internal */
  serial = 0
  /** Memory of the fields that every request has, and their bytes. @internal */
  readonly prefix: number
  /** @internal */ prefixLength = 0

  /** The write buffer and nothing else: a copy into it can't go past its end. @internal */
  readonly buffer: Uint8Array<ArrayBuffer>

  private readonly region: Region
  private readonly ownsRegion: boolean
  private readonly encoder = new TextEncoder()
  private readonly builders: RequestBuilder[]
  private readonly defaults: [name: string, value: string][] = []
  private basePath = ''
  private view: Uint8Array<ArrayBuffer> | null = null
  /** Where chunks of the streamed body are put, 0 when there is none. */
  private chunks = 0
  private isReleased = false
  private lent = false

  /**
   * @param host value of `Host`: name or address, and port unless it is the scheme's own; IPv6 in brackets
   * @param region memory to live in, when it is to share one with others (who then release it); otherwise the writer takes its own
   * @internal
   */
  constructor(codec: Codec, host: string, options: RequestWriterOptions = {}, region?: Region) {
    if (typeof host !== 'string' || !HOST.test(host)) {
      throw new UsageError(
        'InvalidOption',
        `host must be a name or address, with a port or without, but this one has ${typeof host === 'string' ? nameFault(host, HOST_CHARACTER) : nameValue(host)}`,
      )
    }
    this.host = host
    this.capacity = capacityOf(options)
    this.ownsRegion = region === undefined
    this.region = region ?? codec.region(RequestWriter.regionBytes(options))
    this.u8 = this.region.memory.u8
    this.exports = this.region.memory.exports
    this.prefix = this.region.carve(PREFIX_BYTES)
    this.address = this.region.carve(this.capacity)
    this.buffer = this.u8.subarray(this.address, this.address + this.capacity)
    this.builders = Array.from({ length: BUILDERS }, () => new RequestBuilder(this, this.exports, this.encoder))
    this.render(this.defaults)
    try {
      if (options.basePath !== undefined) this.setBasePath(options.basePath)
      for (const [name, value] of pairsOf(options.defaultHeaders, 'defaultHeaders')) this.defaultHeader(name, value)
    } catch (cause) {
      if (this.ownsRegion) this.region.release()
      if (!(cause instanceof EncodeError)) throw cause
      throw new UsageError('InvalidOption', `defaultHeaders: ${cause.message}`, { cause })
    }
  }

  /** Bytes of a region for a writer with these options. @internal */
  static regionBytes(options: RequestWriterOptions = {}): number {
    return align(PREFIX_BYTES) + align(capacityOf(options))
  }

  /**
   * Adds a field to every request from the next one on, after those added before; `Host` replaces the writer's own. `undefined` adds none. Throws
   * `InvalidOption` for null or an object, `HeaderInjection` for bytes that may not stand in a field, and `OutgoingHeadTooLarge` when all default fields are over 16 KiB.
   */
  defaultHeader(name: string, value: FieldValue): this {
    this.checkUsable()
    const written = fieldText(value, `default header ${nameField(textOf('name', name))}`)
    if (written === undefined) return this
    const pair: [string, string] = [name, written]
    this.render([...this.defaults, pair])
    this.defaults.push(pair)
    return this
  }

  /** Whether a default field is called by one of the names that `matches`, in lower case. @internal */
  hasDefault(matches: (name: string) => boolean): boolean {
    return this.defaults.some(([name]) => matches(name.toLowerCase()))
  }

  /** Sets the base path, which is put before each path from the next request on; trailing slashes are dropped, `''` is none. Throws `InvalidOption`. */
  setBasePath(path: string): this {
    this.checkUsable()
    const trimmed = withoutTrailingSlashes(textOf('path', path))
    if (!BASE_PATH.test(trimmed)) {
      throw new UsageError(
        'InvalidOption',
        `basePath must be visible ASCII, begin with "/" and have no query, but has ${nameFault(trimmed, BASE_PATH_CHARACTER)}`,
      )
    }
    if (climbsOut(trimmed)) throw new UsageError('InvalidOption', 'basePath has ".." segments that lead above where it begins')
    this.basePath = trimmed
    return this
  }

  /** Begins a GET request; the one before it is no longer valid. */
  get(path: string): QueryPhase {
    return this.request('GET', path)
  }

  /** Begins a POST request; without a body it says `Content-Length: 0`. */
  post(path: string): QueryPhase {
    return this.request('POST', path)
  }

  /** Begins a PUT request; without a body it says `Content-Length: 0`. */
  put(path: string): QueryPhase {
    return this.request('PUT', path)
  }

  /** Begins a PATCH request; without a body it says `Content-Length: 0`. */
  patch(path: string): QueryPhase {
    return this.request('PATCH', path)
  }

  /** Begins a DELETE request. */
  delete(path: string): QueryPhase {
    return this.request('DELETE', path)
  }

  /** Begins a HEAD request, whose response has no body. */
  head(path: string): QueryPhase {
    return this.request('HEAD', path)
  }

  /** Begins an OPTIONS request; its path may also be `*`. */
  options(path: string): QueryPhase {
    return this.request('OPTIONS', path)
  }

  /**
   * Begins a request with any method, in the given case (RFC 9110 section 9.1). The path begins with `/`, or is empty for the base path itself, and may have a query; `finish`
   * reports characters that may not stand in it, and `..` segments, also percent-encoded, that lead out of the base path. Throws `RequestOutOfOrder` while the request before it is being sent.
   */
  request(method: string, path: string): QueryPhase {
    return this.begin(method, path, targetFault(method, this.basePath, path))
  }

  /** As {@link RequestWriter.request}, with what is wrong with method and path: for whoever has judged them before a writer was there. @internal */
  begin(method: string, path: string, fault: UsageError | null): QueryPhase {
    this.checkUsable()
    if (this.inUse) throw new UsageError('RequestOutOfOrder', 'the request before this one is still being sent from the same memory')
    this.serial = (this.serial + 1) & SERIAL_MASK
    this.chunks = 0
    const turn = this.serial & (BUILDERS - 1)
    let builder = this.builders[turn] as RequestBuilder
    // A caller may continue with a builder that was not finished: it never serves another request.
    if (!builder.isFinished) {
      builder = new RequestBuilder(this, this.exports, this.encoder)
      this.builders[turn] = builder
    }
    return builder.begin(this.serial, method, this.basePath, path, fault)
  }

  /** Gives the memory back: what is used afterwards throws `Released`, and its request is stale. A second call does nothing. */
  release(): void {
    if (this.isReleased) return
    this.isReleased = true
    this.serial = -1
    this.chunks = 0
    if (this.ownsRegion) this.region.release()
  }

  // For requests and the shells that send them.

  /** Its bytes are being sent by reference: another request would overwrite them. The shell sets and clears it. @internal */
  get inUse(): boolean {
    return this.lent
  }
  /** @internal */
  set inUse(inUse: boolean) {
    if (inUse === this.lent) return
    this.lent = inUse
    if (inUse) this.region.lend()
    else this.region.endLoan()
  }

  /** The first `length` bytes of the request: one view for all requests of the same length. @internal */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    if (this.view === null || this.view.length !== length) this.view = this.u8.subarray(this.address, this.address + length)
    return this.view
  }

  /** Bytes of the request as text, when they are known to be ASCII. @internal */
  ascii(offset: number, length: number): string {
    let text = ''
    const start = this.address + offset
    for (let i = start; i < start + length; i++) text += String.fromCharCode(this.u8[i] as number)
    return text
  }

  /** The head of a streamed request ends here; chunks may be put behind it. @internal */
  streamFrom(address: number): void {
    this.chunks = address
  }

  /** Most bytes that {@link encodeChunk} takes at a time: at least 500. Throws `StaleRequest` when no streamed request is valid. @internal */
  get chunkRoom(): number {
    if (this.chunks === 0) throw staleRequest()
    return this.address + this.capacity - this.chunks - CHUNK_FRAMING
  }

  /** `bytes` as a chunk (RFC 9112 section 7.1): a view that is valid until the next one. Empty for no bytes, which would end the body. @internal */
  encodeChunk(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const length = within(Math.max(0, plainLength(bytes)), this.chunkRoom)
    const start = this.chunks
    if (length === 0) return this.u8.subarray(start, start)
    const line = `${length.toString(16)}\r\n`
    let at = start + this.putAscii(line, start)
    copyInto(this.buffer, at - this.address, bytes, length)
    at += length
    at += this.putAscii('\r\n', at)
    return this.u8.subarray(start, at)
  }

  /** The chunk that ends a body, with no trailers. @internal */
  lastChunk(): Uint8Array<ArrayBuffer> {
    if (this.chunks === 0) throw staleRequest()
    return this.u8.subarray(this.chunks, this.chunks + this.putAscii('0\r\n\r\n', this.chunks))
  }

  private putAscii(text: string, at: number): number {
    for (let i = 0; i < text.length; i++) this.u8[at + i] = text.charCodeAt(i)
    return text.length
  }

  /** Another thread may have used this memory with other default fields: renders ours again. @internal */
  refresh(): void {
    this.checkUsable()
    this.prefixLength = 0
    this.render(this.defaults)
  }

  /** Renders the common beginning of all requests. When it throws, the memory is as it was. */
  private render(defaults: readonly (readonly [name: string, value: string])[]): void {
    const host = defaults.findLast(([name]) => name.toLowerCase() === 'host')?.[1] ?? this.host
    const before = this.u8.slice(this.prefix, this.prefix + this.prefixLength)
    try {
      let at = this.field(this.prefix, 'Host', host, true)
      at = this.field(at, 'Connection', 'keep-alive', true)
      for (const [name, value] of defaults) if (name.toLowerCase() !== 'host') at = this.field(at, name, value, false)
      this.prefixLength = at - this.prefix
    } catch (error) {
      this.u8.set(before, this.prefix)
      throw error
    }
  }

  /** Puts a field line at `at` and returns the address behind it. `own`: the writer's, whose names are reserved for it. */
  private field(at: number, name: string, value: string, own: boolean): number {
    const end = this.prefix + PREFIX_BYTES
    const line = this.encoder.encode(`${name}: ${value}`)
    if (at + line.length + 2 > end) {
      throw new EncodeError('OutgoingHeadTooLarge', `all default fields are over ${PREFIX_BYTES} bytes`, at + line.length - this.prefix, PREFIX_BYTES)
    }
    this.u8.set(line, at)
    const nameLength = this.encoder.encode(name).length
    let sealed = this.exports.sealField(at, within(nameLength, line.length), at + line.length, end)
    if (own && sealed === SEAL_RESERVED) {
      sealed = at + line.length
      sealed += this.putAscii('\r\n', sealed)
    }
    if (sealed <= SEAL_NO_ROOM) throw refusedField(sealed, name)
    return sealed
  }

  private checkUsable(): void {
    if (this.isReleased) throw released('writer')
  }
}

/** uri-host and port (RFC 3986 section 3.2), loosely: characters that cannot be mistaken for anything else. */
const HOST_CHARACTER = /[A-Za-z0-9\-._~%!$&'()*+,;=:[\]]/
const HOST = /^[A-Za-z0-9\-._~%!$&'()*+,;=:[\]]+$/
const BASE_PATH_CHARACTER = /[!-"$->@-~]/
const BASE_PATH = /^(?:\/[!-"$->@-~]*)?$/

/** In one pass: a regular expression would begin anew at each of the slashes in the middle. */
export function withoutTrailingSlashes(path: string): string {
  let end = path.length
  while (end > 0 && path.charCodeAt(end - 1) === SLASH) end--
  return path.slice(0, end)
}

function capacityOf(options: RequestWriterOptions): number {
  return options.writeBufferCapacity ?? DEFAULT_REQUEST_CAPACITY
}
