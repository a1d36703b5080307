// @ts-check
// The profiles of docs/tuning.md against the defaults: throughput of small and of large messages, what a full feed does to a neighbour on the same
// event loop, and memory.

import { fileURLToPath } from 'node:url'
import { Child } from '../lib/children.mjs'
import { blob, expectedSum, payload } from '../lib/frames.mjs'
import { main, Unavailable } from '../lib/harness.mjs'
import { profiles } from '../lib/profiles.mjs'
import { command, loadNexus } from '../lib/runtime.mjs'
import { percentile, Times } from '../lib/times.mjs'

/** @typedef {{ id: 'ticks' | 'snapshots' | 'neighbour' | 'parsed' | 'memory', title: string, size: number, metrics: any[] }} Case */
/** @typedef {{ flood: { port: number }, echo: { port: number } }} Peers */

/** Connections that are held at a time. */
const HELD = 200
const TICK = 128

/** @type {(of: (turn: any) => number, unit: string) => import('../lib/harness.mjs').Metric} */
const rate = (of, unit) => ({ id: 'rate', unit, higherIsBetter: true, of })
const cpu = { id: 'cpu', unit: 'CPU ns/msg', higherIsBetter: false, of: (/** @type {any} */ { amount, cpuSeconds }) => (cpuSeconds / amount) * 1e9 }

/** @type {Case[]} */
const cases = [
  {
    id: 'ticks',
    title: `flood of ${TICK} B`,
    size: TICK,
    metrics: [rate(({ amount, seconds }) => amount / seconds / 1e6, 'M msg/s'), cpu],
  },
  {
    id: 'snapshots',
    title: 'flood of 60,000 B',
    size: 60_000,
    metrics: [rate(({ amount, seconds }) => amount / seconds / 1e3, 'k msg/s'), cpu],
  },
  {
    id: 'neighbour',
    title: `an order's round trip beside a flood of ${TICK} B on another connection of the same thread`,
    size: 40,
    metrics: [percentile('p50', 'p50'), percentile('p99', 'p99')],
  },
  {
    id: 'parsed',
    title: `the same, each message of the flood being JSON that is parsed`,
    size: 40,
    metrics: [percentile('p50', 'p50'), percentile('p99', 'p99')],
  },
  {
    id: 'memory',
    title: `memory of each of ${HELD} connections`,
    size: TICK,
    metrics: [
      { id: 'fresh', unit: 'KiB, after one message', higherIsBetter: false, of: ({ fresh }) => fresh },
      { id: 'used', unit: 'KiB, after a burst of 2.6 MB', higherIsBetter: false, of: ({ used }) => used },
    ],
  },
]

const url = (/** @type {Peers} */ { flood }, /** @type {number} */ size, /** @type {number} */ count, kind = 'binary') =>
  `ws://127.0.0.1:${flood.port}/?kind=${kind}&size=${size}&count=${count}`

/** What has arrived, in a function that is not async: the engines' compilers make more of it. */
function drain(/** @type {any} */ ws, /** @type {{ left: number, sum: number }} */ total) {
  let { left, sum } = total
  for (let m; (m = ws.next()) !== null; left--) {
    if (m.kind === 'binary') sum = (sum + m.length + m.at(0)) | 0
  }
  total.left = left
  total.sum = sum
}

/** Receives for as long as there is something, and makes an object of each message. */
async function parseAll(/** @type {any} */ ws) {
  let bids = 0
  while (await ws.readable()) for (let m; (m = ws.next()) !== null; ) bids += m.json().b
  return bids
}

async function receive(/** @type {any} */ ws, /** @type {number} */ amount) {
  const total = { left: amount, sum: 0 }
  let reads = 0
  while (total.left > 0 && (await ws.readable())) {
    reads++
    drain(ws, total)
  }
  return { sum: total.sum, reads }
}

/** @type {Record<Case['id'], (nexus: any, options: object, c: Case, peers: Peers, profile: string) => (amount: number) => Promise<any>>} */
const plays = {
  ticks: flood,
  snapshots: flood,
  neighbour,
  parsed: neighbour,
  memory(_, __, ___, peers, profile) {
    const file = fileURLToPath(new URL('hold.mjs', import.meta.url))
    return async (amount) => {
      const child = new Child(...command(file, [String(peers.flood.port), String(HELD), profile], ['--expose-gc', '--max-semi-space-size=1']))
      const started = performance.now()
      const result = await child.read(50_000)
      await child.stop()
      return { amount, seconds: (performance.now() - started) / 1_000, ...result }
    }
  },
}

/** @type {(typeof plays)['ticks']} */
function flood(nexus, options, c, peers) {
  return async (amount) => {
    const ws = await nexus.WsStream.connect(url(peers, c.size, amount), options)
    const started = performance.now()
    const { sum, reads } = await receive(ws, amount)
    const seconds = (performance.now() - started) / 1_000
    ws.destroy()
    const shape = /** @type {const} */ ({ kind: 'binary', size: c.size })
    if (sum !== expectedSum(shape, blob(shape, 1_024 * 1_024).count, amount)) throw new Error('the messages are not what was sent')
    return { amount, seconds, reads, bytes: amount * c.size }
  }
}

/** @type {(typeof plays)['neighbour']} */
function neighbour(nexus, options, c, peers) {
  const bytes = payload({ kind: 'binary', size: c.size }, 1)
  return async (amount) => {
    const feed = await nexus.WsStream.connect(url(peers, TICK, 1e15, c.id === 'parsed' ? 'text' : 'binary'), options)
    const feeding = c.id === 'parsed' ? parseAll(feed) : receive(feed, Number.POSITIVE_INFINITY)
    const orders = await nexus.WsStream.connect(`ws://127.0.0.1:${peers.echo.port}/`)
    const times = new Times()
    for (let i = 0; i < amount; i++) {
      orders.sendBinary(bytes)
      await orders.readable()
      if (orders.next()?.length !== c.size) throw new Error('not what was sent')
      times.lap()
    }
    const result = times.result()
    feed.destroy()
    orders.destroy()
    await feeding
    return result
  }
}

main({
  name: 'profiles',
  title: 'Profiles of options',
  file: import.meta.url,
  cases,
  peers: { flood: 'ws/producer.mjs', echo: 'ws/echo-server.mjs' },
  baselines: ['default'],
  metrics: [],
  // A round trip may take a tenth of one.
  seconds: 1,
  contenders: (/** @type {Case} */ c) =>
    Object.fromEntries(
      Object.entries(profiles).map(([id, { title, options }]) => [
        id,
        {
          title,
          first: { ticks: 100_000, snapshots: 1_000, neighbour: 100, parsed: 20, memory: HELD }[c.id],
          start: async (/** @type {Case} */ _, /** @type {Peers} */ peers) => {
            const nexus = await loadNexus()
            if (nexus === null) throw new Unavailable('not built')
            return plays[c.id](nexus, options, c, peers, id)
          },
        },
      ]),
    ),
})
