/** `decompress`: what is asked for, what is inflated, what is left alone, and how what is broken fails. */

import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Request } from '../../../src/codec/http/request.ts'
import { RequestWriter } from '../../../src/codec/http/request-writer.ts'
import type { OwnedResponse, RestResponse } from '../../../src/codec/http/response.ts'
import { CompressionError, HttpError } from '../../../src/errors.ts'
import type { ClientPoolOptions, HttpOptions, SendOptions } from '../../../src/rest/options.ts'
import type { StreamedResponse } from '../../../src/rest/streamed-response.ts'
import type { MemoryOptions } from '../../../src/transport/memory/pair.ts'
import { latin1Bytes, latin1Text } from '../../reference/linear.ts'
import { Random } from '../../reference/random.ts'
import { codec, failure, makeRestWorld, ok, openConnection, outcomeOf } from './harness.ts'

const TEXT = 'The quick brown fox jumps over the lazy dog. '.repeat(120)
const PLAIN = latin1Bytes(TEXT)
const FIELD = '\r\nAccept-Encoding: gzip, deflate'

const packed = (bytes: Uint8Array): string => latin1Text(bytes)
const gzip = packed(gzipSync(PLAIN))
const coded = (coding: string, body: string, fields = ''): string => ok(body, `Content-Encoding: ${coding}\r\n${fields}`)
const chunked = (coding: string, body: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\nX-Sum: 1\r\n\r\n`

interface Asked {
  readonly response: RestResponse & Error
  readonly state: string
  readonly head: string
}

/** One GET of a connection, over memory in pieces of any size. */
async function get(answer: string, options: HttpOptions = {}, sending: SendOptions = { decompress: true }, maxDelivery = 0): Promise<Asked> {
  const { conn, writer, server, world } = await openConnection({ ...options, memory: maxDelivery === 0 ? {} : { maxDelivery } })
  server.respond = (_, peer) => {
    peer.send(answer)
    // A body without a length ends with the connection.
    if (!/\r\n(?:content-length|transfer-encoding)/i.test(answer)) peer.end.end()
    return null
  }
  const response = (await outcomeOf(world, conn.send(writer.get('/').finish(), conn.reader, sending))) as Asked['response']
  return { response, state: conn.state, head: server.requests[0]?.head ?? '' }
}

/** The same, streamed: all pieces, or the error. */
async function stream(answer: string, options: HttpOptions = {}, maxDelivery = 0): Promise<{ pieces: Uint8Array[]; error: unknown; state: string }> {
  const { conn, writer, server, world } = await openConnection({ ...options, memory: maxDelivery === 0 ? {} : { maxDelivery } })
  server.respond = () => answer
  const streamed = (await outcomeOf(world, conn.sendStreaming(writer.get('/').finish(), { decompress: true }))) as StreamedResponse
  const pieces: Uint8Array[] = []
  for (;;) {
    const piece = await outcomeOf(world, streamed.read())
    if (piece === null || piece instanceof Error) {
      await world.settle()
      return { pieces, error: piece, state: conn.state }
    }
    pieces.push(piece as Uint8Array)
  }
}

const CODINGS = [
  ['gzip', gzip],
  ['x-gzip', gzip],
  ['GZip', gzip],
  ['gzip', packed(gzipSync(PLAIN.subarray(0, 100))) + packed(gzipSync(PLAIN.subarray(100)))],
  ['gzip', packed(gzipSync(PLAIN.subarray(0, 4_000), { level: 0 })) + packed(gzipSync(PLAIN.subarray(4_000))) + packed(gzipSync(''))],
  ['deflate', packed(deflateSync(PLAIN))],
  ['deflate', packed(deflateRawSync(PLAIN))],
  ['Deflate', packed(deflateRawSync(PLAIN, { level: 0 }))],
] as const

describe.each(CODINGS)('%s, case %#', (coding, body) => {
  test.each([0, 3, 300])('whole, in pieces of %d bytes', async (maxDelivery) => {
    for (const answer of [coded(coding, body), chunked(coding, body)]) {
      const { response, state } = await get(answer, {}, { decompress: true }, maxDelivery)
      expect(response.text()).toBe(TEXT)
      expect([response.bodyLength, latin1Text(response.body), latin1Text(response.bytes())]).toEqual([TEXT.length, TEXT, TEXT])
      expect(latin1Text(response.rawBody)).toBe(body)
      expect(response.header('content-encoding')).toBe(coding)
      expect(state).toBe('idle')
      const owned = response.toOwned()
      expect([owned.text(), owned.bodyLength, latin1Text(owned.rawBody)]).toEqual([TEXT, TEXT.length, body])
    }
  })

  test.each([0, 60])('streamed, in pieces of %d bytes', async (maxDelivery) => {
    for (const answer of [coded(coding, body), chunked(coding, body)]) {
      const { pieces, error, state } = await stream(answer, {}, maxDelivery)
      expect(latin1Text(Buffer.concat(pieces))).toBe(TEXT)
      expect([error, state]).toEqual([null, 'idle'])
    }
  })
})

test('a raw body is known by its first byte, whatever its second one says', async () => {
  // Now and then the first two bytes pass zlib's check, and only the method tells.
  let passing = 0
  for (let i = 0; i < 400; i++) {
    const bytes = deflateRawSync(new Random(i).bytes(1 + (i % 60)).map((byte) => 97 + (byte & 15)))
    if ((((bytes[0] as number) << 8) | (bytes[1] as number)) % 31 !== 0) continue
    passing++
    expect((await get(coded('deflate', packed(bytes)))).response).not.toBeInstanceOf(Error)
  }
  expect(passing).toBeGreaterThan(3)
})

test('a body that the store cannot hold, and one that ends with the connection', async () => {
  const noise = new Random(1).bytes(100_000)
  const body = packed(gzipSync(noise))
  const large = await get(coded('gzip', body), { capacity: 2_048, maxHeadSize: 1_024 })
  expect(Buffer.compare(large.response.body, noise)).toBe(0)
  expect(large.response.rawBody.length).toBe(body.length)
  const untilClose = await get(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n${gzip}`)
  expect([untilClose.response.text(), untilClose.response.isEndVerified]).toEqual([TEXT, false])
})

