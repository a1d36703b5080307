/** The transport contract on Node, Deno and Bun, against real sockets on loopback. */

import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dialNode } from '../../src/transport/node-dial.ts'
import { makeCertificates } from '../helpers/certificates.ts'
import { cases, trustedCases } from './contract.ts'
import { Notes } from './notes.ts'
import { type Peer, startPeer } from './peer.ts'
import type { Orders, Report } from './run-cases.ts'

const root = join(import.meta.dirname, '../..')
const binary = (name: string): string => join(root, 'node_modules/.bin', name)

/** For the case only: nothing here should take a fraction of it. */
const CASE_TIMEOUT = 20_000

describe('node', () => {
  let peer: Peer
  beforeAll(async () => {
    peer = await startPeer(await makeCertificates())
  })
  afterAll(() => peer.close())
  for (const [name, run] of Object.entries(cases)) {
    test(name, () => run({ dial: dialNode, peer: peer.info, trusted: false }), CASE_TIMEOUT)
  }
})

describe('deno', () => elsewhere(binary('deno'), ['run', '-A', 'test/transport-runtimes/run-deno.ts'], Object.keys(cases), false))

// Only without `ca` does TLS take Deno's own way: the authority is made known to the runtime instead.
describe('deno, its own TLS', () =>
  elsewhere(binary('deno'), ['run', '-A', '--cert', 'CA_FILE', 'test/transport-runtimes/run-deno.ts'], trustedCases, true))

describe('bun', () => elsewhere(binary('bun'), ['run', 'test/transport-runtimes/run-bun.ts'], Object.keys(cases), false))

/** Starts a runtime for all cases; each test waits for the line of its own. */
function elsewhere(command: string, args: readonly string[], names: readonly string[], trusted: boolean): void {
  let peer: Peer
  let folder: string
  let stop = (): void => {}
  const faults = new Notes()
  beforeAll(async () => {
    const certificates = await makeCertificates()
    peer = await startPeer(certificates)
    folder = await mkdtemp(join(tmpdir(), 'transport-contract-'))
    const caFile = join(folder, 'ca.pem')
    await writeFile(caFile, certificates.ca)
    const orders: Orders = { peer: peer.info, trusted, names }
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
    await peer.close()
    await rm(folder, { recursive: true })
  })
  for (const name of names) {
    test(name, async () => expect(await faults.get(name)).toBe(null), CASE_TIMEOUT)
  }
}
