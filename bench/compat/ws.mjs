// @ts-check
// The client of npm `ws`, side by side: ours and the original, with the listeners that its users write. Another process floods.

import { blob, expectedSum } from '../lib/frames.mjs'
import { main } from '../lib/harness.mjs'
import { loadNexus } from '../lib/runtime.mjs'

/** @typedef {import('../lib/frames.mjs').Shape & { id: string, title: string }} Case */
/** @typedef {{ flood: { port: number } }} Peers */

/** @type {Case[]} */
const cases = [
  { id: 'text77', title: '77 B JSON text as strings', kind: 'text', size: 77 },
  { id: 'binary40', title: '40 B binary as Buffers', kind: 'binary', size: 40 },
]

function receive(/** @type {any} */ socket, /** @type {Case} */ c, /** @type {number} */ amount) {
  return new Promise((resolve, reject) => {
    let started = 0
    let left = amount
    let sum = 0
    const finish = () => {
      const seconds = (performance.now() - started) / 1000
      socket.removeAllListeners('message')
      socket.terminate()
      const { count } = blob(c, 1024 * 1024)
      if (sum !== expectedSum(c, count, amount)) reject(new Error('the messages are not what was sent'))
      resolve({ amount, seconds })
    }
    socket.on('open', () => {
      started = performance.now()
    })
    socket.on('error', reject)
    socket.on(
      'message',
      c.kind === 'text'
        ? (/** @type {any} */ data) => {
            const text = data.toString()
            sum = (sum + text.length + text.charCodeAt(0)) | 0
            if (--left === 0) finish()
          }
        : (/** @type {any} */ data) => {
            sum = (sum + data.length + data[0]) | 0
            if (--left === 0) finish()
          },
    )
  })
}

/** @param {string} title @param {() => Promise<any>} load */
const contender = (title, load) => ({
  title,
  start: async (/** @type {Case} */ c, /** @type {Peers} */ { flood }) => {
    const WebSocket = await load()
    const url = (/** @type {number} */ amount) => `ws://127.0.0.1:${flood.port}/?kind=${c.kind}&size=${c.size}&count=${amount}`
    return (/** @type {number} */ amount) => receive(new WebSocket(url(amount), { perMessageDeflate: false }), c, amount)
  },
})

main({
  name: 'ws',
  title: 'The client of ws: one-way flood',
  file: import.meta.url,
  cases,
  peers: { flood: 'ws/producer.mjs' },
  baselines: ['ws'],
  metrics: [
    { id: 'rate', unit: 'M msg/s', higherIsBetter: true, of: ({ amount, seconds }) => amount / seconds / 1e6 },
    { id: 'cpu', unit: 'CPU ns/msg', higherIsBetter: false, of: ({ amount, cpuSeconds }) => (cpuSeconds / amount) * 1e9 },
  ],
  contenders: () => ({
    nexus: contender('nexus-async-net/compat/ws', async () => (await loadNexus('ws'))?.WebSocket),
    ws: contender('ws', async () => (await import('../lib/ws-package.mjs')).WebSocket),
  }),
})
