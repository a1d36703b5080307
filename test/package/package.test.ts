/** What strangers install: the packed tarball, in an empty folder, by every way that they would use it. */

import { execFile, execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import * as esbuild from 'esbuild'
import { publint } from 'publint'
import { rolldown } from 'rolldown'
import { rollup } from 'rollup'
import * as vite from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import webpack from 'webpack'
import { type Exchange, startExchange } from '../docs/exchange.ts'
import { commands } from '../integration/child.ts'
import { importsOf, nodesOf, parse, readSources, ts } from '../structure/source.ts'
import { Workerd } from '../workerd/serve.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const require = createRequire(import.meta.url)

let folder: string
let tarball: string
/** An empty project with the package in it. */
let project: string
let installed: string
let exchange: Exchange

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nexus-package-'))
  // As `prepare` has built it.
  const [packed] = JSON.parse(npm(root, 'pack', '--json', '--ignore-scripts', '--pack-destination', folder)) as [{ filename: string }]
  tarball = join(folder, packed.filename)
  project = join(folder, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "name": "a-strangers", "private": true, "type": "module" }\n')
  npm(project, 'install', '--offline', '--no-audit', '--no-fund', tarball)
  installed = join(project, 'node_modules', 'nexus-async-net')
  exchange = await startExchange()
}, 120_000)
afterAll(async () => {
  await exchange?.close()
  rmSync(folder, { recursive: true, force: true })
})

function npm(cwd: string, ...args: string[]): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Runs a module inside the project; returns what it printed. */
async function runFile([program, ...options]: readonly string[], file: string): Promise<string> {
  // Not synchronously: the server that they speak to lives here.
  const { stdout, stderr } = await promisify(execFile)(program as string, [...options, file], { cwd: project, timeout: 20_000 })
  expect(stderr).toBe('')
  return stdout
}

/** The sources that a file of dist is made of. */
function readMap(name: string): string[] {
  return (JSON.parse(readFileSync(join(installed, 'dist', `${name}.map`), 'utf8')) as { sources: string[] }).sources
}

function write(name: string, text: string): string {
  const file = join(project, name)
  writeFileSync(file, text)
  return file
}

