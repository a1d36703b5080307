// @ts-check
// Runs workloads and says what they gave (a checksum), what they did (counts, exact) and how long they took. No runtime API but a clock.

import { Sink } from './sink.mjs'
import { workloads } from './workloads.mjs'

/**
 * @typedef {object} Counts of one pass; all exact
 * @property {number} messages
 * @property {number} bytes
 * @property {string} checksum of what one digest of a fresh workload gave
 * @property {number} instructions
 * @property {Record<string, number>} functions instructions by function of assembly/
 * @property {number} crossings calls from JavaScript into WebAssembly
 * @property {Record<string, number>} calls by export
 * @property {number} wasmCopied bytes that `memory.copy` and `memory.fill` went over
 * @property {Record<string, number>} copies by function of assembly/
 * @property {number} jsCopied bytes that JavaScript had copied: `set`, `copyWithin`, `fill` and `slice` of typed arrays, `encode` and `encodeInto`
 */

/** @param {string} id */
export function workload(id) {
  const found = workloads.find((each) => each.id === id)
  if (found === undefined) throw new Error(`there is no workload ${id}`)
  return found
}

/**
 * Checksum of everything that a workload makes the codec give, from a fresh start.
 *
 * @param {import('./workloads.mjs').Faces} faces
 * @param {any} codec
 * @param {string} id
 */
export function checksum(faces, codec, id) {
  const running = workload(id).start(faces, codec)
  const value = digest(id, running)
  running.release()
  return value
}

/** @param {string} id @param {import('./workloads.mjs').Running} running that has just been started */
function digest(id, running) {
  const sink = new Sink()
  running.digest(sink)
  if (sink.count === 0) throw new Error(`${id} gave nothing`)
  return sink.value
}

/** @typedef {{ regions: readonly import('./instrument.mjs').Region[], sites: readonly import('./instrument.mjs').Site[] }} Layout of an instrumented binary */

/** A codec of the instrumented binaries, with everything in its way that counts. */
export class Counter {
  /** @type {Record<string, number>} */
  #calls = {}

  /**
   * @param {import('./workloads.mjs').Faces} faces
   * @param {Record<'codec' | 'deflate', WebAssembly.Module>} modules
   * @param {Record<'codec' | 'deflate', Layout>} layouts
   */
  constructor(faces, modules, layouts) {
    this.faces = faces
    this.codec = new faces.Codec(modules.codec, faces.webTextDecoding(), undefined, modules.deflate)
    // Faces take the exports from their memory: they get ours. All workloads fit in the first memory.
    const region = this.codec.deflateRegion(64)
    const { memory } = region
    this.parts = [
      { globals: /** @type {Record<string, WebAssembly.Global>} */ (memory.exports), layout: layouts.codec },
      { globals: /** @type {Record<string, WebAssembly.Global>} */ (memory.deflate), layout: layouts.deflate },
    ]
    const [codec, deflate] = this.parts.map(({ globals }) => this.#wrapped(globals))
    memory.exports = codec
    Object.defineProperty(memory, 'deflate', { value: deflate })
    region.release()
  }

  /** Functions of an instance, each call counted. @param {Record<string, unknown>} exports */
  #wrapped(exports) {
    /** @type {Record<string, Function>} */
    const wrapped = {}
    for (const [name, value] of Object.entries(exports)) {
      if (typeof value !== 'function') continue
      const call = /** @type {(...args: number[]) => number} */ (value)
      wrapped[name] = (/** @type {number[]} */ ...args) => {
        this.#calls[name] = (this.#calls[name] ?? 0) + 1
        return call(...args)
      }
    }
    return wrapped
  }

  /**
   * Counts of one pass, taken twice, behind one that is digested: they must be the same.
   *
   * @param {string} id
   * @returns {Counts}
   */
  count(id) {
    const running = workload(id).start(this.faces, this.codec)
    const sum = digest(id, running)
    if (this.codec.memoryCount !== 1) throw new Error('a workload has left the first memory')
    const first = this.#pass(running)
    const second = this.#pass(running)
    running.release()
    if (JSON.stringify(first) !== JSON.stringify(second))
      throw new Error(`${id}: two passes cost ${JSON.stringify(first)} and ${JSON.stringify(second)}`)
    return { messages: running.messages, bytes: running.bytes, checksum: sum, ...first }
  }

