/** The way to a server: names, addresses, TLS, limits and options. */

import type * as Nexus from '../../src/entry/node.ts'
import { type ErrorLike, equal, fails, ok } from './assert.ts'
import { ask, type Check, type Context, MIB, newId, open, recv, subject, within } from './check-tools.ts'

const { checks, check, checkBoth } = subject()

/** All of these checks, in order. */
export const connectingChecks: readonly Check[] = checks

check('a refused port is ConnectRefused', async (context) => {
  const error = await fails(open(context, context.env.refused), 'TransportError', 'ConnectRefused')
  ok(error.message.includes(new URL(context.env.refused).port), 'the message names the port')
  ok(error.cause instanceof Error, 'the runtime’s own error is the cause')
  await fails(open(context, context.env.refused.replace('ws:', 'wss:')), 'TransportError', 'ConnectRefused')
})

check('a name that does not exist is HostNotFound', async (context) => {
  await fails(open(context, 'ws://no-such-host.invalid/'), 'TransportError', 'HostNotFound')
})

check('TLS to a plain port is TlsHandshakeFailed', async (context) => {
  await fails(open(context, context.env.ws.replace('ws:', 'wss:')), 'TlsError', 'TlsHandshakeFailed')
})

check('plain to a TLS port fails the handshake', async (context) => {
  await fails(open(context, context.env.wss.replace('wss:', 'ws:')), 'HandshakeError', 'MalformedHttp', 'ClosedDuringHandshake')
})

check('a certificate of an unknown authority, or for another name, is CertificateRejected', async (context) => {
  const { wss, wrongName, strangerCa, ca } = context.env
  await fails(open(context, wss, { tls: {} }), 'TlsError', 'CertificateRejected')
  await fails(open(context, wss, { tls: { ca: strangerCa } }), 'TlsError', 'CertificateRejected')
  await fails(open(context, wrongName, { tls: { ca } }), 'TlsError', 'CertificateRejected')
})

check('an aborted signal abandons the attempt, with its reason', async (context) => {
  const reason = new Error('changed my mind')
  const rejection = async (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'connected',
      (error) => error,
    )

  ok((await rejection(open(context, `${context.env.ws}/echo`, { signal: AbortSignal.abort(reason) }))) === reason, 'aborted before')

  const during = new AbortController()
  const connecting = rejection(open(context, `${context.env.ws}/echo`, { signal: during.signal }))
  during.abort(reason)
  ok((await connecting) === reason, 'aborted while connecting')
})

checkBoth('a signal that is aborted during the opening handshake abandons it', async (context, { bad }) => {
  const reason = new Error('changed my mind')
  const controller = new AbortController()
  const id = newId()
  const opening = open(context, `${bad}/silent?id=${id}`, { signal: controller.signal }).then(
    () => 'connected',
    (error: unknown) => error,
  )
  // The server has the request.
  await ask(context, `/requested?id=${id}`)
  controller.abort(reason)
  ok((await opening) === reason, 'the reason is what it fails with')
  equal(await ask(context, `/ended?id=${id}`), '', 'what the server saw before the end')
})

check('a signal that is aborted once the connection is open does nothing', async (context) => {
  const controller = new AbortController()
  await within(
    context,
    `${context.env.ws}/echo`,
    async (ws) => {
      controller.abort()
      ws.sendText('still here')
      equal((await recv(ws)).text, 'still here')
    },
    { signal: controller.signal },
  )
})

for (const url of [
  '',
  'nonsense',
  '/path',
  'exchange.example/ws',
  'ftp://exchange.example/',
  'ws://',
  'ws://host:99999/',
  'ws://host:port/',
  'ws://[::1/',
  'ws://host/#part',
  'ws://host/#',
  'ws://%zz@host/',
]) {
  check(`the URL ${JSON.stringify(url)} is InvalidUrl`, async (context) => {
    await fails(open(context, url), 'UsageError', 'InvalidUrl')
  })
}

