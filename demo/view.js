// @ts-check
/** How the demo looks while it runs. */

import { ASK, BID } from './book.js'
import * as format from './format.js'

/** @typedef {import('./client.js').MarketClient} MarketClient */
/** @typedef {import('./client.js').ClientEvent | import('./trader.js').TraderEvent} DemoEvent */
/** @typedef {import('./trader.js').Trader} Trader */
/** @typedef {import('./terminal.js').Terminal} Terminal */

/** Columns of the table: it fits into 80. */
const WIDTHS = [9, 10, 13, 13, 9, 13]
const RULE = '─'.repeat(77)
const BAR = 30

/**
 * One line of the table: the first cell to the left, the others to the right.
 *
 * @param {string[]} cells
 */
function row([first, ...rest]) {
  return `  ${first.padEnd(WIDTHS[0])}${rest.map((cell, i) => cell.padStart(WIDTHS[i + 1])).join('')}`
}

/**
 * The table, as lines.
 *
 * @param {Terminal} terminal
 * @param {MarketClient} client
 * @param {Trader | null} trader
 * @param {number} elapsed seconds
 * @param {number} seconds
 */
export function table(terminal, client, trader, elapsed, seconds) {
  const lines = ['', terminal.dim(`${row(['symbol', 'msg/s', 'bid', 'ask', 'spread', 'sequence'])}  state`), terminal.dim(`  ${RULE}`)]
  const { last, seconds: rolled } = client.stats
  // A rate that was not measured for a second yet is none.
  const perSecond = (/** @type {number} */ rate) => (rolled === 0 ? '–' : format.count(rate))
  for (const feed of client.feeds.values()) {
    const { book, decimals, state, rate } = feed
    const bid = book.best(BID)
    const ask = book.best(ASK)
    const show = (/** @type {number} */ ticks) => (ticks > 0 ? format.price(ticks, decimals) : '–')
    const cells = row([feed.symbol, perSecond(rate), show(bid), show(ask), show(bid > 0 && ask > 0 ? ask - bid : 0), format.count(book.seq)])
    const paint = state === 'live' || state === 'verified' ? terminal.green : state === 'gap' || state === 'waiting' ? terminal.yellow : terminal.red
    lines.push(`${cells}  ${paint(state)}`)
  }
  const done = Math.min(BAR, Math.floor((elapsed / seconds) * BAR))
  lines.push(
    terminal.dim(`  ${RULE}`),
    `${terminal.bold(row(['all', perSecond(last.messages)]))}${rolled === 0 ? '' : `   ${rates(last)}`}`,
    ...(trader === null ? [] : ['', orders(terminal, trader)]),
    '',
    `  ${terminal.cyan('━'.repeat(done))}${terminal.dim('━'.repeat(BAR - done))}  ${elapsed.toFixed(1)} of ${seconds} s`,
  )
  return lines
}

/**
 * A second in one line, for those without a terminal.
 *
 * @param {MarketClient} client
 * @param {number} elapsed seconds
 */
export function second(client, elapsed) {
  const { last } = client.stats
  return `${clock(elapsed)}${`${format.count(last.messages)} msg/s`.padStart(17)}   ${rates(last)}`
}

/**
 * What has become of the orders, and how many connections there are for more.
 *
 * @param {Terminal} terminal
 * @param {Trader} trader
 */
function orders(terminal, { orders: { size }, counts, connected, pool }) {
  const failed = counts.failed + counts.unknown + counts.found + counts.absent
  const cells = `${format.count(size)} orders: ${format.count(counts.acknowledged)} acknowledged, ${format.count(counts.limited + counts.refused)} rejected, ${format.count(failed)} failed`
  const paint = connected === pool?.size ? terminal.green : connected === 0 ? terminal.red : terminal.yellow
  return `  ${cells.padEnd(62)}${paint(`${connected} of ${pool?.size ?? 0} up`)}`
}

/**
 * The same second's orders, below {@link second}.
 *
 * @param {Trader} trader
 */
export function orderSecond({ last, connected }) {
  const rate = `${format.count(last.orders)} orders/s`
  const times = last.orders === 0 ? '' : `latency p50 ${format.duration(last.p50).padStart(7)}   p99 ${format.duration(last.p99).padStart(7)}`
  return `${rate.padStart(29)}${`${connected} up`.padStart(11)}   ${times}`.trimEnd()
}

/** @param {import('./stats.js').Second} last */
function rates({ bytes, p50, p99 }) {
  const megabytes = `${(bytes / 1e6).toFixed(2)} MB/s`
  return `${megabytes.padStart(10)}   latency p50 ${format.duration(p50).padStart(7)}   p99 ${format.duration(p99).padStart(7)}`
}

/**
 * @param {Terminal} terminal
 * @param {DemoEvent} event
 * @param {number} elapsed seconds
 */
export function eventLine(terminal, event, elapsed) {
  const [paint, word, text] = describe(terminal, event)
  return `${clock(elapsed)}   ${paint(word.padEnd(9))} ${text}`
}

/**
 * @param {Terminal} terminal
 * @param {DemoEvent} event
 * @returns {[(text: string) => string, string, string]}
 */
function describe(terminal, event) {
  switch (event.kind) {
    case 'up':
      return [terminal.cyan, 'connected', `session ${event.session}, subscribed`]
    case 'down':
      return [terminal.red, 'lost', event.why]
    case 'back':
      return [terminal.green, 'back', `all books whole again ${format.duration(event.ms * 1_000)} after the loss`]
    case 'gap':
      return [
        terminal.yellow,
        'gap',
        `${event.symbol}: expected ${format.count(event.expected)}, got ${format.count(event.got)}; asked for a snapshot`,
      ]
    case 'repaired':
      return [terminal.green, 'repaired', `${event.symbol} after ${format.duration(event.ms * 1_000)}`]
    case 'refused':
      return [terminal.red, 'refused', event.message]
    case 'orders lost':
      return [terminal.red, 'orders', `no connection is left (${event.why})`]
    case 'orders back':
      return [terminal.green, 'orders', `all connections are back after ${format.duration(event.ms * 1_000)}`]
    case 'killed':
      return [terminal.red, 'killed', `the thread of strategy ${event.strategy + 1}, with ${format.plural(event.underWay, 'order')} in hand`]
    case 'asked': {
      const { order, why } = event
      const fate = order.state === 'found' ? `booked as ${format.count(order.sequence)}` : 'never arrived'
      return [terminal.yellow, 'order', `${order.id}: ${order.requestSent} sent, no answer (${why}); asked: ${fate}`]
    }
  }
}

/** @param {number} elapsed seconds */
const clock = (elapsed) => `${elapsed.toFixed(2).padStart(7)} s`
