// @ts-check
// From the import of a client to its first message, in processes that have just begun: what a restart costs before the feed is there again.
// A round is as many lives as it has time for, one after the other; its figures are their medians. Lives are short: look at a run of several rounds.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { main, Unavailable } from '../lib/harness.mjs'
import { command, loadNexus, runtime } from '../lib/runtime.mjs'
import { median } from '../lib/stats.mjs'

/** @typedef {{ total: number, load: number, connect: number, cpu: number }} Life */

const script = fileURLToPath(new URL('first-frame-life.mjs', import.meta.url))
const run = promisify(execFile)

/**
 * @param {string} id
 * @param {string} title
 */
function contender(id, title) {
  return {
    title,
    first: 3,
    start: async (/** @type {unknown} */ _, /** @type {{ server: { port: number } }} */ { server }) => {
      if (id === 'own' && !('WebSocket' in globalThis)) throw new Unavailable(`${runtime} has none`)
      if ((id === 'nexus' || id === 'codec') && (await loadNexus()) === null) throw new Unavailable('not built')
      const [program, args] = command(script, [id, String(server.port)])
      return async (/** @type {number} */ amount) => {
        const started = performance.now()
        /** @type {Life[]} */
        const lives = []
        for (let i = 0; i < amount; i++) lives.push(JSON.parse((await run(program, args)).stdout))
        const of = (/** @type {keyof Life} */ part) => median(lives.map((life) => life[part]))
        return { seconds: (performance.now() - started) / 1000, total: of('total'), load: of('load'), connect: of('connect'), work: of('cpu') }
      }
    },
  }
}

/**
 * @param {keyof Life} id
 * @param {string} unit
 */
const metric = (id, unit) => ({ id, unit, higherIsBetter: false, of: (/** @type {Life} */ turn) => turn[id] })

main({
  name: 'first-frame',
  title: 'Import to first frame',
  file: import.meta.url,
  cases: [{ id: 'tcp', title: 'a fresh process, loopback, one short text message' }],
  peers: { server: 'ws/first-frame-server.mjs' },
  baselines: ['raw', 'ws'],
  seconds: 1.5,
  metrics: [
    metric('total', 'ms in all'),
    metric('load', 'ms import'),
    metric('connect', 'ms connect to message'),
    { id: 'work', unit: 'ms of CPU', higherIsBetter: false, of: (turn) => turn.work },
  ],
  contenders: () => ({
    nexus: contender('nexus', 'WsStream'),
    codec: contender('codec', 'of it the codec: import, compile, read a frame'),
    ws: contender('ws', 'ws'),
    own: contender('own', "the runtime's own WebSocket"),
    raw: contender('raw', 'raw TCP'),
  }),
})
