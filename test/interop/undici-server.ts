/** The server of the checks with undici. */

import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { gzipSync } from 'node:zlib'

/** A server on the loopback. */
export interface UndiciServer {
  readonly origin: string
  close(): Promise<void>
}

const PIECE = Buffer.alloc(65_536, 'x')

/** Starts it. */
export async function startUndiciServer(): Promise<UndiciServer> {
  const sockets = new Set<Socket>()
  const seen = new Map<string, number>()
  let sent = 0

  async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const url = request.url ?? ''
    response.setHeader('Content-Type', 'application/json')
    switch (url.replace(/\?.*/, '')) {
      case '/json':
        response.setHeader('Set-Cookie', ['a=1', 'b=2'])
        return void response.setHeader('X-Case', 'Kept').end(JSON.stringify({ url }))
      case '/fields':
        return void response.end(JSON.stringify({ url, fields: request.headers }))
      case '/echo':
        return void response.end(Buffer.concat(pieces))
      case '/204':
        return void response.writeHead(204).end()
      case '/trailers':
        response.writeHead(200, { Trailer: 'X-Sum' })
        response.write('body')
        response.addTrailers({ 'X-Sum': '7' })
        return void response.end()
      case '/hints':
        response.writeEarlyHints({ link: '</style.css>; rel=preload' })
        return void response.end('{}')
      case '/moved':
        return void response.writeHead(302, { Location: '/json' }).end()
      case '/gzip':
        return void response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync('compressed'))
      case '/hold':
        return
      case '/slow':
        return void setTimeout(() => response.end('slow'), 50)
      case '/half':
        response.writeHead(200, { 'Content-Length': '10' })
        return void response.write('half')
      case '/cut':
        response.writeHead(200, { 'Content-Length': '10' })
        return void response.write('half', () => request.socket.destroy())
      case '/lose':
        return void request.socket.destroy()
      case '/garbage':
        return void request.socket.end('HTTP/1.1 200 OK\r\nbroken header\r\n\r\n')
      case '/flaky': {
        const times = (seen.get(url) ?? 0) + 1
        seen.set(url, times)
        if (times === 1) return void request.socket.destroy()
        if (times === 2) return void response.writeHead(503).end()
        return void response.end('at last')
      }
      case '/endless': {
        sent = 0
        const more = (): void => {
          while (!response.destroyed) {
            sent += PIECE.length
            if (!response.write(PIECE)) return
          }
        }
        response.on('drain', more)
        return more()
      }
      case '/sent':
        return void response.end(String(sent))
      default:
        return void response.writeHead(404).end('{}')
    }
  }

  // A request that is aborted breaks off here, too.
  const server = http.createServer((request, response) => void answer(request, response).catch(() => {}))
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
  })
  server.on('upgrade', (request, socket) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`)
    socket.pipe(socket).on('error', () => {})
  })
  server.on('connect', (_, socket) => void socket.on('error', () => {}).write('HTTP/1.1 200 OK\r\n\r\n'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
