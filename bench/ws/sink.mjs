// @ts-check
// A process that reads and discards: after the handshake of `GET /?bytes=N` it waits for N bytes, then sends the text frame `ok`.
// Ends with its standard input.

import net from 'node:net'
import { accept, headEnd } from '../lib/head.mjs'

const OK = Buffer.from([0x81, 2, 0x6f, 0x6b])

const server = net.createServer((socket) => {
  let expected = -1
  let received = 0
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.destroy())
  socket.on('data', (chunk) => {
    let length = chunk.length
    if (expected < 0) {
      const end = headEnd(chunk, chunk.length)
      if (end < 0) throw new Error('a head in one piece was expected')
      const head = chunk.toString('latin1', 0, end)
      expected = Number(/[?&]bytes=(\d+)/.exec(head)?.[1])
      length -= end
      socket.write(accept(head))
    }
    received += length
    if (received >= expected) {
      received = Number.NEGATIVE_INFINITY
      socket.write(OK)
    }
  })
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: /** @type {net.AddressInfo} */ (server.address()).port })}\n`)
})
process.stdin.resume()
process.stdin.on('end', () => process.exit())
