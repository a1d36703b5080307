/** Our client in Cloudflare's `workerd` against the WebSocket servers that other people wrote: Python's, `ws`, and Bun's own. */

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WebSocketServer } from 'ws'
import { makeCertificates } from '../helpers/certificates.ts'
import { Child, commands } from '../integration/child.ts'
import { Workerd } from '../workerd/serve.ts'
import { bunServerChecks } from './bun-server-checks.ts'
import { clientChecks } from './client-checks.ts'
import { echoServer } from './echo-server.ts'
import { echoChecks } from './echo-shapes.ts'
import { python, requirePython } from './python.ts'

const LIMIT = 130_000

let workerd: Workerd
let directory: string
const children: Child[] = []
let echoes: WebSocketServer
/** What the checks of a peer are told, by its name. */
const environments: Record<string, object> = {}

beforeAll(async () => {
  await requirePython()
  const { ca, server } = await makeCertificates()
  directory = mkdtempSync(join(tmpdir(), 'nexus-'))
  const file = (name: string): string => join(directory, name)
  writeFileSync(file('cert.pem'), server.cert)
  writeFileSync(file('key.pem'), server.key)
  workerd = await Workerd.start(new URL('./runners/worker.ts', import.meta.url), ca)
  const pythons = new Child(python, new URL('./peer.py', import.meta.url), ['serve', file('cert.pem'), file('key.pem')])
  const buns = new Child(commands.Bun, new URL('./runners/bun-server.ts', import.meta.url))
  children.push(pythons, buns)
  const { tcp, tls } = (await pythons.next()) as { tcp: number; tls: number }
  // Whom it trusts is its configuration's affair.
  environments['Python over TCP'] = { base: `ws://127.0.0.1:${tcp}`, ca: '' }
  environments['Python over TLS'] = { base: `wss://127.0.0.1:${tls}`, ca: '' }
  environments['Bun'] = { ports: await buns.next() }
  echoes = echoServer()
  await once(echoes, 'listening')
  environments['ws'] = { base: `ws://127.0.0.1:${(echoes.address() as AddressInfo).port}` }
})
afterAll(async () => {
  await workerd?.stop()
  for (const child of children) child.stop()
  echoes?.close()
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
})

describe.each([
  ['Python over TCP', clientChecks],
  ['Python over TLS', clientChecks],
  ['ws', echoChecks],
  ['Bun', bunServerChecks],
])('%s', (peer, checks) => {
  test.each(Object.keys(checks))('%s', { timeout: LIMIT }, async (name) => {
    expect(await workerd.run(`${peer.split(' ')[0]}: ${name}`, environments[peer] as object)).toBe(null)
  })
})
