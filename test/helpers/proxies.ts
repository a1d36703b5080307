/** Proxies on loopback: HTTP, `CONNECT` and forwarding, by `node:http`, and SOCKS5 byte by byte. Their tunnels pass on ends and resets. */

import http from 'node:http'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import type { Identity } from './certificates.ts'

/** What a proxy was asked for. */
export interface Asked {
  readonly authority: string
  readonly headers: http.IncomingHttpHeaders
}

export interface TestProxy {
  readonly port: number
  /** In order. */
  readonly asked: Asked[]
  /** Connections to it that are open. */
  readonly open: ReadonlySet<net.Socket>
  close(): Promise<void>
}

export interface ProxyRules {
  /** `user:password`; anybody may use it without. */
  readonly credentials?: string
  /** TLS to the proxy. */
  readonly identity?: Identity
}

/** A proxy that does `CONNECT`, and forwards requests whose target is in absolute form. */
export async function startConnectProxy({ credentials, identity }: ProxyRules = {}): Promise<TestProxy> {
  const asked: Asked[] = []
  const server = identity === undefined ? http.createServer() : https.createServer({ ...identity })
  const isWelcome = ({ headers }: http.IncomingMessage): boolean =>
    credentials === undefined || headers['proxy-authorization'] === `Basic ${Buffer.from(credentials).toString('base64')}`
  server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
    asked.push({ authority: request.url ?? '', headers: request.headers })
    if (isWelcome(request)) forward(request, response)
    else response.writeHead(407, { 'Proxy-Authenticate': 'Basic realm="x"' }).end('no\n')
  })
  server.on('connect', (request: http.IncomingMessage, client: net.Socket, head: Buffer) => {
    asked.push({ authority: request.url ?? '', headers: request.headers })
    if (!isWelcome(request)) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 3\r\n\r\nno\n')
      return
    }
    const { hostname, port } = new URL(`tcp://${request.url}`)
    const upstream = net.connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), allowHalfOpen: true, noDelay: true })
    upstream.once('connect', () => {
      upstream.removeAllListeners('error')
      if (client.destroyed) upstream.destroy()
      client.write('HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n')
      if (head.length > 0) upstream.write(head)
      couple(client, upstream)
    })
    upstream.once('error', () => client.writable && client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'))
  })
  return listen(server, asked)
}

/** Passes a request on, and its response back (RFC 9110 section 7.6): nothing but an absolute `http:` target is taken, and `Host` is what that says. */
function forward(request: http.IncomingMessage, response: http.ServerResponse): void {
  const target = /^http:\/\/[^/]/.test(request.url ?? '') ? new URL(request.url as string) : null
  if (target === null || request.headers.host !== target.host) {
    response.writeHead(400).end('a proxy wants the absolute form\n')
    return
  }
  const { connection: _, 'keep-alive': __, 'proxy-authorization': ___, ...headers } = request.headers
  const { hostname, port, pathname, search } = target
  const onward = http.request({
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 80 : Number(port),
    method: request.method ?? 'GET',
    path: `${pathname}${search}`,
    headers: { ...headers, via: '1.1 test' },
    agent: false,
  })
  onward.on('response', (answer) => {
    const { connection: ____, 'keep-alive': _____, 'transfer-encoding': ______, ...fields } = answer.headers
    response.writeHead(answer.statusCode ?? 502, { ...fields, via: '1.1 test' })
    answer.pipe(response)
    answer.on('error', () => response.destroy())
  })
  onward.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()))
  response.on('close', () => onward.destroy())
  request.pipe(onward)
}

/** A proxy that speaks SOCKS5 (RFC 1928), to names, IPv4 and IPv6 addresses. */
export async function startSocksProxy({ credentials }: ProxyRules = {}): Promise<TestProxy> {
  const asked: Asked[] = []
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    serveSocks(client, credentials, (authority) => asked.push({ authority, headers: {} })).catch(() => client.destroy())
  })
  return listen(server, asked)
}

async function serveSocks(client: net.Socket, credentials: string | undefined, note: (authority: string) => void): Promise<void> {
  client.on('error', () => {})
  const read = async (length: number): Promise<Buffer> => {
    for (;;) {
      const bytes = client.read(length) as Buffer | null
      if (bytes !== null) return bytes
      if (client.readableEnded || client.destroyed) throw new Error('it has ended')
      await new Promise((resolve) => client.once('readable', resolve).once('end', resolve).once('close', resolve))
    }
  }
  const [, count = 0] = await read(2)
  const methods = [...(await read(count))]
  const method = credentials === undefined ? 0 : 2
  if (!methods.includes(method)) {
    client.end(Buffer.from([5, 255]))
    return
  }
  client.write(Buffer.from([5, method]))
  if (credentials !== undefined) {
    const user = await read((await read(2))[1] as number)
    const password = await read((await read(1))[0] as number)
    const isRight = `${user}:${password}` === credentials
    client.write(Buffer.from([1, isRight ? 0 : 1]))
    if (!isRight) {
      client.end()
      return
    }
  }
  const [, , , kind] = await read(4)
  let host: string
  if (kind === 1) host = [...(await read(4))].join('.')
  else if (kind === 3) host = String(await read((await read(1))[0] as number))
  else host = (await read(16)).toString('hex').replace(/(.{4})(?=.)/g, '$1:')
  const port = (await read(2)).readUInt16BE()
  note(`${host}:${port}`)
  const upstream = net.connect({ host, port, allowHalfOpen: true, noDelay: true })
  const reply = (code: number): Buffer => Buffer.from([5, code, 0, 1, 127, 0, 0, 1, 0, 0])
  upstream.once('connect', () => {
    upstream.removeAllListeners('error')
    if (client.destroyed) upstream.destroy()
    client.write(reply(0))
    couple(client, upstream)
  })
  upstream.once('error', () => client.writable && client.end(reply(5)))
}

/** Passes bytes, ends and resets on, both ways. */
function couple(one: net.Socket, other: net.Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('data', (chunk) => {
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => from.resume())
    from.on('end', () => to.end())
    from.on('error', () => ('resetAndDestroy' in to && to.readyState !== 'closed' ? to.resetAndDestroy() : to.destroy()))
    from.on('close', () => from.readableEnded || to.destroy())
  }
}

async function listen(server: net.Server, asked: Asked[]): Promise<TestProxy> {
  const open = new Set<net.Socket>()
  server.on('connection', (socket: net.Socket) => {
    // Whoever half-closes goes on reading.
    socket.allowHalfOpen = true
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    open,
    close: async () => {
      const closed = new Promise((resolve) => net.Server.prototype.close.call(server, resolve))
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}
