/** Which file may know which: arrows point one way, down, and a runtime is named in few places. */

import { describe, expect, test } from 'vitest'
import { codeOf, importsOf, readSources, resolveImport, type SourceFile, topLevelOf } from './source.ts'

/** What each room may import. */
const MAY_IMPORT = {
  abi: [],
  base: ['base'],
  codec: ['codec', 'base', 'abi'],
  transport: ['transport', 'base'],
  adapter: ['adapter', 'transport', 'base'],
  // Only types: it says what a composition root must supply.
  runtime: ['codec', 'transport', 'base'],
  ws: ['ws', 'codec', 'transport', 'runtime', 'base', 'abi'],
  rest: ['rest', 'codec', 'transport', 'runtime', 'base', 'abi'],
  proxy: ['proxy', 'codec', 'transport', 'base'],
  testing: ['testing', 'transport', 'base'],
  entry: ['entry', 'ws', 'rest', 'proxy', 'testing', 'codec', 'adapter', 'transport', 'runtime', 'base', 'abi'],
  // A user of the package, as any other: nobody imports it, and it knows what an entry gives.
  cli: ['cli', 'entry'],
} as const satisfies Record<string, readonly string[]>

type Room = keyof typeof MAY_IMPORT

const RUNTIME_FILE =
  /^src\/(?:transport\/(?:node|deno|bun|workerd)(?:-[a-z-]+)?(?:\.d)?|entry\/(?:node|deno|bun|workerd|cli)(?:-[a-z-]+)?|cli\/[a-z-]+)\.ts$/

/** Where a file belongs; null when nobody gave it a place. */
function roomOf(path: string): Room | null {
  if (path === 'assembly/abi.ts') return 'abi'
  if (path === 'src/runtime.ts') return 'runtime'
  if (/^src\/(?:cli\/.*|entry\/cli)\.ts$/.test(path)) return 'cli'
  if (/^src\/[a-z-]+\.ts$/.test(path)) return 'base'
  if (/^src\/transport\/(?:node|deno|bun|workerd)(?:-[a-z-]+)?(?:\.d)?\.ts$/.test(path)) return 'adapter'
  const folder = /^src\/(codec|transport|ws|rest|proxy|testing|entry)\//.exec(path)?.[1]
  return (folder as Room | undefined) ?? null
}

/** Everything that is wrong with a file's place among the others. */
function checkArrows({ path, text }: SourceFile): string[] {
  const room = roomOf(path)
  if (room === null) return [`${path} belongs to no room`]
  const wrong: string[] = []
  for (const { specifier, typeOnly } of importsOf(text)) {
    const target = resolveImport(path, specifier)
    if (target === null) {
      if (!/^(?:node|cloudflare):/.test(specifier)) wrong.push(`${path} imports the package ${specifier}`)
      else if (!RUNTIME_FILE.test(path)) wrong.push(`${path} imports ${specifier}`)
      continue
    }
    const to = roomOf(target)
    if (to === null || !(MAY_IMPORT[room] as readonly string[]).includes(to)) wrong.push(`${path} (${room}) imports ${target} (${to})`)
    else if (room === 'runtime' && !typeOnly) wrong.push(`${path} imports more than types from ${target}`)
  }
  const code = codeOf(text)
  if (!RUNTIME_FILE.test(path)) {
    for (const [name] of code.matchAll(/(?<![\w$.])(?:Deno|Bun|process|Buffer|globalThis|navigator)(?=\.)/g)) wrong.push(`${path} names ${name}`)
  }
  if (room === 'codec') {
    // Sans IO: no clock, no promise, nothing that waits.
    for (const [name] of code.matchAll(
      /(?<![\w$.])(?:async|await|Promise|setTimeout|setInterval|setImmediate|queueMicrotask|fetch|performance|Date)(?![\w$])/g,
    )) {
      wrong.push(`${path} uses ${name}`)
    }
  }
  return wrong
}

const MUTATORS = 'add|set|delete|clear|push|pop|shift|unshift|splice|sort|reverse|fill|copyWithin'

