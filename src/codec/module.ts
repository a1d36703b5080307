/** The compiled codec: one module for a thread, one instance for each linear memory. */

import { ABI_VERSION } from '../../assembly/abi.ts'
import { UsageError } from '../errors.ts'

/** The exports of the binary. Addresses and lengths are bytes of linear memory; nothing is written at or after an `end`. */
export interface CodecExports {
  abiVersion(): number
  maskCopy(target: number, source: number, length: number, key: number): void
  rotateKey(key: number, offset: number): number
  isAsciiRun(pointer: number, length: number): number
  utf8Validate(state: number, pointer: number, length: number): number
  headScan(head: number, length: number, scanned: number): number
  parseRequestHead(record: number, head: number, length: number): number
  parseResponseHead(record: number, head: number, length: number): number
  putRequestLine(at: number, end: number, method: number, methodLength: number, target: number, targetLength: number): number
  putStatusLine(at: number, end: number, status: number, reason: number, reasonLength: number): number
  putField(at: number, end: number, name: number, nameLength: number, value: number, valueLength: number): number
  putEndOfHead(at: number, end: number): number
  putContentLength(at: number, end: number, length: number): number
  sealRequestLine(line: number, methodLength: number, at: number, end: number, prefix: number, prefixLength: number): number
  sealField(line: number, nameLength: number, at: number, end: number): number
  requestParse(record: number): number
  requestCompact(record: number): void
  incomingCommit(record: number, address: number, length: number): number
  incomingParse(record: number): number
  chunkedReset(record: number): void
  chunkedDecode(record: number, from: number, to: number, target: number, targetEnd: number): number
  putUpgradeRequestFields(at: number, end: number, key: number): number
  putUpgradeResponse(at: number, end: number, key: number, scratch: number): number
  handshakeKey(target: number, nonce: number): number
  handshakeAccept(target: number, key: number, keyLength: number, scratch: number): number
  readerReset(record: number): void
  readerCommit(record: number, address: number, length: number): number
  readerCompact(record: number): void
  readerParse(record: number): number
  readerColumns(entry: number, count: number, base: number, offsets: number, lengths: number, kinds: number): number
  writeFrame(at: number, end: number, source: number, length: number, first: number, masked: number, key: number): number
  writeHeader(at: number, end: number, first: number, length: number, masked: number, key: number): number
}

/** Compiles the codec from text, as it is embedded in the JavaScript of every entry but workerd's. Synchronous. */
export function compileCodec(text: string): WebAssembly.Module {
  return new WebAssembly.Module(codecBytes(text))
}

/** A binary that ends as another one does: the codec over shared memory imports its memory in another way, and is the same code. */
export interface DerivedBinary {
  /** The part before that, as text. */
  readonly head: string
  /** Bytes that it has in common with the end of the other one. */
  readonly tail: number
}

/** Puts a derived binary together. */
export function derivedBinary({ head, tail }: DerivedBinary, text: string): Uint8Array<ArrayBuffer> {
  const start = codecBytes(head)
  const bytes = new Uint8Array(start.length + tail)
  bytes.set(start)
  bytes.set(codecBytes(text).subarray(-tail), start.length)
  return bytes
}

/** The bytes of a binary in text form: a character for each, 32 above it, so that none is a control character of ASCII. */
export function codecBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i) - 32
  return bytes
}

/** Instantiates a binary over `memory`. Throws `CodecMismatch` when it does not belong to these sources. */
export function instantiate<Exports extends { abiVersion(): number }>(module: WebAssembly.Module, memory: WebAssembly.Memory): Exports {
  const exports = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Exports
  const version = exports.abiVersion()
  if (version !== ABI_VERSION) {
    throw new UsageError('CodecMismatch', `the codec binary speaks ABI ${version}, these sources speak ${ABI_VERSION}: rebuild it`)
  }
  return exports
}
