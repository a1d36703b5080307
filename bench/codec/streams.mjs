// @ts-check
// What the workloads are fed with: frames, texts, feeds and messages, all of them drawn from a seed.

import { FIELDS, responseHead } from '../lib/response-head.mjs'
import { Random } from './random.mjs'

const encoder = new TextEncoder()

/** Random bytes, four at a time. @param {Random} random @param {number} length */
export function noise(random, length) {
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let i = 0; i < words.length; i++) words[i] = random.next()
  return new Uint8Array(words.buffer, 0, length)
}

/**
 * One frame (RFC 6455 section 5.2), masked when there is a key.
 *
 * @param {number} first FIN and opcode
 * @param {Uint8Array} payload
 * @param {Uint8Array | null} key
 */
export function frame(first, payload, key) {
  const { length } = payload
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const head = 2 + extended + (key === null ? 0 : 4)
  const out = new Uint8Array(head + length)
  const view = new DataView(out.buffer)
  out[0] = first
  out[1] = (extended === 0 ? length : extended === 2 ? 126 : 127) | (key === null ? 0 : 0x80)
  if (extended === 2) view.setUint16(2, length)
  if (extended === 8) view.setUint32(6, length)
  out.set(payload, head)
  if (key !== null) {
    out.set(key, head - 4)
    for (let i = 0; i < length; i++) out[head + i] ^= key[i & 3]
  }
  return out
}

