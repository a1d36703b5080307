// @ts-check
// Many connections: the time to open one, what each has in memory, and thousands that each get a message a second. Raw is the runtime's own socket with the
// handshake written by hand: what it takes, everyone takes.
//
//     node bench/ws/connections.mjs --cases live --live-seconds 60

import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { Child } from '../lib/children.mjs'
import { main, Unavailable } from '../lib/harness.mjs'
import { command, loadNexus } from '../lib/runtime.mjs'

/** @typedef {{ id: 'open' | 'hold' | 'live', title: string, many: number, metrics: import('../lib/harness.mjs').Metric[] }} Case */

const at = process.argv.indexOf('--live-seconds')
const LIVE_SECONDS = Number(at < 0 ? (process.env['BENCH_LIVE_SECONDS'] ?? 10) : process.argv[at + 1])
// Contenders are processes of their own, and have the environment.
process.env['BENCH_LIVE_SECONDS'] = String(LIVE_SECONDS)

/**
 * @param {string} id
 * @param {string} unit
 */
const metric = (id, unit) => ({ id, unit, higherIsBetter: false, of: (/** @type {any} */ turn) => turn[id] })

/** @type {Case[]} */
const cases = [
  {
    id: 'open',
    title: '2,000 connections opened in batches of 50',
    many: 2_000,
    metrics: [metric('tcp', 'ms each, TCP'), metric('tls', 'ms each, TLS')],
  },
  {
    id: 'hold',
    title: 'memory of each of 2,000 connections',
    many: 2_000,
    metrics: [metric('idle', 'KiB, idle'), metric('echoed', 'KiB, 4 s after a 64 KiB echo on one after the other')],
  },
  {
    id: 'live',
    title: `10,000 connections that each get a message a second, for ${LIVE_SECONDS} s`,
    many: 10_000,
    metrics: [
      metric('open', 's to open'),
      metric('early', 'MiB at first'),
      metric('rss', 'MiB at the end'),
      { id: 'growth', unit: '× grown', higherIsBetter: false, of: ({ rss, early }) => rss / early },
      metric('cpu', 'CPU µs/msg'),
      metric('lag', 'ms lag p99'),
    ],
  },
]

/**
 * @param {string} id
 * @param {string} title
 */
const contender = (id, title) => ({
  title,
  first: 1,
  start: async (/** @type {Case} */ { id: play, many }, /** @type {{ server: object }} */ { server }) => {
    if (id === 'nexus' && (await loadNexus()) === null) throw new Unavailable('not built')
    const file = fileURLToPath(new URL('connections-life.mjs', import.meta.url))
    const args = [id, play, JSON.stringify(server), String(many), String(LIVE_SECONDS)]
    return async () => {
      const started = performance.now()
      const child = new Child(...command(file, args, ['--expose-gc']))
      const result = await child.read(55_000 + LIVE_SECONDS * 1_000)
      await child.stop()
      return { amount: many, seconds: (performance.now() - started) / 1_000, ...result }
    }
  },
})

main({
  name: 'connections',
  title: 'Many connections',
  file: import.meta.url,
  cases,
  peers: { server: 'ws/connections-server.mjs' },
  baselines: ['raw', 'ws'],
  metrics: [],
  seconds: 1,
  // Ten thousand are opened, too.
  patience: 60 + LIVE_SECONDS,
  contenders: () => ({
    nexus: contender('nexus', 'WsStream'),
    ws: contender('ws', 'ws'),
    raw: contender('raw', 'raw socket'),
  }),
})
