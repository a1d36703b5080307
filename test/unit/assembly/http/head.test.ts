import { describe, expect, test } from 'vitest'
import * as abi from '../../../../assembly/abi.ts'
import { FREE, linear } from '../../../reference/linear.ts'

const memory = linear()
const { codec, put, text, u8, view } = memory

const HEAD = FREE
const RECORD = 100_032
const FIELDS = 101_056

interface ParsedHead {
  minorVersion: number
  status: number
  reason: string
  method: string
  target: string
  fields: [name: string, value: string][]
}

/** The head, or the negative code. */
function parse(kind: 'request' | 'response', head: string, capacity = 64): ParsedHead | number {
  u8.fill(0, RECORD, FIELDS + 4_096)
  // What lies behind the head must make no difference.
  u8.fill(0x3a, HEAD, HEAD + head.length + 64)
  put(HEAD, head)
  view.setUint32(RECORD + abi.HEAD_FIELDS, FIELDS, true)
  view.setUint32(RECORD + abi.HEAD_FIELD_CAPACITY, capacity, true)
  const scanned = codec.headScan(HEAD, head.length, 0)
  if (scanned !== head.length) return scanned < 0 ? scanned : Number.NaN
  const count = kind === 'request' ? codec.parseRequestHead(RECORD, HEAD, head.length) : codec.parseResponseHead(RECORD, HEAD, head.length)
  if (count < 0) return count
  const word = (offset: number): number => view.getUint32(RECORD + offset, true)
  expect(word(abi.HEAD_FIELD_COUNT)).toBe(count)
  const fieldWord = (i: number, n: number): number => view.getUint32(FIELDS + i * abi.FIELD_BYTES + n * 4, true)
  return {
    minorVersion: word(abi.HEAD_MINOR_VERSION),
    status: word(abi.HEAD_STATUS),
    reason: text(word(abi.HEAD_REASON), word(abi.HEAD_REASON_LENGTH)),
    method: text(word(abi.HEAD_METHOD), word(abi.HEAD_METHOD_LENGTH)),
    target: text(word(abi.HEAD_TARGET), word(abi.HEAD_TARGET_LENGTH)),
    fields: Array.from({ length: count }, (_, i) => [text(fieldWord(i, 0), fieldWord(i, 1)), text(fieldWord(i, 2), fieldWord(i, 3))]),
  }
}

const response = (head: string, capacity?: number): ParsedHead | number => parse('response', head, capacity)
const request = (head: string, capacity?: number): ParsedHead | number => parse('request', head, capacity)
const MALFORMED = abi.HEAD_MALFORMED
/** What a field block means, behind a good first line. */
const fields = (block: string): [string, string][] | number => {
  const parsed = response(`HTTP/1.1 200 OK\r\n${block}\r\n\r\n`)
  return typeof parsed === 'number' ? parsed : parsed.fields
}

describe('headScan', () => {
  const head = 'HTTP/1.1 200 OK\r\nA: b\r\n\r\n'
  const scan = (bytes: string, scanned = 0): number => codec.headScan(HEAD, put(HEAD, bytes), scanned)

  test('finds the blank line, and only the first', () => {
    expect(scan(head)).toBe(head.length)
    expect(scan(`${head}HTTP/1.1 200 OK\r\n\r\n`)).toBe(head.length)
  })
  test('is incomplete at every shorter length', () => {
    for (let length = 0; length < head.length; length++) expect(scan(head.slice(0, length)), `${length}`).toBe(abi.HEAD_INCOMPLETE)
  })
  test('goes on from where an earlier call stopped, wherever that was', () => {
    for (let scanned = 0; scanned < head.length; scanned++) expect(scan(head, scanned), `from ${scanned}`).toBe(head.length)
  })
  test('does not look again at what was scanned', () => {
    expect(scan(`\n${head}`, 1)).toBe(head.length + 1)
  })
  test.each([
    ['a bare LF in a line', 'HTTP/1.1 200 OK\nA: b'],
    ['a bare LF as the blank line', 'HTTP/1.1 200 OK\r\nA: b\r\n\n'],
    ['a LF at the beginning', '\nHTTP/1.1 200 OK'],
    ['an empty line at the beginning', '\r\nHTTP/1.1 200 OK'],
  ])('refuses %s as soon as it comes', (_, bytes) => expect(scan(bytes)).toBe(MALFORMED))
  test('leaves a CR LF CR LF that is cut alone until it is whole', () => {
    expect(scan('HTTP/1.1 200 OK\r\n\r')).toBe(abi.HEAD_INCOMPLETE)
  })
})

