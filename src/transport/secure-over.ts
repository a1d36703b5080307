/** TLS over a connection that the caller made, within the limits of an attempt to connect. */

import type { Clock } from '../clock.ts'
import { TlsError } from '../errors.ts'
import { makeConnection } from './attempt.ts'
import { checkTlsConfig } from './tls-options.ts'
import type { Address, DialOptions, Secure, Transport } from './transport.ts'

/**
 * The connection as `address` wants it: secured, when that is to be and it is not yet. Within `connectTimeout` and `signal`; closes the connection
 * on failure. Rejects with a TlsError, `ConnectTimeout` or the signal's reason; `TlsOptionUnsupported` where there is no engine for it.
 *
 * @param runtime what does it, and the clock that measures the limit
 */
export async function secureOver(
  { secure, clock }: { readonly secure?: Secure | undefined; readonly clock: Clock },
  transport: Transport,
  address: Address,
  options: DialOptions,
): Promise<Transport> {
  if (!address.secure || transport.isSecure === true) return transport
  try {
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
