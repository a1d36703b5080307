import { describe, expect, test } from 'vitest'
import { CODEC_TEXT } from '../../../../src/codec/binary.ts'
import { RequestWriter as BaseRequestWriter } from '../../../../src/codec/http/request-writer.ts'
import { Codec } from '../../../../src/codec/memory.ts'
import { webTextDecoding } from '../../../../src/codec/text.ts'
import { type HeadersPhase, type QueryPhase, type ReadyPhase, type Request, RequestWriter } from '../../../../src/entry/codec.ts'
import { latin1Bytes, latin1Text } from '../../../reference/linear.ts'

const code = (expected: string): unknown => expect.objectContaining({ code: expected })
const wire = (request: Request): string => latin1Text(request.bytes)
const HOST = 'Host: api.example\r\nConnection: keep-alive\r\n'
const plain = (): RequestWriter => new RequestWriter('api.example')
async function* nothing(): AsyncGenerator<Uint8Array> {}

describe('on the wire', () => {
  test('a request line, Host, Connection, and a blank line', () => {
    expect(wire(plain().get('/orders').finish())).toBe(`GET /orders HTTP/1.1\r\n${HOST}\r\n`)
  })
  test.each<[string, (writer: RequestWriter) => QueryPhase, string]>([
    ['GET', (w) => w.get('/a'), ''],
    ['HEAD', (w) => w.head('/a'), ''],
    ['DELETE', (w) => w.delete('/a'), ''],
    ['OPTIONS', (w) => w.options('/a'), ''],
    ['POST', (w) => w.post('/a'), 'Content-Length: 0\r\n'],
    ['PUT', (w) => w.put('/a'), 'Content-Length: 0\r\n'],
    ['PATCH', (w) => w.patch('/a'), 'Content-Length: 0\r\n'],
    ['purge', (w) => w.request('purge', '/a'), ''],
    ['X-Own!', (w) => w.request('X-Own!', '/a'), ''],
  ])('%s without a body', (method, begin, length) => {
    const request = begin(plain()).finish()
    expect(wire(request)).toBe(`${method} /a HTTP/1.1\r\n${HOST}${length}\r\n`)
    expect([request.method, request.target, request.body.length, request.length]).toEqual([method, '/a', 0, request.bytes.length])
  })
  test('default fields in front of the request’s own, in order and in their case', () => {
    const writer = new RequestWriter('api.example', { defaultHeaders: { 'X-API-KEY': 'k', accept: '*/*' } })
    writer.defaultHeader('Z', '1').defaultHeader('a', '2')
    expect(wire(writer.post('/').header('X-b', '3').header('x-B', '4').body('hi').finish())).toBe(
      `POST / HTTP/1.1\r\n${HOST}X-API-KEY: k\r\naccept: */*\r\nZ: 1\r\na: 2\r\nX-b: 3\r\nx-B: 4\r\nContent-Length: 2\r\n\r\nhi`,
    )
  })
  test('a Host of the caller’s instead of the writer’s', () => {
    const writer = new RequestWriter('10.0.0.1:8080', { defaultHeaders: [['hOST', 'api.example']] })
    expect(wire(writer.get('/').finish())).toBe(`GET / HTTP/1.1\r\n${HOST}\r\n`)
    writer.defaultHeader('Host', 'other')
    expect(wire(writer.get('/').finish())).toContain('Host: other\r\nConnection: keep-alive\r\n\r\n')
  })
  test('values that are not ASCII as UTF-8', () => {
    expect(wire(plain().get('/').header('A', 'é€').finish())).toContain('A: \xc3\xa9\xe2\x82\xac\r\n')
    expect(
      wire(
        plain()
          .get('/')
          .header('A', `${'x'.repeat(200)}é`)
          .finish(),
      ),
    ).toContain('xxx\xc3\xa9\r\n')
  })
  test.each(['', 'a', 'x'.repeat(9), 'x'.repeat(10), 'x'.repeat(99), 'x'.repeat(100), 'é'.repeat(5), 'é'.repeat(60), '€'.repeat(40), '😀', '\ud800'])(
    'a body that is the string %j',
    (text) => {
      const bytes = new TextEncoder().encode(text)
      const expected = `POST / HTTP/1.1\r\n${HOST}Content-Length: ${bytes.length}\r\n\r\n${latin1Text(bytes)}`
      const writer = plain()
      expect(wire(writer.post('/').body(text).finish())).toBe(expected)
      expect(wire(writer.post('/').body(bytes).finish())).toBe(expected)
      const filled = writer.post('/').bodyWriter((writable) => {
        writable.set(bytes)
        return bytes.length
      })
      expect(wire(filled.finish())).toBe(expected)
      const fixed = writer.post('/').bodyFixed(bytes.length, (writable) => writable.set(bytes))
      expect(wire(fixed.finish())).toBe(expected)
      expect(latin1Text(writer.post('/').body(text).finish().body)).toBe(latin1Text(bytes))
    },
  )
  test('an empty body says so, with any method', () => {
    expect(wire(plain().get('/').body('').finish())).toBe(`GET / HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`)
  })
  test('bodyFixed gives zeroed memory of exactly that length', () => {
    const writer = plain()
    writer.post('/').body('x'.repeat(500)).finish()
    let given = -1
    const request = writer.post('/').bodyFixed(5, (writable) => {
      given = writable.length
      writable[1] = 0x61
    })
    expect(given).toBe(5)
    expect([...request.finish().body]).toEqual([0, 0x61, 0, 0, 0])
  })
  test('a large request', () => {
    const writer = new RequestWriter('api.example', { writeBufferCapacity: 16 * 1024 * 1024 })
    const request = writer.put('/').body(new Uint8Array(16_000_000).fill(0x61)).finish()
    expect(latin1Text(request.bytes.subarray(0, 120))).toContain('Content-Length: 16000000\r\n\r\naaa')
    writer.release()
  })
})

