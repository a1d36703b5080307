// @ts-check
/** What came of it, and whether it adds up. */

import * as format from './format.js'

/** @typedef {{ ok: boolean, label: string, text: string }} Finding */

/**
 * Compares what the client saw with what the exchange did.
 *
 * @param {import('./client.js').MarketClient} client
 * @param {import('./exchange.js').Totals} exchange
 * @param {number} seconds that the client ran
 * @returns {Finding[]}
 */
export function findings(client, exchange, seconds) {
  const { stats, gaps, repairs, reconnects, recoveries } = client
  const { latency } = stats
  const feeds = [...client.feeds.values()]
  const deltas = feeds.reduce((sum, { messages }) => sum + messages, 0)
  const lost = exchange.deltas - deltas
  const verified = feeds.filter(({ state }) => state === 'verified').length
  const at = (/** @type {number} */ percentile) => format.duration(latency.getValueAtPercentile(percentile))
  const list = (/** @type {number[]} */ times) => (times.length === 0 ? '' : `: ${shorten(times.map((ms) => format.duration(ms * 1_000)))}`)
  /** @type {(label: string, text: string, ok?: boolean) => Finding} */
  const find = (label, text, ok = true) => ({ ok, label, text })
  return [
    find('messages', `${format.count(stats.messages)} in ${seconds.toFixed(2)} s: ${format.count(stats.messages / seconds)} msg/s`),
    find('', `${format.count(lost)} more were on their way when the connection was cut`, exchange.drops === 0 ? lost === 0 : lost >= 0),
    find('bytes', `${format.size(stats.bytes)} of payload: ${(stats.bytes / seconds / 1e6).toFixed(2)} MB/s`),
    find('latency', `p50 ${at(50)} · p99 ${at(99)} · p99.9 ${at(99.9)} · max ${format.duration(latency.maxValue)}`),
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
