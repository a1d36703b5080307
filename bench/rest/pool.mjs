// @ts-check
// Eight connections, eight requests under way: how many orders a second this side can send and have acknowledged.
// The server answers canned bytes (server.mjs); its column says how much of a core it took: near 1, it was what limited the figure.

import { main } from '../lib/harness.mjs'
import { percentile, Times } from '../lib/times.mjs'
import * as clients from './clients.mjs'

const CONNECTIONS = 8

/** @typedef {{ id: string, title: string, secure: boolean }} Case */
/** @typedef {{ server: clients.Server }} Peers */

/** @type {Case[]} */
const cases = [
  { id: 'tcp', title: 'orders over 8 connections, 8 under way', secure: false },
  { id: 'tls', title: 'orders over 8 connections, 8 under way, TLS', secure: true },
]

/**
 * @param {string} title
 * @param {(place: clients.Place) => Promise<clients.Play[]>} open one play for each of the requests that are under way at a time
 */
function contender(title, open) {
  return {
    title,
    first: 2_000,
    start: async (/** @type {Case} */ { secure }, /** @type {Peers} */ { server }) => {
      const plays = await open({ server, secure })
      await clients.warmUp(plays)
      return async (/** @type {number} */ amount) => {
        const before = await clients.serverCpu(server)
        const times = new Times()
        let left = amount - plays.length
        await Promise.all(
          plays.map((play) => {
            let started = times.started
            return play(() => {
              times.record(started)
              started = performance.now()
              return --left >= 0
            })
          }),
        )
        const result = times.result()
        return { ...result, serverCpu: ((await clients.serverCpu(server)) - before) / result.seconds }
      }
    },
  }
}

/** @template T @param {T} play */
const eight = (play) => Array.from({ length: CONNECTIONS }, () => play)

/** @param {clients.Place} place */
const nexusPool = (place) => clients.connectPool(place, { connections: CONNECTIONS })

main({
  name: 'pool',
  title: 'REST, 8 connections',
  file: import.meta.url,
  cases,
  peers: { server: 'rest/server.mjs' },
  firstSecond: 'rate',
  baselines: ['dispatch', 'request', 'fetch', 'raw', 'nexus'],
  metrics: [
    { id: 'rate', unit: 'requests/s', higherIsBetter: true, of: ({ amount, seconds }) => amount / seconds },
    percentile('p99', 'p99'),
    clients.cpu,
    { id: 'server', unit: 'server, cores', higherIsBetter: false, of: ({ serverCpu }) => serverCpu },
  ],
  seconds: 1,
  contenders: () => ({
    nexus: contender('ClientPool, tryAcquire', async (to) => eight(clients.tryAcquire(await nexusPool(to)))),
    acquire: contender('ClientPool, acquire', async (to) => eight(clients.acquire(await nexusPool(to)))),
    convenience: contender('ClientPool, pool.request', async (to) => eight(clients.poolRequest(await nexusPool(to)))),
    fetched: contender('ClientPool, pool.fetch', async (to) => eight(clients.poolFetch(to, await nexusPool(to)))),
    raw: contender('raw', (to) => Promise.all(eight(to).map(clients.raw))),
    dispatch: contender('undici Pool, dispatch', async (to) => eight(await clients.undiciDispatch(to, CONNECTIONS))),
    request: contender('undici Pool, request', async (to) => eight(await clients.undiciRequest(to, CONNECTIONS))),
    http: contender('node:http', async (to) => eight(await clients.nodeHttp(to, CONNECTIONS))),
    // It has no limit of connections; with eight under way it opens eight.
    fetch: contender("the runtime's fetch", async (to) => eight(await clients.ownFetch(to))),
  }),
})