describe('a path', () => {
  test('stands behind the base path, whose trailing slashes are dropped', () => {
    const writer = new RequestWriter('api.example', { basePath: '/v3//' })
    expect(writer.get('/orders').finish().target).toBe('/v3/orders')
    writer.setBasePath('/v4/x')
    expect(writer.get('/').finish().target).toBe('/v4/x/')
    writer.setBasePath('/')
    expect(writer.get('/a').finish().target).toBe('/a')
    writer.setBasePath('')
    expect(writer.get('/a').finish().target).toBe('/a')
  })
  test('may be empty, or a query alone, for the base path itself', () => {
    const writer = new RequestWriter('api.example', { basePath: '/rpc/' })
    expect(['', '?a=1', '/', '/a'].map((path) => writer.post(path).finish().target)).toEqual(['/rpc', '/rpc?a=1', '/rpc/', '/rpc/a'])
    expect(writer.get('').query('a', 1).finish().target).toBe('/rpc?a=1')
    expect(writer.get('?a=1').query('b', 2).finish().target).toBe('/rpc?a=1&b=2')
    for (const path of ['', '?a=1']) expect(() => plain().get(path).finish()).toThrow(code('InvalidUrl'))
  })
  test.each(['/../a', '/%2e%2e/a', '/a/../../b'])('that climbs out, %s, is refused', (path) => {
    expect(() => new RequestWriter('api.example', { basePath: '/v3' }).get(path).finish()).toThrow(code('InvalidUrl'))
    expect(() => plain().setBasePath(path)).toThrow(code('InvalidOption'))
  })
  test('a base path of slashes and one letter is read once, not once for each slash', () => {
    const slashes = '/'.repeat(400_000)
    // Read again from each slash, these would take minutes.
    expect(
      new RequestWriter('api.example', { basePath: `${slashes}a${slashes}`, writeBufferCapacity: 2 ** 20 }).get('/x').finish().target.length,
    ).toBe(400_003)
    expect(plain().setBasePath(slashes).get('/x').finish().target).toBe('/x')
  })
  test.each(['v3', '/a b', '/a?b', '/a#b', '/é', '/a\r\n', '//a\0'])('base path %j is refused', (basePath) => {
    expect(() => new RequestWriter('api.example', { basePath })).toThrow(code('InvalidOption'))
    expect(() => plain().setBasePath(basePath)).toThrow(code('InvalidOption'))
  })
  test('may be "*" for OPTIONS, without the base path', () => {
    const writer = new RequestWriter('api.example', { basePath: '/v3' })
    expect(writer.options('*').finish().target).toBe('*')
    expect(() => writer.get('*').finish()).toThrow(code('InvalidUrl'))
  })
  test.each(['', 'orders', 'http://a/b', '?a=b'])('%j is refused: it begins with no slash', (path) => {
    expect(() => plain().get(path).finish()).toThrow(code('InvalidUrl'))
  })
  test.each(['/a b', '/a\tb', '/a\r\nX: y', '/a\nb', '/a\0', '/a\x7f', '/é', '/€', '/a#b', `/${'x'.repeat(300)} y`])('%j is refused', (path) => {
    expect(() => plain().get(path).finish()).toThrow(code('HeaderInjection'))
    expect(() => plain().get(path).query('a', 'b').header('A', 'b').body('x').finish()).toThrow(code('HeaderInjection'))
  })
})

