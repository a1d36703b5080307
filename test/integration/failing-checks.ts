/**
 * Every way in which connecting can fail: no socket is left, of whoever's, and the error holds none of the secrets that it was given. They stand in
 * user, password and query of the URL, in fields, in the credentials of a proxy and in a private key.
 */

import { inspect } from 'node:util'
import type * as Nexus from '../../src/entry/node.ts'
import { ok } from './assert.ts'
import type { Check, Context } from './check-tools.ts'

/** All of these checks. */
export const failingChecks: Check[] = []

const SECRET = 'pl4nted'
const FIELDS = { Authorization: `Bearer ${SECRET}-field` }

/** Who connects. */
type Way = 'stream' | 'connection' | 'pool'

/** An attempt that fails, and what it may fail with. */
interface Attempt {
  /** `ws:` or `wss:`; the others connect to the same with `http:` or `https:`. */
  readonly url: string
  readonly options?: Nexus.ConnectOptions
  readonly codes: readonly string[]
  /** Who fails; all three when not said. */
  readonly who?: readonly Way[]
  /** TLS is given up while the server says nothing: Deno's own keeps the socket then, until the server closes it (docs/runtimes.md). */
  readonly isGivenUpTls?: boolean
}

/** `url` with a user and a password. */
function withUser(url: string): string {
  return url.replace('://', `://${SECRET}-user:${SECRET}-word@`)
}

function fail(what: string, attempt: (context: Context) => Attempt): void {
  failingChecks.push({ name: `nothing is left of an attempt, and no secret told: ${what}`, run: (context) => runAttempt(context, attempt) })
}

async function runAttempt(context: Context, attempt: (context: Context) => Attempt): Promise<void> {
  const { HttpConnection, WsStream, ClientPool } = context.nexus
  const { who = ['stream', 'connection', 'pool'], codes, isGivenUpTls = false } = attempt(context)
  const ways: Readonly<Record<Way, (attempt: Attempt) => Promise<unknown>>> = {
    stream: ({ url, options }) =>
      WsStream.connect(withUser(`${url}${url.includes('?') ? '&' : '?'}token=${SECRET}-query`), { headers: FIELDS, ...options }),
    connection: ({ url, options }) => HttpConnection.connect(`${url.replace(/^ws/, 'http')}?token=${SECRET}-query`, options as Nexus.HttpOptions),
    pool: ({ url, options: { headers = FIELDS, ...options } = {} }) =>
      ClientPool.connect(withUser(url.replace(/^ws/, 'http')), { ...options, connections: 2, defaultHeaders: headers } as Nexus.ClientPoolOptions),
  }
  await mark(context)
  for (const way of who) {
    const error = (await ways[way](attempt(context)).then(
      () => ok(false, 'it fails'),
      (reason: unknown) => reason,
    )) as Error & { code?: unknown }
    const found = typeof error.code === 'string' ? error.code : error.name
    ok(codes.includes(found), `${found} is one of ${codes.join(', ')}: ${error.message}`)
    tellsNothing(error)
    if (!isGivenUpTls || !context.env.isTrusted) await drained(context)
  }
}

/** No text that can be reached from the error has a secret in it, as it is or in base64; nor is one shown by a log. */
export function tellsNothing(error: unknown): void {
  const seen = new Set<unknown>()
  const texts: string[] = []
  const visit = (value: unknown, depth: number): void => {
    if (typeof value === 'string') texts.push(value)
    if (typeof value !== 'object' || value === null || seen.has(value) || depth > 8) return
    seen.add(value)
    for (const key of Reflect.ownKeys(value)) visit((value as Record<PropertyKey, unknown>)[key], depth + 1)
  }
  visit(error, 0)
  let json = ''
  try {
    json = JSON.stringify(error)
  } catch {
    // A cycle, in an error of the runtime's.
  }
  texts.push(String(error), json, inspect(error, { depth: 10, showHidden: true }))
  const secrets = [SECRET, btoa(`${SECRET}-user:${SECRET}-word`), btoa(`${SECRET}:${SECRET}`).slice(0, -4)]
  for (const text of texts) for (const secret of secrets) ok(!text.includes(secret), `no secret in ${text}`)
}

