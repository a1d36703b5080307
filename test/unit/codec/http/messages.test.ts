import { describe, expect, test } from 'vitest'
import { type FieldsInit, requestSize, responseSize, writeRequest, writeResponse } from '../../../../src/entry/codec.ts'
import { latin1Text } from '../../../reference/linear.ts'

const code = (expected: string): unknown => expect.objectContaining({ code: expected })

/** What is written, which is exactly as long as was said, and nothing behind it. */
function written(size: number, write: (output: Uint8Array) => number): string {
  const output = new Uint8Array(size + 8).fill(0xa5)
  expect(write(output)).toBe(size)
  expect([...output.subarray(size)]).toEqual(Array.from({ length: 8 }, () => 0xa5))
  const exact = new Uint8Array(size)
  expect(write(exact)).toBe(size)
  if (size > 0) {
    expect(() => write(new Uint8Array(size - 1))).toThrow(expect.objectContaining({ code: 'BufferFull', needed: size, available: size - 1 }))
  }
  return latin1Text(exact)
}

const request = (method: string, target: string, headers?: FieldsInit): string =>
  written(requestSize(method, target, headers), (output) => writeRequest(method, target, headers, output))
const response = (status: number, reason: string, headers?: FieldsInit): string =>
  written(responseSize(status, reason, headers), (output) => writeResponse(status, reason, headers, output))

describe('writeRequest', () => {
  test('writes a head, and adds nothing', () => {
    expect(request('GET', '/')).toBe('GET / HTTP/1.1\r\n\r\n')
    expect(request('POST', '/a?b', { Host: 'a', 'X-Y': ['1', '2'], Empty: '' })).toBe(
      'POST /a?b HTTP/1.1\r\nHost: a\r\nX-Y: 1\r\nX-Y: 2\r\nEmpty: \r\n\r\n',
    )
    expect(request('CONNECT', 'a:443', [['content-length', '0']])).toBe('CONNECT a:443 HTTP/1.1\r\ncontent-length: 0\r\n\r\n')
  })
  test('takes fields that can be gone through only once', () => {
    function* once(): Generator<readonly [string, string]> {
      yield ['A', 'b']
    }
    const output = new Uint8Array(100)
    const length = writeRequest('GET', '/', once(), output)
    expect(latin1Text(output.subarray(0, length))).toBe('GET / HTTP/1.1\r\nA: b\r\n\r\n')
  })
  test('writes text as UTF-8', () => {
    expect(request('GET', '/', { A: 'é€😀' })).toBe('GET / HTTP/1.1\r\nA: \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\r\n\r\n')
  })
  test.each<[string, string, FieldsInit]>([
    ['GE T', '/', {}],
    ['', '/', {}],
    ['GET', '', {}],
    ['GET', '/a b', {}],
    ['GET', '/\r\nA: b', {}],
    ['GET', '/é', {}],
    ['GET', '/', { 'A B': 'c' }],
    ['GET', '/', { '': 'c' }],
    ['GET', '/', { A: 'b\r\nc' }],
    ['GET', '/', { A: '\0' }],
  ])('refuses %j %j %j, and writes nothing', (method, target, headers) => {
    const output = new Uint8Array(200).fill(0xa5)
    expect(() => writeRequest(method, target, headers, output)).toThrow(code('HeaderInjection'))
    expect(output.every((byte) => byte === 0xa5)).toBe(true)
  })
  test('has an end: 64 KiB', () => {
    expect(request('GET', '/', { A: 'x'.repeat(65_536 - 23) }).length).toBe(65_536)
    expect(() => writeRequest('GET', '/', { A: 'x'.repeat(65_536 - 22) }, new Uint8Array(100_000))).toThrow(code('OutgoingHeadTooLarge'))
  })
})

describe('writeResponse', () => {
  test('writes a head, and adds nothing', () => {
    expect(response(200, 'OK')).toBe('HTTP/1.1 200 OK\r\n\r\n')
    expect(response(100, '', [])).toBe('HTTP/1.1 100 \r\n\r\n')
    expect(response(431, 'Too Large\t\xe9', { A: 'b' })).toBe('HTTP/1.1 431 Too Large\t\xc3\xa9\r\nA: b\r\n\r\n')
  })
  test.each([99, 1_000, 200.5, Number.NaN])('refuses status %s', (status) => {
    expect(() => writeResponse(status, 'OK', {}, new Uint8Array(99))).toThrow(code('InvalidOption'))
    expect(() => responseSize(status, 'OK')).toThrow(code('InvalidOption'))
  })
  test.each(['a\r\nb', '\0', 'a\nb', '\x7f'])('refuses reason %j', (reason) => {
    expect(() => writeResponse(200, reason, {}, new Uint8Array(99))).toThrow(code('HeaderInjection'))
  })
})