describe('a query', () => {
  const target = (build: (phase: QueryPhase) => QueryPhase, path = '/a'): string => build(plain().get(path)).finish().target
  test('is encoded as RFC 3986 has it: all but the unreserved, upper case, a space as %20', () => {
    expect(target((q) => q.query('a b', 'c+d&e=f/g?h'))).toBe('/a?a%20b=c%2Bd%26e%3Df%2Fg%3Fh')
    expect(target((q) => q.query('A-Z.a_z~0', "!'()*"))).toBe('/a?A-Z.a_z~0=%21%27%28%29%2A')
    expect(target((q) => q.query('', ''))).toBe('/a?=')
    expect(target((q) => q.query('\r\n\0', '\x7f%'))).toBe('/a?%0D%0A%00=%7F%25')
  })
  test('is UTF-8 of one to four bytes; half a pair is U+FFFD', () => {
    expect(target((q) => q.query('q', 'é€😀\u07ff\u0800\uffff'))).toBe('/a?q=%C3%A9%E2%82%AC%F0%9F%98%80%DF%BF%E0%A0%80%EF%BF%BF')
    expect(target((q) => q.query('q', '\ud83d'))).toBe('/a?q=%EF%BF%BD')
    expect(target((q) => q.query('q', '\ude00x\ud83dx'))).toBe('/a?q=%EF%BF%BDx%EF%BF%BDx')
  })
  test('agrees with encodeURIComponent but for its five exceptions', { timeout: 120_000 }, () => {
    for (let point = 0; point < 0x11000; point += 7) {
      if (point >= 0xd800 && point < 0xe000) continue
      const character = String.fromCodePoint(point)
      const expected = encodeURIComponent(character).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
      expect(target((q) => q.query('q', character))).toBe(`/a?q=${expected}`)
    }
  })
  test('takes numbers and booleans', () => {
    expect(target((q) => q.query('a', 1.5).query('b', -0).query('c', true).query('d', 1e21))).toBe('/a?a=1.5&b=0&c=true&d=1e%2B21')
  })
  test('begins with "?", or "&" when the path has one', () => {
    expect(target((q) => q.query('b', 1).query('c', 2))).toBe('/a?b=1&c=2')
    expect(target((q) => q.query('b', 1), '/a?x')).toBe('/a?x&b=1')
    expect(target((q) => q.queryRaw('b=1&c=%20').query('d', 2))).toBe('/a?b=1&c=%20&d=2')
    expect(target((q) => q.queryRaw('b'), '/a?x=y')).toBe('/a?x=y&b')
  })
  test.each(['a b', 'a\r\nb', 'a\nHost: x', 'é', 'a\0', '#a'])('raw, %j is refused', (query) => {
    expect(() => plain().get('/').queryRaw(query).finish()).toThrow(code('HeaderInjection'))
  })
})