/** Module-level state: two users of the package in one process would share it. */
function checkState({ path, text }: SourceFile): string[] {
  const wrong: string[] = []
  const code = codeOf(text)
  const top = topLevelOf(code)
  for (const [, name] of top.matchAll(/^(?:export\s+)?(?:let|var)\s+(\w+)/gm)) wrong.push(`${path} has a module-level variable ${name}`)
  for (const [, name] of code.matchAll(
    /^\s*(?:(?:public|private|protected|override|declare)\s+)*static\s+(?!readonly\b|override\s+readonly\b|async\b|\*)(\w+)\s*[=:;!?]/gm,
  )) {
    wrong.push(`${path} has a mutable static field ${name}`)
  }
  for (const [, name, made] of top.matchAll(/^(?:export\s+)?const\s+(\w+)[^=\n]*=\s*(?:new\s+(\w+))?/gm)) {
    if (['WeakMap', 'Codec', 'MaskKeys', 'FinalizationRegistry'].includes(made ?? '') && roomOf(path) !== 'entry')
      wrong.push(`${path} keeps a ${made} in ${name}`)
    const writes = new RegExp(`(?<![\\w$.])${name}(?:\\.(?:${MUTATORS})\\(|(?:\\.\\w+|\\[[^\\]]*\\])\\s*(?:[-+*/|&^]?=(?!=)|\\+\\+|--))`)
    if (writes.test(code)) wrong.push(`${path} writes to the module-level ${name}`)
  }
  return wrong
}

const sources = readSources('src', 'assembly/abi.ts')

test('the sources are where this test looks for them', () => {
  const rooms = new Set(sources.map(({ path }) => roomOf(path)))
  for (const room of ['abi', 'base', 'runtime', 'codec', 'transport', 'ws', 'entry', 'cli'] as const) expect(rooms, room).toContain(room)
  expect(sources.flatMap(({ text }) => importsOf(text)).length).toBeGreaterThan(50)
})

test('every import points down, and a runtime is named in its own files alone', () => {
  expect(sources.flatMap(checkArrows)).toEqual([])
})

test('no module keeps state', () => {
  expect(sources.flatMap(checkState)).toEqual([])
})

test('every relative import names a file that exists, with its extension', () => {
  const paths = new Set(sources.map(({ path }) => path))
  const lost = sources.flatMap(({ path, text }) =>
    importsOf(text).flatMap(({ specifier }) => {
      const target = resolveImport(path, specifier)
      // A binary is declared by a file of its own beside it.
      const declared = target?.replace(/\.(wasm)$/, '.d.$1.ts')
      return target === null || paths.has(target) || paths.has(declared as string) ? [] : [`${path}: ${specifier}`]
    }),
  )
  expect(lost).toEqual([])
})

