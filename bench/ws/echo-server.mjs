// @ts-check
// A process that echoes, as lightly as it can. After a WebSocket handshake: short masked frames come back unmasked.
// After anything else than a GET: the same bytes. Ends with its standard input.

import net from 'node:net'
import { accept, headEnd } from '../lib/head.mjs'

const server = net.createServer((socket) => {
  let mode = ''
  /** @type {Buffer | null} */
  let rest = null
  const out = Buffer.allocUnsafeSlow(65_536)
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.destroy())
  socket.on('data', (chunk) => {
    if (mode === '') {
      mode = chunk[0] === 0x47 ? 'frames' : 'bytes'
      if (mode === 'frames') {
        const end = headEnd(chunk, chunk.length)
        if (end < 0) throw new Error('a head in one piece was expected')
        socket.write(accept(chunk.toString('latin1', 0, end)))
        if (end === chunk.length) return
        chunk = chunk.subarray(end)
      }
    }
    if (mode === 'bytes') {
      socket.write(chunk)
      return
    }
    if (rest !== null) {
      chunk = Buffer.concat([rest, chunk])
      rest = null
    }
    let at = 0
    let to = 0
    while (chunk.length - at >= 6) {
      const length = chunk[at + 1] & 0x7f
      if (length > 125 || (chunk[at] & 8) !== 0) {
        socket.destroy()
        return
      }
      if (chunk.length - at < 6 + length) break
      out[to++] = chunk[at]
      out[to++] = length
      const key = at + 2
      const from = at + 6
      for (let i = 0; i < length; i++) out[to + i] = chunk[from + i] ^ chunk[key + (i & 3)]
      to += length
      at = from + length
    }
    if (at < chunk.length) rest = Buffer.from(chunk.subarray(at))
    // Only ever one message is under way, so the bytes have left before `out` is used again.
    if (to > 0) socket.write(out.subarray(0, to))
  })
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: /** @type {net.AddressInfo} */ (server.address()).port })}\n`)
})
process.stdin.resume()
process.stdin.on('end', () => process.exit())
