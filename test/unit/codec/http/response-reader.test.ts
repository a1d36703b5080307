import { describe, expect, test } from 'vitest'
import { CHUNKED_BYTES, INCOMING_BYTES, STEP_COMPLETE, STEP_DATA, STEP_FAILED, STEP_HEAD, STEP_INTERIM, STEP_MORE } from '../../../../assembly/abi.ts'
import { CODEC_TEXT } from '../../../../src/codec/binary.ts'
import { ResponseReader as BaseResponseReader } from '../../../../src/codec/http/response-reader.ts'
import { align, Codec } from '../../../../src/codec/memory.ts'
import { bufferTextDecoding, webTextDecoding } from '../../../../src/codec/text.ts'
import { ResponseReader, type ResponseReaderOptions } from '../../../../src/entry/codec.ts'
import { response as anyResponse, damaged, pieces } from '../../../reference/http-generator.ts'
import { latin1Bytes, latin1Text } from '../../../reference/linear.ts'
import { Random } from '../../../reference/random.ts'

const OK = 'HTTP/1.1 200 OK\r\n'
const hello = `${OK}Content-Length: 5\r\n\r\nhello`
const code = (expected: string): unknown => expect.objectContaining({ code: expected })

/** A reader over the text, which has been committed to the first target in one piece. */
function arrived(text: string, method = 'GET', options: ResponseReaderOptions = {}): ResponseReader {
  const reader = new ResponseReader(options)
  reader.begin(method)
  commit(reader, 0, text)
  return reader
}

function commit(reader: BaseResponseReader, index: 0 | 1, text: string): number {
  const bytes = latin1Bytes(text)
  reader.targets()[index].set(bytes)
  return reader.commit(index, bytes.length)
}

describe('options', () => {
  test.each<[ResponseReaderOptions, RegExp]>([
    [{ capacity: 1_023 }, /capacity must be a whole number of bytes, 1,024 to 16,777,216/],
    [{ capacity: 16 * 1024 * 1024 + 1 }, /capacity/],
    [{ capacity: 1_024.5 }, /whole number/],
    [{ maxHeadSize: 15 }, /maxHeadSize must be a whole number of bytes, 16 to 16,777,216/],
    [{ capacity: 2_048, maxHeadSize: 2_049 }, /maxHeadSize must be a whole number of bytes, 16 to 2,048/],
    [{ maxHeaders: 0 }, /maxHeaders must be a whole number of fields, 1 to 1,000/],
    [{ maxHeaders: 1_001 }, /maxHeaders/],
    [{ maxBodySize: -1 }, /maxBodySize must be a whole number of bytes, 0 to 2,147,483,647/],
    [{ maxBodySize: 2 ** 31 }, /maxBodySize/],
    [{ maxTrailerSize: 64 * 1024 + 1 }, /maxTrailerSize must be a whole number of bytes, 0 to 65,536/],
    [{ maxChunkExtension: Number.NaN }, /maxChunkExtension/],
  ])('%o is refused', (options, message) => {
    expect(() => new ResponseReader(options)).toThrow(expect.objectContaining({ code: 'InvalidOption', message: expect.stringMatching(message) }))
  })
  test('a head that is larger than the buffer takes no memory', () => {
    const fresh = new Codec(() => CODEC_TEXT, webTextDecoding())
    expect(() => new BaseResponseReader(fresh, { capacity: 2_048, maxHeadSize: 2_049 })).toThrow(code('InvalidOption'))
    expect(fresh.memoryCount).toBe(0)
  })
  test('the extremes are taken', () => {
    for (const options of [
      { capacity: 1_024, maxHeadSize: 16, maxHeaders: 1, maxBodySize: 0, maxTrailerSize: 0, maxChunkExtension: 0 },
      { maxHeadSize: 32 * 1024, maxHeaders: 1_000, maxBodySize: 2 ** 31 - 1, maxTrailerSize: 65_536, maxChunkExtension: 65_536 },
      { maxBodySize: Number.POSITIVE_INFINITY },
    ]) {
      const reader = arrived('HTTP/1.1 204\r\n\r\n', 'GET', options)
      expect(reader.response.status).toBe(204)
      reader.release()
    }
  })
  test('the head limit follows a small capacity', () => {
    expect(arrived(`${OK}A: ${'x'.repeat(1_000)}`, 'GET', { capacity: 1_024 }).error).toBeNull()
    const reader = new ResponseReader({ capacity: 1_024 })
    reader.begin('GET')
    commit(reader, 0, `${OK}A: ${'x'.repeat(1_004)}`)
    expect(commit(reader, 1, 'x')).toBe(STEP_FAILED)
    expect(reader.error).toMatchObject({ code: 'HeadTooLarge', max: 1_024 })
  })
})

