/** Requests of a pool are judged before a slot is leased, and not again when they are written. */

import { expect, test, vi } from 'vitest'
import * as fields from '../../../src/codec/http/fields.ts'
import * as method from '../../../src/codec/http/method.ts'
import * as path from '../../../src/codec/http/path.ts'
import { makeRestWorld } from './harness.ts'

vi.mock('../../../src/codec/http/fields.ts', { spy: true })
vi.mock('../../../src/codec/http/method.ts', { spy: true })
vi.mock('../../../src/codec/http/path.ts', { spy: true })

test('method and path are judged once for each request of a pool, and once for each of a writer', async () => {
  const world = makeRestWorld()
  const pool = await world.Pool.connect('http://server.test/v1')
  const judged = (): number[] => [vi.mocked(method.methodFault).mock.calls.length, vi.mocked(path.climbsOut).mock.calls.length]
  for (const make of [
    async () => void (await Promise.all([pool.request('GET', '/a.b'), world.clock.advance(1)])),
    async () => {
      using slot = pool.tryAcquire()
      slot?.writer.request('GET', '/a.b').finish()
    },
  ]) {
    vi.clearAllMocks()
    await make()
    expect(judged()).toEqual([1, 1])
  }
  vi.clearAllMocks()
  await expect(pool.request('get', '/')).rejects.toMatchObject({ code: 'InvalidOption' })
  await expect(pool.request('GET', '/../v2')).rejects.toMatchObject({ code: 'InvalidUrl' })
  expect([judged(), world.server.requests.length]).toEqual([[2, 1], 1])
})

test('query and headers of a request are read once, by their rules', async () => {
  const world = makeRestWorld()
  const pool = await world.Pool.connect('http://server.test/v1')
  const read = vi.fn(() => 'a')
  const headers = Object.defineProperty({}, 'X-A', { enumerable: true, get: read })
  vi.mocked(fields.pairsOf).mockClear()
  await Promise.all([pool.request('GET', '/', { headers, query: { b: 'c', d: 5 } }), world.clock.advance(1)])
  expect(world.server.requests[0]?.head).toMatch(/^GET \/v1\/\?b=c&d=5 .*\r\nX-A: a/s)
  expect([read.mock.calls.length, vi.mocked(fields.pairsOf).mock.calls.length]).toEqual([1, 0])
})
