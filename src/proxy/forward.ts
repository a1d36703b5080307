/** A connection to a proxy that reads requests and passes them on: whoever writes to it learns of that. */

import type { EndProof } from '../end-proof.ts'
import { showsItself } from '../printing.ts'
import type { Forwarding, Transport, TransportHandler, WriteProgress } from '../transport/transport.ts'

/** A transport to a proxy, as one to the server behind it. TLS to the proxy says nothing of that server. */
export class ForwardTransport implements Transport {
  static {
    showsItself(this.prototype, (it) => ({ remoteAddress: it.remoteAddress, lastWrite: it.lastWrite }))
  }

  readonly targetCount: 1 | 2

  constructor(
    private readonly below: Transport,
    readonly forwarding: Forwarding,
  ) {
    this.targetCount = below.targetCount
  }

  get lastWrite(): WriteProgress {
    return this.below.lastWrite
  }

  get remoteAddress(): string | undefined {
    return this.below.remoteAddress
  }

  get endProof(): EndProof {
    return this.below.endProof === 'truncated' ? 'truncated' : 'unverified'
  }

  start(handler: TransportHandler, targets: readonly Uint8Array[]): void {
    this.below.start(handler, targets)
  }

  resume(): void {
    this.below.resume()
  }

  write(bytes: Uint8Array): boolean {
    return this.below.write(bytes)
  }

  end(): void {
    this.below.end()
  }

  destroy(): void {
    this.below.destroy()
  }
}
