/** What every transport must do, in cases that run on every runtime against the servers of `peer.ts`. */

import { DIRECT_LOSSES, losses, tlsLosses } from './contract-loss.ts'
import { plain, shared } from './contract-tcp.ts'
import { configured, secured } from './contract-tls.ts'
import type { ContractCase } from './contract-tools.ts'

/** All cases by name, in the order in which they are to run. */
export const cases: Readonly<Record<string, ContractCase>> = { ...shared, ...losses, ...plain, ...secured, ...tlsLosses, ...configured }

/** The names of those that make sense when the runtime trusts the test authority anyway. */
export const trustedCases: readonly string[] = [shared, losses, secured, tlsLosses].flatMap(Object.keys).filter((name) => name.startsWith('TLS'))

/** What a proxy in between makes another matter: who the peer is, and how a connection cannot be made. */
const DIRECT_ONLY: readonly string[] = [
  'echo, remote address',
  'TLS: echo, remote address',
  'nobody listens: ConnectRefused',
  'no such name: HostNotFound',
  ...DIRECT_LOSSES,
]

/** The names of those that hold through a proxy, too. */
export const proxiedCases: readonly string[] = Object.keys(cases).filter((name) => !DIRECT_ONLY.includes(name))
