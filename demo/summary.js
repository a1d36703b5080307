// @ts-check
/** What came of it, and whether it adds up. */

import * as format from './format.js'
import { differences } from './reconcile.js'
import { ThreadedTrader } from './strategies.js'

/** @typedef {{ ok: boolean, label: string, text: string }} Finding */

/** @type {(label: string, text: string, ok?: boolean) => Finding} */
const find = (label, text, ok = true) => ({ ok, label, text })

/**
 * Compares what the client saw with what the exchange did.
 *
 * @param {import('./client.js').MarketClient} client
 * @param {import('./trader.js').Trader | null} trader
 * @param {import('./exchange.js').Totals} exchange
 * @param {number} seconds that the client ran
 * @returns {Finding[]}
 */
export function findings(client, trader, exchange, seconds) {
  return [...marketFindings(client, exchange, seconds), ...(trader === null ? [] : orderFindings(trader, exchange.orders, seconds))]
}

/**
 * @param {import('./client.js').MarketClient} client
 * @param {import('./exchange.js').Totals} exchange
 * @param {number} seconds
 * @returns {Finding[]}
 */
function marketFindings(client, exchange, seconds) {
  const { stats, gaps, repairs, reconnects, recoveries } = client
  const { latency } = stats
  const feeds = [...client.feeds.values()]
  const deltas = feeds.reduce((sum, { messages }) => sum + messages, 0)
  const lost = exchange.deltas - deltas
  const verified = feeds.filter(({ state }) => state === 'verified').length
  return [
    find('messages', `${format.count(stats.messages)} in ${seconds.toFixed(2)} s: ${format.count(stats.messages / seconds)} msg/s`),
    find('', `${format.count(lost)} more were on their way when the connection was cut`, exchange.drops === 0 ? lost === 0 : lost >= 0),
    find('bytes', `${format.size(stats.bytes)} of payload: ${(stats.bytes / seconds / 1e6).toFixed(2)} MB/s`),
    ...(client.deflate ? [find('', format.compressed(stats.wire, stats.bytes), stats.wire < stats.bytes)] : []),
    find('latency', percentiles(latency)),
    find(
      'reconnects',
      `${reconnects.length} after ${format.plural(exchange.drops, 'drop')}${list(reconnects)}`,
      reconnects.length === exchange.drops,
    ),
    find('', `books whole again${list(recoveries) || ': not needed'}`),
    find(
      'gaps',
      `${exchange.gaps} made, ${gaps} detected, ${repairs.length} repaired${list(repairs)}`,
      gaps === exchange.gaps && repairs.length === gaps,
    ),
    find('books', `${verified} of ${feeds.length} equal to the exchange's (sequence and checksum)`, verified === feeds.length),
  ]
}

/**
 * @param {import('./trader.js').Trader} trader
 * @param {import('./order-desk.js').OrderTotals} exchange
 * @param {number} seconds
 * @returns {Finding[]}
 */
function orderFindings(trader, exchange, seconds) {
  const { orders, counts, roundTrip, lost, reconnects, pauses } = trader
  const { acknowledged, limited, refused, failed, found, absent } = counts
  const answered = acknowledged + limited + refused
  const unanswered = [...orders.values()].filter(({ state }) => state === 'found' || state === 'absent' || state === 'unknown')
  const partly = unanswered.filter(({ requestSent }) => requestSent === 'partly').length
  const wrong = differences(orders, trader.swapped, exchange)
  return [
    find(
      'orders',
      `${format.count(orders.size)} in ${seconds.toFixed(2)} s: ${format.count(acknowledged)} acknowledged, ${format.count(limited + refused)} rejected, ${format.count(failed + unanswered.length)} failed`,
      orders.size === answered + failed + unanswered.length,
    ),
    find(
      '',
      `rejected: ${format.count(refused)} too large, ${format.count(limited)} over the limit, which was heeded ${format.plural(pauses, 'time')}`,
    ),
    // What the exchange cut off must have been noticed; it can be more, for the outage finds requests on their way, too.
    find(
      '',
      `failed: ${format.count(failed)} with nothing sent, ${partly} partly, ${unanswered.length - partly} fully sent`,
      unanswered.length >= exchange.killed,
    ),
    find('', `asked about ${unanswered.length}: ${found} booked, ${absent} never arrived`, counts.unknown === 0),
    find('round trip', percentiles(roundTrip)),
    find('pool', `${reconnects.length} reconnects after ${lost} losses${range(reconnects)}`, reconnects.length === lost),
    find(
      '',
      `killed ${exchange.killed} with an order in hand, ${exchange.killedIdle} idle; gone ${exchange.outages === 0 ? 'never' : `for ${format.duration(exchange.away * 1_000)}`}`,
    ),
    ...(trader instanceof ThreadedTrader ? threadFindings(trader) : []),
    find(
      'ledger',
      `${format.count(exchange.booked.length)} booked: ${wrong.lost} lost, ${wrong.doubled} doubled, ${wrong.swapped} swapped`,
      wrong.lost === 0 && wrong.doubled === 0 && wrong.swapped === 0 && exchange.booked.length === acknowledged + found,
    ),
  ]
}

/**
 * @param {ThreadedTrader} trader
 * @returns {Finding[]}
 */
function threadFindings({ strategies, threadsKilled, killedBusy, slotsBack, slots }) {
  const each = strategies.map(({ orders }) => format.count(orders)).join(' + ')
  const left = strategies.reduce((sum, { underWay }) => sum + underWay.size, 0)
  return [
    find('threads', `${format.plural(strategies.length, 'strategy', 'strategies')} of ${each} orders, all accounted for`, left === 0),
    find(
      '',
      `killed ${format.plural(threadsKilled, 'thread')}, ${killedBusy} with orders in hand; ${slotsBack} of ${slots} slots back`,
      slotsBack === slots,
    ),
  ]
}

/** @param {import('hdr-histogram-js').Histogram} times in µs */
function percentiles(times) {
  const at = (/** @type {number} */ percentile) => format.duration(times.getValueAtPercentile(percentile))
  return `p50 ${at(50)} · p99 ${at(99)} · p99.9 ${at(99.9)} · max ${format.duration(times.maxValue)}`
}

/** @param {number[]} times ms */
function range(times) {
  if (times.length === 0) return ''
  const [middle, longest] = [times.length >> 1, times.length - 1].map((i) => [...times].sort((a, b) => a - b)[i])
  return `: median ${format.duration(middle * 1_000)}, longest ${format.duration(longest * 1_000)}`
}

/** @param {number[]} times ms */
function list(times) {
  if (times.length === 0) return ''
  return `: ${shorten(times.map((ms) => format.duration(ms * 1_000)))}`
}

/** @param {string[]} items */
function shorten(items) {
  return items.length <= 5 ? items.join(', ') : `${items.slice(0, 5).join(', ')}, …`
}

/**
 * @param {import('./terminal.js').Terminal} terminal
 * @param {Finding[]} found
 */
export function summaryLines(terminal, found) {
  const failed = found.filter(({ ok }) => !ok).length
  return [
    '',
    `  ${terminal.bold('Summary')}`,
    '',
    ...found.map(({ ok, label, text }) => `  ${ok ? ' ' : terminal.red('✘')} ${terminal.dim(label.padEnd(12))}${text}`),
    '',
    failed === 0 ? `  ${terminal.green('✔ everything adds up')}` : `  ${terminal.red(`✘ ${format.plural(failed, 'line')} above should not be so`)}`,
    '',
  ]
}
