// @ts-check
// Bytes allocated per message in steady state on the borrowed path, with garbage collection out of the way (lib/allocation.mjs).

import { allocated, allocatedSince, env, flags } from '../lib/allocation.mjs'
import { blob, frameLength } from '../lib/frames.mjs'
import { main, Unavailable } from '../lib/harness.mjs'
import { rawFlood } from '../lib/raw.mjs'
import { loadNexus } from '../lib/runtime.mjs'
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
        if (shape.tcp) {
          return async (/** @type {number} */ amount) => {
            let sum = 0
            const ws = await nexus.WsStream.connect(url(shape, peers, amount + SETTLE), { perMessageDeflate: shape.feed !== undefined })
            const meter = new Meter()
            let left = amount + SETTLE
            let reads = 0
            while (left > 0 && (await ws.readable())) {
              if (meter.messages === 0 && left <= amount) meter.begin(left, reads)
              reads++
              for (let m = ws.next(); m !== null; m = ws.next()) {
                if (m.kind === shape.kind) sum = (sum + m.length + m.at(0)) & 0xffffff
                left--
              }
            }
            const result = meter.end(reads)
            ws.destroy()
            return { ...result, sum }
          }
        }
        const { FrameReader } = await import(new URL('../../dist/codec.js', import.meta.url).href)
        const reader = new FrameReader()
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