describe('what is in it', () => {
  test('at most 320 KB packed, 16 of them the binary for compressed data, as text and for workerd, and nothing but what is needed', () => {
    expect(statSync(tarball).size).toBeLessThanOrEqual(320_000)
    expect(readdirSync(installed).sort()).toEqual(['CHANGELOG.md', 'LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'dist', 'package.json'])
  })

  test('an import that loads at most a tenth more than the first step’s', () => {
    const loaded = new Map<string, number>()
    const load = (name: string): void => {
      if (loaded.has(name)) return
      const text = readFileSync(join(installed, 'dist', name), 'utf8')
      // The text of the binary for compressed data is not counted: nothing is done with it before it is needed. It has a file of its own, with nothing else.
      if (name === 'shared-deflate-binary.js')
        expect(text).toMatch(
          /^(?:const|var|let) DEFLATE_TEXT=(?:'[^\n]*'|"[^\n]*"|`[^\n]*`);export\{DEFLATE_TEXT\};\n?(?:\/\/# sourceMappingURL=\S+\n?)?$/,
        )
      loaded.set(name, name === 'shared-deflate-binary.js' ? 0 : Buffer.byteLength(text))
      for (const { specifier, isDynamic } of importsOf(text)) if (!isDynamic && specifier.startsWith('./')) load(specifier.slice(2))
    }
    load('node.js')
    expect(loaded.size).toBeGreaterThan(3)
    expect(loaded.has('shared-deflate-binary.js')).toBe(true)
    // Classes of others have entries of their own.
    expect([...loaded.keys()].filter((name) => readMap(name).some((source) => source.includes('/faces/')))).toEqual([])
    // 323,271 bytes: dist/node.js and its chunks at the end of the first step, 2026-11-28.
    expect([...loaded.values()].reduce((sum, bytes) => sum + bytes)).toBeLessThanOrEqual(1.1 * 323_271)
  })

  test('a codec of at most 24 KiB', () => {
    expect(statSync(join(installed, 'dist/codec.wasm')).size).toBeLessThanOrEqual(24 * 1024)
  })

  test('no dependencies, of no kind', () => {
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Record<string, unknown>
    for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies']) expect(manifest[kind]).toBe(undefined)
    expect(readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['nexus-async-net'])
  })

  test('every file that the manifest names', () => {
    const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { exports: object }
    const files = JSON.stringify(exports).match(/\.\/dist\/[^"]+/g) ?? []
    expect(files.length).toBeGreaterThan(15)
    expect(files.filter((file) => !existsSync(join(installed, file)))).toEqual([])
  })

  test('a source map for each file but the program, of our own sources', () => {
    for (const name of readdirSync(join(installed, 'dist'))) {
      if (!name.endsWith('.js') || name === 'cli.js') continue
      const map = JSON.parse(readFileSync(join(installed, 'dist', `${name}.map`), 'utf8')) as { sources: string[]; mappings: string }
      expect(
        map.sources.every((source) => source.startsWith('../src/') || source.startsWith('../assembly/')),
        name,
      ).toBe(true)
    }
  })
})

describe('what others say of it', () => {
  test('publint has nothing to say', async () => {
    const { messages } = await publint({ pkgDir: installed, level: 'suggestion', strict: true })
    expect(messages).toEqual([])
  })

  test('attw: types and code of every entry are found by whoever can import them', async () => {
    const result = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(tarball))))
    if (result.types === false) throw new Error('no types were found')
    // The package is ESM, and `exports` is all it has: who knows neither, finds it not.
    const known = result.problems.filter(
      (problem) =>
        !(problem.kind === 'NoResolution' && problem.resolutionKind === 'node10') &&
        !(problem.kind === 'CJSResolvesToESM') &&
        !('entrypoint' in problem && ['./codec.wasm', './package.json'].includes(problem.entrypoint)),
    )
    expect(known).toEqual([])
  })
})

const SAMPLE = `
import { WsStream, ClientPool, HttpConnection, type WsStreamBuilder, type TlsConfig, type Message } from 'nexus-async-net'
import { WsStream as FromWs } from 'nexus-async-net/ws'
import { ClientPool as FromRest } from 'nexus-async-net/rest'
import { FrameReader, FrameWriter, ChunkedDecoder } from 'nexus-async-net/codec'
import { memoryPair } from 'nexus-async-net/testing'
import * as node from 'nexus-async-net/node'
import * as deno from 'nexus-async-net/deno'
import * as bun from 'nexus-async-net/bun'
import * as workerd from 'nexus-async-net/workerd'

export async function main(tls: TlsConfig): Promise<number> {
  const ws = await WsStream.connect('wss://exchange.example', { tls, proxy: null })
  let length = 0
  while (await ws.readable()) for (let m: Message | null; (m = ws.next()) !== null; ) if (m.kind === 'text') length += m.text.length
  const pool = await ClientPool.connect('https://exchange.example', { connections: 4 })
  const slot = pool.tryAcquire()
  const status: number | undefined = (await slot?.send(slot.writer.get('/').finish()))?.status
  // @ts-expect-error: a status is a number
  const wrong: string = (await pool.request('GET', '/')).status
  const builder: WsStreamBuilder<WsStream> = WsStream.builder()
  void [FromWs, FromRest, FrameReader, FrameWriter, ChunkedDecoder, memoryPair, HttpConnection, node, deno, bun, builder, wrong]
  // @ts-expect-error: there are no threads on workerd
  void workerd.AtomicClientPool
  return length + (status ?? 0)
}
`

describe('its types', () => {
  const compilers = { newest: 'typescript', '5.7': 'typescript-5.7' } as const
  test.each(
    (['newest', '5.7'] as const).flatMap((version) =>
      [
        ['nodenext', 'nodenext'],
        ['node16', 'node16'],
        ['esnext', 'bundler'],
      ].map(([module, resolution]) => [version, module as string, resolution as string] as const),
    ),
  )('hold with TypeScript %s, module %s, moduleResolution %s, without any runtime’s types', { timeout: 60_000 }, (version, module, resolution) => {
    const name = compilers[version]
    write('sample.ts', SAMPLE)
    write('derived.ts', DERIVED)
    write(
      'tsconfig.json',
      JSON.stringify({
        compilerOptions: {
          ...{
            target: 'es2022',
            lib: ['es2022', 'dom'],
            strict: true,
            exactOptionalPropertyTypes: true,
            noEmit: true,
            skipLibCheck: false,
            types: [],
          },
          module,
          moduleResolution: resolution,
        },
        files: ['sample.ts', 'derived.ts'],
      }),
    )
    const compiler = join(require.resolve(`${name}/package.json`), '..', 'bin', 'tsc')
    let output = ''
    try {
      execFileSync(process.execPath, [compiler, '-p', join(project, 'tsconfig.json')], { encoding: 'utf8' })
    } catch (error) {
      output = (error as { stdout: string }).stdout
    }
    expect(output).toBe('')
  })

  test('say nothing of what is internal', () => {
    const folder = join(installed, 'dist/types')
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.d.ts'))
    expect(files.length).toBeGreaterThan(30)
    const shown = new Map(files.map((name) => [name.replace(/\.d\.ts$/, '.ts'), readFileSync(join(folder, name), 'utf8')]))
    expect([...shown].filter(([, text]) => text.includes('@internal')).map(([name]) => name)).toEqual([])
    const internal = readSources('src').flatMap(({ path, text }) =>
      shown.has(path) ? internalMembers(text).map((member) => ({ path, ...member })) : [],
    )
    expect(internal.length).toBeGreaterThan(100)
    const seen = internal.filter(({ path, owner, name }) => membersOf(shown.get(path) as string, owner).has(name))
    expect(seen).toEqual([])
  })
})

/** Members of classes and interfaces that are marked `@internal`, but for those that have a public overload. */
function internalMembers(text: string): { owner: string; name: string }[] {
  const found: { owner: string; name: string }[] = []
  for (const node of nodesOf(parse(text))) {
    if (!ts.isClassDeclaration(node) && !ts.isInterfaceDeclaration(node)) continue
    const members = [...node.members].flatMap((member: ts.Node): ts.Node[] =>
      ts.isConstructorDeclaration(member) ? [...member.parameters] : [member],
    )
    const isInternal = (member: ts.Node): boolean =>
      (ts.getLeadingCommentRanges(text, member.getFullStart()) ?? []).some(({ pos, end }) => text.slice(pos, end).includes('@internal'))
    const nameOf = (member: ts.Node): string => (member as ts.NamedDeclaration).name?.getText() ?? ''
    const open = new Set(members.filter((member) => !isInternal(member)).map(nameOf))
    for (const member of members) {
      const name = nameOf(member)
      if (isInternal(member) && name !== '' && !open.has(name)) found.push({ owner: node.name?.text ?? '', name })
    }
  }
  return found
}

/** Names of the members that a declaration shows of a class or an interface. */
function membersOf(text: string, owner: string): Set<string> {
  for (const node of nodesOf(parse(text))) {
    if ((ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) && node.name?.text === owner) {
      return new Set(node.members.map((member) => (member.name === undefined ? '' : member.name.getText())))
    }
  }
  return new Set()
}

/** What a user derives from the classes, with members of names that the classes have inside. */
const DERIVED = `
import { AtomicClientPool, AtomicClientSlot, ClientPool, HttpConnection, WsStream, type CloseInfo } from 'nexus-async-net'

class Feed extends WsStream {
  state = 'new'
  options = { depth: 10 }
  transport: string | null = null
  connection = 1
  reader = 2
  closing = false
  constructor(made: ConstructorParameters<typeof WsStream>[0]) {
    super(made)
    this.state = 'open'
  }
  onEnd(): number {
    return this.options.depth
  }
  onBytes = 'mine'
  send(order: object): void {
    this.sendText(JSON.stringify(order))
  }
}
class Api extends HttpConnection {
  options = new Map<string, number>()
  transport = 0
  exchange = 'NYSE'
  onRead(): string {
    return this.exchange
  }
  lose(): void {}
}
class Venue extends ClientPool {
  core = 1
  place = 'London'
  timeout = '1 s'
}
class Shared extends AtomicClientPool {
  core = 1
  remote = true
}
class Held extends AtomicClientSlot {
  cells = 1
  request = 'none'
}

export async function main(): Promise<[Feed, Api, Venue, Shared, CloseInfo]> {
  const feed: Feed = await Feed.builder().dataTimeout(5).connect('wss://exchange.example')
  for await (const each of Feed.sessions('wss://exchange.example', { onOpen: (ws) => ws.send({ op: ws.state }) })) each.onEnd().toFixed()
  const venue: Venue = await Venue.builder().url('https://exchange.example').build()
  const api: Api = await Api.connect('https://exchange.example')
  const shared: Shared = await Shared.connect('https://exchange.example')
  const held: Held = Held.receive((await shared.acquire()).handOff())
  void held.request.length
  // @ts-expect-error: only static methods make one
  void new Feed({})
  // @ts-expect-error: what is inside a pool is nobody's
  void venue.observers
  return [feed, api, venue, shared, await feed.close()]
}
`

/** Connects, takes a message and an answer, and says so. */
const client = (entry: string): string => `
import { ClientPool, WsStream } from '${entry}'
const ws = await WsStream.connect('ws://127.0.0.1:${exchange.port}/feed')
const { kind } = await ws.recv()
await ws.close()
const pool = await ClientPool.connect('http://127.0.0.1:${exchange.port}')
const { status } = await pool.request('GET', '/ticker')
await pool.close()
console.log(kind, status)
`

describe('it works as installed', () => {
  test.each([
    ['Node', [process.execPath]],
    ['Deno', [commands.Deno[0], 'run', '--quiet', '--allow-net', '--allow-env']],
    ['Bun', [commands.Bun[0]]],
  ] as const)('on %s, which finds its own entry', async (_, command) => {
    expect(await runFile(command, write('client.mjs', client('nexus-async-net')))).toBe('text 200\n')
  })

  test('on workerd, by way of a bundler that leaves the binary as a module', async () => {
    const source = `import { ClientPool, WsStream } from 'nexus-async-net'
export default {
  async fetch() {
    const ws = await WsStream.connect('ws://127.0.0.1:${exchange.port}/feed')
    const { kind } = await ws.recv()
    await ws.close()
    const pool = await ClientPool.connect('http://127.0.0.1:${exchange.port}')
    const { status } = await pool.request('GET', '/ticker')
    await pool.close()
    return new Response(kind + ' ' + status)
  },
}
`
    const folder = join(project, 'workerd')
    const binaries: string[] = []
    const asModule: esbuild.Plugin = {
      name: 'binaries as modules',
      setup: (build) =>
        build.onResolve({ filter: /\.wasm$/ }, ({ path, resolveDir }) => {
          copyFileSync(join(resolveDir, path), join(folder, basename(path)))
          binaries.push(basename(path))
          return { path: `./${basename(path)}`, external: true }
        }),
    }
    mkdirSync(folder)
    await esbuild.build({
      ...{ entryPoints: [write('worker.mjs', source)], bundle: true, format: 'esm', platform: 'neutral', logLevel: 'silent' },
      ...{ conditions: ['workerd'], external: ['cloudflare:*'], plugins: [asModule], outfile: join(folder, 'worker.js') },
    })
    expect(binaries).toEqual(['codec.wasm', 'deflate.wasm'])
    const workerd = await Workerd.serve(folder, binaries)
    try {
      const response = await fetch(workerd.url)
      expect(`${await response.text()}${workerd.log}`).toBe('text 200')
    } finally {
      await workerd.stop()
    }
  })

  test('with `using`, which a compiler makes of Symbol.dispose', async () => {
    const source = `
import { ClientPool } from 'nexus-async-net'
await using pool = await ClientPool.connect('http://127.0.0.1:${exchange.port}')
{
  using slot = await pool.acquire()
  console.log((await slot.send(slot.writer.get('/ticker').finish())).status, pool.stats.leased)
}
console.log(pool.stats.leased)
`
    const { code } = await esbuild.transform(source, { target: 'node20', supported: { using: false }, format: 'esm' })
    expect(await runFile([process.execPath], write('using.mjs', code))).toBe('200 1\n0\n')
  })

  test('as a program, by npx', async () => {
    const npx = (...args: string[]) => promisify(execFile)('npx', ['--offline', 'nexus-async-net', ...args], { cwd: project, timeout: 30_000 })
    expect((await npx('--help')).stdout).toContain('nexus-async-net bench <url>')
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    expect((await npx('--version')).stdout).toBe(`${version}\n`)
    expect((await npx('http', `http://127.0.0.1:${exchange.port}/ticker`)).stdout).toBe('{"symbol":"BTC-USD","bid":67123.45,"ask":67123.55}')
  })

  test('by require, where Node can require modules', async () => {
    const ofWs = `const WebSocket = require('nexus-async-net/compat/ws'); console.log(WebSocket.name, WebSocket === WebSocket.WebSocket, typeof WebSocket.createWebSocketStream)`
    expect(await runFile([process.execPath], write('ws.cjs', ofWs))).toBe('WebSocket true function\n')
    const file = write('old.cjs', "const { FrameReader } = require('nexus-async-net/codec'); console.log(new FrameReader().next())")
    expect(await runFile([process.execPath], file)).toBe('null\n')
  })
})

describe('it goes through bundlers', () => {
  const CODEC = `
import { FrameReader, FrameWriter } from 'nexus-async-net/codec'
const writer = new FrameWriter({ role: 'server' })
writer.encodeText('bundled')
const reader = new FrameReader({ role: 'client' })
reader.read(writer.data())
console.log(reader.next()?.text)
`
  const inputs = { codec: CODEC, node: '' }
  const out = (tool: string, name: string): string => join(project, `${tool}-${name}`)

  /** Each makes `<tool>-<name>/bundle.mjs` of a file. */
  const bundlers: Record<string, (file: string, folder: string) => Promise<unknown>> = {
    esbuild: (file, folder) =>
      esbuild.build({ entryPoints: [file], bundle: true, format: 'esm', platform: 'node', outfile: join(folder, 'bundle.mjs'), logLevel: 'silent' }),
    rollup: async (file, folder) => {
      // Resolving packages is a plugin's job there; this one asks Node.
      const resolveByNode = {
        name: 'node',
        resolveId: (id: string) =>
          id.startsWith('nexus-async-net') ? fileURLToPath(pathToFileURL(require.resolve(id, { paths: [project] }))) : null,
      }
      const bundle = await rollup({ input: file, external: [/^node:/], plugins: [resolveByNode] })
      await bundle.write({ file: join(folder, 'bundle.mjs'), format: 'es', inlineDynamicImports: true })
    },
    rolldown: async (file, folder) => {
      const bundle = await rolldown({ input: file, platform: 'node', logLevel: 'silent' })
      await bundle.write({ file: join(folder, 'bundle.mjs'), format: 'esm' })
    },
    webpack: (file, folder) =>
      new Promise<void>((resolve, reject) => {
        webpack(
          {
            ...{ mode: 'production', target: 'node20', entry: file, experiments: { outputModule: true }, optimization: { minimize: false } },
            output: { path: folder, filename: 'bundle.mjs', module: true, chunkFormat: 'module' },
          },
          (error, stats) => {
            if (error) reject(error)
            else if (stats?.hasErrors()) reject(new Error(stats.toString('errors-only')))
            else resolve()
          },
        )
      }),
    vite: (file, folder) =>
      vite.build({
        ...{ root: project, logLevel: 'silent', configFile: false, ssr: { noExternal: true } },
        build: { ssr: file, outDir: folder, target: 'node20', rollupOptions: { output: { entryFileNames: 'bundle.mjs' } } },
      }),
  }

  for (const [tool, bundle] of Object.entries(bundlers)) {
    test.each(Object.keys(inputs) as (keyof typeof inputs)[])(`${tool}: the entry %s`, { timeout: 60_000 }, async (name) => {
      const file = write(`${tool}-${name}.mjs`, name === 'codec' ? CODEC : client('nexus-async-net'))
      await bundle(file, out(tool, name))
      expect(await runFile([process.execPath], join(out(tool, name), 'bundle.mjs'))).toBe(name === 'codec' ? 'bundled\n' : 'text 200\n')
    })
  }
})
