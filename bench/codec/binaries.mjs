// @ts-check
// The two binaries of a run: the codec as it ships, and the copy that counts. For Node, which reads them from build/.

import { readFileSync } from 'node:fs'
import { instrument } from './instrument.mjs'
import { sourceNames } from './sources.mjs'

const build = new URL('../../build/', import.meta.url)

/**
 * @param {Uint8Array} [shipped] default: build/codec.wasm
 * @returns the binary and its instrumented copy. Throws when the names in build/ belong to another one
 */
export function binaries(shipped = read('codec.wasm')) {
  const map = JSON.parse(new TextDecoder().decode(read('codec.named.wasm.map')))
  return { shipped, counting: instrument(shipped, sourceNames(shipped, read('codec.named.wasm'), map)) }
}

/** @param {string} name */
function read(name) {
  try {
    return new Uint8Array(readFileSync(new URL(name, build)))
  } catch (cause) {
    throw new Error(`build/${name} is not there: npm run build:codec`, { cause })
  }
}
