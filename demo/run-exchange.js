// @ts-check
/** The demo proper: our exchange, our client, and a look at both until the time is over. */

import process from 'node:process'
import { MarketClient } from './client.js'
import { now } from './clock.js'
import { openExchange } from './exchange-thread.js'
import { ThreadedTrader } from './strategies.js'
import { findings, summaryLines } from './summary.js'
import { Trader } from './trader.js'
import { eventLine, orderSecond, second, table } from './view.js'

/** Milliseconds between two pictures. */
const FRAME = 100
/** Milliseconds after which an end that has not come is given up. */
const PATIENCE = 10_000

/**
 * True when everything adds up.
 *
 * @param {import('./options.js').Options} options
 * @param {import('./terminal.js').Terminal} terminal
 */
export async function runExchange(options, terminal) {
  const { symbols, rate, seed, limit, deflate } = options
  const exchange = await openExchange({ symbols, rate, seed, deflate, faults: options, orders: { limit, faults: options } })
  try {
    const { client, trader, took } = await watch(exchange, options, terminal)
    const found = findings(client, trader, await exchange.stop(), took)
    terminal.print(...summaryLines(terminal, found))
    return found.every(({ ok }) => ok)
  } finally {
    await exchange.kill()
  }
}

/**
 * Lets a client run and trade, and shows it. `took` is in seconds.
 *
 * @param {import('./exchange-thread.js').RunningExchange} exchange
 * @param {import('./options.js').Options} options
 * @param {import('./terminal.js').Terminal} terminal
 */
async function watch(exchange, { symbols, seconds, orders, threads, kills, deflate }, terminal) {
  const since = now()
  const elapsed = () => (now() - since) / 1_000
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let ending
  const client = new MarketClient(
    exchange.url,
    symbols,
    (event) => {
      tell(event)
      if (event.kind === 'up') ending ??= setTimeout(finish, seconds * 1_000)
    },
    deflate,
  )
  const trader =
    orders === 0
      ? null
      : threads === 0
        ? new Trader(exchange.ordersUrl, client.feeds, orders, (event) => tell(event))
        : new ThreadedTrader(exchange.ordersUrl, client.feeds, orders, (event) => tell(event), { threads, kills, seconds })
  if (trader instanceof ThreadedTrader) await trader.prepare()
  const tell = (/** @type {import('./view.js').DemoEvent} */ event) => {
    terminal.print(eventLine(terminal, event, elapsed()))
    terminal.draw(picture())
  }
  const finish = () => {
    client.finish()
    trader?.finish()
  }
  const picture = () => table(terminal, client, trader, Math.min(elapsed(), seconds), seconds)

  const drawing = setInterval(() => terminal.draw(picture()), FRAME)
  const rolling = setInterval(() => {
    client.roll()
    trader?.roll()
    if (terminal.live) return
    terminal.print(second(client, elapsed()))
    if (trader !== null) terminal.print(orderSecond(trader))
  }, 1_000)
  const abort = new AbortController()
  const patience = setTimeout(() => abort.abort(), seconds * 1_000 + PATIENCE)
  // The first Ctrl-C ends the demo early, with its summary; the second one ends it at once.
  const interrupt = () => (client.finishing ? abort.abort() : finish())
  process.on('SIGINT', interrupt)
  try {
    await Promise.race([Promise.all([client.run(abort.signal), trader?.run(abort.signal)]), exchange.failed])
  } finally {
    clearInterval(drawing)
    clearInterval(rolling)
    clearTimeout(ending)
    clearTimeout(patience)
    process.off('SIGINT', interrupt)
    abort.abort()
  }
  const took = elapsed()
  terminal.leave(picture())
  client.roll()
  trader?.roll()
  return { client, trader, took }
}
