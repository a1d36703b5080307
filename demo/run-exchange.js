// @ts-check
/** The demo proper: our exchange, our client, and a look at both until the time is over. */

import process from 'node:process'
import { MarketClient } from './client.js'
import { now } from './clock.js'
import { openExchange } from './exchange-thread.js'
import { findings, summaryLines } from './summary.js'
import { eventLine, second, table } from './view.js'

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
  const { symbols, rate, seed } = options
  const exchange = await openExchange({ symbols, rate, seed, faults: options })
  try {
    const { client, took } = await watch(exchange, options, terminal)
    const found = findings(client, await exchange.stop(), took)
    terminal.print(...summaryLines(terminal, found))
    return found.every(({ ok }) => ok)
  } finally {
    await exchange.kill()
  }
}

/**
 * Lets a client run, and shows it. `took` is in seconds.
 *
 * @param {import('./exchange-thread.js').RunningExchange} exchange
 * @param {import('./options.js').Options} options
 * @param {import('./terminal.js').Terminal} terminal
 */
async function watch(exchange, { symbols, seconds }, terminal) {
  const since = now()
  const elapsed = () => (now() - since) / 1_000
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let ending
  const client = new MarketClient(exchange.url, symbols, (event) => {
    terminal.print(eventLine(terminal, event, elapsed()))
    terminal.draw(picture())
    if (event.kind === 'up') ending ??= setTimeout(() => client.finish(), seconds * 1_000)
  })
  const picture = () => table(terminal, client, Math.min(elapsed(), seconds), seconds)

  const drawing = setInterval(() => terminal.draw(picture()), FRAME)
  const rolling = setInterval(() => {
    client.roll()
    if (!terminal.live) terminal.print(second(client, elapsed()))
  }, 1_000)
  const abort = new AbortController()
  const patience = setTimeout(() => abort.abort(), seconds * 1_000 + PATIENCE)
  // The first Ctrl-C ends the demo early, with its summary; the second one ends it at once.
  const interrupt = () => (client.finishing ? abort.abort() : client.finish())
  process.on('SIGINT', interrupt)
  try {
    await Promise.race([client.run(abort.signal), exchange.failed])
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
  return { client, took }
}
