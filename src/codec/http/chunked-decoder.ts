/** Chunked bodies (RFC 9112 section 7.1) without the message around them. */

import {
  CHUNKED_BYTES,
  CHUNKED_ERROR,
  CHUNKED_ERROR_A,
  CHUNKED_INPUT,
  CHUNKED_LIMIT,
  CHUNKED_MAX_EXTENSION,
  CHUNKED_MAX_TRAILER,
  CHUNKED_OUTPUT,
  CHUNKED_TRAILER,
  CHUNKS_DONE,
  CHUNKS_FAILED,
  CHUNKS_MORE,
  FIELD_BYTES,
  HEAD_FIELD_CAPACITY,
  HEAD_FIELD_COUNT,
  HEAD_FIELDS,
  HTTP_ERROR_BODY_TOO_LARGE,
  HTTP_ERROR_CHUNK_EXTENSION_TOO_LONG,
  HTTP_ERROR_TOO_MANY_HEADERS,
} from '../../../assembly/abi.ts'
import type { HttpError } from '../../errors.ts'
import { type Family, integer } from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'
import { type BytesInit, bytesOf, copyInto, type DecodeStep, within } from '../inputs.ts'
import { align, type Codec, type Region } from '../memory.ts'
import { released } from '../reader-errors.ts'
import { latin1 } from './head-fields.ts'
import { httpError } from './http-error.ts'
import { type ChunkLimits, chunkLimits, RESPONSE_READER_OPTIONS } from './limits.ts'

/** Options of a {@link ChunkedDecoder}. */
export interface ChunkedDecoderOptions {
  /** Longest body in bytes after decoding, 0 to 2^53 - 1. Default 2^53 - 1: the caller keeps it. Checked from each chunk's size. */
  maxBodySize?: number
  /** Longest trailer section in bytes, its blank line included; 0 to 64 KiB. 0 refuses trailers. Default 4 KiB. */
  maxTrailerSize?: number
  /** Most trailer fields, 1 to 1,000. Default 100. */
  maxHeaders?: number
  /** Most bytes of extensions on one chunk's size line, 0 to 64 KiB. Real servers send none. Default 256. */
  maxChunkExtension?: number
}

/** What a {@link ChunkedDecoder} may be given. */
export const CHUNKED_DECODER_OPTIONS: Family<ChunkedDecoderOptions> = {
  maxBodySize: integer(0, Number.MAX_SAFE_INTEGER, 'bytes', Number.MAX_SAFE_INTEGER),
  maxTrailerSize: RESPONSE_READER_OPTIONS.maxTrailerSize,
  maxHeaders: RESPONSE_READER_OPTIONS.maxHeaders,
  maxChunkExtension: RESPONSE_READER_OPTIONS.maxChunkExtension,
}

interface Limits extends ChunkLimits {
  readonly maxBody: number
}

/** Bytes that pass through linear memory at a time. */
const PIECE = 16 * 1024

/**
 * Decodes a chunked body from bytes that arrive in any cut. Strict: a byte of the framing that RFC 9112 does not allow there is an error, and so is
 * white space around a size. A broken peer never makes it throw: `error` is set.
 *
 * ```ts
 * while (!decoder.isDone && decoder.error === null) {
 *   const { consumed, produced } = decoder.decode(input, output)
 *   input = input.subarray(consumed)
 *   keep(output.subarray(0, produced))
 *   if (consumed === 0 && produced === 0) input = await more()
 * }
 * ```
 */
