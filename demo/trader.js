// @ts-check
/**
 * A client that trades: it sends orders at the best prices of the books, over a pool of connections, and knows of each order what has become of it.
 *
 * The pool never sends a request twice. When a connection is lost, its error says how far the order got: if nothing of it was sent, it does not
 * exist; else only the exchange knows, and is asked.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { ClientPool, RestError } from 'nexus-async-net'
import { ASK, BID } from './book.js'
import { now } from './clock.js'
import { histogram, record } from './stats.js'

/** @typedef {import('./feed.js').Feed} Feed */
/** @typedef {import('./protocol.js').OrderReply} OrderReply */

/**
 * `failed`: the pool said that nothing was sent. `unknown`: something was, but no answer came. Of these, the exchange later says that it `found`
 * the order or that it is `absent`.
 *
 * @typedef {'sent' | 'acknowledged' | 'limited' | 'refused' | 'failed' | 'unknown' | 'found' | 'absent'} OrderState
 * @typedef {{ id: string, state: OrderState, sequence: number, requestSent: import('nexus-async-net').RequestSent }} OrderRecord
 */

/**
 * What is worth telling as it happens.
 *
 * @typedef {{ kind: 'orders lost', why: string }
 *   | { kind: 'orders back', ms: number }
 *   | { kind: 'killed', strategy: number, underWay: number }
 *   | { kind: 'asked', order: OrderRecord, why: string }} TraderEvent
 */

const CONNECTIONS = 4
/** Milliseconds that an order may wait for a connection. Later its price is one of the past: it is not sent any more. */
const STALE = 100
/** Milliseconds for an answer. */
const PATIENCE = 5_000
/** Milliseconds before the exchange is asked about an order: what is still on its way has to have arrived. */
const PAUSE = 100
/** One order in so many is larger than the exchange allows, to see it refused. */
const TOO_LARGE = 50
/** Orders come in bursts: more than there are connections, so that some have to wait for one. */
const BURST = 2 * CONNECTIONS
/** Bursts that fell due longer ago, in ms, are not made up for. */
const CATCH_UP = 50

export class Trader {
  /** @type {Map<string, OrderRecord>} by id */
  orders = new Map()
  /** Orders that are in a state now. @type {Record<OrderState, number>} */
  counts = { sent: 0, acknowledged: 0, limited: 0, refused: 0, failed: 0, unknown: 0, found: 0, absent: 0 }
  /** Answers that were not to what was asked. */
  swapped = 0
  /** Round trips of orders, in µs. */
  roundTrip = histogram()
  window = histogram()
  /** Of the last full second. */
  last = { orders: 0, p50: 0, p99: 0 }
  /** Connections that stand. */
  connected = 0
  lost = 0
  /** ms without a connection, of each that was lost and came back. @type {number[]} */
  reconnects = []
  /** When there was no connection left, else 0. */
  downSince = 0
  /** How often the limit of the exchange was heeded. */
  pauses = 0
  pausedUntil = 0
  /** @type {Set<Promise<void>>} */
  underWay = new Set()
  finishing = false
  /** @type {ClientPool | null} */
  pool = null

  /**
   * @param {string} url
   * @param {ReadonlyMap<string, Feed>} feeds books to trade by
   * @param {number} rate orders a second
   * @param {(event: TraderEvent) => void} tell
   */
  constructor(url, feeds, rate, tell) {
    this.url = url
    this.feeds = [...feeds.values()]
    this.rate = rate
    this.tell = tell
  }

  /**
   * Trades until {@link finish}, and then until it is known what has become of every order.
   *
   * @param {AbortSignal} signal gives up
   */
  async run(signal) {
    this.pool = await this.connect({
      connections: CONNECTIONS,
      timeout: PATIENCE,
      // The first attempt to reconnect is made at once. What is gone for longer is asked for five times a second.
      backoff: { initial: 20, max: 200 },
      observer: this,
      signal,
    })
    let next = now()
    while (!this.finishing && !signal.aborted) {
      const time = now()
      next = Math.max(next, time - CATCH_UP, this.pausedUntil)
      while (next <= time && this.burst(this.pool)) next += (1_000 * BURST) / this.rate
      await sleep(1)
    }
    const givenUp = aborted(signal)
    while (this.underWay.size > 0 && !signal.aborted) await Promise.race([Promise.all(this.underWay), givenUp])
    await this.leave(this.pool)
  }

  /**
   * @param {import('nexus-async-net').ClientPoolOptions} options
   * @returns {Promise<ClientPool>}
   */
  connect(options) {
    return ClientPool.connect(this.url, options)
  }

  /** @param {ClientPool} pool */
  leave(pool) {
    return pool.close({ timeout: 1_000 })
  }

  /** No more orders; {@link run} ends when the last one is accounted for. */
  finish() {
    this.finishing = true
  }

  /**
   * Several orders at once; false when no book can be relied on.
   *
   * @param {ClientPool} pool
   */
  burst(pool) {
    const live = this.feeds.filter(({ state }) => state === 'live')
    if (live.length === 0) return false
    for (let i = 0; i < BURST; i++) this.begin(this.place(pool, this.decide(live[i % live.length])))
    return true
  }

