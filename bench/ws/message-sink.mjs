// @ts-check
// A process that counts messages and discards them: after the handshake of `GET /?messages=N`, which agrees to permessage-deflate, it waits for N of them, then
// sends the bytes of their payloads as a text. Ends with its standard input.

import net from 'node:net'
import { accept, headEnd } from '../lib/head.mjs'

const server = net.createServer((socket) => {
  let left = -1
  let bytes = 0
  /** Of the frame under way, still to come. */
  let payload = 0
  /** The beginning of a frame whose header is not whole. */
  let rest = Buffer.alloc(0)
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.destroy())
  socket.on('data', (received) => {
    let chunk = received
    // A close frame, perhaps.
    if (left === 0 && payload === 0) return
    if (left < 0) {
      const end = headEnd(chunk, chunk.length)
      if (end < 0) throw new Error('a head in one piece was expected')
      const head = chunk.toString('latin1', 0, end)
      left = Number(/[?&]messages=(\d+)/.exec(head)?.[1])
      chunk = chunk.subarray(end)
      socket.write(accept(head, 'Sec-WebSocket-Extensions: permessage-deflate\r\n'))
    }
    if (rest.length > 0) chunk = Buffer.concat([rest, chunk])
    let at = 0
    while (left > 0 || payload > 0) {
      const taken = Math.min(payload, chunk.length - at)
      at += taken
      payload -= taken
      // Client frames: a header of 6, 8 or 14 bytes, its mask included.
      if (payload > 0 || chunk.length - at < 2) break
      const short = chunk[at + 1] & 127
      const size = short < 126 ? 6 : short === 126 ? 8 : 14
      if (chunk.length - at < size) break
      payload = short < 126 ? short : short === 126 ? chunk.readUInt16BE(at + 2) : chunk.readUInt32BE(at + 6)
      if ((chunk[at] & 15) > 7 || (chunk[at] & 15) === 0 || (chunk[at] & 128) === 0) throw new Error('whole data messages were expected')
      bytes += payload
      left--
      at += size
    }
    rest = chunk.subarray(at)
    if (left > 0 || payload > 0) return
    const answer = Buffer.from(String(bytes))
    socket.write(Buffer.concat([Uint8Array.of(0x81, answer.length), answer]))
  })
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: /** @type {net.AddressInfo} */ (server.address()).port })}\n`)
})
process.stdin.resume()
process.stdin.on('end', () => process.exit())
