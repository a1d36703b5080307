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
  readonly #inflaters = new Map<CompressionFormat, { inflater: Inflater; most: number }>()

  /** @param most bytes that may come out, unless a call says otherwise */
  constructor(codec: Codec, most: number) {
    this.#codec = codec
    this.#most = most
  }

  /** Throws `CompressionError` and `InvalidOption`. */
  inflate(payload: Uint8Array, format: CompressionFormat, options: InflateOptions | undefined): Uint8Array<ArrayBuffer> {
    checkOptions(INFLATE_OPTIONS, options)
    return this.#inflaterOf(format, options?.maxSize ?? this.#most).inflateAll(payload)
  }

  /** Gives the memory back. */
  release(): void {
    for (const { inflater } of this.#inflaters.values()) inflater.release()
    this.#inflaters.clear()
  }

  #inflaterOf(format: CompressionFormat, most: number): Inflater {
    const known = this.#inflaters.get(format)
    if (known?.most === most) return known.inflater
    // Servers end raw data after a sync flush as often as with a last block.
    const inflater = new Inflater(this.#codec, format, { maxOutputSize: most, openEnded: format === 'deflate-raw' })
    known?.inflater.release()
    this.#inflaters.set(format, { inflater, most })
    return inflater
  }
}
