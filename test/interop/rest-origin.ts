/** The server behind nginx and HAProxy: `node:http`, which can be stopped and started again on its port. */

import http from 'node:http'
import { listen, stop } from '../integration/peers.ts'

/** A running server, or one that is down for now. */
export class Origin {
  private server: http.Server | null = null

  constructor(readonly port: number) {}

  async start(): Promise<void> {
    // What is in front of it keeps its connections for as long as it likes.
    const server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
      answer(request, response).catch(() => response.destroy())
    })
    await listen(server, '127.0.0.1', this.port)
    this.server = server
  }

  async stop(): Promise<void> {
    const { server } = this
    this.server = null
    if (server !== null) await stop(server)
  }
}

async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const { pathname, search } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname.endsWith('/echo')) {
    // In chunks, each as it came; and how the request's body was framed.
    response.writeHead(200, { 'X-Framing': request.headers['transfer-encoding'] ?? `length ${request.headers['content-length']}` })
    for await (const piece of request) response.write(piece)
    response.end()
  } else if (pathname.endsWith('/chunks')) {
    response.writeHead(200)
    for (let i = 0; i < 20; i++) {
      response.write(`${i};`)
      await new Promise((resolve) => setImmediate(resolve))
    }
    response.end()
  } else {
    request.resume()
    response.end(`${request.method} ${search.slice(1)}`)
  }
}
