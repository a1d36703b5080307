/** Clients from npm that are built on `ws`, unmodified: the same programs print the same with the original and with ours in its place. */

import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'

const run = promisify(execFile)
const here = fileURLToPath(new URL('ws-clients/', import.meta.url))
const root = fileURLToPath(new URL('../../', import.meta.url))

let folder: string
let server: http.Server

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nexus-clients-'))
  for (const way of ['original', 'ours']) {
    cpSync(here, join(folder, way), { recursive: true })
    if (way === 'original') await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: join(folder, way) })
    else cpSync(join(folder, 'original', 'node_modules'), join(folder, way, 'node_modules'), { recursive: true })
  }
  // As docs/coming-from.md says.
  const place = join(folder, 'ours', 'node_modules', 'ws')
  rmSync(place, { recursive: true })
  mkdirSync(place)
  const { pathname } = new URL('dist/node-ws.js', pathToFileURL(root))
  writeFileSync(
    join(place, 'package.json'),
    '{ "name": "ws", "version": "8.23.0", "exports": { "import": "./index.mjs", "require": "./index.cjs" } }',
  )
  writeFileSync(join(place, 'index.mjs'), `export * from '${pathname}'\nexport { default } from '${pathname}'\n`)
  writeFileSync(join(place, 'index.cjs'), `module.exports = require('${pathname}')\n`)
  server = http.createServer()
  const sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0] ?? false })
  sockets.on('connection', (socket, request) => venues[request.url ?? '']?.(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
}, 180_000)
afterAll(() => {
  server?.closeAllConnections()
  server?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Subscriptions of graphql-ws that were served, over all connections. */
let subscriptions = 0

/** What each client's venue does, by the path of its URL. */
const venues: Readonly<Record<string, (socket: WebSocket) => void>> = {
  '/drops'(socket) {
    socket.on('message', (data) => (String(data) === 'drop' ? socket.terminate() : socket.send(String(data))))
  },
  '/graphql'(socket) {
    socket.on('message', (data) => {
      const { type, id } = JSON.parse(String(data)) as { type: string; id: string }
      const price = (value: number): void => socket.send(JSON.stringify({ id, type: 'next', payload: { data: { price: value } } }))
      if (type === 'connection_init') socket.send('{"type":"connection_ack"}')
      if (type !== 'subscribe') return
      subscriptions++
      price(subscriptions)
      if (subscriptions % 2 === 1) setImmediate(() => socket.terminate())
      else socket.send(JSON.stringify({ id, type: 'complete' }))
    })
  },
  '/ethereum'(socket) {
    const results: Readonly<Record<string, unknown>> = {
      eth_chainId: '0x1',
      eth_blockNumber: '0x10',
      eth_getBalance: '0x2a',
      eth_subscribe: '0x1',
      eth_unsubscribe: true,
    }
    socket.on('message', (data) => {
      const given = JSON.parse(String(data)) as { id: number; method: string } | { id: number; method: string }[]
      for (const { id, method } of [given].flat()) {
        if (method === 'drop') return socket.terminate()
        socket.send(JSON.stringify({ jsonrpc: '2.0', id, result: results[method] ?? null }))
        if (method !== 'eth_subscribe') continue
        socket.send('{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0x1","result":{"number":"0x11"}}}')
      }
    })
  },
}

const EXPECTED: Readonly<Record<string, string>> = {
  'reconnecting.mjs': 'one\ntwo\n1000\n',
  'isomorphic.mjs': 'round 0\n1006  false\nround 1\n3000 done true\n',
  'graphql.mjs': 'connected\n1\nconnected\n2\ndone\n',
  'ethers.mjs': '16 42\n17\nlost\n16 42\n17\ndone\n',
}

test('each program is expected to print something', () => {
  expect(
    readdirSync(here)
      .filter((name) => name.endsWith('.mjs'))
      .sort(),
  ).toEqual(Object.keys(EXPECTED).sort())
})

describe.each(['original', 'ours'])('%s', (way) => {
  test.each(Object.entries(EXPECTED))('%s', async (program, printed) => {
    subscriptions = 0
    const { port } = server.address() as AddressInfo
    const { stdout, stderr } = await run(process.execPath, [program, `ws://127.0.0.1:${port}`], { cwd: join(folder, way), timeout: 50_000 })
    expect(stderr).toBe('')
    expect(stdout).toBe(printed)
  })
})
