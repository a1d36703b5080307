// Real threads: an owner and workers over one pool. Runs on Node, Deno and Bun; prints one JSON line for each check.
// Arguments: the entry's URL, hand-offs, terminations, and a part of the names of the checks to run; or --list, for the names.

import { Worker } from 'node:worker_threads'

const [entry = '', handOffs = '20000', terminations = '30', only = ''] = process.argv.slice(2)
const { AtomicClientPool } = entry === '--list' ? /** @type {any} */ ({}) : await import(entry)

/** @param {string} file @param {object} [workerData] */
const start = (file, workerData = {}) => new Worker(new URL(file, import.meta.url), { workerData: { entry, ...workerData } })

/** Messages of workers that nobody has asked for yet, and who has asked for one that has not come. @type {WeakMap<Worker, { come: any[], asked: ((message: any) => void)[] }>} */
const inboxes = new WeakMap()

/** @param {Worker} worker */
function inboxOf(worker) {
  let inbox = inboxes.get(worker)
  if (inbox === undefined) {
    const { come, asked } = (inbox = { come: /** @type {any[]} */ ([]), asked: /** @type {((message: any) => void)[]} */ ([]) })
    inboxes.set(worker, inbox)
    worker.on('message', (message) => {
      const ask = asked.shift()
      if (ask === undefined) come.push(message)
      else ask(message)
    })
  }
  return inbox
}

/** The next message of a worker, though it may have come already. @param {Worker} worker @returns {Promise<any>} */
function next(worker) {
  const { come, asked } = inboxOf(worker)
  return come.length > 0 ? Promise.resolve(come.shift()) : new Promise((resolve) => asked.push(resolve))
}

/** @param {object} [plan] */
async function startWorker(plan) {
  const worker = start('./worker.mjs', { plan })
  worker.on('error', () => {})
  await next(worker)
  return worker
}

/** @param {(context: { pool: any, port: number, server: Worker }) => Promise<void>} use @param {object} [options] @param {object} [faults] */
async function withPool(use, options = {}, faults = {}) {
  const server = start('./server.mjs', faults)
  const port = await next(server)
  const pool = await AtomicClientPool.connect(`http://127.0.0.1:${port}`, { connections: 4, ...options })
  try {
    await use({ pool, port, server })
  } finally {
    await pool.close({ timeout: 2_000 })
    await server.terminate()
  }
}

