import { describe, expect, test } from 'vitest'
import { CODEC_TEXT } from '../../../../src/codec/binary.ts'
import { RequestReader as BaseRequestReader } from '../../../../src/codec/http/request-reader.ts'
import { Codec } from '../../../../src/codec/memory.ts'
import { webTextDecoding } from '../../../../src/codec/text.ts'
import { ChunkedDecoder, type RequestHead, RequestReader, type RequestReaderOptions, RequestWriter } from '../../../../src/entry/codec.ts'
import { request as anyRequest, damaged, pieces } from '../../../reference/http-generator.ts'
import { latin1Bytes, latin1Text } from '../../../reference/linear.ts'
import { Random } from '../../../reference/random.ts'

const code = (expected: string): unknown => expect.objectContaining({ code: expected })
const get = 'GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n'
const post = 'POST /order?x=1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello'

function arrived(text: string, options: RequestReaderOptions = {}): RequestReader {
  const reader = new RequestReader(options)
  reader.read(latin1Bytes(text))
  return reader
}

describe('a head', () => {
  test('gives what came', () => {
    const reader = arrived(post)
    const head = reader.next() as RequestHead
    expect([head.method, head.target, head.version, head.headerCount]).toEqual(['POST', '/order?x=1', '1.1', 2])
    expect([head.framing, head.contentLength, head.keepAlive]).toEqual(['length', 5, true])
    expect(head.headers()).toEqual([
      ['Host', 'a.example'],
      ['Content-Length', '5'],
    ])
    expect([head.header('HOST'), head.header('none'), head.fieldName(1), head.fieldValue(0)]).toEqual([
      'a.example',
      null,
      'Content-Length',
      'a.example',
    ])
    expect(latin1Text(head.headerBytes('host') as Uint8Array)).toBe('a.example')
    expect(latin1Text(reader.remainder)).toBe('hello')
  })
  test('stays while its body comes, however much that is', () => {
    const reader = arrived('PUT /long HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n', { capacity: 1_024 })
    const head = reader.next() as RequestHead
    let body = 0
    while (reader.bodyRemaining > 0) {
      reader.read(new Uint8Array(Math.min(900, reader.bodyRemaining)))
      body += reader.remainder.length
      reader.consume(reader.remainder.length)
    }
    expect(body).toBe(50_000)
    expect([head.method, head.target, head.header('content-length'), head.contentLength]).toEqual(['PUT', '/long', '50000', 50_000])
  })
  test.each<[string, (reader: RequestReader) => void]>([
    ['next', (reader) => void reader.next()],
    ['reset', (reader) => reader.reset()],
    ['release', (reader) => reader.release()],
  ])('is stale after %s', (_, end) => {
    const reader = arrived(get)
    const head = reader.next() as RequestHead
    end(reader)
    for (const ask of [
      () => head.method,
      () => head.target,
      () => head.framing,
      () => head.contentLength,
      () => head.keepAlive,
      () => head.header('a'),
    ]) {
      expect(ask).toThrow(code('StaleRequest'))
    }
  })
})

describe('several requests', () => {
  test('come one behind the other', () => {
    const reader = arrived(`${get}${post}${get.replace('/a', '/b')}`)
    expect(reader.next()?.target).toBe('/a')
    expect(reader.next()?.target).toBe('/order?x=1')
    reader.consume(5)
    expect(reader.next()?.target).toBe('/b')
    expect([reader.next(), reader.error, reader.isMidMessage]).toEqual([null, null, false])
  })
  test('a body is never taken for a request', () => {
    const reader = arrived(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${get.length}\r\n\r\n${get}`)
    reader.next()
    expect(() => reader.next()).toThrow(code('RequestOutOfOrder'))
    reader.consume(get.length - 1)
    expect(() => reader.next()).toThrow(code('RequestOutOfOrder'))
    reader.consume(1)
    expect(reader.next()).toBeNull()
  })
  test('each may have an empty line in front', () => {
    const reader = arrived(`\r\n${get}\r\n${get}`)
    expect(reader.next()?.target).toBe('/a')
    expect(reader.next()?.target).toBe('/a')
  })
  test('go through a buffer that is smaller than all of them', () => {
    const reader = new RequestReader({ capacity: 1_024 })
    const wire = latin1Bytes(post.repeat(100))
    let heads = 0
    for (let at = 0; at < wire.length; ) {
      const spare = reader.spare()
      const part = wire.subarray(at, at + Math.min(spare.length, 333))
      spare.set(part)
      reader.filled(part.length)
      at += part.length
      for (;;) {
        if (reader.bodyRemaining > 0) reader.consume(Math.min(reader.bodyRemaining, reader.remainder.length))
        if (reader.bodyRemaining > 0 || reader.next() === null) break
        heads++
      }
    }
    expect([heads, reader.error]).toEqual([100, null])
  })
})

describe('a body', () => {
  test('with a length is consumed in any steps, and no further', () => {
    const reader = arrived(`${post}${get}`)
    reader.next()
    expect(reader.bodyRemaining).toBe(5)
    reader.consume(2)
    expect([reader.bodyRemaining, latin1Text(reader.remainder).slice(0, 3)]).toEqual([3, 'llo'])
    for (const wrong of [4, -1, 0.5, Number.NaN]) expect(() => reader.consume(wrong)).toThrow(code('InvalidOption'))
    reader.consume(3)
    expect(() => reader.consume(1)).toThrow(code('InvalidOption'))
  })
  test('cannot be consumed before it has come', () => {
    const reader = arrived(post.slice(0, -2))
    reader.next()
    expect(() => reader.consume(5)).toThrow(code('InvalidOption'))
    expect(reader.isMidMessage).toBe(true)
  })
  test('in chunks goes through a decoder', () => {
    const reader = arrived(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n${get}`)
    expect(reader.next()?.framing).toBe('chunked')
    expect(reader.bodyRemaining).toBe(Number.POSITIVE_INFINITY)
    expect(() => reader.next()).toThrow(code('RequestOutOfOrder'))
    const decoder = new ChunkedDecoder()
    const output = new Uint8Array(100)
    const { consumed, produced } = decoder.decode(reader.remainder, output)
    reader.consume(consumed, decoder.isDone)
    expect([latin1Text(output.subarray(0, produced)), reader.bodyRemaining]).toEqual(['abcde', 0])
    expect(reader.next()?.target).toBe('/a')
  })
  test('of none is 0 bytes', () => {
    const reader = arrived(get)
    expect([reader.next()?.framing, reader.bodyRemaining]).toEqual(['none', 0])
    expect(() => reader.consume(1)).toThrow(code('InvalidOption'))
    reader.consume(0)
  })
})

