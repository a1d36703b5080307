/** `node:tls`, loaded when a connection is first secured: a program that never does need not wait for it when it starts. */

import process from 'node:process'
import type * as tls from 'node:tls'

export function nodeTls(): typeof tls {
  return process.getBuiltinModule('node:tls')
}
