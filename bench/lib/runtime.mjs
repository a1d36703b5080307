// @ts-check
// Which runtime this is, and how to start another process on it.

import process from 'node:process'
import { pathToFileURL } from 'node:url'

/** @type {'node' | 'deno' | 'bun'} */
export const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node'

/** Version of this runtime. */
export const version = runtime === 'deno' ? process.versions.deno : runtime === 'bun' ? process.versions.bun : process.versions.node

/**
 * The entry of this package for this runtime, or null when it is not built: of this build, or of the folder that `BENCH_DIST` names.
 *
 * @param {string} [part] another entry than the main one: `websocket`, `ws`
 */
export async function loadNexus(part) {
  return load(`${runtime}${part === undefined ? '' : `-${part}`}.js`)
}

/** `nexus-async-net/codec`, as these runtimes have it, or null when it is not built. */
export async function loadCodec() {
  return load('node-codec.js')
}

/** @param {string} file */
async function load(file) {
  const { BENCH_DIST: folder } = process.env
  const dist = folder === undefined ? new URL('../../dist/', import.meta.url) : pathToFileURL(`${folder}/`)
  try {
    return await import(new URL(file, dist).href)
  } catch (error) {
    if (/** @type {any} */ (error)?.code === 'ERR_MODULE_NOT_FOUND' || /not found|find module/i.test(String(error))) return null
    throw error
  }
}

/**
 * Command line of a script on this runtime.
 *
 * @param {string} file path of the script
 * @param {readonly string[]} args
 * @param {readonly string[]} flags flags of V8, or of Node when this is Node
 * @returns {[string, string[]]}
 */
export function command(file, args, flags = []) {
  if (runtime === 'deno') {
    const v8 = flags.length > 0 ? [`--v8-flags=${flags.join(',')}`] : []
    return [process.execPath, ['run', '--quiet', '-A', ...v8, file, ...args]]
  }
  return [process.execPath, [...(runtime === 'node' ? flags : []), file, ...args]]
}
