/** The server that stands in for `exchange.example` in the documents: a feed by WebSocket, orders and prices by HTTP. */

import { createHmac } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { type WebSocket, WebSocketServer } from 'ws'

/** Signs the examples' requests. */
const SECRET = 'secret'
const TICKER = { symbol: 'BTC-USD', bid: 67123.45, ask: 67123.55 }

/** A running exchange. */
export interface Exchange {
  readonly port: number
  close(): Promise<void>
}

/** What the server knows. */
interface Ledger {
  readonly orders: Set<string>
  /** How often each `key` of `/busy` has been asked for. */
  readonly asked: Map<string | null, number>
  readonly book: Book
}

export async function startExchange(): Promise<Exchange> {
  const ledger: Ledger = { orders: new Set(), asked: new Map(), book: new Book() }
  const server = http.createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (text: string) => {
      body += text
    })
    request.on('end', () => answer(request, body, response, ledger))
  })
  serveFeed(server, ledger)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((done) => {
        ledger.book.stop()
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

/** A book whose bids change each 5 ms, each change with the next number. */
class Book {
  readonly followers = new Set<WebSocket>()
  private readonly bids = new Map<number, number>()
  private seq = 0
  private readonly timer = setInterval(() => this.change(), 5)

  snapshot(): object {
    return { seq: this.seq, bids: [...this.bids] }
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private change(): void {
    const price = 67_120 + (++this.seq % 5)
    // A level that is gone has size 0.
    const size = this.seq % 8 > 3 ? 0 : this.seq
    if (size === 0) this.bids.delete(price)
    else this.bids.set(price, size)
    // Each twentieth is lost on the way.
    if (this.seq % 20 === 0) return
    for (const follower of this.followers) follower.send(JSON.stringify({ seq: this.seq, price, size }))
  }
}

/** By path: what a connection to it is given. All else is quotes without an end, for everybody but `/forbidden`. */
const feeds: Readonly<Record<string, (client: WebSocket, ledger: Ledger) => void>> = {
  /** Quotes for who subscribes, and maintenance after three. */
  '/market': (client) => {
    client.on('message', (data) => {
      const { symbols } = JSON.parse(String(data))
      client.send(JSON.stringify({ event: 'subscribed', symbols }))
      client.ping('7')
      for (let i = 0; i < 3; i++) client.send(JSON.stringify(TICKER))
      client.close(1001, 'maintenance')
    })
  },
  /** Ten numbered trades from where the subscription says; then the connection is cut. */
  '/trades': (client) => {
    client.on('message', (data) => {
      const { from } = JSON.parse(String(data))
      for (let seq = from; seq < from + 10; seq++) client.send(JSON.stringify({ seq, price: 67_123, size: 1 }))
      setTimeout(() => client.terminate(), 5)
    })
  },
  /** Changes of the book. */
  '/depth': (client, { book }) => {
    book.followers.add(client)
    client.on('close', () => book.followers.delete(client))
  },
  /** Orders, each taken once. The answer to the first `…-lost` is, with the connection. */
  '/private': (client, { orders }) => {
    client.on('message', (data) => {
      const { op, id } = JSON.parse(String(data))
      if (op === 'ping') return client.send('{"event":"pong"}')
      const isNew = !orders.has(id)
      orders.add(id)
      if (isNew && id.endsWith('-lost')) client.terminate()
      else client.send(JSON.stringify({ event: 'order', id, state: 'open', duplicate: !isNew }))
    })
  },
}

function serveFeed(server: http.Server, ledger: Ledger): void {
  // Only at `/compressed` does it see that compression is offered.
  server.prependListener('upgrade', (request) => {
    if (request.url !== '/compressed') delete request.headers['sec-websocket-extensions']
  })
  const feed = new WebSocketServer({
    server,
    perMessageDeflate: { threshold: 0 },
    verifyClient: ({ req }, decide) => (req.url === '/forbidden' ? decide(false, 403, 'no key') : decide(true)),
  })
  feed.on('connection', (client, { url = '' }) => {
    const serve = feeds[url]
    if (serve !== undefined) return serve(client, ledger)
    const timer = setInterval(() => client.send(JSON.stringify(TICKER)), 5)
    client.on('close', () => clearInterval(timer))
  })
}

function answer(request: http.IncomingMessage, body: string, response: http.ServerResponse, { orders, asked, book }: Ledger): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://exchange.example')
  const json = (status: number, value: object): void => {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value))
  }
  const path = pathname.replace(/^\/v3/, '')
  switch (`${request.method} ${path}`) {
    case 'HEAD /ping':
      response.writeHead(204).end()
      return
    case 'GET /ticker':
      json(200, { ...TICKER, symbol: searchParams.get('symbol') ?? TICKER.symbol })
      return
    case 'GET /depth':
      json(200, book.snapshot())
      return
    case 'GET /busy': {
      const count = (asked.get(searchParams.get('key')) ?? 0) + 1
      asked.set(searchParams.get('key'), count)
      json(count > 2 ? 200 : 503, count > 2 ? TICKER : { error: 'try again' })
      return
    }
    case 'GET /history': {
      const list = JSON.stringify(Array(4_000).fill(TICKER))
      const isPacked = String(request.headers['accept-encoding']).includes('gzip')
      response.writeHead(200, { 'Content-Type': 'application/json', ...(isPacked ? { 'Content-Encoding': 'gzip' } : {}) })
      response.end(isPacked ? gzipSync(list) : list)
      return
    }
    case 'GET /export':
      response.writeHead(200, { 'Content-Type': 'text/csv' })
      for (let i = 0; i < 1_000; i++) response.write(`${i},67123.45,0.5\n`)
      response.end()
      return
    case 'GET /slow':
      // Never: the client gives up.
      return
    case 'POST /signed': {
      const signed = `${request.headers['x-timestamp']}${request.method}${request.url}${body}`
      const isRight = request.headers['x-signature'] === createHmac('sha256', SECRET).update(signed).digest('hex')
      json(isRight ? 201 : 401, isRight ? { id: JSON.parse(body).id, state: 'open' } : { error: 'wrong signature' })
      return
    }
    case 'POST /orders': {
      const { id } = JSON.parse(body)
      orders.add(id)
      // It is taken, but its answer is lost.
      if (id === 'o-lost') request.socket.destroy()
      else json(201, { id, state: 'open' })
      return
    }
    case 'POST /upload':
      json(200, { bytes: Buffer.byteLength(body) })
      return
  }
  const id = /^\/orders\/(.+)$/.exec(path)?.[1]
  if (id !== undefined && orders.has(id)) json(200, { id, state: 'open' })
  else json(404, { error: 'not found' })
}
