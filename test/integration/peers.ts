/**
 * The peers that the checks run against, in the process of the test runner: `ws` over TCP and TLS, a server that misbehaves on request
 * (over both, too), and a plain HTTP server to ask what the peers have seen. What a peer does is said by the path it is asked for.
 */

import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import { makeCertificates, makeRefusedCertificates, type TestCertificates } from '../helpers/certificates.ts'
import { startConnectProxy, startSocksProxy } from '../helpers/proxies.ts'
import type { Environment } from './check-tools.ts'

/** Running peers. */
export interface Peers {
  readonly environment: Environment
  readonly certificates: TestCertificates
  close(): Promise<void>
}

/** What one connection has seen, by the `id` in its path. */
class Record {
  /** Close code and reason that `ws` reports. */
  closed: { code: number; reason: string } | null = null
  /** Bytes that the misbehaving server has got after the handshake. */
  received: Buffer = Buffer.alloc(0)
  ended = false
  /** The misbehaving server has the request. */
  requested = false
  /** Bytes that a flood could get rid of, and whether all of it left. */
  flushed = 0
  flooded = false
  messages = 0
  resume: () => void = () => {}
  private waiting: (() => void)[] = []

  /** Something changed. */
  notify(): void {
    for (const wake of this.waiting.splice(0)) wake()
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }
}

/** The connections of all peers but the one that is asked. */
interface Watch {
  /** From here on they are watched. */
  mark(): void
  /** Waits until none is open that is younger than the mark. */
  drained(): Promise<void>
}

class Records {
  private readonly all = new Map<string, Record>()
  of(id: string): Record {
    let record = this.all.get(id)
    if (record === undefined) this.all.set(id, (record = new Record()))
    return record
  }
}