test('a byte order mark is not part of the text, and JSON is read from what was compressed', async () => {
  const body = packed(gzipSync(Buffer.from('\ufeff{"a":[1]}')))
  const { response } = await get(coded('gzip', body))
  expect([response.text(), response.json()]).toEqual(['{"a":[1]}', { a: [1] }])
  expect(response.toOwned().json()).toEqual({ a: [1] })
})

describe('what is asked for', () => {
  test.each<[string, HttpOptions, SendOptions, boolean]>([
    ['nothing, unless it is said', {}, {}, false],
    ['nothing, when it is off', { decompress: true }, { decompress: false }, false],
    ['compressed data, as the connection says', { decompress: true }, {}, true],
    ['compressed data, as the request says', {}, { decompress: true }, true],
    ['compressed data, over a connection that is off', { decompress: false }, { decompress: true }, true],
  ])('%s', async (_, options, sending, asks) => {
    const { response, head } = await get(coded('gzip', gzip), options, sending)
    expect(head.includes(FIELD)).toBe(asks)
    expect(latin1Text(response.body)).toBe(asks ? TEXT : gzip)
    expect(latin1Text(response.rawBody)).toBe(gzip)
  })

  test('what the caller asks for is left alone, and inflated all the same', async () => {
    const { conn, writer, server, world } = await openConnection({ decompress: true })
    server.respond = () => coded('gzip', gzip)
    const sending = conn.send(writer.get('/').header('accept-encoding', 'gzip;q=1').finish())
    await world.settle()
    expect((await sending).text()).toBe(TEXT)
    expect(server.requests[0]?.head.match(/accept-encoding/gi)).toEqual(['accept-encoding'])
  })

  test('a request can be sent again, and one with a body keeps it', async () => {
    const { conn, writer, server, world } = await openConnection({ decompress: true })
    server.respond = ({ body }) => coded('gzip', packed(gzipSync(body)))
    const request = writer.post('/').body('the body').finish()
    for (let i = 0; i < 2; i++) {
      const sending = conn.send(request)
      await world.settle()
      expect((await sending).text()).toBe('the body')
    }
    expect(server.requests[1]?.head.match(/accept-encoding/gi)).toEqual(['Accept-Encoding'])
  })
})

