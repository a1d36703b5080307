/**
 * An HTTP server that can be killed: `node rest-server.mjs <{ port, cert, key, seed }>`; prints its port. Port 0 is one of the system's choice.
 *
 * /echo/<id>            answers with the id
 * /die?flag=<file>      answers; when <file>.go is there it resets the connection, and makes <file>.gone
 * /chaos/<id>           answers with the id, or breaks HTTP in a way that the seed decides
 * /calm                 from now on /chaos answers as /echo does
 * /open                 how many connections are open
 * /report               how often each id of /chaos was received: one byte for each, see SEEN and STRAY
 */

import { existsSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'

const { port, cert, key, seed = 1 } = JSON.parse(process.argv[2])
/** Bits of a byte of the report: how often, and that an answer which nobody had asked for was on its way when the request came. */
const SEEN = 0x7f
const STRAY = 0x80

let seen = new Uint8Array(65_536)
let isCalm = false
const open = new Set()

/** Mulberry32: the same numbers for the same seed. */
let state = seed >>> 0
function random() {
  state = (state + 0x6d2b79f5) >>> 0
  let t = state
  t = Math.imul(t ^ (t >>> 15), t | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}
const below = (limit) => Math.floor(random() * limit)

const ok = (body, fields = '') => `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`

/** One connection; `raw` is its TCP socket. */
class Connection {
  unread = ''
  /** Bytes of body that are still to come. */
  missing = 0
  /** An answer that nobody had asked for is out: nothing else is said, or it would be taken for the answer to a later request. */
  isStray = false
  /** The request that waits for its body. */
  pending = null
  /** Id of the last request. */
  last = -1

  constructor(socket, raw) {
    this.socket = socket
    this.raw = raw
    open.add(this)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(this))
    socket.on('end', () => socket.end())
    socket.on('data', (chunk) => {
      this.unread += chunk.latin1Slice()
      this.take()
    })
  }

  take() {
    for (;;) {
      if (this.missing > 0) {
        const { length } = this.unread
        this.unread = this.unread.slice(this.missing)
        this.missing = Math.max(0, this.missing - length)
        if (this.missing > 0) return
      }
      if (this.pending !== null) {
        const { path } = this.pending
        this.pending = null
        this.answer(path)
      }
      const end = this.unread.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = this.unread.slice(0, end)
      this.unread = this.unread.slice(end + 4)
      this.missing = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
      const path = head.split(' ', 2)[1]
      if (path.startsWith('/chaos/')) this.count(Number(path.slice(7)))
      // Now and then the answer overtakes the body.
      if (this.missing > 0 && !isCalm && path.startsWith('/chaos/') && random() < 0.02) this.say(ok(path.slice(7)))
      else this.pending = { path }
    }
  }

  count(id) {
    if (id >= seen.length) {
      const larger = new Uint8Array(Math.max(id + 1, 2 * seen.length))
      larger.set(seen)
      seen = larger
    }
    if ((seen[id] & SEEN) < SEEN) seen[id]++
    if (this.isStray) seen[id] |= STRAY
    this.last = id
  }

  say(text) {
    if (!this.socket.destroyed && !this.isStray) this.socket.write(text, 'latin1')
  }

  /** The end of it, gently or not. */
  finish() {
    if (random() < 0.5) {
      // Its close event may not come: Node can't reset a socket that it is shutting down, and says so in an error instead.
      open.delete(this)
      this.raw.resetAndDestroy()
    } else this.socket.end()
  }

  answer(path) {
    if (path.startsWith('/echo/')) this.say(ok(path.slice(6)))
    else if (path.startsWith('/chaos/')) {
      if (isCalm) this.say(ok(path.slice(7)))
      else this.misbehave(path.slice(7))
    } else if (path.startsWith('/die?')) this.die(new URL(path, 'http://localhost').searchParams.get('flag'))
    else if (path === '/open') this.say(ok(String(open.size)))
    else if (path === '/report') {
      this.say(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${seen.length}\r\n\r\n`)
      this.socket.end(seen)
    } else {
      if (path === '/calm') isCalm = true
      this.say(ok('', 'Connection: close\r\n'))
      this.socket.end()
    }
  }

  die(flag) {
    this.say(ok('dying'))
    const timer = setInterval(() => {
      if (!existsSync(`${flag}.go`)) return
      clearInterval(timer)
      this.socket.on('close', () => writeFileSync(`${flag}.gone`, ''))
      this.raw.resetAndDestroy()
    }, 1)
  }

  misbehave(id) {
    const whole = ok(random() < 0.02 ? `${id}:${'x'.repeat(below(100_000))}` : id)
    const fate = below(1_000)
    if (fate < 800) this.say(whole)
    else if (fate < 860) setTimeout(() => this.say(whole), below(20))
    else if (fate < 890) {
      // In chunks, one after the other.
      this.say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      const pieces = [...id].map((digit) => `1\r\n${digit}\r\n`)
      const next = () => {
        const piece = pieces.shift()
        this.say(piece ?? '0\r\nX-Id: 1\r\n\r\n')
        if (piece !== undefined) setImmediate(next)
      }
      next()
    } else if (fate < 900) {
      this.say(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${whole}`)
    } else if (fate < 910) {
      this.say(ok(id, 'Connection: close\r\n'))
      this.socket.end()
    } else if (fate < 920) {
      // Answers, and goes without having said so.
      this.say(whole)
      if (random() < 0.5) this.socket.end()
      else setTimeout(() => this.finish(), below(5))
    } else if (fate < 930) this.finish()
    else if (fate < 940) {
      this.say(whole.slice(0, 1 + below(whole.length - 1)))
      setTimeout(() => this.finish(), below(3))
    } else if (fate < 950) {
      // Twice in one write: small enough for one packet. What comes in a later one may meet the next request, and no client could tell.
      this.say(ok(id) + ok(id))
    } else if (fate < 960) {
      this.say(whole)
      setTimeout(() => {
        this.say(ok('stray'))
        this.isStray = true
        if (this.last !== Number(id)) seen[this.last] |= STRAY
        setTimeout(() => this.finish(), 5)
      }, below(5))
    } else if (fate < 970) this.say(random() < 0.5 ? 'SSH-2.0-OpenSSH_9.2\r\n' : `HTTP/1.1 200 OK\nContent-Length: 1\n\nx`)
    else if (fate < 980) {
      this.say(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: ${id.length}\r\n\r\n${id}`)
    } else if (fate < 990) setTimeout(() => this.say(whole), 150 + below(100))
    // Else nothing, ever.
  }
}

const raws = new WeakMap()
const upper =
  cert === undefined ? null : tls.createServer({ cert, key, allowHalfOpen: true }, (socket) => new Connection(socket, raws.get(socket._parent)))
upper?.on('tlsClientError', () => {})
const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  if (upper === null) {
    new Connection(socket, socket)
    return
  }
  raws.set(socket, socket)
  socket.on('error', () => {})
  upper.emit('connection', socket)
})
server.listen(port ?? 0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
// Whoever started it is gone.
process.stdin.on('end', () => process.exit(0)).resume()