describe('failures', () => {
  test('are latched', () => {
    const reader = arrived('GET  / HTTP/1.1\r\n\r\n')
    expect([reader.next(), reader.error]).toEqual([null, code('MalformedHead')])
    const { error } = reader
    reader.read(latin1Bytes(get))
    expect([reader.next(), reader.error]).toEqual([null, error])
    reader.reset()
    reader.read(latin1Bytes(get))
    expect([reader.next()?.target, reader.error]).toEqual(['/a', null])
  })
  test('name the limit', () => {
    const long = arrived(`GET /${'x'.repeat(100)}`, { maxHeadSize: 64 })
    expect([long.next(), long.error]).toEqual([null, expect.objectContaining({ code: 'HeadTooLarge', max: 64 })])
    const many = arrived('GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n', { maxHeaders: 1 })
    expect([many.next(), many.error]).toEqual([null, expect.objectContaining({ code: 'TooManyHeaders', max: 1 })])
  })
  test.each<[RequestReaderOptions]>([[{ capacity: 1_000 }], [{ maxHeadSize: 5 }], [{ maxHeaders: 0 }], [{ capacity: 2_048, maxHeadSize: 4_096 }]])(
    '%o is refused',
    (options) => {
      expect(() => new RequestReader(options)).toThrow(code('InvalidOption'))
    },
  )
})

describe('the buffer', () => {
  test('refuses as a whole what does not fit', () => {
    const reader = arrived(post, { capacity: 1_024 })
    expect(() => reader.read(new Uint8Array(1_000))).toThrow(
      expect.objectContaining({ code: 'BufferFull', needed: 1_000, available: 1_024 - post.length }),
    )
    for (const wrong of [-1, 0.5, 2_000, Symbol('1'), {}]) expect(() => reader.filled(wrong as number)).toThrow(code('BufferFull'))
    expect(reader.next()?.method).toBe('POST')
  })
  test('of a released reader is not used', () => {
    const reader = arrived(get)
    reader.release()
    reader.release()
    for (const use of [() => reader.next(), () => reader.spare(), () => reader.read(new Uint8Array(1))]) expect(use).toThrow(code('Released'))
  })
  test('is all that is written to, whatever comes', { timeout: 120_000 }, () => {
    const random = new Random(9)
    const codec = new Codec(() => CODEC_TEXT, webTextDecoding())
    const options = { capacity: 1_024, maxHeaders: 3, maxHeadSize: 300 }
    const bytes = BaseRequestReader.regionBytes(options)
    const region = codec.region(bytes + 8_192)
    const { u8 } = region.memory
    u8.fill(0xa5, region.start, region.start + region.bytes)
    region.carve(4_096)
    const reader = new BaseRequestReader(codec, options, region)
    for (let round = 0; round < 10_000; round++) {
      reader.reset()
      for (const piece of pieces(random, damaged(random, anyRequest(random)))) {
        if (reader.error !== null) break
        reader.read(piece.subarray(0, reader.spare().length))
        if (reader.bodyRemaining > 0) reader.consume(Math.min(reader.bodyRemaining, reader.remainder.length), random.oneIn(2))
        if (reader.bodyRemaining === 0) reader.next()
      }
    }
    const isUntouched = (from: number, to: number): boolean => u8.subarray(from, to).every((byte) => byte === 0xa5)
    expect(isUntouched(region.start, region.start + 4_096)).toBe(true)
    expect(isUntouched(region.start + 4_096 + bytes, region.start + region.bytes)).toBe(true)
  })
})

test('what the writer writes is read', () => {
  const request = new RequestWriter('a.example').post('/x').query('a', 'b c').header('X-Y', 'z').body('héllo').finish()
  const reader = new RequestReader()
  reader.read(request.bytes)
  const head = reader.next() as RequestHead
  expect([head.method, head.target, head.header('host'), head.header('x-y'), head.contentLength]).toEqual(['POST', '/x?a=b%20c', 'a.example', 'z', 6])
  expect(new TextDecoder().decode(reader.remainder)).toBe('héllo')
})