  /** @param {import('./workloads.mjs').Running} running */
  #pass(running) {
    for (const { globals, layout } of this.parts) {
      for (const { counter } of [...layout.regions, ...layout.sites]) globals[counter].value = 0n
    }
    this.#calls = {}
    const copying = new Copying()
    try {
      running.pass()
    } finally {
      copying.stop()
    }
    const calls = this.#calls
    this.#calls = {}
    let instructions = 0
    /** @type {Record<string, number>} */
    const functions = {}
    for (const { globals, layout } of this.parts) {
      for (const { counter, instructions: own } of layout.regions) {
        const hits = Number(globals[counter].value)
        if (hits === 0) continue
        for (const [source, count] of Object.entries(own)) {
          functions[source] = (functions[source] ?? 0) + hits * count
          instructions += hits * count
        }
      }
    }
    let wasmCopied = 0
    /** @type {Record<string, number>} */
    const copies = {}
    for (const { globals, layout } of this.parts) {
      for (const { counter, source } of layout.sites) {
        const bytes = Number(globals[counter].value)
        if (bytes === 0) continue
        copies[source] = (copies[source] ?? 0) + bytes
        wasmCopied += bytes
      }
    }
    const crossings = Object.values(calls).reduce((sum, count) => sum + count, 0)
    return {
      instructions,
      functions: sorted(functions),
      crossings,
      calls: sorted(calls),
      wasmCopied,
      copies: sorted(copies),
      jsCopied: copying.bytes,
    }
  }
}

/** Largest first. @param {Record<string, number>} counts */
function sorted(counts) {
  return Object.fromEntries(Object.entries(counts).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)))
}

/** Counts the bytes that JavaScript has copied, by standing in for the methods that do so. */
class Copying {
  bytes = 0
  /** @type {(() => void)[]} */
  #undo = []

  constructor() {
    const arrays = Object.getPrototypeOf(Uint8Array.prototype)
    const add = (/** @type {number} */ bytes) => {
      this.bytes += bytes
    }
    this.#stand(arrays, 'set', (self, [source]) => add(source.length * self.BYTES_PER_ELEMENT))
    this.#stand(arrays, 'copyWithin', (self, [, start, stop]) => add(((stop ?? self.length) - start) * self.BYTES_PER_ELEMENT))
    this.#stand(arrays, 'fill', (self, [, start = 0, stop = self.length]) => add((stop - start) * self.BYTES_PER_ELEMENT))
    this.#stand(arrays, 'slice', (_self, _args, result) => add(result.byteLength))
    this.#stand(TextEncoder.prototype, 'encode', (_self, _args, result) => add(result.length))
    this.#stand(TextEncoder.prototype, 'encodeInto', (_self, _args, result) => add(result.written))
  }

  /**
   * @param {any} prototype
   * @param {string} name
   * @param {(self: any, args: any[], result: any) => void} note
   */
  #stand(prototype, name, note) {
    const original = Object.getOwnPropertyDescriptor(prototype, name)
    const { value } = /** @type {PropertyDescriptor} */ (original)
    /** @this {any} @param {any[]} args */
    function counted(...args) {
      const result = value.apply(this, args)
      note(this, args, result)
      return result
    }
    Object.defineProperty(prototype, name, { ...original, value: counted })
    this.#undo.push(() => Object.defineProperty(prototype, name, /** @type {PropertyDescriptor} */ (original)))
  }

  stop() {
    for (const undo of this.#undo) undo()
  }
}

/** Times workloads, one after the other, each kept warm between its rounds. */
export class Timer {
  /** @type {{ id: string, running: import('./workloads.mjs').Running } | null} */
  #current = null
  #blackhole = 0

  /**
   * @param {import('./workloads.mjs').Faces} faces
   * @param {any} codec
   */
  constructor(faces, codec) {
    this.faces = faces
    this.codec = codec
  }

  /**
   * Makes a workload the one to be timed.
   *
   * @param {string} id
   */
  begin(id) {
    this.close()
    const running = workload(id).start(this.faces, this.codec)
    this.#current = { id, running }
    return { messages: running.messages, bytes: running.bytes }
  }

  /** Seconds of `passes`. @param {number} passes */
  run(passes) {
    const { running } = /** @type {{ running: import('./workloads.mjs').Running }} */ (this.#current)
    let sum = 0
    const started = performance.now()
    for (let i = 0; i < passes; i++) sum = (sum + running.pass()) | 0
    const seconds = (performance.now() - started) / 1_000
    this.#blackhole = (this.#blackhole + sum) | 0
    return seconds
  }

  close() {
    this.#current?.running.release()
    this.#current = null
    return this.#blackhole
  }
}

/**
 * Runs a workload for `seconds` to have it compiled.
 *
 * @param {(passes: number) => number | Promise<number>} run gives the seconds that it took
 * @param {number} seconds
 * @returns {Promise<number>} how many passes a round of `seconds` takes
 */
export async function calibrate(run, seconds) {
  let passes = 1
  for (let spent = 0; ; ) {
    const turn = await run(passes)
    spent += turn
    const wanted = Math.max(1, Math.round((passes * seconds) / Math.max(turn, 1e-5)))
    if (spent >= seconds) return wanted
    passes = Math.min(wanted, 8 * passes)
  }
}
