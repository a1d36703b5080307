// @ts-check
/**
 * The trader's strategies on threads of their own, over one pool: this thread has the connections and the books, and hands each strategy a slot with
 * an order that it may place. The strategy builds the request, has it sent, reads the answer, and gives the slot back.
 *
 * Threads are killed on purpose, with orders in hand. Their slots come back, others take their place, and the exchange is asked what became of the
 * orders that they took along.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { AtomicClientPool } from 'nexus-async-net'
import { now } from './clock.js'
import { record } from './stats.js'
import { Trader } from './trader.js'

/** @typedef {import('./protocol.js').Order} Order */
/** @typedef {import('./strategy.js').Outcome} Outcome */
/** @typedef {import('nexus-async-net').RequestSent} RequestSent */

/** Share of the time in which threads are killed: the exchange's faults have as much. */
const BUSY = 0.8
/** Milliseconds for the last slots to come back. */
const PATIENCE = 5_000

/** One strategy: a place that threads fill one after the other. */
class Strategy {
  /** Orders that it was given. */
  orders = 0
  /** Orders that it has not reported yet, by id. @type {Map<string, (outcome: Outcome | null) => void>} */
  underWay = new Map()
  /** Is its thread there yet? */
  isReady = false
  /** What threads attach to. @type {import('nexus-async-net').PoolPlan | null} */
  plan = null

  /** @param {number} number */
  constructor(number) {
    this.number = number
    /** The thread that fills it now. */
    this.worker = this.start()
  }

  start() {
    const { underWay } = this
    this.isReady = false
    const worker = new Worker(new URL('./strategy.js', import.meta.url))
    worker.on('message', (/** @type {Outcome | null} */ outcome) => {
      if (outcome === null) {
        this.isReady = true
        return
      }
      underWay.get(outcome.id)?.(outcome)
      underWay.delete(outcome.id)
    })
    if (this.plan !== null) worker.postMessage({ plan: this.plan })
    return worker
  }

  /** @param {import('nexus-async-net').PoolPlan} plan */
  attach(plan) {
    this.plan = plan
    this.worker.postMessage({ plan })
  }

  /**
   * Hands a slot over, to send this order. What came of it; null when the thread is gone.
   *
   * @param {import('nexus-async-net').OwnedSlot} slot
   * @param {Order} order
   * @returns {Promise<Outcome | null>}
   */
  give(slot, order) {
    const { worker, underWay } = this
    this.orders++
    worker.postMessage({ slot: slot.handOff(worker, { isAttached: true }), order })
    return new Promise((resolve) => underWay.set(order.clientOrderId, resolve))
  }

  /** As a crash would: at once, whatever it is doing. Another thread takes its place. Returns how many orders it had in hand. */
  async kill() {
    const { worker, underWay } = this
    const taken = underWay
    const lost = taken.size
    this.underWay = new Map()
    this.worker = this.start()
    await worker.terminate()
    for (const resolve of taken.values()) resolve(null)
    underWay.clear()
    return lost
  }
}

/** An order whose thread is gone, or failed. */
class OrderFailed extends Error {
  /** @param {string} code @param {RequestSent} requestSent */
  constructor(code, requestSent) {
    super(code)
    this.code = code
    this.requestSent = requestSent
  }
}

export class ThreadedTrader extends Trader {
  /** Threads that were killed, and of these, such as had an order in hand. */
  threadsKilled = 0
  killedBusy = 0
  /** Slots that were free in the end. */
  slotsBack = 0
  slots = 0
  /** When threads are to be killed, in ms of the client's time. @type {number[]} */
  killTimes
  started = 0
  turn = 0

  /**
   * @param {string} url
   * @param {ReadonlyMap<string, import('./feed.js').Feed>} feeds
   * @param {number} rate orders a second
   * @param {(event: import('./trader.js').TraderEvent) => void} tell
   * @param {{ threads: number, kills: number, seconds: number }} options
   */
  constructor(url, feeds, rate, tell, { threads, kills, seconds }) {
    super(url, feeds, rate, tell)
    this.strategies = Array.from({ length: threads }, (_, i) => new Strategy(i))
    this.killTimes = Array.from({ length: kills }, (_, i) => ((i + 1) / (kills + 1)) * BUSY * seconds * 1_000)
  }

  /** Waits for the threads: the market should not. */
  async prepare() {
    const end = now() + PATIENCE
    while (!this.strategies.every(({ isReady }) => isReady) && now() < end) await sleep(5)
  }

  /** @override @param {import('nexus-async-net').ClientPoolOptions} options */
  async connect(options) {
    const pool = await AtomicClientPool.connect(this.url, options)
    this.slots = pool.size
    for (const strategy of this.strategies) strategy.attach(pool.plan)
    return pool
  }

  /** @override @param {import('nexus-async-net').ClientPool} pool */
  async leave(pool) {
    const end = now() + PATIENCE
    while (pool.available < pool.size && now() < end) await sleep(5)
    this.slotsBack = pool.available
    await Promise.all(this.strategies.map(({ worker }) => worker.terminate()))
    await super.leave(pool)
  }

  /**
   * @override
   * @param {import('nexus-async-net').ClientSlot} slot
   * @param {import('./trader.js').OrderRecord} entry
   * @param {Order} order
   */
  async exchange(slot, entry, order) {
    const strategy = this.next()
    const outcome = strategy.give(/** @type {import('nexus-async-net').OwnedSlot} */ (slot), order)
    this.killIfDue(strategy)
    const report = await outcome
    if (report === null) throw new OrderFailed('its thread was killed', 'partly')
    if (report.code !== null) throw new OrderFailed(report.code, report.requestSent)
    this.onAnswer(entry, {
      status: report.status,
      json: () => report.answer,
      header: (name) => (name === 'X-RateLimit-Remaining' ? report.remaining : report.reset),
    })
    record(this.window, report.ms)
  }

  /** Strategies take turns; those whose thread is still starting are left out, if there are others. */
  next() {
    const { strategies } = this
    this.turn++
    for (let i = 0; i < strategies.length; i++) {
      const strategy = strategies[(this.turn + i) % strategies.length]
      if (strategy.isReady) return strategy
    }
    return strategies[this.turn % strategies.length]
  }

  /** @override @param {unknown} error */
  failureOf(error) {
    return error instanceof OrderFailed ? error : super.failureOf(error)
  }

  /** Kills the thread that has just been given an order, if it is time for that. @param {Strategy} strategy */
  killIfDue(strategy) {
    if (this.started === 0) this.started = now()
    if (now() - this.started < (this.killTimes[0] ?? Number.POSITIVE_INFINITY)) return
    this.killTimes.shift()
    this.begin(this.kill(strategy))
  }

  /** @param {Strategy} strategy */
  async kill(strategy) {
    // So that the order is on its way; sometimes it has even been answered.
    await sleep(this.threadsKilled % 2)
    this.threadsKilled++
    const underWay = await strategy.kill()
    if (underWay > 0) this.killedBusy++
    this.tell({ kind: 'killed', strategy: strategy.number, underWay })
  }
}
