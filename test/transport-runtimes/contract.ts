/** What every transport must do, in cases that run on every runtime against the servers of `peer.ts`. */

import { plain, shared } from './contract-tcp.ts'
import { configured, secured } from './contract-tls.ts'
import type { ContractCase } from './contract-tools.ts'

/** All cases by name, in the order in which they are to run. */
export const cases: Readonly<Record<string, ContractCase>> = { ...shared, ...plain, ...secured, ...configured }

/** The names of those that make sense when the runtime trusts the test authority anyway. */
export const trustedCases: readonly string[] = [...Object.keys(shared), ...Object.keys(secured)].filter((name) => name.startsWith('TLS'))
