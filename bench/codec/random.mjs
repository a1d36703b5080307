// @ts-check
// The seed of the workloads: the same numbers everywhere.

/** A generator of 32-bit numbers (mulberry32). */
export class Random {
  /** @param {string} seed any text */
  constructor(seed) {
    let state = 0x9e3779b9
    for (let i = 0; i < seed.length; i++) state = Math.imul(state ^ seed.charCodeAt(i), 0x85ebca6b) ^ (state >>> 13)
    this.state = state | 0
  }

  /** 0 to 2^32 - 1. */
  next() {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }

  /** 0 to `limit` - 1. @param {number} limit */
  below(limit) {
    return Math.floor((this.next() / 4_294_967_296) * limit)
  }

  /** @template T @param {readonly T[]} list @returns {T} */
  of(list) {
    return list[this.below(list.length)]
  }

  /** @param {number} length */
  bytes(length) {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i++) bytes[i] = this.next()
    return bytes
  }
}
