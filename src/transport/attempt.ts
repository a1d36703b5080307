/** One connection being made, on any runtime: it can be abandoned at every step, and everything opened by then is closed. */

import type { Clock } from '../clock.ts'
import { withDeadline } from './deadline.ts'
import type { Address, DialOptions, Transport } from './transport.ts'

/** The attempt, as the code that makes the connection sees it. */
export class Attempt {
  private abort: AbortController | null = null
  private close: (() => void) | null = null
  /** Nobody waits for it any more. */
  isAbandoned = false

  /** Aborted when the attempt is abandoned. Made for those who ask. */
  get signal(): AbortSignal {
    this.abort ??= new AbortController()
    if (this.isAbandoned) this.abort.abort()
    return this.abort.signal
  }

  /** The attempt has opened something, which `close` closes when the attempt is abandoned: at once, if it has been. Replaces what it held before. */
  hold(close: () => void): void {
    this.close = close
    if (this.isAbandoned) close()
  }

  /** The attempt has failed: closes what it holds. */
  discard(): void {
    this.close?.()
  }

  giveUp(): void {
    this.isAbandoned = true
    this.abort?.abort()
    this.discard()
  }
}

/**
 * Makes a connection within `connectTimeout` and `signal`. When it fails, everything that was opened for it is closed; a connection that opens after the
 * attempt was abandoned is destroyed. Rejects as {@link withDeadline}.
 *
 * @param silent the peer that it waits for, when that is not the address
 */
export function makeConnection(
  clock: Clock,
  address: Address,
  options: DialOptions,
  make: (attempt: Attempt) => Promise<Transport>,
  silent?: () => string,
): Promise<Transport> {
  return withDeadline(
    clock,
    address,
    options,
    (done, failed) => {
      const attempt = new Attempt()
      make(attempt).then(done, (error: unknown) => {
        attempt.discard()
        failed(error)
      })
      return () => attempt.giveUp()
    },
    (late) => late.destroy(),
    silent,
  )
}
