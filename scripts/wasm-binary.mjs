// @ts-check
// Just enough of the WebAssembly binary format to build the codec: sections, and what they begin with.

/** @typedef {{ id: number, name: string, start: number, end: number, from: number }} Section `from` is its header, [start, end) its content */

export class Cursor {
  /**
   * @param {Uint8Array} bytes
   * @param {number} at
   */
  constructor(bytes, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  byte() {
    return this.bytes[this.at++]
  }

  /** An unsigned LEB128 number of up to 32 bits. */
  u32() {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
  }

  /**
   * Steps over LEB128 numbers of any width, and passes `kind` on.
   *
   * @param {number} count
   * @param {number} kind
   */
  skip(count = 1, kind = 0) {
    for (let i = 0; i < count; i++) while (this.byte() >= 0x80);
    return kind
  }

  /** Steps over bytes, and returns 0. @param {number} count */
  jump(count) {
    this.at += count
    return 0
  }

  text() {
    const length = this.u32()
    this.at += length
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at))
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {Section[]}
 */
export function sections(bytes) {
  const cursor = new Cursor(bytes, 8)
  const list = []
  while (cursor.at < bytes.length) {
    const from = cursor.at
    const id = cursor.byte()
    const length = cursor.u32()
    const end = cursor.at + length
    const name = id === 0 ? cursor.text() : ''
    list.push({ id, name, start: cursor.at, end, from })
    cursor.at = end
  }
  return list
}

/**
 * The binary without its custom sections: names and such.
 *
 * @param {Uint8Array} bytes
 */
export function withoutCustom(bytes) {
  const parts = [bytes.subarray(0, 8), ...sections(bytes).flatMap(({ id, from, end }) => (id === 0 ? [] : [bytes.subarray(from, end)]))]
  return concat(parts)
}

/** @param {readonly Uint8Array[]} parts */
export function concat(parts) {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
