// @ts-check
// A process that holds many connections: it answers the handshake, echoes binary frames of up to 64 KiB and more, and gives connections to `/?every=1000`
// a message each second, spread over the second. Says where it listens in one line of JSON; ends with its standard input.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { makeCertificate } from '../lib/certificate.mjs'
import { accept, headEnd } from '../lib/head.mjs'

/** Turns of the event loop that the messages of one period are spread over. */
const STEPS = 50
/** A text message of 40 bytes. */
const TICK = Buffer.concat([Buffer.from([0x81, 40]), Buffer.alloc(40, 'x')])

/** Connections that get messages, by the step of their turn, for each period. @type {Map<number, Set<net.Socket>[]>} */
const fed = new Map()

/** @param {net.Socket} socket @param {number} every ms */
function feed(socket, every) {
  let steps = fed.get(every)
  if (steps === undefined) {
    const made = Array.from({ length: STEPS }, () => new Set())
    steps = made
    fed.set(every, made)
    let at = 0
    setInterval(() => {
      for (const each of made[at++ % STEPS]) each.write(TICK)
    }, every / STEPS)
  }
  const smallest = steps.reduce((a, b) => (b.size < a.size ? b : a))
  smallest.add(socket)
  socket.on('close', () => smallest.delete(socket))
}

/** The first frame in `bytes`, unmasked and with a server's header, and its end; null when it is not whole. @param {Buffer} bytes */
function echoed(bytes) {
  if (bytes.length < 6) return null
  const short = bytes[1] & 0x7f
  const header = short === 127 ? 14 : short === 126 ? 8 : 6
  if (bytes.length < header) return null
  const length = short === 127 ? bytes.readUInt32BE(6) : short === 126 ? bytes.readUInt16BE(2) : short
  const end = header + length
  if (bytes.length < end) return null
  const out = Buffer.allocUnsafe(header - 4 + length)
  bytes.copy(out, 0, 0, header - 4)
  out[1] = short
  const key = bytes.subarray(header - 4, header)
  for (let i = 0; i < length; i++) out[header - 4 + i] = bytes[header + i] ^ key[i & 3]
  return { out, end }
}

/** @param {net.Socket} socket */
function serve(socket) {
  let isOpen = false
  /** @type {Buffer | null} */
  let rest = null
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.destroy())
  socket.on('data', (chunk) => {
    let bytes = rest === null ? chunk : Buffer.concat([rest, chunk])
    if (!isOpen) {
      const end = headEnd(bytes, bytes.length)
      if (end < 0) throw new Error('a head in one piece was expected')
      const head = bytes.toString('latin1', 0, end)
      socket.write(accept(head))
      isOpen = true
      bytes = bytes.subarray(end)
      const every = /^GET \/\?every=(\d+)/.exec(head)
      if (every !== null) feed(socket, Number(every[1]))
    }
    for (let next = echoed(bytes); next !== null; next = echoed(bytes)) {
      if ((next.out[0] & 8) === 0) socket.write(next.out)
      else socket.destroy()
      bytes = bytes.subarray(next.end)
    }
    rest = bytes.length === 0 ? null : bytes
  })
}

const { ca, cert, key } = await makeCertificate()
const directory = mkdtempSync(join(tmpdir(), 'bench-'))
const caFile = join(directory, 'ca.pem')
writeFileSync(caFile, ca)
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))

const plain = net.createServer(serve)
const secure = tls.createServer({ cert, key }, serve)
plain.listen({ port: 0, host: '127.0.0.1', backlog: 1_024 }, () => {
  secure.listen({ port: 0, host: '127.0.0.1', backlog: 1_024 }, () => {
    const [port, tlsPort] = [plain, secure].map((server) => /** @type {net.AddressInfo} */ (server.address()).port)
    process.stdout.write(`${JSON.stringify({ port, tlsPort, caFile })}\n`)
  })
})
process.stdin.resume()
process.stdin.on('end', () => process.exit())
