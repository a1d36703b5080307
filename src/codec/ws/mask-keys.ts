/** Masking keys (RFC 6455 section 5.3: unpredictable), drawn from the source in blocks. */

import { checkInteger, type Rule, refused, rule } from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'

/** Fills `bytes` with random bytes. The default is the platform's CSPRNG; another source makes a run reproducible. */
export type RandomSource = (bytes: Uint8Array<ArrayBuffer>) => void

/** The platform's CSPRNG. */
export const cryptoRandom: RandomSource = (bytes) => {
  crypto.getRandomValues(bytes)
}

const KEYS_PER_BLOCK = 1_024

/** Throws `InvalidOption`. */
export function checkRandom(random: unknown): void {
  if (typeof random !== 'function') throw refused('random', 'a function like (bytes) => crypto.getRandomValues(bytes)', random)
}

/** A stream of 32-bit masking keys. */
export class MaskKeys {
  static {
    showsItself(this.prototype, () => ({}))
  }

  private readonly keys = new Int32Array(KEYS_PER_BLOCK)
  private used = KEYS_PER_BLOCK

  /** Throws `InvalidOption` for what is no function. */
  constructor(private readonly random: RandomSource = cryptoRandom) {
    checkRandom(random)
  }

  /** The next key, as its four bytes lie in memory. */
  next(): number {
    if (this.used === KEYS_PER_BLOCK) {
      this.random(new Uint8Array(this.keys.buffer))
      this.used = 0
    }
    const key = this.keys[this.used] as number
    // A used key should not stay in memory.
    this.keys[this.used++] = 0
    return key
  }

  /** `count` random bytes, 0 to 65,536, for the handshake's nonce. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    checkInteger('count', count, 0, 65_536, 'bytes')
    const bytes = new Uint8Array(count)
    this.random(bytes)
    return bytes
  }
}

/** The rule of an option that is a source of keys. */
export const maskKeySource: Rule<MaskKeys> = rule(
  'a MaskKeys',
  (value) => typeof value === 'object' && value !== null && typeof (value as { next?: unknown }).next === 'function',
)
