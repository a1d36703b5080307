/** Content codings of responses (RFC 9110 section 8.4.1), undone: whole, or piece by piece. */

import { deflateFormat } from '../codec/deflate/format.ts'
import { Inflater } from '../codec/deflate/inflater.ts'
import type { RestResponse } from '../codec/http/response.ts'
import type { Codec } from '../codec/memory.ts'
import { CompressionError, HttpError } from '../errors.ts'
import { SIZE_MAX } from '../option-rules.ts'

/** The codings that are undone. */
export type ContentCoding = 'gzip' | 'deflate'

/** Bytes that come out of a streamed body at a time, at most: a piece that is received can become a thousand times as long. */
const PIECE = 64 * 1024
const PARTIAL_CONTENT = 206
const NOTHING = new Uint8Array(0)

/**
 * The coding of a response's body. Null when it has none, another one or several of them; for a part of what is compressed as a whole, which nobody can
 * inflate alone.
 */
export function codingOf(response: RestResponse<unknown>): ContentCoding | null {
  const name = response.header('content-encoding')?.toLowerCase()
  const coding = name === 'gzip' || name === 'x-gzip' ? 'gzip' : name === 'deflate' ? 'deflate' : null
  if (coding === null || response.status === PARTIAL_CONTENT) return null
  let fields = 0
  for (let i = 0; i < response.headerCount; i++) if (response.fieldName(i).toLowerCase() === 'content-encoding') fields++
  return fields > 1 ? null : coding
}

/** A body that is all there, in an array of its own. Throws a `CompressionError`, or the `HttpError` `BodyTooLarge`. */
export function decodeBody(codec: Codec, coding: ContentCoding, body: Uint8Array, maxBodySize: number): Uint8Array<ArrayBuffer> {
  // What is empty is not compressed, whatever its fields say: a response to HEAD, or one of a server that compresses nothing to nothing.
  if (body.length === 0) return new Uint8Array(0)
  const inflater = inflaterOf(codec, coding, body, Math.min(maxBodySize, SIZE_MAX))
  try {
    return inflater.inflateAll(body)
  } catch (error) {
    throw faultOf(error)
  } finally {
    inflater.release()
  }
}

/** A body that is received piece by piece: inflated when it is asked for, a limited piece at a time. */
export class BodyDecoder {
  private inflater: Inflater | null = null
  private output: Uint8Array<ArrayBuffer> = NOTHING
  /** Received, and not inflated yet. */
  private rest: Uint8Array = NOTHING

  constructor(
    private readonly codec: Codec,
    private readonly coding: ContentCoding,
    private readonly maxBodySize: number,
  ) {}

  /** Takes the next piece of the body as it was received. Call {@link BodyDecoder.next} until it gives null before. */
  push(piece: Uint8Array): void {
    this.rest = piece
    if (piece.length === 0 || this.inflater !== null) return
    this.inflater = inflaterOf(this.codec, this.coding, piece, this.maxBodySize)
    this.output = new Uint8Array(PIECE)
  }

  /** The next piece of what comes out; null when more has to be received first. Throws as {@link decodeBody} does. */
  next(): Uint8Array<ArrayBuffer> | null {
    const { inflater, output } = this
    if (inflater === null) return null
    const { consumed, produced } = inflater.inflate(this.rest, output)
    this.rest = this.rest.subarray(consumed)
    if (inflater.error !== null) throw faultOf(inflater.error)
    if (produced !== 0) return output.slice(0, produced)
    if (this.rest.length !== 0) throw new CompressionError('UnexpectedData', `bytes follow the ${this.coding} data`)
    return null
  }

  /** Everything was received. Throws when it is incomplete. */
  end(): void {
    const { inflater } = this
    inflater?.end()
    const fault = inflater?.error
    this.release()
    if (fault) throw fault
  }

  /** Gives the memory back. */
  release(): void {
    this.inflater?.release()
    this.inflater = null
    this.rest = NOTHING
  }
}

/** @param body of at least one byte */
function inflaterOf(codec: Codec, coding: ContentCoding, body: Uint8Array, maxBodySize: number): Inflater {
  const maxOutputSize = Math.min(maxBodySize, Number.MAX_SAFE_INTEGER)
  if (coding === 'gzip') return new Inflater(codec, 'gzip', { members: true, maxOutputSize })
  return new Inflater(codec, deflateFormat(body[0] as number), { maxOutputSize })
}

function faultOf(error: unknown): unknown {
  if (!(error instanceof CompressionError) || error.code !== 'OutputTooLarge') return error
  const { max } = error
  return new HttpError('BodyTooLarge', `a body of more than ${max} bytes, once it is inflated, is over maxBodySize (${max} bytes)`, undefined, max)
}
