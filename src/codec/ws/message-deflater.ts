/** Messages compressed for one connection (RFC 7692 section 7.2.1). */

import {
  COMPRESS_BUFFER,
  COMPRESS_BUFFER_END,
  COMPRESS_BYTES,
  COMPRESS_FLAGS,
  COMPRESS_HASH_BITS,
  COMPRESS_HASHES,
  COMPRESS_INPUT,
  COMPRESS_OUTPUT,
  COMPRESS_TABLES,
  COMPRESS_TOKENS,
  COMPRESS_TOKENS_END,
  COMPRESS_WINDOW,
  DEFLATE_FULL,
  DEFLATED_RAW,
  FLUSH_NONE,
  FLUSH_SYNC,
} from '../../../assembly/abi.ts'
import { SIZE_MAX } from '../../option-rules.ts'
import type { DeflateExports } from '../deflate-module.ts'
import { HeapBody } from '../heap-body.ts'
import { align, type CodecMemory, type Region } from '../memory.ts'

/** Bytes behind the window: those of a message that are looked at together. */
const PIECE = 16 * 1024
/** What a block consists of, at most: 4,096 literals, or half as many matches. */
const TOKENS = 8 * 1024
/** The longest block, and the tail of the one before it. */
const OUTPUT = 10 * 1024
/** The lengths of the empty stored block at the end of a message, which are left out. */
const TAIL = 4

/** What our messages are compressed with. */
export interface DeflateSettings {
  /** How far back matches reach, as a power of two; 8 to 15. */
  readonly windowBits: number
  /** Each message is compressed without those before it. */
  readonly noContextTakeover: boolean
}

/** The parts of its memory, in order: record, history and input, hashes, tokens, output. */
function partsOf(windowBits: number): number[] {
  const window = 1 << windowBits
  return [COMPRESS_BYTES, window + PIECE, 4 << hashBitsOf(windowBits), TOKENS, OUTPUT]
}

function hashBitsOf(windowBits: number): number {
  return Math.min(13, windowBits)
}

/** Compresses the messages of one writer, one after the other. */
export class MessageDeflater {
  /** Where the compressed message lies, when all of it is in linear memory … */
  readonly made: number
  /** … and its bytes there. */
  length = 0
  /** The compressed message, when linear memory could not hold it. */
  onHeap: Uint8Array | null = null
  #heap: HeapBody | null = null
  readonly #memory: CodecMemory
  readonly #deflate: DeflateExports
  readonly #record: number
  readonly #startsAfresh: boolean

  /** @param region memory for {@link MessageDeflater.regionBytes}, made by `deflateRegion` */
  constructor(region: Region, { windowBits, noContextTakeover }: DeflateSettings) {
    const [record, buffer, hashes, tokens, made] = partsOf(windowBits).map((bytes) => region.carve(bytes)) as [number, number, number, number, number]
    const window = 1 << windowBits
    this.#memory = region.memory
    this.#deflate = region.memory.deflate
    this.#record = record
    this.#startsAfresh = noContextTakeover
    this.made = made
    for (const [offset, value] of [
      [COMPRESS_BUFFER, buffer],
      [COMPRESS_BUFFER_END, buffer + window + PIECE],
      [COMPRESS_HASHES, hashes],
      [COMPRESS_TOKENS, tokens],
      [COMPRESS_TOKENS_END, tokens + TOKENS],
      [COMPRESS_TABLES, region.memory.deflateTables],
      [COMPRESS_WINDOW, window],
      [COMPRESS_HASH_BITS, hashBitsOf(windowBits)],
      [COMPRESS_FLAGS, DEFLATED_RAW],
    ] as const) {
      this.#set(offset, value)
    }
    this.#deflate.deflateReset(record)
  }

  /** Bytes of a region for messages with windows of so many bits, at most. */
  static regionBytes(windowBits: number): number {
    return partsOf(windowBits).reduce((sum, bytes) => sum + align(bytes), 0)
  }

  /** Begins a message. */
  begin(): void {
    if (this.#startsAfresh) this.#deflate.deflateReset(this.#record)
    this.onHeap = null
    this.#heap = null
    this.#set(COMPRESS_OUTPUT, this.made)
  }

  /** Compresses the next `length` bytes of the message, at `from` in the same memory; with the last ones it is whole. */
  put(from: number, length: number, isLast: boolean): void {
    const to = from + length
    const end = this.made + OUTPUT
    for (let at = from; ; at = this.#get(COMPRESS_INPUT)) {
      const result = this.#deflate.deflate(this.#record, at, to, end, isLast ? FLUSH_SYNC : FLUSH_NONE)
      if (result !== DEFLATE_FULL) break
      this.#moveToHeap()
    }
    if (!isLast) return
    this.length = this.#get(COMPRESS_OUTPUT) - this.made - TAIL
    if (this.#heap === null) return
    this.#moveToHeap()
    this.onHeap = this.#heap.view.subarray(0, -TAIL)
    this.#heap = null
  }

  #moveToHeap(): void {
    this.#heap ??= new HeapBody(SIZE_MAX, false)
    this.#heap.append(this.#memory.u8.subarray(this.made, this.#get(COMPRESS_OUTPUT)))
    this.#set(COMPRESS_OUTPUT, this.made)
  }

  #get(offset: number): number {
    return this.#memory.view.getUint32(this.#record + offset, true)
  }

  #set(offset: number, value: number): void {
    this.#memory.view.setUint32(this.#record + offset, value, true)
  }
}