describe('what is refused', () => {
  test.each(['', 'A B', 'A:', 'A\r', 'A\n', 'Aé', 'A\0', '(', 'A\t'])('a field name %j', (name) => {
    expect(() => plain().get('/').header(name, 'v').finish()).toThrow(code('HeaderInjection'))
    expect(() => plain().defaultHeader(name, 'v')).toThrow(code('HeaderInjection'))
    expect(() => new RequestWriter('a', { defaultHeaders: [[name, 'v']] })).toThrow(code('InvalidOption'))
  })
  test.each(['a\r\nb', 'a\rb', 'a\nb', '\0', '\x1f', '\x7f', `${'x'.repeat(300)}\n`])('a field value %j', (value) => {
    expect(() => plain().get('/').header('A', value).finish()).toThrow(code('HeaderInjection'))
    expect(() => plain().defaultHeader('A', value)).toThrow(code('HeaderInjection'))
    expect(() => plain().defaultHeader('Host', value)).toThrow(code('HeaderInjection'))
    expect(() => new RequestWriter('a', { defaultHeaders: { A: value } })).toThrow(code('InvalidOption'))
  })
  test.each(['Content-Length', 'transfer-encoding', 'CONNECTION', 'Upgrade', 'Expect', 'TE', 'keep-alive'])(
    'the field %s, which the writer sets itself',
    (name) => {
      expect(() => plain().post('/').header(name, '1').finish()).toThrow(
        expect.objectContaining({ code: 'HeaderInjection', message: expect.stringContaining(name) }),
      )
      expect(() => plain().defaultHeader(name, '1')).toThrow(/set by the writer itself/)
      expect(() => new RequestWriter('a', { defaultHeaders: { [name]: '1' } })).toThrow(code('InvalidOption'))
    },
  )
  test('a second Host', () => {
    expect(() => plain().get('/').header('Host', 'b').finish()).toThrow(/set by the writer itself/)
  })
  test.each(['', 'GE T', 'GET\r\n', 'GÉT', 'G(T'])('the method %j', (method) => {
    expect(() => plain().request(method, '/').finish()).toThrow(code('HeaderInjection'))
  })
  test.each(['', 'a b', 'a\r\nb', 'a/b', 'a@b', 'é', 'a?b', 'a#b', '"'])('the host %j', (host) => {
    expect(() => new RequestWriter(host)).toThrow(code('InvalidOption'))
  })
  test.each(['a', 'a.example:8080', '[::1]', '[::1]:443', '127.0.0.1', 'xn--caf-dma.example', 'a_b'])('but not the host %j', (host) => {
    expect(wire(new RequestWriter(host).get('/').finish())).toContain(`\r\nHost: ${host}\r\n`)
  })
  test('a secret does not get into the message', () => {
    expect(() => plain().get('/').header('Authorization', 'secret\n').finish()).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('secret') }),
    )
  })
  test('anything but a string or bytes as a body', () => {
    for (const content of [{}, null, [1], { length: 1 }, 1, new Blob(['a'])]) {
      expect(() =>
        plain()
          .post('/')
          .body(content as unknown as string)
          .finish(),
      ).toThrow(code('InvalidOption'))
    }
  })
  test.each([-1, 0.5, Number.NaN, 1e9, undefined])('a bodyWriter that says it used %s bytes', (used) => {
    expect(() =>
      plain()
        .post('/')
        .bodyWriter(() => used as number)
        .finish(),
    ).toThrow(code('InvalidOption'))
  })
  test.each([-1, 0.5, Number.NaN, 2 ** 31])('a body of %s bytes', (length) => {
    expect(() =>
      plain()
        .post('/')
        .bodyFixed(length, () => {}),
    ).toThrow(code('InvalidOption'))
  })
})

describe('errors wait for finish', () => {
  test('the first one wins', () => {
    const phase = plain().get('/a b').header('B\n', 'c')
    expect(() => phase.finish()).toThrow(/request line/)
  })
  test('and nothing of the request can be sent; the next one is as good as ever', () => {
    const writer = plain()
    const phase = writer.post('/').header('A', '\r\n').body('x')
    expect(() => phase.finish()).toThrow(code('HeaderInjection'))
    expect(() => phase.finish()).toThrow(code('RequestOutOfOrder'))
    expect(wire(writer.get('/').finish())).toBe(`GET / HTTP/1.1\r\n${HOST}\r\n`)
  })
  test('a refused default field leaves those before it as they were', () => {
    const writer = plain().defaultHeader('A', '1')
    expect(() => writer.defaultHeader('B', '\n')).toThrow()
    expect(() => writer.defaultHeader('Host', '\n')).toThrow()
    writer.defaultHeader('C', '3')
    expect(wire(writer.get('/').finish())).toBe(`GET / HTTP/1.1\r\n${HOST}A: 1\r\nC: 3\r\n\r\n`)
  })
  test('what fill throws comes through at once, and the request goes on without that body', () => {
    const phase = plain().post('/').header('A', 'b')
    expect(() =>
      phase.bodyWriter(() => {
        throw new TypeError('mine')
      }),
    ).toThrow(new TypeError('mine'))
    expect(() =>
      phase.bodyFixed(3, () => {
        throw new TypeError('mine')
      }),
    ).toThrow(new TypeError('mine'))
    expect(wire(phase.body('ok').finish())).toBe(`POST / HTTP/1.1\r\n${HOST}A: b\r\nContent-Length: 2\r\n\r\nok`)
  })
})

