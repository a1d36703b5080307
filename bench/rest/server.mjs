// @ts-check
// A process that answers every request with the same bytes, as lightly as it can: no HTTP library, just the end of the head and its
// Content-Length. `GET /.cpu` says what it has cost so far, so that a benchmark can tell whether it was the bottleneck.
// Over TCP and TLS; says where it listens in one line of JSON; ends with its standard input.

import { Buffer } from 'node:buffer'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import tls from 'node:tls'
import { makeCertificate } from '../lib/certificate.mjs'
import { ANSWER } from './order.mjs'

const HEAD_END = Buffer.from('\r\n\r\n')
const CPU = Buffer.from('GET /.cpu ')

/** @param {net.Socket} socket */
function serve(socket) {
  /** @type {Buffer | null} what has come of a request that is not complete */
  let rest = null
  // Requests of one length with heads of one length are taken to be alike: their Content-Length need not be looked for again.
  let knownEnd = -1
  let knownLength = -1
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.end())
  socket.on('data', (chunk) => {
    if (rest !== null) {
      chunk = Buffer.concat([rest, chunk])
      rest = null
    }
    for (let at = 0; at < chunk.length; ) {
      const found = chunk.indexOf(HEAD_END, at)
      const end = found < 0 ? -1 : found + 4
      if (end - at !== knownEnd || chunk.length - at !== knownLength) {
        if (end < 0) {
          rest = chunk.subarray(at)
          return
        }
        const length = end - at + Number(/\r\ncontent-length: *(\d+)/i.exec(chunk.latin1Slice(at, end))?.[1] ?? 0)
        if (length > chunk.length - at) {
          rest = chunk.subarray(at)
          return
        }
        if (CPU.equals(chunk.subarray(at, at + CPU.length))) {
          socket.write(cost())
          at += length
          continue
        }
        knownEnd = end - at
        knownLength = length
      }
      socket.write(ANSWER)
      at += knownLength
    }
  })
}

/** User and system time in µs, as a response. */
function cost() {
  const { user, system } = process.cpuUsage()
  const text = String(user + system)
  return `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`
}

/** @param {net.Server} server @returns {Promise<number>} its port */
function listen(server) {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', 1024, () => resolve(/** @type {net.AddressInfo} */ (server.address()).port))
  })
}

const { ca, cert, key } = await makeCertificate()
const directory = mkdtempSync(join(tmpdir(), 'nexus-bench-'))
const caFile = join(directory, 'ca.pem')
writeFileSync(caFile, ca)
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
const port = await listen(net.createServer(serve))
const tlsPort = await listen(tls.createServer({ cert, key }, serve))
process.stdout.write(`${JSON.stringify({ port, tlsPort, caFile })}\n`)
process.stdin.resume()
process.stdin.on('end', () => process.exit())
