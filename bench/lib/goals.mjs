// @ts-check
// What the benchmarks are to show: ratios within one run, on every runtime.

/**
 * @typedef {object} Goal
 * @property {string} bench
 * @property {string} case
 * @property {string} contender
 * @property {string} metric
 * @property {string} against baseline, or '' for the value itself
 * @property {number} [atLeast]
 * @property {number} [atMost]
 * @property {boolean} [difference] from the baseline, instead of the ratio to it
 * @property {string} [on] the one runtime that it is for
 * @property {string} text
 */

/** @type {Goal[]} */
export const goals = [
  goal('parse', 'binary40', 'next', 'rate', 'ws', { atLeast: 12 }, 'in memory, 40 B, next()'),
  goal('parse', 'binary40', 'batch', 'rate', 'ws', { atLeast: 30 }, 'in memory, 40 B, batch()'),
  goal('flood', 'tcp-binary40', 'nexus', 'rate', 'ws', { atLeast: 20 }, 'TCP flood, 40 B'),
  goal('flood', 'tcp-binary40', 'nexus', 'rate', 'raw', { atLeast: 0.6 }, 'TCP flood, 40 B'),
  goal('flood', 'tcp-binary128', 'nexus', 'rate', 'raw', { atLeast: 0.8 }, 'TCP flood, 128 B'),
  goal('flood', 'tcp-binary512', 'nexus', 'rate', 'raw', { atLeast: 0.9 }, 'TCP flood, 512 B'),
  goal('flood', 'tcp-text77', 'nexus', 'rate', 'ws', { atLeast: 4 }, 'TCP flood, 77 B text as strings'),
  goal('flood', 'tls-binary40', 'nexus', 'rate', 'raw', { atLeast: 0.85 }, 'TLS flood, 40 B'),
  goal('flood', 'tls-binary40', 'nexus', 'rate', 'ws', { atLeast: 8 }, 'TLS flood, 40 B'),
  ...[
    ['tcp-binary40', '40 B', 2.2],
    ['tcp-binary512', '512 B', 1.5],
    ['tcp-text77', '77 B text as strings', 2.2],
  ].flatMap(([id, title, least]) => [
    ...on(['node'], goal('flood', id, 'forAwait', 'rate', 'ws', { atLeast: least }, `TCP flood, ${title}, for await`)),
    ...on(['deno', 'bun'], goal('flood', id, 'forAwait', 'rate', 'ws', { atLeast: 1.5 }, `TCP flood, ${title}, for await`)),
    ...on(['node'], goal('flood', id, 'recv', 'rate', 'ws', { atLeast: 1.5 }, `TCP flood, ${title}, recv()`)),
  ]),
  ...on(['node'], goal('flood', 'tcp-binary40', 'forEach', 'rate', 'ws', { atLeast: 7 }, 'TCP flood, 40 B, forEach')),
  ...on(['node'], goal('flood', 'tcp-text77', 'forEach', 'rate', 'ws', { atLeast: 5 }, 'TCP flood, 77 B text as strings, forEach')),
  ...['tcp', 'tls'].flatMap((way) => [
    ...on(['node', 'deno'], goal('flood', `${way}-binary40`, 'batch', 'rate', 'raw', { atLeast: 0.85 }, `${way.toUpperCase()} flood, 40 B, batch()`)),
    ...on(['bun'], goal('flood', `${way}-binary40`, 'batch', 'rate', 'raw', { atLeast: 0.6 }, `${way.toUpperCase()} flood, 40 B, batch()`)),
  ]),
  ...on(['node'], goal('flood', 'tcp-binary40', 'batch', 'rate', 'ws', { atLeast: 20 }, 'TCP flood, 40 B, batch()')),
  ...on(['node', 'deno'], goal('parse', 'text77', 'next', 'rate', 'ws', { atLeast: 8 }, '/codec in memory, 77 B text as strings')),
  ...on(['bun'], goal('parse', 'text77', 'next', 'rate', 'ws', { atLeast: 3 }, '/codec in memory, 77 B text as strings')),
  goal('send', 'binary40', 'nexus', 'rate', 'ws', { atLeast: 8 }, 'send flood, 40 B masked'),
  {
    ...goal('deflate', 'trade', 'nexus', 'cpu', 'ws', { atMost: 1 / 80 }, 'compressed trades as strings, CPU a message (80 times less)'),
    on: 'node',
  },
  { ...goal('deflate', 'depth', 'nexus', 'cpu', 'ws', { atMost: 1 / 14 }, 'compressed depth as strings, CPU a message (14 times less)'), on: 'node' },
  {
    ...goal('deflate', 'snapshot', 'nexus', 'cpu', 'ws', { atMost: 1 / 5.5 }, 'compressed snapshots as strings, CPU a message (5.5 times less)'),
    on: 'node',
  },
  ...['trade', 'depth', 'snapshot'].map((id) => ({
    ...goal('deflate', id, 'nexus', 'cpu', 'own', { atMost: 1 }, `compressed messages as strings (${id}), CPU a message`),
    on: 'bun',
  })),
  goal('deflate', 'trickle', 'nexus', 'cpu', 'plain', { atMost: 1.3 }, 'a compressed trickle of trades, CPU a message'),
  goal('send-deflate', '4KiB', 'nexus', 'rate', 'ws', { atLeast: 3 }, 'send flood of compressed JSON, 4 KiB'),
  goal('echo', 'one-core', 'nexus', 'p50', 'raw', { atMost: 1.15 }, 'echo on one core, p50'),
  goal('echo', 'one-core', 'nexus', 'p99', 'ws', { atMost: 1 }, 'echo on one core, p99'),
  ...on(['deno'], goal('echo', 'one-core', 'nexus', 'p50', 'ws', { atMost: 1 }, 'echo on one core, p50')),
  goal('connections', 'open', 'nexus', 'tcp', 'ws', { atMost: 1 }, '2,000 connections, time to open one, TCP'),
  goal('connections', 'open', 'nexus', 'tls', 'ws', { atMost: 1 }, '2,000 connections, time to open one, TLS'),
  goal('connections', 'hold', 'nexus', 'idle', 'ws', { atMost: 1 }, 'memory of an idle connection'),
  goal('connections', 'hold', 'nexus', 'echoed', 'ws', { atMost: 1 }, 'memory of a connection after a 64 KiB echo'),
  goal('connections', 'live', 'nexus', 'open', 'ws', { atMost: 1 }, '10,000 connections, time to open them'),
  goal('connections', 'live', 'nexus', 'rss', 'ws', { atMost: 1 }, '10,000 connections with a message a second, memory'),
  goal('connections', 'live', 'nexus', 'growth', '', { atMost: 1.05 }, '10,000 connections with a message a second, memory at the end ÷ at first'),
  goal('connections', 'live', 'nexus', 'lag', 'ws', { atMost: 1 }, "10,000 connections with a message a second, p99 of the loop's lag"),
  { ...goal('first-frame', 'tcp', 'nexus', 'total', '', { atMost: 5 }, 'import to first frame, ms'), on: 'node' },
  goal('alloc', 'memory', 'nexus', 'perMessage', '', { atMost: 0.05 }, 'allocation in memory, bytes a message'),
  {
    ...goal('alloc', 'tcp', 'nexus', 'perMessage', 'raw', { atMost: 0.5 }, 'allocation in a TCP flood beyond the raw read, bytes a message'),
    difference: true,
  },
  ...['forEach', 'batch'].map((id) => ({
    ...goal('alloc', 'tcp', id, 'perMessage', 'raw', { atMost: 0.5 }, `allocation in a TCP flood by ${id} beyond the raw read, bytes a message`),
    difference: true,
  })),
  goal('roundtrip', 'one-core', 'nexus', 'p50', 'raw', { atMost: 1.25 }, 'REST round trip on one core, p50'),
  goal('roundtrip', 'two-cores', 'nexus', 'rate', 'request', { atLeast: 2 }, 'REST on one connection, requests/s'),
  goal('roundtrip', 'two-cores', 'nexus', 'rate', 'dispatch', { atLeast: 1.2 }, 'REST on one connection, requests/s'),
  goal('roundtrip', 'options', 'timeout', 'p50', 'plain', { atMost: 1.05 }, 'REST round trip with a timeout, p50'),
  goal('roundtrip', 'options', 'observed', 'p50', 'plain', { atMost: 1.1 }, 'REST round trip by a pool with timeout and observer, p50'),
  goal('pool', 'tcp', 'nexus', 'rate', 'request', { atLeast: 2.5 }, 'REST on 8 connections, requests/s'),
  goal('pool', 'tcp', 'nexus', 'rate', 'dispatch', { atLeast: 1.5 }, 'REST on 8 connections, requests/s'),
  { ...goal('pool', 'tcp', 'nexus', 'rate', 'fetch', { atLeast: 10 }, 'REST on 8 connections, requests/s'), on: 'node' },
  { ...goal('pool', 'tcp', 'nexus', 'rate', 'fetch', { atLeast: 1.3 }, 'REST on 8 connections, requests/s'), on: 'bun' },
  goal('pool', 'tcp', 'convenience', 'cpu', 'nexus', { atMost: 1.25 }, 'pool.request on 8 connections, CPU a request'),
  { ...goal('pool', 'tcp', 'fetched', 'rate', 'fetch', { atLeast: 3 }, 'pool.fetch on 8 connections, requests/s'), on: 'node' },
  { ...goal('pool', 'tcp', 'fetched', 'rate', 'fetch', { atLeast: 2 }, 'pool.fetch on 8 connections, requests/s'), on: 'deno' },
  { ...goal('pool', 'tcp', 'fetched', 'rate', 'fetch', { atLeast: 1.3 }, 'pool.fetch on 8 connections, requests/s'), on: 'bun' },
  { ...goal('pool', 'tcp', 'fetched', 'rate', 'request', { atLeast: 1.2 }, 'pool.fetch on 8 connections, requests/s'), on: 'node' },
  { ...goal('roundtrip', 'one-core', 'fetched', 'p50', 'convenience', { atMost: 1.3 }, 'pool.fetch, round trip on one core, p50'), on: 'node' },
  goal('acquire', 'idle', 'nexus', 'cost', '', { atMost: 20 }, 'pool acquire and release, ns'),
  goal('handover', 'owner', 'atomic', 'cost', '', { atMost: 60 }, 'atomic pool acquire and release, ns'),
  goal('threads', 'one', 'send', 'p50', 'owner', { atMost: 1.4 }, 'REST round trip of a worker, p50'),
  goal('threads', 'one', 'sendSync', 'p50', 'owner', { atMost: 1.4 }, 'REST round trip of a worker that blocks, p50'),
  goal('threads', 'four', 'send', 'rate', 'request', { atLeast: 1.5 }, 'REST of 4 workers on 8 connections, requests/s'),
]

