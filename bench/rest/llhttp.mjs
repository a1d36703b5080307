// @ts-check
// llhttp, the parser of Node and undici, as the WebAssembly that undici ships, with as little around it as it needs: where the fields and
// the pieces of the body lie is written into tables, nothing else is made.

import { inside } from './undici-package.mjs'

const RESPONSE = 2
const OK = 0
/** Fields that a response may have. */
const FIELDS = 128
const PIECES = 256

export class Llhttp {
  status = 0
  /** Fields of the response, and pieces of its body; pairs of place and length, each. */
  fieldCount = 0
  pieceCount = 0
  names = new Int32Array(2 * FIELDS)
  values = new Int32Array(2 * FIELDS)
  pieces = new Int32Array(2 * PIECES)
  isComplete = false

  /** @param {number} capacity bytes of a read */
  constructor(capacity) {
    const env = {
      wasm_on_url: () => 0,
      wasm_on_status: () => 0,
      wasm_on_message_begin: () => {
        this.fieldCount = 0
        this.pieceCount = 0
        this.isComplete = false
        return 0
      },
      // What comes in pieces would have to be put together; here everything comes at once.
      wasm_on_header_field: (/** @type {number} */ _, /** @type {number} */ at, /** @type {number} */ length) => {
        this.names[2 * this.fieldCount] = at
        this.names[2 * this.fieldCount + 1] = length
        return 0
      },
      wasm_on_header_value: (/** @type {number} */ _, /** @type {number} */ at, /** @type {number} */ length) => {
        this.values[2 * this.fieldCount] = at
        this.values[2 * this.fieldCount + 1] = length
        this.fieldCount++
        return 0
      },
      wasm_on_headers_complete: (/** @type {number} */ _, /** @type {number} */ status) => {
        this.status = status
        return 0
      },
      wasm_on_body: (/** @type {number} */ _, /** @type {number} */ at, /** @type {number} */ length) => {
        this.pieces[2 * this.pieceCount] = at
        this.pieces[2 * this.pieceCount + 1] = length
        this.pieceCount++
        return 0
      },
      wasm_on_message_complete: () => {
        this.isComplete = true
        return 0
      },
    }
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(inside('llhttp/llhttp_simd-wasm.js')), { env })
    /** @type {any} */
    this.exports = exports
    this.parser = this.exports.llhttp_alloc(RESPONSE)
    this.input = this.exports.malloc(capacity)
    this.u8 = new Uint8Array(this.exports.memory.buffer)
  }

  /** One read. @param {Uint8Array} bytes */
  execute(bytes) {
    this.u8.set(bytes, this.input)
    if (this.exports.llhttp_execute(this.parser, this.input, bytes.length) !== OK) throw new Error('llhttp does not like it')
  }
}
