// @ts-check
// Messages of a feed as connections with permessage-deflate carry them: JSON with random digits, drawn from a seed, the same in every process.

import zlib from 'node:zlib'
import { Random } from '../codec/random.mjs'
import { book, frame, trade } from '../codec/streams.mjs'

/** @type {Record<string, { count: number, make: (random: Random) => string }>} */
const KINDS = {
  trade: { count: 10_000, make: trade },
  depth: { count: 4_000, make: (random) => book(random, 10) },
  snapshot: { count: 600, make: (random) => book(random, 100) },
  '4KiB': { count: 600, make: (random) => book(random, 84) },
}

/** The messages of a kind; who sends them begins anew behind the last one. @param {string} kind @returns {string[]} */
export function texts(kind) {
  const { count, make } = KINDS[kind]
  const random = new Random(kind)
  return Array.from({ length: count }, () => make(random))
}

/**
 * Their frames, as a server sends them.
 *
 * @param {readonly string[]} messages
 * @param {boolean} compresses as servers do: zlib, level 6, a sync flush for each, takeover
 * @returns {Promise<Uint8Array[]>}
 */
export async function frames(messages, compresses) {
  const encoder = new TextEncoder()
  if (!compresses) return messages.map((text) => frame(0x81, encoder.encode(text), null))
  const stream = zlib.createDeflateRaw({ level: 6 })
  /** @type {Buffer[]} */
  let parts = []
  stream.on('data', (part) => parts.push(part))
  const list = []
  for (const text of messages) {
    parts = []
    stream.write(text)
    await new Promise((resolve) => stream.flush(zlib.constants.Z_SYNC_FLUSH, () => resolve(null)))
    // Without the empty block of the flush (RFC 7692 section 7.2.1).
    list.push(frame(0xc1, Buffer.concat(parts).subarray(0, -4), null))
  }
  stream.close()
  return list
}

/** What a receiver makes of a text, to show that it has it: its length, and a character in the middle. @param {string} text */
export const look = (text) => text.length + text.charCodeAt(text.length >> 1)

/** What {@link look} gives for so many of them, modulo 2^32: counted before, so that it takes no time of a round. @param {readonly string[]} messages */
export function expecting(messages) {
  const sums = [0]
  for (const text of messages) sums.push((sums[sums.length - 1] + look(text)) | 0)
  const { length } = messages
  return (/** @type {number} */ amount) => (Math.imul(sums[length], Math.floor(amount / length)) + sums[amount % length]) | 0
}
