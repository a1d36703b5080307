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
  const { symbols, rate, seed, seconds } = options
  const exchange = await openExchange({ symbols, rate, seed, faults: options })
  const since = now()
  const elapsed = () => (now() - since) / 1_000
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let ending
  const client = new MarketClient(exchange.url, symbols, (event) => {
    terminal.print(eventLine(terminal, event, elapsed()))
    redraw()
    if (event.kind === 'up') ending ??= setTimeout(() => client.finish(), seconds * 1_000)
  })

  const rolling = setInterval(() => {
    client.roll()
    if (!terminal.live) terminal.print(second(client, elapsed()))
  }, 1_000)
  const redraw = () => terminal.draw(table(terminal, client, Math.min(elapsed(), seconds), seconds))
  const drawing = setInterval(redraw, FRAME)
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
  terminal.leave(table(terminal, client, Math.min(took, seconds), seconds))
  client.roll()
  const found = findings(client, await exchange.stop(), took)
  terminal.print(...summaryLines(terminal, found))
  return found.every(({ ok }) => ok)
}
