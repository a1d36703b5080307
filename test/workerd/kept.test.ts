/** What is kept from one request to the next: workerd forbids it to a Worker, which is told each time; a Durable Object may. */

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import type { KeptOrder, KeptOutcome } from './kept-worker.ts'
import { Workerd } from './serve.ts'

let server: http.Server
let workerd: Workerd
let url: string

beforeAll(async () => {
  server = http.createServer({ keepAliveTimeout: 60_000 }, (_, response) => response.end('hello'))
  server.on('connection', (socket) => {
    socket.on('error', () => {})
  })
  new WebSocketServer({ server }).on('connection', (socket) => socket.on('error', () => {}).on('message', (data) => socket.send(String(data))))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  workerd = await Workerd.start(new URL('kept-worker.ts', import.meta.url), undefined, 'Kept')
}, 60_000)
afterAll(async () => {
  await workerd?.stop()
  server?.closeAllConnections()
  server?.close()
})

const ask = (what: KeptOrder['what'], inObject: boolean): Promise<KeptOutcome> => workerd.ask({ what, url, inObject } satisfies KeptOrder)

const FOREIGN = /different request|request that has since ended/
const USES = ['pool.request', 'pool.acquire', 'pool.ready', 'connection.send', 'stream'] as const

describe('kept by a Worker', () => {
  test.each(USES)('%s works in the first request, and says in each further one why it cannot', async (what) => {
    // The pool is one for all that use it: whoever comes first has it.
    if (what === 'pool.request' || what === 'connection.send' || what === 'stream') expect((await ask(what, false)).error).toBe(undefined)
    for (let i = 0; i < 3; i++) {
      const { error } = await ask(what, false)
      expect(`${error?.message} ${error?.cause}`).toMatch(FOREIGN)
      expect(['TransportFailed', 'ConnectionPoisoned', 'PoolClosed', 'NotOpen']).toContain(error?.code)
    }
  })

  test('a pool whose connections are all gone is closed to everybody, at once', async () => {
    for (let i = 0; i < 3; i++) expect((await ask('pool.request', false)).error).toMatchObject({ name: 'RestError', code: 'PoolClosed' })
  })
})

describe('kept by a Durable Object', () => {
  test.each(USES)('%s works in every request', async (what) => {
    for (let i = 0; i < 3; i++) {
      const { error, value } = await ask(what, true)
      expect(error).toBe(undefined)
      expect([200, 'ready', 'hello']).toContain(value)
    }
  })
})
