/** Our REST client on Node against servers that other people wrote: nginx, HAProxy, Bun, Deno, and Python's http.server. */

import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as nexus from '../../src/entry/node.ts'
import { Child, commands } from '../integration/child.ts'
import { inChild } from '../integration/outcomes.ts'
import { KIB, MIB, type Pool, pattern, until } from '../integration/rest-context.ts'
import { Workerd } from '../workerd/serve.ts'
import { BIG, gzipChecks, LIST } from './gzip-checks.ts'
import { python } from './python.ts'
import { Origin } from './rest-origin.ts'
import { command, Daemon, freePort, TemporaryDirectory } from './rest-tools.ts'

const CHUNKS = Array.from({ length: 20 }, (_, i) => `${i};`).join('')

/** Runs `use` with a pool and what it has told since it was made, and closes it. */
async function withPool(url: string, options: nexus.ClientPoolOptions, use: (pool: Pool, events: string[]) => Promise<void>): Promise<void> {
  const events: string[] = []
  const observer: nexus.PoolObserver = {
    onSlotUp: ({ reason }) => events.push(`up ${reason}`),
    onSlotDown: ({ inUse }) => events.push(`down ${inUse ? 'in use' : 'idle'}`),
  }
  const pool = await nexus.ClientPool.connect(url, { timeout: 50_000, observer, ...options })
  // What is told of the first connections is the same for every pool.
  events.length = 0
  try {
    await use(pool, events)
  } finally {
    await pool.close({ timeout: 1_000 })
  }
}

/** Runs `use` with a connection and a writer for it, and closes it. */
async function withConnection(url: string, use: (conn: nexus.HttpConnection, writer: nexus.RequestWriter) => Promise<void>): Promise<void> {
  const conn = await nexus.HttpConnection.connect(url, { timeout: 50_000 })
  try {
    await use(conn, new nexus.RequestWriter(new URL(url).host))
  } finally {
    conn.destroy()
  }
}

