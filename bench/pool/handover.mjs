// @ts-check
// What it costs that slots can be handed to other threads: acquire and release on the owner, and a slot's way to a worker and back, without a
// request. The floors are the pool that has no other threads, and a message to a worker and its answer.

import { Worker } from 'node:worker_threads'
import { main, Unavailable } from '../lib/harness.mjs'
import { loadNexus } from '../lib/runtime.mjs'
import { connectPool } from '../rest/clients.mjs'

/** @typedef {{ id: 'owner' | 'worker', title: string }} Case */
/** @typedef {{ server: import('../rest/clients.mjs').Server }} Peers */
/** @typedef {(amount: number) => Promise<void>} Turns */

const CONNECTIONS = 8

/**
 * @param {string} title
 * @param {number} first
 * @param {(server: import('../rest/clients.mjs').Server) => Promise<Turns>} open
 */
function contender(title, first, open) {
  return {
    title,
    first,
    start: async (/** @type {Case} */ _, /** @type {Peers} */ { server }) => {
      const turns = await open(server)
      return async (/** @type {number} */ amount) => {
        const started = performance.now()
        await turns(amount)
        return { amount, seconds: (performance.now() - started) / 1000 }
      }
    },
  }
}

/** @param {import('../rest/clients.mjs').Server} server @param {number} connections */
async function atomicPool({ port }, connections) {
  const nexus = await loadNexus()
  if (nexus?.AtomicClientPool === undefined) throw new Unavailable('not built')
  return nexus.AtomicClientPool.connect(`http://127.0.0.1:${port}`, { connections, leakTimeout: 0 })
}

/** @param {any} pool @returns {Turns} */
function tryTurns(pool) {
  return async (amount) => {
    for (let i = 0; i < amount; i++) pool.tryAcquire().release()
    if (pool.stats.idle !== CONNECTIONS) throw new Error('a slot is missing')
  }
}

/** @param {any} pool @returns {Turns} */
function awaitTurns(pool) {
  return async (amount) => {
    for (let i = 0; i < amount; i++) (await pool.acquire()).release()
  }
}

/** @param {object} workerData */
async function startWorker(workerData) {
  const worker = new Worker(new URL('./handover-worker.mjs', import.meta.url), { workerData })
  await answer(worker)
  return worker
}

/** @param {Worker} worker */
const answer = (worker) => new Promise((resolve) => worker.once('message', resolve))

/**
 * One slot: away, and waited for.
 *
 * @param {boolean} isAttached
 */
function away(isAttached) {
  return async (/** @type {import('../rest/clients.mjs').Server} */ server) => {
    const pool = await atomicPool(server, 1)
    const worker = await startWorker({ plan: pool.plan })
    return async (/** @type {number} */ amount) => {
      for (let i = 0; i < amount; i++) {
        const slot = await pool.acquire()
        worker.postMessage(slot.handOff(worker, { isAttached }))
      }
      ;(await pool.acquire()).release()
    }
  }
}

/**
 * Slots that a worker asks for.
 *
 * @param {boolean} isBlocking
 */
function asked(isBlocking) {
  return async (/** @type {import('../rest/clients.mjs').Server} */ server) => {
    const pool = await atomicPool(server, 1)
    const worker = await startWorker({ plan: pool.plan })
    pool.watch(worker)
    return async (/** @type {number} */ amount) => {
      const answered = answer(worker)
      worker.postMessage({ amount, isBlocking })
      await answered
    }
  }
}

main({
  name: 'handover',
  title: 'Slots for other threads',
  file: import.meta.url,
  cases: [
    { id: 'owner', title: 'a slot acquired and released on the owner’s thread, 8 of 8 idle' },
    { id: 'worker', title: 'a slot to a worker and back, no request' },
  ],
  peers: { server: 'rest/server.mjs' },
  baselines: ['local', 'message'],
  metrics: [{ id: 'cost', unit: 'ns', higherIsBetter: false, of: ({ amount, seconds }) => (seconds / amount) * 1e9 }],
  contenders: ({ id }) =>
    id === 'owner'
      ? {
          atomic: contender('AtomicClientPool, tryAcquire and release', 100_000, async (server) => tryTurns(await atomicPool(server, CONNECTIONS))),
          awaited: contender('AtomicClientPool, await acquire and release', 100_000, async (server) =>
            awaitTurns(await atomicPool(server, CONNECTIONS)),
          ),
          local: contender('ClientPool, tryAcquire and release', 100_000, async (server) =>
            tryTurns(await connectPool({ server, secure: false }, { connections: CONNECTIONS })),
          ),
        }
      : {
          slot: contender('a slot, to a worker that has attached', 500, away(true)),
          plan: contender('a slot, with the plan in each message', 500, away(false)),
          acquire: contender('a slot that a worker asks for, SharedAcquirer.acquire', 500, asked(false)),
          acquireSync: contender('a slot that a worker asks for, SharedAcquirer.acquireSync', 500, asked(true)),
          message: contender('postMessage and its answer', 500, async () => {
            const worker = await startWorker({})
            return async (/** @type {number} */ amount) => {
              for (let i = 0; i < amount; i++) {
                const answered = answer(worker)
                worker.postMessage({ slot: i })
                await answered
              }
            }
          }),
        },
})
