/** docs/getting-started.md, followed as a new user would: the packed package in an empty folder, then command by command. */

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import workerd from 'workerd'
import { startConnectProxy } from '../helpers/proxies.ts'
import { type Exchange, startExchange } from './exchange.ts'
import { printed } from './printed.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const bin = join(root, 'node_modules', '.bin')
const page = readFileSync(join(root, 'docs', 'getting-started.md'), 'utf8')
/** Deno and Bun from here, as if they were installed. */
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}`, NO_COLOR: '1' }

let folder: string
let tarball: string
let exchange: Exchange

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nexus-started-'))
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: root, encoding: 'utf8' }),
  ) as [{ filename: string }]
  tarball = join(folder, packed.filename)
  exchange = await startExchange()
}, 60_000)
afterAll(async () => {
  await exchange?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** What stands below a heading: the blocks, in order. */
function blocksOf(heading: string): { readonly language: string; readonly code: string }[] {
  const [, section = ''] = page.split(`\n## ${heading}\n`)
  const [text = ''] = section.split(/^## /m)
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map(([, language = '', code = '']) => ({ language, code }))
}

/** Loopback in the place of the server. */
const onLoopback = (code: string): string => code.replace(/\b(ws|http)s:\/\/exchange\.example/g, `$1://127.0.0.1:${exchange.port}`)

const install = (): string[] => ['npm', 'install', '--offline', '--no-audit', '--no-fund', tarball]

/** The commands that cannot be run as they stand: the package is the one that was packed, and tools are those of this project. */
const instead: Readonly<Record<string, () => string[] | null>> = {
  'npm install nexus-async-net': install,
  // It takes packages of a registry alone.
  'deno add npm:nexus-async-net': install,
  'bun add nexus-async-net': () => ['bun', 'add', tarball],
  'npm install --save-dev esbuild workerd': () => null,
}

describe.concurrent.each(['Node', 'Deno', 'Bun'])('%s', (runtime) => {
  test('from an empty folder to messages and answers', async () => {
    const project = join(folder, runtime)
    mkdirSync(project)
    const files = new Map<string, string>()
    const ran: string[] = []
    for (const { language, code } of blocksOf(runtime)) {
      if (language !== 'sh') {
        const name = /^\/\/ (\S+)\n/.exec(code)?.[1] as string
        files.set(name, code)
        writeFileSync(join(project, name), onLoopback(code))
        continue
      }
      for (const command of code.trim().split('\n')) {
        const words = command in instead ? instead[command]?.() : command.split(' ')
        if (!words) continue
        const [program = '', ...args] = words
        const { stdout } = await promisify(execFile)(program, args, { cwd: project, env, timeout: 30_000 })
        const file = [...files.keys()].find((name) => command.endsWith(` ${name}`))
        if (file === undefined) continue
        expect(stdout).toMatch(printed(files.get(file) as string))
        ran.push(file)
      }
    }
    expect(ran).toEqual([...files.keys()])
    expect(ran).toHaveLength(2)
  })
})

describe.concurrent('permissions on Deno', () => {
  /** Connects with these options and says what came of it. */
  const outcome = async (permissions: readonly string[], options: object): Promise<string> => {
    const file = join(mkdtempSync(join(folder, 'permissions-')), 'connect.mjs')
    writeFileSync(
      file,
      `import { HttpConnection } from ${JSON.stringify(pathToFileURL(join(root, 'dist', 'deno.js')).href)}
const connecting = HttpConnection.connect('http://127.0.0.1:${exchange.port}', ${JSON.stringify(options)})
console.log(await connecting.then((conn) => { conn.destroy(); return 'open' }, ({ code, name, message }) => (code ?? name) + ': ' + message))`,
    )
    const { stdout } = await promisify(execFile)('deno', ['run', '--no-prompt', ...permissions, file], {
      env: { ...env, no_proxy: '*' },
      timeout: 20_000,
    })
    return stdout.trim()
  }

  test('a connection needs --allow-net, and nothing else', async () => {
    expect(await outcome([], {})).toMatch(/^ConnectFailed: .*--allow-net/)
    expect(await outcome([`--allow-net=127.0.0.1:${exchange.port}`], {})).toBe('open')
  })

  test('a proxy needs it for itself alone', async () => {
    const proxy = await startConnectProxy()
    try {
      expect(await outcome([`--allow-net=127.0.0.1:${proxy.port}`], { proxy: `http://127.0.0.1:${proxy.port}` })).toBe('open')
    } finally {
      await proxy.close()
    }
  })

  test('the environment needs --allow-env', async () => {
    expect(await outcome(['--allow-net'], { proxy: 'environment' })).toMatch(/^OptionUnsupported: .*--allow-env/)
    expect(await outcome(['--allow-net', '--allow-env'], { proxy: 'environment' })).toBe('open')
  })

  test('a Unix domain socket needs --allow-read, --allow-write and --allow-net', async () => {
    const socketPath = join(folder, 'permissions.sock')
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(socketPath, resolve))
    const all = [`--allow-read=${socketPath}`, `--allow-write=${socketPath}`, `--allow-net=unix:${socketPath}`]
    try {
      expect(await outcome(all, { socketPath })).toBe('open')
      for (const left of all) {
        const rest = all.filter((permission) => permission !== left)
        expect(await outcome(rest, { socketPath })).toMatch(/^ConnectFailed: .*--allow-/)
      }
    } finally {
      server.close()
    }
  })
})

describe.concurrent('Cloudflare workerd', () => {
  let server: ChildProcess | null = null
  afterAll(() => {
    server?.kill('SIGKILL')
  })

  test('from an empty folder to an answer of a Worker', async () => {
    const project = join(folder, 'workerd')
    mkdirSync(project)
    const port = await freePort()
    const answers: string[] = []
    for (const { language, code } of blocksOf('Cloudflare workerd')) {
      if (language !== 'sh') {
        const name = /^(?:\/\/|#) (\S+)\n/.exec(code)?.[1] as string
        const text = onLoopback(code)
          .replace('127.0.0.1:8080', `127.0.0.1:${port}`)
          .replace('allow = ["public"]', 'allow = ["public", "private", "local"]')
        writeFileSync(join(project, name), text)
        continue
      }
      for (const command of code.trim().split('\n')) {
        const words = command in instead ? instead[command]?.() : (command.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''))
        if (!words) continue
        const [program = '', ...args] = words
        if (command.startsWith('npx workerd serve ')) server = await startServer(args.slice(1), project, port)
        else if (program === 'curl') {
          const response = await fetch((args[0] as string).replace(':8080', `:${port}`))
          const text = await response.text()
          expect(text.split('\n')[0]).toBe(command.split(' # ')[1])
          answers.push(text)
        } else if (program === 'npx') await promisify(execFile)(join(bin, args[0] as string), args.slice(1), { cwd: project, env, timeout: 30_000 })
        else await promisify(execFile)(program, args, { cwd: project, env, timeout: 30_000 })
      }
    }
    expect(answers).toEqual(['{"symbol":"BTC-USD","bid":67123.45,"ask":67123.55}\n201 {"id":"o-1","state":"open"}\n'])
  })
})

/** Starts workerd; resolves when its socket listens. */
async function startServer(args: readonly string[], cwd: string, port: number): Promise<ChildProcess> {
  const child = spawn(workerd, args, { cwd, stdio: ['ignore', 'inherit', 'pipe'] })
  let errors = ''
  let ended = false
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  child.once('exit', () => {
    ended = true
  })
  for (;;) {
    if (ended) throw new Error(`workerd has ended: ${errors}`)
    try {
      await fetch(`http://127.0.0.1:${port}/`)
      return child
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