export class ChunkedDecoder {
  static {
    showsItself(this.prototype, (it) => ({ totalDecoded: it.#decoded, isDone: it.#done, error: it.#failure, released: it.#isReleased }))
  }

  readonly #codec: Codec
  readonly #region: Region
  readonly #ownsRegion: boolean
  readonly #record: number
  readonly #table: number
  readonly #piece: number
  /** The memory at `piece` and nothing else: what is copied into it can't pass its end. */
  readonly #buffer: Uint8Array<ArrayBuffer>
  readonly #limits: Limits
  #failure: HttpError | null = null
  #done = false
  #decoded = 0
  #isReleased = false

  /** @param region memory to live in, when it is to share one with others (who then release it); otherwise the decoder takes its own @internal */
  constructor(codec: Codec, options: ChunkedDecoderOptions = {}, region?: Region) {
    const limits = limitsOf(options)
    this.#limits = limits
    this.#codec = codec
    this.#ownsRegion = region === undefined
    this.#region = region ?? codec.region(ChunkedDecoder.regionBytes(options))
    this.#record = this.#region.carve(CHUNKED_BYTES)
    this.#table = this.#region.carve(limits.maxHeaders * FIELD_BYTES)
    const trailer = this.#region.carve(limits.maxTrailer + 2)
    this.#piece = this.#region.carve(PIECE)
    const { u8, view } = this.#region.memory
    this.#buffer = u8.subarray(this.#piece, this.#piece + PIECE)
    view.setUint32(this.#record + HEAD_FIELDS, this.#table, true)
    view.setUint32(this.#record + HEAD_FIELD_CAPACITY, limits.maxHeaders, true)
    view.setFloat64(this.#record + CHUNKED_LIMIT, limits.maxBody, true)
    view.setUint32(this.#record + CHUNKED_MAX_EXTENSION, limits.maxExtension, true)
    view.setUint32(this.#record + CHUNKED_TRAILER, trailer, true)
    view.setUint32(this.#record + CHUNKED_MAX_TRAILER, limits.maxTrailer, true)
    this.reset()
  }

  /** Bytes of a region for a decoder with these options. @internal */
  static regionBytes(options: ChunkedDecoderOptions = {}): number {
    const { maxHeaders, maxTrailer } = limitsOf(options)
    return align(CHUNKED_BYTES) + align(maxHeaders * FIELD_BYTES) + align(maxTrailer + 2) + align(PIECE)
  }

  /**
   * Decodes from `input` to `output`, until `input` is used up, `output` is full, or the body ends; they may be the same array. Call it again
   * with the bytes that were not consumed. Once done or failed it does nothing. Throws `InvalidOption` for a value that is neither an `ArrayBuffer` nor a
   * view of one, `Released` after {@link ChunkedDecoder.release}.
   */
  decode(input: BytesInit, output: BytesInit): DecodeStep {
    this.#checkUsable()
    return this.#decodeBytes(bytesOf('input', input), bytesOf('output', output))
  }

  #decodeBytes(input: Uint8Array, output: Uint8Array): DecodeStep {
    const { exports, view } = this.#region.memory
    const buffer = this.#buffer
    const piece = this.#piece
    const record = this.#record
    let consumed = 0
    let produced = 0
    while (!this.#done && this.#failure === null && consumed < input.length) {
      const length = Math.min(PIECE, input.length - consumed)
      copyInto(buffer, 0, input.subarray(consumed, consumed + length), length)
      const room = within(Math.min(PIECE, output.length - produced), PIECE)
      const code = exports.chunkedDecode(record, piece, piece + within(length, PIECE), piece, piece + room)
      const made = view.getUint32(record + CHUNKED_OUTPUT, true) - piece
      output.set(buffer.subarray(0, made), produced)
      consumed += view.getUint32(record + CHUNKED_INPUT, true) - piece
      produced += made
      if (code === CHUNKS_DONE) this.#done = true
      else if (code === CHUNKS_FAILED) this.#failure = this.#makeError()
      else if (code !== CHUNKS_MORE) break
    }
    this.#decoded += produced
    return { consumed, produced }
  }

  /** The last chunk and the trailers were received; bytes after them were not consumed. */
  get isDone(): boolean {
    return this.#done
  }

  /** Why decoding has failed, null while it has not. */
  get error(): HttpError | null {
    return this.#failure
  }

  /** Bytes of body since the start or the last reset. */
  get totalDecoded(): number {
    return this.#decoded
  }

  /** Trailer fields, in order; none before {@link ChunkedDecoder.isDone}. */
  trailers(): [name: string, value: string][] {
    this.#checkUsable()
    const list: [string, string][] = []
    if (!this.#done) return list
    const { memory } = this.#region
    const text = (at: number): string => {
      const start = memory.view.getUint32(at, true)
      return latin1(memory, this.#codec.text, start, start + memory.view.getUint32(at + 4, true))
    }
    const count = memory.view.getUint32(this.#record + HEAD_FIELD_COUNT, true)
    for (let i = 0, at = this.#table; i < count; i++, at += FIELD_BYTES) list.push([text(at), text(at + 8)])
    return list
  }

  /** Back to the first byte of a body. */
  reset(): void {
    this.#checkUsable()
    this.#region.memory.exports.chunkedReset(this.#record)
    this.#failure = null
    this.#done = false
    this.#decoded = 0
  }

  /** Gives the memory back: what is used afterwards throws `Released`. A second call does nothing. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    if (this.#ownsRegion) this.#region.release()
  }

  #checkUsable(): void {
    if (this.#isReleased) throw released('decoder')
  }

  #makeError(): HttpError {
    const { view } = this.#region.memory
    const code = view.getUint32(this.#record + CHUNKED_ERROR, true)
    const { maxBody, maxExtension, maxHeaders, maxTrailer } = this.#limits
    const max =
      code === HTTP_ERROR_BODY_TOO_LARGE
        ? maxBody
        : code === HTTP_ERROR_CHUNK_EXTENSION_TOO_LONG
          ? maxExtension
          : code === HTTP_ERROR_TOO_MANY_HEADERS
            ? maxHeaders
            : maxTrailer
    return httpError(code, 'request', view.getFloat64(this.#record + CHUNKED_ERROR_A, true), max)
  }
}

function limitsOf(options: ChunkedDecoderOptions): Limits {
  return { ...chunkLimits(options), maxBody: options.maxBodySize ?? Number.MAX_SAFE_INTEGER }
}
