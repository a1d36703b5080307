// @ts-check
// Bytes allocated in a round, with garbage collection out of the way.
//
// Node and Deno: a young generation so large that nothing is collected during a round; then all that was allocated is in
// `heapUsed + external`. A round in which the sum fell is void. Bun: collection switched off; then it is in the resident set.

import process from 'node:process'
import { runtime } from './runtime.mjs'

/** What a process needs to be measured. */
export const flags = runtime === 'bun' ? [] : ['--min-semi-space-size=1024', '--max-semi-space-size=1024', '--expose-gc']
export const env = { BUN_JSC_useGC: '0' }

/** Bytes that mean nothing in a round of thousands of requests, or of millions of messages. */
const SLACK = runtime === 'bun' ? 1_048_576 : 16_384

/** To be handed to {@link allocatedSince}. @returns {number} */
export function allocated() {
  if (runtime === 'bun') return process.memoryUsage.rss()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** What asking costs. */
function cost() {
  allocated()
  const before = allocated()
  return allocated() - before
}

const asking = cost()

/** Bytes allocated since `before`. Throws when there was a collection. @param {number} before */
export function allocatedSince(before) {
  let bytes = allocated() - before - asking
  // What asking costs varies by a few objects.
  if (Math.abs(bytes) < SLACK) bytes = 0
  // A resident set also shrinks when a compiler thread ends.
  if (runtime === 'bun') bytes = Math.max(0, bytes)
  if (bytes < 0) throw new Error('there was a collection')
  return bytes
}

/** One round. */
export class Meter {
  constructor() {
    // The rounds before must not fill the young generation.
    globalThis.gc?.()
    this.started = performance.now()
    this.before = allocated()
  }

  /** @param {number} amount */
  end(amount) {
    const bytes = allocatedSince(this.before)
    return { amount, seconds: (performance.now() - this.started) / 1000, each: bytes / amount }
  }
}
