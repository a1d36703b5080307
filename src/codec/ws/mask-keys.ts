/** Masking keys (RFC 6455 section 5.3: unpredictable), drawn from the source in blocks. */

import { checkInteger, type Rule, refused, rule } from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'

/** Fills `bytes` with random bytes. The default is the platform's CSPRNG; another source makes a run reproducible. */
export type RandomSource = (bytes: Uint8Array<ArrayBuffer>) => void

/** The platform's CSPRNG. */
export const cryptoRandom: RandomSource = (bytes) => {
  crypto.getRandomValues(bytes)
}

/** Keys of the first block, 256 bytes. Each block has twice as many as the one before: few are drawn for who sends little. */
const FIRST_KEYS = 64
/** Keys of the largest block. A draw costs the CSPRNG of Node some 4 µs and 1 ns a key: in blocks of 1,024 a key cost 5 ns. */
const MOST_KEYS = 4_096

/** Bytes of a handshake's nonce. */
const NONCE_BYTES = 16

/** Throws `InvalidOption`. */
export function checkRandom(random: unknown): void {
  if (typeof random !== 'function') throw refused('random', 'a function like (bytes) => crypto.getRandomValues(bytes)', random)
}

/** A stream of 32-bit masking keys. */
export class MaskKeys {
  static {
    showsItself(this.prototype, () => ({}))
  }

  private keys = new Int32Array(0)
  private used = 0

  /** Throws `InvalidOption` for what is no function. */
  constructor(private readonly random: RandomSource = cryptoRandom) {
    checkRandom(random)
  }

  /** The next key, as its four bytes lie in memory. */
  next(): number {
    if (this.used === this.keys.length) this.draw()
    const key = this.keys[this.used] as number
    // A used key should not stay in memory.
    this.keys[this.used++] = 0
    return key
  }

  private draw(): void {
    const { length } = this.keys
    const keys = length === MOST_KEYS ? this.keys : new Int32Array(length === 0 ? FIRST_KEYS : length * 2)
    this.random(new Uint8Array(keys.buffer))
    this.keys = keys
    this.used = 0
  }

  /** `count` random bytes, 0 to 65,536, for the handshake's nonce. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    checkInteger('count', count, 0, 65_536, 'bytes')
    if (count !== NONCE_BYTES) {
      const bytes = new Uint8Array(count)
      this.random(bytes)
      return bytes
    }
    // Out of the block: a draw of their own would cost more than all else that is done for an opening request.
    return new Uint8Array(Int32Array.from({ length: NONCE_BYTES >> 2 }, () => this.next()).buffer)
  }
}

/** The rule of an option that is a source of keys. */
export const maskKeySource: Rule<MaskKeys> = rule(
  'a MaskKeys',
  (value) => typeof value === 'object' && value !== null && typeof (value as { next?: unknown }).next === 'function',
)
