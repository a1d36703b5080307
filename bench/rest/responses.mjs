// @ts-check
// Reading responses in memory: the bytes of one response at a time, as they would come from a socket. Everybody has its status, can reach
// every field's name and value, and has touched the body; "strings" means that every name and value has been made a string.

import { Buffer } from 'node:buffer'
import process from 'node:process'
import { main, Unavailable } from '../lib/harness.mjs'
import { responseHead } from '../lib/response-head.mjs'
import { loadCodec, runtime } from '../lib/runtime.mjs'
import { Llhttp } from './llhttp.mjs'
import { AT_ONCE, openUndici, PIPELINE, raise } from './undici-in-memory.mjs'

/** @typedef {{ id: string, title: string, fields: number, body: number, chunk: number }} Case chunk: bytes of each, or 0 when it is not chunked */

/** @type {Case[]} */
const cases = [
  { id: 'fields1', title: 'read a response of 1 field, 35 bytes', fields: 1, body: 35, chunk: 0 },
  { id: 'fields12', title: 'read a response of 12 fields, 35 bytes', fields: 12, body: 35, chunk: 0 },
  { id: 'fields40', title: 'read a response of 40 fields, 35 bytes', fields: 40, body: 35, chunk: 0 },
  { id: 'large', title: 'read a response of 12 fields, 16 KiB', fields: 12, body: 16_384, chunk: 0 },
  { id: 'chunked', title: 'read a response of 12 fields, 16 KiB in chunks of 1 KiB', fields: 12, body: 16_384, chunk: 1_024 },
]

