/**
 * Overlapping attempts on the addresses of one name (RFC 8305, "Happy Eyeballs"): an address that does not answer costs a quarter of a second,
 * not the system's time-out.
 *
 * Rule 1: the next attempt starts when one fails, or {@link ATTEMPT_DELAY} ms after the last one started, whichever is first.
 * Rule 2: the first connection wins; all other attempts are abandoned, also those that succeed later.
 */

import type { Clock } from '../clock.ts'

/** "Connection Attempt Delay" of RFC 8305 section 5, in ms: its recommended value. */
export const ATTEMPT_DELAY = 250

/** One address of a name. */
export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

/**
 * Starts connecting to `address`. Calls one of the functions, once; may return a function that abandons the attempt, which is called at most once
 * and never after `done`.
 */
export type StartAttempt<T, Place = string> = (address: Place, done: (connection: T) => void, failed: (error: unknown) => void) => () => void

/** Alternates between families, beginning with that of the first address (RFC 8305 section 4): the system's own order is kept within each. */
export function interleaveFamilies(addresses: readonly ResolvedAddress[]): string[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family)
  const others = addresses.filter(({ family }) => family !== addresses[0]?.family)
  const order: string[] = []
  for (let i = 0; i < Math.max(first.length, others.length); i++) {
    for (const list of [first, others]) {
      const next = list[i]
      if (next !== undefined) order.push(next.address)
    }
  }
  return order
}

/**
 * Races attempts on `addresses`, at least one, in their order.
 *
 * @param done the first connection
 * @param failed every attempt has failed: the first failure, which is that of the preferred address
 * @returns a function that abandons all attempts
 */
export function raceAddresses<T, Place = string>(
  addresses: readonly Place[],
  start: StartAttempt<T, Place>,
  clock: Clock,
  done: (connection: T) => void,
  failed: (error: unknown) => void,
): () => void {
  const running = new Set<() => void>()
  let next = 0
  let over = false
  let timer: unknown = null
  let firstError: unknown = null

  const stop = (): void => {
    over = true
    if (timer !== null) clock.clear(timer)
    for (const giveUp of running) giveUp()
    running.clear()
  }
  const startNext = (): void => {
    if (timer !== null) clock.clear(timer)
    timer = null
    const address = addresses[next++]
    if (address === undefined) return
    let settled = false
    let giveUp: (() => void) | null = null
    const settle = (): boolean => {
      if (settled || over) return false
      settled = true
      if (giveUp !== null) running.delete(giveUp)
      return true
    }
    const onFailed = (error: unknown): void => {
      if (!settle()) return
      firstError ??= error
      if (next < addresses.length) startNext()
      else if (running.size === 0) {
        over = true
        failed(firstError)
      }
    }
    const onDone = (connection: T): void => {
      if (!settle()) return
      stop()
      done(connection)
    }
    giveUp = start(address, onDone, onFailed)
    if (settled) return
    running.add(giveUp)
    if (next < addresses.length) timer = clock.set(startNext, ATTEMPT_DELAY)
  }
  startNext()
  return () => {
    if (!over) stop()
  }
}
