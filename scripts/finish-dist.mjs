// What rollup does not make: the declarations, the plain binaries, and a program that may be run.
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { visibleDeclarations } from './visible-declarations.mjs'

copyFileSync('build/codec.wasm', 'dist/codec.wasm')
copyFileSync('build/deflate.wasm', 'dist/deflate.wasm')
// A program, which nobody steps into: without its map, which would be a fortieth of the package.
writeFileSync('dist/cli.js', readFileSync('dist/cli.js', 'utf8').replace(/\n?\/\/# sourceMappingURL=.*\n?$/, '\n'))
rmSync('dist/cli.js.map')
chmodSync('dist/cli.js', 0o755)

const runtimes = ['node', 'deno', 'bun', 'workerd']
const drops = ['node', 'deno', 'bun'].flatMap((runtime) => [`${runtime}-ws`, `${runtime}-undici`])
const entries = [...runtimes, 'codec', 'testing', ...drops, ...runtimes.flatMap((runtime) => [`${runtime}-websocket`, `${runtime}-fetch`])].map(
  (entry) => `build/types/src/entry/${entry}.d.ts`,
)
rmSync('dist/types', { recursive: true, force: true })
for (const [file, text] of visibleDeclarations(entries)) {
  const target = file.replace(/^build/, 'dist')
  const tabs = text.replace(/^(?: {4})+/gm, (spaces) => '\t'.repeat(spaces.length / 4))
  mkdirSync(dirname(target), { recursive: true })
  // Who compiles without that library has no `using`, and need not hear of it.
  writeFileSync(target, /Symbol\.(?:asyncD|d)ispose/.test(tabs) ? `/// <reference lib="esnext.disposable" />\n${tabs}` : tabs)
}
