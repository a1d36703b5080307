// @ts-check
// The `WebSocket` of browsers, side by side: ours (a task for each message, and batched), that of `ws`, and the runtime's own (on Node.js 20, which has
// none, undici's, which is that of later versions). Another process floods; each message is looked at by a handler.

import { blob, expectedSum } from '../lib/frames.mjs'
import { main, Unavailable } from '../lib/harness.mjs'
import { loadNexus, runtime } from '../lib/runtime.mjs'

/** @typedef {import('../lib/frames.mjs').Shape & { id: string, title: string }} Case */
/** @typedef {{ flood: { port: number } }} Peers */

/** @type {Case[]} */
const cases = [
  { id: 'text77', title: '77 B JSON text as strings', kind: 'text', size: 77 },
  { id: 'binary40', title: '40 B binary as ArrayBuffers', kind: 'binary', size: 40 },
]

/** Receives through an object with the interface of browsers. */
function receive(/** @type {any} */ socket, /** @type {Case} */ c, /** @type {number} */ amount) {
  return new Promise((resolve, reject) => {
    let started = 0
    let left = amount
    let sum = 0
    const finish = () => {
      const seconds = (performance.now() - started) / 1000
      socket.onmessage = null
      socket.onerror = null
      if (socket.terminate) socket.terminate()
      else socket.close()
      const { count } = blob(c, 1024 * 1024)
      if (sum !== expectedSum(c, count, amount)) reject(new Error('the messages are not what was sent'))
      resolve({ amount, seconds })
    }
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      started = performance.now()
    }
    socket.onerror = (/** @type {any} */ event) => reject(event.error ?? new Error(event.message ?? 'WebSocket failed'))
    socket.onmessage =
      c.kind === 'text'
        ? (/** @type {any} */ { data }) => {
            sum = (sum + data.length + data.charCodeAt(0)) | 0
            if (--left === 0) finish()
          }
        : (/** @type {any} */ { data }) => {
            sum = (sum + data.byteLength + new Uint8Array(data)[0]) | 0
            if (--left === 0) finish()
          }
  })
}

/**
 * @param {string} title
 * @param {() => Promise<any>} load the class
 * @param {any[]} args
 */
const contender = (title, load, ...args) => ({
  title,
  start: async (/** @type {Case} */ c, /** @type {Peers} */ { flood }) => {
    const WebSocket = await load()
    if (!WebSocket) throw new Unavailable('this version has none')
    const url = (/** @type {number} */ amount) => `ws://127.0.0.1:${flood.port}/?kind=${c.kind}&size=${c.size}&count=${amount}`
    return (/** @type {number} */ amount) => receive(new WebSocket(url(amount), ...args), c, amount)
  },
})

const ours = async () => (await loadNexus('websocket'))?.WebSocket
const ofWs = async () => (await import('../lib/ws-package.mjs')).WebSocket
const own = async () => /** @type {any} */ (globalThis).WebSocket ?? (runtime === 'node' ? (await import('undici')).WebSocket : null)

main({
  name: 'websocket',
  title: 'The WebSocket of browsers: one-way flood',
  file: import.meta.url,
  cases,
  peers: { flood: 'ws/producer.mjs' },
  baselines: ['ws', 'own'],
  metrics: [
    { id: 'rate', unit: 'M msg/s', higherIsBetter: true, of: ({ amount, seconds }) => amount / seconds / 1e6 },
    { id: 'cpu', unit: 'CPU ns/msg', higherIsBetter: false, of: ({ amount, cpuSeconds }) => (cpuSeconds / amount) * 1e9 },
  ],
  contenders: () => ({
    tasks: contender('WebSocket, a task for each', ours, [], { perMessageDeflate: false }),
    batched: contender('WebSocket, `batchedEvents`', ours, [], { perMessageDeflate: false, batchedEvents: true }),
    ws: contender('ws', ofWs, [], { perMessageDeflate: false }),
    own: contender("the runtime's own", own),
  }),
})
