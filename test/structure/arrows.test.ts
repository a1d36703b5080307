/** Which file may know which: arrows point one way, down, and a runtime is named in few places. */

import { describe, expect, test } from 'vitest'
import { cyclesOf } from './cycles.ts'
import { importsOf, nodesOf, parse, readSources, resolveImport, type SourceFile, ts } from './source.ts'

/** What each room may import. */
const MAY_IMPORT = {
  abi: [],
  base: ['base'],
  codec: ['codec', 'base', 'abi'],
  // Messages may be compressed.
  'codec/ws': ['codec/ws', 'codec/deflate', 'codec', 'base', 'abi'],
  'codec/http': ['codec/http', 'codec', 'base', 'abi'],
  'codec/deflate': ['codec/deflate', 'codec', 'base', 'abi'],
  // An exchange of HTTP that ends in frames: it reads heads as HTTP does, over the memory of both ends.
  handshake: ['handshake', 'codec/ws', 'codec/http', 'codec', 'base', 'abi'],
  transport: ['transport', 'base'],
  'transport/memory': ['transport/memory', 'transport', 'base'],
  'transport/node': ['transport/node', 'transport', 'base'],
  // They have `node:` modules of their own.
  'transport/deno': ['transport/deno', 'transport/node', 'transport', 'base'],
  'transport/bun': ['transport/bun', 'transport/node', 'transport', 'base'],
  'transport/workerd': ['transport/workerd', 'transport', 'base'],
  // Only types: it says what a composition root must supply.
  runtime: ['codec/ws', 'codec/http', 'codec', 'transport', 'base'],
  ws: ['ws', 'handshake', 'codec/ws', 'codec/deflate', 'codec/http', 'codec', 'transport', 'runtime', 'base', 'abi'],
  rest: ['rest', 'codec/http', 'codec/deflate', 'codec', 'transport', 'runtime', 'base', 'abi'],
  // Classes that existing code calls, over ours.
  faces: ['faces', 'ws', 'rest', 'handshake', 'codec/ws', 'codec/http', 'codec', 'transport', 'runtime', 'base'],
  proxy: ['proxy', 'codec/http', 'codec', 'transport', 'base'],
  testing: ['testing', 'transport', 'base'],
  entry: [
    ...['entry', 'faces', 'ws', 'rest', 'proxy', 'testing', 'handshake', 'codec/ws', 'codec/http', 'codec/deflate', 'codec'],
    ...['transport/memory', 'transport/node', 'transport/deno', 'transport/bun', 'transport/workerd', 'transport', 'runtime', 'base', 'abi'],
  ],
  // A user of the package, as any other: nobody imports it, and it knows what an entry gives.
  cli: ['cli', 'entry'],
} as const satisfies Record<string, readonly string[]>

type Room = keyof typeof MAY_IMPORT

const RUNTIME_FILE =
  /^src\/(?:transport\/(?:node|deno|bun|workerd)\/[a-z-]+(?:\.d)?|faces\/node\/[a-z-]+|entry\/(?:node|deno|bun|workerd|cli)(?:-[a-z-]+)?|cli\/[a-z-]+)\.ts$/

/** Where a file belongs; null when nobody gave it a place. */
function roomOf(path: string): Room | null {
  if (path === 'assembly/abi.ts') return 'abi'
  if (path === 'src/runtime.ts') return 'runtime'
  if (/^src\/(?:cli\/.*|entry\/cli)\.ts$/.test(path)) return 'cli'
  if (/^src\/[a-z-]+\.ts$/.test(path)) return 'base'
  if (/^src\/codec\/ws\/(?:handshake|head-writer|upgrade)\.ts$/.test(path)) return 'handshake'
  const folder = /^src\/((?:codec|transport)\/[^/]+|codec|transport|ws|rest|faces|proxy|testing|entry)\//.exec(path)?.[1]
  return folder !== undefined && folder in MAY_IMPORT ? (folder as Room) : null
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
  const tree = parse(text)
  const named = new Set<string>()
  for (const node of nodesOf(tree)) {
    if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) named.add(node.expression.text)
  }
  if (!RUNTIME_FILE.test(path)) for (const name of RUNTIME_NAMES) if (named.has(name)) wrong.push(`${path} names ${name}`)
  // Sans IO: no clock, no promise, nothing that waits.
  if (/^src\/codec\//.test(path)) for (const name of waitsOf(tree)) wrong.push(`${path} uses ${name}`)
  return wrong
}

