/** Single steps of the codec, for those who need one without the rest: masking, and the keys of the opening handshake. */

import { HANDSHAKE_ACCEPT_BYTES, HANDSHAKE_KEY_BYTES, HANDSHAKE_NONCE_BYTES, SHA1_SCRATCH_BYTES } from '../../../assembly/abi.ts'
import { UsageError } from '../../errors.ts'
import { nameValue } from '../../naming.ts'
import { checkInteger } from '../../option-rules.ts'
import { type BytesInit, bytesOf, copyInto, textOf, within } from '../inputs.ts'
import type { Codec, Region } from '../memory.ts'
import { checkRandom, cryptoRandom, type RandomSource } from './mask-keys.ts'

/** Bytes that pass through linear memory at a time; a multiple of four, so that each piece begins at the first byte of the key. */
const PIECE = 64 * 1024

/** The steps, over a region of their own that is made when the first is used. */
export class CodecTools {
  private region: Region | null = null

  constructor(private readonly codec: Codec) {}

  /** Masks `bytes` in place: the byte at `offset + i` of a payload is XORed with byte (offset + i) mod 4 of `key`. */
  applyMask(bytes: BytesInit, key: BytesInit, offset = 0): void {
    const payload = bytesOf('bytes', bytes)
    const four = bytesOf('key', key)
    if (four.length !== 4) throw new UsageError('InvalidOption', `a masking key has 4 bytes, not ${four.length}`)
    checkInteger('offset', offset, 0, Number.MAX_SAFE_INTEGER, 'bytes')
    const { memory, start } = this.memory()
    const buffer = memory.u8.subarray(start, start + PIECE)
    const word = memory.exports.rotateKey(new DataView(four.buffer, four.byteOffset).getInt32(0, true), offset % 4)
    for (let i = 0; i < payload.length; i += PIECE) {
      const piece = payload.subarray(i, i + PIECE)
      copyInto(buffer, 0, piece, piece.length)
      memory.exports.maskCopy(start, start, within(piece.length, PIECE), word)
      piece.set(buffer.subarray(0, piece.length))
    }
  }

  /** A fresh `Sec-WebSocket-Key`: 16 random bytes as 24 base64 characters. */
  generateKey(random: RandomSource = cryptoRandom): string {
    checkRandom(random)
    const nonce = new Uint8Array(HANDSHAKE_NONCE_BYTES)
    random(nonce)
    const { memory, start } = this.memory()
    memory.u8.set(nonce, start)
    memory.exports.handshakeKey(start + 64, start)
    return text(memory.u8, start + 64, HANDSHAKE_KEY_BYTES)
  }

  /** The `Sec-WebSocket-Accept` that answers a key. */
  acceptKey(key: string): string {
    textOf('key', key)
    if (!/^[A-Za-z0-9+/]{22}==$/.test(key))
      throw new UsageError('InvalidOption', `a Sec-WebSocket-Key is 16 bytes in base64, but this is ${nameValue(key)}`)
    const { memory, start } = this.memory()
    memory.u8.set(new TextEncoder().encode(key), start)
    memory.exports.handshakeAccept(start + 64, start, HANDSHAKE_KEY_BYTES, start + 128)
    return text(memory.u8, start + 64, HANDSHAKE_ACCEPT_BYTES)
  }

  private memory(): Region {
    this.region ??= this.codec.region(PIECE + SHA1_SCRATCH_BYTES)
    return this.region
  }
}

function text(bytes: Uint8Array, start: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(start, start + length))
}
