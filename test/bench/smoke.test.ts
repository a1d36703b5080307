/** The benchmarks that need no peer still work: what they measure is used as its users use it, so that nothing inside of it may change under them. */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)

test.each([
  ['ws/parse', 'binary40 batch'],
  ['ws/costs', 'reads batch'],
  ['rest/build', null],
  ['rest/responses', null],
])('%s', async (bench, one) => {
  const { stdout } = await run(process.execPath, [fileURLToPath(new URL(`../../bench/${bench}.mjs`, import.meta.url)), '--smoke'])
  const found = JSON.parse(stdout) as Record<string, string>
  expect(Object.entries(found).filter(([, failure]) => failure !== '')).toEqual([])
  expect(Object.keys(found).length).toBeGreaterThan(4)
  if (one !== null) expect(found).toHaveProperty([one])
})
