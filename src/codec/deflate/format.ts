/** The formats of compressed data, under the names that the Compression Streams standard has for them. */

import { DEFLATED_GZIP, DEFLATED_RAW, DEFLATED_ZLIB } from '../../../assembly/abi.ts'
import { UsageError } from '../../errors.ts'
import { nameChoice } from '../../naming.ts'

/** `gzip` (RFC 1952), `deflate`, which is zlib's (RFC 1950), or `deflate-raw`: deflated data with nothing around it (RFC 1951). */
export type CompressionFormat = 'gzip' | 'deflate' | 'deflate-raw'

/**
 * What a content coding `deflate` is, by the first byte: it should be zlib's (RFC 9110 section 8.4.1.2), and some servers send raw data. The low bits that
 * name zlib's method would be a stored block with bits behind its head, which nobody writes.
 */
export function deflateFormat(first: number): 'deflate' | 'deflate-raw' {
  return (first & 15) === 8 ? 'deflate' : 'deflate-raw'
}

/** The codec's number of a format. Throws `InvalidOption`. */
export function formatNumber(format: unknown): number {
  if (format === 'gzip') return DEFLATED_GZIP
  if (format === 'deflate') return DEFLATED_ZLIB
  if (format === 'deflate-raw') return DEFLATED_RAW
  throw new UsageError('InvalidOption', `format must be 'gzip', 'deflate' or 'deflate-raw', but is ${nameChoice(format)}`)
}
