/** Compressed data in, in any cut, and what it stands for out. */

import {
  DEFLATED_MEMBERS,
  DEFLATED_RAW,
  INFLATE_DONE,
  INFLATE_ERROR,
  INFLATE_FAILED,
  INFLATE_FULL,
  INFLATE_INPUT,
  INFLATE_MORE,
  INFLATE_OUTPUT,
} from '../../../assembly/abi.ts'
import { CompressionError, UsageError } from '../../errors.ts'
import { type Family, flag, integer, withDefaults } from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'
import { type BytesInit, bytesOf, copyInto, type DecodeStep, within } from '../inputs.ts'
import { align, type Codec, type Region } from '../memory.ts'
import { released } from '../reader-errors.ts'
import { compressionError } from './compression-error.ts'
import { type CompressionFormat, formatNumber } from './format.ts'
import { areaOf, carveInflater, inflaterBytes } from './records.ts'

/** Options of an {@link Inflater}. */
export interface InflaterOptions {
  /** Most bytes that may come out, 0 to 2^53 - 1. Default 64 MiB. Judged while inflating, so that a bomb costs no more than this. */
  maxOutputSize?: number
  /** `gzip` alone: several members may follow each other (RFC 1952 section 2.2), and what comes out is one after the other. Default false. */
  members?: boolean
  /** `deflate-raw` alone: the data may end between two blocks, as after a sync flush, without a block that says it is the last one. Default false. */
  openEnded?: boolean
  /** `deflate-raw` alone: how far back a match may reach, as a power of two; 8 to 15. Default 15. */
  windowBits?: number
}

const MIB = 1024 * 1024

/** What an {@link Inflater} may be given. */
export const INFLATER_OPTIONS: Family<InflaterOptions> = {
  maxOutputSize: integer(0, Number.MAX_SAFE_INTEGER, 'bytes', 64 * MIB),
  members: flag(false),
  openEnded: flag(false),
  windowBits: integer(8, 15, 'bits', 15),
}

/** Bytes that pass through linear memory at a time. */
const PIECE = 16 * 1024
/** Bytes of output between two moves of the history. */
const ROOM = 32 * 1024

/**
 * Inflates data in one of the formats of the Compression Streams standard, synchronously, from bytes that arrive in any cut. Checksums and lengths
 * are verified. Broken data never makes {@link Inflater.inflate} throw: it ends in `error`.
 *
 * ```ts
 * while (!inflater.isDone && inflater.error === null) {
 *   const { consumed, produced } = inflater.inflate(input, output)
 *   input = input.subarray(consumed)
 *   keep(output.subarray(0, produced))
 *   if (consumed === 0 && produced === 0) input = await more()
 * }
 * ```
 */
export class Inflater {
  static {
    showsItself(this.prototype, (it) => ({
      format: it.format,
      totalInflated: it.#inflated,
      isDone: it.#done,
      error: it.#failure,
      released: it.#isReleased,
    }))
  }

  /** What the data is. */
  readonly format: CompressionFormat

  readonly #region: Region
  readonly #record: number
  readonly #piece: number
  readonly #area: number
  readonly #areaEnd: number
  /** The memory at `piece` and nothing else: what is copied into it can't pass its end. */
  readonly #buffer: Uint8Array<ArrayBuffer>
  #maxOutput: number
  readonly #hasMembers: boolean
  readonly #isOpenEnded: boolean
  #failure: CompressionError | null = null
  #done = false
  #inflated = 0
  #isReleased = false

  /** @internal */
  constructor(codec: Codec, format: CompressionFormat, options: InflaterOptions = {}) {
    this.format = format
    const number = formatNumber(format)
    const { maxOutputSize, members, openEnded, windowBits } = withDefaults(INFLATER_OPTIONS, options) as Required<InflaterOptions>
    if (members && format !== 'gzip') throw new UsageError('InvalidOption', `members is for 'gzip' alone`)
    if (number !== DEFLATED_RAW && (openEnded || windowBits !== 15)) {
      throw new UsageError('InvalidOption', `openEnded and windowBits are for 'deflate-raw' alone`)
    }
    this.#maxOutput = maxOutputSize
    this.#hasMembers = members
    this.#isOpenEnded = openEnded
    const window = 1 << windowBits
    this.#region = codec.deflateRegion(inflaterBytes(window, ROOM) + align(PIECE))
    this.#record = carveInflater(this.#region, window, ROOM, number | (members ? DEFLATED_MEMBERS : 0))
    this.#area = areaOf(this.#record)
    this.#areaEnd = this.#area + window + ROOM
    this.#piece = this.#region.carve(PIECE)
    this.#buffer = this.#region.memory.u8.subarray(this.#piece, this.#piece + PIECE)
  }

