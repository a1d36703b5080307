// @ts-check
// Taking a slot of a pool and giving it back, with no request in between. The floor is a stack of objects and nothing more.

import { main } from '../lib/harness.mjs'
import { connectPool } from '../rest/clients.mjs'

/** @typedef {{ id: string, title: string }} Case */
/** @typedef {{ server: import('../rest/clients.mjs').Server }} Peers */

const CONNECTIONS = 8

/**
 * @param {string} title
 * @param {object} options of the pool
 * @param {(pool: any, amount: number) => unknown} turns
 */
function contender(title, options, turns) {
  return {
    title,
    first: 100_000,
    start: async (/** @type {Case} */ _, /** @type {Peers} */ { server }) => {
      const pool = await connectPool({ server, secure: false }, { connections: CONNECTIONS, ...options })
      return async (/** @type {number} */ amount) => {
        const started = performance.now()
        await turns(pool, amount)
        const seconds = (performance.now() - started) / 1000
        if (pool.stats.idle !== CONNECTIONS) throw new Error('a slot is missing')
        return { amount, seconds }
      }
    },
  }
}

/** @param {any} pool @param {number} amount */
function tryTurns(pool, amount) {
  for (let i = 0; i < amount; i++) pool.tryAcquire().release()
}

/** Two at a time, given back in the order in which they were taken. @param {any} pool @param {number} amount */
function crossTurns(pool, amount) {
  for (let i = 0; i < amount; i += 2) {
    const first = pool.tryAcquire()
    const second = pool.tryAcquire()
    first.release()
    second.release()
  }
}

/** @param {any} pool @param {number} amount */
async function awaitTurns(pool, amount) {
  for (let i = 0; i < amount; i++) (await pool.acquire()).release()
}

main({
  name: 'acquire',
  title: 'Acquire and release',
  file: import.meta.url,
  cases: [{ id: 'idle', title: 'a slot acquired and released, 8 of 8 idle' }],
  peers: { server: 'rest/server.mjs' },
  baselines: ['floor'],
  metrics: [{ id: 'cost', unit: 'ns', higherIsBetter: false, of: ({ amount, seconds }) => (seconds / amount) * 1e9 }],
  contenders: () => ({
    nexus: contender('tryAcquire and release', {}, tryTurns),
    cross: contender('tryAcquire and release, two held', {}, crossTurns),
    observed: contender('tryAcquire and release, observer', { observer: { onWait() {}, onRequest() {} } }, tryTurns),
    acquire: contender('await acquire and release', {}, awaitTurns),
    floor: {
      title: 'an array as a stack',
      first: 100_000,
      start: async () => {
        const free = Array.from({ length: CONNECTIONS }, (_, index) => ({ index, uses: 0 }))
        return async (amount) => {
          const started = performance.now()
          for (let i = 0; i < amount; i++) {
            const slot = /** @type {typeof free[0]} */ (free.pop())
            slot.uses++
            free.push(slot)
          }
          return { amount, seconds: (performance.now() - started) / 1000 }
        }
      },
    },
  }),
})