const RUNTIME_NAMES = ['Deno', 'Bun', 'process', 'Buffer', 'globalThis', 'navigator']
const WAITS = new Set(['Promise', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch', 'performance', 'Date'])

/** What in a file waits, or asks for the time. */
function waitsOf(tree: ts.SourceFile): Set<string> {
  const found = new Set<string>()
  for (const node of nodesOf(tree)) {
    if (node.kind === ts.SyntaxKind.AsyncKeyword) found.add('async')
    else if (ts.isAwaitExpression(node) || node.kind === ts.SyntaxKind.AwaitKeyword) found.add('await')
    else if (ts.isIdentifier(node) && WAITS.has(node.text) && !isNameOfMember(node)) found.add(node.text)
  }
  return found
}

function isNameOfMember(node: ts.Identifier): boolean {
  const { parent } = node
  return (ts.isPropertyAccessExpression(parent) || ts.isClassElement(parent) || ts.isTypeElement(parent)) && parent.name === node
}

const MUTATORS = new Set(['add', 'set', 'delete', 'clear', 'push', 'pop', 'shift', 'unshift', 'splice', 'sort', 'reverse', 'fill', 'copyWithin'])
const KEPT_BY_ENTRIES = new Set(['WeakMap', 'Codec', 'MaskKeys', 'FinalizationRegistry'])

/** Module-level state: two users of the package in one process would share it. */
function checkState({ path, text }: SourceFile): string[] {
  const tree = parse(text)
  const wrong: string[] = []
  const constants = new Set<string>()
  for (const statement of tree.statements) {
    if (!ts.isVariableStatement(statement)) continue
    const isConstant = (statement.declarationList.flags & ts.NodeFlags.Const) !== 0
    for (const { name, initializer } of statement.declarationList.declarations) {
      const label = name.getText(tree)
      if (isConstant) constants.add(label)
      else wrong.push(`${path} has a module-level variable ${label}`)
      const made = initializer !== undefined && ts.isNewExpression(initializer) ? initializer.expression.getText(tree) : ''
      if (KEPT_BY_ENTRIES.has(made) && roomOf(path) !== 'entry') wrong.push(`${path} keeps a ${made} in ${label}`)
    }
  }
  const written = new Set<string>()
  for (const node of nodesOf(tree)) {
    if (ts.isPropertyDeclaration(node)) {
      const is = (kind: ts.SyntaxKind): boolean => node.modifiers?.some((modifier) => modifier.kind === kind) === true
      if (is(ts.SyntaxKind.StaticKeyword) && !is(ts.SyntaxKind.ReadonlyKeyword))
        wrong.push(`${path} has a mutable static field ${node.name.getText(tree)}`)
    }
    const name = writtenBy(node)
    if (name !== null && constants.has(name)) written.add(name)
  }
  for (const name of written) wrong.push(`${path} writes to the module-level ${name}`)
  return wrong
}

const isAssignment = (kind: ts.SyntaxKind): boolean => kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment

/** The variable whose value a node changes: a call of a mutator, an assignment to a member, a count. */
function writtenBy(node: ts.Node): string | null {
  const ownerOf = (target: ts.Node): string | null =>
    (ts.isPropertyAccessExpression(target) || ts.isElementAccessExpression(target)) && ts.isIdentifier(target.expression)
      ? target.expression.text
      : null
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && MUTATORS.has(node.expression.name.text))
    return ownerOf(node.expression)
  if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)) return ownerOf(node.left)
  if (ts.isDeleteExpression(node)) return ownerOf(node.expression)
  if (ts.isPostfixUnaryExpression(node)) return ownerOf(node.operand)
  if (ts.isPrefixUnaryExpression(node) && (node.operator === ts.SyntaxKind.PlusPlusToken || node.operator === ts.SyntaxKind.MinusMinusToken)) {
    return ownerOf(node.operand)
  }
  return null
}

const sources = readSources('src', 'assembly/abi.ts')

test('the sources are where this test looks for them', () => {
  const rooms = new Set(sources.map(({ path }) => roomOf(path)))
  for (const room of Object.keys(MAY_IMPORT)) expect(rooms, room).toContain(room)
  expect(sources.flatMap(({ text }) => importsOf(text)).length).toBeGreaterThan(50)
})

test('every import points down, and a runtime is named in its own files alone', () => {
  expect(sources.flatMap(checkArrows)).toEqual([])
})

