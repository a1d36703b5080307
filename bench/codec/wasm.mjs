// @ts-check
// Just enough of the WebAssembly binary format: sections, names, and the instructions of a function with the place of each.

/** One opcode that opens, closes or leaves a region of straight-line code, or else nothing special. */
export const PLAIN = 0
export const BLOCK = 1
export const LOOP = 2
export const IF = 3
export const ELSE = 4
export const END = 5
/** `br_if`: control may leave. */
export const BRANCH_IF = 6
/** `br`, `br_table`, `return`, `unreachable`: control does leave. */
export const LEAVE = 7
/** `memory.copy` and `memory.fill`: the length lies on top of the stack. */
export const BULK = 8

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
  skip(count = 1, kind = PLAIN) {
    for (let i = 0; i < count; i++) while (this.byte() >= 0x80);
    return kind
  }

  /** Steps over the bytes of a plain instruction. @param {number} count */
  jump(count) {
    this.at += count
    return PLAIN
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

/**
 * Names of the functions by index, from the name section.
 *
 * @param {Uint8Array} bytes
 * @returns {Map<number, string>}
 */
export function functionNames(bytes) {
  /** @type {Map<number, string>} */
  const names = new Map()
  const section = sections(bytes).find(({ name }) => name === 'name')
  if (section === undefined) return names
  const cursor = new Cursor(bytes, section.start)
  while (cursor.at < section.end) {
    const kind = cursor.byte()
    const length = cursor.u32()
    const end = cursor.at + length
    if (kind === 1) {
      const count = cursor.u32()
      for (let i = 0; i < count; i++) names.set(cursor.u32(), cursor.text())
    }
    cursor.at = end
  }
  return names
}

/**
 * Steps over the instruction at the cursor and says what it is to control flow. Throws for one that the codec has no use for.
 *
 * @param {Cursor} cursor
 */
export function step(cursor) {
  const at = cursor.at
  const opcode = cursor.byte()
  if (opcode >= 0x45 && opcode <= 0xc4) return PLAIN // numeric
  if (opcode >= 0x20 && opcode <= 0x24) return cursor.skip(1, PLAIN) // local.*, global.*
  if (opcode >= 0x28 && opcode <= 0x3e) return cursor.skip(2, PLAIN) // load, store: alignment, offset
  switch (opcode) {
    case 0x00: // unreachable
    case 0x0f: // return
      return LEAVE
    case 0x01: // nop
    case 0x1a: // drop
    case 0x1b: // select
      return PLAIN
    case 0x02:
      return cursor.skip(1, BLOCK)
    case 0x03:
      return cursor.skip(1, LOOP)
    case 0x04:
      return cursor.skip(1, IF)
    case 0x05:
      return ELSE
    case 0x0b:
      return END
    case 0x0c: // br
      return cursor.skip(1, LEAVE)
    case 0x0d:
      return cursor.skip(1, BRANCH_IF)
    case 0x0e: // br_table: its labels and the default
      return cursor.skip(cursor.u32() + 1, LEAVE)
    case 0x10: // call
    case 0x41: // i32.const
    case 0x42: // i64.const
      return cursor.skip(1, PLAIN)
    case 0x43: // f32.const
      return cursor.jump(4)
    case 0x44: // f64.const
      return cursor.jump(8)
    case 0xfc: {
      const sub = cursor.u32()
      if (sub < 8) return PLAIN // trunc_sat
      if (sub === 10) return cursor.skip(2, BULK) // memory.copy
      if (sub === 11) return cursor.skip(1, BULK) // memory.fill
      break
    }
    case 0xfd: {
      const sub = cursor.u32()
      if (sub <= 11 || sub === 92 || sub === 93) return cursor.skip(2, PLAIN) // loads, stores
      if (sub === 12 || sub === 13) return cursor.jump(16) // v128.const, shuffle
      if (sub >= 21 && sub <= 34) return cursor.jump(1) // a lane
      if (sub < 84 || sub > 91) return PLAIN
      cursor.skip(2, PLAIN) // load or store of a lane
      return cursor.jump(1)
    }
  }
  throw new Error(`no instruction is known for opcode 0x${opcode.toString(16)} at ${at}`)
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
