/** The checks of proxies that hold for those that other people wrote. */

import { proxyChecks } from '../integration/proxy-checks.ts'
import type { Context } from '../integration/suite.ts'

/** By name. None of the real ones is spoken to over TLS. */
export const realProxyChecks: Readonly<Record<string, (context: Context) => Promise<void>>> = Object.fromEntries(
  proxyChecks
    .filter(
      ({ name }) =>
        !name.includes('HTTPS proxy') &&
        !name.includes('connection of the caller’s') &&
        !name.includes('TLS connection to a proxy') &&
        !name.includes('Unix'),
    )
    .map(({ name, run }) => [name, run]),
)
