/** TLS over a connection that the caller made, within the limits of an attempt to connect. */

import type { Clock } from '../clock.ts'
import { TlsError } from '../errors.ts'
import { makeConnection } from './attempt.ts'
import { checkTransport } from './dial-options.ts'
import { checkTlsConfig } from './tls-options.ts'
import type { Address, DialOptions, Secure, Transport } from './transport.ts'

/**
 * The connection as its URL requires it: with TLS to the server, when the URL asks for it and the connection does not have it yet. TLS that the connection
 * already has counts as TLS to the server when `tls` is not given, and when it is not known to be for another name, such as that of a proxy with a tunnel.
 * Within `connectTimeout` and `signal`; closes the connection on failure. Rejects with what `check` throws, a TlsError, `ConnectTimeout` or
 * the signal's reason; `TlsOptionUnsupported` where there is no engine for it.
 *
 * @param runtime does the TLS, and has the clock that measures the limit
 * @param check gives the destination and its options; throws when they are wrong
 */
export async function secureOver(
  { secure, clock }: { readonly secure?: Secure | undefined; readonly clock: Clock },
  transport: Transport,
  check: () => { readonly address: Address; readonly options: DialOptions },
): Promise<Transport> {
  checkTransport(transport)
  try {
    const { address, options } = check()
    if (!address.secure || (options.tls === undefined && isSecuredFor(transport, address.hostname))) return transport
    if (secure === undefined) {
      throw new TlsError('TlsOptionUnsupported', 'TLS cannot be put over a given connection on this runtime: have it secured when it is made')
    }
    const settings = checkTlsConfig(options.tls)
    return await makeConnection(clock, address, options, (attempt) => {
      attempt.hold(() => transport.destroy())
      return secure(transport, address.hostname, settings)
    })
  } catch (error) {
    transport.destroy()
    throw error
  }
}

function isSecuredFor({ isSecure, serverName }: Transport, hostname: string): boolean {
  return isSecure === true && (serverName === undefined || serverName.toLowerCase() === hostname.toLowerCase())
}
