/** Servers on loopback for the command line. */

import http from 'node:http'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Identity } from '../helpers/certificates.ts'

/** A running server. */
export interface Service {
  readonly port: number
  close(): Promise<void>
}

/** A WebSocket server, and how its connections were closed. */
export interface WsService extends Service {
  readonly url: string
  /** Close codes, in order. */
  readonly closes: number[]
  /** Resolves with the code when the next connection has ended, or one that nobody asked for before. */
  closed(): Promise<number>
  /** Fields of the last opening request. */
  readonly headers: () => http.IncomingHttpHeaders
}

async function listen(server: net.Server): Promise<Service> {
  const sockets = new Set<net.Socket>()
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** Does `serve` with each connection; echoes when there is none. Compresses everything for who offers it, if `compresses`. */
export async function serveWs(
  serve: (socket: WebSocket) => void = (socket) => socket.on('message', (data, isBinary) => socket.send(data as Buffer, { binary: isBinary })),
  identity?: Identity,
  compresses = false,
): Promise<WsService> {
  const server = identity === undefined ? http.createServer() : https.createServer({ ...identity })
  const closes: number[] = []
  let taken = 0
  let wake = (): void => {}
  let headers: http.IncomingHttpHeaders = {}
  const sockets = new WebSocketServer({
    server,
    maxPayload: 2 ** 28,
    perMessageDeflate: compresses && { threshold: 0 },
    handleProtocols: (protocols) => [...protocols][0] as string,
  })
  sockets.on('connection', (socket, request) => {
    headers = request.headers
    socket.on('error', () => {})
    socket.on('close', (code) => {
      closes.push(code)
      wake()
    })
    serve(socket)
  })
  const service = await listen(server)
  return {
    ...service,
    url: `${identity === undefined ? 'ws' : 'wss'}://127.0.0.1:${service.port}/`,
    closes,
    headers: () => headers,
    async closed() {
      while (closes.length <= taken) await new Promise<void>((resolve) => (wake = resolve))
      return closes[taken++] as number
    },
  }
}

/** An HTTP server. */
export function serveHttp(serve: http.RequestListener, identity?: Identity): Promise<Service> {
  return listen(identity === undefined ? http.createServer(serve) : https.createServer({ ...identity }, serve))
}

/** A TCP server. */
export function serveTcp(serve: (socket: net.Socket) => void): Promise<Service> {
  return listen(net.createServer(serve))
}
