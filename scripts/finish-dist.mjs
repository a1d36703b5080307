// What rollup does not make: the declarations, the plain binary, a program that may be run, and maps that are small enough to be shipped.
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { decode, encode } from '@jridgewell/sourcemap-codec'

copyFileSync('build/codec.wasm', 'dist/codec.wasm')
chmodSync('dist/cli.js', 0o755)

// Lines are what a stack trace is read for: with the columns, maps would be a third of the package.
// So a line begins at column 0 on both sides.
for (const name of readdirSync('dist')) {
  if (!name.endsWith('.map')) continue
  const map = JSON.parse(readFileSync(join('dist', name), 'utf8'))
  const lines = decode(map.mappings).map((segments) =>
    segments
      .filter(({ length }) => length > 1)
      .slice(0, 1)
      .map(([, source, line]) => [0, source, line, 0]),
  )
  writeFileSync(join('dist', name), `${JSON.stringify({ ...map, names: [], mappings: encode(lines) })}\n`)
}

// Declarations that an entry leads to; those of the inside that nobody can see are left out.
const reachable = new Set()
const visit = (file) => {
  if (reachable.has(file) || !existsSync(file)) return
  reachable.add(file)
  for (const [, specifier] of readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g)) {
    visit(join(dirname(file), specifier.replace(/\.(?:js|ts)$/, '.d.ts')))
  }
}
for (const entry of ['node', 'deno', 'bun', 'workerd', 'codec', 'testing']) visit(`build/types/src/entry/${entry}.d.ts`)
rmSync('dist/types', { recursive: true, force: true })
for (const file of reachable) {
  const target = file.replace(/^build/, 'dist')
  const text = readFileSync(file, 'utf8')
  mkdirSync(dirname(target), { recursive: true })
  // Who compiles without that library has no `using`, and need not hear of it.
  writeFileSync(target, /Symbol\.(?:asyncD|d)ispose/.test(text) ? `/// <reference lib="esnext.disposable" />\n${text}` : text)
}
