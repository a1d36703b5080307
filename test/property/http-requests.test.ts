/** The request reader and the chunk decoder agree with the reference parser, and what the request writer writes is what the request reader reads. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ChunkedDecoder, RequestReader, RequestWriter } from '../../src/entry/codec.ts'
import { type HttpLimits, readChunked, readRequestHead } from '../reference/http.ts'
import { feedRequest } from '../reference/http-feed.ts'
import { body, chunked, damaged, pieces, request } from '../reference/http-generator.ts'
import { latin1Bytes, latin1Text } from '../reference/linear.ts'
import { Random } from '../reference/random.ts'

test('requests, whole and damaged, are read as the reference reads them, however they are cut', { timeout: 240_000 }, () => {
  const random = new Random(3)
  const limits: HttpLimits[] = [{}, { maxHeadSize: 90, maxHeaders: 3 }]
  const readers = limits.map((l) => ({ limits: l, reader: new RequestReader({ capacity: 16 * 1024, ...l }) }))
  const seen = new Map<string, number>()
  for (let round = 0; round < 12_000; round++) {
    const { limits: l, reader } = readers[random.oneIn(3) ? 1 : 0] as (typeof readers)[number]
    const good = request(random)
    const wire = random.oneIn(3) ? good : damaged(random, good)
    const expected = readRequestHead(wire, l)
    expect(feedRequest(reader, [latin1Bytes(wire)]), `round ${round}, whole: ${JSON.stringify(wire)}`).toEqual(expected)
    expect(feedRequest(reader, pieces(random, wire)), `round ${round}, cut: ${JSON.stringify(wire)}`).toEqual(expected)
    const key = expected === null ? 'unfinished' : typeof expected === 'string' ? expected : expected.request.framing
    seen.set(key, (seen.get(key) ?? 0) + 1)
  }
  expect([...seen.keys()].sort()).toEqual([
    'ConflictingFraming',
    'HeadTooLarge',
    'InvalidContentLength',
    'MalformedHead',
    'TooManyHeaders',
    'UnsupportedTransferCoding',
    'UnsupportedVersion',
    'chunked',
    'length',
    'none',
    'unfinished',
  ])
})

describe('ChunkedDecoder', () => {
  /** What comes out with inputs and outputs of random sizes. */
  function decode(decoder: ChunkedDecoder, random: Random, wire: string): { body: string; trailers: unknown; rest: string; error: string | null } {
    decoder.reset()
    let decoded = ''
    let rest = ''
    for (const part of pieces(random, wire)) {
      let input = part
      for (;;) {
        const output = new Uint8Array(random.oneIn(2) ? 1 + random.below(5) : 5_000)
        const { consumed, produced } = decoder.decode(input, output)
        decoded += latin1Text(output.subarray(0, produced))
        input = input.subarray(consumed)
        if (consumed === 0 && produced === 0) break
      }
      rest += latin1Text(input)
      if (rest !== '' && !decoder.isDone && decoder.error === null) throw new Error('input was left over')
    }
    expect(decoder.totalDecoded).toBe(decoded.length)
    return { body: decoded, trailers: decoder.trailers(), rest, error: decoder.error?.code ?? null }
  }

  test('agrees with the reference on good and on damaged bodies, whatever the sizes of input and output', { timeout: 240_000 }, () => {
    const random = new Random(4)
    const limits: HttpLimits[] = [{ maxBodySize: 2 ** 40 }, { maxBodySize: 50, maxTrailerSize: 30, maxChunkExtension: 4, maxHeaders: 1 }]
    const decoders = limits.map((l) => ({ limits: l, decoder: new ChunkedDecoder(l) }))
    for (let round = 0; round < 6_000; round++) {
      const { limits: l, decoder } = decoders[random.oneIn(3) ? 1 : 0] as (typeof decoders)[number]
      const content = body(random)
      const good = chunked(random, content) + (random.oneIn(2) ? 'HTTP' : '')
      const wire = random.oneIn(2) ? good : damaged(random, good)
      const actual = decode(decoder, random, wire)
      let expected: ReturnType<typeof readChunked> | string | null
      try {
        expected = readChunked(wire, l)
      } catch (error) {
        expected = (error as Error).message === '' ? null : (error as Error).message
      }
      const context = `round ${round}: ${JSON.stringify(wire)}`
      if (expected === null) expect([actual.error, decoder.isDone], context).toEqual([null, false])
      else if (typeof expected === 'string') expect(actual.error, context).toBe(expected)
      else expect(actual, context).toEqual({ body: expected.body, trailers: expected.trailers, rest: wire.slice(expected.rest), error: null })
    }
  })
})