/** Starts all peers on the loopback, each on a port of the system's choice. */
export async function startPeers(): Promise<Peers> {
  const certificates = await makeCertificates()
  const refusedCertificates = await makeRefusedCertificates()
  const records = new Records()
  const identity = { cert: certificates.server.cert, key: certificates.server.key }

  const plain = http.createServer()
  const plain6 = http.createServer()
  const secure = tlsServer(identity, (socket) => web.emit('connection', socket))
  // Whoever does not trust it goes in the middle of the handshake; this one notices.
  const wrongName = tls.createServer({ ...certificates.wrongName }, (socket) => socket.on('error', () => {}).resume())
  wrongName.on('tlsClientError', () => {})
  const withRefused = Object.entries(refusedCertificates).map(([fault, { ca, cert, key }]) => {
    const server = tls.createServer({ cert, key, ciphers: 'DEFAULT@SECLEVEL=0' }, (socket) => socket.on('error', () => {}).resume())
    server.on('tlsClientError', () => {})
    return { fault, ca, server }
  })
  const web = http.createServer()
  for (const server of [plain, plain6, web]) serveWs(server, records)

  const raw = net.createServer({ allowHalfOpen: true }, (socket) => misbehave(socket, socket, records))
  const rawSecure = tlsServer(identity, (socket, below) => misbehave(socket, below, records))
  const control = http.createServer((request, response) => answer(request, response, records, watch, () => unaskedDials))
  const refused = net.createServer()
  const silent = net.createServer((socket) => socket.resume())
  let unaskedDials = 0
  const unasked = net.createServer((socket) => {
    unaskedDials++
    socket.on('error', () => {}).end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  })

  const servers = [plain, secure, raw, rawSecure, control, refused, wrongName, silent, unasked]
  const [plainPort, securePort, rawPort, rawSecurePort, controlPort, refusedPort, wrongNamePort, silentPort, unaskedPort] = (await Promise.all(
    servers.map((server) => listen(server, '127.0.0.1')),
  )) as [number, number, number, number, number, number, number, number, number]
  const plain6Port = await listen(plain6, '::1')
  const refusedPorts = await Promise.all(withRefused.map(({ server }) => listen(server, '127.0.0.1')))
  await stop(refused)
  const folder = mkdtempSync(join(tmpdir(), 'nexus-'))
  const sockets = { plain: join(folder, 'plain'), secure: join(folder, 'secure') }
  const plainUnix = http.createServer()
  const secureUnix = tlsServer(identity, (socket) => web.emit('connection', socket))
  serveWs(plainUnix, records)
  await Promise.all([listen(plainUnix, sockets.plain), listen(secureUnix, sockets.secure)])
  const credentials = 'us er:p@ss'
  const [connect, secureConnect, socks, guardedConnect, guardedSocks] = await Promise.all([
    startConnectProxy(),
    startConnectProxy({ identity: certificates.server }),
    startSocksProxy(),
    startConnectProxy({ credentials }),
    startSocksProxy({ credentials }),
  ])

  const openSockets = (): net.Socket[] => {
    const closables: readonly Closable[] = [plain, plain6, secure, raw, rawSecure, wrongName, silent, unasked, plainUnix, secureUnix]
    const proxies = [connect, secureConnect, socks, guardedConnect, guardedSocks]
    return [...closables, ...proxies].flatMap(({ open = [] }) => [...open])
  }
  let before: ReadonlySet<net.Socket> = new Set()
  const watch: Watch = {
    mark() {
      before = new Set(openSockets())
    },
    async drained() {
      for (;;) {
        const kept = openSockets().find((socket) => !before.has(socket))
        if (kept === undefined) return
        await new Promise((resolve) => kept.once('close', resolve))
      }
    },
  }

  return {
    certificates,
    environment: {
      ws: `ws://127.0.0.1:${plainPort}`,
      wss: `wss://127.0.0.1:${securePort}`,
      ws6: `ws://[::1]:${plain6Port}`,
      raw: `ws://127.0.0.1:${rawPort}`,
      rawSecure: `wss://127.0.0.1:${rawSecurePort}`,
      control: `http://127.0.0.1:${controlPort}`,
      refused: `ws://127.0.0.1:${refusedPort}`,
      silent: `ws://127.0.0.1:${silentPort}`,
      unasked: `http://127.0.0.1:${unaskedPort}`,
      wrongName: `wss://127.0.0.1:${wrongNamePort}`,
      refusedCertificates: withRefused.map(({ fault, ca }, i) => ({ fault, ca, url: `wss://127.0.0.1:${refusedPorts[i]}` })),
      ca: certificates.ca,
      strangerCa: certificates.strangerCa,
      server: certificates.server,
      client: certificates.client,
      sockets,
      proxies: {
        connect: `http://127.0.0.1:${connect.port}`,
        secureConnect: `https://127.0.0.1:${secureConnect.port}`,
        socks: `socks5://127.0.0.1:${socks.port}`,
        guardedConnect: `http://127.0.0.1:${guardedConnect.port}`,
        guardedSocks: `socks5://127.0.0.1:${guardedSocks.port}`,
        credentials: 'us%20er:p%40ss',
      },
    },
    async close() {
      await Promise.all([connect, secureConnect, socks, guardedConnect, guardedSocks].map((proxy) => proxy.close()))
      const servers = [
        plain,
        plain6,
        secure,
        raw,
        rawSecure,
        control,
        wrongName,
        silent,
        unasked,
        plainUnix,
        secureUnix,
        ...withRefused.map(({ server }) => server),
      ]
      await Promise.all(servers.map(stop))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A server that knows its open sockets. */
export type Closable = net.Server & { readonly open?: Set<net.Socket> }

/** Listens on a port of the system's choice, on the one that is given, or on a Unix domain socket when the host is a path. */
export async function listen(server: net.Server, host: string, port: number = 0): Promise<number> {
  const open = new Set<net.Socket>()
  Object.assign(server, { open })
  server.on('connection', (socket: net.Socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    if (host.startsWith('/')) server.listen(host, resolve)
    else server.listen(port, host, resolve)
  })
  const address = server.address()
  return typeof address === 'string' || address === null ? 0 : address.port
}

/** Stops listening, then cuts every connection: who is quick must not connect once more in between. */
export async function stop(server: Closable): Promise<void> {
  // Not with the `close` of `node:http`, which ends idle connections before it stops listening.
  const closed = new Promise<void>((resolve) => net.Server.prototype.close.call(server, () => resolve()))
  server.close()
  for (const socket of server.open ?? []) socket.destroy()
  await closed
}

/** A TLS server whose connections also give the TCP socket below, which alone can be reset. */
export function tlsServer(identity: tls.SecureContextOptions, onSocket: (socket: net.Socket, below: net.Socket) => void): net.Server {
  const below = new WeakMap<object, net.Socket>()
  const upper = tls.createServer({ ...identity, ALPNProtocols: ['http/1.1'] }, (socket) => {
    socket.on('error', () => {})
    onSocket(socket, below.get((socket as unknown as { _parent: object })._parent) as net.Socket)
  })
  upper.on('tlsClientError', () => {})
  return net.createServer({ allowHalfOpen: true }, (socket) => {
    below.set(socket, socket)
    upper.emit('connection', socket)
  })
}

// The `ws` server.

function serveWs(server: http.Server, records: Records): void {
  // Where it is not wanted, the server does not see that it is offered.
  server.prependListener('upgrade', (request) => {
    if (request.url?.includes('?plain')) delete request.headers['sec-websocket-extensions']
  })
  const sockets = new WebSocketServer({
    server,
    perMessageDeflate: { threshold: 0 },
    maxPayload: 64 * 1024 * 1024,
    handleProtocols: (offered) => (offered.has('v2.feed') ? 'v2.feed' : false),
  })
  server.on('request', (_, response) => response.writeHead(426, { Connection: 'close' }).end('WebSockets only'))
  sockets.on('connection', (socket, request) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const record = records.of(url.searchParams.get('id') ?? '')
    socket.on('error', () => {})
    socket.on('close', (code, reason) => {
      record.closed = { code, reason: reason.toString() }
      record.notify()
    })
    behave(socket, request, url, record)
  })
}

function behave(socket: WebSocket, request: http.IncomingMessage, url: URL, record: Record): void {
  const number = (name: string): number => Number(url.searchParams.get(name))
  switch (url.pathname) {
    case '/echo':
      socket.on('message', (data: RawData, isBinary: boolean) => {
        socket.send(data, { binary: isBinary })
        record.messages++
        record.notify()
      })
      return
    case '/request':
      socket.send(JSON.stringify({ url: request.url, rawHeaders: request.rawHeaders }))
      return
    case '/fragments':
      // Each text that comes is sent back in fragments of one to `size` characters, with a ping between.
      socket.on('message', (data: RawData, isBinary: boolean) => {
        const bytes = data as Buffer
        const step = number('size')
        for (let i = 0; i < bytes.length; i += step) {
          socket.send(bytes.subarray(i, i + step), { binary: isBinary, fin: i + step >= bytes.length })
          if (url.searchParams.has('pings')) socket.ping(Buffer.from(`between ${i}`))
        }
      })
      return
    case '/close':
      // Without a code, an empty close frame.
      if (url.searchParams.has('code')) socket.close(number('code'), url.searchParams.get('reason') ?? '')
      else socket.close()
      return
    case '/ping':
      socket.on('pong', (data) => socket.send(`pong ${data.toString('hex')}`))
      socket.ping(Buffer.from(url.searchParams.get('payload') ?? '', 'hex'))
      return
    case '/burst':
      for (let i = 0; i < number('messages'); i++) socket.send(`message ${i}`)
      return
    case '/deaf':
      socket.pause()
      socket.on('message', (data: RawData) => {
        record.messages++
        record.flushed += (data as Buffer).length
        record.notify()
      })
      record.resume = () => socket.resume()
      return
    case '/flood':
      flood(socket, number('messages'), number('size'), record)
      return
    default:
      socket.close(1008, `no such path: ${url.pathname}`)
  }
}

/** Sends one message after the other, each when the one before has left this process. */
function flood(socket: WebSocket, messages: number, size: number, record: Record): void {
  let sent = 0
  const next = (): void => {
    if (sent === messages) {
      record.flooded = true
      record.notify()
      return
    }
    const bytes = Buffer.alloc(size, sent & 255)
    bytes.writeUInt32LE(sent++)
    socket.send(bytes, (error) => {
      if (error) return
      record.flushed += size
      record.notify()
      next()
    })
  }
  next()
}

// The server that misbehaves.

const HEAD_END = '\r\n\r\n'

/** @param below the TCP socket, for resets; the same as `socket` without TLS */
function misbehave(socket: net.Socket, below: net.Socket, records: Records): void {
  let head = ''
  let record: Record | null = null
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    if (record !== null) {
      record.received = Buffer.concat([record.received, chunk])
      record.notify()
      return
    }
    head += chunk.toString('latin1')
    const end = head.indexOf(HEAD_END)
    if (end < 0) return
    const url = new URL(head.slice(4, head.indexOf(' ', 4)), 'http://localhost')
    record = records.of(url.searchParams.get('id') ?? '')
    record.received = Buffer.from(head.slice(end + 4), 'latin1')
    record.requested = true
    record.notify()
    act(socket, below, url, head)
  })
  const onEnd = (): void => {
    if (record === null) return
    record.ended = true
    record.notify()
  }
  socket.on('end', () => {
    onEnd()
    socket.end()
  })
  // After a reset there is no end.
  socket.on('close', onEnd)
}

