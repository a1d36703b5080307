// @ts-check
// A one-way flood: another process sends pre-built frames as fast as it can, this one receives and looks at each message
// (its length and one byte, or its text). "Raw" reads the same bytes by the same mechanism and looks at none.

import { readFileSync } from 'node:fs'
import { blob, expectedSum, frameLength } from '../lib/frames.mjs'
import { main, Unavailable } from '../lib/harness.mjs'
import { rawFlood } from '../lib/raw.mjs'
import { loadNexus, runtime } from '../lib/runtime.mjs'

/** What `maxReadSize` is by default, so that raw reads are as large as ours. */
const READ_SIZE = 256 * 1024

/** @typedef {import('../lib/frames.mjs').Shape & { id: string, title: string, secure: boolean }} Case */
/** @typedef {{ flood: { port: number, tlsPort: number, caFile: string } }} Peers */

/** @type {Case[]} */
const cases = []
for (const secure of [false, true]) {
  for (const size of [40, 128, 512]) {
    cases.push({
      id: `${secure ? 'tls' : 'tcp'}-binary${size}`,
      title: `${secure ? 'TLS' : 'TCP'} flood, ${size} B binary`,
      kind: 'binary',
      size,
      secure,
    })
  }
  cases.push({
    id: `${secure ? 'tls' : 'tcp'}-text77`,
    title: `${secure ? 'TLS' : 'TCP'} flood, 77 B JSON text as strings`,
    kind: 'text',
    size: 77,
    secure,
  })
}

const path = (/** @type {Case} */ { kind, size }, /** @type {number} */ count) => `/?kind=${kind}&size=${size}&count=${count}`
const port = (/** @type {Case} */ { secure }, /** @type {Peers} */ { flood }) => (secure ? flood.tlsPort : flood.port)
const url = (/** @type {Case} */ c, /** @type {Peers} */ peers, /** @type {number} */ count) =>
  `${c.secure ? 'wss://localhost' : 'ws://127.0.0.1'}:${port(c, peers)}${path(c, count)}`

/** Checks what was seen, after the time was taken. */
function check(/** @type {Case} */ c, /** @type {number} */ amount, /** @type {number} */ sum) {
  const { count } = blob(c, 1024 * 1024)
  if (sum !== expectedSum(c, count, amount)) throw new Error('the messages are not what was sent')
}

/** What users of WsStream write, with a look at each message. */
async function receiveBinary(/** @type {any} */ ws, /** @type {number} */ amount) {
  let left = amount
  let sum = 0
  let reads = 0
  while (left > 0 && (await ws.readable())) {
    reads++
    for (let m; (m = ws.next()) !== null; left--) {
      if (m.kind === 'binary') sum = (sum + m.length + m.at(0)) | 0
    }
  }
  return { sum, reads }
}

/** What has arrived, in a function that is not async: the engines' compilers make more of it. */
function drainBinary(/** @type {any} */ ws, /** @type {{ left: number, sum: number }} */ total) {
  let { left, sum } = total
  for (let m; (m = ws.next()) !== null; left--) {
    if (m.kind === 'binary') sum = (sum + m.length + m.at(0)) | 0
  }
  total.left = left
  total.sum = sum
}

/** The same as {@link receiveBinary}, with the inner loop in a function of its own. */
async function drainAll(/** @type {any} */ ws, /** @type {number} */ amount) {
  const total = { left: amount, sum: 0 }
  let reads = 0
  while (total.left > 0 && (await ws.readable())) {
    reads++
    drainBinary(ws, total)
  }
  return { sum: total.sum, reads }
}

/** The same for texts. A function of its own, as engines optimize by function. */
async function receiveText(/** @type {any} */ ws, /** @type {number} */ amount) {
  let left = amount
  let sum = 0
  let reads = 0
  while (left > 0 && (await ws.readable())) {
    reads++
    for (let m; (m = ws.next()) !== null; left--) {
      const { text } = m
      sum = (sum + text.length + text.charCodeAt(0)) | 0
    }
  }
  return { sum, reads }
}

/** What users write first: owned messages. */
async function loopBinary(/** @type {any} */ ws, /** @type {number} */ amount) {
  let left = amount
  let sum = 0
  for await (const m of ws) {
    if (m.kind === 'binary') sum = (sum + m.length + m.at(0)) | 0
    if (--left === 0) break
  }
  return { sum }
}