/** Connections that the peers have by now are no matter of the attempts that follow. */
async function mark({ env }: Context): Promise<void> {
  await (await fetch(`${env.control}/mark`)).text()
}

/** Waits until the peers have no connection of the attempts any more; one that is kept makes the check run out of its time. */
async function drained({ env }: Context): Promise<void> {
  await (await fetch(`${env.control}/drained`)).text()
}

const trust = ({ env }: Context): { tls?: Nexus.TlsConfig } => (env.isTrusted ? {} : { tls: { ca: env.ca } })
/** Given up by the caller, while nobody answers. */
const abandoned = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(30) })
const ABORTED = ['TimeoutError']

fail('a port where nobody listens', ({ env }) => ({ url: env.refused, codes: ['ConnectRefused'] }))
fail('a name without an address', () => ({ url: 'ws://no-such-host.invalid', codes: ['HostNotFound'] }))
fail('a signal that was aborted before', ({ env }) => ({ url: env.ws, options: { signal: AbortSignal.abort() }, codes: ['AbortError'] }))
fail('TLS to who does not speak it, over TLS', (context) => ({
  url: context.env.ws.replace('ws:', 'wss:'),
  options: trust(context),
  codes: ['TlsHandshakeFailed'],
}))
fail('TLS to who says nothing, over TLS', (context) => ({
  url: context.env.silent.replace('ws:', 'wss:'),
  options: { ...trust(context), connectTimeout: 30 },
  codes: ['ConnectTimeout'],
  isGivenUpTls: true,
}))
fail('TLS that is abandoned, over TLS', (context) => ({
  url: context.env.silent.replace('ws:', 'wss:'),
  options: { ...trust(context), ...abandoned() },
  codes: ABORTED,
  isGivenUpTls: true,
}))
fail('a certificate of a stranger, over TLS', ({ env }) => ({
  url: env.wrongName,
  options: { tls: { ca: env.strangerCa } },
  codes: ['CertificateRejected'],
}))
fail('a certificate for another name, over TLS', (context) => ({
  url: context.env.wrongName,
  options: trust(context),
  codes: ['CertificateRejected'],
}))
fail('a private key that is none, over TLS', ({ env }) => ({
  url: env.wss,
  options: { tls: { cert: env.client.cert, key: `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----\n` } },
  codes: ['TlsOptionInvalid'],
}))
fail('a private key that wants a passphrase, over TLS', ({ env }) => ({
  url: env.wss,
  options: { tls: { cert: env.client.cert, key: '-----BEGIN ENCRYPTED PRIVATE KEY-----\n', passphrase: SECRET } as Nexus.TlsConfig },
  codes: ['TlsOptionInvalid', 'InvalidOption'],
}))

// The opening handshake.

fail('a server that refuses the upgrade', ({ env }) => ({ url: `${env.raw}/403`, codes: ['UnexpectedStatus'], who: ['stream'] }))
fail('a server that refuses it and keeps the connection', ({ env }) => ({ url: `${env.raw}/403-open`, codes: ['UnexpectedStatus'], who: ['stream'] }))
fail('a server that speaks something else', ({ env }) => ({ url: `${env.raw}/banner`, codes: ['MalformedHttp'], who: ['stream'] }))
fail('a server that chooses what was not offered', ({ env }) => ({ url: `${env.raw}/protocol`, codes: ['UnexpectedProtocol'], who: ['stream'] }))
fail('a server that ends', ({ env }) => ({ url: `${env.raw}/end`, codes: ['ClosedDuringHandshake'], who: ['stream'] }))
fail('a server that resets', ({ env }) => ({ url: `${env.raw}/reset-early`, codes: ['ClosedDuringHandshake'], who: ['stream'] }))
fail('a server that does not answer', ({ env }) => ({
  url: env.silent,
  options: { handshakeTimeout: 30 },
  codes: ['HandshakeTimeout'],
  who: ['stream'],
}))
fail('a server that does not answer, over TLS', (context) => ({
  url: `${context.env.rawSecure}/silent`,
  options: { ...trust(context), handshakeTimeout: 30 },
  codes: ['HandshakeTimeout'],
  who: ['stream'],
}))
fail('a handshake that is abandoned', ({ env }) => ({ url: env.silent, options: abandoned(), codes: ABORTED, who: ['stream'] }))

