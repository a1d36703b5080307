// @ts-check
// undici's `request`, side by side: over our dispatcher, and over an Agent of its own with as many connections.

import { main } from '../lib/harness.mjs'
import { loadNexus } from '../lib/runtime.mjs'
import { percentile, Times } from '../lib/times.mjs'
import * as clients from '../rest/clients.mjs'

/** @typedef {{ id: string, title: string, connections: number, oneCore: boolean }} Case */
/** @typedef {Record<'server' | 'pinned', clients.Server>} Peers */

/** @type {Case[]} */
const cases = [
  { id: 'one', title: 'orders, one at a time, both ends on one core', connections: 1, oneCore: true },
  { id: 'eight', title: 'orders, 8 connections, 8 under way', connections: 8, oneCore: false },
]

/**
 * @param {string} title
 * @param {(connections: number) => Promise<any>} open a dispatcher
 */
const contender = (title, open) => ({
  title,
  first: 1_000,
  start: async (/** @type {Case} */ { connections, oneCore }, /** @type {Peers} */ { pinned, server }) => {
    const play = await clients.undiciOver({ server: oneCore ? pinned : server, secure: false }, await open(connections))
    const plays = Array.from({ length: connections }, () => play)
    await clients.warmUp(plays)
    return async (/** @type {number} */ amount) => {
      const times = new Times()
      let left = amount - connections
      await Promise.all(
        plays.map((each) => {
          let started = times.started
          return each(() => {
            times.record(started)
            started = performance.now()
            return --left >= 0
          })
        }),
      )
      return times.result()
    }
  },
})

main({
  name: 'undici',
  title: 'request of undici',
  file: import.meta.url,
  cases,
  // The first one's authority is the one that everybody trusts.
  peers: { pinned: { script: 'rest/server.mjs', oneCore: true }, server: 'rest/server.mjs' },
  baselines: ['undici'],
  metrics: [
    { id: 'rate', unit: 'requests/s', higherIsBetter: true, of: ({ amount, seconds }) => amount / seconds },
    percentile('p50', 'p50'),
    percentile('p99', 'p99'),
    clients.cpu,
  ],
  seconds: 1,
  contenders: () => ({
    nexus: contender('nexus-async-net/compat/undici', async (connections) => new (await loadNexus('undici')).Agent({ connections })),
    undici: contender("undici's Agent", async (connections) => new (await import('../rest/undici-package.mjs')).undici.Agent({ connections })),
  }),
})
