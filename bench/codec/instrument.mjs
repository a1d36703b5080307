// @ts-check
// A copy of the codec that counts what it executes. It does nothing else differently: same results, same memory, same traps.
//
// Rule 1: an instruction is one opcode of the code section, except `block`, `loop`, `else` and `end`, which only mark places.
// Rule 2: a region is code that is executed from its first instruction to its last, or not at all. One ends at a branch, and begins at a
//         function's start, in a loop, in each arm of an `if`, behind `end` (where branches arrive) and behind a branch that was not taken.
// Rule 3: each region has a counter of its own, a mutable i64 global; what was executed is the sum of hits × instructions of the region.
//
// This is done in the binary itself, not in a compiler's tree of it: reading into a tree and writing back is free to change instructions, and
// a tree no longer knows at which offset of the binary each stood, which is what the source map goes by.

import { BLOCK, BRANCH_IF, BULK, Cursor, concat, ELSE, END, IF, LEAVE, LOOP, sections, step } from './wasm.mjs'

/**
 * @typedef {object} Region
 * @property {string} counter name of the exported global
 * @property {string} compiled the function of the binary that it is in
 * @property {Record<string, number>} instructions by function of the source: a region may have code of several, inlined
 *
 * @typedef {{ counter: string, source: string }} Site a `memory.copy` or `memory.fill`, and the function of the source that it is of
 *
 * @typedef {object} Counting
 * @property {Uint8Array<ArrayBuffer>} bytes the instrumented binary
 * @property {Region[]} regions
 * @property {Site[]} sites
 * @property {number} instructions that the code section has, executed or not
 */

const GLOBAL = 6
const EXPORT = 7
const CODE = 10
const I32 = 0x7f
const I64 = 0x7e

/** @param {number} value */
function leb(value) {
  const bytes = []
  let rest = value
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    rest >>>= 7
  } while (rest !== 0)
  return bytes
}

/** global.get n, i64.const 1, i64.add, global.set n. It leaves the stack as it was, so it may stand anywhere. @param {number} n */
const countOne = (n) => [0x23, ...leb(n), 0x42, 1, 0x7c, 0x24, ...leb(n)]

/** Adds the i32 on top of the stack to a global, and leaves it there. @param {number} n @param {number} local */
const countTop = (n, local) => [0x22, ...leb(local), 0x23, ...leb(n), 0x20, ...leb(local), 0xad, 0x7c, 0x24, ...leb(n)]

/**
 * @param {Uint8Array} bytes the binary
 * @param {{ compiled: (index: number) => string, source: (offset: number, index: number) => string }} names
 * @returns {Counting}
 */
