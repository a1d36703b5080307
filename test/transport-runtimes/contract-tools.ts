/** What the cases of the contract are made with. */

import assert from 'node:assert/strict'
import type { Address, Dial, DialOptions } from '../../src/transport/transport.ts'
import type { PeerInfo } from './peer.ts'
import { Probe } from './probe.ts'

/** What a case works with. */
export interface ContractContext {
  readonly dial: Dial
  readonly peer: PeerInfo
  /** The runtime was started so that it trusts the test authority anyway: cases give no `ca`. */
  readonly trusted: boolean
  /** This way of TLS tells a close_notify from a mere end of the connection. */
  readonly tellsEnds: boolean
}

/** A case: resolves when all is well. */
export type ContractCase = (context: ContractContext) => Promise<void>

/** Where a server of the peer is. */
export function address({ peer }: ContractContext, name: string, hostname = '127.0.0.1', secure = name.startsWith('tls')): Address {
  const port = peer.ports[name]
  if (port === undefined) throw new Error(`no server called ${name}`)
  return { hostname, port, secure }
}

/** Dials one and starts to use the connection. */
export async function open(context: ContractContext, name: string, options: DialOptions = {}, targetSize?: number): Promise<Probe> {
  return new Probe(await context.dial(address(context, name), withCa(context, name, options)), targetSize)
}

/** The options, with the test authority trusted where TLS is spoken. */
export function withCa({ trusted, peer }: ContractContext, name: string, options: DialOptions): DialOptions {
  if (!name.startsWith('tls') || trusted) return options
  return { ...options, tls: { ca: peer.certificates.ca, ...options.tls } }
}

/** Asks the control port; a name that begins with `!` tells it something. */
export async function control(context: ContractContext, request: string): Promise<unknown> {
  const probe = new Probe(await context.dial(address(context, 'control'), {}))
  await probe.write(request)
  probe.transport.end()
  const reply = await probe.text()
  assert.equal(await probe.closed, null)
  return JSON.parse(reply)
}

/** The code with which a promise rejects. */
export async function code(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'no error'
}

/** Closes, twice, and checks that no rule was broken. */
export async function finish(probe: Probe): Promise<void> {
  probe.transport.destroy()
  probe.transport.destroy()
  assert.equal(await probe.closed, null)
  probe.check()
}

/** Five bytes there and back. */
export async function echoes(probe: Probe): Promise<void> {
  await probe.write('hello')
  assert.equal(await probe.textOf(5), 'hello')
  await finish(probe)
}

/** A case for plain TCP and the same one for TLS. */
export function both(name: string, run: (context: ContractContext, server: (name: string) => string) => Promise<void>): Record<string, ContractCase> {
  return {
    [name]: (context) => run(context, (server) => server),
    [`TLS: ${name}`]: (context) => run(context, (server) => `tls ${server}`),
  }
}