/** A body in pieces of many sizes. */
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7 + 1) % 30_011) {
    yield bytes.subarray(at, at + size)
    if (size % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Sends `bytes` in chunks and expects them back. */
async function echoInChunks(pool: Pool, path: string, bytes: Uint8Array): Promise<nexus.OwnedResponse> {
  using slot = await pool.acquire()
  const response = await slot.send(slot.writer.post(path).stream(pieces(bytes)).finish())
  expect(response.status).toBe(200)
  expect(Buffer.compare(response.body, bytes)).toBe(0)
  return response.toOwned()
}

/** Sends `total` requests from `callers` at once; each has to have its own answer. */
async function sendMany(pool: Pool, total: number, callers: number, path: string, answer: (i: number) => string): Promise<void> {
  let next = 0
  const call = async (): Promise<void> => {
    while (next < total) {
      const i = next++
      const response = await pool.request('GET', path, { query: { i } })
      if (response.status !== 200 || response.text() !== answer(i)) expect.fail(`request ${i}: ${response.status} ${response.text()}`)
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
  expect(next).toBe(total)
}

/** The server ends an idle connection: the pool sees it, heals, and the next request is answered. */
async function healsFromAnIdleClose(url: string, path: string, ask: (response: nexus.OwnedResponse) => void): Promise<void> {
  await withPool(url, { connections: 2 }, async (pool, events) => {
    for (let round = 0; round < 2; round++) {
      const before = events.length
      ask(await pool.request('GET', path))
      await until(() => {
        const since = events.slice(before)
        return since.includes('down idle') && since.includes('up heal') && pool.available === 2
      })
    }
    ask(await pool.request('GET', path))
    expect(events).not.toContain('down in use')
  })
}

/** What a lone connection makes of an idle close. */
async function knowsAnIdleClose(url: string, path: string): Promise<void> {
  await withConnection(url, async (conn, writer) => {
    expect((await conn.send(writer.get(path).finish())).status).toBe(200)
    expect(conn.state).toBe('idle')
    expect(await conn.closed).toBeNull()
    await expect(conn.send(writer.get(path).finish())).rejects.toMatchObject({ code: 'ConnectionPoisoned', requestSent: 'nothing' })
  })
}

/** Up, down, up: the proxy says `status` in the meantime, on connections that stay or that the pool heals. */
async function throughAnOutage(pool: Pool, origin: Origin, path: string, status: number): Promise<void> {
  expect((await pool.request('GET', path)).status).toBe(200)
  await origin.stop()
  // A connection that the proxy has kept open may still be there for one answer. Where it is gone when it is used again, HAProxy ends the
  // client's too, without an answer, so that the client decides what becomes of its request.
  const statusOf = async (): Promise<number> => {
    try {
      return (await pool.request('GET', path)).status
    } catch (error) {
      expect(error).toMatchObject({ code: 'ConnectionClosed', requestSent: 'fully' })
      return 0
    }
  }
  await until(async () => (await statusOf()) === status)
  for (let i = 0; i < 5; i++) expect((await pool.request('GET', path)).status).toBe(status)
  await origin.start()
  await until(async () => (await pool.request('GET', path)).status === 200)
  for (let i = 0; i < 5; i++) expect((await pool.request('GET', path)).status).toBe(200)
}

/** What has to be installed: the command that tells its version, and its package. */
const tools = {
  nginx: ['nginx', '-v', 'nginx-light'],
  haproxy: ['haproxy', '-v', 'haproxy'],
  python: [python[0] as string, '--version', 'python3'],
} as const

function requireTool(name: keyof typeof tools): Promise<string> {
  const [tool, option, debianPackage] = tools[name]
  return command(tool, [option], debianPackage)
}

test.each(['nginx', 'haproxy', 'python'] as const)('Debian’s %s is there', async (name) => {
  expect(await requireTool(name)).toMatch(/\d+\.\d+/)
})

describe('nginx', () => {
  const big = pattern(BIG)
  let directory: TemporaryDirectory
  let origin: Origin
  let daemon: Daemon
  let urls: { plain: string; idle: string; few: string }
  let args: string[]

  beforeAll(async () => {
    directory = new TemporaryDirectory()
    await requireTool('nginx')
    origin = new Origin(await freePort())
    await origin.start()
    const ports = { plain: await freePort(), idle: await freePort(), few: await freePort() }
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory.file(name)};`).join('\n')
    const server = (port: number, settings: string): string => `
      server {
        listen 127.0.0.1:${port};
        ${settings}
        root ${directory.path};
        add_header X-Worker $pid;
        location / { }
        location = /old { return 302 /hello.txt; }
        location /packed/ {
          alias ${directory.path}/;
          gzip on;
          gzip_min_length 100;
          gzip_types *;
          gzip_vary on;
        }
        location /packed/up/ {
          proxy_pass http://127.0.0.1:${origin.port};
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          gzip on;
          gzip_types *;
          client_max_body_size 0;
        }
        location = /small { client_max_body_size 64k; proxy_pass http://127.0.0.1:${origin.port}; }
        location /up/ {
          proxy_pass http://127.0.0.1:${origin.port};
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          client_max_body_size 0;
        }
        location /through/ {
          proxy_pass http://127.0.0.1:${origin.port};
          proxy_http_version 1.1;
          proxy_buffering off;
          proxy_request_buffering off;
          client_max_body_size 0;
        }
      }`
    writeFileSync(directory.file('hello.txt'), 'hello of nginx')
    writeFileSync(directory.file('big.bin'), big)
    writeFileSync(directory.file('list.json'), LIST)
    writeFileSync(
      directory.file('nginx.conf'),
      `${process.getuid?.() === 0 ? 'user root;' : ''}
      daemon off;
      worker_processes 2;
      pid ${directory.file('nginx.pid')};
      error_log stderr warn;
      events { worker_connections 256; }
      http {
        access_log off;
        default_type text/plain;
        ${temporary}
        ${server(ports.plain, 'keepalive_timeout 75s; keepalive_requests 100000;')}
        ${server(ports.idle, 'keepalive_timeout 1s;')}
        ${server(ports.few, 'keepalive_timeout 75s; keepalive_requests 10;')}
      }`,
    )
    args = ['-p', directory.path, '-e', 'stderr', '-c', directory.file('nginx.conf')]
    daemon = await Daemon.start('nginx', args, Object.values(ports))
    const at = (port: number): string => `http://127.0.0.1:${port}`
    urls = { plain: at(ports.plain), idle: at(ports.idle), few: at(ports.few) }
  })
  afterAll(async () => {
    await daemon?.stop()
    await origin?.stop()
    directory?.remove()
  })

  test('2,000 requests over connections that it ends after 10 each: none fails', async () => {
    await withPool(urls.few, { connections: 4 }, async (pool, events) => {
      await sendMany(pool, 2_000, 16, '/up/x', (i) => `GET i=${i}`)
      expect(pool.stats.requests).toBe(2_000)
      expect(events.filter((event) => event === 'up heal').length).toBeGreaterThanOrEqual(196)
      expect(events).not.toContain('down in use')
    })
  })

  test('the tenth response of a connection says that it is the last, and the connection is not used again', async () => {
    await withConnection(urls.few, async (conn, writer) => {
      for (let i = 1; i <= 10; i++) {
        const response = await conn.send(writer.get('/hello.txt').finish())
        expect([response.status, response.header('connection')]).toEqual([200, i < 10 ? 'keep-alive' : 'close'])
      }
      expect(conn.isPoisoned).toBe(true)
      expect(await conn.closed).toBeNull()
    })
  })

  test('one connection carries 100,000 requests, and ends when keepalive_requests says so', { timeout: 120_000 }, async () => {
    await withConnection(urls.plain, async (conn, writer) => {
      let wrong = 0
      for (let i = 1; i <= 100_000; i++) {
        const response = await conn.send(writer.get('/hello.txt').finish())
        const field = i < 100_000 ? 'keep-alive' : 'close'
        if (response.status !== 200 || response.header('connection') !== field || response.text() !== 'hello of nginx') wrong++
      }
      expect(wrong).toBe(0)
      expect(await conn.closed).toBeNull()
    })
  })

  test('an idle connection that keepalive_timeout ends is healed', async () => {
    await healsFromAnIdleClose(urls.idle, '/hello.txt', (response) => expect(response.text()).toBe('hello of nginx'))
  })

  test('a lone connection knows of an idle close before the next request', async () => {
    await knowsAnIdleClose(urls.idle, '/hello.txt')
  })

  test.each(['/up', '/through'])('chunked both ways, by %s', async (path) => {
    await withPool(urls.plain, { connections: 2 }, async (pool) => {
      for (const size of [0, 1, 10_000, 3 * MIB]) {
        const response = await echoInChunks(pool, `${path}/echo`, pattern(size))
        expect(response.header('transfer-encoding')).toBe('chunked')
      }
      const chunks = await pool.request('GET', `${path}/chunks`)
      expect([chunks.header('transfer-encoding'), chunks.text()]).toEqual(['chunked', CHUNKS])
      expect(pool.stats.requests).toBe(5)
    })
  })

  test('HEAD has no body, whatever its fields say, and leaves the connection usable', async () => {
    await withConnection(urls.plain, async (conn, writer) => {
      for (const path of ['/big.bin', '/up/chunks', '/hello.txt']) {
        const head = await conn.send(writer.head(path).finish())
        expect([head.status, head.bodyLength]).toEqual([200, 0])
        if (path === '/big.bin') expect(head.header('content-length')).toBe(String(big.length))
        expect((await conn.send(writer.get('/hello.txt').finish())).text()).toBe('hello of nginx')
      }
      expect(conn.requests).toBe(6)
    })
  })

  test('304 for If-None-Match and for If-Modified-Since', async () => {
    await withConnection(urls.plain, async (conn, writer) => {
      const first = (await conn.send(writer.get('/hello.txt').finish())).toOwned()
      const etag = first.header('etag') as string
      const modified = first.header('last-modified') as string
      expect([typeof etag, typeof modified]).toEqual(['string', 'string'])
      for (const [name, value] of [
        ['If-None-Match', etag],
        ['If-Modified-Since', modified],
      ] as const) {
        const response = await conn.send(writer.get('/hello.txt').header(name, value).finish())
        expect([response.status, response.bodyLength, response.header('etag')]).toEqual([304, 0, etag])
      }
      const changed = await conn.send(writer.get('/hello.txt').header('If-None-Match', '"other"').finish())
      expect([changed.status, changed.text(), conn.requests]).toEqual([200, 'hello of nginx', 4])
    })
  })

  test('a redirect is the caller’s', async () => {
    await withPool(urls.plain, {}, async (pool) => {
      const response = await pool.request('GET', '/old')
      expect([response.status, response.header('location')]).toEqual([302, `${urls.plain}/hello.txt`])
      const { pathname } = new URL(response.header('location') as string)
      expect((await pool.request('GET', pathname)).text()).toBe('hello of nginx')
    })
  })

  test('a body over 16 MiB: refused by default, whole with maxBodySize, and piece by piece', async () => {
    await withPool(urls.plain, {}, async (pool) => {
      await expect(pool.request('GET', '/big.bin')).rejects.toMatchObject({ code: 'ResponseInvalid', cause: { code: 'BodyTooLarge' } })
      expect((await pool.request('GET', '/hello.txt')).text()).toBe('hello of nginx')
    })
    await withPool(urls.plain, { maxBodySize: 32 * MIB }, async (pool) => {
      for (let i = 0; i < 2; i++) {
        const response = await pool.request('GET', '/big.bin')
        expect(response.bodyLength).toBe(big.length)
        expect(Buffer.compare(response.body, big)).toBe(0)
      }
      using slot = await pool.acquire()
      const response = await slot.sendStreaming(slot.writer.get('/big.bin').finish())
      const parts: Uint8Array[] = []
      for await (const part of response) parts.push(part)
      expect(Buffer.compare(Buffer.concat(parts), big)).toBe(0)
    })
  })

  describe('gzip, on Node', () => {
    for (const [name, run] of Object.entries(gzipChecks)) test(name, () => run({ nexus, base: urls.plain }))
  })
  describe.each(['Deno', 'Bun'] as const)('gzip, on %s', (runtime) => {
    inChild(
      Object.keys(gzipChecks),
      () => new Child(commands[runtime], new URL('./runners/gzip.ts', import.meta.url), [runtime.toLowerCase(), urls.plain]),
    )
  })

  describe('gzip, on workerd', () => {
    let workerd: Workerd

    beforeAll(async () => {
      workerd = await Workerd.start(new URL('./runners/worker.ts', import.meta.url))
    })
    afterAll(() => workerd?.stop())
    test.each(Object.keys(gzipChecks))('%s', async (name) => {
      expect(await workerd.run(`nginx: ${name}`, { base: urls.plain })).toBe(null)
    })
  })

  test('413 comes through, and the next request is fine', async () => {
    await withPool(urls.plain, { writeBufferCapacity: MIB }, async (pool) => {
      for (let i = 0; i < 3; i++) {
        expect((await pool.request('POST', '/small', { body: pattern(100 * KIB) })).status).toBe(413)
        const fine = await pool.request('POST', '/small', { body: pattern(60 * KIB), query: { a: 1 } })
        expect([fine.status, fine.text()]).toEqual([200, 'POST a=1'])
      }
    })
  })

  test('502 while the upstream is down, and 200 when it is back', async () => {
    await withPool(urls.plain, { connections: 2 }, (pool) => throughAnOutage(pool, origin, '/up/x', 502))
  })

  test('a graceful reload in mid-traffic: every answer is whole, and the pool goes over to the new workers', async () => {
    await withPool(urls.plain, { connections: 4 }, async (pool, events) => {
      const workers = new Set<string>()
      const failures: string[] = []
      let answers = 0
      let ended = false
      const call = async (caller: number): Promise<void> => {
        for (let i = 0; !ended; i++) {
          try {
            const response = await pool.request('GET', '/up/x', { query: { caller, i }, retryUnsent: 3 })
            expect([response.status, response.text()]).toEqual([200, `GET caller=${caller}&i=${i}`])
            workers.add(response.header('x-worker') as string)
            answers++
          } catch (error) {
            // nginx ends connections that are idle just then, after an answer that did not say so: a request may cross that end.
            expect(error).toMatchObject({ name: 'RestError', code: expect.stringMatching(/^Connection(Closed|Reset)$/), phase: expect.any(String) })
            failures.push((error as nexus.RestError).code)
          }
        }
      }
      let problem: unknown = null
      const traffic = Promise.all(
        Array.from({ length: 8 }, (_, caller) =>
          call(caller).catch((error: unknown) => {
            problem ??= error
          }),
        ),
      )
      const reach = (goal: () => boolean): Promise<void> =>
        until(() => {
          if (problem !== null) throw problem
          return goal()
        })
      try {
        await reach(() => answers > 200)
        for (let round = 0; round < 3; round++) {
          const before = new Set(workers)
          await command('nginx', [...args, '-s', 'reload'], 'nginx-light')
          await reach(() => [...workers].some((worker) => !before.has(worker)))
          const then = answers
          await reach(() => answers > then + 200)
        }
      } finally {
        ended = true
        await traffic
      }
      if (problem !== null) throw problem
      // Each was the loss of one connection under one request; the pool does not make more of them.
      expect(failures.length).toBeLessThanOrEqual(events.filter((event) => event === 'down in use').length)
      expect(failures.length).toBeLessThan(answers / 10)
      await until(() => pool.available === 4)
      expect((await pool.request('GET', '/hello.txt')).text()).toBe('hello of nginx')
    })
  })
})

describe('HAProxy', () => {
  let directory: TemporaryDirectory
  let origin: Origin
  let daemon: Daemon
  let urls: { plain: string; idle: string; hasty: string }

  beforeAll(async () => {
    directory = new TemporaryDirectory()
    await requireTool('haproxy')
    origin = new Origin(await freePort())
    await origin.start()
    const ports = { plain: await freePort(), idle: await freePort(), hasty: await freePort() }
    writeFileSync(
      directory.file('haproxy.cfg'),
      `defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  retries 0
  default_backend origin
frontend plain
  bind 127.0.0.1:${ports.plain}
  timeout http-keep-alive 60s
frontend idle
  bind 127.0.0.1:${ports.idle}
  timeout http-request 60s
  timeout http-keep-alive 1s
frontend hasty
  bind 127.0.0.1:${ports.hasty}
  option http-buffer-request
  timeout http-request 1s
  timeout http-keep-alive 60s
backend origin
  server origin 127.0.0.1:${origin.port}
`,
    )
    daemon = await Daemon.start('haproxy', ['-db', '-f', directory.file('haproxy.cfg')], Object.values(ports))
    const at = (port: number): string => `http://127.0.0.1:${port}`
    urls = { plain: at(ports.plain), idle: at(ports.idle), hasty: at(ports.hasty) }
  })
  afterAll(async () => {
    await daemon?.stop()
    await origin?.stop()
    directory?.remove()
  })

  test('100,000 requests over 4 connections', { timeout: 120_000 }, async () => {
    await withPool(urls.plain, { connections: 4 }, async (pool, events) => {
      await sendMany(pool, 100_000, 16, '/x', (i) => `GET i=${i}`)
      expect(events).not.toContain('down in use')
    })
  })

  test('an idle connection that timeout http-keep-alive ends is healed', async () => {
    await healsFromAnIdleClose(urls.idle, '/x', (response) => expect(response.text()).toBe('GET '))
  })

  test('a lone connection knows of an idle close before the next request', async () => {
    await knowsAnIdleClose(urls.idle, '/x')
  })

  test('chunked both ways', async () => {
    await withPool(urls.plain, {}, async (pool) => {
      for (const size of [0, 1, 10_000, 3 * MIB]) {
        const response = await echoInChunks(pool, '/echo', pattern(size))
        expect([response.header('transfer-encoding'), response.header('x-framing')]).toEqual(['chunked', 'chunked'])
      }
      expect((await pool.request('GET', '/chunks')).text()).toBe(CHUNKS)
    })
  })

  test('503 while the backend is down, and 200 when it is back', async () => {
    await withPool(urls.plain, { connections: 2 }, (pool) => throughAnOutage(pool, origin, '/x', 503))
  })

  test('408 for a request that stays half-sent, and the next one is fine', async () => {
    await withPool(urls.hasty, {}, async (pool) => {
      async function* half(): AsyncGenerator<string> {
        yield 'half'
        await new Promise(() => {})
      }
      {
        using slot = await pool.acquire()
        const response = await slot.send(slot.writer.post('/echo').stream(half(), 8).finish())
        expect([response.status, slot.connection?.isPoisoned]).toEqual([408, true])
      }
      await until(async () => (await pool.request('GET', '/x')).status === 200)
    })
  })

  test('a 408 that comes before any request is nobody’s answer', async () => {
    await withConnection(urls.hasty, async (conn, writer) => {
      await conn.closed
      expect(conn.isPoisoned).toBe(true)
      await expect(conn.send(writer.get('/x').finish())).rejects.toMatchObject({ code: 'ConnectionPoisoned', requestSent: 'nothing' })
    })
  })
})

describe.each(['Bun', 'Deno'] as const)('%s.serve', (runtime) => {
  let child: Child
  let url: string

  beforeAll(async () => {
    child = new Child(commands[runtime], new URL('./rest-fetch-server.ts', import.meta.url))
    url = `http://127.0.0.1:${((await child.next()) as { port: number }).port}`
  })
  afterAll(() => child?.stop())

  test('100,000 requests over 4 connections that stay', { timeout: 120_000 }, async () => {
    await withPool(url, { connections: 4 }, async (pool, events) => {
      await sendMany(pool, 100_000, 16, '/hello', (i) => `hello i=${i}`)
      expect(events).toEqual([])
    })
  })

  test('HEAD, 204, 404 and chunks, in turn on one connection', async () => {
    await withConnection(url, async (conn, writer) => {
      for (let round = 0; round < 3; round++) {
        const head = await conn.send(writer.head('/hello').finish())
        expect([head.status, head.bodyLength, head.header('x-method')]).toEqual([200, 0, 'HEAD'])
        const none = await conn.send(writer.get('/none').finish())
        expect([none.status, none.bodyLength]).toEqual([204, 0])
        const missing = await conn.send(writer.get('/else').finish())
        expect([missing.status, missing.text()]).toEqual([404, 'nothing here'])
        const chunks = await conn.send(writer.get('/chunks').finish())
        expect([chunks.status, chunks.header('transfer-encoding'), chunks.text()]).toEqual([200, 'chunked', CHUNKS])
        const headOfChunks = await conn.send(writer.head('/chunks').finish())
        expect([headOfChunks.status, headOfChunks.bodyLength]).toEqual([200, 0])
      }
      expect([conn.requests, conn.state]).toEqual([15, 'idle'])
    })
  })

  test('bodies go and come back, with a length and in chunks', async () => {
    await withPool(url, { connections: 2, writeBufferCapacity: 2 * MIB }, async (pool) => {
      for (const size of [1, 10_000, MIB]) {
        const bytes = pattern(size)
        const response = await pool.request('POST', '/echo', { body: bytes })
        expect(Buffer.compare(response.body, bytes)).toBe(0)
        await echoInChunks(pool, '/echo', bytes)
      }
    })
  })
})

describe.each(['HTTP/1.0', 'HTTP/1.1'] as const)('Python’s http.server, %s', (version) => {
  const isKept = version === 'HTTP/1.1'
  let child: Child
  let url: string

  beforeAll(async () => {
    await requireTool('python')
    child = new Child(python, new URL('./rest-server.py', import.meta.url), [version])
    url = `http://127.0.0.1:${((await child.next()) as { port: number }).port}`
  })
  afterAll(() => child?.stop())

  test(`300 requests over ${isKept ? 'connections that stay' : 'a connection each'}: none fails`, async () => {
    await withPool(url, { connections: 4 }, async (pool, events) => {
      await sendMany(pool, 300, 8, '/hello', (i) => `hello i=${i}`)
      expect(events).not.toContain('down in use')
      if (isKept) expect(events).toEqual([])
      else expect(events.filter((event) => event === 'up heal').length).toBeGreaterThanOrEqual(296)
    })
  })

  test('GET, HEAD, POST, 204, 404, its own error page, and a body that ends with the connection', async () => {
    await withPool(url, {}, async (pool) => {
      for (let round = 0; round < 3; round++) {
        const get = await pool.request('GET', '/hello')
        expect([`HTTP/${get.version}`, get.text()]).toEqual([version, 'hello '])
        const head = await pool.request('HEAD', '/hello')
        expect([head.status, head.header('content-length'), head.bodyLength]).toEqual([200, '6', 0])
        expect((await pool.request('POST', '/any', { body: 'a body' })).text()).toBe('a body')
        expect((await pool.request('GET', '/none')).status).toBe(204)
        expect((await pool.request('GET', '/else')).status).toBe(404)
        const error = await pool.request('GET', '/error')
        expect([error.status, error.reason]).toEqual([500, 'as asked'])
        expect((await pool.request('GET', '/to-the-end')).text()).toBe(CHUNKS)
        if (isKept) expect((await pool.request('GET', '/chunks')).text()).toBe(CHUNKS)
      }
    })
  })

  test(isKept ? 'a connection stays' : 'a connection is used once', async () => {
    await withConnection(url, async (conn, writer) => {
      expect((await conn.send(writer.get('/hello').finish())).text()).toBe('hello ')
      expect(conn.state).toBe(isKept ? 'idle' : 'poisoned')
      if (isKept) expect((await conn.send(writer.get('/hello').finish())).text()).toBe('hello ')
      else expect(await conn.closed).toBeNull()
    })
  })
})