describe('a status line', () => {
  test.each([
    ['HTTP/1.1 200 OK', 1, 200, 'OK'],
    ['HTTP/1.0 404 Not Found', 0, 404, 'Not Found'],
    ['HTTP/1.9 101 Switching Protocols', 1, 101, 'Switching Protocols'],
    ['HTTP/1.1 200 ', 1, 200, ''],
    ['HTTP/1.1 200', 1, 200, ''],
    ['HTTP/1.1 999 \tA\tb', 1, 999, '\tA\tb'],
    ['HTTP/1.1 100 K\xf6nnen', 1, 100, 'K\xf6nnen'],
    ['HTTP/1.1 200  two spaces', 1, 200, ' two spaces'],
  ])('%j is taken', (line, minorVersion, status, reason) => {
    expect(response(`${line}\r\n\r\n`)).toMatchObject({ minorVersion, status, reason, fields: [] })
  })
  test.each([
    'HTTP/2.0 200 OK',
    'HTTP/1.10 200 OK',
    'HTTP/1.x 200 OK',
    'HTTP/0.9 200 OK',
    'http/1.1 200 OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1\t200 OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 099 OK',
    'HTTP/1.1 000 OK',
    'HTTP/1.1 2x0 OK',
    'HTTP/1.1 200OK',
    'HTTP/1.1 200\tOK',
    'HTTP/1.1 +20 OK',
    'HTTP/1.1',
    'HTTP/1.1 ',
    'HTTP/1.1 20',
    ' HTTP/1.1 200 OK',
    'HTTP/1.1 200 O\rK',
    'HTTP/1.1 200 O\0K',
    'HTTP/1.1 200 O\x7fK',
    'HTTP/1.1 200 O\x1bK',
    'X',
  ])('%j is refused', (line) => {
    expect(response(`${line}\r\n\r\n`)).toBe(MALFORMED)
    expect(response(`${line}\r\nA: b\r\n\r\n`)).toBe(MALFORMED)
  })
})

describe('a request line', () => {
  test.each([
    ['GET / HTTP/1.1', 'GET', '/', 1],
    ['OPTIONS * HTTP/1.1', 'OPTIONS', '*', 1],
    ['GET http://a/b?c=d HTTP/1.0', 'GET', 'http://a/b?c=d', 0],
    ['CONNECT [::1]:443 HTTP/1.5', 'CONNECT', '[::1]:443', 1],
    ["!#$%&'*+-.^_`|~09AZaz /x HTTP/1.1", "!#$%&'*+-.^_`|~09AZaz", '/x', 1],
  ])('%j is taken', (line, method, target, minorVersion) => {
    expect(request(`${line}\r\n\r\n`)).toMatchObject({ method, target, minorVersion, fields: [] })
  })
  test.each([
    'GET  / HTTP/1.1',
    'GET /  HTTP/1.1',
    ' GET / HTTP/1.1',
    'GET / HTTP/1.1 ',
    'GET\t/ HTTP/1.1',
    'GET /\tHTTP/1.1',
    'GET /a b HTTP/1.1',
    'GET / HTTP/1.',
    'GET / HTTP/1.10',
    'GET / http/1.1',
    'GET /',
    'GET / ',
    'GET',
    'GET  HTTP/1.1',
    'G@T / HTTP/1.1',
    ' / HTTP/1.1',
    'GET /\xe9 HTTP/1.1',
    'GET /\x7f HTTP/1.1',
    'GET /\0 HTTP/1.1',
    'GET /\rx HTTP/1.1',
    'GET / HTTP/1.1\r',
  ])('%j is refused', (line) => {
    expect(request(`${line}\r\n\r\n`)).toBe(MALFORMED)
    expect(request(`${line}\r\nHost: a\r\n\r\n`)).toBe(MALFORMED)
  })
  test.each(['GET / HTTP/2.0', 'GET / HTTP/0.9', 'GET / HTTP/1', 'GET / HTTP/', 'PRI * HTTP/2.0'])('%j has a version that is not ours', (line) => {
    expect(request(`${line}\r\n\r\n`)).toBe(abi.HEAD_UNSUPPORTED_VERSION)
    expect(request(`${line}\r\nHost: a\r\n\r\n`)).toBe(abi.HEAD_UNSUPPORTED_VERSION)
  })
})

