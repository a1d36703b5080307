// @ts-check
// A thread of `threads.mjs`: sends orders on slots that it holds, or that it is given for one order each, and reports how long each took.

import { parentPort, workerData } from 'node:worker_threads'
import { loadNexus } from '../lib/runtime.mjs'
import { BODY, check, FIELDS, PATH } from '../rest/order.mjs'

const { AtomicClientSlot } = await loadNexus()
if (workerData !== null) AtomicClientSlot.attach(workerData)

/** Slots that this thread keeps. @type {any[]} */
const held = []
const [[n0, v0], [n1, v1], [n2, v2], [n3, v3]] = FIELDS
let durations = new Float64Array(0)
let count = 0

const order = (/** @type {any} */ { writer }) => writer.post(PATH).header(n0, v0).header(n1, v1).header(n2, v2).header(n3, v3).body(BODY).finish()
const report = () => parentPort?.postMessage({ durations })
const fail = (/** @type {any} */ error) => parentPort?.postMessage({ error: String(error?.stack ?? error) })

/** @param {number} amount */
function begin(amount) {
  durations = new Float64Array(amount)
  count = 0
}

/** Sends until all slots together have sent enough. @param {any} slot */
async function play(slot) {
  while (count < durations.length) {
    const i = count++
    const started = performance.now()
    const response = await slot.send(order(slot))
    check(response.status, response.text())
    durations[i] = performance.now() - started
  }
}

/** @param {any} slot */
function playSync(slot) {
  while (count < durations.length) {
    const started = performance.now()
    const response = slot.sendSync(order(slot))
    check(response.status, response.text())
    durations[count++] = performance.now() - started
  }
}

/** One order. @param {any} message */
async function use(message) {
  const started = performance.now()
  const slot = AtomicClientSlot.receive(message)
  const response = await slot.send(order(slot))
  check(response.status, response.text())
  slot.release()
  durations[count++] = performance.now() - started
  if (count === durations.length) report()
}

/** Wakes the other side and waits to be woken. @param {{ cells: Int32Array, amount: number, isBlocking: boolean }} round */
async function wake({ cells, amount, isBlocking }) {
  begin(amount)
  for (; count < amount; count++) {
    const started = performance.now()
    const last = Atomics.load(cells, 1)
    Atomics.add(cells, 0, 1)
    Atomics.notify(cells, 0)
    if (isBlocking) Atomics.wait(cells, 1, last)
    else {
      // @ts-expect-error missing in the libraries of older TypeScript
      const waiting = Atomics.waitAsync(cells, 1, last)
      if (waiting.async) await waiting.value
    }
    durations[count] = performance.now() - started
  }
  report()
}

parentPort?.on('message', (message) => {
  if (message.hold !== undefined) held.push(AtomicClientSlot.receive(message.hold))
  else if (message.use !== undefined) use(message.use).catch(fail)
  else if (message.cells !== undefined) wake(message).catch(fail)
  else if (message.expect !== undefined) begin(message.expect)
  else {
    begin(message.amount)
    if (message.isBlocking) {
      playSync(held[0])
      report()
    } else {
      Promise.all(held.map(play)).then(report, fail)
    }
  }
})
parentPort?.postMessage('ready')
