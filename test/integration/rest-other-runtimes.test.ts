/** The REST side on Deno and Bun: the same checks in a process of that runtime, one test for each. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Child, commands } from './child.ts'
import { type RestPeers, startRestPeers } from './rest-peers.ts'
import { type Outcome, REST_CHECK_LIMIT } from './rest-run.ts'
import { isForTrusted, type RestEnvironment, restChecks } from './rest-suite.ts'
import { requirePassed } from './run-checks.ts'

interface Run {
  readonly title: string
  readonly runtime: 'Deno' | 'Bun'
  /** The authority is given to the runtime, not in the options: this is another way of TLS on Deno. */
  readonly isTrusted: boolean
  readonly writeToTheDead: RestEnvironment['writeToTheDead']
}

const runs: readonly Run[] = [
  { title: 'Deno', runtime: 'Deno', isTrusted: false, writeToTheDead: { tcp: 'nothing', tls: 'partly' } },
  { title: 'Deno with its own TLS', runtime: 'Deno', isTrusted: true, writeToTheDead: { tcp: 'nothing', tls: 'partly' } },
  { title: 'Bun', runtime: 'Bun', isTrusted: false, writeToTheDead: { tcp: 'nothing', tls: 'nothing' } },
]

describe.each(runs)('REST on $title', ({ runtime, isTrusted, writeToTheDead }) => {
  const wanted = isTrusted ? restChecks.filter(isForTrusted) : restChecks
  const outcomes = new Map<string, Promise<Outcome>>()
  let peers: RestPeers
  let child: Child
  let directory: string

  beforeAll(async () => {
    const name = runtime.toLowerCase()
    expect(existsSync(new URL(`../../dist/${name}.js`, import.meta.url)), `dist/${name}.js is there: npm run build`).toBe(true)
    peers = await startRestPeers()
    directory = mkdtempSync(join(tmpdir(), 'nexus-'))
    const authority = join(directory, 'ca.pem')
    writeFileSync(authority, peers.certificates.ca)
    const environment: RestEnvironment = { ...peers.environment, writeToTheDead, isTrusted }
    const runner = new URL(`./runners/rest-${name}.ts`, import.meta.url)
    child = new Child(commands[runtime], runner, [JSON.stringify(environment)], isTrusted ? { DENO_CERT: authority } : {})
    // They end in any order; each test waits for the line of its own.
    const tellers = new Map<string, (outcome: Outcome) => void>()
    for (const { name } of wanted) outcomes.set(name, new Promise((resolve) => tellers.set(name, resolve)))
    const listen = async (): Promise<void> => {
      for (const _ of wanted) {
        const outcome = (await child.next()) as Outcome
        tellers.get(outcome.name)?.(outcome)
      }
    }
    listen().catch((error: Error) => {
      for (const [name, tell] of tellers) tell({ name, error: error.message })
    })
  })
  afterAll(async () => {
    await child?.stop()
    await peers?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  for (const { name } of wanted) {
    test(name, { timeout: 2 * REST_CHECK_LIMIT }, async () => {
      requirePassed(await outcomes.get(name), name)
    })
  }
})
