/** Bytes that say where they belong: what was lost, doubled or overwritten shows. */

/** How much the flooding peer sends: far more than all buffers on the way hold. */
export const FLOOD_SIZE: number = 24 * 1024 * 1024

const PERIOD = 251
const table = Uint8Array.from({ length: PERIOD * 1024 }, (_, i) => i % PERIOD)

/** The `length` bytes that begin at `offset`. */
export function patternAt(offset: number, length: number): Uint8Array {
  const start = offset % PERIOD
  if (start + length <= table.length) return table.subarray(start, start + length)
  return Uint8Array.from({ length }, (_, i) => (offset + i) % PERIOD)
}

/** What is wrong with `bytes`, which should begin at `offset`; null if nothing. */
export function patternFault(bytes: Uint8Array, offset: number): string | null {
  for (let i = 0, expected = offset % PERIOD; i < bytes.length; i++) {
    if (bytes[i] !== expected) return `byte ${offset + i} is ${bytes[i]}, not ${expected}`
    expected = expected + 1 === PERIOD ? 0 : expected + 1
  }
  return null
}
