// @ts-check
// A send flood: 40 B binary messages, masked, as fast as backpressure lets them go. The peer is a process that reads and discards;
// the clock stops when it says that everything has arrived.

import net from 'node:net'
import { payload } from '../lib/frames.mjs'
import { main, Unavailable } from '../lib/harness.mjs'
import { request } from '../lib/head.mjs'
import { loadNexus, runtime } from '../lib/runtime.mjs'

/** @typedef {{ id: string, title: string, size: number }} Case */
/** @typedef {{ sink: { port: number } }} Peers */

/** @type {Case[]} */
const cases = [{ id: 'binary40', title: 'send flood, 40 B binary, masked', size: 40 }]
const frame = (/** @type {Case} */ c) => c.size + 6
const message = (/** @type {Case} */ c) => payload({ kind: 'binary', size: c.size }, 1)
const url = (/** @type {Case} */ c, /** @type {Peers} */ { sink }, /** @type {number} */ amount) =>
  `ws://127.0.0.1:${sink.port}/?bytes=${amount * frame(c)}`

/** More than this in the queue of `ws` or the runtime's own, and the sender waits. */
const HIGH_WATER = 1024 * 1024

main({
  name: 'send',
  title: 'Send flood',
  file: import.meta.url,
  cases,
  peers: { sink: 'ws/sink.mjs' },
  firstSecond: 'rate',
  baselines: ['raw', 'ws', 'own'],
  metrics: [{ id: 'rate', unit: 'M msg/s', higherIsBetter: true, of: ({ amount, seconds }) => amount / seconds / 1e6 }],
  contenders: () => ({
    nexus: {
      title: 'WsStream',
      start: async (c, peers) => {
        const nexus = await loadNexus()
        if (nexus === null) throw new Unavailable('not built')
        const bytes = message(c)
        return async (amount) => {
          const ws = await nexus.WsStream.connect(url(c, peers, amount))
          const started = performance.now()
          for (let i = 0; i < amount; i++) {
            const backlog = ws.sendBinary(bytes)
            if (backlog !== undefined) await backlog
          }
          const answer = await ws.recv()
          const seconds = (performance.now() - started) / 1000
          if (answer?.text !== 'ok') throw new Error('the sink has not answered')
          ws.destroy()
          return { amount, seconds }
        }
      },
    },
    ws: {
      title: 'ws',
      start: async (c, peers) => {
        const { WebSocket } = await import('../lib/ws-package.mjs')
        const bytes = message(c)
        return async (amount) => {
          const socket = new WebSocket(url(c, peers, amount), { perMessageDeflate: false })
          await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
          const answered = new Promise((resolve) => socket.once('message', resolve))
          const started = performance.now()
          for (let i = 0; i < amount; i++) {
            if (socket.bufferedAmount < HIGH_WATER) socket.send(bytes)
            else await new Promise((resolve) => socket.send(bytes, resolve))
          }
          await answered
          const seconds = (performance.now() - started) / 1000
          socket.terminate()
          return { amount, seconds }
        }
      },
    },
    corked: {
      title: 'ws, its socket corked by hand for 256 messages',
      start: async (c, peers) => {
        if (runtime === 'bun') throw new Unavailable('its socket is not in reach')
        const { WebSocket } = await import('../lib/ws-package.mjs')
        const bytes = message(c)
        return async (amount) => {
          const socket = new WebSocket(url(c, peers, amount), { perMessageDeflate: false })
          await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
          const answered = new Promise((resolve) => socket.once('message', resolve))
          const { _socket: inner } = /** @type {any} */ (socket)
          const started = performance.now()
          for (let i = 0; i < amount; ) {
            inner.cork()
            const end = Math.min(amount, i + 256)
            for (; i < end - 1; i++) socket.send(bytes)
            const last = socket.bufferedAmount < HIGH_WATER ? socket.send(bytes) : new Promise((resolve) => socket.send(bytes, resolve))
            i++
            inner.uncork()
            if (last !== undefined) await last
          }
          await answered
          const seconds = (performance.now() - started) / 1000
          socket.terminate()
          return { amount, seconds }
        }
      },
    },
    own: {
      title: "the runtime's own",
      start: async (c, peers) => {
        if (globalThis.WebSocket === undefined) throw new Unavailable('this version has none')
        const bytes = message(c)
        return async (amount) => {
          const socket = new WebSocket(url(c, peers, amount))
          await new Promise((resolve, reject) => {
            socket.onopen = resolve
            socket.onerror = reject
          })
          const answered = new Promise((resolve) => {
            socket.onmessage = resolve
          })
          const started = performance.now()
          for (let i = 0; i < amount; i++) {
            socket.send(bytes)
            // There is nothing to wait for but the next turn of the event loop.
            if ((i & 63) === 0) while (socket.bufferedAmount > HIGH_WATER) await new Promise((resolve) => setImmediate(resolve))
          }
          await answered
          const seconds = (performance.now() - started) / 1000
          socket.close()
          return { amount, seconds }
        }
      },
    },
    raw: {
      title: 'raw, 64 KiB of ready frames a write',
      first: 200_000,
      start: async (c, /** @type {Peers} */ peers) => {
        const perWrite = Math.floor(65_536 / frame(c))
        const chunk = new Uint8Array(perWrite * frame(c))
        return async (amount) => {
          const socket = net.connect({ port: peers.sink.port, host: '127.0.0.1', noDelay: true })
          await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
          await new Promise((resolve) => {
            socket.once('data', resolve)
            socket.write(request(`/?bytes=${amount * frame(c)}`))
          })
          const answered = new Promise((resolve) => socket.once('data', resolve))
          const started = performance.now()
          for (let left = amount; left > 0; left -= perWrite) {
            const part = left >= perWrite ? chunk : chunk.subarray(0, left * frame(c))
            if (!socket.write(part)) await new Promise((resolve) => socket.once('drain', resolve))
          }
          await answered
          const seconds = (performance.now() - started) / 1000
          socket.destroy()
          return { amount, seconds }
        }
      },
    },
  }),
})
