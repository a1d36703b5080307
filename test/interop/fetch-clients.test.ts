/** Clients from npm, unmodified, over `createFetch`, and over the runtime's own `fetch` beside it: the same comes of both. */

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFetch, type PooledFetch } from '../../src/entry/node-fetch.ts'

type Fetch = typeof fetch

/** As much of them as is used. */
interface Clients {
  readonly axios: {
    create(config: object): {
      get(path: string): Promise<{ data: unknown }>
      post(path: string, body: unknown): Promise<{ data: unknown; status: number }>
    }
  }
  readonly ky: {
    create(config: object): {
      get(url: string): { json(): Promise<unknown> }
      post(url: string, options: object): { text(): Promise<string> }
    }
  }
  readonly OpenAI: new (
    config: object,
  ) => {
    readonly chat: {
      readonly completions: { create(request: object): Promise<AsyncIterable<{ choices: readonly { delta: { content: string } }[] }>> }
    }
  }
  createPublicClient(config: object): { getChainId(): Promise<number>; getBlockNumber(): Promise<bigint> }
  http(url: string, config: object): unknown
}

const folder = fileURLToPath(new URL('fetch-clients/', import.meta.url))
let clients: Clients
let server: http.Server
let origin: string
let pooled: PooledFetch
/** Lets the server say the next word of its streamed answer. */
let next: () => void = () => {}
const sockets = new Set<Socket>()

async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  let body = ''
  for await (const piece of request) body += piece
  response.setHeader('Content-Type', 'application/json')
  switch (request.url) {
    case '/json':
      return void response.end('{"a":1}')
    case '/moved':
      return void response.writeHead(302, { Location: '/json' }).end()
    case '/echo':
      return void response.end(JSON.stringify([request.method, body]))
    case '/lose':
      return void request.socket.destroy()
    case '/rpc': {
      const { id, method } = JSON.parse(body) as { id: number; method: string }
      return void response.end(JSON.stringify({ jsonrpc: '2.0', id, result: method === 'eth_chainId' ? '0x1' : '0x2a' }))
    }
    case '/v1/chat/completions': {
      response.setHeader('Content-Type', 'text/event-stream')
      for (const content of ['he', 'llo']) {
        const chunk = { id: '1', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content } }] }
        response.write(`data: ${JSON.stringify(chunk)}\n\n`)
        await new Promise<void>((resolve) => {
          next = resolve
        })
      }
      return void response.end('data: [DONE]\n\n')
    }
    default:
      return void response.writeHead(404).end('{}')
  }
}

beforeAll(async () => {
  if (!existsSync(`${folder}node_modules`)) execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder })
  clients = (await import(new URL('fetch-clients/load.mjs', import.meta.url).href)) as Clients
  server = http.createServer(answer)
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  pooled = createFetch({ connections: 2 })
}, 300_000)

afterAll(async () => {
  await pooled?.close()
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

describe.each<[string, () => Fetch]>([
  ['createFetch', () => pooled],
  ["the runtime's fetch", () => fetch],
])('over %s', (_, fetchOf) => {
  const axios = (): ReturnType<Clients['axios']['create']> => clients.axios.create({ baseURL: origin, adapter: 'fetch', env: { fetch: fetchOf() } })

  test('axios', async () => {
    const client = axios()
    expect((await client.get('/json')).data).toEqual({ a: 1 })
    expect((await client.get('/moved')).data).toEqual({ a: 1 })
    expect((await client.post('/echo', { b: 2 })).data).toEqual(['POST', '{"b":2}'])
    await expect(client.get('/nothing')).rejects.toMatchObject({ response: { status: 404 } })
  })

  test('axios loses the connection, and goes on', async () => {
    const client = axios()
    await expect(client.get('/lose')).rejects.toMatchObject({ code: 'ERR_NETWORK' })
    for (const socket of sockets) socket.destroy()
    await expect.poll(async () => (await client.get('/json').catch(() => null))?.data, { timeout: 10_000 }).toEqual({ a: 1 })
  })

  test('ky', async () => {
    const client = clients.ky.create({ fetch: fetchOf(), retry: 0 })
    expect(await client.get(`${origin}/json`).json()).toEqual({ a: 1 })
    expect(JSON.parse(await client.post(`${origin}/echo`, { json: { b: 2 } }).text())).toEqual(['POST', '{"b":2}'])
    await expect(client.get(`${origin}/nothing`).json()).rejects.toMatchObject({ response: { status: 404 } })
  })

  test('openai, word by word', async () => {
    const client = new clients.OpenAI({ apiKey: 'none', baseURL: `${origin}/v1`, fetch: fetchOf() })
    const words: string[] = []
    // The server says the next word when the one before was received: a body that is not streamed would wait for ever.
    for await (const { choices } of await client.chat.completions.create({ model: 'm', stream: true, messages: [] })) {
      words.push(choices[0]?.delta.content ?? '')
      next()
    }
    expect(words).toEqual(['he', 'llo'])
  })

  test('viem', async () => {
    const client = clients.createPublicClient({ transport: clients.http(`${origin}/rpc`, { fetchFn: fetchOf() }) })
    expect([await client.getChainId(), await client.getBlockNumber()]).toEqual([1, 42n])
  })
})
