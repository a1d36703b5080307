// @ts-check
/** A market that moves by itself: order books under a seeded random walk. The same seed gives the same market. */

import { ASK, BID, Book } from './book.js'

/** What can be traded: the price it begins at, the decimals of its tick, its share of the traffic. */
export const INSTRUMENTS = /** @type {const} */ ([
  { name: 'BTC-USD', price: 67_012.5, decimals: 2, weight: 30 },
  { name: 'ETH-USD', price: 3_461.28, decimals: 2, weight: 24 },
  { name: 'SOL-USD', price: 148.615, decimals: 3, weight: 18 },
  { name: 'XRP-USD', price: 0.5231, decimals: 4, weight: 12 },
  { name: 'ADA-USD', price: 0.4476, decimals: 4, weight: 9 },
  { name: 'DOGE-USD', price: 0.12485, decimals: 5, weight: 7 },
  { name: 'LINK-USD', price: 14.372, decimals: 3, weight: 6 },
  { name: 'AVAX-USD', price: 27.184, decimals: 3, weight: 5 },
])

/** Price levels that a side can have. */
const DEPTH = 20

/** @typedef {{ id: number, name: string, decimals: number, weight: number, middle: number, book: Book }} Listing */
/** @typedef {(listing: Listing, side: import('./book.js').Side, price: number, size: number) => void} Publish */

export class Market {
  /** @type {Listing[]} by id */
  listings

  /**
   * @param {readonly string[]} symbols
   * @param {number} seed
   */
  constructor(symbols, seed) {
    this.random = mulberry32(seed)
    this.listings = INSTRUMENTS.filter(({ name }) => symbols.includes(name)).map(({ name, price, decimals, weight }, id) => {
      return { id, name, decimals, weight, middle: Math.round(price * 10 ** decimals), book: new Book() }
    })
    this.totalWeight = this.listings.reduce((sum, { weight }) => sum + weight, 0)
    for (const { book, middle } of this.listings) {
      for (let distance = 1; distance <= DEPTH; distance++) {
        book.set(BID, middle - distance, this.lots())
        book.set(ASK, middle + distance, this.lots())
      }
    }
  }

  /** @param {string} name */
  find(name) {
    return this.listings.find((listing) => listing.name === name)
  }

  /**
   * Something happens: mostly one level changes its size, sometimes the price moves.
   *
   * @param {Publish} publish told of each change once it is in the book
   */
  step(publish) {
    const listing = this.pick()
    const luck = this.random()
    if (luck < 0.05) {
      this.move(listing, luck < 0.025 ? 1 : -1, publish)
      return
    }
    const side = this.random() < 0.5 ? BID : ASK
    // Near the middle there is more going on.
    const distance = 1 + Math.floor(this.random() ** 2 * DEPTH)
    const price = side === BID ? listing.middle - distance : listing.middle + distance
    const cancels = listing.book.sides[side].has(price) && this.random() < 0.15
    this.change(listing, side, price, cancels ? 0 : this.lots(), publish)
  }

  /**
   * The middle moves by a tick: one side loses its best level and grows at the far end, the other the reverse.
   *
   * @param {Listing} listing
   * @param {1 | -1} direction
   * @param {Publish} publish
   */
  move(listing, direction, publish) {
    const { middle } = listing
    const to = middle - DEPTH > 2 ? middle + direction : middle + 1
    const [taken, given] = to > middle ? /** @type {const} */ ([ASK, BID]) : /** @type {const} */ ([BID, ASK])
    const step = to - middle
    listing.middle = to
    this.change(listing, taken, to, 0, publish)
    this.change(listing, given, middle - step * DEPTH, 0, publish)
    this.change(listing, given, middle, this.lots(), publish)
    this.change(listing, taken, to + step * DEPTH, this.lots(), publish)
  }

  /**
   * @param {Listing} listing
   * @param {import('./book.js').Side} side
   * @param {number} price
   * @param {number} size
   * @param {Publish} publish
   */
  change(listing, side, price, size, publish) {
    listing.book.set(side, price, size)
    listing.book.seq++
    publish(listing, side, price, size)
  }

  pick() {
    let left = this.random() * this.totalWeight
    for (const listing of this.listings) {
      left -= listing.weight
      if (left < 0) return listing
    }
    return this.listings[0]
  }

  lots() {
    return 1 + Math.floor(this.random() ** 3 * 9_999)
  }
}

/**
 * A small generator with a good spread, 0 to just under 1.
 *
 * @param {number} seed
 */
function mulberry32(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
