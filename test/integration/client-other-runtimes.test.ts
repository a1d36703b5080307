/** The client on Deno and Bun: the same checks in a process of that runtime, one test for each. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Child, commands } from './child.ts'
import { Outcomes } from './outcomes.ts'
import { type Peers, startPeers } from './peers.ts'
import { CHECK_LIMIT, isOverTls } from './run-checks.ts'
import { checks } from './suite.ts'

interface Run {
  readonly title: string
  readonly runtime: 'Deno' | 'Bun'
  /** The authority is given to the runtime, not in the options: this is another way of TLS on Deno. */
  readonly isTrusted: boolean
  /** What this runtime cannot do, with the reason and what comes of it: these must fail with that text, so that a gap that closes is noticed. */
  readonly gaps: Readonly<Record<string, { readonly reason: string; readonly failure: string }>>
}

const NO_REASON = { reason: 'node:tls on Deno says the same of every chain that it refuses', failure: 'no trusted authority issued it' }
const NO_LEVEL = { reason: 'the TLS of Bun has no security level: it takes them', failure: 'HandshakeTimeout' }

const runs: readonly Run[] = [
  {
    title: 'Deno',
    runtime: 'Deno',
    isTrusted: false,
    gaps: {
      'a certificate for a name that its authority may not issue for: the reason is told': NO_REASON,
      'a certificate with a weak key or hash: the reason is told': NO_REASON,
    },
  },
  { title: 'Deno with its own TLS', runtime: 'Deno', isTrusted: true, gaps: {} },
  {
    title: 'Bun',
    runtime: 'Bun',
    isTrusted: false,
    gaps: {
      'a certificate with a weak key or hash is CertificateRejected': NO_LEVEL,
      'a certificate with a weak key or hash: the reason is told': NO_LEVEL,
    },
  },
]

describe.each(runs)('client on $title', ({ runtime, isTrusted, gaps }) => {
  const wanted = isTrusted ? checks.filter(isOverTls) : checks
  let outcomes: Outcomes
  let peers: Peers
  let child: Child
  let directory: string

  beforeAll(async () => {
    const name = runtime.toLowerCase()
    expect(existsSync(new URL(`../../dist/${name}.js`, import.meta.url)), `dist/${name}.js is there: npm run build`).toBe(true)
    peers = await startPeers()
    directory = mkdtempSync(join(tmpdir(), 'nexus-'))
    const authority = join(directory, 'ca.pem')
    writeFileSync(authority, peers.certificates.ca)
    const environment = JSON.stringify({ ...peers.environment, isTrusted })
    child = new Child(commands[runtime], new URL(`./runners/${name}.ts`, import.meta.url), [environment], isTrusted ? { DENO_CERT: authority } : {})
    outcomes = new Outcomes(
      child,
      wanted.map(({ name }) => name),
    )
  })
  afterAll(async () => {
    await child?.stop()
    await peers?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  for (const { name } of wanted) {
    const gap = gaps[name]
    test(gap ? `GAP (${gap.reason}): ${name}` : name, { timeout: 2 * CHECK_LIMIT }, async () => {
      if (gap) expect((await outcomes.of(name)).error).toContain(gap.failure)
      else await outcomes.requirePassed(name)
    })
  }
})