// What the caller hands in.

fail('a field that may not be sent', ({ env }) => ({
  url: env.ws,
  options: { headers: { 'X-Key': `${SECRET}\r\nX: y` } },
  codes: ['HeaderInjection', 'InvalidOption'],
  who: ['stream', 'pool'],
}))
fail('a field that stands in its name', ({ env }) => ({
  url: env.ws,
  options: { headers: { [`X-Key: ${SECRET}`]: '' } },
  codes: ['HeaderInjection', 'InvalidOption'],
  who: ['stream', 'pool'],
}))
fail('a field that is too long', ({ env }) => ({
  url: env.ws,
  options: { headers: { 'X-Key': SECRET.repeat(10_000) } },
  codes: ['OutgoingHeadTooLarge'],
  who: ['stream'],
}))
fail('a subprotocol that is no token', ({ env }) => ({
  url: env.ws,
  options: { protocols: ['v1', `${SECRET}=`] },
  codes: ['InvalidOption'],
  who: ['stream'],
}))
fail('an option that is text', ({ env }) => ({ url: env.ws, options: { connectTimeout: SECRET as never }, codes: ['InvalidOption'] }))

// Proxies.

for (const kind of ['connect', 'secureConnect', 'socks'] as const) {
  const what = { connect: 'an HTTP proxy', secureConnect: 'an HTTPS proxy', socks: 'a SOCKS5 proxy' }[kind]
  const through = (context: Context, url: string = context.env.proxies[kind]): { proxy: Nexus.ProxyOption } => ({
    proxy: kind === 'secureConnect' ? { url: withUser(url), ...trust(context) } : withUser(url),
  })
  fail(`${what} that is not there`, (context) => ({
    url: context.env.ws,
    options: through(context, context.env.refused.replace('ws:', new URL(context.env.proxies[kind]).protocol)),
    codes: ['ProxyFailed'],
  }))
  fail(`${what} that says nothing`, (context) => ({
    url: context.env.ws,
    options: { ...through(context, context.env.silent.replace('ws:', new URL(context.env.proxies[kind]).protocol)), connectTimeout: 30 },
    codes: ['ConnectTimeout'],
  }))
  fail(`${what} that is given up`, (context) => ({
    url: context.env.ws,
    options: { ...through(context, context.env.silent.replace('ws:', new URL(context.env.proxies[kind]).protocol)), ...abandoned() },
    codes: ABORTED,
  }))
  fail(`${what} whose server is not there`, (context) => ({ url: context.env.refused, options: through(context), codes: ['ProxyRefused'] }))
  fail(`a stranger behind ${what}, over TLS`, (context) => ({
    url: context.env.wrongName,
    options: { ...through(context), tls: { ca: context.env.strangerCa } },
    codes: ['CertificateRejected'],
  }))
  fail(`no TLS behind ${what}, over TLS`, (context) => ({
    url: context.env.ws.replace('ws:', 'wss:'),
    options: { ...through(context), ...trust(context) },
    codes: ['TlsHandshakeFailed'],
  }))
  fail(`silence behind ${what}, over TLS`, (context) => ({
    url: context.env.silent.replace('ws:', 'wss:'),
    options: { ...through(context), ...trust(context), connectTimeout: 60 },
    codes: ['ConnectTimeout'],
  }))
  fail(`a handshake that is refused behind ${what}`, (context) => ({
    url: `${context.env.raw}/403`,
    options: through(context),
    codes: ['UnexpectedStatus'],
    who: ['stream'],
  }))
}
fail('a proxy that wants other credentials', ({ env }) => ({
  url: env.ws,
  options: { proxy: withUser(env.proxies.guardedConnect) },
  codes: ['ProxyAuthRequired'],
}))
fail('a SOCKS5 proxy that wants other credentials', ({ env }) => ({
  url: env.ws,
  options: { proxy: withUser(env.proxies.guardedSocks) },
  codes: ['ProxyAuthRequired'],
}))
fail('a proxy that speaks something else', ({ env }) => ({
  url: env.ws,
  options: { proxy: withUser(env.wss.replace('wss:', 'http:')) },
  codes: ['ProxyFailed'],
}))
fail('a field that may not be sent to a proxy', ({ env }) => ({
  url: env.ws,
  options: { proxy: { url: withUser(env.proxies.connect), headers: { 'X-Key': `${SECRET}\n` } } },
  codes: ['HeaderInjection'],
}))
fail('a name that is too long for SOCKS5', ({ env }) => ({
  url: `ws://${'long-label.'.repeat(27)}example`,
  options: { proxy: withUser(env.proxies.socks) },
  codes: ['InvalidUrl'],
}))
fail('a password that is too long for SOCKS5', ({ env }) => ({
  url: env.ws,
  options: { proxy: env.proxies.socks.replace('://', `://user:${SECRET.repeat(40)}@`) },
  codes: ['InvalidOption'],
}))
fail('a proxy with a path', ({ env }) => ({ url: env.ws, options: { proxy: `${env.proxies.connect}/${SECRET}` }, codes: ['InvalidOption'] }))
fail('a proxy whose URL is none', ({ env }) => ({ url: env.ws, options: { proxy: `http://user:${SECRET}@[` }, codes: ['InvalidOption'] }))

