/** The TCP options of a {@link DialOptions}, checked: the same mistake gets the same error everywhere. */

import { checkBoolean, checkRange, UsageError } from '../errors.ts'
import { nameValue } from '../naming.ts'
import type { DialOptions } from './transport.ts'

/** What the option `socketPath` says; null when it is not set. Throws `InvalidOption`. */
export function checkSocketPath({ socketPath, proxy }: DialOptions): string | null {
  if (socketPath === undefined) return null
  if (typeof socketPath !== 'string' || socketPath === '' || socketPath.includes('\0')) {
    throw new UsageError('InvalidOption', `socketPath must be the path of a Unix domain socket, but is ${nameValue(socketPath)}`)
  }
  if (proxy !== undefined && proxy !== null) throw new UsageError('InvalidOption', 'socketPath and proxy cannot be used together')
  return socketPath
}

/** TCP options with every default filled in. */
export interface TcpSettings {
  readonly noDelay: boolean
  /** Idle time in ms before the first probe, or false for no probes. */
  readonly keepAlive: false | number
}

/** Operating systems count this in seconds, up to 32,767 of them (Linux); less than one would become their default of hours. */
const KEEP_ALIVE_MIN = 1_000
const KEEP_ALIVE_MAX = 32_767_000

/** Checks the TCP options and fills the defaults in. Throws `InvalidOption` with the name, the range and the value. */
export function checkTcpOptions({ noDelay = true, keepAlive = false }: DialOptions): TcpSettings {
  checkBoolean('noDelay', noDelay)
  if (keepAlive === false) return { noDelay, keepAlive }
  return { noDelay, keepAlive: checkRange('keepAlive', keepAlive, KEEP_ALIVE_MIN, KEEP_ALIVE_MAX, 'ms (or false)') }
}
