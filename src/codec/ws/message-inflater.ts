/**
 * Compressed messages of one connection (RFC 7692 section 7.2.2), inflated as their pieces arrive.
 *
 *   area                                start              output             end
 *   │ history, then earlier messages    │ message so far   │ free             │
 *
 * A message is a view of the area. When the area is full, what matches may reach, and the message so far, move to its start; a message that does not fit
 * then goes on on the heap, and its limit is judged at each step, so that a bomb costs no more than that.
 *
 * With takeover, the area is the connection's own, as it is the history. Without, it is borrowed of the memory, from the first byte of a message until the
 * message is stale: what all connections of a thread have touched is then what they held at the same time, and the rest of theirs is address space. Between two
 * messages such an inflater has nothing to keep, and may move.
 */

import {
  DEFLATED_CONTINUES,
  DEFLATED_RAW,
  ERROR_INVALID_UTF8,
  ERROR_MESSAGE_TOO_LARGE,
  INFLATE_DONE,
  INFLATE_ERROR,
  INFLATE_FAILED,
  INFLATE_INPUT,
  INFLATE_MORE,
  INFLATE_OUTPUT,
  UTF8_REJECT,
  UTF8_START,
} from '../../../assembly/abi.ts'
import type { ProtocolError } from '../../errors.ts'
import { compressionError } from '../deflate/compression-error.ts'
import { areaOf, carveInflater, inflaterBytes, placeArea } from '../deflate/records.ts'
import type { DeflateExports } from '../deflate-module.ts'
import { align, type CodecMemory, type Region } from '../memory.ts'
import type { CodecExports } from '../module.ts'
import type { Parts } from './parts.ts'
import type { DeflateContext } from './permessage-deflate.ts'
import { invalidCompressedData, protocolError } from './protocol-error.ts'

/** Bytes of history. zlib can't deflate with a window of 256, and senders that use it have one of 512 when they say so. */
function windowOf(bits: number): number {
  return Math.max(512, 1 << bits)
}

/** Bytes of output between two moves of the history: as many as that has, and at least so many that it does not move for each message. */
function roomOf(bits: number): number {
  return Math.max(windowOf(bits), 8 * 1024)
}

/** Inflates the compressed messages that one reader receives, one after the other. */
export class MessageInflater {
  /** Where the message begins in the area … */
  start = 0
  /** … and its bytes there, once it is whole. */
  size = 0
  /** The message is whole, and was not taken. */
  isReady = false
  /** It is text, and all of it is ASCII. */
  isAscii = true
  /** Some of it is on the heap, and so is all of it once it is whole. */
  isOnHeap = false
  /** Payload bytes on the wire. */
  wireLength = 0
  #isUnderWay = false
  #utf8 = UTF8_START
  #memory!: CodecMemory
  #deflate!: DeflateExports
  #exports!: CodecExports
  #view!: DataView
  #region!: Region
  #record = 0
  #areaEnd = 0
  #isBorrowing = false

  /**
   * @param region memory for {@link MessageInflater.regionBytes}, the one of the reader, made by `deflateRegion`
   * @param parts where the reader puts messages together
   * @param most bytes that may come out of a message
   */
  constructor(
    region: Region,
    private readonly context: DeflateContext,
    private readonly parts: Parts,
    private readonly most: number,
  ) {
    this.settle(region)
  }

  /** Lives in this region from now on, as the reader does. For one that {@link MessageInflater.mayMove}. */
  settle(region: Region): void {
    const { windowBits } = this.context
    const { memory } = region
    this.#memory = memory
    this.#view = memory.view
    this.#exports = memory.exports
    this.#deflate = memory.deflate
    this.#region = region
    this.#record = carveInflater(region, windowOf(windowBits), roomOf(windowBits), DEFLATED_RAW | DEFLATED_CONTINUES)
    this.#areaEnd = areaOf(this.#record) + this.#areaBytes
  }

  /** There is nothing that the next message could need, or that anyone could see. */
  get mayMove(): boolean {
    return this.context.noContextTakeover && !this.#isUnderWay && !this.isReady
  }

  /** Bytes of a region for messages with windows of so many bits, at most. */
  static regionBytes(windowBits: number): number {
    return inflaterBytes(windowOf(windowBits), roomOf(windowBits))
  }

