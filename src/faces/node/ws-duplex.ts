/** `createWebSocketStream` of npm `ws`: a socket as a `Duplex` of `node:stream`. */

import process from 'node:process'
import { Duplex, type DuplexOptions } from 'node:stream'
import type { WebSocket } from './ws.ts'

/**
 * A `Duplex` over a {@link WebSocket}: what is written is sent, a message each; what is received is read. Ending it closes the socket, and destroying it
 * cuts the connection.
 */
export function createWebSocketStream(ws: WebSocket, options: DuplexOptions = {}): Duplex {
  let isCutting = true
  const whenOpen = (then: () => void): void => {
    if (ws.readyState === ws.CONNECTING) ws.once('open', then)
    else then()
  }
  const duplex = new Duplex({
    ...options,
    autoDestroy: false,
    emitClose: false,
    objectMode: false,
    writableObjectMode: false,
    read: () => ws.resume(),
    write: (chunk, _encoding, callback) => whenOpen(() => ws.send(chunk, callback)),
    final: (callback) =>
      whenOpen(() => {
        // Without a socket the handshake has failed, and its error is on the way.
        const socket = ws._socket
        if (socket === null) return
        if (socket._writableState.finished) {
          callback()
          if (duplex.readableEnded) duplex.destroy()
        } else {
          socket.once('finish', () => callback())
          ws.close()
        }
      }),
    destroy(error, callback) {
      const close = (): void => void process.nextTick(() => duplex.emit('close'))
      let failure: Error | null = error
      if (ws.readyState === ws.CLOSED) {
        callback(error)
        close()
        return
      }
      ws.once('error', (reason: Error) => {
        failure = reason
      })
      ws.once('close', () => {
        callback(failure)
        close()
      })
      if (isCutting) ws.terminate()
    },
  })
  ws.on('message', (data: Buffer, isBinary: boolean) => {
    if (!duplex.push(!isBinary && duplex.readableObjectMode ? data.toString() : data)) ws.pause()
  })
  ws.once('error', (error: Error) => {
    if (duplex.destroyed) return
    // The socket closes by itself.
    isCutting = false
    duplex.destroy(error)
  })
  ws.once('close', () => {
    if (!duplex.destroyed) duplex.push(null)
  })
  duplex.on('end', () => {
    if (!duplex.destroyed && duplex.writableFinished) duplex.destroy()
  })
  return duplex
}