describe('a response', () => {
  test('gives what came', () => {
    const { response } = arrived(`${OK}Date: now\r\nX-a: 1\r\nx-A: 2\r\nEmpty:\r\nContent-Length: 2\r\n\r\n{}`)
    expect([response.status, response.reason, response.version, response.headerCount]).toEqual([200, 'OK', '1.1', 5])
    expect(response.headers()).toEqual([
      ['Date', 'now'],
      ['X-a', '1'],
      ['x-A', '2'],
      ['Empty', ''],
      ['Content-Length', '2'],
    ])
    expect([response.fieldName(2), response.fieldValue(2), response.fieldValue(3)]).toEqual(['x-A', '2', ''])
    expect([response.bodyLength, latin1Text(response.body), response.text(), response.json()]).toEqual([2, '{}', '{}', {}])
    expect(response.trailers()).toEqual([])
  })
  test('finds the first field of a name, whatever the case of either', () => {
    const { response } = arrived(`${OK}X-Rate-Limit_1: a\r\nx-rate-limit_1: b\r\nContent-Length: 0\r\n\r\n`)
    for (const name of ['X-Rate-Limit_1', 'x-rate-limit_1', 'X-RATE-LIMIT_1', 'x-Rate-lIMIT_1']) expect(response.header(name)).toBe('a')
    for (const name of ['X-Rate-Limit', 'X-Rate-Limit_12', 'x-rate-limit\x7f1', 'X-Rate-Limit\x7f1', '', 'é'.repeat(14)]) {
      expect(response.header(name), name).toBeNull()
    }
  })
  test('tells bytes apart that differ in the case bit only', () => {
    const { response } = arrived(`${OK}a^: 1\r\na~: 2\r\n\r\n`, 'HEAD')
    expect([response.header('A^'), response.header('A~')]).toEqual(['1', '2'])
  })
  test('gives the bytes of a value as a view', () => {
    const reader = arrived(`${OK}A: \xe9\xff\r\nContent-Length: 0\r\n\r\n`)
    expect([...(reader.response.headerBytes('a') as Uint8Array)]).toEqual([0xe9, 0xff])
    expect(reader.response.headerBytes('a')?.buffer).toBe(reader.u8.buffer)
    expect(reader.response.headerBytes('b')).toBeNull()
  })
  test('reads text that is not ASCII as Latin-1, byte for byte', () => {
    const every = Array.from({ length: 128 }, (_, i) => String.fromCharCode(i + 128)).join('')
    const long = `${every}${'x'.repeat(3_000)}`
    const { response } = arrived(`HTTP/1.1 200 \x80\r\nA: ${every}\r\nB: ${long}\r\nContent-Length: 0\r\n\r\n`)
    expect([response.reason, response.header('A'), response.header('B')]).toEqual(['\x80', every, long])
  })
  test('decodes the body as UTF-8, without a byte order mark', () => {
    const text = (bytes: number[]): string =>
      arrived(`${OK}Content-Length: ${bytes.length}\r\n\r\n${latin1Text(Uint8Array.from(bytes))}`).response.text()
    expect(text([0xc3, 0xa9])).toBe('é')
    expect(text([0xef, 0xbb, 0xbf, 0x61])).toBe('a')
    expect(text([0xef, 0xbb, 0xbf])).toBe('')
    expect(text([0xef, 0xbb])).toBe('\ufffd')
    expect(text([0x61, 0xff, 0x62])).toBe('a\ufffdb')
    expect(text([])).toBe('')
  })
  test('throws what JSON.parse throws', () => {
    expect(() => arrived(`${OK}Content-Length: 1\r\n\r\n{`).response.json()).toThrow(SyntaxError)
  })
  test('has no field outside its fields', () => {
    const { response } = arrived(hello)
    for (const index of [-1, 1, 0.5, Number.NaN]) {
      expect(() => response.fieldName(index)).toThrow(RangeError)
      expect(() => response.fieldValue(index)).toThrow(RangeError)
    }
  })
  test('is one object until the next', () => {
    const reader = arrived(hello)
    expect(reader.response).toBe(reader.response)
    reader.begin('GET')
    commit(reader, 1, hello)
    expect(reader.response.text()).toBe('hello')
  })
  test('is there only when it is complete', () => {
    const reader = arrived(hello.slice(0, -1))
    expect(() => reader.response).toThrow(code('NotOpen'))
    expect(() => reader.interim).toThrow(code('NotOpen'))
  })
  test('can be kept as a copy with the same data', () => {
    const reader = arrived(`HTTP/1.0 203 X\r\nA: b\r\na: \xe9\r\nContent-Length: 8\r\n\r\n\xef\xbb\xbf{"a":1}`.replace('8\r', '10\r'))
    const { response } = reader
    const owned = response.toOwned()
    const all = (r: typeof response | typeof owned): unknown => [
      r.status,
      r.reason,
      r.version,
      r.headerCount,
      r.header('A'),
      r.header('none'),
      [...(r.headerBytes('a') ?? [])],
      r.headerBytes('none'),
      r.headers(),
      r.fieldName(1),
      r.fieldValue(1),
      r.trailers(),
      [...r.body],
      r.bodyLength,
      r.text(),
      r.json(),
    ]
    const before = all(response)
    expect(all(owned)).toEqual(before)
    reader.begin('GET')
    commit(reader, 0, `${OK}Content-Length: 3\r\n\r\nnew`)
    expect(all(owned)).toEqual(before)
    expect(() => owned.fieldName(9)).toThrow(RangeError)
  })
  test('keeps its trailers apart', () => {
    const reader = arrived(`${OK}A: head\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: tail\r\nB: \xe9\r\n\r\n`)
    expect(reader.response.header('A')).toBe('head')
    expect(reader.response.header('B')).toBeNull()
    expect(reader.response.trailers()).toEqual([
      ['A', 'tail'],
      ['B', '\xe9'],
    ])
    expect(reader.response.toOwned().trailers()).toEqual(reader.response.trailers())
    reader.begin('GET')
    commit(reader, 1, hello)
    expect(reader.response.trailers()).toEqual([])
  })
  test.each([
    ['TextDecoder', webTextDecoding()],
    ['Buffer', bufferTextDecoding(Buffer.prototype)],
  ])('has the same text with the decoding of %s', (_, text) => {
    const reader = new BaseResponseReader(new Codec(() => CODEC_TEXT, text))
    reader.begin('GET')
    commit(reader, 0, `HTTP/1.1 200 \x93\r\nA: \x80\x9f\r\nLonger-Name: plain ascii\r\nContent-Length: 6\r\n\r\n\xef\xbb\xbfa\xffb`)
    const { response } = reader
    expect([response.reason, response.headers(), response.text()]).toEqual([
      '\x93',
      [
        ['A', '\x80\x9f'],
        ['Longer-Name', 'plain ascii'],
        ['Content-Length', '6'],
      ],
      'a\ufffdb',
    ])
  })
})

