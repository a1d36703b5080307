/** What undici's functions do with a dispatcher, the same with its own and with ours. Run in the test's process, and on other versions of Node.js. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Readable, Writable } from 'node:stream'

/** As much of undici as is used. */
export interface Undici {
  request(url: string, options: object): Promise<Answer>
  fetch(url: string, options: object): Promise<Response>
  stream(url: string, options: object, factory: (data: { statusCode: number }) => Writable): Promise<{ trailers: object }>
  pipeline(url: string, options: object, handler: (data: { body: Readable }) => Readable): Duplex
  upgrade(url: string, options: object): Promise<{ headers: Record<string, string>; socket: Duplex }>
  connect(options: object): Promise<{ statusCode: number; socket: Duplex }>
  readonly interceptors: Record<'retry' | 'redirect', (options: object) => never>
  readonly errors: Readonly<Record<string, new () => Error>>
  readonly Agent: new (options?: object) => Dispatcher
  readonly RetryAgent: new (agent: Dispatcher, options: object) => Dispatcher
  readonly FormData: typeof FormData
}

interface Duplex extends Writable {
  setEncoding(encoding: string): this
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer>
}

interface Answer {
  readonly statusCode: number
  readonly headers: Record<string, string | string[]>
  readonly trailers: Record<string, string>
  readonly body: Readable & { text(): Promise<string>; json(): Promise<unknown>; dump(): Promise<void> }
}

/** Of undici or ours. */
export interface Dispatcher {
  compose(...interceptors: never[]): Dispatcher
  close(): Promise<void>
  destroy(error?: Error): Promise<void>
  dispatch(options: never, handler: never): unknown
}

/** What a check has. */
export interface Environment {
  readonly undici: Undici
  readonly major: number
  readonly isOurs: boolean
  readonly origin: string
  /** Requests to `/hold` that are open. */
  readonly open: (options?: object) => Dispatcher
}

/** One check, by what it shows. */
export type Check = (environment: Environment & { readonly dispatcher: Dispatcher }) => Promise<void>

async function codeOf(promise: Promise<unknown>): Promise<Error & { code?: string; requestSent?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not fail')
}

