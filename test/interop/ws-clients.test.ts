/** Clients from npm that are built on `ws`, unmodified: the same programs print the same with the original and with ours in its place. */

import { execFile } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'

const run = promisify(execFile)
const here = fileURLToPath(new URL('ws-clients/', import.meta.url))
const root = fileURLToPath(new URL('../../', import.meta.url))

const packages = join(here, 'node_modules')
const place = join(packages, 'ws')
const original = join(packages, '.ws')
/** A folder `ws`, as users make it. */
let folder: string
let server: http.Server

beforeAll(async () => {
  if (!existsSync(packages)) await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: here })
  if (!lstatSync(place).isSymbolicLink()) renameSync(place, original)
  // As docs/coming-from.md says.
  folder = mkdtempSync(join(tmpdir(), 'nexus-clients-'))
  const { pathname } = new URL('dist/node-ws.js', pathToFileURL(root))
  writeFileSync(
    join(folder, 'package.json'),
    '{ "name": "ws", "version": "8.23.0", "exports": { "import": "./index.mjs", "require": "./index.cjs" } }',
  )
  writeFileSync(join(folder, 'index.mjs'), `export * from '${pathname}'\nexport { default } from '${pathname}'\n`)
  writeFileSync(join(folder, 'index.cjs'), `module.exports = require('${pathname}')\n`)
  server = http.createServer(binance)
  const sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0] ?? false })
  sockets.on('connection', (socket, request) => venues[request.url?.split('/')[1] ?? '']?.(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
}, 180_000)
afterAll(() => {
  server?.closeAllConnections()
  server?.close()
  if (existsSync(original)) putInPlace(original)
  rmSync(folder, { recursive: true, force: true })
})

/** What programs load as `ws`. */
function putInPlace(target: string): void {
  rmSync(place, { force: true })
  symlinkSync(target, place)
}

/** Subscriptions of graphql-ws, blocks of viem, requests of ccxt that were served, over all connections. */
let served = 0

/** An MQTT 3.1.1 packet: a type with its flags, and a body shorter than 128 bytes. */
const packet = (first: number, ...body: number[]): Buffer => Buffer.from([first, body.length, ...body])

/** Where the first packet ends; beyond what was received when it is not whole. */
const packetEnd = (received: Buffer): number => (received.length < 2 ? 2 : 2 + (received[1] as number))

const MARKET = {
  ...{ symbol: 'BTCUSDT', status: 'TRADING', baseAsset: 'BTC', quoteAsset: 'USDT', isSpotTradingAllowed: true, permissions: ['SPOT'] },
  ...{ baseAssetPrecision: 8, quoteAssetPrecision: 8, orderTypes: ['LIMIT'], filters: [] },
}

/** The connection on which ccxt watches trades. */
let watching: WebSocket | null = null

function trade(number: number): void {
  const price = `${67_000 + number}.5`
  watching?.send(JSON.stringify({ e: 'trade', E: number, s: 'BTCUSDT', t: number, p: price, q: '0.25', T: number, m: true, M: true }))
}

/** What ccxt asks by REST, and what its program wants of the venue; the second time it wants to know the time, its connection is lost. */
function binance({ url = '', socket }: http.IncomingMessage, response: http.ServerResponse): void {
  response.setHeader('Content-Type', 'application/json')
  if (url.includes('/time') && ++served === 2) return void socket.destroy()
  if (url === '/trade') trade(2)
  if (url === '/drop') watching?.terminate()
  response.end(JSON.stringify({ serverTime: 1_700_000_000_000, symbols: [MARKET] }))
}

/** What each client's venue does, by the first part of its URL's path. */
const venues: Readonly<Record<string, (socket: WebSocket) => void>> = {
  drops(socket) {
    socket.on('message', (data) => (String(data) === 'drop' ? socket.terminate() : socket.send(String(data))))
  },
  graphql(socket) {
    socket.on('message', (data) => {
      const { type, id } = JSON.parse(String(data)) as { type: string; id: string }
      const price = (value: number): void => socket.send(JSON.stringify({ id, type: 'next', payload: { data: { price: value } } }))
      if (type === 'connection_init') socket.send('{"type":"connection_ack"}')
      if (type !== 'subscribe') return
      served++
      price(served)
      if (served % 2 === 1) setImmediate(() => socket.terminate())
      else socket.send(JSON.stringify({ id, type: 'complete' }))
    })
  },
  ethereum(socket) {
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
  mqtt(socket) {
    // Messages are pieces of a stream of packets.
    let received = Buffer.alloc(0)
    socket.on('message', (data: Buffer) => {
      received = Buffer.concat([received, data])
      for (let end = packetEnd(received); end <= received.length; end = packetEnd(received)) {
        const [whole, body] = [received.subarray(0, end), received.subarray(2, end)]
        received = received.subarray(end)
        const type = (whole[0] as number) >> 4
        if (type === 1) socket.send(packet(0x20, 0, 0))
        else if (type === 8) socket.send(packet(0x90, body[0] as number, body[1] as number, 0))
        else if (type === 3 && String(body.subarray(2, 2 + body.readUInt16BE())) === 'drop') socket.terminate()
        else if (type === 3) socket.send(whole)
      }
    })
  },
  'socket.io'(socket) {
    socket.send('0{"sid":"engine","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}')
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      const text = String(data)
      if (isBinary) {
        // What was received: a placeholder, and then the bytes that it stands for.
        socket.send('451-["bytes",{"_placeholder":true,"num":0}]')
        socket.send(data)
      } else if (text === '40') socket.send('40{"sid":"socket"}')
      else if (text === '42["drop"]') socket.terminate()
      const [, id, said] = /^42(\d+)\["say",(.*)\]$/.exec(text) ?? []
      if (id !== undefined) socket.send(`43${id}[${said}]`)
    })
  },
  nostr(socket) {
    let subscription = ''
    socket.on('message', (data) => {
      const [type, what] = JSON.parse(String(data)) as ['REQ', string] | ['EVENT', { id: string; content: string }]
      if (type === 'REQ') {
        subscription = what
        socket.send(JSON.stringify(['EOSE', what]))
      } else if (type === 'EVENT') {
        if (what.content === 'drop') return socket.terminate()
        socket.send(JSON.stringify(['OK', what.id, true, 'kept']))
        socket.send(JSON.stringify(['EVENT', subscription, what]))
      }
    })
  },
  binance(socket) {
    watching = socket
    socket.on('message', (data) => {
      const { id } = JSON.parse(String(data)) as { id: number }
      socket.send(JSON.stringify({ result: null, id }))
      trade(1)
    })
  },
}

