// @ts-check
/**
 * An order book: price levels of two sides, and the number of the last change.
 *
 * Prices are whole ticks and sizes whole lots: sums and checksums of integers are exact everywhere.
 */

export const BID = 0
export const ASK = 1

/** @typedef {0 | 1} Side */
/** @typedef {[price: number, size: number]} Level */

export class Book {
  /** Sequence number of the last change. */
  seq = 0

  /** @type {readonly [Map<number, number>, Map<number, number>]} size by price, of bids and asks */
  sides = [new Map(), new Map()]

  /**
   * @param {Side} side
   * @param {number} price
   * @param {number} size 0: the level is gone
   */
  set(side, price, size) {
    if (size === 0) this.sides[side].delete(price)
    else this.sides[side].set(price, size)
  }

  /**
   * Replaces everything.
   *
   * @param {number} seq
   * @param {Level[]} bids
   * @param {Level[]} asks
   */
  load(seq, bids, asks) {
    this.seq = seq
    this.sides = [new Map(bids), new Map(asks)]
  }

  /**
   * The highest bid or the lowest ask; 0 when the side is empty. A few dozen levels, asked for a few times a second: a scan is enough.
   *
   * @param {Side} side
   */
  best(side) {
    let best = 0
    for (const price of this.sides[side].keys()) {
      if (best === 0 || (side === BID ? price > best : price < best)) best = price
    }
    return best
  }

  /**
   * The levels of a side, lowest price first.
   *
   * @param {Side} side
   * @returns {Level[]}
   */
  levels(side) {
    return [...this.sides[side]].sort(([a], [b]) => a - b)
  }

  /** FNV-1a over every price and size: equal books have equal checksums, whatever order their changes came in. */
  checksum() {
    let hash = 0x811c9dc5
    for (const value of [...this.levels(BID), ...this.levels(ASK)].flat()) hash = Math.imul(hash ^ value, 0x01000193)
    return hash >>> 0
  }
}