describe('a stale response', () => {
  test.each<[string, (reader: ResponseReader) => void]>([
    ['begin', (reader) => reader.begin('GET')],
    ['reset', (reader) => reader.reset()],
    ['release', (reader) => reader.release()],
  ])('throws after %s, whatever is asked', (_, end) => {
    const reader = arrived(hello)
    const { response } = reader
    end(reader)
    for (const ask of [
      () => response.status,
      () => response.reason,
      () => response.version,
      () => response.headerCount,
      () => response.header('a'),
      () => response.headerBytes('a'),
      () => response.headers(),
      () => response.fieldName(0),
      () => response.fieldValue(0),
      () => response.trailers(),
      () => response.body,
      () => response.bodyLength,
      () => response.text(),
      () => response.json(),
      () => response.toOwned(),
    ]) {
      expect(ask).toThrow(code('StaleResponse'))
    }
  })
  test('is not revived by the next one', () => {
    const reader = arrived(hello)
    const { response } = reader
    reader.begin('GET')
    commit(reader, 1, hello)
    expect(() => response.status).toThrow(code('StaleResponse'))
    expect(reader.response.status).toBe(200)
  })
})

describe('where it lies', () => {
  test('a response that comes in one read is handed out in place', () => {
    const reader = arrived(hello)
    expect(reader.response.body.byteOffset).toBe(reader.targets()[0].byteOffset + hello.length - 5)
    expect(reader.response.body.buffer).toBe(reader.u8.buffer)
  })
  test('chunks are put together where they lie', () => {
    const head = `${OK}Transfer-Encoding: chunked\r\n\r\n`
    const reader = arrived(`${head}3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n`)
    expect(reader.response.body.byteOffset).toBe(reader.targets()[0].byteOffset + head.length)
    expect(reader.response.text()).toBe('hello')
  })
  test('one that comes in two is moved out of the targets: neither may hold any of it', () => {
    const reader = arrived(hello.slice(0, -2))
    expect(commit(reader, 1, 'lo')).toBe(STEP_COMPLETE)
    for (const target of reader.targets()) target.fill(0)
    expect([reader.response.header('content-length'), reader.response.text()]).toEqual(['5', 'hello'])
  })
  test('it stays while the other target is filled, asked or unasked', () => {
    const reader = arrived(hello)
    const { response } = reader
    reader.targets()[1].fill(0x78)
    expect(response.text()).toBe('hello')
    expect(reader.commit(1, 100)).toBe(STEP_FAILED)
    expect([response.text(), response.status, response.header('content-length')]).toEqual(['hello', 200, '5'])
  })
  test('a body that does not fit behind its head goes on the heap, in an array of exactly its size', () => {
    const reader = new ResponseReader({ capacity: 1_024 })
    reader.begin('GET')
    commit(reader, 0, `${OK}Content-Length: 1000\r\n\r\n${'x'.repeat(500)}`)
    expect(commit(reader, 1, 'y'.repeat(500))).toBe(STEP_COMPLETE)
    const { body } = reader.response
    expect([body.length, body.buffer.byteLength, body[499], body[500]]).toEqual([1_000, 1_000, 0x78, 0x79])
    expect(reader.response.text()).toBe('x'.repeat(500) + 'y'.repeat(500))
    expect(reader.response.header('Content-Length')).toBe('1000')
  })
  test('a body that just fits stays in linear memory', () => {
    const head = `${OK}Content-Length: 984\r\n\r\n`
    expect(head.length + 984).toBe(1_024)
    const reader = new ResponseReader({ capacity: 1_024 })
    reader.begin('GET')
    commit(reader, 0, head)
    expect(commit(reader, 1, 'x'.repeat(984))).toBe(STEP_COMPLETE)
    expect(reader.response.body.buffer).toBe(reader.u8.buffer)
  })
  test('a body of one byte more does not', () => {
    const reader = new ResponseReader({ capacity: 1_024 })
    reader.begin('GET')
    commit(reader, 0, `${OK}Content-Length: 985\r\n\r\n`)
    expect(commit(reader, 1, 'x'.repeat(985))).toBe(STEP_COMPLETE)
    expect(reader.response.body.buffer.byteLength).toBe(985)
  })
  test('two hundred responses that only announce large bodies take memory for what came of them', () => {
    let bytes = 0
    for (let i = 0; i < 200; i++) {
      const reader = new ResponseReader({ capacity: 8_192 })
      reader.begin('GET')
      commit(reader, 0, `${OK}Content-Length: 16000000\r\n\r\nx`)
      bytes += (reader as unknown as { heap: { bytes: Uint8Array } | null }).heap?.bytes.length ?? 0
      reader.release()
    }
    expect(bytes).toBeLessThanOrEqual(200 * 4_096)
  })
  test('a chunked body moves to the heap when it outgrows the memory', () => {
    const reader = new ResponseReader({ capacity: 1_024 })
    reader.begin('GET')
    commit(reader, 0, `${OK}Transfer-Encoding: chunked\r\n\r\n`)
    let expected = ''
    for (let i = 0; i < 60; i++) {
      const piece = String.fromCharCode(0x61 + (i % 26)).repeat(100)
      expected += piece
      expect(commit(reader, (i & 1) as 0 | 1, `64\r\n${piece}\r\n`)).toBe(STEP_MORE)
    }
    expect(commit(reader, 0, '0\r\n\r\n')).toBe(STEP_COMPLETE)
    expect(reader.response.text()).toBe(expected)
    expect(reader.response.bodyLength).toBe(6_000)
    expect(reader.response.body.buffer).not.toBe(reader.u8.buffer)
    expect(reader.response.header('transfer-encoding')).toBe('chunked')
  })
  test('nothing is allocated for a body that is over the limit', () => {
    const reader = arrived(`${OK}Content-Length: 2000000000\r\n\r\n`)
    expect(reader.error).toMatchObject({ code: 'BodyTooLarge', size: 2_000_000_000, max: 16 * 1024 * 1024 })
  })
  test('no byte outside its region is written, whatever comes', { timeout: 120_000 }, () => {
    const random = new Random(7)
    const codec = new Codec(() => CODEC_TEXT, webTextDecoding())
    const options = { capacity: 1_024, maxHeaders: 3, maxTrailerSize: 30, maxHeadSize: 300 }
    const bytes = BaseResponseReader.regionBytes(options)
    const region = codec.region(bytes + 8_192)
    region.memory.u8.fill(0xa5, region.start, region.start + region.bytes)
    region.carve(4_096)
    const reader = new BaseResponseReader(codec, options, region)
    for (let round = 0; round < 20_000; round++) {
      reader.reset()
      reader.begin(random.pick(['GET', 'HEAD']))
      if (random.oneIn(4)) reader.streaming = true
      const wire = damaged(random, anyResponse(random, 'GET'))
      let index: 0 | 1 = 0
      for (const piece of pieces(random, wire)) {
        for (let at = 0; at < piece.length; at += 1_024) {
          const part = piece.subarray(at, at + 1_024)
          reader.targets()[index].set(part)
          let step = reader.commit(index, part.length)
          while (step === STEP_INTERIM || step === STEP_HEAD || step === STEP_DATA) step = reader.advance()
          index = index === 0 ? 1 : 0
        }
      }
    }
    const isUntouched = (from: number, to: number): boolean => region.memory.u8.subarray(from, to).every((byte) => byte === 0xa5)
    expect(isUntouched(region.start, region.start + 4_096)).toBe(true)
    expect(isUntouched(region.start + 4_096 + bytes, region.start + region.bytes)).toBe(true)
    expect(bytes).toBeGreaterThan(align(INCOMING_BYTES + CHUNKED_BYTES) + 3 * 1_024)
  })
})

