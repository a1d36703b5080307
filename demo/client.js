// @ts-check
/**
 * A market-data client that stays right: it keeps order books from snapshots and deltas, sees when a delta is missing and asks for a new
 * snapshot, and comes back when the connection is lost.
 */

import { NexusError, WsStream } from 'nexus-async-net'
import { now } from './clock.js'
import { Feed } from './feed.js'
import { DELTA_BYTES, DELTA_PRICE, DELTA_SEQ, DELTA_SIDE, DELTA_SIZE, DELTA_SYMBOL, DELTA_TIME } from './protocol.js'
import { Stats } from './stats.js'

/** @typedef {import('nexus-async-net').Message} Message */
/** @typedef {import('nexus-async-net').SessionDown} SessionDown */

/**
 * What is worth telling as it happens.
 *
 * @typedef {{ kind: 'up', session: number }
 *   | { kind: 'down', why: string }
 *   | { kind: 'back', session: number, ms: number }
 *   | { kind: 'gap', symbol: string, expected: number, got: number }
 *   | { kind: 'repaired', symbol: string, ms: number }
 *   | { kind: 'refused', message: string }} ClientEvent
 */

export class MarketClient {
  stats = new Stats()
  /** @type {Map<string, Feed>} by symbol */
  feeds
  /** @type {Feed[]} by the exchange's id: the hot path looks nothing up by name */
  feedsById = []
  gaps = 0
  /** @type {number[]} ms from finding a gap to a book without it */
  repairs = []
  /** @type {number[]} ms from losing the connection to having a new one */
  reconnects = []
  /** @type {number[]} … and to the last book being whole again */
  recoveries = []
  downSince = 0
  finishing = false
  /** @type {WsStream | null} */
  ws = null

  /**
   * @param {string} url
   * @param {readonly string[]} symbols
   * @param {(event: ClientEvent) => void} tell
   * @param {boolean} [deflate] offer compression
   */
  constructor(url, symbols, tell, deflate = false) {
    this.url = url
    this.deflate = deflate
    this.tell = tell
    this.feeds = new Map(symbols.map((symbol) => [symbol, new Feed(symbol)]))
  }

  /**
   * Runs until {@link finish} has been answered; false when the signal came first.
   *
   * @param {AbortSignal} signal
   */
  async run(signal) {
    const sessions = WsStream.sessions(this.url, {
      signal,
      // An exchange that restarts is back soon. The pause doubles with each attempt and is jittered, so a thousand clients do not come at once.
      backoff: { initial: 50, max: 5_000 },
      stableAfter: 500,
      // A peer that is silent is found out, too.
      heartbeat: { interval: 5_000 },
      perMessageDeflate: this.deflate,
      onOpen: (ws, { session }) => this.onOpen(ws, session),
      onDown: (down) => this.onDown(down),
    })
    for await (const ws of sessions) {
      while (await ws.readable()) {
        // All that has arrived, one after the other: borrowed, nothing allocated, nothing awaited.
        for (let message; (message = ws.next()) !== null; ) {
          this.stats.count(message)
          if (message.kind === 'binary') this.onDelta(message)
          else if (message.kind === 'text') this.onReply(/** @type {import('./protocol.js').Reply} */ (message.json()))
        }
        if (this.isFinished) return true
      }
    }
    return false
  }

  /** Unsubscribes from everything. The exchange answers with what its books were, and that is the end. */
  finish() {
    this.finishing = true
    this.send({ op: 'unsubscribe', symbols: [...this.feeds.keys()] })
  }

  get isFinished() {
    return this.every((feed) => feed.state === 'verified' || feed.state === 'differs')
  }

  /**
   * A connection begins: say again what we want. Nothing of the last one counts any more.
   *
   * @param {WsStream} ws
   * @param {number} session
   */
  onOpen(ws, session) {
    this.ws = ws
    this.feedsById = []
    this.send({ op: 'subscribe', symbols: [...this.feeds.keys()] })
    if (session > 1) this.reconnects.push(now() - this.downSince)
    this.tell({ kind: 'up', session })
    if (this.finishing) this.finish()
  }

  /** @param {SessionDown} down */
  onDown({ close, error }) {
    for (const feed of this.feeds.values()) feed.state = 'down'
    // An attempt that failed belongs to the same outage.
    if (close === null) return
    this.downSince = now()
    this.tell({ kind: 'down', why: why(close, error) })
  }

  /**
   * The hot path: reads the delta where it lies. See protocol.js for the layout.
   *
   * @param {Message} message
   */
  onDelta(message) {
    if (message.length !== DELTA_BYTES) throw new Error(`a delta of ${message.length} bytes`)
    this.stats.delay(now() - message.getFloat64(DELTA_TIME, true))
    const feed = this.feedsById[message.getUint16(DELTA_SYMBOL, true)]
    if (feed === undefined) return
    feed.messages++
    // Until the snapshot that repairs it, a broken book is not made worse.
    if (feed.state !== 'live') return
    const { book } = feed
    const seq = message.getUint32(DELTA_SEQ, true)
    if (seq !== book.seq + 1) {
      this.onGap(feed, seq)
      return
    }
    book.seq = seq
    book.set(message.getUint8(DELTA_SIDE) === 0 ? 0 : 1, message.getUint32(DELTA_PRICE, true), message.getUint32(DELTA_SIZE, true))
  }

  /**
   * @param {Feed} feed
   * @param {number} seq
   */
  onGap(feed, seq) {
    this.gaps++
    feed.state = 'gap'
    feed.gapSince = now()
    this.send({ op: 'snapshot', symbol: feed.symbol })
    this.tell({ kind: 'gap', symbol: feed.symbol, expected: feed.book.seq + 1, got: seq })
  }

  /** @param {import('./protocol.js').Reply} reply */
  onReply(reply) {
    if (reply.type === 'error') {
      this.tell({ kind: 'refused', message: reply.message })
      return
    }
    const feed = this.feeds.get(reply.symbol)
    if (feed === undefined) return
    if (reply.type === 'unsubscribed') {
      feed.verify(reply)
      return
    }
    const before = feed.state
    feed.load(reply)
    this.feedsById[reply.id] = feed
    if (feed.gapSince !== 0) {
      const ms = now() - feed.gapSince
      feed.gapSince = 0
      this.repairs.push(ms)
      this.tell({ kind: 'repaired', symbol: feed.symbol, ms })
    }
    if (before === 'down' && this.every(({ state }) => state === 'live')) {
      const ms = now() - this.downSince
      this.recoveries.push(ms)
      this.tell({ kind: 'back', session: this.reconnects.length + 1, ms })
    }
  }

  /** @param {import('./protocol.js').Command} command */
  send(command) {
    // What arrived before the connection was lost is still received; there is nobody to answer then.
    if (this.ws?.readyState !== 'open') return
    // A few bytes, and the reply shows that they arrived: there is nothing to await.
    this.ws.sendText(JSON.stringify(command))
  }

  /** @param {(feed: Feed) => boolean} test */
  every(test) {
    for (const feed of this.feeds.values()) if (!test(feed)) return false
    return true
  }

  /** A second is over. */
  roll() {
    this.stats.roll()
    for (const feed of this.feeds.values()) feed.roll()
  }
}

/**
 * In a few words.
 *
 * @param {import('nexus-async-net').CloseInfo} close
 * @param {unknown} error
 */
function why({ code, reason }, error) {
  if (error instanceof NexusError) return `the connection failed (${error.code})`
  if (error !== null) return String(error)
  return `closed with ${code} ${reason}`
}
