/** What inflaters and deflaters have in linear memory, for anyone's bytes and for messages alike: carved out of a region and made ready. */

import {
  COMPRESS_BUFFER,
  COMPRESS_BUFFER_END,
  COMPRESS_BYTES,
  COMPRESS_FLAGS,
  COMPRESS_HASH_BITS,
  COMPRESS_HASHES,
  COMPRESS_TABLES,
  COMPRESS_TOKENS,
  COMPRESS_TOKENS_END,
  COMPRESS_WINDOW,
  INFLATE_AREA,
  INFLATE_AREA_END,
  INFLATE_BYTES,
  INFLATE_FLAGS,
  INFLATE_TABLES,
  INFLATE_WINDOW,
} from '../../../assembly/abi.ts'
import { align, type Region } from '../memory.ts'

/** Bytes behind a deflater's window: those that are looked at together. */
const PIECE = 16 * 1024

/** Bytes of a region for an inflater: its record, and the area of history and output. */
export function inflaterBytes(window: number, room: number): number {
  return align(INFLATE_BYTES) + align(window + room)
}

/** Where the area of an inflater is that was carved. */
export function areaOf(record: number): number {
  return record + align(INFLATE_BYTES)
}

/**
 * @param window bytes of history
 * @param room bytes of output between two moves of the history
 * @param flags DEFLATED numbers
 *
 * Returns the address of the record. The area lies behind it.
 */
export function carveInflater(region: Region, window: number, room: number, flags: number): number {
  const record = region.carve(inflaterBytes(window, room))
  const area = areaOf(record)
  const { view, deflateTables, deflate } = region.memory
  placeArea(view, record, area, area + window + room)
  view.setUint32(record + INFLATE_WINDOW, window, true)
  view.setUint32(record + INFLATE_TABLES, deflateTables, true)
  view.setUint32(record + INFLATE_FLAGS, flags, true)
  deflate.inflateReset(record)
  return record
}

/** Where history and output go; before a reset. */
export function placeArea(view: DataView, record: number, area: number, areaEnd: number): void {
  view.setUint32(record + INFLATE_AREA, area, true)
  view.setUint32(record + INFLATE_AREA_END, areaEnd, true)
}

function hashBitsOf(windowBits: number): number {
  return Math.min(13, windowBits)
}

/** The parts of a deflater, in order: record, history and input, hashes, tokens. */
function partsOf(windowBits: number, tokens: number): [record: number, buffer: number, hashes: number, tokens: number] {
  return [COMPRESS_BYTES, (1 << windowBits) + PIECE, 2 << hashBitsOf(windowBits), tokens]
}

/** Bytes of a region for a deflater, without its output. */
export function deflaterBytes(windowBits: number, tokens: number): number {
  return partsOf(windowBits, tokens).reduce((sum, bytes) => sum + align(bytes), 0)
}

/** @param tokens bytes for what a block consists of: a literal takes 2, a match 4. Returns the address of the record. */
export function carveDeflater(region: Region, windowBits: number, tokens: number, flags: number): number {
  const parts = partsOf(windowBits, tokens)
  const [record, buffer, hashes, first] = parts.map((bytes) => region.carve(bytes)) as [number, number, number, number]
  const { view, deflateTables, deflate } = region.memory
  view.setUint32(record + COMPRESS_BUFFER, buffer, true)
  view.setUint32(record + COMPRESS_BUFFER_END, buffer + parts[1], true)
  view.setUint32(record + COMPRESS_HASHES, hashes, true)
  view.setUint32(record + COMPRESS_TOKENS, first, true)
  view.setUint32(record + COMPRESS_TOKENS_END, first + tokens, true)
  view.setUint32(record + COMPRESS_TABLES, deflateTables, true)
  view.setUint32(record + COMPRESS_WINDOW, 1 << windowBits, true)
  view.setUint32(record + COMPRESS_HASH_BITS, hashBitsOf(windowBits), true)
  view.setUint32(record + COMPRESS_FLAGS, flags, true)
  deflate.deflateReset(record)
  return record
}
