/** What every REST check works with: the entry point and the addresses that were handed in, and ways to connect, ask and be sure. */

import type * as Nexus from '../../src/entry/node.ts'
import type { CreateFetch } from '../../src/entry/node-fetch.ts'
import { equal, fails } from './assert.ts'
import type { Step } from './rest-script.ts'

/** Where the peers are. Plain data, so that it can be handed to another process. */
export interface RestEnvironment {
  /** The well-behaved server, over TCP and TLS. */
  readonly http: string
  readonly https: string
  /** … over TCP on ::1. */
  readonly http6: string
  /** The server that misbehaves, over TCP and TLS. */
  readonly raw: string
  readonly rawSecure: string
  /** What the peers have seen, and what they are to do, over HTTP. */
  readonly control: string
  /** Nothing listens there. */
  readonly refused: string
  /** A certificate for another name; one that nobody signed. */
  readonly wrongName: string
  readonly selfSigned: string
  /** The authority of the peers' certificates, and one that signed none of them. */
  readonly ca: string
  readonly strangerCa: string
  /** The runtime trusts the authority already: no TLS option is needed, and none is given. */
  readonly isTrusted?: boolean
  /** The runtime's own TLS tells a close_notify from a mere end of the connection. */
  readonly tellsEnds: boolean
  /** What can be said of a request whose write found the socket dead. */
  readonly writeToTheDead: { readonly tcp: Nexus.RequestSent; readonly tls: Nexus.RequestSent }
}

/** What a check works with. */
export interface RestContext {
  readonly nexus: typeof Nexus
  readonly env: RestEnvironment
  /** Of the entry `fetch`; missing where only the main entry is handed in. */
  readonly createFetch?: CreateFetch
  /** What a client receives when the runtime's own server answers with what `make` resolves to. Missing where there is no such server. */
  readonly answerWith?: (make: () => Promise<Response>) => Promise<Response>
}

/** One check. */
export interface RestCheck {
  readonly name: string
  run(context: RestContext): Promise<void>
}

/** One of the two ways to the peers. */
export interface Way {
  readonly over: 'tcp' | 'tls'
  readonly web: string
  readonly raw: string
}

/** Checks in the order in which they were added. */
export class CheckList {
  readonly checks: RestCheck[] = []

  add(name: string, run: (context: RestContext) => Promise<void>): void {
    this.checks.push({ name, run })
  }

  /** One check over TCP and one over TLS. */
  both(name: string, run: (context: RestContext, way: Way) => Promise<void>): void {
    this.add(`${name}, over TCP`, (context) => run(context, { over: 'tcp', web: context.env.http, raw: context.env.raw }))
    this.add(`${name}, over TLS`, (context) => run(context, { over: 'tls', web: context.env.https, raw: context.env.rawSecure }))
  }
}

/** Those over TLS, which are all that a second way of TLS has to pass. */
export function isForTrusted({ name }: RestCheck): boolean {
  return name.endsWith('over TLS')
}

export type Connection = Nexus.HttpConnection
export type Pool = Nexus.ClientPool
export type Writer = InstanceType<typeof Nexus.RequestWriter>

export const KIB: number = 1024
export const MIB: number = 1024 * KIB

/** TLS options for a URL: the peers' authority, where it is needed. */
export function tlsFor({ env }: RestContext, url: string): { tls?: Nexus.TlsConfig } {
  return url.startsWith('https:') && !env.isTrusted ? { tls: { ca: env.ca } } : {}
}

/** Connects. */
export function open(context: RestContext, url: string, options: Nexus.HttpOptions = {}): Promise<Connection> {
  return context.nexus.HttpConnection.connect(url, { timeout: 50_000, ...tlsFor(context, url), ...options }) as Promise<Connection>
}

/** Runs `use` with an open connection and a writer for it, and closes it. */
export async function within(
  context: RestContext,
  url: string,
  use: (conn: Connection, writer: Writer) => Promise<void>,
  options?: Nexus.HttpOptions,
): Promise<void> {
  const conn = await open(context, url, options)
  try {
    await use(conn, writerFor(context, url))
  } finally {
    conn.destroy()
  }
}

/** Runs `use` with a pool and closes it. */
export async function withPool<Result>(
  context: RestContext,
  url: string,
  options: Nexus.ClientPoolOptions,
  use: (pool: Pool) => Promise<Result>,
): Promise<Result> {
  const pool = (await context.nexus.ClientPool.connect(url, { timeout: 50_000, ...tlsFor(context, url), ...options })) as Pool
  try {
    return await use(pool)
  } finally {
    await pool.close({ timeout: 1_000 })
  }
}

