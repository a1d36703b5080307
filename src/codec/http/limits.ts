/** How large incoming HTTP messages may be: options, defaults and ranges. */

import { checkInteger, type Family, integer, type Rule, rule, SIZE_MAX, withDefaults } from '../../option-rules.ts'

/** Options of a {@link RequestReader}. */
export interface RequestReaderOptions {
  /** Bytes of the read buffer, 1 KiB to 16 MiB. Default 32 KiB. */
  capacity?: number
  /** Longest head in bytes, its blank line included; 16 to `capacity`. Default 16 KiB, or `capacity` when that is less. */
  maxHeadSize?: number
  /** Most fields of a head, 1 to 1,000. Default 100. */
  maxHeaders?: number
}

/** Options of a {@link ResponseReader}. */
export interface ResponseReaderOptions {
  /**
   * Bytes of one whole response, head and body, that is handed out as views of the reader's memory, 1 KiB to 16 MiB; a larger body goes on the heap.
   * It is also the size of a read. Default 32 KiB.
   */
  capacity?: number
  /** Longest head in bytes, its blank line included; 16 to `capacity`. Default 16 KiB, or `capacity` when that is less; Node takes 16 KiB too. */
  maxHeadSize?: number
  /** Most fields of a head, and most trailer fields; 1 to 1,000. Default 100, as h11 and Apache. */
  maxHeaders?: number
  /**
   * Longest body in bytes after decoding, 0 to 2^31 - 1; 0 accepts no byte, unlike a time limit of 0. With `Infinity`, a streamed body may have any length,
   * and a whole one, which is kept, 2^31 - 1 bytes. Checked from the head, and from each chunk's size. Default 16 MiB.
   */
  maxBodySize?: number
  /** Longest trailer section in bytes, its blank line included; 0 to 64 KiB. 0 refuses trailers. Default 4 KiB. */
  maxTrailerSize?: number
  /** Most bytes of extensions on one chunk's size line, 0 to 64 KiB. Real servers send none. Default 256. */
  maxChunkExtension?: number
}

/** The limits of a reader of heads. */
export interface HeadLimits {
  readonly capacity: number
  readonly maxHead: number
  readonly maxHeaders: number
}

/** The limits of a decoder of chunks. */
export interface ChunkLimits {
  readonly maxHeaders: number
  readonly maxTrailer: number
  readonly maxExtension: number
}

/** The limits of a reader of responses. */
export interface ResponseLimits extends HeadLimits, ChunkLimits {
  /** `Infinity` is none, for a body that is streamed. */
  readonly maxBody: number
}

const DEFAULT_CAPACITY = 32 * 1024
const DEFAULT_MAX_HEAD = 16 * 1024
const DEFAULT_MAX_HEADERS = 100
const DEFAULT_MAX_BODY = 16 * 1024 * 1024
const DEFAULT_MAX_TRAILER = 4 * 1024
const DEFAULT_MAX_EXTENSION = 256
const MIB = 1024 * 1024

/** Unlike times, where 0 is no limit, a body of 0 bytes is one. */
const BODY_SIZE: Rule<number> = rule(
  `${integer(0, SIZE_MAX, 'bytes').expects}, or Infinity (no limit for streamed bodies)`,
  (value) => value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= SIZE_MAX),
  DEFAULT_MAX_BODY,
)

/** What a {@link RequestReader} may be given. */
export const REQUEST_READER_OPTIONS: Family<RequestReaderOptions> = {
  capacity: integer(1_024, 16 * MIB, 'bytes', DEFAULT_CAPACITY),
  // Never more than the capacity, so that is its default where it is less than 16 KiB.
  maxHeadSize: integer(16, 16 * MIB, 'bytes'),
  maxHeaders: integer(1, 1_000, 'fields', DEFAULT_MAX_HEADERS),
}

/** What a {@link ResponseReader} may be given. */
export const RESPONSE_READER_OPTIONS: Family<ResponseReaderOptions> = {
  ...REQUEST_READER_OPTIONS,
  maxBodySize: BODY_SIZE,
  maxTrailerSize: integer(0, 64 * 1024, 'bytes', DEFAULT_MAX_TRAILER),
  maxChunkExtension: integer(0, 64 * 1024, 'bytes', DEFAULT_MAX_EXTENSION),
}

/** Fills in the defaults of options that were read. Throws `InvalidOption` for a head that is larger than the buffer. */
export function headLimits(options: RequestReaderOptions): HeadLimits {
  const { capacity, maxHeaders } = withDefaults(REQUEST_READER_OPTIONS, options) as Required<RequestReaderOptions>
  return {
    capacity,
    maxHead: checkInteger('maxHeadSize', options.maxHeadSize ?? Math.min(DEFAULT_MAX_HEAD, capacity), 16, capacity, 'bytes'),
    maxHeaders,
  }
}

/** Fills in the defaults of options that were read. */
export function chunkLimits(options: Pick<ResponseReaderOptions, 'maxHeaders' | 'maxTrailerSize' | 'maxChunkExtension'>): ChunkLimits {
  const { maxHeaders, maxTrailerSize, maxChunkExtension } = withDefaults(RESPONSE_READER_OPTIONS, options) as Required<ResponseReaderOptions>
  return { maxHeaders, maxTrailer: maxTrailerSize, maxExtension: maxChunkExtension }
}

/** As {@link headLimits}, for responses. */
export function responseLimits(options: ResponseReaderOptions): ResponseLimits {
  return { ...headLimits(options), ...chunkLimits(options), maxBody: options.maxBodySize ?? DEFAULT_MAX_BODY }
}
