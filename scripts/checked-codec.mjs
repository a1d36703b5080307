// @ts-check
/**
 * The codec with its bounds written into it: the binary that ships, in which every load, store, `memory.copy` and `memory.fill` first says where
 * it goes. Who instantiates it answers the imports of `CHECKS` (test/checked/bounds.ts does) and throws for an address that is out of bounds.
 *
 * The module is changed as a tree: the address of an access becomes a call that takes it, asks, and gives it back. So no function needs a local
 * more, and nothing else moves.
 */
import binaryen from 'binaryen'

/** A node of a module's text: a word, or a list whose first member says what it is. @typedef {string | Tree[]} Tree */

/** Functions that are imported, with their parameters. Those of loads and stores return the address that they were given. */
export const CHECKS = /** @type {const} */ ({
  read: 'address offset bytes',
  written: 'address offset bytes',
  copied: 'target source bytes',
  filled: 'target bytes',
})

/** Bytes of an access by the end of its name: `i64.store32`, `v128.load8_splat`; without one, those of its type. */
const TYPE_BYTES = { i32: 4, i64: 8, f32: 4, f64: 8, v128: 16 }

/** What the codec uses (build-codec.mjs). Not all there is: some of it makes a binary that no engine reads. */
const FEATURES = ['SIMD128', 'BulkMemory', 'BulkMemoryOpt', 'NontrappingFPToInt', 'SignExt', 'MutableGlobals', 'Atomics']
  .map((name) => /** @type {Record<string, number>} */ (/** @type {unknown} */ (binaryen.Features))[name])
  .reduce((all, feature) => all | feature, 0)

/**
 * @param {Uint8Array} binary without a name section or with one: names make traces readable
 * @returns {{ binary: Uint8Array<ArrayBuffer>, accesses: Record<keyof typeof CHECKS, number> }} the checked binary, and how many places of it ask
 */
export function checkedBinary(binary) {
  const original = binaryen.readBinary(binary)
  const text = original.emitText()
  original.dispose()
  const { tree, accesses } = checkedTree(parse(text))
  const checked = binaryen.parseText(print(tree))
  checked.setFeatures(FEATURES)
  const result = Uint8Array.from(checked.emitBinary())
  checked.dispose()
  return { binary: result, accesses }
}

/** @param {Tree} module */
function checkedTree(module) {
  const accesses = { read: 0, written: 0, copied: 0, filled: 0 }
  /** @param {Tree} tree @returns {Tree} */
  const visit = (tree) => {
    if (typeof tree === 'string') return tree
    const [head, ...rest] = tree.map(visit)
    if (typeof head !== 'string') return [head, ...rest]
    if (head === 'memory.copy' || head === 'memory.fill') {
      const check = head === 'memory.copy' ? 'copied' : 'filled'
      accesses[check]++
      return ['call', `$checked-${check}`, ...rest]
    }
    const access = accessOf(head)
    if (access === null) return [head, ...rest]
    accesses[access.check]++
    // Immediates (offset, alignment, lane) are words; the first list is the address.
    const at = rest.findIndex((part) => typeof part !== 'string')
    const offset = rest.slice(0, at).find((part) => String(part).startsWith('offset='))
    const address = [
      'call',
      `$${access.check}`,
      /** @type {Tree} */ (rest[at]),
      constant(Number(String(offset ?? 'offset=0').slice(7))),
      constant(access.bytes),
    ]
    return [head, ...rest.slice(0, at), address, ...rest.slice(at + 1)]
  }
  const checked = /** @type {Tree[]} */ (visit(module))
  // Imports come before all that is defined, the types aside.
  const lastImport = checked.findLastIndex((part) => part[0] === 'import')
  checked.splice(
    lastImport + 1,
    0,
    ...parse(`
      (import "checks" "read" (func $read (param i32 i32 i32) (result i32)))
      (import "checks" "written" (func $written (param i32 i32 i32) (result i32)))
      (import "checks" "copied" (func $copied (param i32 i32 i32)))
      (import "checks" "filled" (func $filled (param i32 i32)))`),
  )
  checked.push(
    ...parse(`
      (func $checked-copied (param $target i32) (param $source i32) (param $bytes i32)
        (call $copied (local.get $target) (local.get $source) (local.get $bytes))
        (memory.copy (local.get $target) (local.get $source) (local.get $bytes)))
      (func $checked-filled (param $target i32) (param $value i32) (param $bytes i32)
        (call $filled (local.get $target) (local.get $bytes))
        (memory.fill (local.get $target) (local.get $value) (local.get $bytes)))`),
  )
  return { tree: checked, accesses }
}

/**
 * What an instruction does to memory, null for nothing. Throws for one that has to do with memory and is not known here.
 *
 * @param {string} name
 * @returns {{ check: 'read' | 'written', bytes: number } | null}
 */
function accessOf(name) {
  const [type, operation] = /** @type {[keyof typeof TYPE_BYTES, string]} */ (name.split(/\.(.*)/))
  const parts = operation?.match(/^(atomic\.)?(load|store|rmw)(\d+)?(x\d)?/)
  if (parts === null || parts === undefined || !(type in TYPE_BYTES)) {
    if (/^(?:memory\.(?!copy|fill|size)|table\.|data\.)/.test(name)) throw new Error(`no check is known for ${name}`)
    return null
  }
  const [, , kind, bits, lanes] = parts
  // `v128.load8x8_s` reads eight lanes of eight bits.
  const bytes = lanes !== undefined ? 8 : bits === undefined ? TYPE_BYTES[type] : Number(bits) / 8
  return { check: kind === 'load' ? 'read' : 'written', bytes }
}

/** @param {number} value @returns {Tree} */
const constant = (value) => ['i32.const', String(value)]

/** The lists that a text consists of; one, the module, has its own list as the result. @param {string} text @returns {Tree[]} */
function parse(text) {
  /** @type {Tree[][]} */
  const open = [[]]
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|\(;[\s\S]*?;\)|;;[^\n]*|[()]|[^\s()";]+/g)) {
    if (token.startsWith(';;') || token.startsWith('(;')) continue
    if (token === '(') open.push([])
    else if (token === ')') {
      const closed = /** @type {Tree[]} */ (open.pop())
      open.at(-1)?.push(closed)
    } else open.at(-1)?.push(token)
  }
  const [all] = open
  return all.length === 1 && Array.isArray(all[0]) ? all[0] : all
}

/** @param {Tree} tree @returns {string} */
function print(tree) {
  return typeof tree === 'string' ? tree : `(${tree.map(print).join(' ')})\n`
}