const EXPECTED: Readonly<Record<string, string>> = {
  'reconnecting.mjs': 'one\ntwo\n1000\n',
  'isomorphic.mjs': 'round 0\n1006  false\nround 1\n3000 done true\n',
  'graphql.mjs': 'connected\n1\nconnected\n2\ndone\n',
  'ccxt.mjs':
    'BTC/USDT\n1700000000000\nBTC/USDT 67001.5 0.25\n67002.5\nNetworkError\nNetworkError\nBTC/USDT 67001.5 0.25\n67002.5\n1700000000000\ndone\n',
  'mqtt.mjs': 'prices/btc 1.5\nlost\nprices/btc 2.5\ndone\n',
  'nostr.mjs': 'subscribed\nkept\none\nsubscribed\nkept\ntwo\nfalse\n',
  'socketio.mjs': 'round 0\n1,2,3\ntransport close\nround 1\n1,2,3\nio client disconnect\n',
  'viem.mjs': '1 16n\n17n\nlost\n17n\n16n\ndone\n',
  'ethers.mjs': '16 42\n17\nlost\n16 42\n17\ndone\n',
}

test('each program is expected to print something', () => {
  expect(
    readdirSync(here)
      .filter((name) => name.endsWith('.mjs'))
      .sort(),
  ).toEqual(Object.keys(EXPECTED).sort())
})

test('npm puts the folder of docs/coming-from.md in the place of ws that a dependency names', async () => {
  const app = join(folder, 'app')
  const write = (path: string, content: string | object): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content))
  }
  const block = /^ws\/package\.json[\s\S]*?(?=^```)/m.exec(readFileSync(join(root, 'docs/coming-from.md'), 'utf8'))?.[0] ?? ''
  for (const [, path, text] of block.matchAll(/^(ws\/\S+) +([\s\S]*?)(?=^ws\/|$(?![\s\S]))/gm)) write(`app/${path}`, text as string)
  write('dependency/package.json', { name: 'dependency', version: '1.0.0', main: 'index.cjs', dependencies: { ws: '^8.0.0' } })
  write('dependency/index.cjs', "exports.required = require('ws'); exports.imported = import('ws')")
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', '..'], { cwd: join(folder, 'dependency') })
  const dependencies = { dependency: 'file:../dependency-1.0.0.tgz', 'nexus-async-net': `file:${root}` }
  write('app/package.json', { name: 'app', private: true, type: 'module', dependencies, overrides: { ws: 'file:./ws' } })
  await run('npm', ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: app })
  write(
    'app/main.js',
    `import { imported, required } from 'dependency'
     import ours, { createWebSocketStream } from 'nexus-async-net/compat/ws'
     const names = await imported
     console.log(required === ours, names.default === ours, names.createWebSocketStream === createWebSocketStream)`,
  )
  expect((await run(process.execPath, ['main.js'], { cwd: app })).stdout).toBe('true true true\n')
})

describe.each(['original', 'ours'])('%s', (way) => {
  const fetchModule = {
    original: 'data:text/javascript,export default fetch',
    ours: `data:text/javascript,import { createFetch } from '${new URL('dist/node-fetch.js', pathToFileURL(root))}'; export default createFetch()`,
  }[way] as string
  beforeAll(() => putInPlace(way === 'ours' ? folder : original))

  test.each(Object.entries(EXPECTED))('%s', async (program, printed) => {
    served = 0
    const { port } = server.address() as AddressInfo
    const { stdout, stderr } = await run(process.execPath, [program, `ws://127.0.0.1:${port}`, fetchModule], { cwd: here, timeout: 50_000 })
    expect(stderr).toBe('')
    expect(stdout).toBe(printed)
  })
})
