/** `createFetch`: redirects as the Fetch standard has them, bodies whole or streamed, one pool for each origin. */

import { describe, expect, test } from 'vitest'
import { type CreateFetchOptions, createFetchOver, type PooledFetch } from '../../../src/faces/create-fetch.ts'
import { tellsNothing } from '../../integration/failing-checks.ts'
import { makeRestWorld, ok, outcomeOf, type RestWorld, type SeenRequest } from '../rest/harness.ts'

function open(options: CreateFetchOptions = {}): { fetch: PooledFetch; world: RestWorld } {
  const world = makeRestWorld()
  return { fetch: createFetchOver(world.Pool)({ connections: 1, ...options }), world }
}

async function result(world: RestWorld, fetching: Promise<unknown>): Promise<Response & TypeError> {
  for (let i = 0; i < 30 && (await outcomeOf(world, fetching)) === 'pending'; i++) await world.clock.advance(1)
  return (await outcomeOf(world, fetching)) as Response & TypeError
}

const hostOf = ({ head }: SeenRequest): string => /^host: (.*)$/im.exec(head)?.[1] ?? ''
const redirect = (status: number, location: string): string => `HTTP/1.1 ${status} X\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`

describe('redirects', () => {
  test.each<[number, string, string]>([
    [301, 'GET', 'GET'],
    [301, 'POST', 'GET'],
    [301, 'PUT', 'PUT'],
    [302, 'HEAD', 'HEAD'],
    [302, 'POST', 'GET'],
    [302, 'DELETE', 'DELETE'],
    [303, 'GET', 'GET'],
    [303, 'HEAD', 'HEAD'],
    [303, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [307, 'POST', 'POST'],
    [307, 'GET', 'GET'],
    [308, 'PUT', 'PUT'],
  ])('%i after %s becomes %s', async (status, method, next) => {
    const { fetch, world } = open()
    world.server.respond = (request) => (request.path === '/a' ? redirect(status, '/b?c#d') : ok(request.method === 'HEAD' ? '' : 'there'))
    const hasBody = method !== 'GET' && method !== 'HEAD'
    const headers = { 'Content-Type': 'x/y', 'X-A': 'b' }
    const response = await result(world, fetch('http://server.test/a', { method, headers, ...(hasBody ? { body: 'abc' } : {}) }))
    const last = world.server.requests[1] as SeenRequest
    expect([response.status, response.redirected, response.url]).toEqual([200, true, 'http://server.test/b?c'])
    const keepsBody = hasBody && method === next
    expect([last.method, last.path, last.body, /content-type/i.test(last.head), /x-a: b/.test(last.head)]).toEqual([
      next,
      '/b?c',
      keepsBody ? 'abc' : '',
      keepsBody || !hasBody || method === next,
      true,
    ])
  })

  test('to another origin strip what was meant for the first, for good', async () => {
    const { fetch, world } = open()
    world.server.respond = (request) => {
      if (hostOf(request) === 'other.test') return redirect(307, 'http://server.test/c')
      return request.path === '/c' ? ok('end') : redirect(307, request.path === '/a' ? '/b' : 'http://other.test/')
    }
    const headers = { Authorization: 'secret', Cookie: 'secret', 'X-Kept': '1', 'Proxy-Authorization': 'secret' }
    const response = await result(world, fetch('http://server.test/a', { headers }))
    expect([await response.text(), response.url]).toEqual(['end', 'http://server.test/c'])
    expect(world.server.requests.map((request) => [hostOf(request), request.path, /secret/.test(request.head), /x-kept/.test(request.head)])).toEqual(
      [
        ['server.test', '/a', true, true],
        ['server.test', '/b', true, true],
        ['other.test', '/', false, true],
        ['server.test', '/c', false, true],
      ],
    )
  })

  test.each([19, 20, 21])('%i of them', async (count) => {
    const { fetch, world } = open()
    world.server.respond = ({ path }) => {
      const number = Number(path.slice(1))
      return number === count ? ok('end') : redirect(302, `/${number + 1}`)
    }
    const response = await result(world, fetch('http://server.test/0'))
    if (count <= 20) expect([response.status, response.redirected]).toEqual([200, true])
    else expect(response).toBeInstanceOf(TypeError)
    expect(world.server.requests.length).toBe(Math.min(count, 20) + 1)
  })

  test.each([
    ['error', TypeError],
    ['manual', Response],
  ] as const)("with redirect: '%s'", async (mode, Class) => {
    const { fetch, world } = open()
    world.server.respond = () => redirect(302, '/b')
    const response = await result(world, fetch('http://server.test/a', { redirect: mode }))
    expect(response).toBeInstanceOf(Class)
    if (mode === 'manual') expect([response.status, response.headers.get('location'), response.redirected]).toEqual([302, '/b', false])
    expect(world.server.requests.length).toBe(1)
  })

  test.each(['ftp://server.test/pl4nted', 'http://u:pl4nted@server.test/', 'http://pl4nted:x:y/'])(
    'to %s are errors that tell nothing',
    async (to) => {
      const { fetch, world } = open()
      world.server.respond = () => redirect(302, to)
      const error = await result(world, fetch('http://server.test/a'))
      expect(error).toBeInstanceOf(TypeError)
      tellsNothing(error)
    },
  )

  test('without a place to go are responses', async () => {
    const { fetch, world } = open()
    world.server.respond = () => 'HTTP/1.1 302 X\r\nContent-Length: 0\r\n\r\n'
    expect((await result(world, fetch('http://server.test/a'))).status).toBe(302)
  })

  test('a stream is not sent again, but for 303, which sends none', async () => {
    for (const status of [307, 303]) {
      const { fetch, world } = open()
      world.server.respond = ({ path }) => (path === '/a' ? redirect(status, '/b') : ok('end'))
      const init = { method: 'POST', body: new Blob(['a']).stream(), duplex: 'half' } as RequestInit
      expect(await result(world, fetch('http://server.test/a', init))).toBeInstanceOf(status === 303 ? Response : TypeError)
    }
  })
})

describe('bodies', () => {
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

  test('a long one is read as it arrives; its connection is free when it has ended', async () => {
    const { fetch, world } = open()
    world.server.respond = (request) =>
      request.path === '/a' ? `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk('first')}` : ok('second')
    const response = await result(world, fetch('http://server.test/a'))
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('first')
    const other = fetch('http://server.test/b')
    expect(await outcomeOf(world, other)).toBe('pending')
    world.server.last.send(`${chunk('last')}0\r\n\r\n`)
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('last')
    expect((await reader.read()).done).toBe(true)
    expect(await (await result(world, other)).text()).toBe('second')
    expect(world.server.dials.length).toBe(1)
  })

  test('a short one in chunks that is received with its head holds nothing', async () => {
    const { fetch, world } = open()
    world.server.respond = () => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk('all')}0\r\n\r\n`
    const first = await result(world, fetch('http://server.test/a'))
    const second = await result(world, fetch('http://server.test/a'))
    expect([await second.text(), await first.text(), world.server.dials.length]).toEqual(['all', 'all', 1])
  })

  test('one that is cancelled, cut, or aborted', async () => {
    for (const way of ['cancel', 'cut', 'abort'] as const) {
      const { fetch, world } = open()
      world.server.respond = () => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk('first')}`
      const controller = new AbortController()
      const response = await result(world, fetch('http://server.test/a', { signal: controller.signal }))
      const reader = (response.body as ReadableStream<Uint8Array>).getReader()
      await reader.read()
      const reason = new Error('away')
      if (way === 'cancel') await reader.cancel()
      else {
        const reading = reader.read()
        if (way === 'abort') controller.abort(reason)
        else world.server.last.end.reset()
        const error = await result(world, reading)
        if (way === 'abort') expect(error).toBe(reason)
        else expect(error).toMatchObject({ name: 'TypeError', cause: { requestSent: 'fully' } })
      }
      world.server.respond = () => ok('again')
      expect(await (await result(world, fetch('http://server.test/b'))).text()).toBe('again')
    }
  })

  test.each([65_536, 65_537])('of %i bytes', async (length) => {
    const { fetch, world } = open()
    world.server.respond = () => ok('x'.repeat(length))
    const response = await result(world, fetch('http://server.test/a'))
    // A short one is there when the promise resolves, and the connection is free.
    expect(await outcomeOf(world, fetch('http://server.test/b'))).toEqual(length === 65_536 ? expect.any(Response) : 'pending')
    expect(((await result(world, response.text())) as unknown as string).length).toBe(length)
  })
})

