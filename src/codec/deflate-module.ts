/** The binary for compressed data: compiled when it is first needed, instantiated over a memory of the codec's. */

import { ABI_VERSION } from '../../assembly/abi.ts'
import { UsageError } from '../errors.ts'

/** What the binary exports. Addresses and lengths are bytes of linear memory; nothing is written at or behind an `end`. */
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

/** Instantiates it over `memory`. Throws `CodecMismatch` when the binary is not the one these sources belong to. */
export function instantiateDeflate(module: WebAssembly.Module, memory: WebAssembly.Memory): DeflateExports {
  const exports = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as DeflateExports
  const version = exports.abiVersion()
  if (version !== ABI_VERSION) {
    throw new UsageError('CodecMismatch', `the binary for compressed data speaks ABI ${version}, these sources speak ${ABI_VERSION}: rebuild it`)
  }
  return exports
}