/** The response of a case, whole. @param {Case} c */
function responseBytes({ fields, body, chunk }) {
  const head = responseHead(fields, body, chunk)
  const content = Buffer.alloc(body, '{"symbol":"BTC-USD","price":"67012.50"},')
  if (chunk === 0) return Buffer.concat([Buffer.from(head), content])
  const parts = [Buffer.from(head)]
  for (let at = 0; at < body; at += chunk) parts.push(Buffer.from(`${chunk.toString(16)}\r\n`), content.subarray(at, at + chunk), Buffer.from('\r\n'))
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

/** What each contender saw of its round. */
class Sight {
  statuses = 0
  fields = 0
  /** Characters of the names and values, for those that make strings. */
  characters = 0
  bytes = 0
  sum = 0

  /**
   * The round's result, if everybody saw everything.
   *
   * @param {Case} c
   * @param {number} amount
   * @param {number} seconds
   */
  result(c, amount, seconds) {
    if (this.statuses !== 200 * amount) throw new Error('a status is missing')
    if (this.fields !== c.fields * amount) throw new Error(`${this.fields / amount} fields instead of ${c.fields}`)
    if (this.bytes !== c.body * amount) throw new Error(`${this.bytes / amount} bytes of body instead of ${c.body}`)
    return { amount, seconds, sum: this.sum, characters: this.characters }
  }
}

/**
 * Rounds of a parser that is given its bytes and looked at.
 *
 * @param {Case} c
 * @param {(bytes: Buffer, sight: Sight) => void} read
 */
function rounds(c, read) {
  const bytes = responseBytes(c)
  return async (/** @type {number} */ amount) => {
    const sight = new Sight()
    const started = performance.now()
    for (let i = 0; i < amount; i++) read(bytes, sight)
    return sight.result(c, amount, (performance.now() - started) / 1000)
  }
}

/** A reader as its users make it. */
async function makeReader() {
  const codec = await loadCodec()
  if (codec === null) throw new Unavailable('not built')
  return new codec.ResponseReader()
}

/** Looks at a body: its length, its first byte and its last. @param {Sight} sight @param {Uint8Array} body @param {number} at @param {number} length */
function touch(sight, body, at, length) {
  sight.bytes += length
  sight.sum = (sight.sum + body[at] + body[at + length - 1]) | 0
}

main({
  name: 'responses',
  title: 'Reading responses in memory',
  file: import.meta.url,
  cases,
  baselines: ['undici', 'llhttp', 'node'],
  metrics: [{ id: 'rate', unit: 'M responses/s', higherIsBetter: true, of: ({ amount, seconds }) => amount / seconds / 1e6 }],
  contenders: () => ({
    nexus: {
      title: 'ResponseReader',
      start: async (c) => {
        const reader = await makeReader()
        return rounds(c, (bytes, sight) => {
          reader.begin('GET')
          reader.read(bytes)
          const response = reader.next()
          sight.statuses += response.status
          sight.fields += response.headerCount
          const { body } = response
          touch(sight, body, 0, body.length)
        })
      },
    },
    strings: {
      title: 'ResponseReader, strings',
      start: async (c) => {
        const reader = await makeReader()
        return rounds(c, (bytes, sight) => {
          reader.begin('GET')
          reader.read(bytes)
          const response = reader.next()
          sight.statuses += response.status
          const headers = response.headers()
          sight.fields += headers.length
          for (const [name, value] of headers) sight.characters += name.length + value.length
          const { body } = response
          touch(sight, body, 0, body.length)
        })
      },
    },
    llhttp: {
      title: "undici's llhttp, bare",
      start: async (c) => {
        const llhttp = new Llhttp(65_536)
        return rounds(c, (bytes, sight) => {
          llhttp.execute(bytes)
          if (!llhttp.isComplete) throw new Error('it is not complete')
          sight.statuses += llhttp.status
          sight.fields += llhttp.fieldCount
          for (let i = 0; i < llhttp.pieceCount; i++) touch(sight, llhttp.u8, llhttp.pieces[2 * i], llhttp.pieces[2 * i + 1])
        })
      },
    },
    undici: {
      title: 'undici, its parser and handlers',
      first: PIPELINE,
      start: async (c) => {
        const { client, parser } = await openUndici()
        const bytes = responseBytes(c)
        let sight = new Sight()
        const handler = {
          onConnect() {},
          onHeaders(/** @type {number} */ status, /** @type {Buffer[]} */ fields) {
            sight.statuses += status
            sight.fields += fields.length / 2
            return true
          },
          onData(/** @type {Buffer} */ piece) {
            touch(sight, piece, 0, piece.length)
            return true
          },
          onComplete() {},
          onError: raise,
        }
        const dispatch = () => client.dispatch(/** @type {any} */ ({ path: '/', method: 'GET', ...AT_ONCE }), handler)
        // The answer to the request that opened the connection.
        dispatch()
        parser.execute(Buffer.from('HTTP/1.1 204 No Content\r\n\r\n'))
        return async (/** @type {number} */ amount) => {
          sight = new Sight()
          const passes = Math.ceil(amount / PIPELINE)
          let seconds = 0
          for (let pass = 0; pass < passes; pass++) {
            // One more is always under way.
            for (let i = 0; i < PIPELINE; i++) dispatch()
            const started = performance.now()
            for (let i = 0; i < PIPELINE; i++) parser.execute(bytes)
            seconds += (performance.now() - started) / 1000
          }
          return sight.result(c, passes * PIPELINE, seconds)
        }
      },
    },
    node: {
      title: 'http_parser of node:http, strings',
      // It is deprecated to ask for it.
      flags: runtime === 'node' ? ['--no-deprecation'] : [],
      start: async (c) => {
        const { HTTPParser } = /** @type {any} */ (process).binding('http_parser')
        let sight = new Sight()
        const parser = new HTTPParser()
        parser.initialize(HTTPParser.RESPONSE, {})
        // Above 32 fields, they come in several pieces.
        const onFields = (/** @type {string[]} */ fields) => {
          sight.fields += fields.length / 2
          for (const text of fields) sight.characters += text.length
        }
        parser[HTTPParser.kOnHeaders] = onFields
        parser[HTTPParser.kOnHeadersComplete] = (
          /** @type {number} */ _major,
          /** @type {number} */ _minor,
          /** @type {string[] | undefined} */ fields,
          /** @type {number} */ _method,
          /** @type {string} */ _url,
          /** @type {number} */ status,
        ) => {
          sight.statuses += status
          if (fields !== undefined) onFields(fields)
        }
        parser[HTTPParser.kOnBody] = (/** @type {Buffer} */ piece) => touch(sight, piece, 0, piece.length)
        parser[HTTPParser.kOnMessageComplete] = () => {}
        return rounds(c, (bytes, seen) => {
          sight = seen
          const parsed = parser.execute(bytes)
          if (parsed !== bytes.length) throw parsed instanceof Error ? parsed : new Error('it did not take everything')
        })
      },
    },
  }),
})
