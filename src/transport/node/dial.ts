/**
 * Connecting with Node: name lookup, overlapping attempts on the addresses (RFC 8305; Node's own try one after the other, and cut one that
 * takes longer than 250 ms), TLS on the first that answers.
 */

import dns from 'node:dns'
import net from 'node:net'
import type tls from 'node:tls'
import type { Clock } from '../../clock.ts'
import { interleaveFamilies, type ResolvedAddress, raceAddresses } from '../address-race.ts'
import { makeConnection } from '../attempt.ts'
import { checkSocketPath, checkTcpOptions, type TcpSettings } from '../dial-options.ts'
import { checkTlsConfig, isIpAddress, serverNameFor, type TlsSettings } from '../tls-options.ts'
import type { TlsSessions } from '../tls-sessions.ts'
import type { Address, Dial, Transport } from '../transport.ts'
import { checkIdentity } from './identity.ts'
import { nodeTls } from './tls-module.ts'
import { resumption } from './tls-resumption.ts'
import { DialedTransport, LANDING_BYTES, Landing, RECORD_BYTES } from './transport.ts'

/** Finds the addresses of a name; `dns.lookup` with `all`. */
export type Lookup = (hostname: string, done: (error: Error | null, addresses: readonly ResolvedAddress[]) => void) => void

/** A socket whose TCP connection is open, and where its bytes land. */
interface Opening {
  readonly place: Place
  readonly socket: net.Socket
  readonly landing: Landing
}

/** An address and a port, or a Unix domain socket. */
type Place = { readonly host: string; readonly port: number } | { readonly path: string }
type SocketOptions = Pick<net.TcpNetConnectOpts, 'allowHalfOpen' | 'keepAlive' | 'keepAliveInitialDelay'>

const systemLookup: Lookup = (hostname, done) => dns.lookup(hostname, { all: true }, done)

/**
 * Connects with `net` or `tls`. All of {@link DialOptions} are honoured.
 *
 * @param clock measures the time limit, and when the next address is tried
 * @param readsAtOnce a socket reads when there is something, and reports it before another one reads: then they can share where they read to
 */
export function nodeDial(clock: Clock, lookup: Lookup = systemLookup, readsAtOnce: boolean = process.platform !== 'win32'): Dial {
  let shared: Uint8Array | null = null
  const land = (secure: boolean): Landing => {
    if (!readsAtOnce) return new Landing(new Uint8Array(RECORD_BYTES), RECORD_BYTES)
    shared ??= new Uint8Array(LANDING_BYTES)
    return new Landing(shared, secure ? RECORD_BYTES : LANDING_BYTES)
  }
  return async (address, options, sessions) => {
    const path = checkSocketPath(options)
    const tcp = checkTcpOptions(options)
    const tls = address.secure ? checkTlsConfig(options.tls) : null
    if (tls !== null) checkIdentity(tls)
    const transportOf = ({ place, socket, landing }: Opening): Transport => {
      if (tcp.noDelay) socket.setNoDelay(true)
      return new DialedTransport(socket, 'host' in place ? place : {}, landing, tls === null && process.platform !== 'win32')
    }
    return makeConnection(
      clock,
      address,
      options,
      (attempt) =>
        new Promise((done, failed) => {
          const begin = (error: Error | null, places: readonly Place[]): void => {
            if (attempt.isAbandoned) return
            if (error !== null) {
              failed(error)
              return
            }
            const start = (place: Place, isThere: (opening: Opening) => void, isLost: (error: unknown) => void): (() => void) =>
              startAttempt(land(tls !== null), place, address, tcp, tls, sessions, isThere, isLost)
            const win = (opening: Opening): void => {
              if (tls === null) done(transportOf(opening))
              else attempt.hold(secure(opening, () => done(transportOf(opening)), failed))
            }
            try {
              attempt.hold(raceAddresses(places, start, clock, win, failed))
            } catch (thrown) {
              // An option that only the runtime itself can judge, from inside of the look-up.
              failed(thrown)
            }
          }
          if (path === null) resolve(lookup, address, begin)
          else begin(null, [{ path }])
        }),
    )
  }
}

/** The addresses of a host in the order in which they are tried. One that is an address is not looked up. */
function resolve(lookup: Lookup, { hostname, port }: Address, done: (error: Error | null, places: readonly Place[]) => void): void {
  if (net.isIP(hostname) !== 0) {
    done(null, [{ host: hostname, port }])
    return
  }
  lookup(hostname, (error, addresses) => {
    if (error === null && addresses.length === 0) done(Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' }), [])
    else done(error, error === null ? interleaveFamilies(addresses).map((host) => ({ host, port })) : [])
  })
}

/** Begins to connect; TLS begins by itself with the TCP connection. */
function startAttempt(
  landing: Landing,
  place: Place,
  address: Address,
  tcp: TcpSettings,
  tls: TlsSettings | null,
  sessions: TlsSessions | undefined,
  done: (opening: Opening) => void,
  failed: (error: unknown) => void,
): () => void {
  const where = { ...place, ...socketOptions(tcp) }
  const socket = tls === null ? net.connect({ ...where, onread: landing.onread }) : connectTls(where, address, tls, landing, sessions)
  socket.on('error', failed)
  socket.once('connect', () => {
    socket.off('error', failed)
    done({ place, socket, landing })
  })
  return () => {
    // An abandoned socket may still fail; that is ignored.
    socket.off('error', failed)
    socket.on('error', () => {})
    socket.destroy()
  }
}

/** Waits for the TLS handshake. */
function secure(opening: Opening, done: () => void, failed: (error: unknown) => void): () => void {
  const { socket } = opening
  socket.once('error', failed)
  socket.once('secureConnect', () => {
    socket.off('error', failed)
    done()
  })
  return () => socket.destroy()
}

function connectTls(
  where: SocketOptions & Place,
  address: Address,
  config: TlsSettings,
  landing: Landing,
  sessions: TlsSessions | undefined,
): net.Socket {
  const name = serverNameFor(address.hostname, config)
  const { connect, checkServerIdentity } = nodeTls()
  const { session, watch } = resumption(sessions, name, config)
  const socket = connect({
    ...where,
    ...session,
    onread: landing.onread,
    // An address is verified all the same.
    ...(isIpAddress(name) ? {} : { servername: name }),
    // The check uses the given name; with an address it would otherwise use the host of the connection.
    checkServerIdentity: (_: string, certificate: tls.PeerCertificate) => checkServerIdentity(name, certificate),
    ...(config.ca === null ? {} : { ca: [...config.ca] }),
    ...config.identity,
    ...(config.alpnProtocols.length === 0 ? {} : { ALPNProtocols: [...config.alpnProtocols] }),
    minVersion: config.minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    rejectUnauthorized: !config.dangerNoVerify,
    // biome-ignore lint/suspicious/noExplicitAny: `onread` and the TCP options are honoured by tls.connect, but missing in its types
  } as any)
  watch(socket)
  return socket
}

function socketOptions(tcp: TcpSettings): SocketOptions {
  return {
    // We decide when our side ends.
    allowHalfOpen: true,
    ...(tcp.keepAlive === false ? {} : { keepAlive: true, keepAliveInitialDelay: tcp.keepAlive }),
  }
}
