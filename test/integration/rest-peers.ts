/**
 * The peers of the REST checks, in the process of the test runner: `node:http` and `node:https`, a server that misbehaves on request, and
 * servers of a check's own that it starts, stops and cuts over HTTP (`control`). Some of those are processes, which can be killed.
 */

import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { makeCertificates, type TestCertificates } from '../helpers/certificates.ts'
import { Child } from './child.ts'
import { type Closable, listen, stop, tlsServer } from './peers.ts'
import { answer } from './rest-app.ts'
import { Records } from './rest-records.ts'
import { perform } from './rest-script.ts'
import type { RestEnvironment } from './rest-suite.ts'

/** Running peers. */
export interface RestPeers {
  readonly environment: Omit<RestEnvironment, 'writeToTheDead' | 'tellsEnds'>
  readonly certificates: TestCertificates
  close(): Promise<void>
}

const LOOPBACK = '127.0.0.1'

/** Starts all peers on the loopback, each on a port of the system's choice. */
export async function startRestPeers(): Promise<RestPeers> {
  const certificates = await makeCertificates()
  const records = new Records()
  const identity = { cert: certificates.server.cert, key: certificates.server.key }
  const app = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    // A connection that goes away in mid-body is the check's own doing.
    answer(request, response, records).catch(() => response.destroy())
  }

  const plain = http.createServer(app)
  const plain6 = http.createServer(app)
  const secure = https.createServer(identity, app)
  const raw = net.createServer({ allowHalfOpen: true }, (socket) => perform(socket, socket, records))
  const rawSecure = tlsServer(identity, (socket, below) => perform(socket, below, records))
  const wrongName = tlsServer({ ...certificates.wrongName }, () => {})
  const selfSigned = tlsServer({ ...certificates.selfSigned }, () => {})
  const refused = net.createServer()
  const hosts = new Hosts(identity, app)
  const control = http.createServer((request, response) => {
    respond(request, response, records, hosts).catch((error: Error) => {
      response.writeHead(500).end(error.stack)
    })
  })

  const servers = [plain, secure, raw, rawSecure, wrongName, selfSigned, refused, control]
  const ports = await Promise.all(servers.map((server) => listen(server, LOOPBACK)))
  const port6 = await listen(plain6, '::1')
  await stop(refused)
  const at = (server: net.Server, scheme = 'http'): string => `${scheme}://${LOOPBACK}:${ports[servers.indexOf(server)]}`

  return {
    certificates,
    environment: {
      http: at(plain),
      https: at(secure, 'https'),
      http6: `http://[::1]:${port6}`,
      raw: at(raw),
      rawSecure: at(rawSecure, 'https'),
      wrongName: at(wrongName, 'https'),
      selfSigned: at(selfSigned, 'https'),
      refused: at(refused),
      control: at(control),
      ca: certificates.ca,
      strangerCa: certificates.strangerCa,
    },
    async close() {
      await hosts.closeAll()
      await Promise.all([plain6, ...servers.filter((server) => server !== refused)].map(stop))
    },
  }
}

// Servers of one check.

/** What a check can do to a server of its own. */
interface Host {
  readonly port: number
  start(): Promise<void>
  stop(): Promise<void>
  /** Ends (`end`, with TLS its close_notify first), ends TCP alone (`fin`) or resets (`reset`) the `count` oldest of its connections. */
  cut(how: string, count: number): void
  stats(): unknown
}

/** `node:http` or `node:https` in this process. */
class WebHost implements Host {
  port = 0
  private server: Closable | null = null
  /** The sockets that HTTP is spoken on: of TLS the upper ones. */
  private readonly sockets = new Set<net.Socket>()
  private accepted = 0
  private readonly requests: { [path: string]: number } = {}
  /** Connections that their client ended, and those that it broke off. */
  private ended = 0
  private failed = 0
  private mostOpen = 0

  constructor(
    private readonly isSecure: boolean,
    private readonly make: (onRequest: (path: string) => void) => http.Server,
  ) {}

  async start(): Promise<void> {
    const server = this.make((path) => {
      this.requests[path] = (this.requests[path] ?? 0) + 1
    })
    server.on(this.isSecure ? 'secureConnection' : 'connection', (socket: net.Socket) => {
      this.accepted++
      this.sockets.add(socket)
      this.mostOpen = Math.max(this.mostOpen, this.sockets.size)
      socket.once('end', () => this.ended++)
      socket.once('error', () => this.failed++)
      socket.once('close', () => this.sockets.delete(socket))
    })
    this.port = await listen(server, LOOPBACK, this.port)
    this.server = server
  }