describe('the write buffer', () => {
  const head = `POST / HTTP/1.1\r\n${HOST}Content-Length: 930\r\n\r\n`
  const capacity = 1_024
  const most = capacity - head.length
  const sized = (length: number): ((writer: RequestWriter) => ReadyPhase)[] => [
    (w) => w.post('/').body('x'.repeat(length)),
    (w) => w.post('/').body(new Uint8Array(length)),
    (w) => w.post('/').bodyFixed(length, () => {}),
    (w) => w.post('/').bodyWriter((writable) => Math.min(length, writable.length)),
  ]
  test('is filled to the last byte', () => {
    expect(most).toBeGreaterThan(900)
    for (const build of sized(most)) {
      const writer = new RequestWriter('api.example', { writeBufferCapacity: capacity })
      const request = build(writer).finish()
      expect([request.length, request.body.length]).toEqual([capacity, most])
    }
  })
  test('and not beyond', () => {
    for (const build of sized(most + 1).slice(0, 3)) {
      const writer = new RequestWriter('api.example', { writeBufferCapacity: capacity })
      expect(() => build(writer).finish()).toThrow(expect.objectContaining({ code: 'RequestTooLarge', size: capacity + 1, max: capacity }))
    }
  })
  test('takes a string whose UTF-8 just fits, and no more', () => {
    const writer = new RequestWriter('api.example', { writeBufferCapacity: capacity })
    const text = 'é'.repeat(Math.floor(most / 2))
    expect(writer.post('/').body(text).finish().body.length).toBe(text.length * 2)
    expect(() => writer.post('/').body(`${text}éé`).finish()).toThrow(code('RequestTooLarge'))
    expect(() => writer.post('/').body('€'.repeat(500)).finish()).toThrow(code('RequestTooLarge'))
  })
  test.each<[string, (writer: RequestWriter) => ReadyPhase]>([
    ['a path', (w) => w.get(`/${'x'.repeat(2_000)}`)],
    ['a method', (w) => w.request('M'.repeat(2_000), '/')],
    ['a query', (w) => w.get('/').query('q', 'x'.repeat(2_000))],
    ['a query that grows', (w) => w.get('/').query('q', ' '.repeat(340))],
    ['a query in UTF-8', (w) => w.get('/').query('q', '€'.repeat(110))],
    ['many queries', (w) => Array.from({ length: 300 }).reduce<QueryPhase>((q) => q.query('a', 'b'), w.get('/'))],
    ['a raw query', (w) => w.get('/').queryRaw('x'.repeat(2_000))],
    ['a field', (w) => w.get('/').header('A', 'x'.repeat(2_000))],
    ['a name', (w) => w.get('/').header('A'.repeat(2_000), 'x')],
    ['a field in UTF-8', (w) => w.get('/').header('A', '€'.repeat(400))],
    ['many fields', (w) => Array.from({ length: 300 }).reduce<HeadersPhase>((h) => h.header('A', 'b'), w.get('/'))],
    ['a head that leaves no room for chunks', (w) => w.post('/').header('A', 'x'.repeat(600)).stream(nothing())],
  ])('is too small for %s', (_, build) => {
    const writer = new RequestWriter('api.example', { writeBufferCapacity: capacity })
    expect(() => build(writer).finish()).toThrow(expect.objectContaining({ code: 'RequestTooLarge', max: capacity }))
    expect(wire(writer.get('/').finish())).toBe(`GET / HTTP/1.1\r\n${HOST}\r\n`)
  })
  test('is not written beyond at any length of any part', { timeout: 120_000 }, () => {
    const codec = new Codec(() => CODEC_TEXT, webTextDecoding())
    const bytes = BaseRequestWriter.regionBytes({ writeBufferCapacity: capacity })
    const region = codec.region(bytes + 4_096)
    const { u8 } = region.memory
    u8.fill(0xa5, region.start, region.start + region.bytes)
    const writer = new BaseRequestWriter(codec, 'a', { writeBufferCapacity: capacity, defaultHeaders: { A: 'x'.repeat(100) } }, region)
    const attempts: ((n: number) => ReadyPhase)[] = [
      (n) => writer.get(`/${'x'.repeat(n)}`),
      (n) => writer.post(`/${'x'.repeat(n)}`).header('A', ''),
      (n) => writer.post('/').query('q', '\n'.repeat(n / 3)),
      (n) => writer.post('/').header('A', 'x'.repeat(n)),
      (n) => writer.post('/').header('A', 'x'.repeat(n)).header('B', 'c').body('d'),
      (n) =>
        writer
          .post('/')
          .header('A', 'x'.repeat(n))
          .bodyWriter((writable) => writable.fill(0x62).length),
      (n) => writer.post('/').body('é'.repeat(n / 2)),
      (n) => writer.post('/').body('x'.repeat(n)),
    ]
    for (const attempt of attempts) {
      for (let n = 0; n < 1_100; n++) {
        try {
          attempt(n).finish()
        } catch (error) {
          expect(error).toMatchObject({ code: 'RequestTooLarge' })
        }
      }
    }
    expect(u8.subarray(region.start + bytes, region.start + region.bytes).every((byte) => byte === 0xa5)).toBe(true)
  })
  test.each([1_023, 16 * 1024 * 1024 + 1, 1_024.5])('cannot have %s bytes', (writeBufferCapacity) => {
    expect(() => new RequestWriter('a', { writeBufferCapacity })).toThrow(code('InvalidOption'))
  })
  test('of the default fields is 16 KiB', () => {
    const writer = plain().defaultHeader('A', 'x'.repeat(16_000))
    expect(() => writer.defaultHeader('B', 'x'.repeat(1_000))).toThrow(code('OutgoingHeadTooLarge'))
    expect(wire(writer.get('/').finish())).toContain('A: xxx')
  })
})

