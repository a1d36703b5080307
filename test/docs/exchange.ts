/** The server that stands in for `exchange.example` in the documents: a feed by WebSocket, orders and prices by HTTP. */

import { createHmac } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

/** Signs the examples' requests. */
const SECRET = 'secret'
const TICKER = { symbol: 'BTC-USD', bid: 67123.45, ask: 67123.55 }

/** A running exchange. */
export interface Exchange {
  readonly port: number
  close(): Promise<void>
}

export async function startExchange(): Promise<Exchange> {
  const orders = new Set<string>()
  const server = http.createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (text: string) => {
      body += text
    })
    request.on('end', () => answer(request, body, response, orders))
  })
  serveFeed(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

/** Quotes without an end, for everybody but `/forbidden`. */
function serveFeed(server: http.Server): void {
  const feed = new WebSocketServer({
    server,
    verifyClient: ({ req }, decide) => (req.url === '/forbidden' ? decide(false, 403, 'no key') : decide(true)),
  })
  feed.on('connection', (client) => {
    const timer = setInterval(() => client.send(JSON.stringify(TICKER)), 5)
    client.on('close', () => clearInterval(timer))
  })
}

function answer(request: http.IncomingMessage, body: string, response: http.ServerResponse, orders: Set<string>): void {
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
    case 'GET /history':
      json(200, Array(4_000).fill(TICKER))
      return
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