describe('steps', () => {
  test('a simple response takes one', () => {
    const reader = new ResponseReader()
    reader.begin('GET')
    expect(commit(reader, 0, hello)).toBe(STEP_COMPLETE)
  })
  test('interim responses are told one by one, and owned', () => {
    const reader = new ResponseReader()
    reader.begin('GET')
    expect(commit(reader, 0, `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 \r\n\r\n${hello}`)).toBe(STEP_INTERIM)
    const first = reader.interim
    expect(reader.advance()).toBe(STEP_INTERIM)
    expect(reader.interim).toEqual({ status: 100, reason: '', headers: [] })
    expect(first).toEqual({ status: 103, reason: 'Early Hints', headers: [['Link', '</a>']] })
    expect(reader.advance()).toBe(STEP_COMPLETE)
    expect(reader.response.text()).toBe('hello')
  })
  test('the count of interim responses begins anew with each response', () => {
    const reader = new ResponseReader()
    for (let i = 0; i < 3; i++) {
      reader.begin('GET')
      let step = commit(reader, (i & 1) as 0 | 1, `${'HTTP/1.1 100 \r\n\r\n'.repeat(10)}${hello}`)
      while (step === STEP_INTERIM) step = reader.advance()
      expect(step).toBe(STEP_COMPLETE)
    }
  })
  test('a streamed body comes in pieces, behind its head', () => {
    const reader = new ResponseReader({ capacity: 1_024 })
    reader.begin('GET')
    expect(reader.streaming).toBe(false)
    reader.streaming = true
    const piece = (): string => latin1Text(reader.u8.subarray(reader.dataAddress, reader.dataAddress + reader.dataLength))
    expect(commit(reader, 0, `${OK}A: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nd`)).toBe(STEP_HEAD)
    const { response } = reader
    const view = response.headerBytes('a') as Uint8Array
    expect([response.status, response.header('a'), response.bodyLength, response.body.length, response.text()]).toEqual([200, 'b', 0, 0, ''])
    expect(reader.advance()).toBe(STEP_DATA)
    // All chunks of a read are one piece.
    expect(piece()).toBe('abcd')
    expect(response.bodyLength).toBe(4)
    expect(reader.advance()).toBe(STEP_MORE)
    expect(commit(reader, 1, 'e\r\n')).toBe(STEP_DATA)
    expect(piece()).toBe('e')
    expect(reader.advance()).toBe(STEP_MORE)
    expect(response.trailers()).toEqual([])
    expect(commit(reader, 0, '0\r\nT: x\r\n\r\n')).toBe(STEP_COMPLETE)
    // The head outlived the targets.
    expect([response.header('a'), latin1Text(view), response.trailers(), response.bodyLength]).toEqual(['b', 'b', [['T', 'x']], 5])
    expect([response.body.length, response.text(), reader.reusable]).toEqual([0, '', true])
  })
  test('a streamed response without a body has its head told all the same', () => {
    const reader = new ResponseReader()
    reader.begin('GET')
    reader.streaming = true
    expect(commit(reader, 0, 'HTTP/1.1 204 \r\n\r\n')).toBe(STEP_HEAD)
    expect(reader.advance()).toBe(STEP_COMPLETE)
    expect(reader.advance()).toBe(STEP_COMPLETE)
  })
  test('a streamed body fails behind the pieces that were right', () => {
    const reader = new ResponseReader()
    reader.begin('GET')
    reader.streaming = true
    expect(commit(reader, 0, `${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx`)).toBe(STEP_HEAD)
    expect(reader.advance()).toBe(STEP_DATA)
    expect(reader.error).toBeNull()
    expect(reader.advance()).toBe(STEP_FAILED)
    expect(reader.error?.code).toBe('MalformedChunk')
  })
  describe('a body without limit', () => {
    const CAPACITY = 16 * 1024 * 1024
    const unlimited = (): ResponseReader => new ResponseReader({ capacity: CAPACITY, maxBodySize: Number.POSITIVE_INFINITY })

    /** Passes `total` bytes of body behind a head, in chunks as large as a target, of which nobody looks at the bytes. */
    const pass = (reader: ResponseReader, head: string, total: number): number => {
      reader.begin('GET')
      reader.streaming = true
      let index: 0 | 1 = 0
      expect(commit(reader, index, head)).toBe(STEP_HEAD)
      let step = reader.advance()
      for (let left = total; left > 0 && step === STEP_MORE; ) {
        index = index === 0 ? 1 : 0
        const length = Math.min(left, CAPACITY)
        step = reader.commit(index, length)
        if (step !== STEP_DATA) return step
        expect(reader.dataLength).toBe(length)
        left -= length
        step = reader.advance()
      }
      return step
    }
    const total = 2 ** 32 + CAPACITY + 5

    test('that is streamed may be longer than 32 bits count, however it is framed', () => {
      const reader = unlimited()
      expect(pass(reader, `${OK}Content-Length: ${total}\r\n\r\n`, total)).toBe(STEP_COMPLETE)
      expect([reader.response.bodyLength, reader.reusable, reader.surplus]).toEqual([total, true, 0])
      expect(pass(reader, `${OK}Transfer-Encoding: chunked\r\n\r\n${total.toString(16)}\r\n`, total)).toBe(STEP_MORE)
      expect(commit(reader, 0, '\r\n3\r\nabc\r\n0\r\n\r\n')).toBe(STEP_DATA)
      expect(reader.advance()).toBe(STEP_COMPLETE)
      expect([reader.response.bodyLength, reader.reusable]).toEqual([total + 3, true])
      expect(pass(reader, `${OK}\r\n`, total)).toBe(STEP_MORE)
      expect([reader.end(), reader.response.bodyLength]).toEqual([STEP_COMPLETE, total])
      reader.release()
    })
    test('that is cut says how much has come, and a byte too many belongs to nothing', () => {
      const reader = unlimited()
      expect(pass(reader, `${OK}Content-Length: ${2 ** 40}\r\n\r\n`, total)).toBe(STEP_MORE)
      expect([reader.end(), reader.error?.message]).toEqual([
        STEP_FAILED,
        `the connection ended in the body of the response, after ${total} of ${2 ** 40} bytes`,
      ])
      reader.reset()
      expect(pass(reader, `${OK}Content-Length: ${2 ** 31}\r\n\r\n`, 2 ** 31 - 3)).toBe(STEP_MORE)
      expect([commit(reader, 0, 'abcd'), reader.dataLength, reader.advance(), reader.surplus]).toEqual([STEP_DATA, 3, STEP_COMPLETE, 1])
      reader.release()
    })
    test.each([2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1])('is for streams: a whole one of %i bytes has the limit of what can be kept', (length) => {
      const reader = unlimited()
      // Behind a streamed one, whose limit is not its.
      expect(pass(reader, `${OK}Content-Length: 5\r\n\r\n`, 5)).toBe(STEP_COMPLETE)
      reader.begin('GET')
      reader.streaming = false
      expect(commit(reader, 0, `${OK}Content-Length: ${length}\r\n\r\n`)).toBe(length < 2 ** 31 ? STEP_MORE : STEP_FAILED)
      if (length >= 2 ** 31) expect(reader.error).toMatchObject({ code: 'BodyTooLarge', max: 2 ** 31 - 1, size: length })
      reader.reset()
      reader.begin('GET')
      expect(commit(reader, 1, hello)).toBe(STEP_COMPLETE)
      expect([reader.response.bodyLength, reader.response.text()]).toEqual([5, 'hello'])
      reader.release()
    })
    test.each([2 ** 31 - 2, 2 ** 31 - 1, 2 ** 31])('a stream of %i bytes has the largest limit that is one', (length) => {
      const reader = new ResponseReader({ maxBodySize: 2 ** 31 - 1 })
      reader.begin('GET')
      reader.streaming = true
      expect(commit(reader, 0, `${OK}Content-Length: ${length}\r\n\r\n`)).toBe(length < 2 ** 31 ? STEP_HEAD : STEP_FAILED)
      reader.release()
    })
  })
  test('streaming is for one response', () => {
    const reader = new ResponseReader()
    reader.begin('GET')
    reader.streaming = true
    commit(reader, 0, 'HTTP/1.1 204 \r\n\r\n')
    reader.advance()
    reader.begin('GET')
    expect(commit(reader, 1, hello)).toBe(STEP_COMPLETE)
  })
  test('a commit of nothing changes nothing', () => {
    const reader = new ResponseReader()
    expect(reader.commit(0, 0)).toBe(STEP_MORE)
    reader.begin('GET')
    expect(reader.commit(0, 0)).toBe(STEP_MORE)
    expect(reader.hasBegun).toBe(false)
    commit(reader, 0, hello)
    expect(reader.commit(1, 0)).toBe(STEP_COMPLETE)
    expect(reader.error).toBeNull()
  })
})