describe('fields', () => {
  test.each<[string, [string, string][]]>([
    ['A: b', [['A', 'b']]],
    ['A:b', [['A', 'b']]],
    ['A:', [['A', '']]],
    ['A: ', [['A', '']]],
    ['A: \t b \t ', [['A', 'b']]],
    ['A: b c\td', [['A', 'b c\td']]],
    ['A: b:c', [['A', 'b:c']]],
    ['A: \xe4\xff\x80', [['A', '\xe4\xff\x80']]],
    [
      'A: b\r\na: c\r\nA: d',
      [
        ['A', 'b'],
        ['a', 'c'],
        ['A', 'd'],
      ],
    ],
    ["!#$%&'*+-.^_`|~: v", [["!#$%&'*+-.^_`|~", 'v']]],
  ])('%j', (block, expected) => expect(fields(block)).toEqual(expected))

  test.each([
    'A : b',
    'A\t: b',
    'A',
    ': b',
    'A b: c',
    'A(b): c',
    'A: b\rc',
    'A: b\r\r',
    'A: b\0c',
    'A: \x01',
    'A: \x1f',
    'A: \x7f',
    'A\0: b',
    'A\xe9: b',
    ' A: b',
    '\tA: b',
    'A: b\r\nC',
    'A: b\r\n: c',
  ])('%j is refused', (block) => expect(fields(block)).toBe(MALFORMED))

  describe('obs-fold', () => {
    test.each<[string, [string, string][]]>([
      ['A: b\r\n c', [['A', 'b   c']]],
      ['A: b\r\n\tc', [['A', 'b  \tc']]],
      [
        'A: b\r\n  c\r\n  d\r\nE: f',
        [
          ['A', 'b    c    d'],
          ['E', 'f'],
        ],
      ],
      ['A: b\r\n ', [['A', 'b']]],
      ['A: b\r\n \r\n c', [['A', 'b      c']]],
    ])('%j is unfolded into spaces', (block, expected) => {
      const unfolded = fields(block)
      expect(unfolded).not.toBeTypeOf('number')
      expect((unfolded as [string, string][]).map(([name, value]) => [name, value.replace(/[ \t]+/g, ' ')])).toEqual(
        expected.map(([name, value]) => [name, value.replace(/[ \t]+/g, ' ')]),
      )
    })
    test('of a value that begins in its second line leaves no space before it', () => {
      expect(fields('A:\r\n b')).toEqual([['A', 'b']])
      expect(fields('A: \r\n\t b\r\nC: d')).toEqual([
        ['A', 'b'],
        ['C', 'd'],
      ])
    })
    test('before the first field is refused', () => {
      expect(fields(' A: b')).toBe(MALFORMED)
      expect(response('HTTP/1.1 200 OK\r\n \r\n\r\n')).toBe(MALFORMED)
    })
    test('with a control in the folded line is refused', () => expect(fields('A: b\r\n c\0')).toBe(MALFORMED))
  })

  test('as many as the table holds are taken, one more is too many', () => {
    const block = (n: number): string => Array.from({ length: n }, (_, i) => `F${i}: ${i}`).join('\r\n')
    const head = (n: number): string => `HTTP/1.1 200 OK\r\n${block(n)}\r\n\r\n`
    for (const capacity of [1, 2, 64]) {
      expect((response(head(capacity), capacity) as ParsedHead).fields).toHaveLength(capacity)
      expect(response(head(capacity + 1), capacity)).toBe(abi.HEAD_TOO_MANY_FIELDS)
    }
    expect(response('HTTP/1.1 200 OK\r\nA: b\r\n\r\n', 0)).toBe(abi.HEAD_TOO_MANY_FIELDS)
    expect(request(`GET / HTTP/1.1\r\n${block(3)}\r\n\r\n`, 2)).toBe(abi.HEAD_TOO_MANY_FIELDS)
  })
  test('a table too small is not written past', () => {
    response('HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\nE: f\r\n\r\n', 1)
    expect(view.getUint32(FIELDS + abi.FIELD_BYTES, true)).toBe(0)
  })
})

