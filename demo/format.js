// @ts-check
/** Numbers as people read them. */

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** 1234567 → 1,234,567
 * @param {number} value */
export const count = (value) => whole.format(value)

/** Ticks as a price.
 * @param {number} ticks
 * @param {number} decimals */
export function price(ticks, decimals) {
  const units = Math.floor(ticks / 10 ** decimals)
  return `${whole.format(units)}.${String(ticks - units * 10 ** decimals).padStart(decimals, '0')}`
}

/** Three digits and a unit: 87 µs, 1.25 ms, 312 ms, 4.01 s.
 * @param {number} us microseconds */
export function duration(us) {
  if (us < 1_000) return `${Math.round(us)} µs`
  if (us < 999_500) return `${(us / 1_000).toPrecision(3)} ms`
  return `${(us / 1_000_000).toFixed(2)} s`
}

/** 1,234 bytes, 56.7 kB, 1.23 MB.
 * @param {number} bytes */
export function size(bytes) {
  if (bytes < 10_000) return `${count(bytes)} bytes`
  if (bytes < 999_500) return `${(bytes / 1_000).toPrecision(3)} kB`
  return `${(bytes / 1_000_000).toFixed(2)} MB`
}

/** 2, 'gap' → 2 gaps
 * @param {number} value
 * @param {string} noun
 * @param {string} [nouns] */
export const plural = (value, noun, nouns = `${noun}s`) => `${count(value)} ${value === 1 ? noun : nouns}`

/** 417 kB on the wire, 0.702 of it
 * @param {number} wire bytes
 * @param {number} bytes */
export const compressed = (wire, bytes) => `${size(wire)} on the wire, ${(wire / (bytes || 1)).toFixed(3)} of it`
