// @ts-check
/** An exchange in a box: a market-data feed over WebSocket and orders over HTTP, on free ports of this machine, with faults on purpose. */

import net from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
// `accept` stands on any transport. Node's sockets exist on Deno and Bun too, so this serves on all three.
import { nodeTransport, WsStream } from 'nexus-async-net/node'
import { ASK, BID } from './book.js'
import { now } from './clock.js'
import { Faults } from './faults.js'
import { Market } from './market.js'
import { OrderDesk } from './order-desk.js'
import { DeltaEncoder } from './protocol.js'

/**
 * @typedef {{ symbols: string[], rate: number, seed: number, deflate: boolean, faults: import('./faults.js').FaultOptions,
 *   orders: import('./order-desk.js').OrderDeskOptions }} ExchangeOptions rate: deltas a second; deflate: compresses for clients that offer it
 */
/** @typedef {{ deltas: number, gaps: number, drops: number, orders: import('./order-desk.js').OrderTotals }} Totals what was sent, and what was done wrong */
/** @typedef {{ socket: net.Socket, ws: WsStream, symbols: Set<number> }} Subscriber */

/** Deltas of at most so many ms are made up for after a stall. */
const CATCH_UP = 100

export class Exchange {
  /** @type {Set<Subscriber>} */
  subscribers = new Set()
  encoder = new DeltaEncoder()
  deltas = 0
  /** When the first subscription came: the faults' time begins there. */
  since = Number.POSITIVE_INFINITY
  running = true
  /** @type {Promise<void>[]} what sends returned that could not leave at once */
  backlog = []

  /** @param {ExchangeOptions} options */
  constructor({ symbols, rate, seed, deflate, faults, orders }) {
    this.rate = rate
    // As exchanges do: each message, however small. What was sent before makes the next one shorter.
    this.acceptOptions = { perMessageDeflate: deflate && { threshold: 0 } }
    this.market = new Market(symbols, seed)
    this.faults = new Faults(faults)
    this.desk = new OrderDesk(new Set(symbols), orders)
    this.server = net.createServer((socket) => this.serve(socket))
  }

  /** Opens the doors and lets the market run. Resolves with the ports. */
  async start() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', () => resolve(null)))
    const orderPort = await this.desk.start()
    this.trade()
    return { port: /** @type {net.AddressInfo} */ (this.server.address()).port, orderPort }
  }

  /** @returns {Promise<Totals>} */
  async stop() {
    this.running = false
    this.server.close()
    await Promise.all([...this.subscribers].map(({ ws }) => ws.close(1001, 'the exchange closes')))
    return { deltas: this.deltas, gaps: this.faults.gapsMade, drops: this.faults.dropsMade, orders: this.desk.stop() }
  }

  /**
   * One connection, from its first byte to its last.
   *
   * @param {net.Socket} socket
   */
  async serve(socket) {
    socket.setNoDelay(true)
    try {
      const ws = await WsStream.accept(nodeTransport(socket), this.acceptOptions)
      const subscriber = { socket, ws, symbols: new Set() }
      this.subscribers.add(subscriber)
      ws.closed.then(() => this.subscribers.delete(subscriber))
      // Commands are few: the comfortable way to receive will do.
      for await (const message of ws) this.obey(subscriber, message.text)
    } catch {
      // The client is gone, or was none. It will be back.
    }
  }

  /**
   * @param {Subscriber} subscriber
   * @param {string} text
   */
  obey(subscriber, text) {
    try {
      /** @type {import('./protocol.js').Command} */
      const command = JSON.parse(text)
      switch (command.op) {
        case 'subscribe':
          this.since = Math.min(this.since, now())
          for (const symbol of command.symbols) {
            const { id } = this.sendSnapshot(subscriber, symbol)
            subscriber.symbols.add(id)
          }
          break
        case 'snapshot':
          this.sendSnapshot(subscriber, command.symbol)
          this.faults.isGapUnseen = false
          break
        case 'unsubscribe':
          for (const symbol of command.symbols) {
            const { id, book } = this.find(symbol)
            subscriber.symbols.delete(id)
            reply(subscriber, { type: 'unsubscribed', symbol, seq: book.seq, checksum: book.checksum() })
          }
          break
        default:
          throw new Error('op must be subscribe, unsubscribe or snapshot')
      }
    } catch (error) {
      reply(subscriber, { type: 'error', message: String(error) })
    }
  }

  /** @param {string} symbol */
  find(symbol) {
    const listing = this.market.find(symbol)
    if (listing === undefined) throw new Error(`${symbol} is not traded here`)
    return listing
  }

  /**
   * @param {Subscriber} subscriber
   * @param {string} symbol
   */
  sendSnapshot(subscriber, symbol) {
    const listing = this.find(symbol)
    const { id, decimals, book } = listing
    reply(subscriber, { type: 'snapshot', symbol, id, decimals, seq: book.seq, bids: book.levels(BID), asks: book.levels(ASK) })
    return listing
  }

  /** The market runs, whether anybody listens or not. */
  async trade() {
    let next = now()
    const interval = 1_000 / this.rate
    while (this.running) {
      const due = now()
      next = Math.max(next, due - CATCH_UP)
      // Everything sent in one tick leaves in a few large writes: that is all there is to batching.
      while (next <= due && this.backlog.length === 0) {
        this.market.step((listing, side, price, size) => {
          this.publish(listing, side, price, size)
          next += interval
        })
      }
      this.misbehave()
      // A market that outran its slowest reader would fill the memory: it waits.
      await Promise.all([this.backlog.length === 0 ? sleep(1) : nextTurn(), ...this.backlog.splice(0)])
    }
  }

  /** @type {import('./market.js').Publish} */
  publish({ id, book }, side, price, size) {
    for (const { ws, symbols } of this.subscribers) {
      if (!symbols.has(id) || ws.readyState !== 'open') continue
      const blocked = ws.sendBinary(this.encoder.encode(id, side, book.seq, price, size, now()))
      // Rejects when the connection is lost meanwhile, which `serve` sees too.
      if (blocked !== undefined) this.backlog.push(blocked.catch(() => {}))
      this.deltas++
    }
  }

  /** Does what the plan of faults says, to those who have subscribed. */
  misbehave() {
    const watched = [...this.subscribers].flatMap(({ symbols }) => [...symbols])
    if (watched.length === 0) return
    switch (this.faults.due(now() - this.since)) {
      case 'gap':
        this.leaveOut(this.market.listings[watched[this.faults.gapsMade % watched.length]])
        break
      case 'drop':
        this.cutEverybody()
    }
  }

  /**
   * A gap: of the deltas of a price move, the first is not sent.
   *
   * @param {import('./market.js').Listing} listing
   */
  leaveOut(listing) {
    let sending = false
    this.market.move(listing, 1, (...change) => {
      if (sending) this.publish(...change)
      sending = true
    })
  }

  /** As a crash would: no close frame, and what was on its way is lost. */
  cutEverybody() {
    for (const { socket } of this.subscribers) socket.resetAndDestroy()
    this.subscribers.clear()
  }
}

/**
 * @param {Subscriber} subscriber
 * @param {import('./protocol.js').Reply} message
 */
function reply({ ws }, message) {
  if (ws.readyState === 'open') ws.sendText(JSON.stringify(message))
}
