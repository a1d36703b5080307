// @ts-check
/** The exchange on a thread of its own, so that its work is not measured as the client's. Both ends of the wire are in this file. */

import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** @typedef {import('./exchange.js').Totals} Totals */

/**
 * Starts an exchange. `stop` tells what it has done.
 *
 * @param {import('./exchange.js').ExchangeOptions} options
 * @returns {Promise<{ url: string, stop(): Promise<Totals> }>}
 */
export async function openExchange(options) {
  const worker = new Worker(new URL(import.meta.url), { workerData: options })
  const [port] = await once(worker, 'message')
  return {
    url: `ws://127.0.0.1:${port}`,
    async stop() {
      worker.postMessage('stop')
      const [totals] = await once(worker, 'message')
      await worker.terminate()
      return totals
    },
  }
}

if (!isMainThread && parentPort !== null) {
  const { Exchange } = await import('./exchange.js')
  const exchange = new Exchange(workerData)
  parentPort.once('message', async () => parentPort?.postMessage(await exchange.stop()))
  parentPort.postMessage(await exchange.start())
}