  /**
   * Inflates the next `length` bytes of a message, at `from`. What was inflated before may move: earlier messages are stale. Returns why the connection
   * fails, null while it does not.
   */
  inflate(from: number, length: number, isText: boolean): ProtocolError | null {
    if (!this.#isUnderWay) this.#begin(isText)
    // A peer may send any number of empty fragments.
    if (length === 0) return null
    this.wireLength += length
    const to = from + length
    let at = from
    for (;;) {
      const before = this.#get(INFLATE_OUTPUT)
      const taken = this.parts.size + before - this.start
      const result = this.#deflate.inflate(this.#record, at, to, Math.min(this.#areaEnd, before + this.most - taken))
      const output = this.#get(INFLATE_OUTPUT)
      if (isText && !this.#isValid(before, output - before)) return protocolError(ERROR_INVALID_UTF8, 0, 0)
      if (result === INFLATE_MORE) return null
      if (result === INFLATE_FAILED) return this.#failure()
      if (taken + output - before === this.most) return protocolError(ERROR_MESSAGE_TOO_LARGE, this.most + 1, this.most)
      at = this.#get(INFLATE_INPUT)
      this.#makeRoom(output)
    }
  }

  /** All of the message was received: as {@link MessageInflater.inflate}. */
  end(isText: boolean): ProtocolError | null {
    if (this.#deflate.inflateEndMessage(this.#record) !== INFLATE_DONE) return this.#failure()
    if (isText && this.#utf8 !== UTF8_START) return protocolError(ERROR_INVALID_UTF8, 0, 0)
    const output = this.#get(INFLATE_OUTPUT)
    if (this.isOnHeap) this.#moveToHeap(output)
    this.size = this.isOnHeap ? this.parts.end() : output - this.start
    this.#isUnderWay = false
    this.isReady = true
    return null
  }

  /** An area is borrowed: {@link MessageInflater.rest} has something to do. */
  get isBorrowing(): boolean {
    return this.#isBorrowing
  }

  /** The message before is stale: what was borrowed for it goes back, unless the next one has begun. */
  rest(): void {
    if (!this.#isUnderWay) this.release()
  }

  /** Gives back what is borrowed. */
  release(): void {
    if (!this.#isBorrowing) return
    this.#isBorrowing = false
    this.#region.giveAnnex()
  }

  #begin(isText: boolean): void {
    if (this.context.noContextTakeover) {
      if (!this.#isBorrowing) this.#borrow()
      this.#deflate.inflateReset(this.#record)
    }
    this.#isUnderWay = true
    this.start = this.#get(INFLATE_OUTPUT)
    this.isOnHeap = false
    this.isAscii = isText
    this.wireLength = 0
    this.#utf8 = UTF8_START
  }

  /** Where the memory is full, the connection's own area serves. */
  #borrow(): void {
    const borrowed = this.#region.takeAnnex(align(this.#areaBytes))
    this.#isBorrowing = borrowed !== 0
    const from = borrowed === 0 ? areaOf(this.#record) : borrowed
    this.#areaEnd = from + this.#areaBytes
    placeArea(this.#view, this.#record, from, this.#areaEnd)
  }

  get #areaBytes(): number {
    const { windowBits } = this.context
    return windowOf(windowBits) + roomOf(windowBits)
  }

  #isValid(from: number, length: number): boolean {
    if (this.#utf8 === UTF8_START && this.#exports.isAsciiRun(from, length) !== 0) return true
    this.isAscii = false
    this.#utf8 = this.#exports.utf8Validate(this.#utf8, from, length)
    return this.#utf8 !== UTF8_REJECT
  }

  /** The area is full up to `output`. */
  #makeRoom(output: number): void {
    const by = this.#deflate.inflateSlide(this.#record, output - this.start)
    this.start -= by
    if (by !== 0) return
    this.#moveToHeap(output)
    this.#deflate.inflateSlide(this.#record, 0)
    this.start = this.#get(INFLATE_OUTPUT)
  }

  #moveToHeap(output: number): void {
    this.isOnHeap = true
    this.parts.append(this.#memory.u8.subarray(this.start, output), 0)
  }

  #failure(): ProtocolError {
    return invalidCompressedData(compressionError(this.#get(INFLATE_ERROR)))
  }

  #get(offset: number): number {
    return this.#view.getUint32(this.#record + offset, true)
  }
}
