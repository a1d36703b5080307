// @ts-check
// The exchange of bytes that the REST benchmarks measure: an order as a trading client sends it, and its acknowledgement.

import { Buffer } from 'node:buffer'

export const PATH = '/orders'

/** Four fields of the request; `Host` and `Content-Length` come on top. As undici and `fetch` take them. */
export const HEADERS = {
  'Content-Type': 'application/json',
  'X-API-KEY': '0a1b2c3d4e5f60718293a4b5c6d7e8f9',
  'X-Timestamp': '1767225600123',
  'X-Signature': '6ce82f1e2c2d4f3fa6d2a1d4b0c1b7d15fb1b0b2a6b27f0cb7d85d3c4f8a9e10',
}

/** The same as pairs. */
export const FIELDS = Object.entries(HEADERS)

/** 86 bytes. */
export const BODY = '{"symbol":"BTC-USD","side":"buy","price":"67012.50","size":"0.250","id":"c-000000001"}'

/** 35 bytes. */
export const ANSWER_BODY = '{"id":"c-000000001","seq":10000001}'

/** The whole response. */
export const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: ${ANSWER_BODY.length}\r\nX-RateLimit-Remaining: 1199\r\n\r\n${ANSWER_BODY}`,
)

/**
 * The whole request, made by hand: what a raw peer writes.
 *
 * @param {string} host
 */
export function requestBytes(host) {
  const fields = FIELDS.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(`POST ${PATH} HTTP/1.1\r\nHost: ${host}\r\n${fields}Content-Length: ${BODY.length}\r\n\r\n${BODY}`)
}

/**
 * Throws unless it is what the server answers: a contender that did not read the body has not done the work.
 *
 * @param {number} status
 * @param {string} text
 */
export function check(status, text) {
  if (status !== 200 || text.length !== ANSWER_BODY.length) throw new Error(`not what was answered: ${status} ${text}`)
}

if (BODY.length !== 86 || ANSWER_BODY.length !== 35) throw new Error(`the sizes are wrong: ${BODY.length} and ${ANSWER_BODY.length}`)
