// @ts-check
// One connection, one request at a time: what an order and its acknowledgement cost this side. POST with four fields and 86 bytes,
// 200 with 35 bytes. Raw is a TCP ping-pong of the same bytes on the same runtime, which builds nothing and looks at nothing.

import { main } from '../lib/harness.mjs'
import { percentile, Times } from '../lib/times.mjs'
import * as clients from './clients.mjs'

/** @typedef {{ id: string, title: string, secure: boolean, oneCore: boolean }} Case */
/** @typedef {Record<'server' | 'pinned', clients.Server>} Peers */

/** @type {Case[]} */
const cases = [
  // On two cores, most of a round trip is the system waking an idle core; on one, it is the work of the two processes.
  { id: 'one-core', title: 'order round trip, both ends on one core', secure: false, oneCore: true },
  { id: 'two-cores', title: 'order round trip, wherever the system puts the ends', secure: false, oneCore: false },
  { id: 'tls', title: 'order round trip over TLS, both ends on one core', secure: true, oneCore: true },
  // What is not asked for should cost nothing, and what is asked for little.
  { id: 'options', title: 'order round trip with options, both ends on one core', secure: false, oneCore: true },
]

/** @param {Case} c @param {Peers} peers */
const place = (c, peers) => ({ server: c.oneCore ? peers.pinned : peers.server, secure: c.secure })

/**
 * @param {string} title
 * @param {(place: clients.Place) => Promise<clients.Play>} open
 */
function contender(title, open) {
  return {
    title,
    first: 1_000,
    start: async (/** @type {Case} */ c, /** @type {Peers} */ peers) => {
      const play = await open(place(c, peers))
      await clients.warmUp([play])
      return async (/** @type {number} */ amount) => {
        const times = new Times()
        await play(() => {
          times.lap()
          return times.count < amount
        })
        return times.result()
      }
    },
  }
}

/** Adds up what it is told. */
class Observer {
  requests = 0
  duration = 0

  /** @param {{ duration: number }} event */
  onRequest({ duration }) {
    this.requests++
    this.duration += duration
  }
}

main({
  name: 'roundtrip',
  title: 'REST round trip, one connection',
  file: import.meta.url,
  cases,
  // The first one's authority is the one that everybody trusts: TLS is measured there.
  peers: { pinned: { script: 'rest/server.mjs', oneCore: true }, server: 'rest/server.mjs' },
  baselines: ['raw', 'dispatch', 'request', 'plain', 'convenience'],
  metrics: [
    percentile('p50', 'p50'),
    percentile('p99', 'p99'),
    percentile('p999', 'p99.9'),
    { id: 'rate', unit: 'requests/s', higherIsBetter: true, of: ({ amount, seconds }) => amount / seconds },
    clients.cpu,
  ],
  seconds: 1,
  contenders: ({ id }) =>
    id === 'options'
      ? {
          plain: contender('HttpConnection, timeout: 0', (to) => clients.connection(to, { timeout: 0 })),
          timeout: contender('… timeout', (to) => clients.connection(to, {})),
          signal: contender('… timeout and signal', (to) => clients.connection(to, {}, { signal: new AbortController().signal })),
          pool: contender('ClientPool of 1, timeout: 0', async (to) =>
            clients.tryAcquire(await clients.connectPool(to, { connections: 1, timeout: 0 })),
          ),
          observed: contender('… timeout and observer', async (to) =>
            clients.tryAcquire(await clients.connectPool(to, { connections: 1, observer: new Observer() })),
          ),
        }
      : {
          nexus: contender('HttpConnection', (to) => clients.connection(to, {})),
          pool: contender('ClientPool of 1', async (to) => clients.tryAcquire(await clients.connectPool(to, { connections: 1 }))),
          convenience: contender('… pool.request', async (to) => clients.poolRequest(await clients.connectPool(to, { connections: 1 }))),
          fetched: contender('… pool.fetch', async (to) => clients.poolFetch(to, await clients.connectPool(to, { connections: 1 }))),
          raw: contender('raw', clients.raw),
          dispatch: contender('undici dispatch', (to) => clients.undiciDispatch(to, 1)),
          request: contender('undici request', (to) => clients.undiciRequest(to, 1)),
          http: contender('node:http', (to) => clients.nodeHttp(to, 1)),
          fetch: contender("the runtime's fetch", clients.ownFetch),
        },
})
