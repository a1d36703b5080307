/** An accepted connection that sends back what comes, and ends when the peer has. */

import type { Transport } from '../../src/transport/transport.ts'

/** Serves one connection. */
export function serveEcho(transport: Transport): void {
  const targets = [new Uint8Array(1000), new Uint8Array(1000)].slice(0, transport.targetCount)
  transport.start(
    {
      onRead(index, length) {
        // Written from where it was read to: only then may more be read.
        if (transport.write((targets[index] as Uint8Array).subarray(0, length))) transport.resume()
      },
      onEnd: () => transport.end(),
      onWritten: () => transport.resume(),
      onClosed: () => {},
    },
    targets,
  )
  transport.resume()
}

/** What the server is told: its certificate, PEM, for TLS. */
export interface EchoOrders {
  readonly cert?: string
  readonly key?: string
}
