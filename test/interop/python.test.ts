/** Python's `websockets` both ways: as the server of our client, and as the client of our server; on Node, Deno and Bun, over TCP and TLS. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as nexus from '../../src/entry/node.ts'
import { makeCertificates, type TestCertificates } from '../helpers/certificates.ts'
import { Child, commands } from '../integration/child.ts'
import { inChild } from '../integration/outcomes.ts'
import { clientChecks } from './client-checks.ts'
import { type OurServer, startOurServer } from './our-server.ts'
import { python, requirePython } from './python.ts'

const script = new URL('./peer.py', import.meta.url)

let certificates: TestCertificates
let directory: string
const file = (name: string): string => join(directory, name)

beforeAll(async () => {
  await requirePython()
  certificates = await makeCertificates()
  directory = mkdtempSync(join(tmpdir(), 'nexus-'))
  writeFileSync(file('ca.pem'), certificates.ca)
  writeFileSync(file('cert.pem'), certificates.server.cert)
  writeFileSync(file('key.pem'), certificates.server.key)
})
afterAll(() => {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
})

test('Debian’s python3-websockets is there', async () => {
  expect(await requirePython()).toMatch(/^\d+\./)
})

describe('our client against Python’s server', () => {
  let server: Child
  let ports: { tcp: number; tls: number }

  beforeAll(async () => {
    server = new Child(python, script, ['serve', file('cert.pem'), file('key.pem')])
    ports = (await server.next()) as { tcp: number; tls: number }
  })
  afterAll(() => server?.stop())

  const base = (way: 'tcp' | 'tls'): string => `${way === 'tls' ? 'wss' : 'ws'}://127.0.0.1:${ports[way]}`

  describe.each(['tcp', 'tls'] as const)('on Node over %s', (way) => {
    for (const [name, run] of Object.entries(clientChecks)) test(name, () => run({ nexus, base: base(way), ca: certificates.ca }))
  })

  for (const runtime of ['Deno', 'Bun'] as const) {
    describe.each(['tcp', 'tls'] as const)(`on ${runtime} over %s`, (way) => {
      inChild(Object.keys(clientChecks), () => {
        const runner = new URL(`./runners/${runtime.toLowerCase()}.ts`, import.meta.url)
        return new Child(commands[runtime], runner, [JSON.stringify({ base: base(way), ca: certificates.ca })])
      })
    })
  }
})

/** What peer.py checks, by the names of its methods. */
const pythonChecks = [
  'text',
  'binary',
  'empty',
  'sizes',
  'fragmented',
  'pings_between_fragments',
  'pings',
  'pings_of_the_server',
  'closes_of_the_client',
  'closes_of_the_server',
  'close_without_a_code',
  'many_messages',
  'request',
  'compressed',
  'compressed_in_every_way',
  'refusal',
  'loss',
  'vanishing',
]

describe.each(['Node', 'Deno', 'Bun'] as const)('Python’s client against our server on %s', (runtime) => {
  let server: OurServer

  beforeAll(async () => {
    server = await startOurServer(runtime, certificates)
  })
  afterAll(() => server?.stop())

  describe.each(runtime === 'Node' ? (['tcp', 'tls', 'http', 'https'] as const) : (['tcp', 'tls'] as const))('over %s', (way) => {
    const secure = way === 'tls' || way === 'https'
    inChild(pythonChecks, () => {
      const url = `${secure ? 'wss' : 'ws'}://127.0.0.1:${server.ports[way]}`
      return new Child(python, script, ['check', url, ...(secure ? [file('ca.pem')] : [])])
    })
  })
})
