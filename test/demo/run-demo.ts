/** The demo as a child process, on each runtime. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const BIN = `${ROOT}node_modules/.bin/`

/** How each runtime runs a file. */
export const runtimes: readonly (readonly [name: string, command: string, args: readonly string[]])[] = [
  ['Node.js', process.execPath, []],
  ['Deno', `${BIN}deno`, ['run', '-A']],
  ['Bun', `${BIN}bun`, []],
]

/** Runs the demo as its users do, with `dist/`, and returns what it printed. */
export async function demo([, command, args]: (typeof runtimes)[number], ...options: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(command, [...args, 'demo/main.js', ...options], { cwd: ROOT, env: { ...process.env, NO_COLOR: '1' } })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  const [code] = await once(child, 'close')
  return { code, out, err }
}

/** The numbers in the line of the summary that matches. */
export function numbers(out: string, pattern: RegExp): number[] {
  expect(out).toMatch(pattern)
  return (pattern.exec(out) ?? []).slice(1).map((text) => Number(text.replaceAll(',', '')))
}
