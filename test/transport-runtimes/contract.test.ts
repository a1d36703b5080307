/** The transport contract on Node, Deno and Bun, against real sockets on loopback. */

import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { nodeDial } from '../../src/transport/node/dial.ts'
import { makeCertificates } from '../helpers/certificates.ts'
import { startConnectProxy, startSocksProxy, type TestProxy } from '../helpers/proxies.ts'
import { cases, proxiedCases, trustedCases } from './contract.ts'
import { TABLE, WHEN } from './contract-loss.ts'
import type { ContractCase } from './contract-tools.ts'
import { Notes } from './notes.ts'
import { type Peer, startPeer } from './peer.ts'
import { proxiedDial } from './proxied-dial.ts'
import type { Orders, Report } from './run-cases.ts'

const root = join(import.meta.dirname, '../..')
const binary = (name: string): string => join(root, 'node_modules/.bin', name)

const PROXIES = { http: () => startConnectProxy(), socks5: () => startSocksProxy() }
type Scheme = keyof typeof PROXIES

const dialNode = nodeDial(systemClock)

/** For the case only: nothing here should take a fraction of it. */
const CASE_TIMEOUT = 20_000

test.each(Object.entries(TABLE))('%s: whenever it happens, a case holds what the user sees, or there is a reason why none can', (_, cells) => {
  expect(cells).toHaveLength(WHEN.length)
  const names = Object.keys(cases)
  for (const cell of cells) if (typeof cell === 'string') expect(names.filter((name) => name.startsWith(cell))).toHaveLength(1)
})

describe('node', () => here(Object.keys(cases)))

describe('deno', () => elsewhere(binary('deno'), ['run', '-A', 'test/transport-runtimes/run-deno.ts'], Object.keys(cases), { tellsEnds: true }))

// Only without `ca` does TLS take Deno's own way: the authority is made known to the runtime instead.
describe('deno, its own TLS', () =>
  elsewhere(binary('deno'), ['run', '-A', '--cert', 'CA_FILE', 'test/transport-runtimes/run-deno.ts'], trustedCases, {
    trusted: true,
    tellsEnds: true,
  }))

describe('bun', () => elsewhere(binary('bun'), ['run', 'test/transport-runtimes/run-bun.ts'], Object.keys(cases)))

// TLS is spoken through the tunnel, so that the same cases hold TLS in memory to the contract.
describe.each(Object.keys(PROXIES) as Scheme[])('through a proxy, %s', (scheme) => {
  describe('node', () => here(proxiedCases, scheme))
  describe('deno', () => elsewhere(binary('deno'), ['run', '-A', 'test/transport-runtimes/run-deno.ts'], proxiedCases, { scheme, tellsEnds: true }))
  describe('bun', () => elsewhere(binary('bun'), ['run', 'test/transport-runtimes/run-bun.ts'], proxiedCases, { scheme, tellsEnds: true }))
})

/** Runs the cases on this runtime. */
function here(names: readonly string[], scheme?: Scheme): void {
  let peer: Peer
  let proxy: TestProxy | null = null
  beforeAll(async () => {
    peer = await startPeer(await makeCertificates())
    if (scheme !== undefined) proxy = await PROXIES[scheme]()
  })
  afterAll(async () => {
    await proxy?.close()
    await peer.close()
  })
  for (const name of names) {
    const run = cases[name] as ContractCase
    test(
      name,
      () => {
        const dial = proxy === null ? dialNode : proxiedDial(dialNode, `${scheme}://127.0.0.1:${proxy.port}`)
        return run({ dial, peer: peer.info, trusted: false, tellsEnds: proxy !== null })
      },
      CASE_TIMEOUT,
    )
  }
}

/** Starts a runtime for all cases; each test waits for the line of its own. */
function elsewhere(
  command: string,
  args: readonly string[],
  names: readonly string[],
  { trusted = false, tellsEnds = false, scheme }: { trusted?: boolean; tellsEnds?: boolean; scheme?: Scheme } = {},
): void {
  let peer: Peer
  let proxy: TestProxy | undefined
  let folder: string
  let stop = (): void => {}
  const faults = new Notes()
  beforeAll(async () => {
    const certificates = await makeCertificates()
    peer = await startPeer(certificates)
    folder = await mkdtemp(join(tmpdir(), 'transport-contract-'))
    const caFile = join(folder, 'ca.pem')
    await writeFile(caFile, certificates.ca)
    if (scheme !== undefined) proxy = await PROXIES[scheme]()
    const orders: Orders = { peer: peer.info, trusted, tellsEnds, names, proxy: proxy === undefined ? null : `${scheme}://127.0.0.1:${proxy.port}` }
    const child = spawn(command, [...args.map((arg) => (arg === 'CA_FILE' ? caFile : arg)), JSON.stringify(orders)], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    stop = () => child.kill('SIGKILL')
    let complaints = ''
    child.stderr.on('data', (chunk) => {
      complaints += String(chunk)
    })
    createInterface(child.stdout).on('line', (line) => {
      const report = JSON.parse(line) as Report
      faults.set(report.name, report.fault)
    })
    child.on('close', (status) => {
      for (const name of names) faults.set(name, `the runtime ended before (status ${status}): ${complaints}`)
    })
  })
  afterAll(async () => {
    stop()
    await proxy?.close()
    await peer.close()
    await rm(folder, { recursive: true })
  })
  for (const name of names) {
    test(name, async () => expect(await faults.get(name)).toBe(null), CASE_TIMEOUT)
  }
}