describe('what is said about the connection', () => {
  test('hasBegun from the first byte to the last', () => {
    const reader = new ResponseReader()
    expect(reader.hasBegun).toBe(false)
    reader.begin('GET')
    expect(reader.hasBegun).toBe(false)
    commit(reader, 0, 'H')
    expect(reader.hasBegun).toBe(true)
    commit(reader, 1, hello.slice(1))
    expect(reader.hasBegun).toBe(false)
    reader.begin('GET')
    expect(reader.hasBegun).toBe(false)
  })
  test('reusable only when complete, persistent and ended by its own framing', () => {
    const reusable = (text: string, method = 'GET'): boolean => arrived(text, method).reusable
    expect(reusable(hello)).toBe(true)
    expect(reusable(hello.slice(0, -1))).toBe(false)
    expect(reusable(`${OK}Connection: close\r\nContent-Length: 0\r\n\r\n`)).toBe(false)
    expect(reusable(hello.replace('1.1', '1.0'))).toBe(false)
    expect(reusable(`${OK}Content-Length: 0\r\n\r\n`, 'CONNECT')).toBe(false)
    const closed = arrived(`${OK}\r\nhello`)
    expect(closed.end()).toBe(STEP_COMPLETE)
    expect([closed.reusable, closed.response.text()]).toEqual([false, 'hello'])
  })
  test('the hints of Keep-Alive, in ms and requests', () => {
    const reader = arrived(`${OK}Keep-Alive: timeout=5, max=100\r\nContent-Length: 0\r\n\r\n`)
    expect([reader.keepAliveTimeout, reader.keepAliveMax]).toEqual([5_000, 100])
    reader.begin('GET')
    expect([reader.keepAliveTimeout, reader.keepAliveMax]).toEqual([-1, -1])
    commit(reader, 1, hello)
    expect([reader.keepAliveTimeout, reader.keepAliveMax]).toEqual([-1, -1])
  })
  test('surplus bytes are counted, and belong to the next response', () => {
    const reader = arrived(`${hello}${hello.slice(0, 10)}`)
    expect([reader.surplus, reader.response.text()]).toEqual([10, 'hello'])
    reader.begin('GET')
    expect([reader.hasBegun, reader.advance()]).toEqual([true, STEP_MORE])
    expect(commit(reader, 1, hello.slice(10))).toBe(STEP_COMPLETE)
    expect(reader.surplus).toBe(0)
  })
  test('surplus that advance was not called for is not lost', () => {
    const reader = arrived(`${hello}${hello.slice(0, 10)}`)
    reader.begin('GET')
    expect(commit(reader, 1, hello.slice(10))).toBe(STEP_COMPLETE)
    expect(reader.response.text()).toBe('hello')
  })
  test('bytes that answer no request fail the connection', () => {
    const idle = new ResponseReader()
    expect(commit(idle, 0, 'x')).toBe(STEP_FAILED)
    expect([idle.error, idle.surplus]).toEqual([code('UnexpectedData'), 1])
    const done = arrived(hello)
    expect(commit(done, 1, hello)).toBe(STEP_FAILED)
    expect(done.error).toMatchObject({ code: 'UnexpectedData', size: hello.length })
    expect(done.surplus).toBe(hello.length)
    expect(done.reusable).toBe(false)
  })
  test('a second answer behind the first is never taken for the next one’s', () => {
    const reader = arrived(`${hello}${hello}`)
    expect(reader.surplus).toBe(hello.length)
    expect(commit(reader, 1, hello)).toBe(STEP_FAILED)
  })
})

