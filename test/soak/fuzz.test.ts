/**
 * The fuzzer of test/property/guarded on every runtime. A few cases each in `npm test`; `FUZZ_MINUTES` is for how long on each one instead, which
 * `npm run test:soak` sets to 20. `FUZZ_SEED` is where it begins, else the time.
 */

import { execFile } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { beforeAll, expect, test } from 'vitest'
import { commands } from '../integration/child.ts'

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const script = path('../../build/fuzz.mjs')
const minutes = Number(process.env['FUZZ_MINUTES'] ?? 0)
const seed = process.env['FUZZ_SEED'] ?? String(minutes === 0 ? 1 : Math.floor(Date.now() / 1_000))
const args = minutes === 0 ? ['3600', seed, '12'] : [String(60 * minutes), seed]

// Node 20 takes no TypeScript; and so all three run the very same thing.
beforeAll(async () => {
  await build({ entryPoints: [path('fuzz.ts')], outfile: script, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' })
})

test.each([
  ['Node', [process.execPath]],
  ['Deno', commands.Deno],
  ['Bun', commands.Bun],
] as const)(
  '%s: no caller and no peer reaches memory that is not theirs',
  { timeout: 120_000 + 60_000 * minutes * 1.1 },
  async (_, [program, ...options]) => {
    const { stdout } = await promisify(execFile)(program, [...options, script, ...args])
    const report = JSON.parse(stdout.trim().split('\n').at(-1) as string)
    console.log(`seed ${seed}: ${report.cases} cases, ${report.events} events, ${report.seconds} s`)
    expect(report.findings).toEqual([])
    expect(report.cases).toBeGreaterThanOrEqual(96)
  },
)
