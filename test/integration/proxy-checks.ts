/** What a client must do with a proxy between it and its server, and over a connection that its caller made. */

import type * as Nexus from '../../src/entry/node.ts'
import { equal, fails, isError, ok, randomBytes, sameBytes } from './assert.ts'
import { ask, type Check, type Context } from './check-tools.ts'

/** All of these checks, in order. */
export const proxyChecks: Check[] = []

function check(name: string, run: (context: Context) => Promise<void>): void {
  proxyChecks.push({ name, run })
}

/** The peers' authority, where the runtime has to be told. */
const trust = ({ env }: Context): Nexus.TlsConfig => (env.isTrusted ? {} : { ca: env.ca })

/** Sends `bytes` and has them back. */
async function echoes(ws: Nexus.WsStream, bytes: Uint8Array): Promise<void> {
  try {
    void ws.sendBinary(bytes)
    const answer = await ws.recv()
    ok(answer?.kind === 'binary', 'the echo is there')
    sameBytes(answer.bytes, bytes)
    await ws.close()
    equal((await ws.closed).code, 1000)
  } finally {
    ws.destroy()
  }
}

for (const kind of ['connect', 'secureConnect', 'socks'] as const) {
  const what = { connect: 'an HTTP proxy', secureConnect: 'an HTTPS proxy', socks: 'a SOCKS5 proxy' }[kind]
  // TLS to the proxy, TLS to the server inside of it.
  const proxyOf = (context: Context): Nexus.ProxyOption =>
    kind === 'secureConnect' ? { url: context.env.proxies.secureConnect, tls: trust(context) } : context.env.proxies[kind]

  check(`WebSockets through ${what}: plain and TLS, small and large`, async (context) => {
    const { nexus, env } = context
    for (const url of [env.ws, env.wss]) {
      for (const size of [5, 300_000, 5_000_000]) {
        const ws = await nexus.WsStream.connect(`${url}/echo`, { proxy: proxyOf(context), tls: trust(context) })
        await echoes(ws, randomBytes(size))
      }
    }
  })

  check(`requests and pools through ${what}: plain and TLS, healed through it, too`, async (context) => {
    const { nexus, env } = context
    for (const url of [env.ws, env.wss]) {
      const pool = await nexus.ClientPool.connect(url.replace(/^ws/, 'http'), { connections: 3, proxy: proxyOf(context), tls: trust(context) })
      try {
        // The peer speaks WebSocket alone: that it says so is an answer. It ends the connection with it.
        for (let i = 0; i < 9; i++) equal((await pool.request('GET', '/', { timeout: 10_000, retryUnsent: 5 })).status, 426)
        ok(pool.stats.lost + pool.stats.renewed > 0, 'connections were made anew')
      } finally {
        await pool.close({ timeout: 1_000 })
      }
    }
  })
}

