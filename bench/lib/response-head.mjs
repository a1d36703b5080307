// @ts-check
// The head of a response as benchmarks read it.

/** What an API behind a CDN sends; from the thirteenth field on, more of the same. */
export const FIELDS = [
  ['Date', 'Thu, 01 Jan 2026 00:00:00 GMT'],
  ['Content-Type', 'application/json; charset=utf-8'],
  ['Connection', 'keep-alive'],
  ['Cache-Control', 'no-cache, no-store, must-revalidate'],
  ['X-RateLimit-Limit', '1200'],
  ['X-RateLimit-Remaining', '1187'],
  ['Strict-Transport-Security', 'max-age=31536000; includeSubDomains'],
  ['X-Request-Id', '7f9c24e8-3b12-4d5a-9f57-1d2b6c3e4a10'],
  ['Server', 'gateway'],
  ['Vary', 'Accept-Encoding'],
  ['CF-RAY', '8a1b2c3d4e5f6789-FRA'],
]

/**
 * A head with that many fields.
 *
 * @param {number} fields 1 or more
 * @param {number} length of the body, in bytes
 * @param {number} chunk bytes of a chunk, or 0 for a body with Content-Length
 */
export function responseHead(fields, length, chunk) {
  const framing = chunk === 0 ? `Content-Length: ${length}` : 'Transfer-Encoding: chunked'
  const others = Array.from({ length: fields - 1 }, (_, i) => (FIELDS[i] ?? [`X-Field-${i}`, `value number ${i} of them`]).join(': '))
  return `HTTP/1.1 200 OK\r\n${[framing, ...others].join('\r\n')}\r\n\r\n`
}
