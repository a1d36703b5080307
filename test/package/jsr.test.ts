/** What JSR would publish: the TypeScript sources themselves, the codec in them, under the same names as on npm. */

import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commands } from '../integration/child.ts'
import { importsOf, resolveImport } from '../structure/source.ts'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
}

const root = fileURLToPath(new URL('../../', import.meta.url))
const npm = readJson('package.json')
const jsr = readJson('jsr.json')

function readJson(name: string): Manifest {
  return JSON.parse(readFileSync(join(root, name), 'utf8')) as Manifest
}

/** What the dry run printed, and the files that it would publish, from the root. */
let output: string
let published: string[]
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexus-jsr-'))
  output = dryRun(root)
  published = [...output.matchAll(/^\s*file:\/\/(\S+) \([^)]*\)$/gm)].map(([, path]) => (path as string).slice(root.length))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Every check that JSR makes of a package: types, slow types in what is public, files that are missing. Throws what it says against it. */
function dryRun(cwd: string): string {
  // Nothing is asked of a registry: the cache is empty, and the package has no dependencies.
  const env = { ...process.env, NO_COLOR: '1', DENO_DIR: join(folder, 'cache') }
  const [deno] = commands.Deno
  const { status, stderr, error } = spawnSync(deno, ['publish', '--dry-run', '--allow-dirty', '--no-lock'], { cwd, env, encoding: 'utf8' })
  if (error !== undefined || status !== 0) throw new Error(`deno publish ended with ${status}: ${stderr}`, { cause: error })
  return stderr
}

test('the same version and licence as on npm', () => {
  expect(jsr.version).toBe(npm.version)
  expect(jsr.license).toBe(npm.license)
  expect(jsr.name.split('/')[1]).toBe(npm.name)
})

test('the same entries as on npm, each the source of what npm has built', () => {
  const expected: Record<string, string> = {}
  for (const [name, target] of Object.entries(npm.exports)) {
    // A Worker takes the package from npm: what its import of a binary means is known to its own loader alone.
    if (typeof target === 'string' || name === './workerd') continue
    // There is one entry for each name here, no conditions; the explicit ones are for the other runtimes.
    expected[name] = (target['deno'] ?? (target['default'] as string)).replace(/^\.\/dist\/(.+)\.js$/, './src/entry/$1.ts')
  }
  expect(jsr.exports).toEqual(expected)
})

test('the dry run is content, without slow types being allowed', () => {
  expect(output).toContain('Dry run complete')
  expect(output).not.toMatch(/warning/i)
})

test('all that the entries import, the compiled codec too, and nothing that they do not', () => {
  const needed = new Set<string>()
  const visit = (path: string): void => {
    if (needed.has(path)) return
    needed.add(path)
    for (const { specifier } of importsOf(readFileSync(join(root, path), 'utf8'))) {
      const target = resolveImport(path, specifier)
      if (target !== null) visit(target)
    }
  }
  for (const entry of Object.values(jsr.exports)) visit((entry as string).slice(2))
  expect([...needed]).toContain('src/codec/binary.ts')
  const beside = ['CHANGELOG.md', 'LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'jsr.json']
  expect([...published].sort()).toEqual([...needed, ...beside].sort())
})

test('what would be published works on its own', () => {
  const copy = join(folder, 'copy')
  for (const path of published) cpSync(join(root, path), join(copy, path), { recursive: true })
  const entry = (name: string): string => JSON.stringify(`${copy}/${(jsr.exports[name] as string).slice(2)}`)
  const file = join(copy, 'try.ts')
  writeFileSync(
    file,
    `import { ClientPool, WsStream } from ${entry('.')}
import { FrameReader, FrameWriter } from ${entry('./codec')}
import { memoryPair } from ${entry('./testing')}
const writer = new FrameWriter({ role: 'server' })
writer.encodeText('from the sources')
const reader = new FrameReader({ role: 'client' })
reader.read(writer.data())
console.log(reader.next()?.text, typeof WsStream.connect, typeof ClientPool.connect, memoryPair().length)
`,
  )
  const [deno, ...options] = commands.Deno
  expect(execFileSync(deno, [...options, file], { cwd: copy, encoding: 'utf8' })).toBe('from the sources function function 2\n')
})

test('the dry run sees a slow type', () => {
  const copy = join(folder, 'slow')
  for (const path of published) cpSync(join(root, path), join(copy, path), { recursive: true })
  writeFileSync(join(copy, 'src/entry/testing.ts'), 'export const slow = new Map([[1, 2]].map(([a, b]) => [a, b] as const))\n')
  expect(() => dryRun(copy)).toThrow('missing-explicit-type')
})
