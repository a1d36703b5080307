/** TLS sessions that are resumed on Node, with real servers: by pools and sessions that connect again, also through a proxy. */

import https from 'node:https'
import type { AddressInfo } from 'node:net'
import type tls from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { systemClock } from '../../../../src/clock.ts'
import { ClientPool, WsStream } from '../../../../src/entry/node.ts'
import type { TlsError } from '../../../../src/errors.ts'
import { nodeDial } from '../../../../src/transport/node/dial.ts'
import { TlsSessions } from '../../../../src/transport/tls-sessions.ts'
import { makeCertificates, type TestCertificates } from '../../../helpers/certificates.ts'
import { startConnectProxy } from '../../../helpers/proxies.ts'

/** A connection as the server saw it. */
interface Seen {
  readonly reused: boolean
  readonly client: unknown
  readonly authorized: boolean
}

let certificates: TestCertificates
const closers: (() => void)[] = []

beforeAll(async () => {
  certificates = await makeCertificates()
})
afterEach(() => {
  for (const close of closers.splice(0)) close()
})
afterAll(() => {
  for (const close of closers) close()
})

/** A server of HTTP and WebSocket over TLS that notes each connection; `/end` ends it after the response. */
async function startServer(options: https.ServerOptions = {}, port = 0): Promise<{ server: https.Server; port: number; seen: Seen[]; drop(): void }> {
  const seen: Seen[] = []
  const open = new Set<tls.TLSSocket>()
  const server = https.createServer({ ...certificates.server, ...options }, (request, response) => {
    response.writeHead(200, request.url === '/end' ? { Connection: 'close' } : {}).end('hello')
  })
  new WebSocketServer({ server }).on('connection', (socket) => socket.on('error', () => {}).on('message', () => socket.close(1001)))
  server.on('secureConnection', (socket: tls.TLSSocket) => {
    open.add(socket)
    seen.push({ reused: socket.isSessionReused(), client: socket.getPeerCertificate().subject?.CN, authorized: socket.authorized })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const drop = (): void => {
    for (const socket of open) socket.destroy()
  }
  closers.push(() => {
    drop()
    server.close()
  })
  return { server, port: (server.address() as AddressInfo).port, seen, drop }
}

/** Has a pool of one connection make `count` of them. */
async function connections(url: string, count: number, options: Parameters<typeof ClientPool.connect>[1] = {}): Promise<void> {
  const pool = await ClientPool.connect(url, { tls: { ca: certificates.ca }, ...options })
  for (let i = 1; i < count; i++) {
    expect((await pool.request('GET', '/end', { retryUnsent: 5 })).text()).toBe('hello')
    // The next one has the next connection.
    expect((await pool.request('GET', '/', { retryUnsent: 5 })).text()).toBe('hello')
  }
  await pool.close({ timeout: 100 })
}

const reused = (seen: readonly Seen[]): boolean[] => seen.map((each) => each.reused)

describe.each(['TLSv1.3', 'TLSv1.2'] as const)('%s', (maxVersion) => {
  test('a pool that heals resumes, again and again', async () => {
    const { port, seen } = await startServer({ maxVersion })
    await connections(`https://127.0.0.1:${port}`, 4)
    expect(reused(seen)).toEqual([false, true, true, true])
  })

  test('one that is told not to resumes nothing', async () => {
    const { port, seen } = await startServer({ maxVersion })
    await connections(`https://127.0.0.1:${port}`, 3, { tls: { ca: certificates.ca, resumeSessions: false } })
    expect(reused(seen)).toEqual([false, false, false])
  })

  test('… through a proxy, too', async () => {
    const { port, seen } = await startServer({ maxVersion })
    const proxy = await startConnectProxy()
    await connections(`https://127.0.0.1:${port}`, 3, { proxy: `http://127.0.0.1:${proxy.port}` })
    expect(reused(seen)).toEqual([false, true, true])
    await proxy.close()
  })

  test('a client’s certificate holds on a resumed session', async () => {
    const { port, seen } = await startServer({ maxVersion, requestCert: true, ca: certificates.ca })
    const { cert, key } = certificates.client
    await connections(`https://127.0.0.1:${port}`, 3, { tls: { ca: certificates.ca, cert, key } })
    expect(seen).toEqual([false, true, true].map((isReused) => ({ reused: isReused, client: 'client', authorized: true })))
  })

  test('a server that has forgotten its sessions is reached all the same', async () => {
    const { server, port, seen } = await startServer({ maxVersion })
    const pool = await ClientPool.connect(`https://127.0.0.1:${port}`, { tls: { ca: certificates.ca } })
    for (let i = 0; i < 3; i++) {
      expect((await pool.request('GET', '/end', { retryUnsent: 5 })).status).toBe(200)
      server.setTicketKeys(Buffer.alloc(48, i))
    }
    expect((await pool.request('GET', '/', { retryUnsent: 5 })).status).toBe(200)
    expect(reused(seen).every((each) => !each)).toBe(true)
    expect(seen.length).toBeGreaterThanOrEqual(3)
    await pool.close({ timeout: 100 })
  })

  test('the sessions of a WebSocket resume', async () => {
    const { port, seen } = await startServer({ maxVersion })
    const options = { tls: { ca: certificates.ca }, backoff: { initial: 1, max: 1 } }
    let count = 0
    for await (const ws of WsStream.sessions(`wss://127.0.0.1:${port}`, options)) {
      if (++count === 3) break
      void ws.sendText('end it')
      for await (const _ of ws);
    }
    expect(reused(seen)).toEqual([false, true, true])
  })
})

test('attempts that reach no server use up no session', async () => {
  const ticketKeys = Buffer.alloc(48, 1)
  const first = await startServer({ maxVersion: 'TLSv1.2', ticketKeys })
  const pool = await ClientPool.connect(`https://127.0.0.1:${first.port}`, { tls: { ca: certificates.ca }, backoff: { initial: 1, max: 1 } })
  let failures = 0
  const failed = new Promise<void>((resolve) => pool.observe({ onAttemptFailed: () => ++failures === 3 && resolve() }))
  const isUp = new Promise<void>((resolve) => pool.observe({ onSlotUp: () => resolve() }))
  first.server.close()
  first.drop()
  await failed
  const second = await startServer({ maxVersion: 'TLSv1.2', ticketKeys }, first.port)
  await isUp
  expect((await pool.request('GET', '/', { retryUnsent: 5 })).status).toBe(200)
  expect([reused(first.seen), reused(second.seen)]).toEqual([[false], [true]])
  await pool.close({ timeout: 100 })
})

test('an address that refuses leaves its session to the next one; the settings are read once for each attempt', async () => {
  const { server, port, seen } = await startServer({ maxVersion: 'TLSv1.2' })
  const addresses = [
    { address: '::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ]
  const dial = nodeDial(systemClock, (_, done) => done(null, addresses))
  const sessions = new TlsSessions(Date.now)
  const stringify = vi.spyOn(JSON, 'stringify')
  for (let i = 0; i < 3; i++) {
    const options = { tls: { ca: certificates.ca, serverName: '127.0.0.1' } }
    const isSeen = new Promise((resolve) => server.once('secureConnection', resolve))
    const transport = await dial({ hostname: 'exchange.test', port, secure: true }, options, sessions)
    await isSeen
    transport.destroy()
  }
  expect(reused(seen)).toEqual([false, true, true])
  expect(stringify.mock.calls.length).toBe(3 * addresses.length)
  stringify.mockRestore()
})

test('another server behind the same name and port is checked: a session does not stand for its certificate', async () => {
  const first = await startServer()
  const pool = await ClientPool.connect(`https://127.0.0.1:${first.port}`, { tls: { ca: certificates.ca }, backoff: { initial: 1, max: 1 } })
  expect((await pool.request('GET', '/')).status).toBe(200)
  const failed = new Promise<TlsError>((resolve) =>
    pool.observe({ onAttemptFailed: ({ error }) => 'code' in (error as object) && resolve(error as TlsError) }),
  )
  first.server.close()
  first.drop()
  await new Promise((resolve) => first.server.once('close', resolve))
  await startServer(certificates.wrongName, first.port)
  for (let error = await failed; ; ) {
    if (error.code === 'CertificateRejected') break
    error = await new Promise<TlsError>((resolve) => pool.observe({ onAttemptFailed: (event) => resolve(event.error as TlsError) }))
  }
  expect(pool.stats.idle).toBe(0)
  await pool.close({ timeout: 100 })
})

test('single connections, and two pools, share nothing', async () => {
  const { port, seen } = await startServer()
  for (let i = 0; i < 2; i++) await connections(`https://127.0.0.1:${port}`, 1)
  for (let i = 0; i < 2; i++) (await WsStream.connect(`wss://127.0.0.1:${port}`, { tls: { ca: certificates.ca } })).destroy()
  expect(reused(seen)).toEqual([false, false, false, false])
})

test('a session of a server that was not accepted is not kept', async () => {
  // TLS 1.2 gives its session before the client judges the name.
  const { port, seen } = await startServer({ ...certificates.wrongName, maxVersion: 'TLSv1.2' })
  const pool = await ClientPool.connect(`https://127.0.0.1:${port}`, { lazy: true, tls: { ca: certificates.ca }, backoff: { initial: 1, max: 1 } })
  let failures = 0
  await new Promise<void>((resolve) =>
    pool.observe({
      onAttemptFailed: ({ error }) => {
        expect((error as TlsError).code).toBe('CertificateRejected')
        if (++failures === 3) resolve()
      },
    }),
  )
  expect(seen.some((each) => each.reused)).toBe(false)
  await pool.close({ timeout: 100 })
})
