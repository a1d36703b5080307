import { expect, test } from 'vitest'
import { askCompressed } from '../../../../src/codec/http/accept-encoding.ts'
import { latin1Bytes, latin1Text } from '../../../reference/linear.ts'

const asked = (request: string): string => latin1Text(askCompressed(latin1Bytes(request)))
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
  expect(askCompressed(bytes)).toBe(bytes)
})
