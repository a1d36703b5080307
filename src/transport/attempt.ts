/** One connection being made, on any runtime: it can be given up at every step, and what it has got by then is closed. */

import type { Clock } from '../clock.ts'
import { withDeadline } from './deadline.ts'
import type { Address, DialOptions, Transport } from './transport.ts'

/** What is known to whoever makes the connection. */
export class Attempt {
  private readonly abort = new AbortController()
  private close: (() => void) | null = null

  /** Aborted when the attempt is given up. */
  get signal(): AbortSignal {
    return this.abort.signal
  }

  /** The attempt has got something that `close` closes when it is given up: at once, when it has been. In place of what it held before. */
  hold(close: () => void): void {
    this.close = close
    if (this.signal.aborted) close()
  }

  /** It has failed: what it holds is closed. */
  discard(): void {
    this.close?.()
  }

  giveUp(): void {
    this.abort.abort()
    this.discard()
  }
}

/**
 * Makes a connection within `connectTimeout` and `signal`. What was opened for one that fails is closed, and one that comes after the attempt was given
 * up is destroyed. Rejects as {@link withDeadline}.
 *
 * @param silent whom it waits for, when that is not the address
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
