/** Dispatchers of undici's over pools: both interfaces of handlers, the limits of time, the ends, and what goes elsewhere. */

import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { compose } from '../../../../src/composition.ts'
import { TransportError } from '../../../../src/errors.ts'
import { type AgentOptions, type AnyDispatcher, Agent as Composable, PoolDispatcher } from '../../../../src/faces/node/undici.ts'
import type { DispatchController } from '../../../../src/faces/node/undici-call.ts'
import type { DispatchOptions } from '../../../../src/faces/node/undici-request.ts'
import { makeRestWorld, ok, type RestWorld } from '../../rest/harness.ts'

type Agent = InstanceType<typeof Composable>

const ORIGIN = 'http://server.test'
const GET: DispatchOptions = { origin: ORIGIN, path: '/a', method: 'GET' }

function open(options: AgentOptions = {}): { world: RestWorld; agent: Agent } {
  const world = makeRestWorld()
  const Agent = compose(Composable, world.Pool)
  return { world, agent: new Agent({ connections: 1, ...options }) }
}

/** What became of a request, event by event; and what its handler holds it by. */
class Seen {
  readonly events: unknown[] = []
  error: (Error & { code?: string; requestSent?: string }) | null = null
  controller!: DispatchController
  abort!: (reason?: unknown) => void
  resume!: () => void
  /** The handler wants no more for now. */
  stops = false

  /** As a handler of undici 8. */
  readonly current = {
    onRequestStart: (controller: DispatchController) => {
      this.controller = controller
      this.events.push('start')
    },
    onResponseStart: (controller: DispatchController, status: number, headers: object, reason: string) => {
      this.events.push([status, { ...headers }, reason])
      if (this.stops) controller.pause()
    },
    onResponseData: (_: unknown, chunk: Buffer) => this.events.push(String(chunk)),
    onResponseEnd: (_: unknown, trailers: object) => this.events.push({ ...trailers }),
    onResponseError: (_: unknown, error: Error) => {
      this.error = error
    },
  }

  /** As a handler of undici 6. */
  readonly old = {
    onConnect: (abort: (reason?: unknown) => void) => {
      this.abort = abort
      this.events.push('start')
    },
    onHeaders: (status: number, raw: unknown[], resume: () => void, reason: string) => {
      this.resume = resume
      this.events.push([status, raw.map(String), reason])
      return !this.stops
    },
    onData: (chunk: Buffer) => void this.events.push(String(chunk)),
    onComplete: (trailers: unknown[]) => this.events.push(trailers),
    onError: (error: Error) => {
      this.error = error
    },
  }
}

function dispatch(agent: AnyDispatcher, options: Partial<DispatchOptions> = {}, which: 'current' | 'old' = 'current'): Seen {
  const seen = new Seen()
  expect(agent.dispatch({ ...GET, ...options }, seen[which])).toBe(true)
  return seen
}

