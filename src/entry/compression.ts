/** Compressed data for anyone's bytes: a part of `nexus-async-net/codec`. */

import { Deflater as BaseDeflater, DEFLATER_OPTIONS, type DeflaterOptions, type Flush } from '../codec/deflate/deflater.ts'
import type { CompressionFormat } from '../codec/deflate/format.ts'
import { Inflater as BaseInflater, INFLATER_OPTIONS, type InflaterOptions } from '../codec/deflate/inflater.ts'
import { readOptions } from '../option-rules.ts'
import { threadCodec as codec } from './thread-codec.ts'

export type { CompressionFormat, DeflaterOptions, Flush, InflaterOptions }

/**
 * Inflates `gzip`, `deflate` (zlib's) or `deflate-raw` data, synchronously, from bytes that arrive in any cut; checksums and lengths are verified.
 *
 * ```ts
 * import { Deflater, Inflater } from 'nexus-async-net/codec'
 *
 * const inflater = new Inflater('gzip', { maxOutputSize: 1_000_000 })
 * const packed = new Deflater('gzip').deflateAll(new TextEncoder().encode('hi'))
 * console.log(new TextDecoder().decode(inflater.inflateAll(packed))) // hi
 * ```
 */
export class Inflater extends BaseInflater {
  /** Throws `InvalidOption` for an unknown format, or an option outside its range. */
  constructor(format: CompressionFormat, options?: InflaterOptions) {
    super(codec, format, readOptions(INFLATER_OPTIONS, options))
  }
}

/**
 * Compresses bytes into `gzip`, `deflate` (zlib's) or `deflate-raw`, synchronously, about as densely as zlib's first level.
 *
 * ```ts
 * import { Deflater } from 'nexus-async-net/codec'
 *
 * const deflater = new Deflater('deflate-raw')
 * const output = new Uint8Array(64)
 * const { produced } = deflater.deflate(new TextEncoder().encode('hi'), output, 'finish')
 * console.log(deflater.isDone, output.subarray(0, produced)) // true Uint8Array(4) [ 203, 200, 4, 0 ]
 * ```
 */
export class Deflater extends BaseDeflater {
  /** Throws `InvalidOption` for an unknown format, or an option outside its range. */
  constructor(format: CompressionFormat, options?: DeflaterOptions) {
    super(codec, format, readOptions(DEFLATER_OPTIONS, options))
  }
}
