/** The client on Deno and Bun: the same checks in a process of that runtime, one test for each. */

import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Child, commands } from './child.ts'
import { type Peers, startPeers } from './peers.ts'
import { CHECK_LIMIT, type Outcome } from './run-checks.ts'
import { checks } from './suite.ts'

describe.each(['Deno', 'Bun'] as const)('client on %s', (runtime) => {
  const outcomes = new Map<string, Promise<Outcome>>()
  let peers: Peers
  let child: Child

  beforeAll(async () => {
    const name = runtime.toLowerCase()
    expect(existsSync(new URL(`../../dist/${name}.js`, import.meta.url)), `dist/${name}.js is there: npm run build`).toBe(true)
    peers = await startPeers()
    child = new Child(commands[runtime], new URL(`./runners/${name}.ts`, import.meta.url), JSON.stringify(peers.environment))
    // The checks run one after the other; each test waits for the line of its own.
    let last: Promise<unknown> = Promise.resolve()
    for (const { name } of checks) {
      const outcome = last.then(() => child.next() as Promise<Outcome>)
      outcome.catch(() => {})
      outcomes.set(name, outcome)
      last = outcome
    }
  })
  afterAll(async () => {
    await child.stop()
    await peers.close()
  })

  for (const { name } of checks) {
    test(name, { timeout: 2 * CHECK_LIMIT }, async () => {
      expect(await outcomes.get(name)).toEqual({ name, error: null })
    })
  }
})
