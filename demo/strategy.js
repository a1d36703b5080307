// @ts-check
/** A strategy, on a thread of its own: it is handed a slot with each order, sends the order there, and reports what came of it. */

import { parentPort } from 'node:worker_threads'
import { AtomicClientSlot, RestError } from 'nexus-async-net'
import { now } from './clock.js'

/**
 * What came of an order: the answer, or the error's code and how far the order got.
 *
 * @typedef {{ id: string, code: null, status: number, answer: import('./protocol.js').OrderReply, remaining: string | null, reset: string | null, ms: number }
 *   | { id: string, code: string, requestSent: import('nexus-async-net').RequestSent }} Outcome
 */

/**
 * @param {import('nexus-async-net').SlotMessage} message
 * @param {import('./protocol.js').Order} order
 * @returns {Promise<Outcome>}
 */
async function trade(message, order) {
  const id = order.clientOrderId
  const slot = AtomicClientSlot.receive(message)
  try {
    const started = now()
    const response = await slot.send(slot.writer.post('/orders').header('Content-Type', 'application/json').body(JSON.stringify(order)).finish())
    const [remaining, reset] = [response.header('X-RateLimit-Remaining'), response.header('X-RateLimit-Reset')]
    return { id, code: null, status: response.status, answer: response.json(), remaining, reset, ms: now() - started }
  } catch (error) {
    if (!(error instanceof RestError)) throw error
    return { id, code: error.code, requestSent: error.requestSent }
  } finally {
    slot.release()
  }
}

parentPort?.on('message', async ({ plan, slot, order }) => {
  if (plan !== undefined) AtomicClientSlot.attach(plan)
  else parentPort?.postMessage(await trade(slot, order))
})
parentPort?.postMessage(null)