check('plain requests that a proxy forwards: bodies, pools and their healing; credentials; what is refused', async ({ nexus, env }) => {
  const url = env.ws.replace('ws:', 'http:')
  const forward = (proxy: string): Nexus.ProxyConfig => ({ url: proxy, plain: 'forward' })
  const guarded = env.proxies.guardedConnect.replace('://', `://${env.proxies.credentials}@`)
  for (const proxy of [env.proxies.connect, guarded]) {
    const pool = await nexus.ClientPool.connect(url, { connections: 2, proxy: forward(proxy) })
    try {
      for (const body of ['', 'x'.repeat(20_000)]) {
        const response = await pool.request('POST', '/any?query=1', { body, timeout: 10_000, retryUnsent: 5 })
        // The peer speaks WebSocket alone, and says so; the proxy, that it passed it on.
        equal([response.status, response.text()], [426, 'WebSockets only'])
        ok(response.header('via') !== null, 'it was forwarded, not tunnelled')
      }
    } finally {
      await pool.close({ timeout: 1_000 })
    }
    // What is not plain HTTP goes by CONNECT.
    await echoes(await nexus.WsStream.connect(`${env.ws}/echo`, { proxy: forward(proxy) }), randomBytes(70_000))
  }
  const writer = new nexus.RequestWriter(new URL(url).host)
  for (const wrong of [env.proxies.guardedConnect, env.proxies.guardedConnect.replace('://', '://user:not-this-one@')]) {
    const conn = await nexus.HttpConnection.connect(url, { proxy: forward(wrong) })
    const outcome: unknown = await conn.send(writer.get('/').finish()).catch((error) => error)
    // tinyproxy answers 401 to wrong credentials, which can be the server's own word: a response.
    if (!(outcome instanceof Error)) {
      equal((outcome as Nexus.RestResponse).status, 401)
      continue
    }
    const error = isError(outcome, 'RestError', 'ProxyAuthRequired')
    equal(error.status, 407)
    ok(!error.message.includes('not-this-one'), 'no password in a message')
  }
  const away = nexus.HttpConnection.connect(url, { proxy: forward(env.refused.replace('ws:', 'http:')) })
  isError((await fails(away, 'TransportError', 'ProxyFailed')).cause, 'TransportError', 'ConnectRefused')
  await fails(nexus.HttpConnection.connect(url, { proxy: forward(env.proxies.socks) }), 'UsageError', 'InvalidOption')
})

/** Has a pool lose its connections to the server that answers unasked: it dials twice, and pauses then. */
async function backsOff(context: Context, proxy: Nexus.ProxyOption | null): Promise<void> {
  const { nexus, env } = context
  const dials = (await ask(context, '/unasked')) as number
  let ups = 0
  let downs = 0
  let isLostTwice = (): void => {}
  const lostTwice = new Promise<void>((resolve) => {
    isLostTwice = resolve
  })
  const pool = await nexus.ClientPool.connect(env.unasked, {
    proxy,
    backoff: { initial: 60_000, max: 60_000, jitter: 0 },
    observer: {
      onSlotUp: () => ups++,
      onSlotDown: () => ++downs === 2 && isLostTwice(),
    },
  })
  try {
    await lostTwice
    // A pool that did not back off would dial on and on now.
    await new Promise((resolve) => setTimeout(resolve, 50))
    const { lost, healing } = pool.stats
    const dialled = ((await ask(context, '/unasked')) as number) - dials
    equal([dialled, ups, downs, lost, healing], [2, 2, 2, 2, 1], `through ${JSON.stringify(proxy)}`)
  } finally {
    await pool.close({ timeout: 100 })
  }
}

check('a server that answers unasked and closes: dials back off, are counted and told', (context) => backsOff(context, null))

check('a server that answers unasked and closes: dials back off, are counted and told, through each proxy', async (context) => {
  const { connect, socks, secureConnect } = context.env.proxies
  for (const proxy of [connect, socks, ...(secureConnect === '' ? [] : [{ url: secureConnect, tls: trust(context) }])]) await backsOff(context, proxy)
})

check('credentials for a proxy: taken, refused, or missing, and said so', async ({ nexus, env }) => {
  for (const url of [env.proxies.guardedConnect, env.proxies.guardedSocks]) {
    const connect = (credentials: string): Promise<Nexus.WsStream> =>
      nexus.WsStream.connect(`${env.ws}/echo`, { proxy: url.replace('://', `://${credentials}`) })
    await echoes(await connect(`${env.proxies.credentials}@`), randomBytes(9))
    for (const wrong of ['', 'user:not-this-one@']) {
      const error = await fails(connect(wrong), 'TransportError', 'ProxyAuthRequired')
      ok(!error.message.includes('not-this-one'), 'no password in a message')
    }
  }
})

