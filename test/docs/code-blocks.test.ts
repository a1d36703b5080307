import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'

// Every ```js block of the README and the docs is run as a module of its own. `exchange.example` is a server on loopback.

const root = resolve(import.meta.dirname, '../..')
const documents = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter((name) => name.endsWith('.md'))

let exchange: WebSocketServer
let folder: string

beforeAll(async () => {
  exchange = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    verifyClient: ({ req }, decide) => (req.url === '/forbidden' ? decide(false, 403, 'no key') : decide(true)),
  })
  exchange.on('connection', (client) => {
    const timer = setInterval(() => client.send('{"symbol":"BTC-USD","bid":67123.45,"ask":67123.55}'), 5)
    client.on('close', () => clearInterval(timer))
  })
  await new Promise((done) => exchange.once('listening', done))
  // Inside the package, so that its own name resolves.
  folder = mkdtempSync(join(root, 'build', 'docs-'))
})

afterAll(() => {
  exchange.close()
  for (const client of exchange.clients) client.terminate()
  rmSync(folder, { recursive: true })
})

for (const document of documents) {
  const text = readFileSync(join(root, document), 'utf8')
  const blocks = [...text.matchAll(/^```js\n([\s\S]*?)^```/gm)]
  describe.runIf(blocks.length > 0)(document, () => {
    for (const block of blocks) {
      const line = text.slice(0, block.index).split('\n').length
      test(`the block in line ${line} runs`, async () => {
        const { port } = exchange.address() as { port: number }
        const file = join(folder, `${document.replaceAll('/', '-')}-${line}.mjs`)
        writeFileSync(file, (block[1] as string).replaceAll('wss://exchange.example', `ws://127.0.0.1:${port}`))
        const { stderr } = await promisify(execFile)(process.execPath, [file], { timeout: 20_000 })
        expect(stderr).toBe('')
      })
    }
  })
}