  async stop(): Promise<void> {
    const { server } = this
    this.server = null
    if (server !== null) await stop(server)
  }

  cut(how: string, count: number): void {
    const sockets = how === 'end' ? this.sockets : (this.server?.open ?? [])
    for (const socket of [...sockets].slice(0, count)) {
      if (how === 'reset') socket.resetAndDestroy()
      else socket.end()
    }
  }

  stats(): unknown {
    const { accepted, requests, ended, failed, mostOpen, sockets } = this
    return { open: sockets.size, accepted, requests, ended, failed, mostOpen }
  }
}

/** A process of its own: runners/rest-server.mjs. */
class ProcessHost implements Host {
  port = 0
  private child: Child | null = null

  constructor(private readonly options: { readonly cert?: string; readonly key?: string; readonly seed?: number }) {}

  async start(): Promise<void> {
    const script = new URL('./runners/rest-server.mjs', import.meta.url)
    this.child = new Child([process.execPath], script, [JSON.stringify({ ...this.options, port: this.port })])
    this.port = ((await this.child.next()) as { port: number }).port
  }

  async stop(): Promise<void> {
    await this.child?.stop()
    this.child = null
  }

  cut(): void {
    throw new Error('a process is stopped, not cut')
  }

  stats(): unknown {
    return {}
  }
}

class Hosts {
  private readonly all = new Map<string, Host>()

  constructor(
    private readonly identity: { readonly cert: string; readonly key: string },
    private readonly app: http.RequestListener,
  ) {}

  of(id: string): Host {
    const host = this.all.get(id)
    if (host === undefined) throw new Error(`no such host: ${id}`)
    return host
  }

  async open(kind: string, query: URLSearchParams): Promise<{ id: string; port: number }> {
    const isSecure = kind === 'https' || kind === 'processes'
    const keepAliveTimeout = Number(query.get('keepAliveTimeout') ?? 60_000)
    const host = kind.startsWith('process')
      ? new ProcessHost({ ...(isSecure ? this.identity : {}), seed: Number(query.get('seed') ?? 1) })
      : new WebHost(isSecure, (onRequest) => {
          const counted: http.RequestListener = (request, response) => {
            onRequest((request.url ?? '').split('?')[0] as string)
            this.app(request, response)
          }
          return isSecure ? https.createServer({ ...this.identity, keepAliveTimeout }, counted) : http.createServer({ keepAliveTimeout }, counted)
        })
    await host.start()
    const id = String(this.all.size)
    this.all.set(id, host)
    return { id, port: host.port }
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.all.values()].map((host) => host.stop()))
  }
}

// Control.

async function respond(request: http.IncomingMessage, response: http.ServerResponse, records: Records, hosts: Hosts): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const query = url.searchParams
  const id = query.get('id') ?? ''
  const record = records.of(id)
  const reply = (value: unknown): void => {
    response.setHeader('Connection', 'close')
    response.end(JSON.stringify(value ?? null))
  }
  switch (url.pathname) {
    case '/seen': {
      const count = Number(query.get('requests') ?? 1)
      await record.until(() => record.requests >= count)
      return reply({ requests: record.requests, head: record.head, body: record.body.toString('latin1') })
    }
    case '/count':
      return reply(record.requests)
    case '/ended':
      await record.until(() => record.ended !== null)
      return reply(record.ended)
    case '/go':
      record.released++
      record.notify()
      return reply(null)
    case '/progress':
      return reply({ flushed: record.flushed, received: record.received })
    case '/host/open':
      return reply(await hosts.open(query.get('kind') ?? 'http', query))
    case '/host/start':
      return reply(await hosts.of(id).start())
    case '/host/stop':
      return reply(await hosts.of(id).stop())
    case '/host/cut':
      return reply(hosts.of(id).cut(query.get('how') ?? '', Number(query.get('count') ?? Number.POSITIVE_INFINITY)))
    case '/host/stats':
      return reply(hosts.of(id).stats())
    default:
      throw new Error(`no such path: ${url.pathname}`)
  }
}
