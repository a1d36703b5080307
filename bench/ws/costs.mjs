// @ts-check
// What receiving costs beyond the read: a WsStream over a transport that does no I/O (the bytes lie in the read target already), doing
// more with each message step by step; and what a copy and a string cost on a runtime. bench/NOTES.md draws on it.

import { Buffer } from 'node:buffer'
import { blob, frameLength } from '../lib/frames.mjs'
import { main, Unavailable } from '../lib/harness.mjs'
import { accept } from '../lib/head.mjs'
import { loadNexus } from '../lib/runtime.mjs'

/** @typedef {import('../lib/frames.mjs').Shape & { id: string, title: string, read: number }} Case */

/** @type {Case[]} */
const cases = [
  { id: 'reads', title: '40 B binary, reads of 256 KiB', kind: 'binary', size: 40, read: 262_144 },
  { id: 'records', title: '40 B binary, reads of 16 KiB (a TLS record)', kind: 'binary', size: 40, read: 16_384 },
  { id: 'single', title: '40 B binary, one message a read', kind: 'binary', size: 40, read: 42 },
  { id: 'copy', title: 'copying a chunk, for 42 B of it', kind: 'binary', size: 40, read: 524_288 },
  { id: 'strings', title: 'strings of 77 B ASCII', kind: 'text', size: 77, read: 262_144 },
]

const encoder = new TextEncoder()

/** Answers the handshake, then reads the same whole frames over and over. */
class Replay {
  targetCount = 1

  /** @param {Case} c */
  constructor(c) {
    const { bytes, count } = blob(c, Math.max(c.read - frameLength(c) + 1, frameLength(c)))
    this.bytes = bytes
    this.count = count
    this.head = ''
    this.answered = false
    this.filled = false
  }

  /** @param {any} handler @param {Uint8Array[]} targets */
  start(handler, [target]) {
    this.handler = handler
    this.target = target
  }

  resume() {
    if (this.head === '') return
    if (!this.answered) {
      this.answered = true
      const answer = encoder.encode(accept(this.head))
      this.target.set(answer)
      this.handler.onRead(0, answer.length)
      return
    }
    if (!this.filled) this.target.set(this.bytes)
    this.filled = true
    this.handler.onRead(0, this.bytes.length)
  }

  /** @param {Uint8Array} bytes */
  write(bytes) {
    this.head += Buffer.from(bytes).toString('latin1')
    return true
  }

  end() {}

  destroy() {
    queueMicrotask(() => this.handler.onClosed(null))
  }
}

/** @param {Case} c */
async function replayed(c) {
  const nexus = await loadNexus()
  if (nexus === null) throw new Unavailable('not built')
  const replay = new Replay(c)
  return nexus.WsStream.connectWith(replay, 'ws://127.0.0.1/')
}

/** Runs a loop over a connection. */
const receiving = (/** @type {string} */ title, /** @type {(ws: any, amount: number) => Promise<{ seen: number, sum: number }>} */ loop) => ({
  title,
  first: 200_000,
  start: async (/** @type {Case} */ c) => {
    const ws = await replayed(c)
    return async (/** @type {number} */ amount) => {
      const started = performance.now()
      // The sum is handed on, so that no compiler finds it needless.
      const { seen, sum } = await loop(ws, amount)
      return { amount: seen, seconds: (performance.now() - started) / 1000, sum }
    }
  },
})

async function batchOnly(/** @type {any} */ ws, /** @type {number} */ amount) {
  let seen = 0
  while (seen < amount && (await ws.readable())) {
    for (let b; (b = ws.batch()) !== null; ) seen += b.count
  }
  return { seen, sum: 0 }
}

function walk(/** @type {any} */ ws, /** @type {{ seen: number, sum: number }} */ total) {
  let { seen, sum } = total
  for (let b; (b = ws.batch()) !== null; ) {
    const { count, kinds, offsets, lengths, bytes } = b
    for (let i = 0; i < count; i++) {
      if (kinds[i] === 2) sum = (sum + lengths[i] + bytes[offsets[i]]) | 0
    }
    seen += count
  }
  total.seen = seen
  total.sum = sum
}

async function walkBatches(/** @type {any} */ ws, /** @type {number} */ amount) {
  const total = { seen: 0, sum: 0 }
  while (total.seen < amount && (await ws.readable())) walk(ws, total)
  return total
}

function drain(/** @type {any} */ ws, /** @type {{ seen: number, sum: number }} */ total) {
  let { seen, sum } = total
  for (let m; (m = ws.next()) !== null; seen++) {
    if (m.kind === 'binary') sum = (sum + m.length + m.at(0)) | 0
  }
  total.seen = seen
  total.sum = sum
}