export function instrument(bytes, names) {
  const all = sections(bytes)
  const { imports, functionImports, globals } = declared(bytes, all)
  if (imports !== 1 || functionImports !== 0) throw new Error('the codec imports its memory and nothing else')
  const parameters = parameterCounts(bytes, all)

  /** @type {Region[]} */
  const regions = []
  /** @type {Site[]} */
  const sites = []
  /** @type {string[]} */
  const counters = []
  let instructions = 0
  const counter = (/** @type {string} */ name) => {
    counters.push(name)
    return globals + counters.length - 1
  }

  /** @param {number} index @param {number} start @param {number} end */
  const body = (index, start, end) => {
    const compiled = names.compiled(index)
    const cursor = new Cursor(bytes, start)
    // Locals: one more, for the lengths.
    const groups = cursor.u32()
    let locals = parameters[index]
    const declarations = cursor.at
    for (let i = 0; i < groups; i++) {
      locals += cursor.u32()
      cursor.byte()
    }
    /** @type {(Uint8Array | number[])[]} */
    const parts = [leb(groups + 1), bytes.subarray(declarations, cursor.at), [1, I32]]
    let copied = cursor.at
    /** @type {Region | null} */
    let region = null
    let blocks = 0
    while (cursor.at < end) {
      const at = cursor.at
      const kind = step(cursor)
      if (kind === BLOCK) continue
      if (kind === LOOP || kind === ELSE || kind === END) {
        region = null
        continue
      }
      if (region === null) {
        const name = `${compiled}#${blocks++}`
        region = { counter: name, compiled, instructions: {} }
        regions.push(region)
        parts.push(bytes.subarray(copied, at), countOne(counter(name)))
        copied = at
      }
      const source = names.source(at, index)
      region.instructions[source] = (region.instructions[source] ?? 0) + 1
      instructions++
      if (kind === BULK) {
        const name = `${compiled}@${at}`
        sites.push({ counter: name, source })
        parts.push(bytes.subarray(copied, at), countTop(counter(name), locals))
        copied = at
      }
      if (kind === IF || kind === BRANCH_IF || kind === LEAVE) region = null
    }
    parts.push(bytes.subarray(copied, end))
    const whole = concat(parts.map((part) => (part instanceof Uint8Array ? part : Uint8Array.from(part))))
    return concat([Uint8Array.from(leb(whole.length)), whole])
  }

  const code = /** @type {import('../../scripts/wasm-binary.mjs').Section} */ (all.find(({ id }) => id === CODE))
  const cursor = new Cursor(bytes, code.start)
  const count = cursor.u32()
  /** @type {Uint8Array[]} */
  const bodies = [Uint8Array.from(leb(count))]
  for (let index = 0; index < count; index++) {
    const length = cursor.u32()
    bodies.push(body(index, cursor.at, cursor.at + length))
    cursor.at += length
  }

  const newGlobals = counters.map(() => Uint8Array.from([I64, 1, 0x42, 0, 0x0b]))
  const newExports = counters.map((name, i) => {
    const text = new TextEncoder().encode(name)
    return concat([Uint8Array.from(leb(text.length)), text, Uint8Array.from([3, ...leb(globals + i)])])
  })
  /** @type {Uint8Array[]} */
  const out = [bytes.subarray(0, 8)]
  const section = (/** @type {number} */ id, /** @type {Uint8Array} */ content) =>
    out.push(concat([Uint8Array.from([id, ...leb(content.length)]), content]))
  /** A vector with more at its end. @param {import('../../scripts/wasm-binary.mjs').Section | undefined} old @param {readonly Uint8Array[]} more */
  const longer = (old, more) => {
    const at = new Cursor(bytes, old?.start)
    const before = old === undefined ? 0 : at.u32()
    return concat([Uint8Array.from(leb(before + more.length)), old === undefined ? new Uint8Array(0) : bytes.subarray(at.at, old.end), ...more])
  }
  const oldGlobals = all.find(({ id }) => id === GLOBAL)
  for (const each of all) {
    if (each.id === 0) continue
    if (each.id === EXPORT) {
      section(GLOBAL, longer(oldGlobals, newGlobals))
      section(EXPORT, longer(each, newExports))
    } else if (each.id === CODE) section(CODE, concat(bodies))
    else if (each.id !== GLOBAL) out.push(bytes.subarray(each.from, each.end))
  }
  return { bytes: concat(out), regions, sites, instructions }
}

/** @param {Uint8Array} bytes @param {readonly import('../../scripts/wasm-binary.mjs').Section[]} all */
function declared(bytes, all) {
  const globalSection = all.find(({ id }) => id === GLOBAL)
  const importSection = all.find(({ id }) => id === 2)
  const globals = globalSection === undefined ? 0 : new Cursor(bytes, globalSection.start).u32()
  if (importSection === undefined) return { imports: 0, functionImports: 0, globals }
  const cursor = new Cursor(bytes, importSection.start)
  const imports = cursor.u32()
  let functionImports = 0
  for (let i = 0; i < imports; i++) {
    cursor.text()
    cursor.text()
    const kind = cursor.byte()
    if (kind !== 2) {
      functionImports++
      break
    }
    const limits = cursor.byte()
    cursor.skip()
    if (limits & 1) cursor.skip()
  }
  return { imports, functionImports, globals }
}

/** Parameters of each function, by index. @param {Uint8Array} bytes @param {readonly import('../../scripts/wasm-binary.mjs').Section[]} all */
function parameterCounts(bytes, all) {
  const types = new Cursor(bytes, all.find(({ id }) => id === 1)?.start)
  const counts = Array.from({ length: types.u32() }, () => {
    if (types.byte() !== 0x60) throw new Error('a type that is no function')
    const parameters = types.u32()
    types.at += parameters
    const results = types.u32()
    types.at += results
    return parameters
  })
  const functions = new Cursor(bytes, all.find(({ id }) => id === 3)?.start)
  return Array.from({ length: functions.u32() }, () => counts[functions.u32()])
}