/** @param {readonly Uint8Array[]} parts */
export function join(parts) {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Cut as reads of a socket would be. @param {Uint8Array} bytes @param {number} size */
export function cut(bytes, size) {
  const chunks = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
  return chunks
}

/** Ranges of code points of which texts are made. */
const SCRIPTS = {
  ascii: [[0x61, 0x7a]],
  'two-byte': [[0x430, 0x44f]],
  'three-byte': [[0x4e00, 0x9fa5]],
  'four-byte': [[0x1f300, 0x1f5ff]],
  mixed: [
    [0x61, 0x7a],
    [0x61, 0x7a],
    [0xe0, 0xfc],
    [0x430, 0x44f],
    [0x3041, 0x3093],
    [0x4e00, 0x9fa5],
    [0x1f300, 0x1f5ff],
  ],
}

/** @typedef {keyof typeof SCRIPTS} Script */

/**
 * A text of exactly `length` bytes: words with spaces between them, each in one script, and full stops where no character fits any more.
 *
 * @param {Random} random
 * @param {Script} script
 * @param {number} length
 */
export function prose(random, script, length) {
  let text = ''
  let bytes = 0
  while (bytes < length) {
    const [from, to] = random.of(SCRIPTS[script])
    for (let letters = 2 + random.below(8); letters > 0 && bytes < length; letters--) {
      const code = from + random.below(to - from + 1)
      const width = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
      if (bytes + width > length) {
        text += '.'.repeat(length - bytes)
        return encoder.encode(text)
      }
      text += String.fromCodePoint(code)
      bytes += width
    }
    if (bytes < length) {
      text += ' '
      bytes++
    }
  }
  return encoder.encode(text)
}

/** A price. @param {Random} random */
const price = (random) => `${60_000 + random.below(9_000)}.${10 + random.below(90)}`
/** An amount of `digits` decimals. @param {Random} random @param {number} digits */
function amount(random, digits) {
  let text = '0.'
  for (let i = 0; i < digits; i++) text += random.below(10)
  return text
}

const SYMBOLS = ['BTC-USD', 'ETH-USD', 'SOL-USD', 'ADA-USD']

/** A best bid and ask: 77 bytes. @param {Random} random */
export function quote(random) {
  const head = `{"s":"${random.of(SYMBOLS)}","b":${price(random)},"a":${price(random)},"q":`
  const tail = `,"t":${1_700_000_000_000 + random.next()}}`
  return head + amount(random, 77 - 2 - head.length - tail.length) + tail
}

/** An order's fate: 148 bytes. @param {Random} random */
export function order(random) {
  const head = `{"type":"execution","symbol":"${random.of(SYMBOLS)}","side":"${random.of(['buy ', 'sell'])}","price":"${price(random)}","id":"c-${String(random.next()).padStart(10, '0')}","left":`
  const tail = `,"time":${1_700_000_000_000 + random.next()}}`
  return head + amount(random, 148 - 2 - head.length - tail.length) + tail
}

/** Ten levels of a book: 676 bytes. @param {Random} random */
export function snapshot(random) {
  const levels = () => Array.from({ length: 10 }, () => `["${price(random)}","${amount(random, 12)}"]`).join(',')
  const head = `{"type":"snapshot","symbol":"${random.of(SYMBOLS)}","bids":[${levels()}],"asks":[${levels()}],"n":`
  return `${head}${'7'.repeat(676 - head.length - 1)}}`
}

/** Messages of a market-data feed: of 100, 80 quotes, 18 orders, 2 snapshots. @param {Random} random @param {number} count */
export function feed(random, count) {
  return Array.from({ length: count }, () => {
    const draw = random.below(100)
    return draw < 80 ? quote(random) : draw < 98 ? order(random) : snapshot(random)
  })
}

/**
 * Frames of every kind: of 20 messages 12 binary, 7 text in mixed scripts, 1 ping or pong; half of 17 to 125 bytes, one of 100 over 16 KiB;
 * one of ten in two to four fragments.
 *
 * @param {Random} random
 * @param {number} bytes about how many
 * @param {boolean} masked
 */
export function mixture(random, bytes, masked) {
  const frames = []
  let total = 0
  let messages = 0
  while (total < bytes) {
    const key = () => (masked ? noise(random, 4) : null)
    const draw = random.below(20)
    messages++
    if (draw === 19) {
      frames.push(frame(random.of([0x89, 0x8a]), noise(random, random.below(126)), key()))
    } else {
      const payload = draw < 12 ? noise(random, size(random)) : prose(random, 'mixed', size(random))
      const opcode = draw < 12 ? 2 : 1
      const pieces = random.below(10) === 0 ? 2 + random.below(3) : 1
      for (let i = 0, at = 0; i < pieces; i++) {
        const end = i === pieces - 1 ? payload.length : at + random.below(payload.length - at + 1)
        frames.push(frame((i === pieces - 1 ? 0x80 : 0) | (i === 0 ? opcode : 0), payload.subarray(at, end), key()))
        at = end
      }
    }
    total = frames.reduce((sum, { length }) => sum + length, 0)
  }
  return { bytes: join(frames), messages }
}

/** @param {Random} random */
export function size(random) {
  const draw = random.below(100)
  if (draw < 10) return random.below(17)
  if (draw < 60) return 17 + random.below(109)
  if (draw < 90) return 126 + random.below(1_375)
  if (draw < 99) return 1_501 + random.below(14_884)
  return 16_385 + random.below(65_536)
}

/**
 * A body of JSON, as chunks (RFC 9112 section 7.1) when `chunk` is not 0.
 *
 * @param {Random} random
 * @param {number} length
 * @param {number} chunk
 */
export function body(random, length, chunk) {
  const texts = []
  for (let bytes = 0; bytes < length; bytes += 78) texts.push(quote(random))
  const content = encoder.encode(`[${texts.join(',')}`).slice(0, length)
  if (chunk === 0) return content
  const parts = cut(content, chunk).flatMap((piece) => [encoder.encode(`${piece.length.toString(16)}\r\n`), piece, encoder.encode('\r\n')])
  return join([...parts, encoder.encode('0\r\n\r\n')])
}

/**
 * A response with that many fields.
 *
 * @param {Random} random
 * @param {number} fields
 * @param {number} length of the body
 * @param {number} chunk
 */
export function response(random, fields, length, chunk) {
  return join([encoder.encode(responseHead(fields, length, chunk)), body(random, length, chunk)])
}

/** The head of a request as browsers and API clients send it. @param {Random} random */
export function requestHead(random) {
  const fields = FIELDS.slice(3).map((pair) => pair.join(': '))
  return encoder.encode(
    `GET /v3/orders?symbol=${random.of(SYMBOLS)}&n=${random.below(1_000)} HTTP/1.1\r\nHost: api.example\r\n${fields.join('\r\n')}\r\n\r\n`,
  )
}

/** So many digits, the first of them no zero. @param {Random} random @param {number} count */
function digits(random, count) {
  let text = String(1 + random.below(9))
  while (text.length < count) text += random.below(10)
  return text
}

/** A trade, as JSON. @param {Random} random */
export function trade(random) {
  const price = `${digits(random, 5)}.${digits(random, 2)}`
  const times = `"E":17${digits(random, 11)},"T":17${digits(random, 11)}`
  return `{"e":"trade",${times},"s":"BTCUSDT","t":${digits(random, 10)},"p":"${price}","q":"0.${digits(random, 5)}","m":${random.below(2) === 0}}`
}

/** So many bids and as many asks, as JSON. @param {Random} random @param {number} levels */
export function book(random, levels) {
  const side = () => Array.from({ length: levels }, () => `["${digits(random, 5)}.${digits(random, 2)}","${random.below(10)}.${digits(random, 5)}"]`)
  return `{"lastUpdateId":${digits(random, 11)},"bids":[${side().join(',')}],"asks":[${side().join(',')}]}`
}
