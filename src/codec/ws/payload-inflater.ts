/** Payloads that the application has compressed, inflated as a whole. */

import { checkOptions, type Family, integer, SIZE_MAX } from '../../option-rules.ts'
import type { CompressionFormat } from '../deflate/format.ts'
import { Inflater } from '../deflate/inflater.ts'
import type { Codec } from '../memory.ts'

/** How a payload is inflated. */
export interface InflateOptions {
  /** Most bytes that may come out, 0 to 2^31 - 1. Judged while inflating. Default: `maxMessageSize`. */
  maxSize?: number | undefined
}

/** What it may be. */
const INFLATE_OPTIONS: Family<InflateOptions> = { maxSize: integer(0, SIZE_MAX, 'bytes') }

/** The inflaters of one connection's payloads; each is made when it is first needed. */
export class PayloadInflater {
  readonly #codec: Codec
  readonly #most: number
  readonly #inflaters = new Map<CompressionFormat, Inflater>()

  /** @param most bytes that may come out, unless a call says otherwise */
  constructor(codec: Codec, most: number) {
    this.#codec = codec
    this.#most = most
  }

  /**
   * Throws `CompressionError` and `InvalidOption`.
   *
   * @param isBorrowed what comes out may lie in linear memory, until the payload of another message is inflated: the same payload gives the same bytes
   */
  inflate(payload: Uint8Array, format: CompressionFormat, options: InflateOptions | undefined, isBorrowed: boolean): Uint8Array<ArrayBuffer> {
    if (options !== undefined) checkOptions(INFLATE_OPTIONS, options)
    return this.#inflaterOf(format).inflateWhole(payload, options?.maxSize ?? this.#most, isBorrowed)
  }

  /** Gives the memory back. */
  release(): void {
    for (const inflater of this.#inflaters.values()) inflater.release()
    this.#inflaters.clear()
  }

  #inflaterOf(format: CompressionFormat): Inflater {
    let inflater = this.#inflaters.get(format)
    if (inflater === undefined) {
      // Servers end raw data after a sync flush as often as with a last block.
      inflater = new Inflater(this.#codec, format, { openEnded: format === 'deflate-raw' })
      this.#inflaters.set(format, inflater)
    }
    return inflater
  }
}
