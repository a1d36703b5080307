// @ts-check
/** The demo proper: our exchange, our client, and a look at both until the time is over. */

import process from 'node:process'
import { MarketClient } from './client.js'
import { now } from './clock.js'
import { openExchange } from './exchange-thread.js'
import { planFaults } from './faults.js'
import { findings, summaryLines } from './summary.js'
import { eventLine, second, table } from './view.js'

/** Milliseconds between two pictures. */
const FRAME = 100
/** The table's heading waits for nothing longer than this after the end, in ms. */
const PATIENCE = 10_000

/**
 * True when everything adds up.
 *
 * @param {import('./options.js').Options} options
 * @param {import('./terminal.js').Terminal} terminal
 */
export async function runExchange(options, terminal) {
  const { symbols, rate, seed, seconds } = options
  const exchange = await openExchange({ symbols, rate, seed, faults: planFaults(options) })
  const since = now()
  const elapsed = () => (now() - since) / 1_000
  const client = new MarketClient(exchange.url, symbols, (event) => terminal.print(eventLine(terminal, event, elapsed())))

  const rolling = setInterval(() => {
    client.roll()
    if (!terminal.live) terminal.print(second(client, elapsed()))
  }, 1_000)
  const drawing = setInterval(() => terminal.draw(table(terminal, client, elapsed(), seconds)), FRAME)
  const ending = setTimeout(() => client.finish(), seconds * 1_000)
  const abort = new AbortController()
  const patience = setTimeout(() => abort.abort(), seconds * 1_000 + PATIENCE)
  // The first Ctrl-C ends the demo early, with its summary; the second one ends it at once.
  const interrupt = () => (client.finishing ? abort.abort() : client.finish())
  process.on('SIGINT', interrupt)
  try {
    await client.run(abort.signal)
  } finally {
    clearInterval(rolling)
    clearInterval(drawing)
    clearTimeout(ending)
    clearTimeout(patience)
    process.off('SIGINT', interrupt)
  }
  const took = elapsed()
  client.roll()
  terminal.close()
  const found = findings(client, await exchange.stop(), took)
  terminal.print(...summaryLines(terminal, found))
  return found.every(({ ok }) => ok)
}
