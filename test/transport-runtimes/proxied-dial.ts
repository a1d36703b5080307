/** A runtime's way to connect, through a proxy, with TLS in memory on top. */

import { systemClock } from '../../src/clock.ts'
import { threadCodec } from '../../src/entry/thread-codec.ts'
import { dialThroughProxy } from '../../src/proxy/dial.ts'
import { checkIdentity } from '../../src/transport/node/identity.ts'
import { secureWithNode } from '../../src/transport/node/tls-transport.ts'
import type { Dial } from '../../src/transport/transport.ts'

/** @param proxy its URL */
export function proxiedDial(dial: Dial, proxy: string): Dial {
  const through = dialThroughProxy({
    codec: threadCodec,
    dial,
    secure: secureWithNode,
    environment: () => undefined,
    clock: systemClock,
    checkTls: checkIdentity,
  })
  return (address, options) => through(address, { ...options, proxy })
}
