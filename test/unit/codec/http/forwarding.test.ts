/** Requests as a proxy that forwards them wants them: the exact bytes, and which fields it may be given. */

import { expect, test } from 'vitest'
import { AbsoluteForm } from '../../../../src/codec/http/forwarding.ts'
import type { QueryPhase } from '../../../../src/codec/http/request-phases.ts'
import { RequestWriter, type RequestWriterOptions } from '../../../../src/codec/http/request-writer.ts'
import { threadCodec } from '../../../../src/entry/thread-codec.ts'

const KIB = 1024
const text = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
const CREDENTIALS = ['Proxy-Authorization', 'Basic eA=='] as const

function forwarded(
  build: (writer: RequestWriter) => QueryPhase,
  { host = 'exchange.example', options = {} }: { host?: string; options?: RequestWriterOptions } = {},
): string {
  const writer = new RequestWriter(threadCodec, host, options)
  const request = build(writer).finish()
  const before = text(request.bytes)
  const bytes = text(new AbsoluteForm(threadCodec, host, [CREDENTIALS, ['X-Trace', '7']]).forward(request.bytes, request.method))
  // The request itself is as it was: it can be sent on another connection.
  expect(text(request.bytes)).toBe(before)
  writer.release()
  return bytes
}

const FIELDS = 'Proxy-Authorization: Basic eA==\r\nX-Trace: 7\r\n'
const rest = (host = 'exchange.example'): string => `Host: ${host}\r\n${FIELDS}Connection: keep-alive\r\n`

test.each<[string, string, (writer: RequestWriter) => QueryPhase, Parameters<typeof forwarded>[1]?]>([
  ['a path', `GET http://exchange.example/ HTTP/1.1\r\n${rest()}\r\n`, (writer) => writer.get('/')],
  ['a query', `GET http://exchange.example/a?b=c%20d HTTP/1.1\r\n${rest()}\r\n`, (writer) => writer.get('/a').query('b', 'c d')],
  [
    'a port',
    `DELETE http://exchange.example:8080/a HTTP/1.1\r\n${rest('exchange.example:8080')}\r\n`,
    (writer) => writer.delete('/a'),
    { host: 'exchange.example:8080' },
  ],
  [
    'an address of IPv6',
    `GET http://[2001:db8::1]:81/a HTTP/1.1\r\n${rest('[2001:db8::1]:81')}\r\n`,
    (writer) => writer.get('/a'),
    { host: '[2001:db8::1]:81' },
  ],
  [
    'a base path and default fields',
    `GET http://exchange.example/v3/a HTTP/1.1\r\n${rest()}X-Key: k\r\n\r\n`,
    (writer) => writer.get('/a'),
    { options: { basePath: '/v3', defaultHeaders: { 'X-Key': 'k' } } },
  ],
  [
    'the base path itself',
    `GET http://exchange.example/rpc HTTP/1.1\r\n${rest()}\r\n`,
    (writer) => writer.get(''),
    { options: { basePath: '/rpc' } },
  ],
  ['the server itself', `OPTIONS http://exchange.example HTTP/1.1\r\n${rest()}\r\n`, (writer) => writer.options('*')],
  ['a path that begins with a star', `GET http://exchange.example/* HTTP/1.1\r\n${rest()}\r\n`, (writer) => writer.get('/*')],
  [
    'a body with line ends in it',
    `POST http://exchange.example/a HTTP/1.1\r\n${rest()}X-Own: 1\r\nContent-Length: 9\r\n\r\nGET / \r\n\n`,
    (writer) => writer.post('/a').header('X-Own', 1).body('GET / \r\n\n') as QueryPhase,
  ],
  [
    'the head of a body that follows',
    `PUT http://exchange.example/a HTTP/1.1\r\n${rest()}Transfer-Encoding: chunked\r\n\r\n`,
    (writer) => writer.put('/a').stream((async function* () {})()) as QueryPhase,
  ],
])('%s', (_, expected, build, place) => {
  expect(forwarded(build, place)).toBe(expected)
})

test('a request that fills its buffer still goes: the proxy’s part takes no room in it', () => {
  const writer = new RequestWriter(threadCodec, 'a', { writeBufferCapacity: 1_024 })
  const form = new AbsoluteForm(threadCodec, 'a', [CREDENTIALS])
  for (const size of [1, 800, 1]) {
    const { bytes, method } = writer.post('/').body('x'.repeat(size)).finish()
    const longer = form.forward(bytes, method)
    expect(longer.length).toBe(bytes.length + 'http://a'.length + 'Proxy-Authorization: Basic eA==\r\n'.length)
    expect(text(longer).endsWith(`\r\n\r\n${'x'.repeat(size)}`)).toBe(true)
  }
})

test.each(['Host', 'content-length', 'Transfer-Encoding', 'Connection', 'Keep-Alive', 'Upgrade', 'Expect', 'TE', 'no token', ''])(
  'the field %j is not for the proxy’s headers: it would contradict how the request is framed, or break it',
  (name) => {
    expect(() => new AbsoluteForm(threadCodec, 'a', [[name, '1']])).toThrow(expect.objectContaining({ code: 'HeaderInjection' }))
  },
)

test('nothing is left of a form that could not be made', () => {
  for (let i = 0; i < 1_000; i++) expect(() => new AbsoluteForm(threadCodec, 'a', [['X', 'a\nb']])).toThrow()
})

test.each([
  [KIB * 64 - 1, true],
  [KIB * 64, true],
  [KIB * 64 + 1, false],
])('memory of a request of %i bytes is held for the next one: %s', (size, isHeld) => {
  const writer = new RequestWriter(threadCodec, 'exchange.example', { writeBufferCapacity: KIB * 128 })
  const form = new AbsoluteForm(threadCodec, 'exchange.example', [])
  const forward = (body: number): Uint8Array => {
    const request = writer
      .post('/')
      .bodyFixed(body, () => {})
      .finish()
    return form.forward(request.bytes, request.method)
  }
  const around = forward(10_000).length - 10_000
  const first = forward(size - around)
  expect([first.length, forward(10).buffer === first.buffer]).toEqual([size, isHeld])
  expect(forward(10).buffer).toBe(forward(20).buffer)
  expect(forward(10).buffer.byteLength).toBeLessThanOrEqual(KIB * 64)
  writer.release()
})
