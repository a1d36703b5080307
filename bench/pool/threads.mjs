// @ts-check
// Requests of worker threads over an AtomicClientPool, whose owner is this process's first thread: against the same thread's own requests, and
// against what people have today, which is one thread that does it all. The server is a process of its own and answers canned bytes.
//
// Two things are compared in each case: what a round trip costs more from another thread, and how much more gets done when the building and
// reading of requests leaves the thread that has the sockets.

import { Worker } from 'node:worker_threads'
import { main, Unavailable } from '../lib/harness.mjs'
import { loadNexus } from '../lib/runtime.mjs'
import { makeHistogram, percentile, percentilesOf, Times } from '../lib/times.mjs'
import * as clients from '../rest/clients.mjs'

/** @typedef {{ id: string, title: string, connections: number, threads: number, oneCore: boolean }} Case */
/** @typedef {Record<'server' | 'pinned', clients.Server>} Peers */
/** @typedef {(amount: number) => Promise<any>} Round */

/** @type {Case[]} */
const cases = [
  { id: 'one', title: 'order round trip, one connection, one worker', connections: 1, threads: 1, oneCore: false },
  { id: 'one-core', title: 'order round trip, one connection, one worker, everything on one core', connections: 1, threads: 1, oneCore: true },
  { id: 'four', title: 'orders over 8 connections, 4 workers', connections: 8, threads: 4, oneCore: false },
]

/** @param {Case} c @param {Peers} peers @returns {clients.Place} */
const place = (c, peers) => ({ server: c.oneCore ? peers.pinned : peers.server, secure: false })

/**
 * @param {string} title
 * @param {(place: clients.Place, c: Case) => Promise<Round>} open
 */
function contender(title, open) {
  return {
    title,
    first: 1_000,
    start: async (/** @type {Case} */ c, /** @type {Peers} */ peers) => {
      const to = place(c, peers)
      const round = await open(to, c)
      return async (/** @type {number} */ amount) => {
        const before = await clients.serverCpu(to.server)
        const result = await round(amount)
        return { ...result, serverCpu: ((await clients.serverCpu(to.server)) - before) / result.seconds }
      }
    },
  }
}

/**
 * On this thread: as many requests under way as there are connections.
 *
 * @param {(place: clients.Place, connections: number) => Promise<clients.Play>} open
 * @returns {(place: clients.Place, c: Case) => Promise<Round>}
 */
function onThisThread(open) {
  return async (to, { connections }) => {
    const play = await open(to, connections)
    return async (amount) => {
      const times = new Times()
      let left = amount - connections
      const players = Array.from({ length: connections }, () => {
        let started = times.started
        return play(() => {
          times.record(started)
          started = performance.now()
          return --left >= 0
        })
      })
      await Promise.all(players)
      return times.result()
    }
  }
}

/**
 * On worker threads.
 *
 * `held`: each worker has its share of the slots for good, and sends on all of them at the same time. `heldSync`: the same, blocking, so that a
 * worker has one request under way, and one slot. `handed`: this thread hands a slot off for each request, and the worker releases it.
 *
 * @param {'held' | 'heldSync' | 'handed'} way
 * @returns {(place: clients.Place, c: Case) => Promise<Round>}
 */
function onWorkers(way) {
  return async ({ server }, { connections, threads }) => {
    const nexus = await loadNexus()
    if (nexus?.AtomicClientPool === undefined) throw new Unavailable('not built')
    const pool = await nexus.AtomicClientPool.connect(`http://127.0.0.1:${server.port}`, { connections, leakTimeout: 0 })
    const workers = Array.from({ length: threads }, () => new Worker(new URL('./threads-worker.mjs', import.meta.url), { workerData: pool.plan }))
    await Promise.all(workers.map(next))
    const handOff = (/** @type {Worker} */ worker) => pool.tryAcquire().handOff(worker, { isAttached: true })
    const each = way === 'heldSync' ? 1 : connections / threads
    if (way !== 'handed') for (const worker of workers) for (let i = 0; i < each; i++) worker.postMessage({ hold: handOff(worker) })
    return async (amount) => {
      const started = performance.now()
      const share = Math.ceil(amount / threads)
      const reports = workers.map(next)
      if (way === 'handed') for (const worker of workers) keepHanding(pool, worker, each, share)
      else for (const worker of workers) worker.postMessage({ amount: share, isBlocking: way === 'heldSync' })
      const durations = (await Promise.all(reports)).map((report) => {
        if (report.error !== undefined) throw new Error(report.error)
        return report.durations
      })
      const seconds = (performance.now() - started) / 1000
      if (pool.stats.failures > 0) throw new Error(`${pool.stats.failures} requests failed`)
      return { amount: share * threads, seconds, ...percentiles(durations) }
    }
  }
}