describe('events', () => {
  const answer = 'HTTP/1.1 200 Fine\r\nX-A: 1\r\nx-a: 2\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n'

  test('of a handler of undici 7 and 8', async () => {
    const { world, agent } = open()
    world.server.respond = () => answer
    const seen = dispatch(agent)
    expect(seen.events).toEqual(['start'])
    await world.settle()
    expect(seen.events).toEqual(['start', [200, { 'x-a': ['1', '2'], 'transfer-encoding': 'chunked' }, 'Fine'], 'abc', { 'x-sum': '7' }])
    expect(seen.controller.rawTrailers).toEqual(['X-Sum', '7'])
  })

  test('of a handler of undici 6', async () => {
    const { world, agent } = open()
    world.server.respond = () => answer
    const seen = dispatch(agent, {}, 'old')
    await world.settle()
    expect(seen.events).toEqual(['start', [200, ['X-A', '1', 'x-a', '2', 'Transfer-Encoding', 'chunked'], 'Fine'], 'abc', ['X-Sum', '7']])
  })

  test.each(['current', 'old'] as const)('a handler (%s) that stops gets no more until it resumes', async (which) => {
    const { world, agent } = open({ bodyTimeout: 100 })
    const seen = new Seen()
    seen.stops = true
    agent.dispatch(GET, seen[which])
    await world.settle()
    expect(seen.events).toHaveLength(2)
    // What is not asked for is not late.
    await world.clock.advance(5_000)
    expect([seen.events.length, seen.error]).toEqual([2, null])
    if (which === 'old') seen.resume()
    else seen.controller.resume()
    await world.settle()
    expect(seen.events.slice(2)).toEqual(['GET /a', which === 'old' ? [] : {}])
  })

  test('what a handler throws aborts its request', async () => {
    const { world, agent } = open()
    const seen = new Seen()
    const reason = new Error('mine')
    seen.current.onResponseStart = () => {
      throw reason
    }
    agent.dispatch(GET, seen.current)
    await world.settle()
    expect([seen.error, seen.events]).toEqual([reason, ['start']])
  })

  test('compose: interceptors around, the last one outermost; handlers of undici 6 get the events of both', async () => {
    const { world, agent } = open()
    const order: string[] = []
    const named =
      (name: string) =>
      (inner: AnyDispatcher['dispatch']) =>
      (options: DispatchOptions, handler: object): boolean => {
        order.push(`${name} ${typeof (handler as Seen['current']).onResponseStart}`)
        return inner({ ...options, path: `${options.path}${name}` }, handler) as boolean
      }
    const composed = agent.compose(named('b') as never, null, named('c') as never)
    const seen = dispatch(composed, {}, 'old')
    await world.settle()
    expect(order).toEqual(['c function', 'b function'])
    expect(seen.events.slice(2)).toEqual(['GET /acb', []])
    expect(() => agent.compose('x' as never)).toThrow(TypeError)
    expect(() => agent.compose((() => (_: unknown) => true) as never)).toThrow('invalid interceptor')
    await composed.close()
    expect(agent.closed).toBe(true)
  })
})