// The parsers agree with a table of the RFC's own words, byte by byte.
describe('every byte', () => {
  const TCHAR = new Set("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  const isTchar = (byte: number): boolean => TCHAR.has(String.fromCharCode(byte))
  const isValue = (byte: number): boolean => byte === 0x09 || (byte >= 0x20 && byte <= 0x7e) || byte >= 0x80
  const isTarget = (byte: number): boolean => byte >= 0x21 && byte <= 0x7e
  const bytes = Array.from({ length: 256 }, (_, byte) => byte)
  const ok = (result: ParsedHead | number): boolean => typeof result !== 'number'

  test('in a field name', () => {
    for (const byte of bytes) {
      // A colon ends the name: what follows is a value.
      if (byte === 0x3a) continue
      expect(ok(response(`HTTP/1.1 200 OK\r\na${String.fromCharCode(byte)}b: c\r\n\r\n`)), `${byte}`).toBe(isTchar(byte))
    }
  })
  test('in a field value', () => {
    for (const byte of bytes) expect(ok(response(`HTTP/1.1 200 OK\r\nA: b${String.fromCharCode(byte)}c\r\n\r\n`)), `${byte}`).toBe(isValue(byte))
  })
  test('in a reason', () => {
    for (const byte of bytes) expect(ok(response(`HTTP/1.1 200 b${String.fromCharCode(byte)}c\r\n\r\n`)), `${byte}`).toBe(isValue(byte))
  })
  test('in a method', () => {
    for (const byte of bytes) {
      if (byte === 0x20) continue
      expect(ok(request(`G${String.fromCharCode(byte)}T / HTTP/1.1\r\n\r\n`)), `${byte}`).toBe(isTchar(byte))
    }
  })
  test('in a target', () => {
    for (const byte of bytes) expect(ok(request(`GET /${String.fromCharCode(byte)}x HTTP/1.1\r\n\r\n`)), `${byte}`).toBe(isTarget(byte))
  })

  const OUT = 120_000
  const OUT_END = OUT + 4_096
  const PART = 110_000
  const putPart = (byte: number): number => put(PART, `a${String.fromCharCode(byte)}b`)

  test('in a name that is written', () => {
    for (const byte of bytes) {
      const length = putPart(byte)
      put(PART + 100, 'v')
      const end = codec.putField(OUT, OUT_END, PART, length, PART + 100, 1)
      expect(end !== 0, `${byte}`).toBe(isTchar(byte))
      if (end !== 0) expect(text(OUT, end - OUT)).toBe(`a${String.fromCharCode(byte)}b: v\r\n`)
    }
  })
  test('in a value that is written', () => {
    for (const byte of bytes) {
      put(PART + 100, 'N')
      const end = codec.putField(OUT, OUT_END, PART + 100, 1, PART, putPart(byte))
      expect(end !== 0, `${byte}`).toBe(isValue(byte))
      if (end !== 0) expect(text(OUT, end - OUT)).toBe(`N: a${String.fromCharCode(byte)}b\r\n`)
    }
  })
  test('in a method that is written', () => {
    for (const byte of bytes) {
      put(PART + 100, '/')
      expect(codec.putRequestLine(OUT, OUT_END, PART, putPart(byte), PART + 100, 1) !== 0, `${byte}`).toBe(isTchar(byte))
    }
  })
  test('in a target that is written', () => {
    for (const byte of bytes) {
      put(PART + 100, 'GET')
      const end = codec.putRequestLine(OUT, OUT_END, PART + 100, 3, PART, putPart(byte))
      expect(end !== 0, `${byte}`).toBe(isTarget(byte))
      if (end !== 0) expect(text(OUT, end - OUT)).toBe(`GET a${String.fromCharCode(byte)}b HTTP/1.1\r\n`)
    }
  })
  test('in a reason that is written', () => {
    for (const byte of bytes) {
      const end = codec.putStatusLine(OUT, OUT_END, 200, PART, putPart(byte))
      expect(end !== 0, `${byte}`).toBe(isValue(byte))
      if (end !== 0) expect(text(OUT, end - OUT)).toBe(`HTTP/1.1 200 a${String.fromCharCode(byte)}b\r\n`)
    }
  })

  test('an empty name, method or target is refused, an empty value or reason is not', () => {
    put(PART, 'x')
    expect(codec.putField(OUT, OUT_END, PART, 0, PART, 1)).toBe(0)
    expect(codec.putRequestLine(OUT, OUT_END, PART, 0, PART, 1)).toBe(0)
    expect(codec.putRequestLine(OUT, OUT_END, PART, 1, PART, 0)).toBe(0)
    expect(codec.putField(OUT, OUT_END, PART, 1, PART, 0)).toBe(OUT + 'x: \r\n'.length)
    expect(codec.putStatusLine(OUT, OUT_END, 204, PART, 0)).toBe(OUT + 'HTTP/1.1 204 \r\n'.length)
  })
  test.each([0, 99, 1_000, -1])('status %i is refused', (status) => {
    expect(codec.putStatusLine(OUT, OUT_END, status, PART, 0)).toBe(0)
  })
  test.each([100, 101, 405, 999])('status %i is written with three digits', (status) => {
    const end = codec.putStatusLine(OUT, OUT_END, status, PART, 0)
    expect(text(OUT, end - OUT)).toBe(`HTTP/1.1 ${status} \r\n`)
  })
  test('a part that is refused leaves nothing behind', () => {
    u8.fill(0x5a, OUT, OUT + 64)
    put(PART, 'a\r\nInjected: yes')
    put(PART + 100, 'Name')
    expect(codec.putField(OUT, OUT_END, PART + 100, 4, PART, 16)).toBe(0)
    expect(codec.putField(OUT, OUT_END, PART, 16, PART + 100, 4)).toBe(0)
    expect(codec.putRequestLine(OUT, OUT_END, PART, 16, PART + 100, 4)).toBe(0)
    expect(codec.putRequestLine(OUT, OUT_END, PART + 100, 4, PART, 16)).toBe(0)
    expect(codec.putStatusLine(OUT, OUT_END, 200, PART, 16)).toBe(0)
    expect(u8.subarray(OUT, OUT + 64).every((byte) => byte === 0x5a)).toBe(true)
  })
  test('the end of a head is an empty line', () => {
    expect(text(OUT, codec.putEndOfHead(OUT, OUT_END) - OUT)).toBe('\r\n')
  })
})

test('what is written is read back as it was given', () => {
  const OUT = HEAD
  const OUT_END = OUT + 8_192
  let at = OUT
  const PART = 110_000
  const part = (content: string, offset: number): [number, number] => [PART + offset, put(PART + offset, content)]
  at = codec.putRequestLine(at, OUT_END, ...part('POST', 0), ...part('/a?b=c', 100))
  const written: [string, string][] = [
    ['Host', 'h:1'],
    ['X', ''],
    ['Y', 'a\tb \xff'],
  ]
  for (const [name, value] of written) at = codec.putField(at, OUT_END, ...part(name, 0), ...part(value, 100))
  at = codec.putEndOfHead(at, OUT_END)
  expect(request(text(OUT, at - OUT))).toMatchObject({ method: 'POST', target: '/a?b=c', minorVersion: 1, fields: written })
})
