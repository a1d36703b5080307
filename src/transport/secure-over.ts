/** TLS over a connection that the caller made, within the limits of an attempt to connect. */

import { TlsError } from '../errors.ts'
import { withDeadline } from './deadline.ts'
import { checkTlsConfig } from './tls-options.ts'
import type { Address, DialOptions, Secure, Transport } from './transport.ts'

/**
 * The connection as `address` wants it: secured, when that is to be and it is not yet. Within `connectTimeout` and `signal`; closes the connection
 * on failure. Rejects with a TlsError, `ConnectTimeout` or the signal's reason; `TlsOptionUnsupported` where there is no engine for it.
 *
 * @param secure what this runtime does it with
 */
export async function secureOver(secure: Secure | undefined, transport: Transport, address: Address, options: DialOptions): Promise<Transport> {
  if (!address.secure || transport.isSecure === true) return transport
  try {
    if (secure === undefined) {
      throw new TlsError('TlsOptionUnsupported', 'TLS cannot be put over a given connection on this runtime: have it secured when it is made')
    }
    const settings = checkTlsConfig(options.tls)
    return await withDeadline<Transport>(
      address,
      options,
      (done, failed) => {
        secure(transport, address.hostname, settings).then(done, failed)
        return () => transport.destroy()
      },
      (late) => late.destroy(),
    )
  } catch (error) {
    transport.destroy()
    throw error
  }
}
