// @ts-check
/** The exchange on a thread of its own, so that its work is not measured as the client's. Both ends of the wire are in this file. */

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** @typedef {import('./exchange.js').Totals} Totals */

/**
 * A running exchange. `stop` ends it and tells what it has done, `kill` just ends it; `failed` rejects if it breaks down.
 *
 * @typedef {{ url: string, ordersUrl: string, failed: Promise<never>, stop(): Promise<Totals>, kill(): Promise<unknown> }} RunningExchange
 */

/**
 * @param {import('./exchange.js').ExchangeOptions} options
 * @returns {Promise<RunningExchange>}
 */
export async function openExchange(options) {
  const worker = new Worker(new URL(import.meta.url), { workerData: options })
  /** @type {Promise<never>} */
  const failed = new Promise((_, reject) => worker.once('error', reject))
  const { port, orderPort } = await Promise.race([answer(worker), failed])
  // Whoever waits for it is told; nobody has to.
  failed.catch(() => {})
  return {
    url: `ws://127.0.0.1:${port}`,
    ordersUrl: `http://127.0.0.1:${orderPort}`,
    failed,
    stop() {
      worker.postMessage('stop')
      return Promise.race([answer(worker), failed])
    },
    kill: () => worker.terminate(),
  }
}

/** The next message of a worker.
 * @param {Worker} worker
 * @returns {Promise<any>} */
const answer = (worker) => new Promise((resolve) => worker.once('message', resolve))

if (!isMainThread && parentPort !== null) {
  const { Exchange } = await import('./exchange.js')
  const exchange = new Exchange(workerData)
  parentPort.once('message', async () => parentPort?.postMessage(await exchange.stop()))
  parentPort.postMessage(await exchange.start())
}
