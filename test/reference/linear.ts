/** The codec's exports over a memory of their own, for tests that call them directly. */

import { CODEC_TEXT } from '../../src/codec/binary.ts'
import { type CodecExports, compileCodec, instantiate } from '../../src/codec/module.ts'

export interface Linear {
  readonly codec: CodecExports
  readonly u8: Uint8Array<ArrayBuffer>
  readonly view: DataView<ArrayBuffer>
  /** Puts bytes (or Latin-1 text) at an address and returns their number. */
  put(address: number, bytes: ArrayLike<number> | string): number
  /** Bytes `[address, address + length)`, copied. */
  get(address: number, length: number): Uint8Array<ArrayBuffer>
  /** The same as text, one character a byte. */
  text(address: number, length: number): string
}

/** First address that is not the codec's own. */
export const FREE = 4_096

export function linear(pages = 4): Linear {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
  const codec = instantiate<CodecExports>(compileCodec(CODEC_TEXT), memory)
  const buffer = memory.buffer as ArrayBuffer
  const u8 = new Uint8Array(buffer)
  return {
    codec,
    u8,
    view: new DataView(buffer),
    put(address, bytes) {
      u8.set(typeof bytes === 'string' ? latin1Bytes(bytes) : bytes, address)
      return bytes.length
    },
    get: (address, length) => u8.slice(address, address + length),
    text: (address, length) => latin1Text(u8.subarray(address, address + length)),
  }
}

export function latin1Bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

export function latin1Text(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
}