// Connections of the caller's.

failingChecks.push({
  name: 'nothing is left of a connection of the caller’s, and no secret told, whatever connectWith fails with',
  async run(context) {
    const { nexus, env } = context
    const { default: net } = (await import('node:net')) as typeof import('node:net') & { default: typeof import('node:net') }
    const dial = async (url: string): Promise<Nexus.Transport> => {
      const { hostname, port } = new URL(url)
      const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true })
      await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
      return nexus.nodeTransport(socket)
    }
    const { WsStream, HttpConnection } = nexus
    const attempts: readonly (readonly [string, (transport: Nexus.Transport) => unknown])[] = [
      [env.ws, (transport) => WsStream.connectWith(transport, `ws//${SECRET}`)],
      [env.ws, (transport) => WsStream.connectWith(transport, env.ws, { maxFrameSize: SECRET as never })],
      [env.ws, (transport) => WsStream.connectWith(transport, env.ws, { headers: { 'X-Key': `${SECRET}\n` } })],
      [env.wrongName, (transport) => WsStream.connectWith(transport, env.wss, { tls: { ca: env.strangerCa } })],
      [env.wrongName, (transport) => WsStream.connectWith(transport, env.wss, { tls: { key: SECRET } })],
      [env.silent, (transport) => WsStream.connectWith(transport, env.silent, { handshakeTimeout: 30 })],
      [env.silent, (transport) => WsStream.connectWith(transport, env.silent.replace('ws:', 'wss:'), { tls: { ca: env.ca }, connectTimeout: 30 })],
      [env.raw, (transport) => WsStream.connectWith(transport, `${env.raw}/403`)],
      [env.ws, (transport) => HttpConnection.connectWith(transport, `http//${SECRET}`)],
      [env.ws, (transport) => HttpConnection.connectWith(transport, env.ws.replace('ws:', 'http:'), { timeout: SECRET as never })],
      [env.ws, (transport) => HttpConnection.connectWith(transport, { capacity: SECRET as never })],
      [env.wrongName, (transport) => HttpConnection.connectWith(transport, env.wss.replace('wss:', 'https:'), { tls: { ca: env.strangerCa } })],
    ]
    await mark(context)
    for (const [url, connect] of attempts) {
      const transport = await dial(url)
      const error = await (async () => connect(transport))().then(
        () => ok(false, 'it fails'),
        (reason: unknown) => reason,
      )
      ok(error instanceof Error && 'code' in error, `an error of the package, not ${String(error)}`)
      tellsNothing(error)
      await drained(context)
    }
  },
})
