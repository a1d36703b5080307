/** The same bytes do the same, to the last instruction, on every runtime. */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = fileURLToPath(new URL('../../bench/codec/run.mjs', import.meta.url))
/** One of each kind; all of them are `npm run bench:codec`. */
const SOME = [
  'feed-in/',
  'text-in/mixed/4-KiB',
  'frames-out/client/a-mixture',
  'handshake/',
  'requests-out/',
  'responses-in/12-fields/35',
  'chunks-in/64-KiB-in-chunks-of-128',
]

test('checksums, instructions, calls and bytes copied are the same on Node, Deno, Bun and workerd', async () => {
  // It ends with 1, and says what differs, when anything does.
  const { stdout } = await promisify(execFile)(process.execPath, [run, '--counts', '--only', SOME.join(',')])
  expect(stdout).toMatch(/^\d\d workloads: checksums and counts are the same on node, deno, bun, workerd; all of them hash to [0-9a-f]{16}$/m)
  expect(stdout).toContain('nothing differs from bench/codec/baseline.json by more than 2 %')
})