test('no module keeps state', () => {
  expect(sources.flatMap(checkState)).toEqual([])
})

/** Where a file stands, as fine as the folders; what has no folder, or is its own room in the table above, stands alone. */
function placeOf(path: string): string {
  const room = roomOf(path)
  if (room === 'cli') return 'src/cli'
  return room === 'base' || room === 'runtime' || room === 'abi' ? path : path.replace(/\/[^/]+$/, '')
}

/** What leads to what. */
function graphOf(fold: (path: string) => string): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>()
  for (const { path, text } of sources) {
    for (const { specifier } of importsOf(text)) {
      const target = resolveImport(path, specifier)
      if (target === null || fold(target) === fold(path)) continue
      const from = graph.get(fold(path)) ?? new Set()
      graph.set(fold(path), from.add(fold(target)))
    }
  }
  return graph
}

test('no folder leads back to itself, not even by types', () => {
  expect(cyclesOf(graphOf(placeOf))).toEqual([])
})

test('no file leads back to itself, not even by types', () => {
  expect(cyclesOf(graphOf((path) => path))).toEqual([])
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

test('cycles are found', () => {
  const graph = (edges: Record<string, string[]>): Map<string, Set<string>> => new Map(Object.entries(edges).map(([from, to]) => [from, new Set(to)]))
  expect(cyclesOf(graph({ a: ['b'], b: ['c'], c: [] }))).toEqual([])
  expect(cyclesOf(graph({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }))).toEqual([])
  expect(cyclesOf(graph({ a: ['b'], b: ['a'], c: ['a'] }))).toEqual([['a', 'b']])
  expect(cyclesOf(graph({ x: ['a'], a: ['b'], b: ['c'], c: ['a', 'e'], d: ['e'], e: ['d'] }))).toEqual([
    ['a', 'b', 'c'],
    ['d', 'e'],
  ])
})

describe('the check sees', () => {
  test.each<[string, string, string, RegExp]>([
    ['the codec knowing a stream', 'src/codec/a.ts', "import { x } from '../ws/ws-connection.ts'", /codec\) imports src\/ws\/ws-connection\.ts/],
    ['a type import up', 'src/codec/a.ts', "import type { x } from '../transport/transport.ts'", /imports src\/transport/],
    ['an import for its effect', 'src/codec/a.ts', "import '../ws/ws-connection.ts'", /imports src\/ws/],
    ['a re-export', 'src/codec/a.ts', "export * from '../entry/node.ts'", /imports src\/entry/],
    ['a dynamic import', 'src/codec/a.ts', "const x = import('../entry/node.ts')", /imports src\/entry/],
    ['an import of many lines', 'src/ws/a.ts', "import {\n  one,\n  type Two,\n} from '../entry/node.ts'", /imports src\/entry/],
    ['frames knowing HTTP', 'src/codec/ws/a.ts', "import { x } from '../http/fields.ts'", /\(codec\/http\)/],
    ['HTTP knowing frames', 'src/codec/http/a.ts', "import type { x } from '../ws/message.ts'", /\(codec\/ws\)/],
    ['HTTP knowing the handshake', 'src/codec/http/a.ts', "import { x } from '../ws/upgrade.ts'", /\(handshake\)/],
    ['the ground of the codec knowing a protocol', 'src/codec/a.ts', "import { x } from './http/fields.ts'", /\(codec\/http\)/],
    ['HTTP connections knowing frames', 'src/rest/a.ts', "import { x } from '../codec/ws/message.ts'", /\(codec\/ws\)/],
    ['a shell knowing a runtime’s transport', 'src/ws/a.ts', "import { dial } from '../transport/node/dial.ts'", /\(transport\/node\)/],
    ['a runtime knowing another one', 'src/transport/node/a.ts', "import { x } from '../deno/conn.ts'", /\(transport\/deno\)/],
    ['the shared part of the transports knowing one', 'src/transport/a.ts', "import { x } from './memory/pair.ts'", /\(transport\/memory\)/],
    ['an entry knowing the command line', 'src/entry/node.ts', "import { x } from '../cli/main.ts'", /\(cli\)/],
    ['the command line knowing the inside', 'src/cli/a.ts', "import { x } from '../ws/ws-connection.ts'", /\(ws\)/],
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
    ['a protocol waiting', 'src/codec/ws/a.ts', 'async function f() {}', /uses async/],
    ['a room that is not in the table', 'src/transport/misc/a.ts', '', /no room/],
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
