/** Request methods: case-sensitive tokens (RFC 9110 section 9.1). */

import { UsageError } from '../../errors.ts'
import { nameValue } from '../../naming.ts'

/** The registered methods of RFC 9110 and RFC 5789. */
const STANDARD: ReadonlySet<unknown> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'])

/**
 * The fault of a method, null when it has none. A standard method in another case is a mistake: a server would not know it. Other tokens are sent
 * unchanged; the codec refuses a method that is not a token.
 */
export function methodFault(method: unknown): UsageError | null {
  if (STANDARD.has(method)) return null
  if (typeof method !== 'string') return new UsageError('InvalidOption', `method must be a string, but is ${nameValue(method)}`)
  const meant = method.toUpperCase()
  if (!STANDARD.has(meant)) return null
  return new UsageError('InvalidOption', `method '${method}': did you mean '${meant}'? Methods are case-sensitive (RFC 9110 section 9.1)`)
}
