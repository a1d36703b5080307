import { expect, test } from 'vitest'
import { askCompressed } from '../../../../src/codec/http/accept-encoding.ts'
import { latin1Bytes, latin1Text } from '../../../reference/linear.ts'

const asked = (request: string): string => latin1Text(askCompressed(latin1Bytes(request)).bytes)
const FIELD = 'Accept-Encoding: gzip, deflate\r\n'

test.each([
  ['no other field', 'GET / HTTP/1.1\r\n', '\r\n'],
  ['fields', 'GET / HTTP/1.1\r\nHost: a\r\nX-Accept-Encoding: br\r\nX: Range: 1\r\n', '\r\n'],
  ['a body that looks like a head', 'POST / HTTP/1.1\r\nContent-Length: 26\r\n', '\r\n\r\nAccept-Encoding: br\r\n\r\n'],
])('it stands behind %s', (_, head, rest) => {
  expect(asked(head + rest)).toBe(head + FIELD + rest)
})

test.each([
  ['asks for codings of its own', 'GET / HTTP/1.1\r\nHost: a\r\naccept-encoding: br\r\n\r\n'],
  ['asks for none', 'GET / HTTP/1.1\r\nAccept-Encoding: \r\nHost: a\r\n\r\n'],
  ['asks for a range', 'GET / HTTP/1.1\r\nHost: a\r\nRANGE: bytes=0-1\r\n\r\n'],
  ['has no end', 'GET / HTTP/1.1\r\nHost: a\r\n'],
  ['is no request', 'nonsense'],
  ['is empty', ''],
])('a request that %s is left as it is', (_, request) => {
  const bytes = latin1Bytes(request)
  const asking = askCompressed(bytes)
  expect([asking.bytes === bytes, asking.body]).toEqual([true, null])
})

test.each([16_383, 16_384, 16_385])('a body of %d bytes: a long one is not copied', (length) => {
  const head = `POST / HTTP/1.1\r\nContent-Length: ${length}\r\n`
  const request = latin1Bytes(`${head}\r\n${'x'.repeat(length)}`)
  const { bytes, body } = askCompressed(request)
  if (length <= 16_384) {
    expect([latin1Text(bytes), body]).toEqual([`${head}${FIELD}\r\n${'x'.repeat(length)}`, null])
    return
  }
  expect([latin1Text(bytes), body?.length]).toEqual([`${head}${FIELD}\r\n`, length])
  expect([body?.buffer === request.buffer, body?.byteOffset]).toEqual([true, request.byteOffset + request.length - length])
})
