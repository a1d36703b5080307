// @ts-check
// The client of npm `ws`, side by side: ours and the original, with the listeners that its users write. Another process floods.

import { texts } from '../lib/compressible.mjs'
import { blob, expectedSum } from '../lib/frames.mjs'
import { main } from '../lib/harness.mjs'
import { loadNexus } from '../lib/runtime.mjs'

/** @typedef {import('../lib/frames.mjs').Shape & { id: string, title: string, isCompressed?: boolean }} Case */
/** @typedef {{ flood: { port: number }, feed: { port: number } }} Peers */

/** @type {Case[]} */
const cases = [
  { id: 'text77', title: '77 B JSON text as strings', kind: 'text', size: 77 },
  { id: 'binary40', title: '40 B binary as Buffers', kind: 'binary', size: 40 },
  { id: 'trade', title: 'compressed trades, 116 B', kind: 'text', size: 116, isCompressed: true },
]

/** What the handler's sum is for so many messages. @param {Case} c @param {number} amount */
function sumOf(c, amount) {
  if (!c.isCompressed) return expectedSum(c, blob(c, 1024 * 1024).count, amount)
  const each = texts('trade').map((text) => text.length + text.charCodeAt(0))
  let sum = 0
  for (let i = 0; i < amount; i++) sum = (sum + each[i % each.length]) | 0
  return sum
}

function receive(/** @type {any} */ socket, /** @type {Case} */ c, /** @type {number} */ amount) {
  return new Promise((resolve, reject) => {
    let started = 0
    let left = amount
    let sum = 0
    const finish = () => {
      const seconds = (performance.now() - started) / 1000
      socket.removeAllListeners('message')
      socket.terminate()
      if (sum !== sumOf(c, amount)) reject(new Error('the messages are not what was sent'))
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
  start: async (/** @type {Case} */ c, /** @type {Peers} */ { flood, feed }) => {
    const WebSocket = await load()
    const at = c.isCompressed ? `${feed.port}/?kind=trade` : `${flood.port}/?kind=${c.kind}&size=${c.size}`
    const perMessageDeflate = c.isCompressed === true
    return (/** @type {number} */ amount) => receive(new WebSocket(`ws://127.0.0.1:${at}&count=${amount}`, { perMessageDeflate }), c, amount)
  },
})

main({
  name: 'ws',
  title: 'The client of ws: one-way flood',
  file: import.meta.url,
  cases,
  peers: { flood: 'ws/producer.mjs', feed: 'ws/deflate-producer.mjs' },
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