describe('RequestWriter', () => {
  const writer = new RequestWriter('api.example', { defaultHeaders: { 'X-Key': 'k' }, basePath: '/v1', writeBufferCapacity: 8 * 1024 })
  const reader = new RequestReader()
  const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/).filter((name) => !RESERVED.test(name))
  const value = fc.stringMatching(/^[!-~](?:[\t -~]{0,30}[!-~])?$/)
  const text = fc.string({ unit: 'binary', maxLength: 80 })
  const encoder = new TextEncoder()
  const utf8 = (string: string): string => latin1Text(encoder.encode(string))

  test('writes what the request reader, the URL parser and the reference read back', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'X-Custom'),
        fc.array(fc.tuple(text, fc.oneof(text, fc.integer(), fc.boolean())), { maxLength: 5 }),
        fc.array(fc.tuple(token, value), { maxLength: 5 }),
        fc.option(fc.oneof(text, fc.uint8Array({ maxLength: 300 }))),
        (method, query, headers, content) => {
          let builder = writer.request(method, '/a')
          for (const [name, each] of query) builder = builder.query(name, each)
          let rest: ReturnType<typeof builder.header> = builder
          for (const [name, each] of headers) rest = rest.header(name, each)
          const finished = (content === null ? rest : rest.body(content)).finish()
          const wire = latin1Text(finished.bytes)
          const sent = content === null ? '' : typeof content === 'string' ? utf8(content) : latin1Text(content)

          const read = readRequestHead(wire)
          if (read === null || typeof read === 'string') throw new Error(`${read}`)
          const length = content !== null || method === 'POST' || method === 'PUT' ? [['Content-Length', String(sent.length)]] : []
          expect(read.request.headers).toEqual([['Host', 'api.example'], ['Connection', 'keep-alive'], ['X-Key', 'k'], ...headers, ...length])
          expect(read.request.method).toBe(method)
          expect(read.rest).toBe(sent)
          expect(latin1Text(finished.body)).toBe(sent)
          expect(finished.target).toBe(read.request.target)

          const url = new URL(read.request.target, 'http://api.example')
          expect(url.pathname).toBe('/v1/a')
          // Exactly the unreserved characters are left as they are.
          expect(url.search).toMatch(/^(?:\?(?:[A-Za-z0-9\-._~=&]|%[0-9A-F]{2})*)?$/)
          const pairs =
            url.search === ''
              ? []
              : url.search
                  .slice(1)
                  .split('&')
                  .map((pair) => pair.split('=').map(decodeURIComponent))
          expect(pairs).toEqual(query.map(([name, each]) => [name.toWellFormed(), String(each).toWellFormed()]))

          expect(feedRequest(reader, [finished.bytes])).toEqual(read)
        },
      ),
      { numRuns: 1_500 },
    )
  })

  test('refuses exactly what the reference cannot read back as it was given', () => {
    const any = fc.string({ unit: fc.constantFrom('a', 'Z', '-', ' ', '\t', ':', '\r', '\n', '\0', '\x7f', '\x1f', '(', 'é', '~'), maxLength: 6 })
    fc.assert(
      fc.property(any, any, (name, each) => {
        const step = writer.get('/').header(name, each)
        const isToken = /^[a-zZ\-~]+$/.test(name)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
        const isValue = !/[\0-\x08\x0a-\x1f\x7f]/.test(each)
        if (isToken && isValue) expect(latin1Text(step.finish().bytes)).toContain(`\r\n${name}: ${utf8(each)}\r\n`)
        else expect(() => step.finish()).toThrow(expect.objectContaining({ code: 'HeaderInjection' }))
      }),
      { numRuns: 1_500 },
    )
  })
})

const RESERVED = /^(?:te|host|expect|upgrade|connection|keep-alive|content-length|transfer-encoding)$/i
