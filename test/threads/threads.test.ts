/** The pool across real threads, on Node, Deno and Bun: the same checks in a process of that runtime, one test for each. */

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { describe, expect } from 'vitest'
import { Child, commands } from '../integration/child.ts'
import { inChild } from '../integration/outcomes.ts'

const script = new URL('run.mjs', import.meta.url)
const { names } = JSON.parse(execFileSync(process.execPath, [fileURLToPath(script), '--list'], { encoding: 'utf8' })) as { names: string[] }

/** `npm run test:soak` runs more of both. */
const HAND_OFFS = process.env['HAND_OFFS'] ?? '4000'
const TERMINATIONS = process.env['TERMINATIONS'] ?? '12'
const LIMIT = 120_000 + 10 * Number(HAND_OFFS) + 1_000 * Number(TERMINATIONS)

describe.each([
  ['Node', [process.execPath]],
  ['Deno', commands.Deno],
  ['Bun', commands.Bun],
] as const)('threads on %s', (runtime, command) => {
  inChild(
    names,
    () => {
      const entry = new URL(`../../dist/${runtime.toLowerCase()}.js`, import.meta.url)
      expect(existsSync(entry), `${entry.pathname} is there: npm run build`).toBe(true)
      return new Child(command, script, [entry.href, HAND_OFFS, TERMINATIONS])
    },
    { timeout: LIMIT },
  )
})