describe('a request with a long body', () => {
  const body = new Random(3).bytes(200_000)

  async function post(memory: MemoryOptions = {}): Promise<Awaited<ReturnType<typeof openConnection>> & { request: Request }> {
    const open = await openConnection({ decompress: true, memory })
    const writer = new RequestWriter(codec, 'server.test', { writeBufferCapacity: 300_000 })
    return { ...open, writer, request: writer.post('/').body(body).finish() }
  }

  test('leaves as it is, behind a head that asks, and can be sent again', async () => {
    const { conn, writer, server, world, request } = await post()
    server.respond = (seen) => coded('gzip', packed(gzipSync(String(seen.body.length))))
    for (let i = 0; i < 2; i++) {
      const response = (await outcomeOf(world, conn.send(request))) as RestResponse
      expect([response.text(), conn.state, writer.inUse]).toEqual([String(body.length), 'idle', false])
      expect(server.requests[i]?.head.match(/accept-encoding/gi)).toEqual(['Accept-Encoding'])
      expect(server.requests[i]?.body).toBe(latin1Text(body))
    }
  })

  test('lends its memory until it has left, and says how much of it has', async () => {
    const { conn, writer, server, world, request } = await post({ capacity: 1_000 })
    server.last.reading = false
    const sending = failure(conn.send(request, conn.reader, { timeout: 100 }))
    await world.settle()
    expect(writer.inUse).toBe(true)
    expect(() => writer.get('/')).toThrow(expect.objectContaining({ code: 'RequestOutOfOrder' }))
    await world.clock.advance(100)
    expect(await sending).toMatchObject({ code: 'RequestTimeout', requestSent: 'partly' })
    await world.settle()
    expect(writer.inUse).toBe(false)
  })

  test('is answered before it was read: the response counts, and the connection does not', async () => {
    const { conn, server, world, request } = await post({ capacity: 1_000 })
    server.last.reading = false
    const sending = conn.send(request)
    server.last.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n')
    await world.clock.advance(1_000)
    expect((await sending).status).toBe(413)
    expect(conn.isPoisoned).toBe(true)
  })
})

describe('what is left alone', () => {
  test.each([
    ['no coding', ok(TEXT), TEXT],
    ['identity', coded('identity', TEXT), TEXT],
    ['another coding', coded('br', 'xyz'), 'xyz'],
    ['several codings', coded('gzip, gzip', gzip), gzip],
    ['… in several fields', coded('gzip', gzip, 'Content-Encoding: gzip\r\n'), gzip],
    ['a range', coded('gzip', 'part', 'Content-Range: bytes 3-6/99\r\n').replace('200 OK', '206 Partial Content'), 'part'],
    ['an empty body', coded('gzip', ''), ''],
    ['no content', 'HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n', ''],
    ['not modified', 'HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\nContent-Length: 30\r\n\r\n', ''],
  ])('%s', async (_, answer, body) => {
    const { response } = await get(answer)
    expect([latin1Text(response.body), latin1Text(response.rawBody)]).toEqual([body, body])
    expect(latin1Text(response.toOwned().rawBody)).toBe(body)
    if (!/ 20[46] | 304 /.test(answer)) expect(latin1Text(Buffer.concat((await stream(answer)).pieces))).toBe(body)
  })

  test('the answer to HEAD', async () => {
    const { conn, writer, server, world } = await openConnection({ decompress: true })
    server.respond = () => 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 30\r\n\r\n'
    const sending = conn.send(writer.head('/').finish())
    await world.settle()
    expect([(await sending).bodyLength, conn.state]).toEqual([0, 'idle'])
    expect(server.requests[0]?.head).toContain(FIELD)
  })
})

