// @ts-check
/** What a client knows of one symbol: its book, and whether it can be relied on. */

import { Book } from './book.js'

/** @typedef {'waiting' | 'live' | 'gap' | 'down' | 'verified' | 'differs'} FeedState */

export class Feed {
  book = new Book()
  decimals = 0
  /** Deltas that have come. */
  messages = 0
  /** Deltas in the last full second. */
  rate = 0
  lastMessages = 0
  /** When the gap that is not repaired yet was found, else 0. */
  gapSince = 0
  /** @type {FeedState} */
  state = 'waiting'

  /** @param {string} symbol */
  constructor(symbol) {
    this.symbol = symbol
  }

  /** @param {import('./protocol.js').Snapshot} snapshot */
  load({ decimals, seq, bids, asks }) {
    this.decimals = decimals
    this.book.load(seq, bids, asks)
    this.state = 'live'
  }

  /**
   * Is our book what the exchange says that it is? Both stand after the same delta, for everything came in order.
   *
   * @param {import('./protocol.js').Unsubscribed} last
   */
  verify({ seq, checksum }) {
    const equal = this.state === 'live' && this.book.seq === seq && this.book.checksum() === checksum
    this.state = equal ? 'verified' : 'differs'
  }

  /** A second is over. */
  roll() {
    this.rate = this.messages - this.lastMessages
    this.lastMessages = this.messages
  }
}
