// @ts-check
/** Where orders are taken: HTTP on a port of its own. It keeps a ledger of what it has booked, and breaks connections on purpose. */

import http from 'node:http'
import { now } from './clock.js'
import { OrderFaults } from './order-faults.js'
import { RateLimit } from './rate-limit.js'

/** @typedef {import('node:net').Socket} Socket */
/** @typedef {import('./protocol.js').Order} Order */
/** @typedef {import('./protocol.js').OrderReply} OrderReply */
/** @typedef {{ limit: number, faults: import('./order-faults.js').OrderFaultOptions }} OrderDeskOptions limit: orders a second */

/**
 * What it has done: each order that it booked, with its sequence; how often it was sent one that it had; and what it has broken.
 *
 * @typedef {{ booked: [id: string, sequence: number][], doubled: number, limited: number, refused: number,
 *   killed: number, killedIdle: number, outages: number, away: number }} OrderTotals away: ms
 */

/** Lots that an order may have. */
const MAX_SIZE = 1_000
/** Milliseconds that an idle connection is kept. Clients are told with each response (Keep-Alive: timeout=). */
const KEEP_ALIVE = 5_000

export class OrderDesk {
  /** Sequence by client order id. @type {Map<string, number>} */
  ledger = new Map()
  /** @type {Set<Socket>} */
  sockets = new Set()
  /** Connections with a request that has not been answered. @type {Set<Socket>} */
  busy = new Set()
  port = 0
  limited = 0
  refused = 0
  doubled = 0
  killed = 0
  killedIdle = 0
  outages = 0
  away = 0

  /**
   * @param {ReadonlySet<string>} symbols what can be traded
   * @param {OrderDeskOptions} options
   */
  constructor(symbols, { limit, faults }) {
    this.symbols = symbols
    this.limit = new RateLimit(limit)
    this.faults = new OrderFaults(faults, (fault) => this.misbehave(fault))
    this.server = this.createServer()
  }

  /** Opens the doors: at first on any port, later on the same one. Resolves with the port. */
  async start() {
    await new Promise((resolve, reject) => this.server.once('error', reject).listen(this.port, '127.0.0.1', () => resolve(null)))
    this.port = /** @type {import('node:net').AddressInfo} */ (this.server.address()).port
    return this.port
  }

  /** @returns {OrderTotals} */
  stop() {
    this.faults.stop()
    this.cutEverybody()
    const { limited, refused, doubled, killed, killedIdle, outages, away } = this
    return { booked: [...this.ledger], limited, refused, doubled, killed, killedIdle, outages, away }
  }

  createServer() {
    const server = http.createServer({ keepAliveTimeout: KEEP_ALIVE }, (request, response) => this.serve(request, response))
    server.on('connection', (socket) => {
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
    })
    return server
  }

  /**
   * @param {http.IncomingMessage} request
   * @param {http.ServerResponse} response
   */
  async serve(request, response) {
    const { method, url = '', socket } = request
    this.busy.add(socket)
    try {
      let body = ''
      for await (const chunk of request.setEncoding('utf8')) body += chunk
      const path = /^\/orders(?:\/([\w-]+))?$/.exec(url)
      if (method === 'POST' && path !== null && path[1] === undefined) this.take(JSON.parse(body), response)
      else if (method === 'GET' && path?.[1] !== undefined) this.find(path[1], response)
      else reply(response, 404, { clientOrderId: '', error: 'POST /orders or GET /orders/:id' })
    } catch {
      // The client is gone, or sent what is no JSON.
      if (!response.headersSent) reply(response, 400, { clientOrderId: '', error: 'not an order' })
    } finally {
      this.busy.delete(socket)
    }
  }

  /**
   * An order.
   *
   * @param {Order} order
   * @param {http.ServerResponse} response
   */
  take({ clientOrderId, symbol, size }, response) {
    this.faults.begin()
    const { allowed, remaining, reset } = this.limit.take(now())
    response.setHeader('X-RateLimit-Limit', this.limit.limit)
    response.setHeader('X-RateLimit-Remaining', remaining)
    response.setHeader('X-RateLimit-Reset', Math.ceil(reset))
    if (!allowed) {
      this.limited++
      reply(response, 429, { clientOrderId, error: 'too many orders' })
    } else if (this.ledger.has(clientOrderId)) {
      this.doubled++
      reply(response, 409, { clientOrderId, error: 'this order is there already' })
    } else if (!this.symbols.has(symbol) || !(size >= 1 && size <= MAX_SIZE)) {
      this.refused++
      reply(response, 422, { clientOrderId, error: `1 to ${MAX_SIZE} lots of ${[...this.symbols]}` })
    } else {
      this.book(clientOrderId, response)
    }
  }

  /**
   * An order that can be booked: it is, and that is acknowledged, unless something is to go wrong.
   *
   * @param {string} clientOrderId
   * @param {http.ServerResponse} response
   */
  book(clientOrderId, response) {
    const fault = this.faults.take()
    if (fault !== null) this.killed++
    const { socket } = response
    if (fault === 'before') {
      // To the client it looks the same as the next one. It has to ask.
      reset(socket)
      return
    }
    const sequence = this.ledger.size + 1
    this.ledger.set(clientOrderId, sequence)
    if (fault === 'after') {
      reset(socket)
    } else if (fault === 'half') {
      const text = JSON.stringify({ clientOrderId, sequence })
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': text.length })
      response.write(text.slice(0, text.length / 2), () => socket?.destroy())
    } else {
      reply(response, 200, { clientOrderId, sequence })
    }
  }

  /**
   * What has become of an order? For those whose acknowledgement was lost.
   *
   * @param {string} clientOrderId
   * @param {http.ServerResponse} response
   */
  find(clientOrderId, response) {
    const sequence = this.ledger.get(clientOrderId)
    if (sequence === undefined) reply(response, 404, { clientOrderId, error: 'no such order' })
    else reply(response, 200, { clientOrderId, sequence })
  }

  /** @param {import('./order-faults.js').TimedFault} fault */
  misbehave(fault) {
    switch (fault) {
      case 'idle':
        for (const socket of this.sockets) {
          if (this.busy.has(socket)) continue
          this.killedIdle++
          socket.destroy()
        }
        break
      case 'leave':
        this.outages++
        this.away -= now()
        this.cutEverybody()
        break
      case 'return':
        this.away += now()
        // A server that was closed does not open again on every runtime: a new one does.
        this.server = this.createServer()
        this.start()
    }
  }

  /** As when the machine goes down. */
  cutEverybody() {
    this.server.close()
    for (const socket of this.sockets) reset(socket)
  }
}

/** @param {Socket | null} socket */
function reset(socket) {
  socket?.resetAndDestroy()
}

/**
 * @param {http.ServerResponse} response
 * @param {number} status
 * @param {OrderReply} body
 */
function reply(response, status, body) {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }).end(text)
}
