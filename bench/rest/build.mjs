// @ts-check
// Building a request: what a client does before the first byte can leave. The bytes are made, not sent.

import { Buffer } from 'node:buffer'
import { main, Unavailable } from '../lib/harness.mjs'
import { loadNexus } from '../lib/runtime.mjs'
import { AT_ONCE, openUndici, PIPELINE, raise } from './undici-in-memory.mjs'

/** @typedef {{ id: 'get' | 'post', title: string }} Case */

/** @type {Case[]} */
const cases = [
  { id: 'get', title: 'build a GET, 2 default fields and 2 more' },
  { id: 'post', title: 'build a POST, 2 default fields and 2 more, about 106 bytes of JSON' },
]

const HOST = '127.0.0.1:1234'
const DEFAULTS = /** @type {const} */ ([
  ['X-API-KEY', '0a1b2c3d4e5f60718293a4b5c6d7e8f9'],
  ['Content-Type', 'application/json'],
])
/** What is different in each request; a power of two, so that taking turns is cheap. Their lengths differ too, as they do in life. */
const TURNS = 16
const STAMPS = Array.from({ length: TURNS }, (_, i) => String(1_767_225_600_123 + i * 7_919))
const SIGNATURES = Array.from({ length: TURNS }, (_, i) => (0x9e3779b97f4a7c15n * BigInt(i + 1)).toString(16).padStart(64, '0').slice(-64))
const SYMBOLS = Array.from({ length: TURNS }, (_, i) => ['BTC-USD', 'ETH-USD', 'DOGE-USD', 'AVAX-USD'][i % 4])
const BODIES = SYMBOLS.map(
  (symbol, i) => `{"symbol":"${symbol}","side":"buy","type":"limit","price":"67012.${i + 10}","size":"0.250","id":"c-0000000000${i + 10}"}`,
)

/** What may not stand in a field's value. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are the ones that may not stand in a value
const UNSAFE = /[\0-\x08\x0a-\x1f\x7f]/

/**
 * @param {(i: number) => number} build request number `i`; its length
 * @param {(amount: number) => void} [check] told how many were built
 */
function loop(build, check) {
  return async (/** @type {number} */ amount) => {
    let bytes = 0
    const started = performance.now()
    for (let i = 0; i < amount; i++) bytes += build(i & (TURNS - 1))
    const seconds = (performance.now() - started) / 1000
    if (bytes < amount * 100) throw new Error('something is missing')
    check?.(amount)
    return { amount, seconds }
  }
}

main({
  name: 'build',
  title: 'Building requests',
  file: import.meta.url,
  cases,
  baselines: ['concat', 'undici'],
  metrics: [{ id: 'rate', unit: 'M requests/s', higherIsBetter: true, of: ({ amount, seconds }) => amount / seconds / 1e6 }],
  contenders: () => ({
    nexus: {
      title: 'RequestWriter',
      first: 50_000,
      start: async (/** @type {Case} */ { id }) => {
        const nexus = await loadNexus()
        if (nexus?.RequestWriter === undefined) throw new Unavailable('not built')
        const writer = new nexus.RequestWriter(HOST, { defaultHeaders: DEFAULTS })
        if (id === 'get') {
          return loop((i) => {
            const headers = writer.get('/orders').query('symbol', SYMBOLS[i])
            return headers.header('X-Timestamp', STAMPS[i]).header('X-Signature', SIGNATURES[i]).finish().bytes.length
          })
        }
        return loop((i) => {
          const headers = writer.post('/orders').header('X-Timestamp', STAMPS[i]).header('X-Signature', SIGNATURES[i])
          return headers.body(BODIES[i]).finish().bytes.length
        })
      },
    },
    concat: {
      title: 'a template and Buffer.from, unchecked',
      first: 50_000,
      start: async (/** @type {Case} */ { id }) => {
        const prefix = `Host: ${HOST}\r\n${DEFAULTS.map(([name, value]) => `${name}: ${value}\r\n`).join('')}`
        if (id === 'get') {
          return loop((i) => {
            const query = `symbol=${encodeURIComponent(SYMBOLS[i])}`
            return Buffer.from(`GET /orders?${query} HTTP/1.1\r\n${prefix}X-Timestamp: ${STAMPS[i]}\r\nX-Signature: ${SIGNATURES[i]}\r\n\r\n`).length
          })
        }
        return loop((i) => {
          const body = BODIES[i]
          return Buffer.from(
            `POST /orders HTTP/1.1\r\n${prefix}X-Timestamp: ${STAMPS[i]}\r\nX-Signature: ${SIGNATURES[i]}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
          ).length
        })
      },
    },
    checked: {
      title: 'the same, values checked',
      first: 50_000,
      start: async (/** @type {Case} */ { id }) => {
        const prefix = `Host: ${HOST}\r\n${DEFAULTS.map(([name, value]) => `${name}: ${value}\r\n`).join('')}`
        const safe = (/** @type {string} */ value) => {
          if (UNSAFE.test(value)) throw new TypeError('a control character')
          return value
        }
        if (id === 'get') {
          return loop((i) => {
            const query = `symbol=${encodeURIComponent(SYMBOLS[i])}`
            return Buffer.from(
              `GET /orders?${query} HTTP/1.1\r\n${prefix}X-Timestamp: ${safe(STAMPS[i])}\r\nX-Signature: ${safe(SIGNATURES[i])}\r\n\r\n`,
            ).length
          })
        }
        return loop((i) => {
          const body = BODIES[i]
          return Buffer.from(
            `POST /orders HTTP/1.1\r\n${prefix}X-Timestamp: ${safe(STAMPS[i])}\r\nX-Signature: ${safe(SIGNATURES[i])}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
          ).length
        })
      },
    },
    undici: {
      title: 'undici, dispatch to no socket',
      start: async (/** @type {Case} */ { id }) => {
        const { client, parser, socket } = await openUndici()
        const answers = Buffer.from('HTTP/1.1 204 No Content\r\n\r\n'.repeat(PIPELINE))
        let left = 0
        const handler = {
          onConnect() {},
          onHeaders: () => true,
          onData: () => true,
          onComplete: () => left--,
          onError: raise,
        }
        const dispatch = (/** @type {number} */ i) => {
          const headers = [...DEFAULTS.flat(), 'X-Timestamp', STAMPS[i], 'X-Signature', SIGNATURES[i]]
          if (id === 'get') client.dispatch({ path: `/orders?symbol=${encodeURIComponent(SYMBOLS[i])}`, method: 'GET', headers, ...AT_ONCE }, handler)
          else client.dispatch({ path: '/orders', method: 'POST', headers, body: BODIES[i], ...AT_ONCE }, handler)
        }
        return async (/** @type {number} */ amount) => {
          let seconds = 0
          const rounds = Math.ceil(amount / PIPELINE)
          for (let round = 0; round < rounds; round++) {
            const before = socket.written
            const started = performance.now()
            for (let i = 0; i < PIPELINE; i++) dispatch(i & (TURNS - 1))
            seconds += (performance.now() - started) / 1000
            if (socket.written < before + PIPELINE * 100) throw new Error('not everything was written')
            left = PIPELINE
            parser.execute(answers)
            // One answer was for the request before: the last one of these waits.
            if (left > 1) throw new Error(`${left} were not answered`)
          }
          return { amount: rounds * PIPELINE, seconds }
        }
      },
    },
  }),
})
