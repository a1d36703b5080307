/** Methods: which are refused, and with what hint. */

import { expect, test } from 'vitest'
import { methodFault } from '../../../../src/codec/http/method.ts'

test.each(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'CONNECT', 'PROPFIND', 'purge', 'X', 'a b', ''])(
  '%j is no fault',
  (method) => {
    expect(methodFault(method)).toBe(null)
  },
)

test.each(['get', 'Get', 'gET', 'post', 'pAtch', 'delete'])('%s is a slip', (method) => {
  expect(methodFault(method)).toMatchObject({ code: 'InvalidOption', message: expect.stringContaining(`did you mean '${method.toUpperCase()}'?`) })
})

test.each([undefined, null, 5, {}, ['GET']])('%j is no method', (method) => {
  expect(methodFault(method)).toMatchObject({ code: 'InvalidOption', message: expect.stringMatching(/^method must be a string, but is /) })
})
