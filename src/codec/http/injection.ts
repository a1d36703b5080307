/** Errors for input that would change how a message is read. They name the input and do not repeat it, as it may be a secret. */

import { EncodeError } from '../../errors.ts'
import { nameFault, nameField } from '../../naming.ts'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** The characters of a request target: visible ASCII except the number sign. */
const TARGET_CHARACTER = /["!$-~]/

/** @param what the part of the message, as in "… may not stand there" */
export function injection(what: string): EncodeError {
  return new EncodeError('HeaderInjection', `${what} may not stand there (RFC 9110 section 5)`)
}

export function injectedField(name: string): EncodeError {
  return injection(`the header field ${nameField(String(name))} has bytes in its name or value that`)
}

/** A value as the codec takes it: no controls but tabs. */
const VALUE = /^[\t\x20-\x7e\x80-\u{10ffff}]*$/u

/** A value of bytes, without white space around it. */
const BARE_VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/

/** Whether a field needs neither normalization nor an error, by the Fetch standard (section 2.2.2) and by the codec: it means the same to both. */
export function isPlainField(name: string, value: string): boolean {
  return TOKEN.test(name) && BARE_VALUE.test(value)
}

/** Judges fields before there is memory to write them to. Throws the same errors as writing them. */
export function checkFields(fields: readonly (readonly [name: string, value: string])[]): void {
  for (const [name, value] of fields) if (!TOKEN.test(name) || !VALUE.test(value)) throw injectedField(name)
}

/** @param target path and query */
export function injectedLine(method: string, target: string): EncodeError {
  if (!TOKEN.test(method)) return injection('the method of a request is a token (RFC 9110 section 9.1): this one has characters that')
  return injection(`the target of the request line has ${nameFault(target, TARGET_CHARACTER)}: percent-encode it, as it`)
}
