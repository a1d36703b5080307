/** The client in Cloudflare's `workerd`: the checks of the other runtimes, each in a request of its own. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { failingChecks } from '../integration/failing-checks.ts'
import { type Peers, startPeers } from '../integration/peers.ts'
import { CHECK_LIMIT } from '../integration/run-checks.ts'
import { checks } from '../integration/suite.ts'
import { ownChecks } from './own-checks.ts'
import { Workerd } from './serve.ts'

/** What this runtime cannot do, with what comes of it: these must fail with that text, so that a gap that closes is noticed. */
const GAPS: Readonly<Record<string, string>> = {
  // The runtime says the same of every connection that can't be made.
  'a refused port is ConnectRefused': 'ConnectFailed',
  'a name that does not exist is HostNotFound': 'ConnectFailed',
  'TLS to a plain port is TlsHandshakeFailed': 'ConnectFailed',
  // Whom it trusts is its configuration's affair, not the Worker's.
  'a certificate of an unknown authority, or for another name, is CertificateRejected': 'it went well',
  'a certificate for a name that its authority may not issue for is CertificateRejected': 'TlsOptionUnsupported',
  'a certificate for a name that its authority may not issue for: the reason is told': 'TlsOptionUnsupported',
  'a certificate with a weak key or hash is CertificateRejected': 'TlsOptionUnsupported',
  'a certificate with a weak key or hash: the reason is told': 'TlsOptionUnsupported',
  'dangerNoVerify, ALPN and serverName do what they say': 'TlsOptionUnsupported',
  'the socket options are taken': 'OptionUnsupported',
  // A peer that answers while the Worker stands still has to run on a thread that shares memory with it: there are no such threads.
  'bytes that arrived while the thread was busy are seen before a timeout judges, over TCP': 'ERR_METHOD_NOT_IMPLEMENTED',
  'bytes that arrived while the thread was busy are seen before a timeout judges, over TLS': 'ERR_METHOD_NOT_IMPLEMENTED',
  // How connections leave is the configuration's affair as well; and there is no other TLS than its own.
  'WebSockets through an HTTP proxy: plain and TLS, small and large': 'OptionUnsupported',
  'WebSockets through an HTTPS proxy: plain and TLS, small and large': 'OptionUnsupported',
  'WebSockets through a SOCKS5 proxy: plain and TLS, small and large': 'OptionUnsupported',
  'requests and pools through an HTTP proxy: plain and TLS, healed through it, too': 'OptionUnsupported',
  'requests and pools through an HTTPS proxy: plain and TLS, healed through it, too': 'OptionUnsupported',
  'requests and pools through a SOCKS5 proxy: plain and TLS, healed through it, too': 'OptionUnsupported',
  'credentials for a proxy: taken, refused, or missing, and said so': 'OptionUnsupported',
  'plain requests that a proxy forwards: bodies, pools and their healing; credentials; what is refused': 'OptionUnsupported',
  'a server that answers unasked and closes: dials back off, are counted and told, through each proxy': 'OptionUnsupported',
  'a proxy that cannot be reached, or cannot reach the server: who it was is said': 'OptionUnsupported',
  'a certificate is checked through a proxy as it is without one': 'OptionUnsupported',
  'TLS over a connection of the caller’s: connectWith takes wss: and https:': 'nodeTransport is not a function',
  'TLS through a proxy and over a connection of the caller’s tells whether the end of a body is verified': 'nodeTransport is not a function',
  'Unix domain sockets: WebSockets and pools, plain and TLS; one that is not there': 'OptionUnsupported',
  'TLS inside of a TLS connection to a proxy that is the caller’s': 'ERR_OPTION_NOT_IMPLEMENTED',
  // It stands on modules of Node.js.
  'the client of ws: messages, control frames, callbacks, and every way to end': 'OfWs is not a constructor',
}

/** Ways of failing that this runtime refuses to begin, or cannot tell apart: by what they are about. */
const FAILING_GAPS: readonly (readonly [about: RegExp, failure: string])[] = [
  [/whatever connectWith fails with|connection to a proxy that is the caller/, 'nodeTransport is not a function'],
  [/prox|SOCKS5/i, 'OptionUnsupported'],
  [/a certificate of a stranger/, 'TlsOptionUnsupported'],
  [/where nobody listens|without an address|who does not speak it|a certificate for another name/, 'ConnectFailed'],
]

function gapOf(name: string): string | undefined {
  if (!failingChecks.some((check) => check.name === name)) return GAPS[name]
  return FAILING_GAPS.find(([about]) => about.test(name))?.[1]
}

let peers: Peers
let workerd: Workerd

beforeAll(async () => {
  peers = await startPeers()
  workerd = await Workerd.start(new URL('worker.ts', import.meta.url), peers.certificates.ca)
}, 60_000)
afterAll(async () => {
  await workerd?.stop()
  await peers?.close()
})

describe('what only workerd has', () => {
  test.each(ownChecks.map(({ name }) => name))('%s', { timeout: CHECK_LIMIT + 10_000 }, async (name) => {
    expect(await workerd.run(name, { ...peers.environment, isTrusted: true })).toBe(null)
  })
})

describe('client on workerd', () => {
  test.each(checks.map(({ name }) => name))('%s', { timeout: CHECK_LIMIT + 10_000 }, async (name) => {
    const environment = { ...peers.environment, isTrusted: true }
    const error = await workerd.run(name, environment)
    const gap = gapOf(name)
    if (gap === undefined) expect(error).toBe(null)
    else expect(error).toContain(gap)
  })
})
