// A thread that owns a pool, hands its slot to its parent, and waits to be terminated.

import { parentPort, workerData } from 'node:worker_threads'

const { AtomicClientPool } = await import(workerData.entry)
const pool = await AtomicClientPool.connect(`http://127.0.0.1:${workerData.port}`)
parentPort?.postMessage(pool.tryAcquire().handOff())