  /**
   * Inflates from `input` to `output`, until the one is used up, the other is full, or the data ends; what follows the data is not consumed. Call it
   * again with what was not consumed; with an empty input it writes what had no room before. Once done or failed it does nothing, but where `members`
   * is set another member may follow. Throws `InvalidOption` for what is no `ArrayBuffer` and no view of one, `Released` after
   * {@link Inflater.release}.
   */
  inflate(input: BytesInit, output: BytesInit): DecodeStep {
    this.#checkUsable()
    const from = bytesOf('input', input)
    const to = bytesOf('output', output)
    let consumed = 0
    let produced = 0
    if (this.#failure !== null || (this.#done && (!this.#hasMembers || from.length === 0))) return { consumed, produced }
    const { view, u8, deflate } = this.#region.memory
    const record = this.#record
    const piece = this.#piece
    const buffer = this.#buffer
    this.#done = false
    // What the piece still holds.
    let next = piece
    let end = piece
    for (;;) {
      if (next === end) {
        const length = Math.min(PIECE, from.length - consumed)
        copyInto(buffer, 0, from.subarray(consumed, consumed + length), length)
        next = piece
        end = piece + within(length, PIECE)
      }
      if (this.#areaEnd === view.getUint32(record + INFLATE_OUTPUT, true)) deflate.inflateSlide(record, 0)
      const start = view.getUint32(record + INFLATE_OUTPUT, true)
      const room = within(Math.min(this.#areaEnd - start, to.length - produced, this.#maxOutput - this.#inflated), this.#areaEnd - start)
      const result = deflate.inflate(record, next, end, start + room)
      const made = view.getUint32(record + INFLATE_OUTPUT, true) - start
      to.set(u8.subarray(start, start + made), produced)
      const read = view.getUint32(record + INFLATE_INPUT, true) - next
      next += read
      consumed += read
      produced += made
      this.#inflated += made
      if (result === INFLATE_FAILED) this.#failure = compressionError(view.getUint32(record + INFLATE_ERROR, true))
      else if (result === INFLATE_FULL) {
        if (this.#inflated === this.#maxOutput) this.#failure = tooLarge(this.#maxOutput)
        else if (produced < to.length) continue
      } else if (consumed < from.length && (result === INFLATE_MORE || this.#hasMembers)) continue
      else this.#done = result === INFLATE_DONE
      return { consumed, produced }
    }
  }

  /** No more data will come: from now on {@link Inflater.isDone} or {@link Inflater.error} says whether it was whole (`UnexpectedEnd`). */
  end(): void {
    this.#checkUsable()
    if (this.#done || this.#failure !== null) return
    if (this.#mayEnd()) this.#done = true
    else this.#failure = new CompressionError('UnexpectedEnd', `the ${this.format} data ended before it was whole`)
  }

  /**
   * Inflates data that is all there, from a fresh start; returns bytes of the caller's own. Throws the `CompressionError` that the data is due,
   * `UnexpectedData` when something follows it.
   */
  inflateAll(input: BytesInit): Uint8Array<ArrayBuffer> {
    return this.inflateWhole(bytesOf('input', input), this.#maxOutput, false)
  }

  /**
   * As {@link Inflater.inflateAll}, with a limit of its own.
   *
   * @param isBorrowed data in linear memory stays as it is, and what comes out may be a view of that, valid until the next data @internal
   */
  inflateWhole(input: Uint8Array, maxOutput: number, isBorrowed: boolean): Uint8Array<ArrayBuffer> {
    this.#maxOutput = maxOutput
    this.reset()
    const view = this.#inflateAtOnce(input, isBorrowed)
    if (view !== null) return isBorrowed ? view : view.slice()
    this.reset()
    let rest = input
    let output = new Uint8Array(Math.min(maxOutput, Math.max(256, 4 * rest.length)))
    let length = 0
    for (;;) {
      const { consumed, produced } = this.inflate(rest, output.subarray(length))
      rest = rest.subarray(consumed)
      length += produced
      // Data may end where the output does: what neither reads nor writes will not do so the next time.
      if (this.#failure !== null || this.#done || length < output.length || (consumed === 0 && produced === 0)) break
      const longer = new Uint8Array(Math.min(maxOutput, Math.max(256, 2 * length)))
      longer.set(output)
      output = longer
    }
    this.end()
    if (this.#failure !== null) throw this.#failure
    if (rest.length > 0) throw new CompressionError('UnexpectedData', `${rest.length} bytes follow the ${this.format} data`)
    return length === output.length ? output : output.slice(0, length)
  }

  /**
   * Whole data that is sound, and small enough to lie in linear memory with what comes out of it: a view of that. Otherwise null.
   *
   * @param inPlace data in the same memory is read where it lies
   */
  #inflateAtOnce(input: Uint8Array, inPlace: boolean): Uint8Array<ArrayBuffer> | null {
    const record = this.#record
    const area = this.#area
    const { view, u8, deflate } = this.#region.memory
    const { length } = input
    let from = this.#piece
    if (inPlace && input.buffer === u8.buffer) from = input.byteOffset
    else if (length > PIECE) return null
    else copyInto(this.#buffer, 0, input, length)
    const end = from + within(length, u8.length - from)
    const result = deflate.inflate(record, from, end, area + Math.min(this.#areaEnd - area, this.#maxOutput))
    if (view.getUint32(record + INFLATE_INPUT, true) !== end) return null
    if (result !== INFLATE_DONE && !(result === INFLATE_MORE && this.#mayEnd())) return null
    const output = view.getUint32(record + INFLATE_OUTPUT, true)
    this.#done = true
    this.#inflated = output - area
    return u8.subarray(area, output)
  }

  #mayEnd(): boolean {
    return this.#isOpenEnded && this.#region.memory.deflate.inflateMayEnd(this.#record) === 1
  }

  /** The data is whole, its checks were right; what follows it was not consumed. */
  get isDone(): boolean {
    return this.#done
  }

  /** Why inflating has failed, null while it has not. */
  get error(): CompressionError | null {
    return this.#failure
  }

  /** Bytes produced since the start or the last reset. */
  get totalInflated(): number {
    return this.#inflated
  }

  /** Back to the first byte of data, with no history. */
  reset(): void {
    this.#checkUsable()
    this.#region.memory.deflate.inflateReset(this.#record)
    this.#failure = null
    this.#done = false
    this.#inflated = 0
  }

  /** Gives the memory back: what is used afterwards throws `Released`. A second call does nothing. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#region.release()
  }

  #checkUsable(): void {
    if (this.#isReleased) throw released('inflater')
  }
}

function tooLarge(max: number): CompressionError {
  return new CompressionError('OutputTooLarge', `more than maxOutputSize (${max} bytes) would come out`, max)
}