/** All of them. Every one has a dispatcher of its own, which is destroyed behind it. */
export const undiciChecks: Readonly<Record<string, Check>> = {
  async 'request: status, fields, body'({ undici, origin, dispatcher }) {
    const { statusCode, headers, body } = await undici.request(`${origin}/json?a=1`, { dispatcher })
    assert.equal(statusCode, 200)
    assert.equal(headers['content-type'], 'application/json')
    assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2'])
    assert.deepEqual(await body.json(), { url: '/json?a=1' })
  },

  async 'request: raw fields'({ undici, origin, dispatcher }) {
    const { headers, body } = await undici.request(`${origin}/json`, { dispatcher, responseHeaders: 'raw' })
    await body.dump()
    const raw = headers as unknown as string[]
    assert.equal(raw[raw.indexOf('X-Case') + 1], 'Kept')
  },

  async 'request: query and fields, of every shape'({ undici, origin, dispatcher }) {
    const shapes = [{ 'X-A': '1', 'X-B': ['2', '3'] }, ['X-A', '1', 'X-B', '2', 'X-B', '3'], new Map<string, unknown>([['X-A', '1'], ['X-B', ['2', '3']]])] // biome-ignore format: short
    for (const headers of shapes) {
      const { body } = await undici.request(`${origin}/fields`, { dispatcher, headers, query: { q: ['a b', 'c'] } })
      const { url, fields } = (await body.json()) as { url: string; fields: Record<string, string> }
      assert.equal(url, '/fields?q=a%20b&q=c')
      assert.equal(fields['x-a'], '1')
      assert.equal(fields['x-b'], '2, 3')
    }
  },

  async 'request: bodies of every kind'({ undici, origin, dispatcher }) {
    const bytes = new TextEncoder().encode('hello wörld')
    const made = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 5)
      yield bytes.subarray(5)
    }
    const bodies: Record<string, unknown> = {
      string: 'hello wörld',
      bytes,
      buffer: Buffer.from(bytes),
      readable: Readable.from([Buffer.from(bytes)]),
      iterable: [bytes.subarray(0, 5), bytes.subarray(5)].values(),
      made: made(),
      blob: new Blob([bytes]),
    }
    for (const [kind, body] of Object.entries(bodies)) {
      const answer = await undici.request(`${origin}/echo`, { dispatcher, method: 'POST', body })
      assert.equal(await answer.body.text(), 'hello wörld', kind)
    }
    const large = 'x'.repeat(1_000_000)
    assert.equal(await (await undici.request(`${origin}/echo`, { dispatcher, method: 'PUT', body: large })).body.text(), large)
    const empty = await undici.request(`${origin}/fields`, { dispatcher, method: 'POST' })
    assert.equal(((await empty.body.json()) as { fields: Record<string, string> }).fields['content-length'], '0')
    const form = new undici.FormData()
    form.append('name', 'value')
    const sent = await undici.request(`${origin}/echo`, { dispatcher, method: 'POST', body: form })
    assert.match(await sent.body.text(), /form-data; name="name"\r\n\r\nvalue\r\n/)
  },

  async 'request: the length that is announced'({ undici, origin, dispatcher }) {
    const ask = (body: unknown): Promise<Answer> => undici.request(`${origin}/fields`, { dispatcher, method: 'POST', headers: { 'content-length': '5' }, body }) // biome-ignore format: short
    const { fields } = (await (await ask(Readable.from([Buffer.from('12345')]))).body.json()) as { fields: Record<string, string> }
    assert.equal(fields['content-length'], '5')
    assert.equal((await codeOf(ask('1234'))).code, 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH')
  },

  async 'request: HEAD, 204, trailers, interim responses'({ undici, origin, dispatcher }) {
    const head = await undici.request(`${origin}/json`, { dispatcher, method: 'HEAD' })
    assert.equal(await head.body.text(), '')
    const none = await undici.request(`${origin}/204`, { dispatcher })
    assert.deepEqual([none.statusCode, await none.body.text()], [204, ''])
    const answer = await undici.request(`${origin}/trailers`, { dispatcher })
    assert.equal(await answer.body.text(), 'body')
    assert.equal(answer.trailers['x-sum'], '7')
    const seen: number[] = []
    const hinted = await undici.request(`${origin}/hints`, { dispatcher, onInfo: ({ statusCode }: { statusCode: number }) => seen.push(statusCode) })
    assert.deepEqual([seen, hinted.statusCode], [[103], 200])
    await hinted.body.dump()
  },

  async 'backpressure: a server waits for a reader that does not read'({ undici, origin, dispatcher }) {
    const { body } = await undici.request(`${origin}/endless`, { dispatcher })
    body.read()
    const sent = async (): Promise<number> => Number(await (await undici.request(`${origin}/sent`, { dispatcher })).body.text())
    let before = await sent()
    // Until every buffer on the way is full.
    for (let after = await sent(), rounds = 0; ; rounds++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      before = after
      after = await sent()
      if (after === before && after > 0) break
      assert.ok(rounds < 500, 'the server is never stopped')
    }
    let read = 0
    for await (const piece of body) {
      read += piece.length
      if (read > before + 65_536) break
    }
  },

  async 'fetch: status, body, redirects, compression'({ undici, origin, dispatcher }) {
    const response = await undici.fetch(`${origin}/json`, { dispatcher })
    assert.equal(response.headers.get('content-type'), 'application/json')
    assert.deepEqual(await response.json(), { url: '/json' })
    const moved = await undici.fetch(`${origin}/moved`, { dispatcher })
    assert.deepEqual([moved.redirected, await moved.json()], [true, { url: '/json' }])
    assert.equal(await (await undici.fetch(`${origin}/gzip`, { dispatcher })).text(), 'compressed')
    const posted = await undici.fetch(`${origin}/echo`, { dispatcher, method: 'POST', body: 'a body' })
    assert.equal(await posted.text(), 'a body')
    assert.equal((await undici.fetch(`${origin}/204`, { dispatcher })).status, 204)
  },

  async 'fetch: abort before and within the body'({ undici, origin, dispatcher }) {
    const early = new AbortController()
    const waiting = undici.fetch(`${origin}/hold`, { dispatcher, signal: early.signal })
    setImmediate(() => early.abort())
    assert.equal((await codeOf(waiting)).name, 'AbortError')
    const late = new AbortController()
    const response = await undici.fetch(`${origin}/half`, { dispatcher, signal: late.signal })
    late.abort()
    assert.equal((await codeOf(response.text())).name, 'AbortError')
    assert.deepEqual(await (await undici.fetch(`${origin}/json`, { dispatcher })).json(), { url: '/json' })
  },

  async 'stream: into a writable'({ undici, origin, dispatcher }) {
    let text = ''
    const into = new Writable({
      write(chunk, _, done) {
        text += String(chunk)
        done()
      },
    })
    const { trailers } = await undici.stream(`${origin}/trailers`, { dispatcher, method: 'GET' }, ({ statusCode }) => {
      assert.equal(statusCode, 200)
      return into
    })
    assert.equal(text, 'body')
    assert.deepEqual({ ...trailers }, { 'x-sum': '7' })
  },

  async 'pipeline: a duplex of the request and its response'({ undici, origin, dispatcher }) {
    const duplex = undici.pipeline(`${origin}/echo`, { dispatcher, method: 'POST' }, ({ body }) => body)
    duplex.write('one ')
    duplex.end('two')
    let text = ''
    for await (const piece of duplex) text += String(piece)
    assert.equal(text, 'one two')
  },

  async 'abort: before the head, in the body, with a reason'({ undici, origin, dispatcher }) {
    const reason = new Error('enough')
    const early = new AbortController()
    const waiting = undici.request(`${origin}/hold`, { dispatcher, signal: early.signal })
    setImmediate(() => early.abort(reason))
    assert.equal(await codeOf(waiting), reason)
    const late = new AbortController()
    const { body } = await undici.request(`${origin}/half`, { dispatcher, signal: late.signal })
    late.abort(reason)
    assert.equal(await codeOf(body.text()), reason)
    const whole = await undici.request(`${origin}/json`, { dispatcher, signal: new AbortController().signal })
    assert.deepEqual(await whole.body.json(), { url: '/json' })
    assert.equal(await codeOf(undici.request(`${origin}/json`, { dispatcher, signal: AbortSignal.abort(reason) })), reason)
  },

  async 'errors: names and codes'({ undici, origin, dispatcher, isOurs, open }) {
    const { errors } = undici
    const lost = await codeOf(undici.request(`${origin}/lose`, { dispatcher, method: 'POST', body: 'x' }))
    assert.ok(lost instanceof (errors['SocketError'] as new () => Error))
    assert.deepEqual([lost.name, lost.code], ['SocketError', 'UND_ERR_SOCKET'])
    if (isOurs) assert.equal(lost.requestSent, 'fully')
    const half = await codeOf(undici.request(`${origin}/cut`, { dispatcher }).then(({ body }) => body.text()))
    assert.match(String(half.code), /UND_ERR_SOCKET|ECONNRESET/)
    const late = await codeOf(undici.request(`${origin}/hold`, { dispatcher, headersTimeout: 20 }))
    assert.ok(late instanceof (errors['HeadersTimeoutError'] as new () => Error))
    assert.deepEqual([late.name, late.code], ['HeadersTimeoutError', 'UND_ERR_HEADERS_TIMEOUT'])
    if (isOurs) assert.equal(late.requestSent, 'fully')
    const slow = await codeOf(undici.request(`${origin}/half`, { dispatcher, bodyTimeout: 20 }).then(({ body }) => body.text()))
    assert.deepEqual([slow.name, slow.code], ['BodyTimeoutError', 'UND_ERR_BODY_TIMEOUT'])
    const garbage = await codeOf(undici.request(`${origin}/garbage`, { dispatcher }))
    assert.equal(garbage.name, 'HTTPParserError')
    if (isOurs) assert.equal(garbage.code, 'HPE_INVALID_HEADER_TOKEN')
    const refused = await codeOf(undici.request('http://127.0.0.1:1/', { dispatcher }))
    assert.equal(refused.code, 'ECONNREFUSED')
    if (isOurs) assert.equal(refused.requestSent, 'nothing')
    for (const wrong of [
      { headers: { 'x-a': 'a\nb' } },
      { headers: { 'transfer-encoding': 'chunked' } },
      { method: 'G T' },
      { headersTimeout: -1 },
      { body: 7 },
    ]) {
      const error = await codeOf(undici.request(`${origin}/json`, { dispatcher, ...wrong }))
      assert.ok(error instanceof (errors['InvalidArgumentError'] as new () => Error), JSON.stringify(wrong))
    }
    await open().close()
  },

  async 'compose: retry and redirect of undici'({ undici, origin, dispatcher }) {
    const retrying = dispatcher.compose(undici.interceptors.retry({ maxRetries: 3, minTimeout: 1, timeoutFactor: 1 }))
    const { statusCode, body } = await undici.request(`${origin}/flaky?key=${Math.random()}`, { dispatcher: retrying })
    assert.deepEqual([statusCode, await body.text()], [200, 'at last'])
    const redirecting = dispatcher.compose([undici.interceptors.redirect({ maxRedirections: 3 })] as never)
    const moved = await undici.request(`${origin}/moved`, { dispatcher: redirecting })
    assert.deepEqual(await moved.body.json(), { url: '/json' })
    const agent = new undici.RetryAgent(dispatcher, { maxRetries: 3, minTimeout: 1, timeoutFactor: 1 })
    assert.equal(await (await undici.request(`${origin}/flaky?key=${Math.random()}`, { dispatcher: agent })).body.text(), 'at last')
  },

  async 'close waits for requests; destroy does not'({ undici, origin, open }) {
    const closing = open()
    const under = undici.request(`${origin}/slow`, { dispatcher: closing })
    await undici.request(`${origin}/json`, { dispatcher: closing }).then(({ body }) => body.dump())
    const closed = closing.close()
    assert.equal((await codeOf(undici.request(`${origin}/json`, { dispatcher: closing }))).code, 'UND_ERR_CLOSED')
    assert.equal(await (await under).body.text(), 'slow')
    await closed
    const destroyed = open()
    const cut = codeOf(undici.request(`${origin}/hold`, { dispatcher: destroyed }))
    await undici.request(`${origin}/json`, { dispatcher: destroyed }).then(({ body }) => body.dump())
    await destroyed.destroy()
    assert.equal((await cut).code, 'UND_ERR_DESTROYED')
    assert.equal((await codeOf(undici.request(`${origin}/json`, { dispatcher: destroyed }))).code, 'UND_ERR_DESTROYED')
  },

  async 'upgrade and CONNECT'({ undici, origin, dispatcher }) {
    const { headers, socket } = await undici.upgrade(`${origin}/`, { dispatcher, protocol: 'echo' })
    assert.equal(headers['upgrade'], 'echo')
    socket.write('hello')
    const [piece] = (await once(socket, 'data')) as [Buffer]
    assert.equal(String(piece), 'hello')
    socket.destroy()
    const tunnel = await undici.connect({ dispatcher, origin, path: 'elsewhere:443' } as never)
    assert.equal(tunnel.statusCode, 200)
    tunnel.socket.destroy()
  },

  async 'many at a time, over few connections'({ undici, origin, open, isOurs }) {
    const dispatcher = open({ connections: 3 })
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => (await undici.request(`${origin}/json?${i}`, { dispatcher })).body.json()),
    )
    assert.deepEqual(
      answers,
      Array.from({ length: 60 }, (_, i) => ({ url: `/json?${i}` })),
    )
    await dispatcher.close()
    void isOurs
  },
}
