// @ts-check
// Bytes allocated per message in steady state on the borrowed path, with garbage collection out of the way (lib/allocation.mjs).

import { allocated, allocatedSince, env, flags } from '../lib/allocation.mjs'
import { blob, frameLength } from '../lib/frames.mjs'
import { main, Unavailable } from '../lib/harness.mjs'
import { rawFlood } from '../lib/raw.mjs'
import { loadCodec, loadNexus } from '../lib/runtime.mjs'
import { Receiver, WebSocket } from '../lib/ws-package.mjs'

/** @typedef {import('../lib/frames.mjs').Shape & { id: string, title: string, tcp: boolean, feed?: string, flags: string[] }} Case */
/** @typedef {{ flood: { port: number }, feed: { port: number } }} Peers */

/** @type {Case[]} */
const cases = [
  { id: 'memory', title: 'allocation in memory, 40 B binary', kind: 'binary', size: 40, tcp: false },
  { id: 'tcp', title: 'allocation in a TCP flood, 40 B binary', kind: 'binary', size: 40, tcp: true },
  { id: 'deflate', title: 'allocation in a TCP flood of compressed trades, 127 B', kind: 'text', size: 127, tcp: true, feed: 'trade' },
].map((c) => /** @type {Case} */ ({ ...c, flags }))

const READ = 65_536
const url = (/** @type {Case} */ c, /** @type {Peers} */ { flood, feed }, /** @type {number} */ count) =>
  c.feed === undefined
    ? `ws://127.0.0.1:${flood.port}/?kind=binary&size=${c.size}&count=${count}`
    : `ws://127.0.0.1:${feed.port}/?kind=${c.feed}&count=${count}`

/** Messages at the beginning of a TCP round that are not counted: the connection's own memory is taken there. */
const SETTLE = 100_000

/** What a round allocated between two moments. */
class Meter {
  constructor() {
    // The rounds before must not fill the young generation.
    globalThis.gc?.()
  }

  before = 0
  messages = 0
  reads = 0
  startReads = 0
  started = 0

  /** @param {number} messages that the round will count @param {number} reads so far */
  begin(messages, reads) {
    this.messages = messages
    this.startReads = reads
    this.started = performance.now()
    this.before = allocated()
  }

  /** @param {number} reads so far */
  end(reads) {
    const bytes = allocatedSince(this.before)
    const seconds = (performance.now() - this.started) / 1000
    const counted = reads - this.startReads
    return { amount: this.messages, seconds, perMessage: bytes / this.messages, perRead: counted > 0 ? bytes / counted : null }
  }
}

/**
 * Rounds of a connection of ours.
 *
 * @param {any} nexus
 * @param {Case} shape
 * @param {Peers} peers
 * @param {(ws: any, shape: Case, round: Round) => Promise<void>} receive
 */
function flooded(nexus, shape, peers, receive) {
  return async (/** @type {number} */ amount) => {
    const ws = await nexus.WsStream.connect(url(shape, peers, amount + SETTLE), { perMessageDeflate: shape.feed !== undefined })
    const round = new Round(amount)
    await receive(ws, shape, round)
    const result = round.meter.end(round.reads)
    ws.destroy()
    return { ...result, sum: round.sum }
  }
}

/** Where a round stands. */
class Round {
  meter = new Meter()
  sum = 0
  reads = 0

  /** @param {number} amount */
  constructor(amount) {
    this.amount = amount
    this.left = amount + SETTLE
  }

  /** Before each read. */
  settle() {
    if (this.meter.messages === 0 && this.left <= this.amount) this.meter.begin(this.left, this.reads)
  }
}

/** @param {any} ws @param {Case} shape @param {Round} round */
async function drain(ws, shape, round) {
  while (round.left > 0 && (await ws.readable())) {
    round.settle()
    round.reads++
    // An integer of 31 bits: a larger number would be an object of its own.
    for (let m = ws.next(); m !== null; m = ws.next(), round.left--)
      if (m.kind === shape.kind) round.sum = (round.sum + m.length + m.at(0)) & 0xffffff
  }
}

/** @param {any} ws @param {Case} _ @param {Round} round */
async function columns(ws, _, round) {
  while (round.left > 0 && (await ws.readable())) {
    round.settle()
    round.reads++
    for (let b = ws.batch(); b !== null; b = ws.batch()) {
      const { count, kinds, offsets, lengths, bytes } = b
      for (let i = 0; i < count; i++) if (kinds[i] === 2) round.sum = (round.sum + lengths[i] + bytes[offsets[i]]) & 0xffffff
      round.left -= count
    }
  }
}

/** @param {any} ws @param {Case} shape @param {Round} round */
async function each(ws, shape, round) {
  const { STOP } = ws.constructor
  await ws.forEach((/** @type {any} */ m) => {
    if (m.kind === shape.kind) round.sum = (round.sum + m.length + m.at(0)) & 0xffffff
    round.left--
    if (round.left === round.amount) round.settle()
    if (round.left === 0) return STOP
  })
}

