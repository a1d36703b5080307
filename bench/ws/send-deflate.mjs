// @ts-check
// A send flood of JSON of 4 KiB, compressed (permessage-deflate, takeover), as fast as backpressure lets it go. The peer is a process that counts messages and
// discards them; the clock stops when it says that all have arrived.

import { texts } from '../lib/compressible.mjs'
import { main, Unavailable } from '../lib/harness.mjs'
import { loadNexus, runtime } from '../lib/runtime.mjs'

/** @typedef {{ id: string, title: string, kind: string }} Case */
/** @typedef {{ sink: { port: number } }} Peers */

/** @type {Case[]} */
const cases = [{ id: '4KiB', title: 'send flood of compressed JSON, 4 KiB', kind: '4KiB' }]
const url = (/** @type {Peers} */ { sink }, /** @type {number} */ amount) => `ws://127.0.0.1:${sink.port}/?messages=${amount}`

/** What the sink says: bytes that it took. @param {string} text @param {readonly string[]} messages @param {number} amount */
function ratio(text, messages, amount) {
  let plain = 0
  for (let i = 0; i < amount; i++) plain += messages[i % messages.length].length
  return Number(text) / plain
}

/** More than this in the queue of `ws` or the runtime's own, and the sender waits. */
const HIGH_WATER = 1024 * 1024

/** @param {string} title @param {object} perMessageDeflate */
function wsContender(title, perMessageDeflate) {
  return {
    title,
    first: 2_000,
    start: async (/** @type {Case} */ c, /** @type {Peers} */ peers) => {
      const { WebSocket } = await import('../lib/ws-package.mjs')
      const messages = texts(c.kind)
      return async (/** @type {number} */ amount) => {
        const socket = new WebSocket(url(peers, amount), { perMessageDeflate })
        await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
        const answered = new Promise((resolve) => socket.once('message', resolve))
        const started = performance.now()
        for (let i = 0; i < amount; i++) {
          const text = messages[i % messages.length]
          if (socket.bufferedAmount < HIGH_WATER) socket.send(text)
          else await new Promise((resolve) => socket.send(text, resolve))
        }
        const answer = String(await answered)
        const seconds = (performance.now() - started) / 1000
        socket.terminate()
        return { amount, seconds, ratio: ratio(answer, messages, amount) }
      }
    },
  }
}

main({
  name: 'send-deflate',
  title: 'Send flood of compressed messages',
  file: import.meta.url,
  cases,
  peers: { sink: 'ws/message-sink.mjs' },
  baselines: ['ws', 'level1', 'own'],
  metrics: [
    { id: 'rate', unit: 'k msg/s', higherIsBetter: true, of: ({ amount, seconds }) => amount / seconds / 1e3 },
    { id: 'cpu', unit: 'CPU µs/msg', higherIsBetter: false, of: ({ amount, cpuSeconds }) => (cpuSeconds / amount) * 1e6 },
    { id: 'ratio', unit: 'of the bytes', higherIsBetter: false, of: (turn) => turn.ratio },
  ],
  contenders: () => ({
    nexus: {
      title: 'WsStream',
      first: 2_000,
      start: async (c, peers) => {
        const nexus = await loadNexus()
        if (nexus === null) throw new Unavailable('not built')
        const messages = texts(c.kind)
        return async (amount) => {
          const ws = await nexus.WsStream.connect(url(peers, amount), { perMessageDeflate: true })
          const started = performance.now()
          for (let i = 0; i < amount; i++) {
            const backlog = ws.sendText(messages[i % messages.length])
            if (backlog !== undefined) await backlog
          }
          const answer = await ws.recv()
          const seconds = (performance.now() - started) / 1000
          const text = answer?.text ?? ''
          ws.destroy()
          return { amount, seconds, ratio: ratio(text, messages, amount) }
        }
      },
    },
    ws: wsContender('ws', {}),
    level1: wsContender('ws, zlib of level 1', { zlibDeflateOptions: { level: 1 } }),
    own: {
      title: "the runtime's own",
      first: 2_000,
      start: async (c, peers) => {
        if (globalThis.WebSocket === undefined) throw new Unavailable('this version has none')
        if (runtime === 'deno') throw new Unavailable('it does not offer compression')
        const messages = texts(c.kind)
        return async (amount) => {
          const socket = new WebSocket(url(peers, amount))
          await new Promise((resolve, reject) => {
            socket.onopen = resolve
            socket.onerror = reject
          })
          const answered = new Promise((resolve) => {
            socket.onmessage = ({ data }) => resolve(data)
          })
          const started = performance.now()
          for (let i = 0; i < amount; i++) {
            socket.send(messages[i % messages.length])
            while (socket.bufferedAmount > HIGH_WATER) await new Promise((resolve) => setImmediate(resolve))
          }
          const answer = await answered
          const seconds = (performance.now() - started) / 1000
          socket.close()
          return { amount, seconds, ratio: ratio(answer, messages, amount) }
        }
      },
    },
  }),
})