describe('the first bytes', () => {
  test.each(['H', 'HTTP', 'HTTP/1.', 'HTTP/1.1', 'HTTP/1.0 200 OK\r\n'])('%j may begin a response', (bytes) => {
    expect(arrived(bytes).error).toBe(null)
  })
  test.each(['h', 'HTTPS', 'HTTP/2', 'HTTP/1,', 'SSH-2.0', '\x16\x03\x01', 'HTTP/0.9'])('%j may not, which is known at once', (bytes) => {
    expect(arrived(bytes).error).toMatchObject({ code: bytes.startsWith('HTTP/') ? 'UnsupportedVersion' : 'MalformedHead' })
  })
})

describe('failures', () => {
  test('are latched: no byte after one is interpreted', () => {
    const reader = arrived('SSH-2.0')
    const { error } = reader
    expect(error).toMatchObject({ name: 'HttpError', code: 'MalformedHead', fault: 'remote' })
    expect(commit(reader, 1, hello)).toBe(STEP_FAILED)
    expect(reader.advance()).toBe(STEP_FAILED)
    reader.begin('GET')
    expect(commit(reader, 0, hello)).toBe(STEP_FAILED)
    expect([reader.next(), reader.end(), reader.error]).toEqual([null, STEP_FAILED, error])
    reader.reset()
    reader.begin('GET')
    expect([reader.error, commit(reader, 0, hello)]).toEqual([null, STEP_COMPLETE])
  })
  test.each<[string, ResponseReaderOptions, string, string, number | null, number | null]>([
    [`${OK}A: ${'x'.repeat(50)}`, { maxHeadSize: 40 }, 'HeadTooLarge', 'over maxHeadSize (40 bytes)', null, 40],
    [`${OK}A: b\r\nA: b\r\n\r\n`, { maxHeaders: 1 }, 'TooManyHeaders', 'maxHeaders (1)', null, 1],
    [`${OK}Content-Length: 6\r\n\r\n`, { maxBodySize: 5 }, 'BodyTooLarge', 'at least 6 bytes is over maxBodySize (5 bytes)', 6, 5],
    [`${OK}\r\nabcdef`, { maxBodySize: 5 }, 'BodyTooLarge', 'at least 6 bytes', 6, 5],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\n`, { maxBodySize: 5 }, 'BodyTooLarge', 'at least 7 bytes', 7, 5],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n3;abc\r\n`, { maxChunkExtension: 3 }, 'ChunkExtensionTooLong', '(3 bytes)', null, 3],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nA: bcd\r\n\r\n`, { maxTrailerSize: 8 }, 'TrailersTooLarge', '(8 bytes)', null, 8],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\nC: d\r\n\r\n`, { maxHeaders: 1 }, 'TooManyHeaders', 'maxHeaders (1)', null, 1],
  ])('%j with %o is %s', (text, options, expected, message, size, max) => {
    const { error } = arrived(text, 'GET', options)
    expect(error).toMatchObject({ code: expected, message: expect.stringContaining(message) })
    expect([error?.size, error?.max]).toEqual([size, max])
  })
  test('17 interim responses', () => {
    const reader = arrived('')
    let step = commit(reader, 0, 'HTTP/1.1 100 \r\n\r\n'.repeat(17))
    while (step === STEP_INTERIM) step = reader.advance()
    expect(reader.error).toMatchObject({ code: 'TooManyInterim', size: 17, max: 16 })
  })
  test.each([
    ['', 'before the first byte of the response'],
    ['HTTP/1.1 2', 'in the head of the response'],
    [`${OK}Content-Length: 10\r\n\r\nhello`, 'after 5 of 10 bytes'],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`, 'after 3 bytes and before the last chunk'],
  ])('an end behind %j says where', (text, where) => {
    const reader = arrived(text)
    expect(reader.end()).toBe(STEP_FAILED)
    expect(reader.error).toMatchObject({ code: 'UnexpectedEnd', message: expect.stringContaining(where) })
    expect(commit(reader, 1, hello)).toBe(STEP_FAILED)
  })
  test('an end between responses is none', () => {
    const reader = new ResponseReader()
    expect([reader.end(), reader.error]).toEqual([STEP_COMPLETE, null])
    reader.begin('GET')
    commit(reader, 0, hello)
    expect([reader.end(), reader.error, reader.response.text()]).toEqual([STEP_COMPLETE, null, 'hello'])
  })
})

describe('order', () => {
  test('begin while a response is unfinished throws, and changes nothing', () => {
    const reader = arrived(hello.slice(0, -1))
    expect(() => reader.begin('GET')).toThrow(code('RequestOutOfOrder'))
    expect(commit(reader, 1, 'o')).toBe(STEP_COMPLETE)
    const inHead = arrived('HTTP')
    expect(() => inHead.begin('GET')).toThrow(code('RequestOutOfOrder'))
  })
  test('begin may be repeated before the first byte', () => {
    const reader = new ResponseReader()
    reader.begin('GET')
    reader.begin('HEAD')
    expect(commit(reader, 0, `${OK}Content-Length: 5\r\n\r\n`)).toBe(STEP_COMPLETE)
  })
  test('a released reader does nothing any more', () => {
    const reader = arrived(hello)
    reader.release()
    reader.release()
    for (const use of [
      () => reader.begin('GET'),
      () => reader.next(),
      () => reader.spare(),
      () => reader.filled(0),
      () => reader.read(new Uint8Array(1)),
      () => reader.end(),
    ]) {
      expect(use).toThrow(code('Released'))
    }
    expect([reader.commit(0, 1), reader.advance()]).toEqual([STEP_FAILED, STEP_FAILED])
    expect(() => reader.reset()).toThrow(code('Released'))
  })
})

describe('read, spare and next', () => {
  test('give whole responses, one by one', () => {
    const reader = new ResponseReader()
    expect(reader.next()).toBeNull()
    reader.read(latin1Bytes(`HTTP/1.1 100 \r\n\r\n${hello}${hello.replace('hello', 'HELLO')}HTTP`))
    expect(reader.next()?.text()).toBe('hello')
    expect(reader.next()?.text()).toBe('HELLO')
    expect([reader.next(), reader.error]).toEqual([null, null])
    reader.read(latin1Bytes('/1.1 204 \r\n\r\n'))
    expect(reader.next()?.status).toBe(204)
    expect(reader.next()).toBeNull()
  })
  test('begin tells next what it answers', () => {
    const reader = new ResponseReader()
    reader.read(latin1Bytes(`${OK}Content-Length: 5\r\n\r\n${hello}`))
    reader.begin('HEAD')
    expect(reader.next()?.bodyLength).toBe(0)
    expect(reader.next()?.text()).toBe('hello')
  })
  test('a body until close is given after the end', () => {
    const reader = new ResponseReader()
    reader.read(latin1Bytes(`${OK}\r\nhello`))
    expect(reader.next()).toBeNull()
    expect(reader.end()).toBe(STEP_COMPLETE)
    expect(reader.next()?.text()).toBe('hello')
    expect(reader.next()).toBeNull()
  })
  test.each([
    ['a length', 'Content-Length: 5\r\n\r\nhello', [true, true, true]],
    ['chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n', [true, true, true]],
    ['the end of the connection', '\r\nhello', [false, true, null]],
  ])('whether the end of a body with %s is verified', (_, rest, expected) => {
    const results = (['unverified', 'verified', 'truncated'] as const).map((proof) => {
      const reader = new ResponseReader()
      reader.read(latin1Bytes(OK + rest))
      const early = reader.next()
      const code = reader.end(proof)
      const response = early ?? reader.next()
      if (response === null)
        expect([code, reader.error?.code, reader.error?.message]).toEqual([STEP_FAILED, 'UnexpectedEnd', expect.stringContaining('after 5 bytes')])
      else expect(response.toOwned().isEndVerified).toBe(response.isEndVerified)
      return response?.isEndVerified ?? null
    })
    expect(results).toEqual(expected)
  })
  test('what an earlier response’s end proved says nothing of the next one', () => {
    const reader = new ResponseReader()
    for (const proof of ['verified', 'unverified'] as const) {
      reader.reset()
      reader.read(latin1Bytes(`${OK}\r\nhello`))
      reader.next()
      reader.end(proof)
      expect(reader.next()?.isEndVerified).toBe(proof === 'verified')
    }
  })
  test('a response that is held outlives reads, up to the next one', () => {
    const reader = new ResponseReader({ capacity: 1_024 })
    reader.read(latin1Bytes(hello))
    const held = reader.next()
    // Twice: what was not filled must not make the reader turn back to where the response lies.
    reader.spare()
    reader.spare().fill(0x78)
    expect(held?.text()).toBe('hello')
    reader.read(latin1Bytes(hello.replace('hello', 'HELLO')))
    reader.read(latin1Bytes('HTTP/1.1 2'))
    expect(held?.text()).toBe('hello')
    expect(reader.next()?.text()).toBe('HELLO')
    expect(() => held?.text()).toThrow(code('StaleResponse'))
  })
  test('what does not fit is refused as a whole', () => {
    const reader = new ResponseReader({ capacity: 1_024 })
    expect(() => reader.read(new Uint8Array(1_025))).toThrow(expect.objectContaining({ code: 'BufferFull', needed: 1_025, available: 1_024 }))
    reader.read(latin1Bytes(hello))
    expect(() => reader.read(new Uint8Array(1_000))).toThrow(
      expect.objectContaining({ code: 'BufferFull', needed: 1_000, available: 1_024 - hello.length }),
    )
    expect(reader.next()?.text()).toBe('hello')
    const room = reader.spare().length
    for (const wrong of [-1, 0.5, room + 1, Number.NaN]) expect(() => reader.filled(wrong)).toThrow(code('BufferFull'))
    reader.filled(0)
  })
  test('surplus bytes move when there is no room behind them', () => {
    const reader = new ResponseReader({ capacity: 1_024 })
    const filler = `${OK}Content-Length: 900\r\n\r\n${'x'.repeat(900)}`
    reader.read(latin1Bytes(filler + hello.slice(0, 1_024 - filler.length)))
    const held = reader.next()
    reader.read(latin1Bytes(hello.slice(1_024 - filler.length)))
    expect(held?.text()).toBe('x'.repeat(900))
    expect(reader.next()?.text() ?? reader.next()?.text()).toBe('hello')
  })
  test('a reader that is full of responses takes more when they are taken', () => {
    const reader = new ResponseReader({ capacity: 1_024 })
    const count = Math.floor(1_024 / hello.length)
    for (let turn = 0; turn < 3; turn++) {
      for (let i = 0; i < count; i++) reader.read(latin1Bytes(hello))
      expect(() => reader.read(latin1Bytes(hello))).toThrow(code('BufferFull'))
      for (let i = 0; i < count; i++) expect(reader.next()?.text()).toBe('hello')
      expect(reader.next()).toBeNull()
    }
  })
})

describe('memory', () => {
  test('is given back', () => {
    const codec = new Codec(() => CODEC_TEXT, webTextDecoding())
    const readers = Array.from({ length: 4 }, () => new BaseResponseReader(codec, { capacity: 16 * 1024 * 1024 }))
    const most = codec.memoryCount
    expect(most).toBeGreaterThan(1)
    for (const reader of readers) reader.release()
    expect(codec.memoryCount).toBe(1)
  })
  test('in a region that is shared stays with its owner', () => {
    const codec = new Codec(() => CODEC_TEXT, webTextDecoding())
    const region = codec.region(2 * BaseResponseReader.regionBytes())
    const one = new BaseResponseReader(codec, {}, region)
    const other = new BaseResponseReader(codec, {}, region)
    one.begin('GET')
    other.begin('GET')
    commit(one, 0, hello)
    commit(other, 0, hello.replace('hello', 'HELLO'))
    one.release()
    expect(other.response.text()).toBe('HELLO')
    region.release()
  })
})
