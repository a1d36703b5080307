// @ts-check
// Pre-built frames. Every payload differs a little, and what a receiver should have seen can be computed.

const encoder = new TextEncoder()

/**
 * A quote as JSON, padded to `size` characters, all ASCII.
 *
 * @param {number} i
 * @param {number} size
 */
export function quote(i, size) {
  const bid = (60_000 + (i % 9_000) + (i % 100) / 100).toFixed(2)
  const ask = (60_001 + (i % 9_000) + (i % 100) / 100).toFixed(2)
  const head = `{"s":"BTC-USD","b":${bid},"B":${(1 + (i % 7)) / 4},"a":${ask},"A":`
  const tail = `,"t":${1_700_000_000_000 + i}}`
  const room = size - head.length - tail.length
  const amount =
    room >= 3
      ? `0.${String(100_000_000 + (i % 89_999_999))
          .padEnd(room - 2, '5')
          .slice(0, room - 2)}`
      : '7'.repeat(room)
  return head + amount + tail
}

/**
 * @typedef {{ kind: 'binary' | 'text', size: number, masked?: boolean }} Shape what the messages are like
 */

/**
 * The payload of message `i`.
 *
 * @param {Shape} shape
 * @param {number} i
 */
export function payload({ kind, size }, i) {
  if (kind === 'text') return encoder.encode(quote(i, size))
  const bytes = new Uint8Array(size)
  for (let k = 0; k < size; k++) bytes[k] = (i * 31 + k * 7) & 0xff
  return bytes
}

/**
 * Bytes of one frame.
 *
 * @param {Shape} shape
 */
export function frameLength({ size, masked }) {
  return (size < 126 ? 2 : size < 65_536 ? 4 : 10) + (masked ? 4 : 0) + size
}

/**
 * A run of whole frames, about `bytes` long.
 *
 * @param {Shape} shape
 * @param {number} bytes
 * @returns {{ bytes: Uint8Array, count: number, frame: number }}
 */
export function blob(shape, bytes) {
  const frame = frameLength(shape)
  const count = Math.max(1, Math.floor(bytes / frame))
  const out = new Uint8Array(count * frame)
  const { kind, size, masked } = shape
  for (let i = 0, at = 0; i < count; i++, at += frame) {
    out[at] = kind === 'text' ? 0x81 : 0x82
    let head = 2
    if (size < 126) {
      out[at + 1] = size
    } else if (size < 65_536) {
      out[at + 1] = 126
      out[at + 2] = size >> 8
      out[at + 3] = size & 0xff
      head = 4
    } else {
      out[at + 1] = 127
      new DataView(out.buffer).setBigUint64(at + 2, BigInt(size))
      head = 10
    }
    const body = payload(shape, i)
    if (masked) {
      out[at + 1] |= 0x80
      const key = [(i * 5 + 1) & 0xff, (i * 11 + 2) & 0xff, (i * 17 + 3) & 0xff, (i * 23 + 4) & 0xff]
      out.set(key, at + head)
      head += 4
      for (let k = 0; k < size; k++) body[k] ^= key[k & 3]
    }
    out.set(body, at + head)
  }
  return { bytes: out, count, frame }
}

/**
 * What lengths and first bytes of `total` messages add up to, modulo 2^32: the frames of a blob of `count`, over and over.
 * Receivers add with `| 0`, since a sum that grows out of the small integers is an object, or a conversion, a message.
 *
 * @param {Shape} shape
 * @param {number} count
 * @param {number} total
 */
export function expectedSum(shape, count, total) {
  const { kind, size } = shape
  const first = kind === 'text' ? 0x7b : null
  let whole = 0
  let part = 0
  for (let i = 0; i < count; i++) {
    const value = size + (first ?? (i * 31) & 0xff)
    whole += value
    if (i < total % count) part += value
  }
  return Number(BigInt.asIntN(32, BigInt(whole) * BigInt(Math.floor(total / count)) + BigInt(part)))
}
