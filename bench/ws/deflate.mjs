// @ts-check
// A one-way flood of compressed JSON (permessage-deflate): zlib's level 6, a sync flush for each message, takeover; each message is made a string and looked
// at. What counts is the CPU time of this process for a message. The trickle is the same with each message in a read of its own, compressed and not.

import { expecting, look, texts } from '../lib/compressible.mjs'
import { main, Unavailable } from '../lib/harness.mjs'
import { loadNexus, runtime } from '../lib/runtime.mjs'

/** @typedef {import('../lib/harness.mjs').Metric} Metric */
/** @typedef {{ id: string, title: string, kind: string, paced?: boolean, metrics?: readonly Metric[] }} Case */
/** @typedef {{ feed: { port: number } }} Peers */

/** @type {Metric} */
const CPU = { id: 'cpu', unit: 'CPU µs/msg', higherIsBetter: false, of: ({ amount, cpuSeconds }) => (cpuSeconds / amount) * 1e6 }
/** @type {Metric} */
const RATE = { id: 'rate', unit: 'k msg/s', higherIsBetter: true, of: ({ amount, seconds }) => amount / seconds / 1e3 }
/** How many messages a read had, to show that the trickle is one. @type {Metric} */
const READS = { id: 'reads', unit: 'messages a read', higherIsBetter: false, of: ({ amount, reads }) => amount / reads }

/** @type {Case[]} */
const cases = [
  { id: 'trade', title: 'compressed trades, 116 B', kind: 'trade' },
  { id: 'depth', title: 'compressed depth of 10 + 10 levels, 506 B', kind: 'depth' },
  { id: 'snapshot', title: 'compressed snapshots of 100 + 100 levels, 4.6 KB', kind: 'snapshot' },
  { id: 'trickle', title: 'a trickle of trades, each in a read of its own', kind: 'trade', paced: true, metrics: [CPU, READS] },
]

const url = (/** @type {Case} */ { kind, paced }, /** @type {Peers} */ { feed }, /** @type {number} */ count) =>
  `ws://127.0.0.1:${feed.port}/?kind=${kind}&count=${count}${paced ? '&paced' : ''}`

/** What users of WsStream write. */
async function receive(/** @type {any} */ ws, /** @type {number} */ amount) {
  let left = amount
  let sum = 0
  let reads = 0
  while (left > 0 && (await ws.readable())) {
    reads++
    for (let m; (m = ws.next()) !== null; left--) sum = (sum + look(m.text)) | 0
  }
  return { sum, reads }
}

/** @param {string} title @param {boolean} perMessageDeflate */
function nexusContender(title, perMessageDeflate) {
  return {
    title,
    start: async (/** @type {Case} */ c, /** @type {Peers} */ peers) => {
      const nexus = await loadNexus()
      if (nexus === null) throw new Unavailable('not built')
      const expected = expecting(texts(c.kind))
      return async (/** @type {number} */ amount) => {
        const ws = await nexus.WsStream.connect(url(c, peers, amount), { perMessageDeflate })
        if ((ws.extensions === '') === perMessageDeflate) throw new Error('it is not compressed as it should be')
        const started = performance.now()
        const { sum, reads } = await receive(ws, amount)
        const seconds = (performance.now() - started) / 1000
        ws.destroy()
        if (sum !== expected(amount)) throw new Error('the messages are not what was sent')
        return { amount, seconds, reads }
      }
    },
  }
}

/** @param {string} title @param {() => Promise<(url: string) => any>} load gives what opens a socket with the interface of browsers */
function eventContender(title, load) {
  return {
    title,
    start: async (/** @type {Case} */ c, /** @type {Peers} */ peers) => {
      const open = await load()
      const expected = expecting(texts(c.kind))
      return (/** @type {number} */ amount) =>
        new Promise((resolve, reject) => {
          const socket = open(url(c, peers, amount))
          let started = 0
          let left = amount
          let sum = 0
          socket.onopen = () => {
            if (!/permessage-deflate/.test(socket.extensions)) reject(new Error('it is not compressed'))
            started = performance.now()
          }
          socket.onerror = (/** @type {any} */ event) => reject(event.error ?? new Error(event.message ?? 'WebSocket failed'))
          socket.onmessage = (/** @type {any} */ { data }) => {
            sum = (sum + look(data)) | 0
            if (--left > 0) return
            const seconds = (performance.now() - started) / 1000
            socket.onmessage = null
            socket.onerror = null
            socket.close()
            if (sum === expected(amount)) resolve({ amount, seconds })
            else reject(new Error('the messages are not what was sent'))
          }
        })
    },
  }
}

main({
  name: 'deflate',
  title: 'One-way flood of compressed messages',
  file: import.meta.url,
  cases,
  peers: { feed: 'ws/deflate-producer.mjs' },
  baselines: ['ws', 'undici', 'own', 'plain'],
  metrics: [CPU, RATE],
  contenders: ({ paced }) =>
    paced
      ? { nexus: nexusContender('WsStream, compressed', true), plain: nexusContender('WsStream, not compressed', false) }
      : {
          nexus: nexusContender('WsStream', true),
          ws: {
            title: 'ws',
            start: async (c, /** @type {Peers} */ peers) => {
              const { WebSocket } = await import('../lib/ws-package.mjs')
              const expected = expecting(texts(c.kind))
              return (amount) =>
                new Promise((resolve, reject) => {
                  const socket = new WebSocket(url(c, peers, amount))
                  let started = 0
                  let left = amount
                  let sum = 0
                  socket.on('open', () => {
                    if (socket.extensions === '') reject(new Error('it is not compressed'))
                    started = performance.now()
                  })
                  socket.on('error', reject)
                  socket.on('message', (data) => {
                    sum = (sum + look(data.toString())) | 0
                    if (--left > 0) return
                    const seconds = (performance.now() - started) / 1000
                    socket.removeAllListeners('message')
                    socket.terminate()
                    if (sum === expected(amount)) resolve({ amount, seconds })
                    else reject(new Error('the messages are not what was sent'))
                  })
                })
            },
          },
          ...(runtime === 'node'
            ? {
                undici: eventContender('undici', async () => {
                  const { undici } = await import('../rest/undici-package.mjs')
                  return (address) => new undici.WebSocket(address)
                }),
              }
            : {}),
          own: eventContender("the runtime's own", async () => {
            const { WebSocket } = globalThis
            if (WebSocket === undefined) throw new Unavailable('this version has none')
            if (runtime === 'deno') throw new Unavailable('it does not offer compression')
            return (address) => new WebSocket(address)
          }),
        },
})
