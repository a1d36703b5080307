// @ts-check
// A process that floods whoever connects: `GET /?kind=binary&size=40&count=1000000` is answered with 101 and that many frames.
// Says where it listens in one line of JSON; ends with its standard input.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { makeCertificate } from '../lib/certificate.mjs'
import { blob } from '../lib/frames.mjs'
import { accept } from '../lib/head.mjs'

const BLOB = 1024 * 1024

/** @type {Map<string, { bytes: Uint8Array, count: number, frame: number }>} */
const blobs = new Map()

/** @param {net.Socket} socket */
function serve(socket) {
  let head = ''
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.destroy())
  socket.on('data', (chunk) => {
    if (head.endsWith('\r\n\r\n')) return
    head += chunk.toString('latin1')
    if (head.endsWith('\r\n\r\n')) flood(socket, head)
  })
}

/**
 * @param {net.Socket} socket
 * @param {string} head
 */
function flood(socket, head) {
  const query = new URLSearchParams(head.slice(0, head.indexOf(' HTTP/')).split('?')[1])
  const kind = query.get('kind') === 'text' ? 'text' : 'binary'
  const size = Number(query.get('size'))
  const id = `${kind}${size}`
  const made = blobs.get(id) ?? blob({ kind, size }, BLOB)
  blobs.set(id, made)
  let left = Number(query.get('count'))
  socket.write(accept(head))
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      const count = Math.min(left, made.count)
      left -= count
      const part = count === made.count ? made.bytes : made.bytes.subarray(0, count * made.frame)
      if (!socket.write(part)) return
    }
  }
  socket.on('drain', more)
  more()
}

const { ca, cert, key } = await makeCertificate()
const directory = mkdtempSync(join(tmpdir(), 'bench-'))
const caFile = join(directory, 'ca.pem')
writeFileSync(caFile, ca)
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))

const plain = net.createServer(serve)
const secure = tls.createServer({ cert, key }, serve)
plain.listen(0, '127.0.0.1', () => {
  secure.listen(0, '127.0.0.1', () => {
    const [port, tlsPort] = [plain, secure].map((server) => /** @type {net.AddressInfo} */ (server.address()).port)
    process.stdout.write(`${JSON.stringify({ port, tlsPort, caFile })}\n`)
  })
})
process.stdin.resume()
process.stdin.on('end', () => process.exit())