describe('what is broken', () => {
  const flipped = (text: string, at: number): string => text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1)
  const zlib = packed(deflateSync(PLAIN))
  const raw = packed(deflateRawSync(PLAIN))
  const CASES = [
    ['a truncated body', 'gzip', gzip.slice(0, -1), 'UnexpectedEnd'],
    ['… of one byte', 'gzip', gzip.slice(0, 1), 'UnexpectedEnd'],
    ['… in its second member', 'gzip', gzip + gzip.slice(0, 12), 'UnexpectedEnd'],
    ['… of zlib', 'deflate', zlib.slice(0, -1), 'UnexpectedEnd'],
    ['… that is raw', 'deflate', raw.slice(0, -1), 'UnexpectedEnd'],
    ['a wrong checksum', 'gzip', flipped(gzip, gzip.length - 8), 'ChecksumMismatch'],
    ['… of zlib', 'deflate', flipped(zlib, zlib.length - 1), 'ChecksumMismatch'],
    ['a wrong length', 'gzip', flipped(gzip, gzip.length - 1), 'LengthMismatch'],
    ['bytes behind gzip', 'gzip', `${gzip}x`, 'InvalidHeader'],
    ['bytes behind zlib', 'deflate', `${zlib}x`, 'UnexpectedData'],
    ['bytes behind raw data', 'deflate', `${raw}x`, 'UnexpectedData'],
    ['text that is not compressed', 'gzip', TEXT, 'InvalidHeader'],
    ['a head of zlib that is wrong', 'deflate', flipped(zlib, 1), 'InvalidHeader'],
  ] as const

  test.each(CASES)('%s (%s, case %#)', async (_, coding, body, code) => {
    for (const maxDelivery of [0, 5]) {
      const { response, state } = await get(coded(coding, body), {}, { decompress: true }, maxDelivery)
      expect(response).toMatchObject({ code: 'ResponseInvalid', fault: 'remote', requestSent: 'fully', phase: 'body', cause: { code } })
      expect(response.cause).toBeInstanceOf(CompressionError)
      // It has ended where its framing says: nothing of it is left on the connection.
      expect(state).toBe('idle')
    }
  })

  test.each(CASES)('%s, streamed (%s, case %#)', async (_, coding, body, code) => {
    for (const maxDelivery of [0, 5]) {
      const { error } = await stream(chunked(coding, body), {}, maxDelivery)
      expect(error).toMatchObject({ code: 'ResponseInvalid', requestSent: 'fully', phase: 'body', cause: { code } })
    }
  })

  test('a streamed body that breaks before its end takes the connection with it', async () => {
    const { error, state } = await stream(coded('gzip', `${flipped(gzip, 1)}${'x'.repeat(100_000)}`), {}, 1_000)
    expect(error).toMatchObject({ code: 'ResponseInvalid', cause: { code: 'InvalidHeader' } })
    expect(state).toBe('poisoned')
  })
})

describe('maxBodySize', () => {
  test.each([
    [TEXT.length - 1, 'BodyTooLarge'],
    [TEXT.length, undefined],
    [TEXT.length + 1, undefined],
    [Number.POSITIVE_INFINITY, undefined],
  ])('%d limits what is inflated, whole and streamed', async (maxBodySize, code) => {
    for (const [coding, body] of CODINGS) {
      if (body.length > maxBodySize) continue
      const { response } = await get(coded(coding, body), { maxBodySize })
      const { pieces, error } = await stream(coded(coding, body), { maxBodySize })
      if (code === undefined) {
        expect([response.text(), latin1Text(Buffer.concat(pieces)), error]).toEqual([TEXT, TEXT, null])
        continue
      }
      for (const each of [response, error as Error]) {
        expect(each).toMatchObject({ code: 'ResponseInvalid', cause: { code, max: maxBodySize } })
        expect(each.cause).toBeInstanceOf(HttpError)
      }
    }
  })

  test('a bomb costs the limit, and a stream of it a piece at a time', async () => {
    const bomb = packed(gzipSync(new Uint8Array(4_000_000)))
    const { response } = await get(coded('gzip', bomb), { maxBodySize: 100_000 })
    expect(response).toMatchObject({ code: 'ResponseInvalid', cause: { code: 'BodyTooLarge', max: 100_000 } })
    const { pieces, error } = await stream(coded('gzip', bomb), { maxBodySize: 4_000_000 })
    expect(error).toBe(null)
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(65_536)
    expect(pieces.reduce((sum, { length }) => sum + length, 0)).toBe(4_000_000)
  })
})

