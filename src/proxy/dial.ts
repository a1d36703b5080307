/** Connecting through a proxy, on any runtime that can open a connection and secure one. */

import type { Clock } from '../clock.ts'
import { AbsoluteForm } from '../codec/http/forwarding.ts'
import { HttpMessages } from '../codec/http/messages.ts'
import { ConnectTunnel, SocksTunnel, type TunnelRequest } from '../codec/http/tunnel.ts'
import type { Codec } from '../codec/memory.ts'
import { TlsError, TransportError } from '../errors.ts'
import { type Attempt, makeConnection } from '../transport/attempt.ts'
import { printAddress } from '../transport/connect-errors.ts'
import { checkSocketPath } from '../transport/dial-options.ts'
import { checkTlsConfig, type TlsSettings } from '../transport/tls-options.ts'
import type { Address, Dial, DialOptions, Secure, Transport } from '../transport/transport.ts'
import { ForwardTransport } from './forward.ts'
import { type Environment, type ProxySettings, resolveProxy } from './settings.ts'
import { TunnelTransport } from './tunnel.ts'

/** The functions of a runtime. */
export interface ProxyParts {
  readonly codec: Codec
  /** Opens the connection to the proxy. */
  readonly dial: Dial
  /** Secures the tunnel. */
  readonly secure: Secure
  readonly environment: Environment
  /** Judges what only the runtime can, before anything is dialled. Throws `TlsOptionInvalid`. */
  readonly checkTls: (settings: TlsSettings) => void
  /** Measures `connectTimeout`. */
  readonly clock: Clock
}

/**
 * As `dial`, and through `options.proxy` when there is one. `connectTimeout` and `signal` cover all of it: proxy, tunnel and TLS. Rejects also
 * with `ProxyFailed`, `ProxyRefused` and `ProxyAuthRequired`. Nothing is dialled before all options were checked.
 */
export function dialThroughProxy(parts: ProxyParts): Dial {
  const messages = new HttpMessages(parts.codec)
  return async (address, options, sessions) => {
    const proxy = resolveProxy(options.proxy, address, parts.environment)
    if (proxy === null) return parts.dial(address, options, sessions)
    checkSocketPath(options)
    const name = `the proxy ${printAddress(proxy.address)}`
    if (proxy.forwards && address.speaksHttp === true && !address.secure) {
      const form = new AbsoluteForm(parts.codec, hostOf(address), proxy.headers)
      const forward = async (attempt: Attempt): Promise<Transport> => new ForwardTransport(await reach(parts.dial, proxy, options, attempt), form)
      return makeConnection(parts.clock, address, options, forward, () => name)
    }
    const tls = address.secure ? checkTlsConfig(options.tls) : null
    if (tls !== null) parts.checkTls(tls)
    const request = tunnelRequest(parts.codec, messages, address, proxy)
    // Whom it waits for: the server is not dialled by us, and not before the proxy has been asked to.
    const silent = (): string => (request.isOpen ? `${printAddress(address)}, through ${name},` : name)
    try {
      return await makeConnection(
        parts.clock,
        address,
        options,
        async (attempt) => {
          const below = await reach(parts.dial, proxy, options, attempt)
          const tunnel = await TunnelTransport.open(below, request)
          return tls === null ? tunnel : await parts.secure(tunnel, address.hostname, tls, sessions)
        },
        silent,
      )
    } finally {
      request.release()
    }
  }
}

/** The request to the proxy. Throws the errors of its parts: a name too long for SOCKS5, a field that may not be sent. */
function tunnelRequest(codec: Codec, messages: HttpMessages, address: Address, { kind, headers, credentials }: ProxySettings): TunnelRequest {
  const { hostname, port } = address
  return kind === 'socks5'
    ? new SocksTunnel(hostname, port, credentials)
    : new ConnectTunnel(codec, messages, printAddress({ hostname, port }), headers)
}

/** As `Host` names it (RFC 9110 section 7.2): without the port of `http:`. */
function hostOf({ hostname, port }: Address): string {
  const host = printAddress({ hostname, port })
  return port === 80 ? host.slice(0, -':80'.length) : host
}

/** The connection to the proxy. */
async function reach(dial: Dial, proxy: ProxySettings, { noDelay, keepAlive }: DialOptions, attempt: Attempt): Promise<Transport> {
  try {
    // The caller of this function watches the time and the signal.
    const below = await dial(proxy.address, { tls: proxy.tls, noDelay, keepAlive, connectTimeout: 0, signal: attempt.signal })
    attempt.hold(() => below.destroy())
    attempt.signal.throwIfAborted()
    return below
  } catch (cause) {
    if (!(cause instanceof TransportError || cause instanceof TlsError)) throw cause
    throw new TransportError('ProxyFailed', `the proxy ${printAddress(proxy.address)} cannot be reached: ${cause.message}`, { cause })
  }
}
