/** The engine of `node:tls`, which Node, Deno and Bun have, over a stream that somebody else feeds. */

import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import type tls from 'node:tls'
import { nodeTls } from './node-tls-module.ts'
import type { TlsSettings } from './tls-options.ts'

/** Begins a client's handshake over `stream`. */
export function startEngine(stream: Duplex, hostname: string, settings: TlsSettings): tls.TLSSocket {
  const { ca, identity, alpnProtocols, serverName, minVersion, dangerNoVerify } = settings
  const name = serverName ?? hostname
  return nodeTls().connect({
    socket: stream,
    // The name that the certificate is checked against; SNI carries names only (RFC 6066 section 3).
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(ca === null ? {} : { ca: [...ca] }),
    ...identity,
    ...(alpnProtocols.length === 0 ? {} : { ALPNProtocols: [...alpnProtocols] }),
    minVersion: minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    rejectUnauthorized: !dangerNoVerify,
    // biome-ignore lint/suspicious/noExplicitAny: `allowHalfOpen` is honoured by tls.connect, but missing in its types
    ...({ allowHalfOpen: true } as any),
  })
}
