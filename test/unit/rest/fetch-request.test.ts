/** What `fetch` is given, read without the platform's `Request` where there is one way to read it: never otherwise than the platform does. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type FetchRequest, readFetch } from '../../../src/rest/fetch-request.ts'

const URL_OF = 'http://server.test/a'

interface Seen {
  readonly method: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: string | null
}

async function seen({ method, fields, body }: FetchRequest): Promise<Seen> {
  const sorted = [...fields].sort(([a], [b]) => (a < b ? -1 : 1))
  return { method, fields: sorted, body: body === null ? null : await new Response(body as BodyInit).text() }
}

async function byPlatform(init: RequestInit): Promise<Seen> {
  // Joined values are normalized again when fields are given as Headers: an empty one after another loses its space.
  const given = init.headers === undefined ? {} : { headers: new Headers(init.headers) }
  const { method, headers, body } = new Request(URL_OF, { ...init, ...given })
  return seen({ method, fields: [...headers], body: body as ReadableStream<Uint8Array> | null })
}

const read = (init: RequestInit): Promise<Seen> => seen(readFetch(URL_OF, init, (url) => ({ url: String(url) })).request)

/** Reads twice, and compares: null when both refuse. */
async function compare(make: () => RequestInit): Promise<Seen | null> {
  const [ours, platforms] = await Promise.allSettled([(async () => read(make()))(), (async () => byPlatform(make()))()])
  expect(ours.status === 'fulfilled' ? ours.value : ours.reason.name).toEqual(
    platforms.status === 'fulfilled' ? platforms.value : platforms.reason.name,
  )
  return ours.status === 'fulfilled' ? ours.value : null
}

const bytes = Uint8Array.of(97, 98, 99, 100)

test.each<[string, () => Record<string, unknown>]>([
  ['nothing', () => ({})],
  ['methods in another case', () => ({ method: 'post', body: 'a' })],
  ['a method of its own', () => ({ method: 'patch' })],
  ['no token', () => ({ method: 'a b' })],
  ['a forbidden method', () => ({ method: 'CONNECT' })],
  ['a body with GET', () => ({ body: 'a' })],
  ['an empty body with GET', () => ({ body: '' })],
  ['no body with GET', () => ({ body: null })],
  ['half a pair in a body', () => ({ method: 'POST', body: 'a\ud800b' })],
  ['a number as a body', () => ({ method: 'POST', body: 5 })],
  ['an empty body', () => ({ method: 'POST', body: '' })],
  ['bytes', () => ({ method: 'PUT', body: bytes.subarray(1, 3) })],
  ['a buffer', () => ({ method: 'PUT', body: bytes.slice().buffer })],
  ['a view', () => ({ method: 'PUT', body: new DataView(bytes.buffer, 2) })],
  ['shared memory', () => ({ method: 'PUT', body: new Uint8Array(new SharedArrayBuffer(4)) })],
  ['parameters', () => ({ method: 'POST', body: new URLSearchParams({ a: 'ü' }) })],
  ['a blob', () => ({ method: 'POST', body: new Blob(['a'], { type: 'x/y' }) })],
  ['a stream', () => ({ method: 'POST', body: new Blob(['ab']).stream(), duplex: 'half' })],
  ['a stream without duplex', () => ({ method: 'POST', body: new Blob(['ab']).stream() })],
  ['a type of its own', () => ({ method: 'POST', body: 'a', headers: { 'CONTENT-TYPE': 'x/y' } })],
  ['Headers', () => ({ headers: new Headers([['b', '1'], ['a', '2'], ['B', '3']]) })], // biome-ignore format: one case a line
  ['a Map', () => ({ headers: new Map([['A', 'b']]) })],
  ['pairs, twice the same', () => ({ headers: [['A', '1'], ['a', '2']] })], // biome-ignore format: one case a line
  ['a pair of three', () => ({ headers: [['A', '1', '2']] })],
  ['numbers', () => ({ headers: { a: 5, b: null } })],
  ['white space around', () => ({ headers: { a: ' \t b ', c: '' } })],
  ['a line end at the end', () => ({ headers: { a: 'b\r\n' } })],
  ['a line end', () => ({ headers: { a: 'b\r\nc: d' } })],
  ['bytes over 7f', () => ({ headers: { a: 'caf\xe9' } })],
  ['what is no byte', () => ({ headers: { a: '\u20ac' } })],
  ['no name', () => ({ headers: { '': 'a' } })],
  ['null as headers', () => ({ headers: null })],
])('%s', async (_, make) => {
  await compare(make as () => RequestInit)
})

test('any method, fields and body', async () => {
  const name = fc.oneof(fc.constantFrom('A', 'a', 'X-B', 'content-type', 'Content-Type'), fc.string({ maxLength: 4 }))
  const value = fc.oneof(fc.constantFrom('1', ' b', 'c\t', 'a b'), fc.string({ unit: 'binary', maxLength: 5 }), fc.string({ maxLength: 5 }))
  const pairs = fc.array(fc.tuple(name, value), { maxLength: 4 })
  const init = fc.record(
    {
      method: fc.constantFrom('GET', 'get', 'HEAD', 'POST', 'pUt', 'PATCH', 'patch', 'DELETE', 'OPTIONS', 'TRACK', 'MINE', '', 'A B'),
      headers: fc.oneof(pairs, pairs.map(Object.fromEntries)),
      body: fc.oneof(fc.string({ unit: 'binary', maxLength: 5 }), fc.uint8Array({ maxLength: 5 }), fc.constant(null)),
    },
    { requiredKeys: [] },
  )
  let accepted = 0
  await fc.assert(
    fc.asyncProperty(init, async (given) => {
      if ((await compare(() => given as RequestInit)) !== null) accepted++
    }),
    { numRuns: 300 },
  )
  expect(accepted).toBeGreaterThan(30)
})

test('bytes that the caller changes afterwards are sent as they were', async () => {
  const body = Uint8Array.of(97)
  const { request } = readFetch(URL_OF, { method: 'POST', body }, (url) => ({ url: String(url) }))
  body[0] = 98
  expect((await seen(request)).body).toBe('a')
})
