// @ts-check
// Answers an upgrade with the handshake and one short text message right behind it. Ends with its standard input.

import net from 'node:net'
import { accept, headEnd } from '../lib/head.mjs'

const QUOTE = '{"symbol":"BTC-USD","bid":67123.45}'
const frame = Buffer.concat([Buffer.from([0x81, QUOTE.length]), Buffer.from(QUOTE)])
const server = net.createServer((socket) => {
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.once('data', (chunk) => {
    const end = headEnd(chunk, chunk.length)
    if (end < 0) throw new Error('a head in one piece was expected')
    socket.write(Buffer.concat([Buffer.from(accept(chunk.toString('latin1', 0, end))), frame]))
    socket.on('data', () => {})
  })
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: /** @type {net.AddressInfo} */ (server.address()).port })}\n`)
})
process.stdin.resume()
process.stdin.on('end', () => process.exit())
