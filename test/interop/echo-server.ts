/** A server of `ws` that compresses and echoes; in fragments of its making where the path says `?fragments`. */

import type WebSocket from 'ws'
import { WebSocketServer } from 'ws'
import { FRAGMENTS } from './echo-shapes.ts'

/** How a peer of `ws` compresses. */
export const peerDeflate = { threshold: 0, zlibDeflateOptions: { level: 1 } } as const

/** Sends a message whole, or in fragments of the same size. */
export function send(socket: WebSocket, data: Uint8Array, binary: boolean, fragments: number): void {
  const step = Math.max(1, Math.ceil(data.length / fragments))
  for (let at = 0; at < data.length; at += step) socket.send(data.subarray(at, at + step), { binary, fin: at + step >= data.length })
}

/** Begins to listen on the loopback. */
export function echoServer(): WebSocketServer {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: peerDeflate })
  server.on('connection', (socket, { url }) => {
    const fragments = url === '/?fragments' ? FRAGMENTS : 1
    socket.on('message', (data, isBinary) => send(socket, data as Buffer, isBinary, fragments))
  })
  return server
}
