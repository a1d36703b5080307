// Is a response ever paired with another request? Requests with unique ids over a pool of 8, against a server that delays, closes, resets, truncates,
// answers twice. Every outcome is held against what the server received.
//
//   node test/soak/pairing.mjs [requests] [share of faults] [entry]

import { Worker } from 'node:worker_threads'

const [total = '1000000', faults = '0.02', entry = '../../dist/node.js'] = process.argv.slice(2)
const { ClientPool } = await import(entry)

const requests = Number(total)
const counts = new Uint8Array(new SharedArrayBuffer(requests))
const server = new Worker(new URL('pairing-server.mjs', import.meta.url), { workerData: { counts, faults: Number(faults), seed: 7 } })
const port = await new Promise((resolve) => server.once('message', resolve))

let deadHandedOut = 0
const pool = await ClientPool.connect(`http://127.0.0.1:${port}`, {
  connections: 8,
  timeout: 10_000,
  acquireTimeout: 60_000,
  backoff: { initial: 1, max: 20 },
})
const tally = { ok: 0, nothing: 0, partly: 0, fully: 0 }
/** @type {Record<string, number>} */
const codes = {}
/** @type {string[]} */
const wrong = []
let next = 0

/** One of 64 callers. */
async function call() {
  while (next < requests) {
    const id = next++
    const free = pool.tryAcquire()
    if (free?.connection.isPoisoned) deadHandedOut++
    const slot = free ?? (await pool.acquire())
    try {
      const text = (await slot.send(slot.writer.get(`/${id}`).finish())).text()
      if (text !== String(id)) wrong.push(`${text} for ${id}`)
      if (counts[id] !== 1) wrong.push(`${id} was answered, and received ${counts[id]} times`)
      tally.ok++
    } catch (error) {
      const { code, requestSent } = error
      codes[code] = (codes[code] ?? 0) + 1
      tally[requestSent]++
      if (requestSent === 'nothing') setTimeout(() => counts[id] !== 0 && wrong.push(`${id} was never sent, and received`), 100)
    } finally {
      slot.release()
    }
  }
}

const since = performance.now()
await Promise.all(Array.from({ length: 64 }, call))
const seconds = (performance.now() - since) / 1_000
await new Promise((resolve) => setTimeout(resolve, 500))
const doubled = counts.filter((count) => count > 1).length
for (let i = 0; pool.stats.idle !== 8 && i < 200; i++) await new Promise((resolve) => setTimeout(resolve, 10))
const { idle, waiting, healed, lost } = pool.stats
await pool.close()
await server.terminate()
console.log(
  JSON.stringify({
    requests,
    seconds: Math.round(seconds),
    tally,
    codes,
    healed,
    lost,
    idle,
    waiting,
    doubled,
    deadHandedOut,
    wrong: wrong.slice(0, 5),
  }),
)
const good = wrong.length === 0 && doubled === 0 && deadHandedOut === 0 && idle === 8 && waiting === 0
process.exit(good && tally.ok + tally.nothing + tally.partly + tally.fully === requests ? 0 : 1)
