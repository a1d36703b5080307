// @ts-check
// The binaries of a run: as they ship, and the copies that count. For Node, which reads them from build/.

import { readFileSync } from 'node:fs'
import { instrument } from './instrument.mjs'
import { sourceNames } from './sources.mjs'

const build = new URL('../../build/', import.meta.url)

/**
 * Both binaries, the codec and that for compressed data: each as it ships, and its instrumented copy.
 *
 * @param {Partial<Record<'codec' | 'deflate', Uint8Array>>} [shipped] default: those in build/. Throws when the names in build/ belong to another one
 */
export function binaries(shipped = {}) {
  return { codec: both('codec', shipped.codec), deflate: both('deflate', shipped.deflate) }
}

/** @param {string} name @param {Uint8Array} [shipped] */
function both(name, shipped = read(`${name}.wasm`)) {
  const map = JSON.parse(new TextDecoder().decode(read(`${name}.named.wasm.map`)))
  return { shipped, counting: instrument(shipped, sourceNames(shipped, read(`${name}.named.wasm`), map)) }
}

/** @param {string} name */
function read(name) {
  try {
    return new Uint8Array(readFileSync(new URL(name, build)))
  } catch (cause) {
    throw new Error(`build/${name} is not there: npm run build:codec`, { cause })
  }
}
