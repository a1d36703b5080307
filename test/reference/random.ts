/** A seeded generator for tests: the same seed gives the same run anywhere. */

/** mulberry32: 32 bits of state, good enough to choose test cases with. */
export class Random {
  private state: number

  constructor(readonly seed: number) {
    this.state = seed | 0
  }

  /** 0 to 2^32 - 1. */
  word(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }

  /** 0 to n - 1. */
  below(n: number): number {
    return this.word() % n
  }

  /** True once in n times. */
  oneIn(n: number): boolean {
    return this.word() % n === 0
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i++) bytes[i] = this.word()
    return bytes
  }
}
