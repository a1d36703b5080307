/** Checks of what only `workerd` has: TLS that begins on a connection which is there. */

import type * as Entry from '../../src/entry/workerd.ts'
import { equal, fails, randomBytes, sameBytes } from '../integration/assert.ts'
import type { Check, Context } from '../integration/suite.ts'

/** All checks, in order. */
export const ownChecks: Check[] = []

function check(name: string, run: (nexus: typeof Entry, env: Context['env']) => Promise<void>): void {
  ownChecks.push({ name, run: ({ nexus, env }) => run(nexus as unknown as typeof Entry, env) })
}

type SecureTransport = 'off' | 'on' | 'starttls'

async function dial(url: string, secureTransport: SecureTransport): Promise<Entry.WorkerdSocket> {
  // Here, not above: the names of the checks are read outside of workerd, too.
  const { connect } = await import('cloudflare:sockets')
  const { hostname, port } = new URL(url)
  return connect({ hostname, port: Number(port) }, { secureTransport, allowHalfOpen: true })
}

async function echoes(ws: Entry.WsStream): Promise<void> {
  const bytes = randomBytes(70_000)
  await ws.sendBinary(bytes)
  const message = await ws.recv()
  sameBytes(message?.bytes as Uint8Array, bytes)
  await ws.close()
}

check('connectWith secures a socket that was made for it, for wss: and https:', async (nexus, env) => {
  const transport = async (): Promise<Entry.Transport> => nexus.workerdTransport(await dial(env.wss, 'starttls'))
  await echoes(await nexus.WsStream.connectWith(await transport(), `${env.wss}/echo`))
  const conn = await nexus.HttpConnection.connectWith(await transport(), env.wss.replace('wss:', 'https:'), {})
  equal((await conn.send(new nexus.RequestWriter(new URL(env.wss).host).get('/').finish())).status, 426)
  conn.destroy()
})

check('a socket that is secure already is used as it is', async (nexus, env) => {
  await echoes(await nexus.WsStream.connectWith(nexus.workerdTransport(await dial(env.wss, 'on')), `${env.wss}/echo`))
})

check('a tunnel that the Worker asked for itself, secured with startTls', async (nexus, env) => {
  const socket = await dial(env.proxies.connect, 'starttls')
  const writer = socket.writable.getWriter()
  const { host } = new URL(env.wss)
  await writer.write(new TextEncoder().encode(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`))
  writer.releaseLock()
  const reader = socket.readable.getReader()
  let answer = ''
  while (!answer.includes('\r\n\r\n')) answer += new TextDecoder().decode((await reader.read()).value)
  reader.releaseLock()
  equal(answer.slice(9, 12), '200')
  await echoes(await nexus.WsStream.connectWith(nexus.workerdTransport(socket), `${env.wss}/echo`))
})

check('what cannot be secured is refused: a socket made without TLS, one in use, settings that workerd has not', async (nexus, env) => {
  const over = async (secureTransport: SecureTransport, options = {}): Promise<unknown> =>
    nexus.WsStream.connectWith(nexus.workerdTransport(await dial(env.wss, secureTransport)), env.wss, options)
  await fails(over('off'), 'TlsError', 'TlsOptionUnsupported')
  await fails(over('starttls', { tls: { ca: env.ca } }), 'TlsError', 'TlsOptionUnsupported')
  const used = nexus.workerdTransport(await dial(env.ws, 'starttls'))
  await echoes(await nexus.WsStream.connectWith(used, `${env.ws}/echo`))
  await fails(nexus.WsStream.connectWith(used, env.wss), 'TlsError', 'TlsOptionUnsupported')
})

check('a certificate for another name fails the connection', async (nexus, env) => {
  const opening = nexus.WsStream.connectWith(nexus.workerdTransport(await dial(env.wss, 'starttls')), `${env.wss}/echo`, {
    tls: { serverName: 'elsewhere.test' },
  })
  await fails(opening, 'TransportError', 'ConnectFailed')
})
