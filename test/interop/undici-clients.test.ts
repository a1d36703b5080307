/** undici 6, 7 and 8, unmodified, over a dispatcher of ours, and over their own beside it: the same comes of both. */

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { Agent } from '../../src/entry/node-undici.ts'
import { type Dispatcher, type Undici, undiciChecks } from './undici-checks.ts'
import { startUndiciServer, type UndiciServer } from './undici-server.ts'

const folder = fileURLToPath(new URL('undici-clients/', import.meta.url))
const versions = new Map<number, Undici>()
let server: UndiciServer

beforeAll(async () => {
  if (!existsSync(`${folder}node_modules`)) execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder })
  for (const major of [6, 7]) versions.set(major, (await import(`${folder}node_modules/undici${major}/index.js`)).default as Undici)
  server = await startUndiciServer()
}, 300_000)

afterAll(() => server?.close())

describe.each([6, 7])('undici %d', (major) => {
  describe.each(['ours', 'its own'])('over %s', (whose) => {
    test.each(Object.entries(undiciChecks))('%s', async (_, check) => {
      const undici = versions.get(major) as Undici
      const isOurs = whose === 'ours'
      const open = (options?: object): Dispatcher => (isOurs ? (new Agent(options) as unknown as Dispatcher) : new undici.Agent(options))
      const dispatcher = open()
      try {
        await check({ undici, major, isOurs, origin: server.origin, open, dispatcher })
      } finally {
        await dispatcher.destroy()
      }
    })
  })
})