describe('memory', () => {
  /** Bytes of regions in use. */
  const used = (): number => {
    const region = codec.deflateRegion(64)
    region.release()
    return (region.memory as unknown as { used: number }).used
  }

  test('is given back after a whole body, a streamed one, a broken one, and one that was cancelled or cut', async () => {
    const inflaters: unknown[] = []
    const before = used()
    const open = await openConnection({ decompress: true })
    const { conn, writer, server, world } = open
    const held = used() - before
    for (const body of [gzip, gzip, gzip.slice(0, -1)]) {
      server.respond = () => coded('gzip', body)
      inflaters.push(await outcomeOf(world, conn.send(writer.get('/').finish())))
    }
    expect(inflaters.map((each) => each instanceof Error)).toEqual([false, false, true])
    expect(used() - before).toBeLessThanOrEqual(held)
    for (const way of ['end', 'cancel', 'cut'] as const) {
      const other = await world.Connection.connect('http://server.test', { decompress: true })
      const least = used()
      server.respond = () => (way === 'cut' ? coded('gzip', gzip).slice(0, -3) : coded('gzip', gzip))
      const streamed = (await outcomeOf(world, other.sendStreaming(writer.get('/').finish()))) as StreamedResponse
      await outcomeOf(world, streamed.read())
      if (way === 'cut') {
        world.server.last.end.reset()
        while (!((await outcomeOf(world, streamed.read())) instanceof Error));
      } else if (way === 'cancel') streamed.cancel()
      else while ((await outcomeOf(world, streamed.read())) !== null);
      expect(used()).toBe(least)
    }
  })
})

describe('pools', () => {
  test.each<[string, ClientPoolOptions, RequestInit, string[]]>([
    ['a field of its own', {}, {}, [FIELD.trim()]],
    ['of its caller', {}, { headers: { 'ACCEPT-Encoding': 'br' } }, ['accept-encoding: br']],
    ['a range', {}, { headers: { range: 'bytes=0-1' } }, []],
    ['of the pool', { defaultHeaders: { 'accept-Encoding': 'br' } }, {}, ['accept-Encoding: br']],
    ['a range of the pool', { defaultHeaders: { Range: 'bytes=0-1' } }, {}, []],
  ])('what fetch asks for: %s', async (_, options, init, expected) => {
    const world = makeRestWorld()
    const pool = await world.Pool.connect('http://server.test', options)
    await outcomeOf(world, pool.fetch('/', init))
    expect(world.server.requests[0]?.head.split('\r\n').filter((line) => /^accept-encoding:/i.test(line))).toEqual(expected)
  })

  test('decompress of the pool, of a request, and always in fetch', async () => {
    const world = makeRestWorld()
    world.server.respond = ({ head }) => (head.includes(FIELD) ? coded('gzip', gzip) : ok('plain'))
    const pool = await world.Pool.connect('http://server.test')
    const request = async (options = {}): Promise<OwnedResponse> => (await outcomeOf(world, pool.request('GET', '/', options))) as OwnedResponse
    expect((await request()).text()).toBe('plain')
    const response = await request({ decompress: true })
    expect([response.text(), latin1Text(response.rawBody), response.header('content-encoding')]).toEqual([TEXT, gzip, 'gzip'])
    const fetched = (await outcomeOf(world, pool.fetch('/'))) as Response
    expect(await fetched.text()).toBe(TEXT)
    expect(fetched.headers.get('content-encoding')).toBe('gzip')
    const own = (await outcomeOf(world, pool.fetch('/', { headers: { 'Accept-Encoding': 'identity' } }))) as Response
    expect(await own.text()).toBe('plain')
    const all = await world.Pool.builder().url('http://server.test').decompress(true).build()
    expect(((await outcomeOf(world, all.request('GET', '/'))) as OwnedResponse).text()).toBe(TEXT)
    expect(((await outcomeOf(world, all.request('GET', '/', { decompress: false }))) as OwnedResponse).text()).toBe('plain')
  })
})
