/** One attempt to connect, limited by the clock and the caller's signal. A connection that opens too late is closed, never leaked. */

import type { Clock } from '../clock.ts'
import { TransportError } from '../errors.ts'
import { checkTimeLimit } from '../option-rules.ts'
import { connectError, printAddress } from './connect-errors.ts'
import type { Address, Destination, DialOptions } from './transport.ts'

/** Default of `connectTimeout`, in ms. */
export const DEFAULT_CONNECT_TIMEOUT = 10_000

/**
 * Runs `attempt` until it calls `done` or `failed`, the timeout passes or the signal is aborted; the first wins.
 *
 * @param attempt begins connecting. May return a function that abandons it, which is called at most once, and only when it has not ended by then
 * @param discard closes a connection that opened after the attempt had been abandoned
 * @param silent the peer that it waits for, when that is not the address
 * @returns rejects with the error that {@link connectError} makes of the failure, `ConnectTimeout`, or the signal's reason
 */
export function withDeadline<T>(
  clock: Clock,
  address: Address,
  options: DialOptions,
  attempt: (done: (connection: T) => void, failed: (error: unknown) => void) => (() => void) | void,
  discard: (late: T) => void,
  silent?: () => string,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timeout = checkTimeLimit('connectTimeout', options.connectTimeout ?? DEFAULT_CONNECT_TIMEOUT)
    const { signal, socketPath } = options
    const destination: Destination = socketPath === undefined ? address : { ...address, socketPath }
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    let settled = false
    let giveUp: (() => void) | undefined
    let timer: unknown
    const settle = (): boolean => {
      if (settled) return false
      settled = true
      if (timer !== undefined) clock.clear(timer)
      signal?.removeEventListener('abort', onAbort)
      return true
    }
    const abandon = (reason: unknown): void => {
      if (!settle()) return
      reject(reason)
      giveUp?.()
    }
    const onAbort = (): void => abandon(signal?.reason)
    const onTimeout = (): void =>
      abandon(new TransportError('ConnectTimeout', `${silent?.() ?? printAddress(destination)} did not answer within ${timeout} ms (connectTimeout)`))
    const done = (connection: T): void => {
      if (settle()) resolve(connection)
      else discard(connection)
    }
    const failed = (error: unknown): void => {
      if (settle()) reject(connectError(error, destination))
    }
    if (timeout > 0) timer = clock.set(onTimeout, timeout)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      giveUp = attempt(done, failed) ?? undefined
    } catch (error) {
      failed(error)
    }
  })
}
