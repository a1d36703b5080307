/** A finished request: its bytes as they will be sent. */

import { SEAL_NO_ROOM, SEAL_RESERVED } from '../../../assembly/abi.ts'
import { EncodeError, UsageError } from '../../errors.ts'
import { nameField } from '../../naming.ts'
import { showsItself } from '../../printing.ts'
import { type BytesInit, textOf } from '../inputs.ts'
import type { CodecExports } from '../module.ts'
import { equalsName } from './head-fields.ts'
import { injectedField } from './injection.ts'

const LF = 0x0a
const COLON = 0x3a

/** The source of a streamed body: pieces in order, strings as UTF-8. */
export type BodySource = AsyncIterable<BytesInit | string>

/** A body that is made while it is sent. */
export interface RequestStream {
  readonly source: BodySource
  /** Its announced length in bytes; null when it is sent in chunks. */
  readonly length: number | null
}

/** The memory that a request lies in, and the chunks after its head: the part of its writer that is needed to send it. */
export interface RequestMemory {
  /** @internal */ readonly u8: Uint8Array<ArrayBuffer>
  /** @internal */ readonly exports: CodecExports
  /** Where requests begin. */
  readonly address: number
  /** Number of the request that is valid now. */
  readonly serial: number
  /** Its bytes are on their way by reference: another request would overwrite them. The shell sets and clears it. */
  inUse: boolean
  /** The first `length` bytes of the request. */
  bytes(length: number): Uint8Array<ArrayBuffer>
  /** Bytes of the request as text, when they are known to be ASCII. */
  ascii(offset: number, length: number): string
  /** Most bytes that {@link RequestMemory.encodeChunk} takes at a time. Throws `StaleRequest` when no streamed request is valid. */
  readonly chunkRoom: number
  /** `bytes` as a chunk (RFC 9112 section 7.1): a view that is valid until the next one. Empty for no bytes, which would end the body. */
  encodeChunk(bytes: Uint8Array): Uint8Array<ArrayBuffer>
  /** The chunk that ends a body, with no trailers. */
  lastChunk(): Uint8Array<ArrayBuffer>
}

/**
 * A request that may be sent. It lies in its writer's memory and is valid until the writer begins another; using it later throws `StaleRequest`.
 *
 * ```ts
 * const request = writer.post('/order').header('X-Signature', '-'.repeat(64)).body(json).finish()
 * request.overwriteHeader('X-Signature', hmac(request.body)) // what is signed is what is sent
 * ```
 */
export class Request {
  static {
    showsItself(this.prototype, (it) =>
      it.writer.serial === it.#serial
        ? { method: it.method, length: it.length, bodyLength: it.#bodyLength, isStreaming: it.isStreaming }
        : { stale: true },
    )
  }

  readonly #serial: number
  readonly #targetLength: number
  readonly #headLength: number
  readonly #bodyLength: number

  /** @internal */
  constructor(
    /** @internal */ readonly writer: RequestMemory,
    serial: number,
    /** The method, as given. */
    readonly method: string,
    targetLength: number,
    headLength: number,
    bodyLength: number,
    /** The body when it is made while it is sent; null when the request is whole. @internal */
    readonly stream: RequestStream | null,
  ) {
    this.#serial = serial
    this.#targetLength = targetLength
    this.#headLength = headLength
    this.#bodyLength = bodyLength
  }

  /** Head and body as a view of the writer's memory, valid as long as the request: it is not guarded, nor is its `buffer`. For a streamed request, the head. */
  get bytes(): Uint8Array<ArrayBuffer> {
    this.#check()
    return this.writer.bytes(this.#headLength + this.#bodyLength)
  }

  /** Bytes of {@link Request.bytes}. */
  get length(): number {
    this.#check()
    return this.#headLength + this.#bodyLength
  }

  /** Path and query, as sent. */
  get target(): string {
    this.#check()
    return this.writer.ascii(this.method.length + 1, this.#targetLength)
  }

  /** The body as such a view; empty when there is none, and when it is streamed. */
  get body(): Uint8Array<ArrayBuffer> {
    this.#check()
    const start = this.writer.address + this.#headLength
    return this.writer.u8.subarray(start, start + this.#bodyLength)
  }

  /**
   * Writes `value` over that of the first header called `name`, which must have the same length: it was a placeholder, for example for a signature,
   * until the rest of the request was known. Nothing else moves. Throws `InvalidOption` when there is no such header or the lengths differ,
   * `HeaderInjection` for bytes that may not stand in a field, and for a field that the writer sets itself (`Content-Length`, `Host` …).
   */
  overwriteHeader(name: string, value: string): this {
    this.#check()
    textOf('name', name)
    textOf('value', value)
    const { writer } = this
    const [start, end] = this.#findValue(name)
    if (end - start !== value.length) {
      throw new UsageError(
        'InvalidOption',
        `the value of ${nameField(name)} has ${end - start} bytes, the new one ${value.length}: make the placeholder as long`,
      )
    }
    const { u8, exports } = writer
    const before = u8.slice(start, end)
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      // One byte per character; NUL, which no field may have, for those that would need more.
      u8[start + i] = code < 0x80 ? code : 0
    }
    const sealed = exports.sealField(start - name.length - 2, name.length, end, writer.address + this.#headLength)
    if (sealed <= SEAL_NO_ROOM) {
      u8.set(before, start)
      throw refusedField(sealed, name)
    }
    return this
  }

  /** Addresses of a field's value. The head is ours, so every line is `name: value`. */
  #findValue(name: string): readonly [start: number, end: number] {
    const { u8, address } = this.writer
    const end = address + this.#headLength
    for (let line = u8.indexOf(LF, address) + 1; line < end - 2; line = u8.indexOf(LF, line) + 1) {
      const value = line + name.length + 2
      if (u8[value - 2] === COLON && equalsName(u8, line, name)) return [value, u8.indexOf(LF, value) - 1]
    }
    throw new UsageError('InvalidOption', `the request has no header ${nameField(name)}`)
  }

  /** Whether the body comes from a source while the request is sent. */
  get isStreaming(): boolean {
    return this.stream !== null
  }

  #check(): void {
    if (this.writer.serial !== this.#serial) throw staleRequest()
  }
}

/** @internal */
export function staleRequest(): UsageError {
  return new UsageError(
    'StaleRequest',
    'this request is no longer valid: its writer has begun another one in the same memory. Send it first, or copy request.bytes',
  )
}

/** Why a field was not sealed. */
export function refusedField(seal: number, name: string): EncodeError {
  if (seal !== SEAL_RESERVED) return injectedField(name)
  return new EncodeError(
    'HeaderInjection',
    `the header field ${name} is set by the writer itself: given by hand it could contradict how the request is framed`,
  )
}
