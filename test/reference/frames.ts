/** Frames by hand, for tests: every field can be wrong on purpose. */

export interface FrameShape {
  fin?: boolean
  rsv?: number
  opcode: number
  payload?: ArrayLike<number>
  /** Masking key; none when absent. */
  key?: readonly number[] | undefined
  /** Bytes of the extended length: 0, 2 or 8. Default: the fewest that hold it. */
  lengthBytes?: 0 | 2 | 8
  /** What the header says, when it is not the payload's length. */
  declared?: number
}

export function frame(shape: FrameShape): Uint8Array<ArrayBuffer> {
  const payload = Array.from(shape.payload ?? [])
  const declared = shape.declared ?? payload.length
  const lengthBytes = shape.lengthBytes ?? (declared < 126 ? 0 : declared < 65_536 ? 2 : 8)
  const bytes = [(shape.fin === false ? 0 : 128) + (shape.rsv ?? 0) * 16 + shape.opcode]
  bytes.push((shape.key ? 128 : 0) + (lengthBytes === 0 ? declared : lengthBytes === 2 ? 126 : 127))
  for (let i = lengthBytes - 1; i >= 0; i--) bytes.push(Math.floor(declared / 256 ** i) % 256)
  if (shape.key) bytes.push(...shape.key)
  const out = new Uint8Array(bytes.length + payload.length)
  out.set(bytes)
  for (let i = 0; i < payload.length; i++) out[bytes.length + i] = (payload[i] as number) ^ (shape.key?.[i % 4] ?? 0)
  return out
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** `'81 02 68 69'` to bytes. */
export function hex(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replace(/\s+/g, '')
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new SyntaxError(`not hex: ${text}`)
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}
