/** Bytes in, compressed data out. */

import { COMPRESS_INPUT, COMPRESS_OUTPUT, DEFLATE_DONE, DEFLATE_FULL, FLUSH_FINISH, FLUSH_NONE, FLUSH_SYNC } from '../../../assembly/abi.ts'
import { UsageError } from '../../errors.ts'
import { nameChoice } from '../../naming.ts'
import { type Family, integer, withDefaults } from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'
import { type BytesInit, bytesOf, copyInto, type DecodeStep, within } from '../inputs.ts'
import { align, type Codec, type Region } from '../memory.ts'
import { released } from '../reader-errors.ts'
import { type CompressionFormat, formatNumber } from './format.ts'
import { carveDeflater, deflaterBytes } from './records.ts'

/** Options of a {@link Deflater}. */
export interface DeflaterOptions {
  /** How far back a match may reach, as a power of two; 8 to 15. Default 15. Memory goes by it: 136 KiB for 15, 75 KiB for 9. */
  windowBits?: number
}

/** What a {@link Deflater} may be given. */
export const DEFLATER_OPTIONS: Family<DeflaterOptions> = {
  windowBits: integer(8, 15, 'bits', 15),
}

/**
 * How much of what was put in a step writes: as much as is worth it (`none`), all of it, with an empty stored block behind it that ends at a byte
 * (`sync`), or all of it and the end of the data (`finish`).
 */
export type Flush = 'none' | 'sync' | 'finish'

/** Bytes that pass through linear memory at a time; also of the tokens of a block. */
const PIECE = 16 * 1024
/**
 * The longest block is one of 4,096 far matches, 31 bits each in the fixed code: 15,872 bytes, its head and its end. What is more lets the two stored
 * blocks of a piece leave in one call.
 */
const OUTPUT = 18 * 1024

/**
 * Compresses bytes into one of the formats of the Compression Streams standard, synchronously: one level, about as dense as zlib's first.
 *
 * ```ts
 * const { consumed, produced } = deflater.deflate(input, output, 'finish')
 * send(output.subarray(0, produced)) // and again with what was not consumed, until `deflater.isDone`
 * ```
 */
export class Deflater {
  static {
    showsItself(this.prototype, (it) => ({ format: it.format, totalDeflated: it.deflated, isDone: it.isDone, released: it.isReleased }))
  }

  private readonly region: Region
  private readonly record: number
  private readonly piece: number
  private readonly made: number
  /** The memory at `piece` and nothing else: what is copied into it can't pass its end. */
  private readonly buffer: Uint8Array<ArrayBuffer>
  /** Bytes at `made` that had no room: from … */
  private from = 0
  /** … up to here. */
  private to = 0
  /** A flush that is not written whole. */
  private isUnfinished = false
  /** Nothing was put in since the last sync flush was written. */
  private isFlushed = false
  private ended = false
  private deflated = 0
  private isReleased = false

  constructor(
    codec: Codec,
    /** What the data is. */
    readonly format: CompressionFormat,
    options: DeflaterOptions = {},
  ) {
    const number = formatNumber(format)
    const { windowBits } = withDefaults(DEFLATER_OPTIONS, options) as Required<DeflaterOptions>
    this.region = codec.deflateRegion(deflaterBytes(windowBits, PIECE) + align(PIECE) + align(OUTPUT))
    this.record = carveDeflater(this.region, windowBits, PIECE, number)
    this.piece = this.region.carve(PIECE)
    this.made = this.region.carve(OUTPUT)
    this.buffer = this.region.memory.u8.subarray(this.piece, this.piece + PIECE)
  }

  /**
   * Compresses `input` to `output`, until the one is used up and what `flush` asks for is written, or the other is full: then `produced` is all of it,
   * and the call is made again with what was not consumed and the same `flush`. Once done it does nothing. Throws `InvalidOption` for what is no
   * `ArrayBuffer` and no view of one, and for an unknown `flush`; `Released` after {@link Deflater.release}.
   */
  deflate(input: BytesInit, output: BytesInit, flush: Flush = 'none'): DecodeStep {
    this.checkUsable()
    const from = bytesOf('input', input)
    const to = bytesOf('output', output)
    const asked = flushNumber(flush)
    const { view, u8, deflate } = this.region.memory
    const { record, piece, made } = this
    let consumed = 0
    let produced = 0
    for (;;) {
      const some = Math.min(this.to - this.from, to.length - produced)
      to.set(u8.subarray(made + this.from, made + this.from + some), produced)
      this.from += some
      this.deflated += some
      produced += some
      if (this.from < this.to || this.ended) return { consumed, produced }
      const length = Math.min(PIECE, from.length - consumed)
      const isWritten = asked === FLUSH_NONE || (asked === FLUSH_SYNC && this.isFlushed)
      if (length === 0 && isWritten && !this.isUnfinished) return { consumed, produced }
      copyInto(this.buffer, 0, from.subarray(consumed, consumed + length), length)
      const now = consumed + length === from.length ? asked : FLUSH_NONE
      view.setUint32(record + COMPRESS_OUTPUT, made, true)
      const result = deflate.deflate(record, piece, piece + within(length, PIECE), made + OUTPUT, now)
      consumed += view.getUint32(record + COMPRESS_INPUT, true) - piece
      this.from = 0
      this.to = view.getUint32(record + COMPRESS_OUTPUT, true) - made
      this.isUnfinished = result === DEFLATE_FULL
      this.isFlushed = now === FLUSH_SYNC && result !== DEFLATE_FULL
      this.ended = result === DEFLATE_DONE
    }
  }

  /** Compresses bytes that are all there, from a fresh start, and ends the data; returns bytes of the caller's own. */
  deflateAll(input: BytesInit): Uint8Array<ArrayBuffer> {
    this.reset()
    let rest = bytesOf('input', input)
    let output = new Uint8Array(64 + (rest.length >>> 1))
    let length = 0
    for (;;) {
      const { consumed, produced } = this.deflate(rest, output.subarray(length), 'finish')
      rest = rest.subarray(consumed)
      length += produced
      if (this.isDone) return output.slice(0, length)
      const longer = new Uint8Array(2 * output.length)
      longer.set(output)
      output = longer
    }
  }

  /** The end of the data is written: `flush` was `finish`, and all of it had room. */
  get isDone(): boolean {
    return this.ended && this.from === this.to
  }

  /** Bytes produced since the start or the last reset. */
  get totalDeflated(): number {
    return this.deflated
  }

  /** Back to the first byte of data, with no history. */
  reset(): void {
    this.checkUsable()
    this.region.memory.deflate.deflateReset(this.record)
    this.deflated = 0
    this.from = 0
    this.to = 0
    this.isUnfinished = false
    this.isFlushed = false
    this.ended = false
  }

  /** Gives the memory back: what is used afterwards throws `Released`. A second call does nothing. */
  release(): void {
    if (this.isReleased) return
    this.isReleased = true
    this.region.release()
  }

  private checkUsable(): void {
    if (this.isReleased) throw released('deflater')
  }
}

function flushNumber(flush: unknown): number {
  if (flush === 'none') return FLUSH_NONE
  if (flush === 'sync') return FLUSH_SYNC
  if (flush === 'finish') return FLUSH_FINISH
  throw new UsageError('InvalidOption', `flush must be 'none', 'sync' or 'finish', but is ${nameChoice(flush)}`)
}
