/** Connections made and accepted by Bun. */

import type { Clock } from '../../clock.ts'
import { TlsError } from '../../errors.ts'
import { makeConnection } from '../attempt.ts'
import { connectError } from '../connect-errors.ts'
import { checkSocketPath, checkTcpOptions, type TcpSettings } from '../dial-options.ts'
import { checkIdentity } from '../node/identity.ts'
import type { TlsConfig } from '../tls-config.ts'
import { checkTlsConfig, isIpAddress, serverNameFor } from '../tls-options.ts'
import type { Address, Dial, Transport } from '../transport.ts'
import { type BunHandlers, type BunSocket, BunTransport } from './transport.ts'

export type { BunHandlers, BunSocket } from './transport.ts'

declare const Bun: {
  connect(options: {
    hostname?: string
    port?: number
    unix?: string
    allowHalfOpen: boolean
    tls?: BunTlsOptions
    socket: BunHandlers & { connectError(socket: unknown, error: Error): void }
  }): Promise<unknown>
}

interface BunTlsOptions {
  /** Always given: with an empty object, or one of undefined values, Bun speaks plain TCP. */
  rejectUnauthorized: boolean
  minVersion: number
  ca?: string[]
  cert?: string
  key?: string
  serverName?: string
  ALPNProtocols?: Uint8Array
}

/**
 * Handlers for `Bun.listen` that make a transport for every connection:
 * `Bun.listen({ hostname, port, allowHalfOpen: true, socket: bunAcceptor(onTransport) })`, with `tls` if it is to be secure.
 * Without `allowHalfOpen`, Bun ends a connection as soon as the peer has ended its side.
 *
 * @param onTransport is called once for each connection, before anything was read from it
 */
export function bunAcceptor(onTransport: (transport: Transport) => void): BunHandlers {
  const transportOf = (socket: BunSocket): BunTransport => socket.data as BunTransport
  return {
    open(socket) {
      socket.setNoDelay(true)
      const transport = new BunTransport(socket)
      socket.data = transport
      onTransport(transport)
    },
    handshake(socket, success, error) {
      if (success) transportOf(socket).onSecured()
      else if (error !== null) transportOf(socket).onError(error)
    },
    data: (socket, chunk) => transportOf(socket).onData(chunk),
    drain: (socket) => transportOf(socket).onDrain(),
    end: (socket) => transportOf(socket).onEnd(),
    close: (socket, error) => transportOf(socket).onClose(error),
    error: (socket, error) => transportOf(socket).onError(error),
  }
}

/** Connects with `Bun.connect`. All of {@link DialOptions} are honoured. */
export function bunDial(clock: Clock): Dial {
  return async (address, options) => {
    const path = checkSocketPath(options)
    const tcp = checkTcpOptions(options)
    const { hostname, port } = address
    const tls = address.secure ? bunTls(options.tls, hostname, path === null) : undefined
    return makeConnection(
      clock,
      address,
      options,
      (attempt) =>
        new Promise((done, failed) => {
          const socket = new DialHandlers(address, tcp, tls, done, failed)
          attempt.hold(() => socket.giveUp())
          Bun.connect({
            ...(path === null ? { hostname, port } : { unix: path }),
            allowHalfOpen: true,
            ...(tls === undefined ? {} : { tls }),
            socket,
          }).catch(failed)
        }),
    )
  }
}

/** The handlers of one connection: first for the attempt, then for its transport. */
class DialHandlers {
  private transport: BunTransport | null = null
  private givenUp = false

  // Properties, not methods: Bun takes them from the object and calls them without it.
  readonly open: BunHandlers['open']
  readonly handshake: BunHandlers['handshake']
  readonly data: BunHandlers['data'] = (_, chunk) => this.transport?.onData(chunk)
  readonly drain: BunHandlers['drain'] = () => this.transport?.onDrain()
  readonly end: BunHandlers['end'] = () => this.transport?.onEnd()
  readonly close: BunHandlers['close']
  readonly error: BunHandlers['error']
  readonly connectError: (socket: unknown, error: Error) => void

  constructor(
    address: Address,
    tcp: TcpSettings,
    tls: BunTlsOptions | undefined,
    done: (transport: Transport) => void,
    failed: (error: unknown) => void,
  ) {
    this.open = (socket) => {
      // Bun can't cancel a connect; a connection that opens after all is closed here.
      this.transport = new BunTransport(socket)
      if (this.givenUp) {
        this.transport.destroy()
        return
      }
      socket.setNoDelay(tcp.noDelay)
      if (tcp.keepAlive !== false) socket.setKeepAlive(true, tcp.keepAlive)
      if (tls === undefined) done(this.transport)
    }
    this.handshake = (socket, success, error) => {
      if (this.transport === null) return
      const fault = handshakeFault(address, tls?.rejectUnauthorized !== false, success && socket.authorized, success, error)
      if (fault === null) {
        this.transport.onSecured()
        done(this.transport)
        return
      }
      // First: closing calls `close`, which knows less.
      failed(fault)
      this.transport.destroy()
    }
    this.close = (_, error) => {
      this.transport?.onClose(error)
      failed(error ?? Object.assign(new Error('the connection was closed before secure TLS was set up'), { code: 'ECONNRESET' }))
    }
    this.error = (_, error) => {
      this.transport?.onError(error)
      failed(error)
    }
    this.connectError = (_, error) => failed(error)
  }

  giveUp(): void {
    this.givenUp = true
    this.transport?.destroy()
  }
}

/**
 * Null when the connection may be used; otherwise why it is not verified: Bun reports a wrong name as a failed handshake
 * even when it keeps the connection open.
 */
function handshakeFault(address: Address, verify: boolean, authorized: boolean, success: boolean, error: Error | null): Error | null {
  if (verify ? authorized && error === null : success) return null
  const fault = connectError(error ?? new Error('the TLS handshake failed'), address)
  return !verify && fault instanceof TlsError && fault.code === 'CertificateRejected' ? null : fault
}

/** @param isOverTcp Bun knows the host's name by itself */
function bunTls(config: TlsConfig | undefined, hostname: string, isOverTcp: boolean): BunTlsOptions {
  const settings = checkTlsConfig(config)
  checkIdentity(settings)
  const { ca, identity, alpnProtocols, minVersion, dangerNoVerify } = settings
  const name = serverNameFor(hostname, settings)
  // Bun sends any given name as SNI. Without a name it sends none, and verifies the address that it connects to.
  const serverName = isOverTcp && name === hostname ? (isIpAddress(name) ? '' : null) : name
  return {
    rejectUnauthorized: !dangerNoVerify,
    // The numbers of the wire (RFC 8446 section 4.2.1), which is what Bun wants here.
    minVersion: minVersion === '1.3' ? 0x0304 : 0x0303,
    ...(ca === null ? {} : { ca: [...ca] }),
    ...identity,
    ...(serverName === null ? {} : { serverName }),
    ...(alpnProtocols.length === 0 ? {} : { ALPNProtocols: alpnWire(alpnProtocols) }),
  }
}

/** A protocol list as RFC 7301 section 3.1 writes it: each name after its length. Bun sends a plain string as it stands, which means nothing. */
function alpnWire(protocols: readonly string[]): Uint8Array {
  return Uint8Array.from(protocols.flatMap((name) => [name.length, ...Array.from(name, (c) => c.charCodeAt(0))]))
}
