import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startConnectProxy, startSocksProxy, type TestProxy } from '../helpers/proxies.ts'
import { commands } from '../integration/child.ts'
import { type Exchange, startExchange } from './exchange.ts'
import { printed } from './printed.ts'

// Every ```js block of the README and the docs is run as a module of its own on Node, every ```ts block on Bun. `exchange.example` is a server on
// loopback. Behind `// →` stands what the block prints, line by line, with `…` for what differs from run to run. Every ```sh block of the page about
// the command line is run by a shell, both of its streams taken together; there it is `# →`.

const root = resolve(import.meta.dirname, '../..')
const documents = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter((name) => name.endsWith('.md'))
const runners = { js: [process.execPath], ts: commands.Bun } as const
/** What says of itself that it runs on all three. */
const everywhere = ['docs/threads.md']
/** What is about the program. */
const commandLine = 'docs/command-line.md'

let exchange: Exchange
let proxies: Record<'http' | 'socks5', TestProxy>
let folder: string

beforeAll(async () => {
  exchange = await startExchange()
  proxies = { http: await startConnectProxy(), socks5: await startSocksProxy() }
  // Inside the package, so that its own name resolves.
  folder = mkdtempSync(join(root, 'build', 'docs-'))
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin', 'nexus-async-net'), `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'dist', 'cli.js')}' "$@"\n`, {
    mode: 0o755,
  })
})

afterAll(async () => {
  await exchange.close()
  for (const proxy of Object.values(proxies)) await proxy.close()
  rmSync(folder, { recursive: true })
})

for (const document of documents) {
  const text = readFileSync(join(root, document), 'utf8')
  const blocks = [...text.matchAll(/^```(js|ts)\n([\s\S]*?)^```/gm)]
  describe.runIf(blocks.length > 0)(document, () => {
    for (const block of blocks) {
      const [, language, code] = block as unknown as [string, keyof typeof runners, string]
      const line = text.slice(0, block.index).split('\n').length
      const run = async ([program, ...options]: readonly [string, ...string[]]): Promise<void> => {
        // A folder of its own: the same block runs on other runtimes at this moment, and none may read a file that another is writing.
        const file = join(mkdtempSync(join(folder, 'block-')), `${document.replaceAll('/', '-')}-${line}.${language === 'js' ? 'mjs' : 'ts'}`)
        writeFileSync(file, local(code))
        const { stdout, stderr } = await promisify(execFile)(program, [...options, file], { timeout: 20_000 })
        expect(stderr).toBe('')
        expect(stdout).toMatch(printed(code))
      }
      test.concurrent(`the block in line ${line} runs`, () => run(runners[language]))
      if (!everywhere.includes(document)) continue
      test.concurrent(`the block in line ${line} runs on Deno`, () => run([commands.Deno[0], 'run', '--quiet', '-A']))
      test.concurrent(`the block in line ${line} runs on Bun`, () => run(commands.Bun))
    }
  })
}

describe(commandLine, () => {
  const text = readFileSync(join(root, commandLine), 'utf8')
  for (const block of text.matchAll(/^```sh\n([\s\S]*?)^```/gm)) {
    const [, code = ''] = block
    const line = text.slice(0, block.index).split('\n').length
    test.concurrent(`the block in line ${line} runs`, async () => {
      const { stdout } = await promisify(execFile)('sh', ['-c', `exec 2>&1\n${local(code)}`], {
        cwd: mkdtempSync(join(folder, 'block-')),
        env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}` },
        timeout: 20_000,
      })
      expect(stdout).toMatch(printed(code))
    })
  }
})

/** A block that speaks to the servers of this test. */
function local(code: string): string {
  return code
    .replace(/\b(ws|http)s?:\/\/exchange\.example/g, `$1://127.0.0.1:${exchange.port}`)
    .replace(/\b(http|socks5):\/\/proxy\.example:\d+/g, (_, kind: keyof typeof proxies) => `${kind}://127.0.0.1:${proxies[kind].port}`)
}