/**
 * Hands slots to a worker, `most` at a time; it asks for more with a message when one of its requests is done.
 *
 * @param {any} pool @param {Worker} worker @param {number} most @param {number} amount
 */
function keepHanding(pool, worker, most, amount) {
  worker.postMessage({ expect: amount })
  let left = amount
  const give = async () => {
    while (left-- > 0) {
      const slot = pool.tryAcquire() ?? (await pool.acquire())
      worker.postMessage({ use: slot.handOff(worker, { isAttached: true }) })
    }
  }
  for (let i = 0; i < most; i++) give()
}

/**
 * What waking costs: a worker asks this thread for nothing, over one cell, as `send` and `sendSync` ask for a request.
 *
 * @param {boolean} isBlocking
 */
function onlyWaking(isBlocking) {
  return async () => {
    const cells = new Int32Array(new SharedArrayBuffer(8))
    const worker = new Worker(new URL('./threads-worker.mjs', import.meta.url), { workerData: null })
    await next(worker)
    let asked = 0
    const listen = async () => {
      for (;;) {
        // @ts-expect-error missing in the libraries of older TypeScript
        const waiting = Atomics.waitAsync(cells, 0, asked)
        if (waiting.async) await waiting.value
        asked = Atomics.load(cells, 0)
        Atomics.store(cells, 1, asked)
        Atomics.notify(cells, 1)
      }
    }
    listen()
    return async (/** @type {number} */ amount) => {
      const started = performance.now()
      const reported = next(worker)
      worker.postMessage({ cells, amount, isBlocking })
      const { durations, error } = await reported
      if (error !== undefined) throw new Error(error)
      return { amount, seconds: (performance.now() - started) / 1000, ...percentiles([durations]) }
    }
  }
}

/** What a worker reports. @param {Worker} worker @returns {Promise<any>} */
const next = (worker) =>
  new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (message) => {
      worker.off('error', reject)
      resolve(message)
    })
  })

/** @param {Float64Array[]} durations in ms */
function percentiles(durations) {
  const histogram = makeHistogram()
  for (const list of durations) for (const ms of list) histogram.recordValue(Math.max(1, Math.round(ms * 1e6)))
  return percentilesOf(histogram)
}

/** The owner's own requests. @param {clients.Place} to @param {number} connections */
async function ownRequests({ server }, connections) {
  const nexus = await loadNexus()
  if (nexus?.AtomicClientPool === undefined) throw new Unavailable('not built')
  return clients.tryAcquire(await nexus.AtomicClientPool.connect(`http://127.0.0.1:${server.port}`, { connections }))
}

main({
  name: 'threads',
  title: 'REST from worker threads',
  file: import.meta.url,
  cases,
  peers: { pinned: { script: 'rest/server.mjs', oneCore: true }, server: 'rest/server.mjs' },
  baselines: ['owner', 'request', 'dispatch'],
  metrics: [
    percentile('p50', 'p50'),
    percentile('p99', 'p99'),
    { id: 'rate', unit: 'requests/s', higherIsBetter: true, of: ({ amount, seconds }) => amount / seconds },
    clients.cpu,
    { id: 'server', unit: 'server, cores', higherIsBetter: false, of: ({ serverCpu }) => serverCpu },
  ],
  seconds: 1,
  contenders: ({ threads }) => ({
    owner: contender('AtomicClientPool, on its own thread', onThisThread(ownRequests)),
    send: contender('workers, send', onWorkers('held')),
    sendSync: contender('workers, sendSync', onWorkers('heldSync')),
    handed: contender('workers, send, a slot handed off for each request', onWorkers('handed')),
    pool: contender(
      'ClientPool',
      onThisThread(async (to, connections) => clients.tryAcquire(await clients.connectPool(to, { connections }))),
    ),
    ...(threads === 1
      ? {
          wake: contender('a worker wakes the owner and is woken, nothing else', onlyWaking(false)),
          wakeSync: contender('the same, the worker blocking', onlyWaking(true)),
        }
      : {}),
    dispatch: contender('undici, dispatch', onThisThread(clients.undiciDispatch)),
    request: contender('undici, request', onThisThread(clients.undiciRequest)),
  }),
})