function act(socket: net.Socket, below: net.Socket, url: URL, head: string): void {
  const key = /^sec-websocket-key: *(.*?) *\r$/im.exec(head)?.[1] ?? ''
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  const lines = { upgrade: 'Upgrade: websocket\r\n', connection: 'Connection: Upgrade\r\n', accept: `Sec-WebSocket-Accept: ${accept}\r\n` }
  const opened = (change: Partial<typeof lines> & { more?: string } = {}): string => {
    const { upgrade, connection, accept: proof, more = '' } = { ...lines, ...change }
    return `HTTP/1.1 101 Switching Protocols\r\n${upgrade}${connection}${proof}${more}\r\n`
  }
  const frames = Buffer.from(url.searchParams.get('frames') ?? '', 'hex')
  const after = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.from(opened(), 'latin1'), bytes])
  switch (url.pathname) {
    // Responses whose body only the end of the connection delimits.
    case '/until-end':
      socket.end(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(1_000)}`)
      return
    case '/until-cut': // with TLS: without its close_notify
      socket.write(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(1_000)}`, () => socket.destroy())
      return
    // Opening handshakes that fail.
    case '/403':
      socket.end(`HTTP/1.1 403 Forbidden\r\nX-Reason: key expired\r\nx-Lower: yes\r\nContent-Length: 21\r\n\r\nYour key has expired.`)
      return
    case '/403-open': // says that more is to come, and keeps the connection
      socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nlong')
      return
    case '/403-large':
      socket.write(`HTTP/1.1 403 Forbidden\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(1_000_000)}`)
      return
    case '/403-until-close':
      socket.write('HTTP/1.1 403 Forbidden\r\n\r\nfirst, ')
      setImmediate(() => socket.end('second'))
      return
    case '/301':
      socket.end('HTTP/1.1 301 Moved Permanently\r\nLocation: https://elsewhere.test/\r\nContent-Length: 0\r\n\r\n')
      return
    case '/200':
      socket.end('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\n<h1>Hello</h1>')
      return
    case '/wrong-accept':
      socket.write(opened({ accept: 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n' }))
      return
    case '/no-accept':
      socket.write(opened({ accept: '' }))
      return
    case '/no-upgrade':
      socket.write(opened({ upgrade: '' }))
      return
    case '/no-connection':
      socket.write(opened({ connection: 'Connection: keep-alive\r\n' }))
      return
    case '/extension':
      socket.write(opened({ more: 'Sec-WebSocket-Extensions: permessage-deflate\r\n' }))
      return
    case '/protocol':
      socket.write(opened({ more: 'Sec-WebSocket-Protocol: unasked\r\n' }))
      return
    case '/silent':
      return
    case '/half-head':
      socket.write(opened().slice(0, 40))
      return
    case '/end':
      socket.end()
      return
    case '/half-head-end':
      socket.end(opened().slice(0, 40))
      return
    case '/reset-early':
      below.resetAndDestroy()
      return
    case '/banner':
      socket.write('SSH-2.0-OpenSSH_9.2\r\n')
      return
    case '/bare-lf':
      socket.write(opened().replaceAll('\r\n', '\n'))
      return
    case '/many-headers':
      socket.write(opened({ more: 'X-Filler: y\r\n'.repeat(150) }))
      return
    case '/huge-head':
      socket.write(opened({ more: `X-Filler: ${'y'.repeat(100_000)}\r\n` }))
      return

    // Opening handshakes that are unusual but right.
    case '/interim':
      socket.write(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${opened()}`)
      return
    case '/odd-case':
      socket.write(
        opened({
          upgrade: 'UPGRADE:  WebSocket \r\n',
          connection: 'connection: keep-alive, UPGRADE\r\n',
          accept: `sec-websocket-ACCEPT:${accept}\r\n`,
        }),
      )
      return
    case '/early': // the frames in the same segment as the response
      socket.write(after(frames))
      return
    case '/dribble': // everything byte by byte
      dribble(socket, after(frames))
      return

    // Open, then …
    case '/early-end': // frames, then the end
      socket.end(after(frames))
      return
    case '/frames-reset': // frames; the reset waits for one byte, so that the frames are read first
      socket.write(after(frames))
      socket.once('data', () => below.resetAndDestroy())
      return
    case '/reset':
      socket.write(after(frames), () => below.resetAndDestroy())
      return
    default:
      socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
  }
}

function dribble(socket: net.Socket, bytes: Buffer): void {
  let at = 0
  const next = (): void => {
    if (at < bytes.length && !socket.destroyed) socket.write(bytes.subarray(at, ++at), () => setImmediate(next))
  }
  socket.setNoDelay(true)
  next()
}

// What the peers have seen.

async function answer(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  records: Records,
  watch: Watch,
  unaskedDials: () => number,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const record = records.of(url.searchParams.get('id') ?? '')
  const reply = (value: unknown): void => {
    response.setHeader('Connection', 'close')
    response.end(JSON.stringify(value))
  }
  switch (url.pathname) {
    case '/closed':
      await record.until(() => record.closed !== null)
      return reply(record.closed)
    case '/requested':
      await record.until(() => record.requested)
      return reply(null)
    case '/ended':
      await record.until(() => record.ended)
      return reply(record.received.toString('hex'))
    case '/messages':
      await record.until(() => record.messages >= Number(url.searchParams.get('count')))
      return reply(record.messages)
    case '/resume':
      record.resume()
      return reply(null)
    case '/mark':
      watch.mark()
      return reply(null)
    case '/drained':
      await watch.drained()
      return reply(null)
    case '/unasked':
      return reply(unaskedDials())
    case '/flushed':
      return reply({ flushed: record.flushed, done: record.flooded })
    default:
      return reply(null)
  }
}