/** @param {string} title @param {(ws: any, shape: Case, round: Round) => Promise<void>} receive */
function inFlood(title, receive) {
  return {
    title,
    first: 1_000_000,
    flags,
    env,
    start: async (/** @type {Case} */ shape, /** @type {Peers} */ peers) => {
      const nexus = await loadNexus()
      if (nexus === null) throw new Unavailable('not built')
      return flooded(nexus, shape, peers, receive)
    },
  }
}

main({
  name: 'alloc',
  title: 'Allocation, borrowed path',
  file: import.meta.url,
  cases,
  peers: { flood: 'ws/producer.mjs', feed: 'ws/deflate-producer.mjs' },
  baselines: [],
  metrics: [
    { id: 'perMessage', unit: 'bytes a message', higherIsBetter: false, of: ({ perMessage }) => perMessage },
    { id: 'perRead', unit: 'bytes a read', higherIsBetter: false, of: ({ perRead }) => perRead },
  ],
  contenders: (c) => ({
    nexus: {
      title: c.tcp ? 'WsStream, readable() and next()' : 'FrameReader, next()',
      first: 1_000_000,
      flags: c.flags,
      env,
      start: async (/** @type {Case} */ shape, /** @type {Peers} */ peers) => {
        const nexus = await loadNexus()
        if (nexus === null) throw new Unavailable('not built')
        if (shape.tcp) return flooded(nexus, shape, peers, drain)
        const codec = await loadCodec()
        if (codec === null) throw new Unavailable('not built')
        const reader = new codec.FrameReader()
        const made = blob(shape, 1024 * 1024)
        /** @type {Uint8Array[]} */
        const pieces = []
        for (let at = 0; at < made.bytes.length; at += READ) pieces.push(made.bytes.slice(at, at + READ))
        return async (/** @type {number} */ amount) => {
          let sum = 0
          const meter = new Meter()
          const passes = Math.ceil(amount / made.count)
          meter.begin(passes * made.count, 0)
          for (let i = 0; i < passes; i++) {
            for (const piece of pieces) {
              reader.read(piece)
              for (let m = reader.next(); m !== null; m = reader.next()) {
                // An integer of 31 bits: a larger number would be an object of its own.
                if (m.kind === 'binary') sum = (sum + m.length + m.at(0)) & 0xffffff
              }
            }
          }
          return { ...meter.end(passes * pieces.length), sum }
        }
      },
    },
    ...(c.tcp && c.feed === undefined
      ? {
          forEach: inFlood('WsStream, forEach', each),
          batch: inFlood('WsStream, readable() and batch()', columns),
          raw: {
            title: 'raw',
            first: 1_000_000,
            flags: c.flags,
            env,
            start: async (/** @type {Case} */ shape, /** @type {Peers} */ peers) => async (/** @type {number} */ amount) => {
              const meter = new Meter()
              const all = amount + SETTLE
              /** @type {ReturnType<Meter['end']> | null} */
              let result = null
              const flooded = await rawFlood({
                port: peers.flood.port,
                path: `/?kind=binary&size=${shape.size}&count=${all}`,
                expected: all * frameLength(shape),
                readSize: 128 * 1024,
                onRead: (reads, bytes) => {
                  if (meter.messages === 0 && bytes > SETTLE * frameLength(shape)) meter.begin(amount, reads)
                },
                onDone: (reads) => {
                  result = meter.end(reads)
                },
              })
              return { ...flooded, ...result }
            },
          },
        }
      : {}),
    ws: {
      title: 'ws',
      first: 50_000,
      flags: c.flags,
      env,
      start: async (/** @type {Case} */ shape, /** @type {Peers} */ peers) => {
        let sum = 0
        // Fewer messages: what it allocates has to fit in the young generation.
        const most = 200_000
        if (shape.tcp) {
          return (/** @type {number} */ wanted) =>
            new Promise((resolve, reject) => {
              const amount = Math.min(wanted, most)
              const socket = new WebSocket(url(shape, peers, amount + SETTLE), { perMessageDeflate: shape.feed !== undefined })
              const meter = new Meter()
              let left = amount + SETTLE
              socket.on('error', reject)
              socket.on('message', (/** @type {any} */ data) => {
                sum = (sum + data.length + data[0]) & 0xffffff
                if (--left === amount) meter.begin(amount, 0)
                if (left !== 0) return
                socket.removeAllListeners('message')
                socket.terminate()
                try {
                  resolve(meter.end(0))
                } catch (error) {
                  reject(error)
                }
              })
            })
        }
        const receiver = new Receiver({})
        receiver.on('message', (/** @type {any} */ data) => {
          sum = (sum + data.length + data[0]) & 0xffffff
        })
        const made = blob(shape, READ)
        return async (/** @type {number} */ wanted) => {
          const meter = new Meter()
          const passes = Math.ceil(Math.min(wanted, most) / made.count)
          meter.begin(passes * made.count, 0)
          for (let i = 0; i < passes; i++) {
            receiver.write(made.bytes)
            await null
          }
          return meter.end(passes)
        }
      },
    },
  }),
})
