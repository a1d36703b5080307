// @ts-check
// The rest of the WebAssembly binary format that counting needs: names, and the instructions of a function with the place of each.
import { Cursor, sections } from '../../scripts/wasm-binary.mjs'

export { Cursor, concat, sections, withoutCustom } from '../../scripts/wasm-binary.mjs'

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