const BAD_OPTIONS: readonly (readonly [Record<string, unknown>, string, string])[] = [
  [{ bufferCapacity: 100 }, 'UsageError', 'InvalidOption'],
  [{ bufferCapacity: 17 * MIB }, 'UsageError', 'InvalidOption'],
  [{ bufferCapacity: 5_000.5 }, 'UsageError', 'InvalidOption'],
  [{ bufferCapacity: '65536' }, 'UsageError', 'InvalidOption'],
  [{ maxReadSize: 1 }, 'UsageError', 'InvalidOption'],
  [{ maxReadSize: MIB }, 'UsageError', 'InvalidOption'],
  [{ compactAt: 1.5 }, 'UsageError', 'InvalidOption'],
  [{ maxFrameSize: -1 }, 'UsageError', 'InvalidOption'],
  [{ maxMessageSize: 2 ** 31 }, 'UsageError', 'InvalidOption'],
  [{ writeBufferCapacity: 1 }, 'UsageError', 'InvalidOption'],
  [{ maxBufferedAmount: -1 }, 'UsageError', 'InvalidOption'],
  [{ heartbeat: { interval: 1 } }, 'UsageError', 'InvalidOption'],
  [{ heartbeat: { interval: 100, timeout: 0 } }, 'UsageError', 'InvalidOption'],
  [{ heartbeat: 1_000 }, 'UsageError', 'InvalidOption'],
  [{ heartbeat: null }, 'UsageError', 'InvalidOption'],
  [{ dataTimeout: 1 }, 'UsageError', 'InvalidOption'],
  [{ closeTimeout: -1 }, 'UsageError', 'InvalidOption'],
  [{ handshakeTimeout: Number.NaN }, 'UsageError', 'InvalidOption'],
  [{ connectTimeout: -1 }, 'UsageError', 'InvalidOption'],
  [{ keepAlive: -1 }, 'UsageError', 'InvalidOption'],
  [{ keepAlive: true }, 'UsageError', 'InvalidOption'],
  [{ noDelay: 'yes' }, 'UsageError', 'InvalidOption'],
  [{ autoPong: 'no' }, 'UsageError', 'InvalidOption'],
  [{ protocols: 'two words' }, 'UsageError', 'InvalidOption'],
  [{ protocols: ['a', 'a'] }, 'UsageError', 'InvalidOption'],
  [{ protocols: '' }, 'UsageError', 'InvalidOption'],
  [{ headers: { Upgrade: 'websocket' } }, 'UsageError', 'InvalidOption'],
  [{ headers: { 'Sec-WebSocket-Key': 'x' } }, 'UsageError', 'InvalidOption'],
  [{ headers: { 'Content-Length': '1' } }, 'UsageError', 'InvalidOption'],
  [{ headers: { 'X-Injected': 'a\r\nEvil: yes' } }, 'EncodeError', 'HeaderInjection'],
  [{ headers: { 'X-Nul': 'a\0' } }, 'EncodeError', 'HeaderInjection'],
  [{ headers: { 'Bad Name': 'a' } }, 'EncodeError', 'HeaderInjection'],
  [{ headers: { '': 'a' } }, 'EncodeError', 'HeaderInjection'],
  [{ headers: { Host: 'a b\n' } }, 'EncodeError', 'HeaderInjection'],
  [{ headers: { 'X-Long': 'y'.repeat(100_000) } }, 'EncodeError', 'OutgoingHeadTooLarge'],
]

for (const [options, name, code] of BAD_OPTIONS) {
  const shown = JSON.stringify(options)
  check(`the options ${shown.length > 60 ? `${shown.slice(0, 60)}…` : shown} are ${code}`, async (context) => {
    await fails(open(context, `${context.env.ws}/echo`, options as Nexus.ConnectOptions), name, code)
  })
}

for (const tls of [
  { ca: 'not a certificate' },
  { ca: [] },
  { cert: 'x' },
  { key: 'x' },
  { minVersion: '1.1' },
  { alpnProtocols: 'http/1.1' },
  { serverName: 'host:443' },
  { dangerNoVerify: 1 },
]) {
  check(`the TLS options ${JSON.stringify(tls)} are TlsOptionInvalid`, async (context) => {
    await fails(open(context, `${context.env.wss}/echo`, { tls } as unknown as Nexus.ConnectOptions), 'TlsError', 'TlsOptionInvalid')
  })
}

/** What OpenSSL says of each. */
const REASONS: Readonly<Record<string, RegExp>> = {
  notPermitted: /permitted subtree violation/,
  excluded: /excluded subtree violation/,
  weakKey: /key too (?:weak|small)/,
  weakHash: /digest algorithm too weak/,
}

for (const [kind, faults] of [
  ['for a name that its authority may not issue for', ['notPermitted', 'excluded']],
  ['with a weak key or hash', ['weakKey', 'weakHash']],
] as const) {
  const refusals = async (context: Context): Promise<[fault: string, error: ErrorLike][]> => {
    const found: [string, ErrorLike][] = []
    for (const { fault, ca, url } of context.env.refusedCertificates) {
      if (!(faults as readonly string[]).includes(fault)) continue
      found.push([fault, await fails(open(context, url, { tls: { ca }, handshakeTimeout: 300 }), 'TlsError', 'CertificateRejected')])
    }
    return found
  }
  check(`a certificate ${kind} is CertificateRejected`, async (context) => {
    equal((await refusals(context)).length, 2)
  })
  check(`a certificate ${kind}: the reason is told`, async (context) => {
    for (const [fault, { message }] of await refusals(context)) ok((REASONS[fault] as RegExp).test(message), `the reason is in: ${message}`)
  })
}

check('dangerNoVerify, ALPN and serverName do what they say', async (context) => {
  const { wss, ca } = context.env
  await within(context, `${wss}/echo`, async (ws) => equal(ws.readyState, 'open'), { tls: { dangerNoVerify: true } })
  await within(context, `${wss}/echo`, async (ws) => equal(ws.alpnProtocol, 'http/1.1'), { tls: { ca, alpnProtocols: ['http/1.1'] } })
  await within(context, `${wss}/echo`, async (ws) => equal(ws.alpnProtocol, null), { tls: { ca, serverName: 'localhost', minVersion: '1.3' } })
})

check('the socket options are taken', async (context) => {
  await within(context, `${context.env.ws}/echo`, async (ws) => equal(ws.readyState, 'open'), { noDelay: false, keepAlive: 30_000 })
})

check('the address of the peer is told', async (context) => {
  await within(context, `${context.env.ws}/echo`, async (ws) => equal(ws.remoteAddress, context.env.ws.slice('ws://'.length)))
})