describe('origins', () => {
  const text = async (world: RestWorld, fetching: Promise<Response>): Promise<string> => (await result(world, fetching)).text()

  test('share their connections, and lose them when they have been idle', async () => {
    const { fetch, world } = open({ originTimeout: 500 })
    world.server.respond = (request) => ok(hostOf(request))
    for (const host of ['a.test', 'b.test', 'a.test']) expect(await text(world, fetch(`http://${host}/`))).toBe(host)
    expect(world.server.dials.length).toBe(2)
    await world.clock.advance(400)
    expect(await text(world, fetch('http://a.test/'))).toBe('a.test')
    await world.clock.advance(400)
    expect(world.server.peers.map(({ ended }) => ended)).toEqual([false, true])
    await world.clock.advance(200)
    expect(world.server.peers.map(({ ended }) => ended)).toEqual([true, true])
  })

  test('the one that was idle for longest gives way; when none is idle, the next is refused', async () => {
    const { fetch, world } = open({ maxOrigins: 2, originTimeout: 0 })
    world.server.respond = (request) => (request.path === '/never' ? null : ok(hostOf(request)))
    for (const host of ['a.test', 'b.test', 'a.test', 'c.test']) expect(await text(world, fetch(`http://${host}/`))).toBe(host)
    expect(world.server.peers.map(({ ended }) => ended)).toEqual([false, true, false])
    const waiting = ['a.test', 'c.test'].map((host) => fetch(`http://${host}/never`))
    for (const each of waiting) each.catch(() => {})
    await world.settle()
    expect(await result(world, fetch('http://d.test/'))).toMatchObject({
      name: 'TypeError',
      cause: { code: 'PoolQueueFull', requestSent: 'nothing' },
    })
  })

  test('one that cannot be reached is an error, and tried anew', async () => {
    const { fetch, world } = open()
    world.server.onDial = () => new Error('refused')
    expect(await result(world, fetch('http://a.test/'))).toBeInstanceOf(Error)
    world.server.onDial = () => 0
    expect((await result(world, fetch('http://a.test/'))).status).toBe(200)
  })

  test('closing waits for what is under way, or cuts it', async () => {
    const { fetch, world } = open()
    world.server.respond = () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n'
    const response = await result(world, fetch('http://a.test/'))
    const closing = fetch.close()
    expect(await outcomeOf(world, closing)).toBe('pending')
    const cutting = open()
    cutting.world.server.respond = world.server.respond
    const cut = await result(cutting.world, cutting.fetch('http://a.test/'))
    expect(await result(cutting.world, cutting.fetch.close({ timeout: 5 }))).toBe(undefined)
    expect(await result(cutting.world, cut.text())).toBeInstanceOf(TypeError)
    world.server.last.send('0\r\n\r\n')
    expect(await result(world, response.text())).toBe('a')
    expect(await result(world, closing)).toBe(undefined)
    expect(await outcomeOf(world, fetch.close({ timeout: -1 }))).toMatchObject({ code: 'InvalidOption' })
  })

  test('closing ends them', async () => {
    const { fetch, world } = open()
    await result(world, fetch('http://a.test/'))
    const { pending } = world.clock
    await result(world, fetch.close())
    expect(await result(world, fetch('http://a.test/'))).toMatchObject({ name: 'TypeError', cause: { code: 'PoolClosed' } })
    expect([world.server.peers[0]?.ended, world.clock.pending < pending]).toEqual([true, true])
  })
})

test('a signal that is aborted before, and one while it connects', async () => {
  const { fetch, world } = open()
  const reason = new Error('away')
  expect(await result(world, fetch('http://a.test/', { signal: AbortSignal.abort(reason) }))).toBe(reason)
  const controller = new AbortController()
  const fetching = fetch('http://a.test/', { signal: controller.signal })
  controller.abort(reason)
  expect(await result(world, fetching)).toBe(reason)
})

test.each(['nonsense', '/a', 'ftp://a.test/', 'http://u:pl4nted@a.test/'])('%s is no URL to fetch', async (url) => {
  const { fetch, world } = open()
  const error = await result(world, fetch(url))
  expect(error).toMatchObject({ name: 'TypeError', cause: { code: 'InvalidUrl' } })
  tellsNothing(error)
})

test.each([{ maxOrigins: 0 }, { maxOrigins: 10_001 }, { originTimeout: -1 }, { defaultHeaders: {} }, { lazy: true }, 5])(
  '%j are no options',
  (options) => {
    expect(() => createFetchOver(makeRestWorld().Pool)(options as CreateFetchOptions)).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
  },
)