check('a proxy that cannot be reached, or cannot reach the server: who it was is said', async ({ nexus, env }) => {
  const { WsStream } = nexus
  const error = await fails(WsStream.connect(env.ws, { proxy: env.refused.replace('ws:', 'http:') }), 'TransportError', 'ProxyFailed')
  isError(error.cause, 'TransportError', 'ConnectRefused')
  for (const proxy of [env.proxies.connect, env.proxies.socks])
    await fails(WsStream.connect(env.refused, { proxy }), 'TransportError', 'ProxyRefused')
  // A server that is none: it does not answer, answers something else, or leaves.
  const raw = env.raw.replace('ws:', 'socks5:')
  await fails(WsStream.connect(env.ws, { proxy: raw, connectTimeout: 200 }), 'TransportError', 'ConnectTimeout', 'ProxyFailed')
  await fails(WsStream.connect(env.ws, { proxy: env.control.replace('http:', 'socks5:') }), 'TransportError', 'ProxyFailed')
})

check('a certificate is checked through a proxy as it is without one', async (context) => {
  const { nexus, env } = context
  const proxy = env.proxies.connect
  await fails(nexus.WsStream.connect(env.wrongName, { proxy, tls: trust(context) }), 'TlsError', 'CertificateRejected')
  await fails(nexus.WsStream.connect(env.wss, { proxy, tls: { ca: env.strangerCa } }), 'TlsError', 'CertificateRejected')
  await fails(nexus.WsStream.connect(env.ws.replace('ws:', 'wss:'), { proxy, tls: trust(context) }), 'TlsError', 'TlsHandshakeFailed')
  const ws = await nexus.WsStream.connect(`${env.wrongName}/`, { proxy, tls: { dangerNoVerify: true }, handshakeTimeout: 100 }).catch(
    (error) => error,
  )
  isError(ws, 'HandshakeError', 'HandshakeTimeout')
})

check('TLS over a connection of the caller’s: connectWith takes wss: and https:', async (context) => {
  const { nexus, env } = context
  const { default: net } = (await import('node:net')) as typeof import('node:net') & { default: typeof import('node:net') }
  const { hostname, port } = new URL(env.wss)
  const dial = async (): Promise<Nexus.Transport> => {
    const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return nexus.nodeTransport(socket)
  }
  await echoes(await nexus.WsStream.connectWith(await dial(), `${env.wss}/echo`, { tls: trust(context) }), randomBytes(70_000))
  const conn = await nexus.HttpConnection.connectWith(await dial(), env.wss.replace('wss:', 'https:'), { tls: trust(context) })
  const writer = new nexus.RequestWriter(new URL(env.wss).host)
  equal((await conn.send(writer.get('/').finish())).status, 426)
  conn.destroy()
  await fails(nexus.WsStream.connectWith(await dial(), env.wss, { tls: { ca: env.strangerCa } }), 'TlsError', 'CertificateRejected')
})

check('TLS through a proxy and over a connection of the caller’s tells whether the end of a body is verified', async (context) => {
  const { nexus, env } = context
  const { default: net } = (await import('node:net')) as typeof import('node:net') & { default: typeof import('node:net') }
  const url = env.rawSecure.replace('wss:', 'https:')
  const tls = trust(context)
  const dial = async (): Promise<Nexus.Transport> => {
    const socket = net.connect({ host: '127.0.0.1', port: Number(new URL(url).port), allowHalfOpen: true })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return nexus.nodeTransport(socket)
  }
  const ways: (() => Promise<Nexus.HttpConnection>)[] = [
    async () => nexus.HttpConnection.connectWith(await dial(), url, { tls, requireVerifiedEnd: true }),
    () => nexus.HttpConnection.connect(url, { tls, proxy: env.proxies.connect, requireVerifiedEnd: true }),
    () => nexus.HttpConnection.connect(url, { tls, proxy: { url: env.proxies.secureConnect, tls }, requireVerifiedEnd: true }),
    () => nexus.HttpConnection.connect(url, { tls, proxy: env.proxies.socks, requireVerifiedEnd: true }),
  ]
  const writer = new nexus.RequestWriter(new URL(url).host)
  for (const connect of ways) {
    const whole = await (await connect()).send(writer.get('/until-end').finish())
    equal([whole.bodyLength, whole.isEndVerified], [1_000, true])
    const error = await fails((await connect()).send(writer.get('/until-cut').finish()), 'RestError', 'ConnectionClosed')
    isError(error.cause, 'HttpError', 'UnexpectedEnd')
  }
  // TLS to the proxy says nothing of what is behind it.
  const plain = await nexus.HttpConnection.connect(env.raw.replace('ws:', 'http:'), { proxy: { url: env.proxies.secureConnect, tls } })
  equal((await plain.send(writer.get('/until-end').finish())).isEndVerified, false)
})

