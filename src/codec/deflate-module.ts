/** The binary for compressed data, as `CodecMemory.deflate` gives it. */

/** What it exports. Addresses and lengths are bytes of linear memory; nothing is written at or behind an `end`. */
export interface DeflateExports {
  abiVersion(): number
  deflateTables(tables: number): void
  inflateReset(record: number): void
  inflate(record: number, from: number, to: number, end: number): number
  inflateEndMessage(record: number): number
  inflateMayEnd(record: number): number
  inflateSlide(record: number, keep: number): number
  deflateReset(record: number): void
  deflate(record: number, from: number, to: number, end: number, flush: number): number
}