/** The same, each with an array of its own, which could be kept or transferred. */
async function loopBytes(/** @type {any} */ ws, /** @type {number} */ amount) {
  let left = amount
  let sum = 0
  for await (const m of ws) {
    if (m.kind === 'binary') sum = (sum + m.length + m.bytes[0]) | 0
    if (--left === 0) break
  }
  return { sum }
}

async function loopText(/** @type {any} */ ws, /** @type {number} */ amount) {
  let left = amount
  let sum = 0
  for await (const { text } of ws) {
    sum = (sum + text.length + text.charCodeAt(0)) | 0
    if (--left === 0) break
  }
  return { sum }
}

/** One borrowed message at a time. */
async function recvBinary(/** @type {any} */ ws, /** @type {number} */ amount) {
  let sum = 0
  for (let left = amount; left > 0; left--) {
    const m = await ws.recv()
    if (m.kind === 'binary') sum = (sum + m.length + m.at(0)) | 0
  }
  return { sum }
}

async function recvText(/** @type {any} */ ws, /** @type {number} */ amount) {
  let sum = 0
  for (let left = amount; left > 0; left--) {
    const { text } = await ws.recv()
    sum = (sum + text.length + text.charCodeAt(0)) | 0
  }
  return { sum }
}

/** What has arrived as columns, in a function that is not async. */
function drainBatches(/** @type {any} */ ws, /** @type {{ left: number, sum: number }} */ total) {
  let { left, sum } = total
  for (let b; (b = ws.batch()) !== null; ) {
    const { count, kinds, offsets, lengths, bytes } = b
    for (let i = 0; i < count; i++) {
      if (kinds[i] === 2) sum = (sum + lengths[i] + bytes[offsets[i]]) | 0
    }
    left -= count
  }
  total.left = left
  total.sum = sum
}

async function batches(/** @type {any} */ ws, /** @type {number} */ amount) {
  const total = { left: amount, sum: 0 }
  while (total.left > 0 && (await ws.readable())) drainBatches(ws, total)
  return { sum: total.sum }
}

/** A call for each message. */
async function eachBinary(/** @type {any} */ ws, /** @type {number} */ amount) {
  const { STOP } = ws.constructor
  let left = amount
  let sum = 0
  await ws.forEach((/** @type {any} */ m) => {
    if (m.kind === 'binary') sum = (sum + m.length + m.at(0)) | 0
    if (--left === 0) return STOP
  })
  return { sum }
}

async function eachText(/** @type {any} */ ws, /** @type {number} */ amount) {
  const { STOP } = ws.constructor
  let left = amount
  let sum = 0
  await ws.forEach((/** @type {any} */ { text }) => {
    sum = (sum + text.length + text.charCodeAt(0)) | 0
    if (--left === 0) return STOP
  })
  return { sum }
}