check('TLS inside of a TLS connection to a proxy that is the caller’s', async (context) => {
  const { nexus, env } = context
  const { default: tls } = (await import('node:tls')) as typeof import('node:tls') & { default: typeof import('node:tls') }
  const proxy = new URL(env.proxies.secureConnect)
  const { host } = new URL(env.wss)
  const dial = async (servername: string): Promise<Nexus.Transport> => {
    const socket = tls.connect({ host: proxy.hostname, port: Number(proxy.port), servername, ca: env.ca, ALPNProtocols: ['http/1.1'] })
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
    socket.write(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    // The answer comes alone: the server waits for us.
    await new Promise<void>((resolve) => {
      let head = ''
      socket.on('data', function onData(bytes: Uint8Array) {
        head += new TextDecoder().decode(bytes)
        if (!head.endsWith('\r\n\r\n')) return
        socket.off('data', onData)
        socket.pause()
        resolve()
      })
    })
    return nexus.nodeTransport(socket)
  }
  const secured = await dial('localhost')
  equal(secured.isSecure, true)
  await echoes(await nexus.WsStream.connectWith(secured, `${env.wss}/echo`, { tls: { ca: env.ca } }), randomBytes(70_000))
  const conn = await nexus.HttpConnection.connectWith(await dial('localhost'), env.wss.replace('wss:', 'https:'), { tls: { ca: env.ca } })
  const writer = new nexus.RequestWriter(host)
  equal((await conn.send(writer.get('/').finish())).status, 426)
  conn.destroy()
})

check('Unix domain sockets: WebSockets and pools, plain and TLS; one that is not there', async (context) => {
  const { nexus, env } = context
  for (const [url, socketPath] of [
    ['ws://localhost', env.sockets.plain],
    ['wss://localhost', env.sockets.secure],
  ] as const) {
    const options = { socketPath, tls: trust(context) }
    await echoes(await nexus.WsStream.connect(`${url}/echo`, options), randomBytes(100_000))
    const pool = await nexus.ClientPool.connect(url.replace(/^ws/, 'http'), { connections: 2, ...options })
    for (let i = 0; i < 4; i++) equal((await pool.request('GET', '/', { timeout: 10_000, retryUnsent: 5 })).status, 426)
    await pool.close({ timeout: 1_000 })
    const missing = nexus.WsStream.connect(url, { ...options, socketPath: `${socketPath}-not` })
    ok((await fails(missing, 'TransportError', 'ConnectRefused')).message.includes(`${socketPath}-not does not exist`), 'the path is named')
  }
  for (const host of ['ws://elsewhere.test', 'wss://elsewhere.test']) {
    const path = host.startsWith('wss') ? env.sockets.secure : env.sockets.plain
    const opening = nexus.WsStream.connect(`${host}/echo`, { socketPath: path, tls: trust(context) })
    if (host.startsWith('wss')) await fails(opening, 'TlsError', 'CertificateRejected')
    else await echoes(await opening, randomBytes(5))
  }
  for (const wrong of ['', 'a\0b', 7 as unknown as string])
    await fails(nexus.WsStream.connect(env.ws, { socketPath: wrong }), 'UsageError', 'InvalidOption')
  await fails(nexus.WsStream.connect(env.ws, { socketPath: '/x', proxy: env.proxies.connect }), 'UsageError', 'InvalidOption')
})
