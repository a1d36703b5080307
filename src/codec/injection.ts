/** What is refused because it would change how a message is read. It is named, not repeated, as it may be a secret. */

import { EncodeError } from '../errors.ts'
import { nameFault, nameField } from '../naming.ts'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** What a request target is made of: visible ASCII, but for the number sign. */
const TARGET_CHARACTER = /["!$-~]/

/** @param what the part of the message, as in "… may not stand there" */
export function injection(what: string): EncodeError {
  return new EncodeError('HeaderInjection', `${what} may not stand there (RFC 9110 section 5)`)
}

export function injectedField(name: string): EncodeError {
  return injection(`the header field ${nameField(String(name))} has bytes in its name or value that`)
}

/** @param target path and query */
export function injectedLine(method: string, target: string): EncodeError {
  if (!TOKEN.test(method)) return injection('the method of a request is a token (RFC 9110 section 9.1): this one has characters that')
  return injection(`the target of the request line has ${nameFault(target, TARGET_CHARACTER)}: it is to be percent-encoded, as it`)
}