/**
 * @param {string} bench
 * @param {string} id
 * @param {string} contender
 * @param {string} metric
 * @param {string} against
 * @param {{ atLeast?: number, atMost?: number }} limit
 * @param {string} text
 * @returns {Goal}
 */
function goal(bench, id, contender, metric, against, limit, text) {
  return { bench, case: id, contender, metric, against, ...limit, text }
}

/**
 * The goal, for some of the runtimes.
 *
 * @param {readonly string[]} runtimes
 * @param {Goal} aim
 * @returns {Goal[]}
 */
function on(runtimes, aim) {
  return runtimes.map((runtime) => ({ ...aim, on: runtime }))
}

/**
 * What a report says of a goal; null when it says nothing.
 *
 * @param {Goal} aim
 * @param {readonly any[]} reports
 */
export function judge(aim, reports) {
  const report = reports.find(({ bench, runtime }) => bench === aim.bench && (aim.on === undefined || aim.on === runtime))
  const result = report?.cases.find((/** @type {any} */ c) => c.id === aim.case)
  const contender = result?.contenders.find((/** @type {any} */ entrant) => entrant.id === aim.contender)
  const metric = contender?.metrics[aim.metric]
  if (metric === undefined) return null
  const other = result.contenders.find((/** @type {any} */ entrant) => entrant.id === aim.against)?.metrics[aim.metric]
  if (aim.difference && other === undefined) return null
  const found = aim.difference ? { median: metric.median - other.median } : aim.against === '' ? metric : metric.ratios[aim.against]
  if (found === undefined) return null
  const value = found.median
  const met = aim.atLeast !== undefined ? value >= aim.atLeast : value <= /** @type {number} */ (aim.atMost)
  return { value, met }
}
