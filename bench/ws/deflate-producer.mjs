// @ts-check
// A process that floods whoever connects with the messages of a feed: `GET /?kind=depth&count=1000` is answered with that many, compressed for who offers
// permessage-deflate. With `&paced`, there is a pause between them. Ends with its standard input.

import net from 'node:net'
import { frames, texts } from '../lib/compressible.mjs'
import { accept } from '../lib/head.mjs'

/** @typedef {{ each: Uint8Array[], all: Uint8Array }} Run */

/** Milliseconds between two messages that are paced: more than a receiver takes for one. */
const PAUSE = 0.03

/** @type {Map<string, Run>} */
const runs = new Map()

/** @param {string} kind @param {boolean} compresses */
function runOf(kind, compresses) {
  const id = `${kind} ${compresses}`
  const known = runs.get(id)
  if (known !== undefined) return known
  const each = frames(texts(kind), compresses)
  const run = { each, all: Buffer.concat(each) }
  runs.set(id, run)
  return run
}

/** @param {net.Socket} socket @param {string} head */
async function flood(socket, head) {
  const query = new URLSearchParams(head.slice(0, head.indexOf(' HTTP/')).split('?')[1])
  const compresses = /^sec-websocket-extensions:.*permessage-deflate/im.test(head)
  const { each, all } = runOf(String(query.get('kind')), compresses)
  let left = Number(query.get('count'))
  socket.write(accept(head, compresses ? 'Sec-WebSocket-Extensions: permessage-deflate\r\n' : ''))
  if (query.has('paced')) {
    for (let i = 0; i < left && !socket.destroyed; i++) {
      const next = performance.now() + PAUSE
      if (!socket.write(each[i % each.length])) await new Promise((resolve) => socket.once('drain', resolve))
      do await new Promise((resolve) => setImmediate(resolve))
      while (performance.now() < next)
    }
    return
  }
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      const part = left >= each.length ? all : Buffer.concat(each.slice(0, left))
      left -= each.length
      if (!socket.write(part)) return
    }
  }
  socket.on('drain', more)
  more()
}

const server = net.createServer((socket) => {
  let head = ''
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.destroy())
  socket.on('data', (chunk) => {
    if (head.endsWith('\r\n\r\n')) return
    head += chunk.toString('latin1')
    if (head.endsWith('\r\n\r\n')) flood(socket, head)
  })
})
for (const kind of ['trade', 'depth', 'snapshot']) runOf(kind, true)
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: /** @type {net.AddressInfo} */ (server.address()).port })}\n`)
})
process.stdin.resume()
process.stdin.on('end', () => process.exit())