/** A writer of requests to `url`. */
export function writerFor({ nexus }: RestContext, url: string, options: Nexus.RequestWriterOptions = {}): Writer {
  return new nexus.RequestWriter(new URL(url).host, options)
}

let ids = 0
/** A name under which the peers keep what they see. */
export function newId(): string {
  return `${Math.random().toString(36).slice(2)}-${ids++}`
}

/** The path of a script for the server that misbehaves. */
export function play(id: string, ...steps: Step[]): string {
  return `/play?id=${id}&do=${encodeURIComponent(JSON.stringify(steps))}`
}

/** Asks what a peer has seen, or has it do something. */
export async function ask({ env }: RestContext, path: string): Promise<unknown> {
  const response = await fetch(env.control + path)
  if (!response.ok) throw new Error(await response.text())
  return response.json()
}

/** What an error of a request has. */
export interface RestFailure {
  readonly requestSent: Nexus.RequestSent
  readonly phase: Nexus.RequestPhase
  readonly fault: string
  readonly elapsed: number | undefined
  readonly cause: unknown
  readonly message: string
}

/** Runs `work`, which has to fail with a `RestError` of one of the codes that says so much was sent; returns it. */
export async function failsAfter(sent: Nexus.RequestSent, work: Promise<unknown> | (() => unknown), ...codes: string[]): Promise<RestFailure> {
  const error = (await fails(work, 'RestError', ...codes)) as unknown as RestFailure
  equal(error.requestSent, sent, `requestSent of “${error.message}”`)
  return error
}

/** Waits until `condition` holds; the limit of the check is the limit of the wait. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Waits until `read` gives `expected`. The server sees what happens to a connection after its client does: with TLS, even that it is there. */
export async function becomes(read: () => Promise<unknown> | unknown, expected: unknown, what?: string): Promise<void> {
  const wanted = JSON.stringify(expected)
  let last = await read()
  for (let tries = 0; JSON.stringify(last) !== wanted && tries < 1_000; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    last = await read()
  }
  equal(last, expected, what)
}

/** The pattern of which the peers send so many bytes. */
export function pattern(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8)) & 255
  return bytes
}

/** SHA-1, as the peers tell it of a body. */
export async function sha1(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return Array.from(new Uint8Array(await crypto.subtle.digest('SHA-1', bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** A server of the check's own. */
export class Host {
  private constructor(
    private readonly context: RestContext,
    private readonly id: string,
    readonly url: string,
  ) {}

  /** @param kind of those in plural, `processes` speaks TLS: both are processes of their own (runners/rest-server.mjs) */
  static async open(
    context: RestContext,
    kind: 'http' | 'https' | 'process' | 'processes',
    options: Readonly<Record<string, number>> = {},
  ): Promise<Host> {
    const query = Object.entries(options)
      .map(([name, value]) => `&${name}=${value}`)
      .join('')
    const { id, port } = (await ask(context, `/host/open?kind=${kind}${query}`)) as { id: string; port: number }
    return new Host(context, id, `${kind === 'https' || kind === 'processes' ? 'https' : 'http'}://127.0.0.1:${port}`)
  }

  /** Starts again, on the same port. */
  start(): Promise<unknown> {
    return ask(this.context, `/host/start?id=${this.id}`)
  }

  /** Cuts everything and listens no more; a process is killed. */
  stop(): Promise<unknown> {
    return ask(this.context, `/host/stop?id=${this.id}`)
  }

  /** Ends, or resets, its connections: the oldest ones, or all. */
  cut(how: 'end' | 'fin' | 'reset', count?: number): Promise<unknown> {
    return ask(this.context, `/host/cut?id=${this.id}&how=${how}${count === undefined ? '' : `&count=${count}`}`)
  }

  /** Connections that are open and that there were, requests by path, ends and errors of connections that clients caused. */
  async stats(): Promise<{ open: number; accepted: number; requests: Record<string, number>; ended: number; failed: number; mostOpen: number }> {
    return (await ask(this.context, `/host/stats?id=${this.id}`)) as never
  }

  async open(): Promise<number> {
    return (await this.stats()).open
  }

  async accepted(): Promise<number> {
    return (await this.stats()).accepted
  }
}