describe('the check sees', () => {
  test.each<[string, string, string, RegExp]>([
    ['the codec knowing a stream', 'src/codec/a.ts', "import { x } from '../ws/stream.ts'", /codec\) imports src\/ws\/stream\.ts/],
    ['a type import up', 'src/codec/a.ts', "import type { x } from '../transport/transport.ts'", /imports src\/transport/],
    ['an import for its effect', 'src/codec/a.ts', "import '../ws/stream.ts'", /imports src\/ws/],
    ['a re-export', 'src/codec/a.ts', "export * from '../entry/node.ts'", /imports src\/entry/],
    ['a dynamic import', 'src/codec/a.ts', "const x = import('../entry/node.ts')", /imports src\/entry/],
    ['an import of many lines', 'src/ws/a.ts', "import {\n  one,\n  type Two,\n} from '../entry/node.ts'", /imports src\/entry/],
    ['a shell knowing a runtime’s transport', 'src/ws/a.ts', "import { dial } from '../transport/node.ts'", /\(adapter\)/],
    ['an entry knowing the command line', 'src/entry/node.ts', "import { x } from '../cli/main.ts'", /\(cli\)/],
    ['the command line knowing the inside', 'src/cli/a.ts', "import { x } from '../ws/stream.ts'", /\(ws\)/],
    ['ws knowing rest', 'src/ws/a.ts', "import { x } from '../rest/pool.ts'", /\(rest\)/],
    ['a transport knowing the codec', 'src/transport/a.ts', "import { x } from '../codec/memory.ts'", /\(codec\)/],
    ['errors knowing the codec', 'src/errors.ts', "import { x } from './codec/memory.ts'", /\(codec\)/],
    ['the ABI knowing anything', 'assembly/abi.ts', "import { x } from '../src/errors.ts'", /\(base\)/],
    ['a value in the runtime’s description', 'src/runtime.ts', "import { Codec } from './codec/memory.ts'", /more than types/],
    ['node: in the codec', 'src/codec/a.ts', "import { x } from 'node:buffer'", /imports node:buffer/],
    ['node: in a shared transport file', 'src/transport/a.ts', "import net from 'node:net'", /imports node:net/],
    ['a package', 'src/entry/node.ts', "import ws from 'ws'", /the package ws/],
    ['Deno by name', 'src/ws/a.ts', 'const x = Deno.version', /names Deno/],
    ['Bun inside a template', 'src/ws/a.ts', 'const x = `a $' + '{Bun.version} b`', /names Bun/],
    ['Buffer in the codec', 'src/codec/a.ts', "const x = Buffer.from('')", /names Buffer/],
    ['the codec waiting', 'src/codec/a.ts', 'async function f() {}', /uses async/],
    ['a folder without a place', 'src/misc/a.ts', '', /no room/],
  ])('%s', (_, path, text, expected) => {
    const wrong = checkArrows({ path, text })
    expect(wrong).toHaveLength(1)
    expect(wrong[0]).toMatch(expected)
  })

  test.each<[string, string, RegExp]>([
    ['a let', 'let count = 0', /variable count/],
    ['an exported let', 'export let count = 0', /variable count/],
    ['a let behind a function', 'function f() {\n  let fine = 1\n}\nlet count = 0', /variable count/],
    ['a var', 'var count', /variable count/],
    ['a static field', 'class A {\n  static count = 0\n}', /static field count/],
    ['a private static field', 'class A {\n  private static count: number = 0\n}', /static field count/],
    ['a set that is added to', 'const seen = new Set<string>()\nfunction f(x: string) { seen.add(x) }', /writes to the module-level seen/],
    ['an array that is written to', 'const list: number[] = []\nfunction f() { list[0] = 1 }', /writes to the module-level list/],
    ['an object that is counted in', 'const stats = { n: 0 }\nfunction f() { stats.n++ }', /writes to the module-level stats/],
    ['a codec outside the entries', 'const codec = new Codec(x, y)', /keeps a Codec/],
  ])('%s', (_, text, expected) => {
    const wrong = checkState({ path: 'src/ws/a.ts', text })
    expect(wrong).toHaveLength(1)
    expect(wrong[0]).toMatch(expected)
  })

  test('nothing in what is allowed', () => {
    const text = `
      // import { x } from '../entry/node.ts' in a comment, Deno.version too
      /* let count = 0; Bun.serve() */
      import { type A, b } from '../codec/memory.ts'
      import type { Transport } from '../transport/transport.ts'
      const NAMES = new Set(['Deno.x', "Bun.y", \`process.z\`])
      const PATTERN = /Bun\\.serve['"\`]/
      export const LIMIT = 5
      export function f(x: string): boolean {
        let local = 0
        local++
        const list: string[] = []
        list.push(x)
        return NAMES.has(x) || PATTERN.test(x) || LIMIT / 2 / local > 1
      }
      class C {
        static readonly N = 1
        static make(): C { return new C() }
        process = { env: 1 }
        get e() { return this.process.env }
      }
    `
    expect(checkArrows({ path: 'src/ws/a.ts', text })).toEqual([])
    expect(checkState({ path: 'src/ws/a.ts', text })).toEqual([])
  })
})