describe('order', () => {
  test('is held at run time too', () => {
    const out = code('RequestOutOfOrder')
    const any = (phase: ReadyPhase): QueryPhase => phase as QueryPhase
    const inHeaders = any(plain().get('/').header('A', 'b'))
    expect(() => inHeaders.query('a', 'b')).toThrow(out)
    expect(() => inHeaders.queryRaw('a')).toThrow(out)
    const ready = any(plain().post('/').body('x'))
    for (const step of [
      () => ready.query('a', 'b'),
      () => ready.queryRaw('a'),
      () => ready.header('A', 'b'),
      () => ready.body('y'),
      () => ready.bodyWriter(() => 0),
      () => ready.bodyFixed(0, () => {}),
      () => ready.stream(nothing()),
    ]) {
      expect(step).toThrow(out)
    }
    expect(wire(ready.finish())).toMatch(/\r\n\r\nx$/)
    expect(() => ready.finish()).toThrow(out)
  })
  test('a builder that was superseded does nothing more', () => {
    const writer = plain()
    const old = writer.get('/old')
    const fresh = writer.get('/new')
    for (const step of [() => old.query('a', 'b'), () => old.header('A', 'b'), () => old.body('x'), () => old.finish()]) {
      expect(step).toThrow(expect.objectContaining({ code: 'RequestOutOfOrder', message: expect.stringContaining('superseded') }))
    }
    expect(fresh.finish().target).toBe('/new')
  })
  test.each(['finished', 'begun only'])('… ever, however many requests were %s since', (how) => {
    const writer = plain()
    const old = writer.get('/old')
    for (let i = 1; i <= 20; i++) {
      const fresh = writer.post(`/new/${i}`)
      for (const step of [() => old.query('a', 'b'), () => old.header('A', 'b'), () => old.body('x'), () => old.finish()]) {
        expect(step, `after ${i}`).toThrow(expect.objectContaining({ code: 'RequestOutOfOrder', message: expect.stringContaining('superseded') }))
      }
      if (how === 'finished') expect(wire(fresh.finish())).toBe(`POST /new/${i} HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`)
    }
  })
  test('fill must not use the writer that it fills', () => {
    const writer = plain()
    expect(() =>
      writer.post('/').bodyWriter(() => {
        writer.get('/')
        return 0
      }),
    ).toThrow(code('InvalidOption'))
    const phase = writer.post('/')
    expect(() =>
      phase.bodyWriter(() => {
        phase.header('A', 'b')
        return 0
      }),
    ).toThrow(code('InvalidOption'))
  })
  test('a request is stale when the writer has begun another', () => {
    const writer = plain()
    const request = writer.get('/').finish()
    const view = request.bytes
    expect(request.bytes).toBe(view)
    writer.get('/')
    for (const ask of [() => request.bytes, () => request.body, () => request.length, () => request.target]) expect(ask).toThrow(code('StaleRequest'))
    expect(request.method).toBe('GET')
  })
  test('one view serves all requests of the same length', () => {
    const writer = plain()
    const view = writer.get('/a').finish().bytes
    expect(writer.get('/b').finish().bytes).toBe(view)
    expect(writer.get('/bc').finish().bytes).not.toBe(view)
  })
  test('no request is begun over one that is being sent', () => {
    const writer = plain()
    const request = writer.get('/').finish()
    writer.inUse = true
    expect(() => writer.get('/b')).toThrow(code('RequestOutOfOrder'))
    expect(request.target).toBe('/')
    writer.inUse = false
    expect(writer.get('/b').finish().target).toBe('/b')
  })
  test('a released writer does nothing more', () => {
    const writer = plain()
    const request = writer.get('/').finish()
    const phase = writer.get('/')
    writer.release()
    writer.release()
    expect(() => request.bytes).toThrow(code('StaleRequest'))
    expect(() => phase.finish()).toThrow(code('RequestOutOfOrder'))
    expect(() => writer.get('/')).toThrow(code('Released'))
  })
})