  /**
   * The next order: at the best price of the other side.
   *
   * @param {Feed} feed
   * @returns {import('./protocol.js').Order}
   */
  decide({ symbol, book }) {
    const number = this.orders.size + 1
    const buys = number % 2 === 0
    return {
      clientOrderId: `o-${String(number).padStart(6, '0')}`,
      symbol,
      side: buys ? 'buy' : 'sell',
      price: book.best(buys ? ASK : BID),
      size: number % TOO_LARGE === 0 ? 5_000 : 1 + (number % 100),
    }
  }

  /** @param {Promise<void>} task */
  begin(task) {
    const done = task.finally(() => this.underWay.delete(done))
    this.underWay.add(done)
  }

  /**
   * One order, from the decision to the answer.
   *
   * @param {ClientPool} pool
   * @param {import('./protocol.js').Order} order
   */
  async place(pool, order) {
    const id = order.clientOrderId
    /** @type {OrderRecord} */
    const entry = { id, state: 'sent', sequence: 0, requestSent: 'nothing' }
    this.orders.set(id, entry)
    this.counts.sent++
    try {
      const slot = pool.tryAcquire() ?? (await pool.acquire({ timeout: STALE }))
      await this.exchange(slot, entry, order)
    } catch (error) {
      const { requestSent, code } = this.failureOf(error)
      entry.requestSent = requestSent
      if (requestSent === 'nothing') this.settle(entry, 'failed')
      else this.begin(this.ask(pool, entry, code))
    }
  }

  /**
   * Sends an order, heeds the answer, gives the slot back.
   *
   * @param {import('nexus-async-net').ClientSlot} slot
   * @param {OrderRecord} entry
   * @param {import('./protocol.js').Order} order
   */
  async exchange(slot, entry, order) {
    try {
      const started = now()
      const response = await slot.send(slot.writer.post('/orders').header('Content-Type', 'application/json').body(JSON.stringify(order)).finish())
      this.onAnswer(entry, response)
      record(this.window, now() - started)
    } finally {
      // The same as `using slot = …`, where that can be written.
      slot.release()
    }
  }

  /**
   * How far an order got that was not answered. Anything but the failure of a request is thrown.
   *
   * @param {unknown} error
   * @returns {{ code: string, requestSent: import('nexus-async-net').RequestSent }}
   */
  failureOf(error) {
    if (error instanceof RestError) return error
    throw error
  }

  /**
   * @param {OrderRecord} entry
   * @param {{ status: number, json(): any, header(name: string): string | null }} response
   */
  onAnswer(entry, response) {
    /** @type {OrderReply} */
    const answer = response.json()
    if (answer.clientOrderId !== entry.id) this.swapped++
    if (response.header('X-RateLimit-Remaining') === '0') {
      if (now() >= this.pausedUntil) this.pauses++
      this.pausedUntil = now() + Number(response.header('X-RateLimit-Reset'))
    }
    if ('sequence' in answer) {
      entry.sequence = answer.sequence
      this.settle(entry, 'acknowledged')
    } else {
      this.settle(entry, response.status === 429 ? 'limited' : 'refused')
    }
  }

  /**
   * Finds out what has become of an order that was sent, at least in part, and not answered. To ask is harmless: it may be done again.
   *
   * @param {ClientPool} pool
   * @param {OrderRecord} entry
   * @param {string} why there was no answer
   */
  async ask(pool, entry, why) {
    this.settle(entry, 'unknown')
    while (entry.state === 'unknown') {
      await sleep(PAUSE)
      try {
        const response = await pool.request('GET', `/orders/${entry.id}`, { retryUnsent: 3 })
        /** @type {OrderReply} */
        const answer = response.json()
        if (answer.clientOrderId !== entry.id) this.swapped++
        if ('sequence' in answer) entry.sequence = answer.sequence
        this.settle(entry, response.status === 200 ? 'found' : 'absent')
      } catch (failure) {
        if (!(failure instanceof RestError)) throw failure
        if (failure.code === 'PoolClosed') return
      }
    }
    this.tell({ kind: 'asked', order: entry, why })
  }

  /**
   * @param {OrderRecord} entry
   * @param {OrderState} state
   */
  settle(entry, state) {
    this.counts[entry.state]--
    this.counts[state]++
    entry.state = state
  }

  // PoolObserver.

  /** @param {import('nexus-async-net').SlotUpEvent} event */
  onSlotUp({ reason, outage }) {
    if (reason === 'renewal') return
    this.connected++
    if (reason === 'heal') this.reconnects.push(outage)
    if (this.downSince === 0 || this.connected < CONNECTIONS) return
    this.tell({ kind: 'orders back', ms: now() - this.downSince })
    this.downSince = 0
  }

  /** @param {import('nexus-async-net').SlotDownEvent} event */
  onSlotDown({ error }) {
    this.connected--
    this.lost++
    if (this.connected > 0 || this.downSince !== 0) return
    this.downSince = now()
    this.tell({ kind: 'orders lost', why: error instanceof Error && 'code' in error ? String(error.code) : 'the exchange closed them' })
  }

  /** A second is over. */
  roll() {
    this.last = { orders: this.window.totalCount, p50: this.window.getValueAtPercentile(50), p99: this.window.getValueAtPercentile(99) }
    this.roundTrip.add(this.window)
    this.window.reset()
  }
}

/** @param {AbortSignal} signal @returns {Promise<void>} */
function aborted(signal) {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
