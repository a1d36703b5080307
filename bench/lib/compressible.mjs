// @ts-check
// Messages of a feed as connections with permessage-deflate carry them: JSON with random digits, drawn from a seed, the same in every process.

import zlib from 'node:zlib'
import { Random } from '../codec/random.mjs'
import { book, frame, trade } from '../codec/streams.mjs'

/** @type {Record<string, { count: number, make: (random: Random) => string }>} */
const KINDS = {
  trade: { count: 5_000, make: trade },
  depth: { count: 2_000, make: (random) => book(random, 10) },
  snapshot: { count: 400, make: (random) => book(random, 100) },
  '4KiB': { count: 300, make: (random) => book(random, 84) },
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
 */
export function frames(messages, compresses) {
  const all = Buffer.from(messages.join(''))
  let end = 0
  return messages.map((text) => {
    const start = end
    end += text.length
    const payload = all.subarray(start, end)
    if (!compresses) return frame(0x81, payload, null)
    // What takeover refers to, given as a dictionary: a stream of zlib would wait for another thread at each flush.
    const history = all.subarray(Math.max(0, start - 32_768), start)
    const dictionary = start === 0 ? {} : { dictionary: history }
    const packed = zlib.deflateRawSync(payload, { level: 6, finishFlush: zlib.constants.Z_SYNC_FLUSH, ...dictionary })
    // Without the empty block of the flush (RFC 7692 section 7.2.1).
    return frame(0xc1, packed.subarray(0, -4), null)
  })
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
