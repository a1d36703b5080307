/** Checks a client's certificate against its key before anything is dialled, with `node:crypto`, which Node, Deno and Bun have: each would fail in its own way and time. */

import process from 'node:process'
import { TlsError } from '../../errors.ts'
import type { TlsSettings } from '../tls-options.ts'

/** Throws `TlsOptionInvalid` for a pair that does not belong together, or that cannot be read. */
export function checkIdentity({ identity }: TlsSettings): void {
  if (identity === null) return
  // Loaded when it is first needed: a program that shows no certificate need not wait for it when it starts.
  const { X509Certificate, createPrivateKey } = process.getBuiltinModule('node:crypto')
  let isPair: boolean
  try {
    isPair = new X509Certificate(identity.cert).checkPrivateKey(createPrivateKey(identity.key))
  } catch (cause) {
    throw new TlsError('TlsOptionInvalid', `tls.cert or tls.key cannot be read: ${(cause as Error).message}`, { cause })
  }
  if (!isPair) throw new TlsError('TlsOptionInvalid', 'tls.key does not belong to tls.cert')
}