async function drainAll(/** @type {any} */ ws, /** @type {number} */ amount) {
  const total = { seen: 0, sum: 0 }
  while (total.seen < amount && (await ws.readable())) drain(ws, total)
  return total
}

async function receiveAll(/** @type {any} */ ws, /** @type {number} */ amount) {
  let seen = 0
  let sum = 0
  while (seen < amount && (await ws.readable())) {
    for (let m; (m = ws.next()) !== null; seen++) {
      if (m.kind === 'binary') sum = (sum + m.length + m.at(0)) | 0
    }
  }
  return { seen, sum }
}

async function takeOnly(/** @type {any} */ ws, /** @type {number} */ amount) {
  let seen = 0
  while (seen < amount && (await ws.readable())) {
    while (ws.next() !== null) seen++
  }
  return { seen, sum: 0 }
}

/** Runs a pass over a chunk that lies in linear memory. */
const passing = (/** @type {string} */ title, /** @type {(bytes: Uint8Array, linear: Uint8Array, c: Case, frame: number) => number} */ pass) => ({
  title,
  first: 200_000,
  start: async (/** @type {Case} */ c) => {
    const { bytes, count, frame } = blob(c, c.read)
    const linear = new Uint8Array(new WebAssembly.Memory({ initial: 64, maximum: 64 }).buffer, 4096, bytes.length)
    linear.set(bytes)
    let sum = 0
    return async (/** @type {number} */ amount) => {
      const passes = Math.ceil(amount / count)
      const started = performance.now()
      for (let i = 0; i < passes; i++) sum = (sum + pass(bytes, linear, c, frame)) | 0
      return { amount: passes * count, seconds: (performance.now() - started) / 1000, sum }
    }
  },
})

const { latin1Slice } = /** @type {any} */ (Buffer.prototype)
const utf8 = new TextDecoder()
/** As in src/codec/ws/frame-reader.ts. */
const BLOCK = 2_048

/** @param {boolean} look at a character of each string */
const blocks =
  (look) =>
  (/** @type {Uint8Array} */ _, /** @type {Uint8Array} */ linear, /** @type {Case} */ { size }, /** @type {number} */ frame) => {
    let sum = 0
    let block = ''
    let from = 0
    let to = 0
    for (let at = 2; at < linear.length; at += frame) {
      if (at + size > to) {
        from = at
        to = Math.min(at + BLOCK, linear.length)
        block = latin1Slice.call(linear, from, to)
      }
      const text = block.substring(at - from, at - from + size)
      sum = (sum + text.length + (look ? text.charCodeAt(0) : 0)) | 0
    }
    return sum
  }

main({
  name: 'costs',
  title: 'What receiving costs beyond the read',
  file: import.meta.url,
  cases,
  baselines: [],
  metrics: [{ id: 'cost', unit: 'ns/msg', higherIsBetter: false, of: ({ amount, seconds }) => (seconds / amount) * 1e9 }],
  contenders: ({ id }) => {
    if (id === 'copy') {
      return {
        set: passing('into linear memory', (bytes, linear) => {
          linear.set(bytes)
          return linear[0]
        }),
        slice: passing('to a new array', (bytes) => bytes.slice()[0]),
      }
    }
    if (id === 'strings') {
      return {
        block: passing('latin1Slice of 2 KiB, substring for each, a character looked at', blocks(true)),
        unseen: passing('the same, not looked at', blocks(false)),
        latin1: passing('latin1Slice for each', (_, linear, { size }, frame) => {
          let sum = 0
          for (let at = 2; at < linear.length; at += frame) {
            const text = latin1Slice.call(linear, at, at + size)
            sum = (sum + text.length + text.charCodeAt(0)) | 0
          }
          return sum
        }),
        decoder: passing('TextDecoder for each', (_, linear, { size }, frame) => {
          let sum = 0
          for (let at = 2; at < linear.length; at += frame) {
            const text = utf8.decode(linear.subarray(at, at + size))
            sum = (sum + text.length + text.charCodeAt(0)) | 0
          }
          return sum
        }),
      }
    }
    if (id === 'single') return { loop: receiving('next(), kind, length and a byte', receiveAll) }
    return {
      columns: receiving('batch(), its messages counted', batchOnly),
      batch: receiving('batch(), columns, a byte', walkBatches),
      take: receiving('next() only', takeOnly),
      drain: receiving('next(), kind, length and a byte, inner loop in a function', drainAll),
      loop: receiving('next(), kind, length and a byte', receiveAll),
    }
  },
})
