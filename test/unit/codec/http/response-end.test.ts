/** Every state of a response × every end that a connection can have. */

import { expect, test } from 'vitest'
import { BODY_CHUNKED, BODY_LENGTH, BODY_UNTIL_CLOSE, INCOMING_IN_BODY, INCOMING_IN_HEAD } from '../../../../assembly/abi.ts'
import { endFault, type UnfinishedResponse } from '../../../../src/codec/http/response-end.ts'

const inHead = (hasBegun: boolean): UnfinishedResponse => ({
  state: INCOMING_IN_HEAD,
  framing: BODY_UNTIL_CLOSE,
  hasBegun,
  received: 0,
  announced: 0,
})
const inBody = (framing: number): UnfinishedResponse => ({ state: INCOMING_IN_BODY, framing, hasBegun: true, received: 7, announced: 10 })

const WHOLE = null
const CUT = 'UnexpectedEnd: TLS was cut without a close_notify after 7 bytes of a body that only the end of the connection delimits'
const UNPROVED = 'UnverifiedEnd: only the end of the connection, which nothing verifies, ended the body after 7 bytes (requireVerifiedEnd)'
const early = (where: string): string => `UnexpectedEnd: the connection ended ${where}`

test.each<
  [string, UnfinishedResponse, verified: string | null, unverified: string | null, truncated: string | null, unverifiedButRequired: string | null]
>([
  ['nothing has come', inHead(false), ...same(early('before the first byte of the response'))],
  ['part of the head', inHead(true), ...same(early('in the head of the response'))],
  ['part of an announced body', inBody(BODY_LENGTH), ...same(early('in the body of the response, after 7 of 10 bytes'))],
  ['part of a chunked body', inBody(BODY_CHUNKED), ...same(early('in the body of the response, after 7 bytes and before the last chunk'))],
  ['a body that reaches until the end', inBody(BODY_UNTIL_CLOSE), WHOLE, WHOLE, CUT, UNPROVED],
])('%s', (_, response, verified, unverified, truncated, unverifiedButRequired) => {
  const said = (...args: Parameters<typeof endFault>): string | null => {
    const fault = endFault(...args)
    return fault === null ? null : `${fault.code}: ${fault.message}`
  }
  for (const required of [false, true]) {
    expect(said(response, 'verified', required)).toBe(verified)
    expect(said(response, 'truncated', required)).toBe(truncated)
  }
  expect(said(response, 'unverified', false)).toBe(unverified)
  expect(said(response, 'unverified', true)).toBe(unverifiedButRequired)
})

function same(message: string): [string, string, string, string] {
  return [message, message, message, message]
}
