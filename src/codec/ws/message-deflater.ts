/** Messages compressed for one connection (RFC 7692 section 7.2.1). */

import { COMPRESS_INPUT, COMPRESS_OUTPUT, DEFLATE_FULL, DEFLATED_RAW, FLUSH_NONE, FLUSH_SYNC } from '../../../assembly/abi.ts'
import { SIZE_MAX } from '../../option-rules.ts'
import { carveDeflater, deflaterBytes } from '../deflate/records.ts'
import type { DeflateExports } from '../deflate-module.ts'
import { HeapBody } from '../heap-body.ts'
import { align, type CodecMemory, type Region } from '../memory.ts'
import type { DeflateContext } from './permessage-deflate.ts'

/** What a block consists of, at most: 4,096 literals, or half as many matches. */
const TOKENS = 8 * 1024
/** The longest block, and the tail of the one before it. */
const OUTPUT = 10 * 1024
/** The lengths of the empty stored block at the end of a message, which are left out. */
const TAIL = 4

/** Compresses the messages of one writer, one after the other. */
export class MessageDeflater {
  /** Where the compressed message lies, when all of it is in linear memory … */
  readonly made: number
  /** … and its bytes there. */
  length = 0
  /** The compressed message, when linear memory could not hold it. */
  onHeap: Uint8Array | null = null
  /** A message was compressed and has not become a frame: the next one must not refer to it. */
  isPending = false
  #heap: HeapBody | null = null
  readonly #memory: CodecMemory
  readonly #deflate: DeflateExports
  readonly #record: number
  readonly #startsAfresh: boolean

  /** @param region memory for {@link MessageDeflater.regionBytes}, made by `deflateRegion` */
  constructor(region: Region, { windowBits, noContextTakeover }: DeflateContext) {
    this.#memory = region.memory
    this.#deflate = region.memory.deflate
    this.#record = carveDeflater(region, windowBits, TOKENS, DEFLATED_RAW)
    this.#startsAfresh = noContextTakeover
    this.made = region.carve(OUTPUT)
  }

  /** Bytes of a region for messages with windows of so many bits, at most. */
  static regionBytes(windowBits: number): number {
    return deflaterBytes(windowBits, TOKENS) + align(OUTPUT)
  }

  /** Begins a message. */
  begin(): void {
    if (this.#startsAfresh || this.isPending) this.#deflate.deflateReset(this.#record)
    this.isPending = true
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