describe('ends', () => {
  test('limits of time: the head, and each piece of the body', async () => {
    const { world, agent } = open({ headersTimeout: 1_500, bodyTimeout: 700 })
    world.server.respond = ({ path }) => (path === '/a' ? null : 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc')
    const head = dispatch(agent)
    await world.clock.advance(1_499)
    expect(head.error).toBe(null)
    await world.clock.advance(10)
    expect(head.error).toMatchObject({ name: 'HeadersTimeoutError', code: 'UND_ERR_HEADERS_TIMEOUT', requestSent: 'fully' })
    const body = dispatch(agent, { path: '/b' })
    await world.clock.advance(600)
    world.server.last.send('d')
    await world.clock.advance(600)
    expect([body.error, body.events.slice(2)]).toEqual([null, ['abc', 'd']])
    await world.clock.advance(200)
    expect(body.error).toMatchObject({ name: 'BodyTimeoutError', code: 'UND_ERR_BODY_TIMEOUT' })
    const own = dispatch(agent, { headersTimeout: 50 })
    await world.clock.advance(60)
    expect(own.error?.code).toBe('UND_ERR_HEADERS_TIMEOUT')
  })

  test.each(['while it is sent', 'in the line', 'while the pool connects'])('abort %s: at once, with the reason', async (when) => {
    const { world, agent } = open()
    world.server.respond = ({ path }) => (path === '/first' ? null : ok('there'))
    if (when === 'in the line') dispatch(agent, { path: '/first' })
    if (when !== 'while the pool connects') await world.settle()
    const seen = dispatch(agent, { path: when === 'while it is sent' ? '/first' : '/a' }, 'old')
    if (when !== 'while the pool connects') await world.settle()
    const reason = new Error('enough')
    seen.abort(reason)
    expect(seen.error).toBe(reason)
    seen.abort(new Error('again'))
    expect(seen.error).toBe(reason)
    if (when === 'in the line') return
    const next = dispatch(agent)
    await world.clock.advance(1_000)
    expect(next.events).toHaveLength(4)
    const without = dispatch(agent, {}, 'old')
    without.abort()
    expect(without.error).toMatchObject({ name: 'AbortError', code: 'UND_ERR_ABORTED' })
  })

  test('a server that cannot be reached any more fails those that wait for it, as undici does', async () => {
    const { world, agent } = open()
    await world.settle()
    dispatch(agent)
    await world.settle()
    world.server.onDial = () => new TransportError('ConnectRefused', 'refused', { cause: Object.assign(new Error('no'), { code: 'ECONNREFUSED' }) })
    world.server.last.end.destroy()
    await world.settle()
    const seen = dispatch(agent)
    await world.clock.advance(1_000)
    expect(seen.error).toMatchObject({ code: 'ECONNREFUSED', requestSent: 'nothing', message: 'no' })
  })

  test('a first connection that fails', async () => {
    const { world, agent } = open()
    world.server.onDial = () => new TransportError('ConnectTimeout', 'late')
    const seen = dispatch(agent)
    await world.clock.advance(20_000)
    expect(seen.error).toMatchObject({ name: 'ConnectTimeoutError', code: 'UND_ERR_CONNECT_TIMEOUT', requestSent: 'nothing' })
  })

  test.each<[string, string, string]>([
    ['garbage', 'HTTPParserError', 'HPE_INVALID_HEADER_TOKEN'],
    ['HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n', 'HTTPParserError', 'HPE_INVALID_CONTENT_LENGTH'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx', 'HTTPParserError', 'HPE_INVALID_CHUNK_SIZE'],
    [`HTTP/1.1 200 OK\r\nA: ${'x'.repeat(20_000)}\r\n\r\n`, 'HeadersOverflowError', 'UND_ERR_HEADERS_OVERFLOW'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n', 'ResponseExceededMaxSizeError', 'UND_ERR_RES_EXCEEDED_MAX_SIZE'],
    ['HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 'SocketError', 'UND_ERR_SOCKET'],
  ])('a response that is %j', async (text, name, code) => {
    const { world, agent } = open({ maxBodySize: 10 })
    world.server.respond = () => (text === 'garbage' ? 'HTTP/1.1 200 OK\r\nbroken header\r\n\r\n' : text)
    const seen = dispatch(agent)
    await world.settle()
    expect(seen.error).toMatchObject({ name, code, requestSent: 'fully' })
    for (const mark of ['UND_ERR', name === 'HTTPParserError' ? 'UND_ERR_HTTP_PARSER' : code])
      expect(Reflect.get(seen.error as object, Symbol.for(`undici.error.${mark}`))).toBe(true)
  })

  test('close waits, destroy does not, and both end what comes later', async () => {
    const { world, agent } = open()
    world.server.respond = () => null
    const under = dispatch(agent)
    await world.settle()
    let closed = false
    const closing = agent.close().then(() => {
      closed = true
    })
    expect(dispatch(agent).error?.code).toBe('UND_ERR_CLOSED')
    await world.settle()
    expect(closed).toBe(false)
    world.server.last.send(ok('late'))
    await world.clock.advance(2_000)
    await closing
    expect([under.events[2], agent.destroyed, world.server.open]).toEqual(['late', true, []])
    expect(dispatch(agent).error?.code).toBe('UND_ERR_DESTROYED')
    const other = open()
    other.world.server.respond = () => null
    const cut = dispatch(other.agent)
    await other.world.settle()
    const reason = new Error('over')
    const calls: unknown[] = []
    other.agent.destroy(reason, (error, data) => calls.push([error, data]))
    expect(cut.error).toBe(reason)
    await other.world.clock.advance(2_000)
    expect(calls).toEqual([[null, null]])
    await expect(other.agent.close()).resolves.toBeUndefined()
  })
})

describe('requests', () => {
  test.each<[string, Partial<DispatchOptions>]>([
    ['path', { path: 'a' }],
    ['method', { method: 'G T' }],
    ['origin', { origin: '' }],
    ['URL', { origin: 'https://user:secret@' }],
    ['list of fields', { headers: ['a'] }],
    ['pairs', { headers: new Set([1]) }],
    ['kind of fields', { headers: 7 }],
    ['value', { headers: { a: 'a\r\nb: c' } }],
    ['value beyond Latin-1', { headers: { a: '\u0141' } }],
    ['object as a value', { headers: { a: {} } }],
    ['name', { headers: { 'a b': 'c' } }],
    ['Upgrade', { headers: { upgrade: 'x' } }],
    ['Connection', { headers: { connection: 'x' } }],
    ['Content-Length', { headers: { 'content-length': '1x' } }],
    ['body', { body: 7 }],
    ['headersTimeout', { headersTimeout: -1 }],
    ['bodyTimeout', { bodyTimeout: Number.NaN }],
    ['maxRedirections', { maxRedirections: 3 }],
    ['throwOnError', { throwOnError: true }],
  ])('a wrong %s is an InvalidArgumentError', async (_, options) => {
    const { world, agent } = open()
    const seen = dispatch(agent, options)
    await world.settle()
    expect(seen.error).toMatchObject({ name: 'InvalidArgumentError', code: 'UND_ERR_INVALID_ARG' })
    expect(inspect(seen.error)).not.toContain('secret')
    expect(world.server.requests).toEqual([])
  })

  test('Latin-1 goes out as it is, and comes back as undici has it', async () => {
    const { world, agent } = open()
    world.server.respond = ({ head }) => `HTTP/1.1 200 OK\r\nX-Back: ${/^x: (.*)$/m.exec(head)?.[1]}\r\nContent-Length: 0\r\n\r\n`
    const seen = dispatch(agent, { headers: { x: '\xc3\xa9' } })
    await world.settle()
    expect(seen.events[1]).toEqual([200, { 'x-back': 'é', 'content-length': '0' }, 'OK'])
    expect(seen.controller.rawHeaders?.[1]).toEqual(Buffer.from([0xc3, 0xa9]))
  })

  test('fields that the connection sets: a Host that is its own, Connection', async () => {
    const { world, agent } = open()
    const kept = dispatch(agent, { headers: { host: 'SERVER.test', connection: 'keep-alive', a: null, b: undefined, c: 1 } })
    await world.settle()
    expect(world.server.requests[0]?.head).toBe('GET /a HTTP/1.1\r\nHost: server.test\r\nConnection: keep-alive\r\na: \r\nc: 1')
    expect([kept.error, world.server.dials.length]).toEqual([null, 1])
    dispatch(agent, { reset: true })
    await world.settle()
    dispatch(agent, { headers: { connection: 'close' } })
    await world.clock.advance(1_000)
    dispatch(agent)
    await world.clock.advance(1_000)
    expect([world.server.requests.length, world.server.dials.length]).toEqual([4, 3])
    expect(dispatch(agent, { headers: { host: 'other.test' } }).error?.code).toBe('UND_ERR_NOT_SUPPORTED')
    expect(dispatch(agent, { headers: { expect: '100-continue' } }).error?.code).toBe('UND_ERR_NOT_SUPPORTED')
  })
})

describe('what goes elsewhere', () => {
  test.each<[string, Partial<DispatchOptions>]>([
    ['CONNECT', { method: 'CONNECT', path: 'other.test:443' }],
    ['upgrade', { upgrade: 'websocket' }],
  ])('%s goes to the fallback, or is refused', async (_, options) => {
    const given: unknown[] = []
    const fallback: AnyDispatcher = { dispatch: (...args) => given.push(args) > 0 }
    const { agent } = open({ fallback })
    const seen = dispatch(agent, options)
    expect(given).toEqual([[{ ...GET, ...options }, seen.current]])
    expect([seen.events, seen.error]).toEqual([[], null])
  })

  test('a pool serves its own origin, and what is below its base path', async () => {
    const world = makeRestWorld()
    const pool = await world.Pool.connect(`${ORIGIN}/v3`)
    const dispatcher = new PoolDispatcher(pool)
    const seen = dispatch(dispatcher, { path: '/v3/a', origin: new URL(ORIGIN) })
    const bare = dispatch(dispatcher, { path: '/v3?x', origin: undefined })
    await world.settle()
    expect(world.server.requests.map(({ path }) => path)).toEqual(['/v3/a', '/v3?x'])
    expect([seen.error, bare.error]).toEqual([null, null])
    for (const wrong of [{ origin: 'http://other.test' }, { path: '/v4/a' }, { path: '/v3a' }])
      expect(dispatch(dispatcher, wrong).error?.code).toBe('UND_ERR_INVALID_ARG')
    const closing = dispatcher.close()
    await world.clock.advance(2_000)
    await closing
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'PoolClosed' })
  })

  test('options that no dispatcher has are refused', () => {
    const { world } = open()
    const Agent = compose(Composable, world.Pool)
    expect(() => new Agent({ pipelining: 1 } as never)).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
    expect(() => new Agent({ fallback: {} } as never)).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
    expect(() => new Agent({ headersTimeout: -1 })).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
  })
})
