// What rollup does not make: the declarations, the plain binaries, and a program that may be run.
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

copyFileSync('build/codec.wasm', 'dist/codec.wasm')
copyFileSync('build/deflate.wasm', 'dist/deflate.wasm')
chmodSync('dist/cli.js', 0o755)

// Declarations that an entry leads to; those of the inside that nobody can see are left out.
const reachable = new Map()
const visit = (file) => {
  if (reachable.has(file) || !existsSync(file)) return
  const text = readFileSync(file, 'utf8')
  reachable.set(file, text)
  for (const [, specifier] of text.matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g)) {
    visit(join(dirname(file), specifier.replace(/\.(?:js|ts)$/, '.d.ts')))
  }
}
for (const entry of ['node', 'deno', 'bun', 'workerd', 'codec', 'testing']) visit(`build/types/src/entry/${entry}.d.ts`)

// Of those files, what one of them exports for the inside alone goes too: its name stands nowhere else, and nobody exports the file as a whole.
const DECLARATION =
  /^(?:\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?export (?:declare )?(?:abstract )?(?:class|function|const|interface|type) ([\w$]+).*\n(?:[ }].*\n)*/gm
const wordsOf = (text) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').match(/[\w$]+/g) ?? []
const shown = new Set([...reachable.keys()].filter((file) => file.startsWith('build/types/src/entry/')))
for (const [file, text] of reachable) {
  for (const [, specifier] of text.matchAll(/export \* from '([^']+)'/g)) shown.add(join(dirname(file), specifier.replace(/\.ts$/, '.d.ts')))
}
for (let isDone = false; !isDone; ) {
  isDone = true
  const count = new Map()
  for (const text of reachable.values()) for (const word of wordsOf(text)) count.set(word, (count.get(word) ?? 0) + 1)
  for (const [file, text] of reachable) {
    if (shown.has(file)) continue
    const rest = text.replace(DECLARATION, (declaration, name) =>
      count.get(name) > wordsOf(declaration).filter((word) => word === name).length ? declaration : '',
    )
    if (rest === text) continue
    reachable.set(file, rest)
    isDone = false
  }
}

// What is said of private members is for those who read the sources.
const PRIVATE_DOC = /^ *\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n(?= *(?:static )?private )/gm

rmSync('dist/types', { recursive: true, force: true })
for (const [file, text] of reachable) {
  const target = file.replace(/^build/, 'dist')
  const tabs = text.replace(PRIVATE_DOC, '').replace(/^(?: {4})+/gm, (spaces) => '\t'.repeat(spaces.length / 4))
  mkdirSync(dirname(target), { recursive: true })
  // Who compiles without that library has no `using`, and need not hear of it.
  writeFileSync(target, /Symbol\.(?:asyncD|d)ispose/.test(tabs) ? `/// <reference lib="esnext.disposable" />\n${tabs}` : tabs)
}
