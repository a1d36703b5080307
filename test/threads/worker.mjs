// A thread that holds slots: does with each what its message says.

import { parentPort, workerData } from 'node:worker_threads'

const { AtomicClientSlot, SharedAcquirer } = await import(workerData.entry)
if (workerData.plan) AtomicClientSlot.attach(workerData.plan)

const tell = (/** @type {unknown} */ message) => parentPort?.postMessage(message)

/** @param {() => unknown} act */
const codeOf = (act) => {
  try {
    act()
    return null
  } catch (error) {
    return /** @type {{ code?: string }} */ (error).code ?? String(error)
  }
}

/** @type {any} */
let kept = null
const orders = {
  // Writes all over the slot's memory and checks that nobody else does, then gives it back.
  scribble(/** @type {any} */ slot, /** @type {{ mark: string }} */ { mark }) {
    const request = slot.writer.post(`/${mark}`).header('X-Mark', mark).body(mark.repeat(20)).finish()
    const wanted = new TextDecoder().decode(request.bytes.slice())
    const seen = new TextDecoder().decode(request.bytes.slice())
    const torn = seen !== wanted || !wanted.includes(`X-Mark: ${mark}`)
    slot.release()
    if (torn) tell({ torn: mark })
  },
  // Sends requests and checks that each gets its own answer.
  async ask(/** @type {any} */ slot, /** @type {{ ids: string[], sync: boolean, timeout?: number }} */ { ids, sync, timeout }) {
    const outcomes = []
    for (const id of ids) {
      const request = slot.writer.get(`/echo/${id}`).finish()
      try {
        const response = sync ? slot.sendSync(request, { timeout }) : await slot.send(request, { timeout })
        outcomes.push(response.text() === id ? 'ok' : `wrong: ${response.text()} for ${id}`)
      } catch (error) {
        const { code, requestSent } = /** @type {{ code?: string, requestSent?: string }} */ (error)
        outcomes.push(`${code} ${requestSent}`)
        break
      }
    }
    try {
      slot.release()
    } catch (error) {
      outcomes.push(/** @type {{ code?: string }} */ (error).code)
    }
    tell({ outcomes })
  },
  // Asks for ever, with one id after the other: to be terminated.
  async hammer(/** @type {any} */ slot, /** @type {{ mark: string, sync: boolean }} */ { mark, sync }) {
    for (let i = 0; ; i++) {
      const id = `${mark}-${i}`
      const request = slot.writer.get(`/echo/${id}`).finish()
      const response = sync ? slot.sendSync(request, { timeout: 5_000 }) : await slot.send(request, { timeout: 5_000 })
      if (response.text() !== id) tell({ wrong: `${response.text()} for ${id}` })
      if (!sync && i % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 0))
    }
  },
  keep(/** @type {any} */ slot) {
    kept = slot
    tell({ kept: true })
  },
  // Gives a request up while the owner is busy, says that it has, then sends another one.
  async giveUp(/** @type {any} */ slot, /** @type {{ how: string, passed: Int32Array }} */ { how, passed }) {
    const controller = new AbortController()
    const request = slot.writer.post('/echo/unsent').finish()
    const options = how === 'abort' ? { signal: controller.signal } : { timeout: 20 }
    const asked = slot.send(request, options).then(
      () => ({}),
      (/** @type {{ code: string, requestSent: string }} */ { code, requestSent }) => ({ code, requestSent }),
    )
    setTimeout(() => controller.abort(), 20)
    // Timers of one thread fire in the order of their times. With 'gone', the owner stays busy until it is given up, and the slot with it.
    if (how !== 'gone') setTimeout(() => Atomics.store(passed, 0, 1), 60)
    const outcome = await asked
    if (how === 'gone') {
      slot.release()
      Atomics.store(passed, 0, 1)
      tell(outcome)
      return
    }
    const after = (await slot.send(slot.writer.get('/echo/after').finish())).text()
    slot.release()
    tell({ ...outcome, after })
  },
  throws() {
    throw new Error('on purpose')
  },
  exits() {
    process.exit(3)
  },
}

const commands = {
  // Acquires for itself, asks, and releases, over and over.
  async acquireAndAsk(/** @type {{ rounds: number, mark: string, sync: boolean }} */ { rounds, mark, sync }) {
    const acquirer = SharedAcquirer.attach(workerData.plan)
    const wrong = []
    for (let i = 0; i < rounds; i++) {
      const slot = sync ? acquirer.acquireSync({ timeout: 10_000 }) : await acquirer.acquire({ timeout: 10_000 })
      const id = `${mark}-${i}`
      const response = sync ? slot.sendSync(slot.writer.get(`/echo/${id}`).finish()) : await slot.send(slot.writer.get(`/echo/${id}`).finish())
      if (response.text() !== id) wrong.push(`${response.text()} for ${id}`)
      slot.release()
    }
    tell({ wrong })
  },
  // Waits for a slot, and tells how that ended.
  async acquireOne(/** @type {{ timeout: number, hold: boolean }} */ { timeout, hold }) {
    const acquirer = SharedAcquirer.attach(workerData.plan)
    tell({ asking: true })
    try {
      const slot = await acquirer.acquire({ timeout })
      if (hold) kept = slot
      else slot.release()
      tell({ got: slot.index })
    } catch (error) {
      tell({ code: /** @type {{ code?: string }} */ (error).code })
    }
  },
  // What every use of a slot gives that is no longer held.
  misuse() {
    const slot = kept
    const request = slot.writer.get('/').finish()
    slot.release()
    const released = codeOf(() => slot.sendSync(request))
    slot.release()
    tell({ released, renewed: codeOf(() => slot.renew()), passed: codeOf(() => slot.handOff()) })
  },
  useKept() {
    const request = kept.writer.get('/echo/late').finish()
    tell({ sent: codeOf(() => kept.sendSync(request, { timeout: 500 })), released: codeOf(() => kept.release()) })
  },
  waitForOwner(/** @type {{ timeout: number }} */ { timeout }) {
    const request = kept.writer.get('/silent').finish()
    tell({ waiting: true })
    const since = performance.now()
    const error = codeOf(() => kept.sendSync(request, { timeout }))
    tell({ error, after: performance.now() - since })
  },
  twice(/** @type {{ message: unknown }} */ { message }) {
    tell({
      first: codeOf(() => AtomicClientSlot.receive(/** @type {any} */ (message)).release()),
      second: codeOf(() => AtomicClientSlot.receive(/** @type {any} */ (message))),
    })
  },
  passOn() {
    tell({ message: kept.handOff() })
  },
}

// Ends by itself after its one slot: nothing but the request keeps it alive.
if (workerData.once) {
  parentPort?.once('message', async (message) => {
    const slot = AtomicClientSlot.receive(message.slot)
    const response = await slot.send(slot.writer.get('/echo/once').finish())
    tell({ text: response.text() })
    slot.release()
  })
  tell({ ready: true })
} else {
  serve()
}

function serve() {
  parentPort?.on('message', receive)
  tell({ ready: true })
}

function receive(/** @type {any} */ message) {
  if (message.command) {
    commands[/** @type {keyof typeof commands} */ (message.command)](message)
    return
  }
  let slot
  try {
    slot = AtomicClientSlot.receive(message.slot)
  } catch (error) {
    tell({ refused: /** @type {{ code?: string }} */ (error).code ?? String(error) })
    return
  }
  orders[/** @type {keyof typeof orders} */ (message.order)](slot, message)
}