/** Receives through an object with the interface of browsers. */
function receiveByEvents(/** @type {any} */ socket, /** @type {Case} */ c, /** @type {number} */ amount) {
  return new Promise((resolve, reject) => {
    let started = 0
    let left = amount
    let sum = 0
    const finish = () => {
      const seconds = (performance.now() - started) / 1000
      socket.onmessage = null
      socket.onerror = null
      socket.close()
      check(c, amount, sum)
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

/** A plain connection of this runtime's transport, which no entry gives out by itself. */
async function dialPlain(/** @type {number} */ port) {
  const file = { node: 'node/dial', deno: 'deno/transport', bun: 'bun/dial' }[runtime]
  const module = await import(new URL(`../../build/js/src/transport/${file}.js`, import.meta.url).href)
  const { systemClock } = await import(new URL('../../build/js/src/clock.js', import.meta.url).href)
  return module[`${runtime}Dial`](systemClock)({ hostname: '127.0.0.1', port, secure: false }, {})
}

/**
 * @param {string} title
 * @param {boolean} giveCa pass the authority as an option; else the process trusts it already
 * @param {{ binary: Function, text: Function }} ways how messages are received
 * @param {boolean} inMemory TLS by `TlsCodec` over a plain connection
 */
function nexusContender(title, giveCa, ways = { binary: receiveBinary, text: receiveText }, inMemory = false) {
  return {
    title,
    first: 200_000,
    start: async (/** @type {Case} */ c, /** @type {Peers} */ peers) => {
      const nexus = await loadNexus()
      if (nexus === null) throw new Unavailable('not built')
      const tls = c.secure && giveCa ? { tls: { ca: readFileSync(peers.flood.caFile, 'utf8') } } : {}
      const receive = ways[c.kind]
      return async (/** @type {number} */ amount) => {
        const ws = inMemory
          ? await nexus.WsStream.connectWith(await dialPlain(port(c, peers)), url(c, peers, amount), tls)
          : await nexus.WsStream.connect(url(c, peers, amount), tls)
        const started = performance.now()
        const { sum, reads } = await receive(ws, amount)
        const seconds = (performance.now() - started) / 1000
        ws.destroy()
        check(c, amount, sum)
        return { amount, seconds, reads, bytes: amount * frameLength(c) }
      }
    },
  }
}

main({
  name: 'flood',
  title: 'One-way flood',
  file: import.meta.url,
  cases,
  peers: { flood: 'ws/producer.mjs' },
  firstSecond: 'rate',
  baselines: ['raw', 'ws', 'own'],
  // Bun hands memory back while a contender waits for its turn, and has its first 100 MB or so in fresh pages, which cost more than the flood.
  seconds: runtime === 'bun' ? 3 : 0.5,
  metrics: [
    { id: 'rate', unit: 'M msg/s', higherIsBetter: true, of: ({ amount, seconds }) => amount / seconds / 1e6 },
    // What this process spent, in the kernel too: the producer and other programs have no part in it.
    { id: 'cpu', unit: 'CPU ns/msg', higherIsBetter: false, of: ({ amount, cpuSeconds }) => (cpuSeconds / amount) * 1e9 },
  ],
  contenders: (c) => ({
    ...(c.secure && runtime === 'deno' ? { private: nexusContender('WsStream, `tls.ca` given (by way of node:tls)', true) } : {}),
    ...(c.secure ? { codec: nexusContender('WsStream, TLS by `TlsCodec`', true, undefined, true) } : {}),
    nexus: nexusContender('WsStream', runtime !== 'deno'),
    ...(c.kind === 'binary'
      ? { drain: nexusContender('WsStream, inner loop in a function', runtime !== 'deno', { binary: drainAll, text: receiveText }) }
      : {}),
    ...(c.kind === 'binary' ? { batch: nexusContender('WsStream, batch()', runtime !== 'deno', { binary: batches, text: receiveText }) } : {}),
    forEach: nexusContender('WsStream, forEach', runtime !== 'deno', { binary: eachBinary, text: eachText }),
    forAwait: nexusContender('WsStream, for await', runtime !== 'deno', { binary: loopBinary, text: loopText }),
    ...(c.kind === 'binary'
      ? { forAwaitBytes: nexusContender('WsStream, for await, `bytes` of each', runtime !== 'deno', { binary: loopBytes, text: loopText }) }
      : {}),
    recv: nexusContender('WsStream, recv()', runtime !== 'deno', { binary: recvBinary, text: recvText }),
    raw: {
      title: 'raw',
      first: 200_000,
      start: async (c, /** @type {Peers} */ peers) => {
        const ca = c.secure ? { ca: readFileSync(peers.flood.caFile, 'utf8') } : {}
        return async (amount) => ({
          amount,
          ...(await rawFlood({ port: port(c, peers), ...ca, path: path(c, amount), expected: amount * frameLength(c), readSize: READ_SIZE })),
        })
      },
    },
    ws: {
      title: 'ws',
      start: async (c, /** @type {Peers} */ peers) => {
        const { WebSocket } = await import('../lib/ws-package.mjs')
        const tls = c.secure ? { ca: readFileSync(peers.flood.caFile, 'utf8') } : {}
        return (amount) =>
          new Promise((resolve, reject) => {
            const socket = new WebSocket(url(c, peers, amount), { perMessageDeflate: false, ...tls })
            let started = 0
            let left = amount
            let sum = 0
            const finish = () => {
              const seconds = (performance.now() - started) / 1000
              socket.removeAllListeners('message')
              socket.terminate()
              check(c, amount, sum)
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
      },
    },
    own: {
      title: "the runtime's own",
      start: async (c, /** @type {Peers} */ peers) => {
        if (globalThis.WebSocket === undefined) throw new Unavailable('this version has none')
        const tls = c.secure && runtime === 'bun' ? [{ tls: { ca: readFileSync(peers.flood.caFile, 'utf8') } }] : []
        // @ts-expect-error Bun takes options
        return (amount) => receiveByEvents(new WebSocket(url(c, peers, amount), ...tls), c, amount)
      },
    },
  }),
})
