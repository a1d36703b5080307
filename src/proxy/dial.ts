/** Connecting through a proxy, on any runtime that can open a connection and secure one. */

import { HttpMessages } from '../codec/http-messages.ts'
import type { Codec } from '../codec/memory.ts'
import { ConnectTunnel, SocksTunnel, type TunnelRequest } from '../codec/tunnel.ts'
import { TlsError, TransportError } from '../errors.ts'
import { printAddress } from '../transport/connect-errors.ts'
import { withDeadline } from '../transport/deadline.ts'
import { checkSocketPath } from '../transport/dial-options.ts'
import { checkTlsConfig, type TlsSettings } from '../transport/tls-options.ts'
import type { Address, Dial, DialOptions, Secure, Transport } from '../transport/transport.ts'
import { type Environment, type ProxySettings, resolveProxy } from './settings.ts'
import { TunnelTransport } from './tunnel.ts'

/** What a runtime brings. */
export interface ProxyParts {
  readonly codec: Codec
  /** Opens the connection to the proxy. */
  readonly dial: Dial
  /** Secures the tunnel. */
  readonly secure: Secure
  readonly environment: Environment
}

/**
 * As `dial`, and through `options.proxy` when there is one. `connectTimeout` and `signal` cover all of it: proxy, tunnel and TLS. Rejects also
 * with `ProxyFailed`, `ProxyRefused` and `ProxyAuthRequired`. Nothing is dialled before all that can be wrong with the options was checked.
 */
export function dialThroughProxy(parts: ProxyParts): Dial {
  const messages = new HttpMessages(parts.codec)
  return async (address, options) => {
    const proxy = resolveProxy(options.proxy, address, parts.environment)
    if (proxy === null) return parts.dial(address, options)
    checkSocketPath(options)
    const tls = address.secure ? checkTlsConfig(options.tls) : null
    const request = tunnelRequest(parts.codec, messages, address, proxy)
    const attempt = new Attempt(parts, address, options, proxy, request, tls)
    try {
      return await withDeadline<Transport>(
        address,
        options,
        (done, failed) => {
          attempt.run().then(done, failed)
          return () => attempt.giveUp()
        },
        (late) => late.destroy(),
        () => attempt.silent,
      )
    } finally {
      request.release()
    }
  }
}

/** What the proxy is asked. Throws what its parts throw: a name too long for SOCKS5, a field that may not be sent. */
function tunnelRequest(codec: Codec, messages: HttpMessages, address: Address, { kind, headers, credentials }: ProxySettings): TunnelRequest {
  const { hostname, port } = address
  return kind === 'socks5'
    ? new SocksTunnel(hostname, port, credentials)
    : new ConnectTunnel(codec, messages, printAddress({ hostname, port }), headers)
}

/** One connection being made, which can be given up at every step. It closes what it has opened unless it hands it over. */
class Attempt {
  private readonly abort = new AbortController()
  private transport: Transport | null = null

  constructor(
    private readonly parts: ProxyParts,
    private readonly address: Address,
    private readonly options: DialOptions,
    private readonly proxy: ProxySettings,
    private readonly request: TunnelRequest,
    private readonly tls: TlsSettings | null,
  ) {}

  /** Whom it waits for. */
  get silent(): string {
    const { proxy, address, request } = this
    const name = `the proxy ${printAddress(proxy.address)}`
    return request.isOpen ? `${printAddress(address)}, through ${name},` : name
  }

  async run(): Promise<Transport> {
    const { parts, address, request, tls } = this
    try {
      const below = await this.reach()
      this.transport = below
      this.abort.signal.throwIfAborted()
      const tunnel = await TunnelTransport.open(below, request)
      return tls === null ? tunnel : await parts.secure(tunnel, address.hostname, tls)
    } catch (error) {
      this.transport?.destroy()
      throw error
    }
  }

  giveUp(): void {
    this.abort.abort()
    this.transport?.destroy()
  }

  private async reach(): Promise<Transport> {
    const { proxy, options, abort } = this
    const { noDelay, keepAlive } = options
    try {
      // The time and the caller's signal are watched from outside.
      return await this.parts.dial(proxy.address, { tls: proxy.tls, noDelay, keepAlive, connectTimeout: 0, signal: abort.signal })
    } catch (cause) {
      if (!(cause instanceof TransportError || cause instanceof TlsError)) throw cause
      throw new TransportError('ProxyFailed', `the proxy ${printAddress(proxy.address)} cannot be reached: ${cause.message}`, { cause })
    }
  }
}
