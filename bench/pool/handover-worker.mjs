// @ts-check
// A thread of `handover.mjs`: gives each slot back that it is handed, asks for slots itself, and answers any other message.

import { parentPort, workerData } from 'node:worker_threads'
import { loadNexus } from '../lib/runtime.mjs'

const { AtomicClientSlot, SharedAcquirer } = await loadNexus()
if (workerData.plan !== undefined) AtomicClientSlot.attach(workerData.plan)

/** @param {{ amount: number, isBlocking: boolean }} round */
async function ask({ amount, isBlocking }) {
  const acquirer = SharedAcquirer.attach(workerData.plan)
  for (let i = 0; i < amount; i++) {
    const slot = isBlocking ? acquirer.acquireSync() : await acquirer.acquire()
    slot.release()
  }
  parentPort?.postMessage('done')
}

parentPort?.on('message', (message) => {
  if (message.nexusSlot !== undefined) AtomicClientSlot.receive(message).release()
  else if (message.amount !== undefined) ask(message)
  else parentPort?.postMessage(message.slot)
})
parentPort?.postMessage('ready')
