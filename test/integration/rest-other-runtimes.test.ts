/** The REST side on Deno and Bun: the same checks in a process of that runtime, one test for each. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect } from 'vitest'
import { Child, commands } from './child.ts'
import { inChild } from './outcomes.ts'
import { type RestPeers, startRestPeers } from './rest-peers.ts'
import { REST_CHECK_LIMIT } from './rest-run.ts'
import { isForTrusted, type RestEnvironment, restChecks } from './rest-suite.ts'

interface Run {
  readonly title: string
  readonly runtime: 'Deno' | 'Bun'
  /** The authority is given to the runtime, not in the options: this is another way of TLS on Deno. */
  readonly isTrusted: boolean
  readonly tellsEnds: boolean
  readonly writeToTheDead: RestEnvironment['writeToTheDead']
}

const runs: readonly Run[] = [
  { title: 'Deno', runtime: 'Deno', isTrusted: false, tellsEnds: true, writeToTheDead: { tcp: 'nothing', tls: 'partly' } },
  { title: 'Deno with its own TLS', runtime: 'Deno', isTrusted: true, tellsEnds: true, writeToTheDead: { tcp: 'nothing', tls: 'partly' } },
  { title: 'Bun', runtime: 'Bun', isTrusted: false, tellsEnds: false, writeToTheDead: { tcp: 'nothing', tls: 'nothing' } },
]

describe.each(runs)('REST on $title', ({ runtime, isTrusted, tellsEnds, writeToTheDead }) => {
  const wanted = isTrusted ? restChecks.filter(isForTrusted) : restChecks
  let peers: RestPeers
  let directory: string

  // After the child is stopped: the last hook comes first.
  afterAll(async () => {
    await peers?.close()
    rmSync(directory, { recursive: true, force: true })
  })
  inChild(
    wanted.map(({ name }) => name),
    async () => {
      const name = runtime.toLowerCase()
      expect(existsSync(new URL(`../../dist/${name}.js`, import.meta.url)), `dist/${name}.js is there: npm run build`).toBe(true)
      peers = await startRestPeers()
      directory = mkdtempSync(join(tmpdir(), 'nexus-'))
      const authority = join(directory, 'ca.pem')
      writeFileSync(authority, peers.certificates.ca)
      const environment: RestEnvironment = { ...peers.environment, writeToTheDead, isTrusted, tellsEnds }
      const runner = new URL(`./runners/rest-${name}.ts`, import.meta.url)
      return new Child(commands[runtime], runner, [JSON.stringify(environment)], isTrusted ? { DENO_CERT: authority } : {})
    },
    { timeout: 2 * REST_CHECK_LIMIT },
  )
})
