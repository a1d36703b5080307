// @ts-check
/**
 * What the exchange and its clients say to each other.
 *
 * Rare things are JSON text:
 *
 *     → { op: 'subscribe', symbols: ['BTC-USD'] }       ← a snapshot of each, then its deltas
 *     → { op: 'snapshot', symbol: 'BTC-USD' }           ← a snapshot, in its place between the deltas
 *     → { op: 'unsubscribe', symbols: ['BTC-USD'] }     ← { type: 'unsubscribed', symbol, seq, checksum } of each: the book as it was left
 *
 * A delta is 24 bytes, little-endian, so that a client can read it where it lies, without making an object of it:
 *
 *     0  u16 symbol id, as in the snapshot    8  u32 price in ticks
 *     2  u8  side: 0 bid, 1 ask              12  u32 size in lots, 0 when the level is gone
 *     4  u32 sequence number                 16  f64 when it was sent, ms since 1970
 *
 * Each symbol counts its deltas: the one after `seq` is `seq + 1`, or something was lost.
 *
 * Orders go over HTTP, to a port of their own. The client gives each one an id that it never uses again:
 *
 *     POST /orders  { clientOrderId, symbol, side, price, size }    ← 200 { clientOrderId, sequence }    booked
 *                                                                   ← 422 { clientOrderId, error }       refused
 *                                                                   ← 429 { clientOrderId, error }       too many this second
 *     GET /orders/:clientOrderId                                    ← 200 as above, or 404               what has become of it?
 *
 * Answers to POST say how many more may come this second: `X-RateLimit-Limit`, `-Remaining`, and `-Reset`, the ms until it is over.
 */

/** @typedef {import('./book.js').Level} Level */
/** @typedef {{ op: 'subscribe' | 'unsubscribe', symbols: string[] } | { op: 'snapshot', symbol: string }} Command */
/** @typedef {{ type: 'snapshot', symbol: string, id: number, decimals: number, seq: number, bids: Level[], asks: Level[] }} Snapshot */
/** @typedef {{ type: 'unsubscribed', symbol: string, seq: number, checksum: number }} Unsubscribed */
/** @typedef {{ type: 'error', message: string }} Refusal */
/** @typedef {Snapshot | Unsubscribed | Refusal} Reply */
/** @typedef {{ clientOrderId: string, symbol: string, side: 'buy' | 'sell', price: number, size: number }} Order */
/** @typedef {{ clientOrderId: string, sequence: number } | { clientOrderId: string, error: string }} OrderReply */

export const DELTA_BYTES = 24
export const DELTA_SYMBOL = 0
export const DELTA_SIDE = 2
export const DELTA_SEQ = 4
export const DELTA_PRICE = 8
export const DELTA_SIZE = 12
export const DELTA_TIME = 16

/** Writes deltas, all into the same bytes: `sendBinary` copies what it is given before it returns. */
export class DeltaEncoder {
  bytes = new Uint8Array(DELTA_BYTES)
  view = new DataView(this.bytes.buffer)

  /**
   * @param {number} symbol
   * @param {import('./book.js').Side} side
   * @param {number} seq
   * @param {number} price
   * @param {number} size
   * @param {number} time
   */
  encode(symbol, side, seq, price, size, time) {
    this.view.setUint16(DELTA_SYMBOL, symbol, true)
    this.view.setUint8(DELTA_SIDE, side)
    this.view.setUint32(DELTA_SEQ, seq, true)
    this.view.setUint32(DELTA_PRICE, price, true)
    this.view.setUint32(DELTA_SIZE, size, true)
    this.view.setFloat64(DELTA_TIME, time, true)
    return this.bytes
  }
}
