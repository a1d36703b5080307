/** `pool.fetch`: what the Fetch standard says, over the connections of a pool. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ClientPool } from '../../../src/rest/client-pool.ts'
import { targetOf } from '../../../src/rest/fetch.ts'
import type { ClientPoolOptions } from '../../../src/rest/options.ts'
import { tellsNothing } from '../../integration/failing-checks.ts'
import { makeRestWorld, ok, outcomeOf, type RestWorld } from './harness.ts'

async function openPool(options: ClientPoolOptions = {}, url = 'http://server.test/v3'): Promise<{ pool: ClientPool; world: RestWorld }> {
  const world = makeRestWorld()
  return { pool: await world.Pool.connect(url, options), world }
}

/** What a fetch comes to: the response, or the error. */
async function result(world: RestWorld, fetching: Promise<Response>): Promise<Response> {
  await outcomeOf(world, fetching)
  await world.clock.advance(1)
  return (await outcomeOf(world, fetching)) as Response
}

describe('what is sent', () => {
  test('methods are normalized as the standard has it', async () => {
    const { pool, world } = await openPool()
    for (const method of ['get', 'Get', 'post', 'delete', 'put', 'options']) await result(world, pool.fetch('/a', { method }))
    expect(world.server.requests.map(({ method }) => method)).toEqual(['GET', 'GET', 'POST', 'DELETE', 'PUT', 'OPTIONS'])
  })

  test('the values of fields are bytes: é is e9', async () => {
    const { pool, world } = await openPool()
    await result(world, pool.fetch('/a', { headers: { 'X-Name': 'café', 'X-Plain': 'a b' } }))
    expect(world.server.requests[0]?.head).toContain('\r\nx-name: caf\xe9\r\n')
    expect(world.server.requests[0]?.head).toContain('\r\nx-plain: a b')
  })

  test.each([0, 1, 1_000, 32_768, 100_000, 1_000_000])('a body of %i bytes, whatever the write buffer has room for', async (length) => {
    const { pool, world } = await openPool({ writeBufferCapacity: 2_048 })
    const body = 'x'.repeat(length)
    for (const given of [body, new TextEncoder().encode(body), new Blob([body])]) {
      world.server.requests.length = 0
      expect((await result(world, pool.fetch('/a', { method: 'POST', body: given }))).status).toBe(200)
      expect([world.server.requests.length, world.server.requests[0]?.body.length]).toEqual([1, length])
      expect(world.server.requests[0]?.head).toContain(`Content-Length: ${length}`)
    }
  })

  test('a body of a stream', async () => {
    const { pool, world } = await openPool()
    const body = new Blob(['ab', 'cd']).stream()
    await result(world, pool.fetch('/a', { method: 'POST', body, duplex: 'half' } as RequestInit))
    expect(world.server.requests[0]?.body).toBe('abcd')
  })

  test('the base path itself, as a path and as a URL', async () => {
    const { pool, world } = await openPool()
    for (const input of ['', '?a=1', 'http://server.test/v3', 'http://server.test/v3?a=1#x', '/']) await result(world, pool.fetch(input))
    expect(world.server.requests.map(({ path }) => path)).toEqual(['/v3', '/v3?a=1', '/v3', '/v3?a=1', '/v3/'])
  })

  test('members that fetch does not know, and those for browsers, are ignored', async () => {
    const { pool, world } = await openPool()
    const init = { json: { a: 1 }, timeout: 5, credentials: 'include', mode: 'cors', cache: 'no-store', keepalive: true, next: {} }
    expect((await result(world, pool.fetch('/a', init as RequestInit))).status).toBe(200)
    expect((await result(world, pool.fetch('/a', null as never))).status).toBe(200)
  })
})

test('a path goes where the URL parser says, whether it was asked or not', () => {
  const part = fc.constantFrom(
    ...['/', '/', '.', '..', '%2e', '%2E', '%zz', 'a', 'B', '?', '#', "'", '"', ' ', '\\', 'ü', '|', '^', '=', '&', '@', ':', ';', '\t'],
  )
  const paths = fc.tuple(fc.constantFrom('', '/v3', '/v3/a'), fc.array(part, { maxLength: 8 }), fc.boolean())
  fc.assert(
    fc.property(paths, ([basePath, parts, isAbsolute]) => {
      const base = `http://server.test${basePath}`
      const path = `/${parts.join('')}`
      const { href, hash } = new URL(base + path)
      const expected = href.slice(0, href.length - hash.length)
      const find = (): unknown => targetOf({ origin: 'http://server.test', basePath }, isAbsolute ? base + path : path)
      if (/^(?:[/?#]|$)/.test(href.slice(base.length)) && href.startsWith(base)) {
        expect(find()).toEqual({ url: expected, path: expected.slice(base.length) })
      } else expect(find).toThrow(TypeError)
    }),
    { numRuns: 1_000 },
  )
})

describe('what is refused, as a TypeError with a cause, and nothing sent', () => {
  test.each<[string, unknown, unknown, string]>([
    ['a URL that is none', 'nonsense', {}, 'InvalidUrl'],
    ['another server', 'http://other.test/v3/a', {}, 'InvalidUrl'],
    ['a path above', '/../a', {}, 'InvalidUrl'],
    ['a user in the URL', 'http://pl4nted-user:pl4nted-word@server.test/v3/a?pl4nted', {}, 'InvalidUrl'],
    ['a secret in a URL that is none', 'http://pl4nted:pl4nted@[', {}, 'InvalidUrl'],
    ['a field', '/a', { headers: { 'X-Key': 'pl4nted\na: b', 'X-Other': 'a' } }, 'HeaderInjection'],
    ['a field in a list', '/a', { headers: [['X-Key', 'pl4nted\0']] }, 'HeaderInjection'],
    ['the name of a field', '/a', { headers: { 'X-Key: pl4nted': 'x' } }, 'HeaderInjection'],
    ['headers that are none', '/a', { headers: 'pl4nted' }, 'InvalidOption'],
    ['a controller', '/a', { signal: new AbortController() }, 'InvalidOption'],
    ['no init', '/a', 'pl4nted', 'InvalidOption'],
    ['a dispatcher', '/a', { dispatcher: {} }, 'InvalidOption'],
    ['integrity', '/a', { integrity: 'sha256-x' }, 'InvalidOption'],
    ['TLS of its own', '/a', { tls: { rejectUnauthorized: false } }, 'InvalidOption'],
  ])('%s', async (_, input, init, code) => {
    const { pool, world } = await openPool()
    const { pending } = world.clock
    const error = await result(world, pool.fetch(input as string, init as RequestInit))
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ cause: { code } })
    tellsNothing(error)
    expect([world.server.requests, pool.available, world.clock.pending]).toEqual([[], 1, pending])
  })

  test('what the platform refuses', async () => {
    const { pool, world } = await openPool()
    for (const init of [{ method: 'a b' }, { method: 'TRACE' }, { body: 'x' }]) {
      expect(await result(world, pool.fetch('/a', init))).toBeInstanceOf(TypeError)
    }
    expect(world.server.requests).toEqual([])
  })
})

