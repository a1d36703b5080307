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
  return [
    {
      ok: exchange.drops === 0 ? lost === 0 : lost >= 0,
      label: 'messages',
      text: `${format.count(stats.messages)} in ${seconds.toFixed(2)} s: ${format.count(stats.messages / seconds)} msg/s${
        lost === 0 ? '' : `; ${format.count(lost)} lost on the way, in the drops`
      }`,
    },
    { ok: true, label: 'bytes', text: `${format.size(stats.bytes)} of payload: ${(stats.bytes / seconds / 1e6).toFixed(2)} MB/s` },
    {
      ok: true,
      label: 'latency',
      text: `p50 ${at(50)} · p99 ${at(99)} · p99.9 ${at(99.9)} · max ${format.duration(latency.maxValue)}`,
    },
    {
      ok: reconnects.length === exchange.drops,
      label: 'reconnects',
      text: `${reconnects.length} after ${format.plural(exchange.drops, 'drop')}${list(reconnects)}`,
    },
    { ok: true, label: '', text: `books whole again${list(recoveries) || ': not needed'}` },
    {
      ok: gaps === exchange.gaps && repairs.length === gaps,
      label: 'gaps',
      text: `${exchange.gaps} made, ${gaps} detected, ${repairs.length} repaired${list(repairs)}`,
    },
    { ok: verified === feeds.length, label: 'books', text: `${verified} of ${feeds.length} equal to the exchange's (sequence and checksum)` },
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