/** @param {unknown} actual @param {unknown} wanted @param {string} what */
function equal(actual, wanted, what) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(wanted)]
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`)
}

/** @param {() => boolean} holds @param {string} what */
async function until(holds, what) {
  const end = performance.now() + 15_000
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within 15 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** @type {Record<string, () => Promise<void>>} */
const checks = {
  'slots go to four workers and come back, over and over, none lost, doubled or torn': () =>
    withPool(
      async ({ pool }) => {
        const workers = await Promise.all(Array.from({ length: 4 }, () => startWorker(pool.plan)))
        const torn = /** @type {string[]} */ ([])
        for (const worker of workers) worker.on('message', (message) => torn.push(message.torn ?? message.refused))
        const count = Number(handOffs)
        for (let i = 0; i < count; i++) {
          const slot = pool.tryAcquire() ?? (await pool.acquire())
          const worker = workers[i % 4]
          worker.postMessage({ slot: slot.handOff(worker, { isAttached: true }), order: 'scribble', mark: `${i % 4}-${i}` })
        }
        await until(() => pool.stats.idle === 8, `all slots back, not ${JSON.stringify(pool.stats)}`)
        equal(torn, [], 'torn or refused')
        await Promise.all(workers.map((worker) => worker.terminate()))
      },
      { connections: 8 },
    ),

  'requests of workers get their own answers, blocking and not': () =>
    withPool(async ({ pool }) => {
      const workers = await Promise.all(Array.from({ length: 4 }, () => startWorker(pool.plan)))
      const asked = workers.map(async (worker, w) => {
        for (let round = 0; round < 10; round++) {
          const slot = await pool.acquire()
          const ids = Array.from({ length: 20 }, (_, i) => `${w}-${round}-${i}`)
          const answer = next(worker)
          worker.postMessage({ slot: slot.handOff(worker, { isAttached: true }), order: 'ask', ids, sync: (w + round) % 2 === 0 })
          equal(
            (await answer).outcomes,
            ids.map(() => 'ok'),
            'outcomes',
          )
        }
      })
      // The owner uses the pool as well.
      const own = Array.from({ length: 100 }, async (_, i) => equal((await pool.request('GET', `/echo/own-${i}`)).text(), `own-${i}`, 'own'))
      await Promise.all([...asked, ...own])
      await until(() => pool.stats.idle === 4, 'all slots back')
      equal([pool.stats.requests, pool.stats.lost], [900, 0], 'requests and lost connections')
      await Promise.all(workers.map((worker) => worker.terminate()))
    }),

  'workers that are terminated at any moment lose no slot, and no answer is mixed up': () =>
    withPool(
      async ({ pool }) => {
        const wrong = /** @type {unknown[]} */ ([])
        for (let i = 0; i < Number(terminations); i++) {
          const worker = await startWorker(pool.plan)
          worker.on('message', (message) => wrong.push(message))
          const slots = await Promise.all([pool.acquire({ timeout: 10_000 }), pool.acquire({ timeout: 10_000 })])
          slots.forEach((slot, s) => {
            worker.postMessage({ slot: slot.handOff(worker, { isAttached: true }), order: 'hammer', mark: `${i}-${s}`, sync: i % 3 === 0 })
          })
          const own = pool.request('GET', `/echo/own-${i}`).then(async (/** @type {any} */ response) => equal(response.text(), `own-${i}`, 'own'))
          await new Promise((resolve) => setTimeout(resolve, (i * 7) % 23))
          await worker.terminate()
          await own
        }
        await until(() => pool.stats.idle === 4, `all slots back, not ${JSON.stringify(pool.stats)}`)
        equal(wrong, [], 'wrong answers')
      },
      { connections: 4 },
    ),

  'faults of the server reach the worker as they reach the owner, and the slots heal': () =>
    withPool(
      async ({ pool }) => {
        const worker = await startWorker(pool.plan)
        const seen = new Set()
        for (let round = 0; round < 60; round++) {
          const slot = await pool.acquire({ timeout: 10_000 })
          const ids = Array.from({ length: 10 }, (_, i) => `${round}-${i}`)
          const answer = next(worker)
          worker.postMessage({ slot: slot.handOff(worker, { isAttached: true }), order: 'ask', ids, sync: round % 2 === 0, timeout: 10_000 })
          for (const outcome of (await answer).outcomes) seen.add(outcome)
        }
        for (const outcome of seen) {
          if (!/^(?:ok|(?:ConnectionReset|ConnectionClosed) fully)$/.test(outcome)) throw new Error(`unexpected: ${outcome}`)
        }
        if (seen.size < 2) throw new Error('the server made no faults')
        await until(() => pool.stats.idle === 4, 'all slots back')
        await worker.terminate()
      },
      {},
      { faults: 0.03 },
    ),

  'a worker that throws or exits gives its slot back': () =>
    withPool(
      async ({ pool }) => {
        for (const order of ['throws', 'exits']) {
          const worker = await startWorker()
          const slot = await pool.acquire()
          worker.postMessage({ slot: slot.handOff(worker), order })
          const again = await pool.acquire({ timeout: 10_000 })
          again.release()
        }
      },
      { connections: 1 },
    ),

  'a request keeps its thread alive': () =>
    withPool(
      async ({ pool }) => {
        const worker = start('./worker.mjs', { once: true })
        await next(worker)
        const slot = await pool.acquire()
        const answer = next(worker)
        const ended = new Promise((resolve) => worker.once('exit', resolve))
        worker.postMessage({ slot: slot.handOff(worker) })
        equal(await answer, { text: 'once' }, 'the answer')
        equal(await ended, 0, 'how it ends')
        await until(() => pool.stats.idle === 1, 'the slot back')
      },
      { connections: 1 },
    ),

  'a worker that has ended is not handed anything': () =>
    withPool(
      async ({ pool }) => {
        const worker = await startWorker()
        pool.watch(worker)
        await worker.terminate()
        await new Promise((resolve) => setTimeout(resolve, 50))
        const slot = await pool.acquire()
        let code
        try {
          slot.handOff(worker)
        } catch (error) {
          code = /** @type {{ code?: string }} */ (error).code
        }
        equal(code, 'InvalidOption', 'the error')
        // It is still ours.
        const response = await slot.send(slot.writer.get('/echo/mine').finish())
        equal(response.text(), 'mine', 'the answer')
        slot.release()
        equal(pool.stats.idle, 1, 'idle')
      },
      { connections: 1 },
    ),

  'a slot is used wrongly: a clear error, and nothing is harmed': () =>
    withPool(
      async ({ pool, port }) => {
        const worker = await startWorker()
        const keep = next(worker)
        const handle = await pool.acquire()
        const message = handle.handOff(worker)
        let code
        try {
          handle.handOff(worker)
        } catch (error) {
          code = /** @type {{ code?: string }} */ (error).code
        }
        equal(code, 'SlotReleased', 'handed off twice')
        worker.postMessage({ slot: message, order: 'keep' })
        await keep
        worker.postMessage({ command: 'misuse' })
        equal(await next(worker), { released: 'SlotReleased', renewed: 'SlotReleased', passed: 'SlotReleased' }, 'after release')
        // A message is good for one thread, once.
        const slot = await pool.acquire()
        worker.postMessage({ command: 'twice', message: slot.handOff(worker) })
        equal(await next(worker), { first: null, second: 'SlotReleased' }, 'received twice')
        // A pool that the thread was not told about.
        const other = await AtomicClientPool.connect(`http://127.0.0.1:${port}`)
        const foreign = other.tryAcquire().handOff(worker, { isAttached: true })
        worker.postMessage({ slot: foreign, order: 'keep' })
        equal(await next(worker), { refused: 'NotAttached' }, 'a strange pool')
        await other.close({ timeout: 100 })
        equal((await pool.request('GET', '/echo/fine')).text(), 'fine', 'the pool')
        await worker.terminate()
      },
      { connections: 1 },
    ),

  'a slot goes from worker to worker': () =>
    withPool(
      async ({ pool }) => {
        const [first, second] = [await startWorker(), await startWorker()]
        const slot = await pool.acquire()
        first.postMessage({ slot: slot.handOff(first), order: 'keep' })
        await next(first)
        first.postMessage({ command: 'passOn' })
        const { message } = await next(first)
        second.postMessage({ slot: message, order: 'ask', ids: ['a', 'b'], sync: false })
        equal((await next(second)).outcomes, ['ok', 'ok'], 'outcomes')
        await until(() => pool.stats.idle === 1, 'the slot back')
        // Its first holder is gone without harm to the second.
        await first.terminate()
        await second.terminate()
      },
      { connections: 1 },
    ),

  'a worker that does nothing for leakTimeout loses its slot, and what it does later reaches nobody': () =>
    withPool(
      async ({ pool }) => {
        const worker = await startWorker()
        const slot = await pool.acquire()
        worker.postMessage({ slot: slot.handOff(worker), order: 'keep' })
        await next(worker)
        const again = await pool.acquire({ timeout: 10_000 })
        worker.postMessage({ command: 'useKept' })
        equal(await next(worker), { sent: 'SlotReleased', released: null }, 'the late holder')
        const response = await again.send(again.writer.get('/echo/mine').finish())
        equal(response.text(), 'mine', 'the new holder')
        again.release()
        await worker.terminate()
      },
      { connections: 1, leakTimeout: 1_000 },
    ),

  'workers acquire for themselves, and each gets its own answers': () =>
    withPool(
      async ({ pool }) => {
        const workers = await Promise.all(Array.from({ length: 4 }, () => startWorker(pool.plan)))
        for (const worker of workers) pool.watch(worker)
        const outcomes = workers.map(next)
        workers.forEach((worker, w) => {
          worker.postMessage({ command: 'acquireAndAsk', rounds: 100, mark: `w${w}`, sync: w % 2 === 0 })
        })
        equal(
          await Promise.all(outcomes),
          workers.map(() => ({ wrong: [] })),
          'wrong answers',
        )
        await until(() => pool.stats.idle === 2, 'all slots back')
        equal(pool.stats.requests, 400, 'requests')
        await Promise.all(workers.map((worker) => worker.terminate()))
      },
      { connections: 2 },
    ),

  'workers that wait for a slot get it in order, give up in time, and lose none when they end': () =>
    withPool(
      async ({ pool }) => {
        const workers = await Promise.all(Array.from({ length: 3 }, () => startWorker(pool.plan)))
        for (const worker of workers) pool.watch(worker)
        const held = await pool.acquire()
        /** @param {number} w @param {number} timeout @param {boolean} hold */
        const ask = async (w, timeout, hold) => {
          const asking = next(workers[w])
          workers[w].postMessage({ command: 'acquireOne', timeout, hold })
          await asking
          return { answer: next(workers[w]) }
        }
        equal(await (await ask(0, 60, false)).answer, { code: 'AcquireTimeout' }, 'the first, which waits 60 ms')
        const second = await ask(1, 10_000, true)
        await until(() => pool.stats.waiting === 1, 'the second waits, and the first one’s place is free')
        const third = await ask(2, 10_000, false)
        await until(() => pool.stats.waiting === 2, 'the third waits')
        held.release()
        equal(await second.answer, { got: 0 }, 'the second')
        // It ends while it holds the slot: the third gets it.
        await workers[1].terminate()
        equal(await third.answer, { got: 0 }, 'the third')
        await until(() => pool.stats.idle === 1, 'the slot back')
        await Promise.all(workers.map((worker) => worker.terminate()))
      },
      { connections: 1 },
    ),

  'a limit or an abort that passes while the owner is busy: nothing is sent, and the slot is still good': () =>
    withPool(
      async ({ pool }) => {
        const worker = await startWorker(pool.plan)
        for (const how of ['timeout', 'abort', 'gone']) {
          const slot = await pool.acquire()
          const passed = new Int32Array(new SharedArrayBuffer(4))
          worker.postMessage({ slot: slot.handOff(worker), order: 'giveUp', how, passed })
          const outcome = next(worker)
          // Busy until the limit has passed there.
          while (Atomics.load(passed, 0) === 0);
          const code = { timeout: 'RequestTimeout', abort: 'RequestAborted', gone: 'OwnerGone' }[how]
          equal(await outcome, { code, requestSent: 'nothing', ...(how === 'gone' ? {} : { after: 'after' }) }, how)
          await until(() => pool.stats.idle === 1, 'the slot back')
        }
        equal([pool.stats.requests, pool.stats.lost], [2, 0], 'requests and lost connections')
        await worker.terminate()
      },
      { connections: 1 },
    ),

  'a closed pool is told to who waits': () =>
    withPool(
      async ({ pool }) => {
        const worker = await startWorker()
        const slot = await pool.acquire()
        worker.postMessage({ slot: slot.handOff(worker), order: 'keep' })
        await next(worker)
        worker.postMessage({ command: 'waitForOwner', timeout: 20_000 })
        await next(worker)
        const outcome = next(worker)
        await pool.close({ timeout: 50 })
        const { error, after } = await outcome
        if (!['PoolClosed', 'RequestAborted'].includes(error) || after > 10_000) throw new Error(`${error} after ${after} ms`)
        await worker.terminate()
      },
      { connections: 1 },
    ),

  'an owner that is gone fails who waits, soon after the limit': async () => {
    const server = start('./server.mjs')
    const port = await next(server)
    const owner = start('./owner.mjs', { port })
    const message = await next(owner)
    const worker = await startWorker()
    worker.postMessage({ slot: message, order: 'keep' })
    await next(worker)
    worker.postMessage({ command: 'waitForOwner', timeout: 300 })
    await next(worker)
    await owner.terminate()
    const { error, after } = await next(worker)
    equal(error, 'OwnerGone', 'the error')
    if (after > 5_000) throw new Error(`only after ${after} ms`)
    await worker.terminate()
    await server.terminate()
  },
}

if (entry === '--list') {
  console.log(JSON.stringify({ names: Object.keys(checks) }))
  process.exit(0)
}
let failed = 0
for (const [name, check] of Object.entries(checks)) {
  if (only !== '' && !name.includes(only)) continue
  let error = null
  try {
    await check()
  } catch (reason) {
    failed++
    error = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)
  }
  console.log(JSON.stringify({ name, error }))
}
process.exit(failed === 0 ? 0 : 1)
