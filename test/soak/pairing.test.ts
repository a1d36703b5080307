/** No response is ever paired with another request; `npm run test:soak` makes a million of them. */

import { execFile } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { commands } from '../integration/child.ts'

const script = fileURLToPath(new URL('pairing.mjs', import.meta.url))
const REQUESTS = process.env['PAIRINGS'] ?? '20000'

test.each([
  ['Node', [process.execPath]],
  ['Deno', commands.Deno],
  ['Bun', commands.Bun],
] as const)(
  'requests over a pool of 8 on %s, against a server with every fault, get their own answers or an error that is true',
  { timeout: 60_000 + Number(REQUESTS) },
  async (runtime, [program, ...options]) => {
    const entry = new URL(`../../dist/${runtime.toLowerCase()}.js`, import.meta.url).href
    const { stdout } = await promisify(execFile)(program, [...options, script, REQUESTS, '0.02', entry])
    const { tally, ...report } = JSON.parse(stdout.trim().split('\n').at(-1) as string)
    expect(report).toMatchObject({ requests: Number(REQUESTS), idle: 8, waiting: 0, doubled: 0, deadHandedOut: 0, wrong: [] })
    expect(tally.ok).toBeGreaterThan(0.9 * Number(REQUESTS))
    expect(report.healed).toBeGreaterThan(0)
  },
)