describe('a source that stalls', () => {
  function stalling(): { body: ReadableStream; cancelled: unknown[] } {
    const cancelled: unknown[] = []
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(3)),
      cancel: (reason) => {
        cancelled.push(reason)
      },
    })
    return { body, cancelled }
  }
  const init = (body: ReadableStream, more: RequestInit = {}): RequestInit => ({ method: 'POST', body, duplex: 'half', ...more }) as RequestInit

  test('is given up at the timeout, with nothing sent', async () => {
    const { pool, world } = await openPool({ timeout: 500 })
    const { body, cancelled } = stalling()
    const { pending } = world.clock
    const fetching = pool.fetch('/a', init(body))
    expect(await outcomeOf(world, fetching)).toBe('pending')
    await world.clock.advance(499)
    expect(await outcomeOf(world, fetching)).toBe('pending')
    await world.clock.advance(1)
    const error = await outcomeOf(world, fetching)
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ cause: { code: 'RequestTimeout', requestSent: 'nothing' } })
    expect([cancelled.length, world.server.requests.length, pool.available, world.clock.pending]).toEqual([1, 0, 1, pending])
  })

  test('is given up by the signal', async () => {
    const { pool, world } = await openPool()
    const { body, cancelled } = stalling()
    const { pending } = world.clock
    const controller = new AbortController()
    const fetching = pool.fetch('/a', init(body, { signal: controller.signal }))
    expect(await outcomeOf(world, fetching)).toBe('pending')
    const reason = new Error('away')
    controller.abort(reason)
    expect(await outcomeOf(world, fetching)).toBe(reason)
    await world.settle()
    expect([cancelled, world.server.requests.length, pool.available, world.clock.pending]).toEqual([[reason], 0, 1, pending])
  })

  test('… and one that fails is a TypeError', async () => {
    const { pool, world } = await openPool()
    const cause = new Error('the disk')
    const body = new ReadableStream({ pull: (controller) => controller.error(cause) })
    const error = await result(world, pool.fetch('/a', init(body)))
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ cause: { code: 'RequestBodyFailed', requestSent: 'nothing', cause } })
  })
})

describe('the response', () => {
  test('has the URL, also when it is cloned', async () => {
    const { pool, world } = await openPool()
    const response = await result(world, pool.fetch('http://server.test/v3/a?b=1#c'))
    expect([response.url, response.clone().url, response.clone().clone().url]).toEqual(Array(3).fill('http://server.test/v3/a?b=1'))
    expect(response).toBeInstanceOf(Response)
    expect([await response.clone().text(), await response.text()]).toEqual(['GET /v3/a?b=1', 'GET /v3/a?b=1'])
  })

  test.each([200, 201, 301, 404, 599])('of status %i is one', async (status) => {
    const { pool, world } = await openPool()
    world.server.respond = () => `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`
    expect((await result(world, pool.fetch('/a'))).status).toBe(status)
  })

  test.each([600, 999])('of status %i is an error that has it', async (status) => {
    const { pool, world } = await openPool()
    world.server.respond = () => `HTTP/1.1 ${status} X\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n`
    const error = await result(world, pool.fetch('/a'))
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ cause: { code: 'ResponseInvalid', status } })
    expect(((error as unknown as Error).cause as { headers: unknown }).headers).toContainEqual(['X-A', '1'])
  })

  test.each([301, 302, 303, 307, 308])("that redirects (%i) is an error with redirect: 'error', and else itself", async (status) => {
    const { pool, world } = await openPool()
    world.server.respond = () => `HTTP/1.1 ${status} X\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n`
    expect(await result(world, pool.fetch('/a', { redirect: 'error' }))).toMatchObject({
      name: 'TypeError',
      cause: { code: 'ResponseInvalid', status },
    })
    for (const redirect of ['manual', 'follow'] as const) expect((await result(world, pool.fetch('/a', { redirect }))).status).toBe(status)
  })
})

test('a connection that works is asked again after each', async () => {
  const { pool, world } = await openPool()
  world.server.respond = () => ok('fine')
  for (let i = 0; i < 3; i++) expect(await (await result(world, pool.fetch('/a'))).text()).toBe('fine')
  expect([world.server.dials.length, pool.available]).toEqual([1, 1])
})