describe('a streamed body', () => {
  test('goes out in chunks', () => {
    const writer = plain()
    const source = nothing()
    const request = writer.post('/').header('A', 'b').stream(source).finish()
    expect(wire(request)).toBe(`POST / HTTP/1.1\r\n${HOST}A: b\r\nTransfer-Encoding: chunked\r\n\r\n`)
    expect([request.isStreaming, request.stream, request.body.length]).toEqual([true, { source, length: null }, 0])
    expect(latin1Text(writer.encodeChunk(latin1Bytes('hello')))).toBe('5\r\nhello\r\n')
    expect(latin1Text(writer.encodeChunk(latin1Bytes('x'.repeat(300))))).toBe(`12c\r\n${'x'.repeat(300)}\r\n`)
    expect(latin1Text(writer.lastChunk())).toBe('0\r\n\r\n')
    // The head is where it was.
    expect(wire(request)).toContain('chunked\r\n\r\n')
  })
  test('or with the length that was said', () => {
    const request = plain().put('/').stream(nothing(), 12_345_678_901).finish()
    expect(wire(request)).toBe(`PUT / HTTP/1.1\r\n${HOST}Content-Length: 12345678901\r\n\r\n`)
    expect(request.stream?.length).toBe(12_345_678_901)
  })
  test('an empty piece is no chunk: it would end the body', () => {
    const writer = plain()
    writer.post('/').stream(nothing()).finish()
    expect(writer.encodeChunk(new Uint8Array(0)).length).toBe(0)
  })
  test('fills the buffer to the last chunk that fits', () => {
    const writer = new RequestWriter('api.example', { writeBufferCapacity: 1_024 })
    const request = writer.post('/').stream(nothing()).finish()
    const { chunkRoom } = writer
    expect(chunkRoom).toBeGreaterThanOrEqual(500)
    const chunk = writer.encodeChunk(new Uint8Array(chunkRoom).fill(0x61))
    expect(chunk.byteOffset + chunk.length).toBeLessThanOrEqual(writer.address + 1_024)
    expect(() => writer.encodeChunk(new Uint8Array(chunkRoom + 1))).toThrow(RangeError)
    expect(wire(request)).toContain('chunked\r\n\r\n')
  })
  test('has no chunks once the writer has gone on', () => {
    const writer = plain()
    const request = writer.post('/').stream(nothing()).finish()
    writer.get('/').finish()
    for (const step of [() => writer.encodeChunk(new Uint8Array(1)), () => writer.lastChunk(), () => writer.chunkRoom, () => request.bytes]) {
      expect(step).toThrow(code('StaleRequest'))
    }
  })
  test('is none of a request that is whole', () => {
    const request = plain().get('/').finish()
    expect([request.isStreaming, request.stream]).toEqual([false, null])
  })
  test.each([-1, 0.5, Number.NaN, 2 ** 53])('of %s bytes is refused', (length) => {
    expect(() => plain().post('/').stream(nothing(), length)).toThrow(code('InvalidOption'))
  })
})
