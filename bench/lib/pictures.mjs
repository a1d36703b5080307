// @ts-check
// Which figures of a run are drawn, and how: from the reports of the benchmarks to charts.

import { PERCENTILES } from './times.mjs'

/**
 * @typedef {import('./chart.d.mts').Chart} Chart
 * @typedef {import('./chart.d.mts').Series} Series
 * @typedef {Record<string, any[]>} Reports by runtime, one for each benchmark
 */

/** @param {number} value */
const short = (value) => (value >= 1e6 ? `${value / 1e6} M` : value >= 1e3 ? `${value / 1e3} k` : String(Number(value.toPrecision(3))))
/** @param {number} bytes */
const size = (bytes) => (bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`)

/** Payloads of 32 B to 1 MiB, by their logarithm. @type {import('./chart.d.mts').Axis} */
const PAYLOAD = { name: 'payload of a message', type: 'value', min: 5, max: 20, interval: 5, label: (exponent) => size(2 ** exponent) }

/**
 * All charts that can be drawn from what was measured.
 *
 * @param {Reports} reports
 * @param {any} codec what bench/codec wrote, or null
 * @returns {Chart[]}
 */
export function pictures(reports, codec) {
  const charts = [
    flood(reports),
    curves(reports, {
      bench: 'echo',
      name: 'echo',
      title: 'Echo round trip of 40 B, both ends on one core',
      entrants: { nexus: 'WsStream', raw: 'raw TCP', ws: 'ws', own: "the runtime's own WebSocket" },
    }),
    curves(reports, {
      bench: 'roundtrip',
      name: 'order-round-trip',
      title: 'Order (POST) and its answer, one connection, both ends on one core',
      entrants: {
        nexus: 'HttpConnection',
        raw: 'raw TCP',
        request: 'undici request',
        dispatch: 'undici dispatch',
        http: 'node:http',
        fetch: "the runtime's fetch",
      },
    }),
    pool(reports),
    throughput(codec),
    instructions(codec),
  ]
  return charts.filter((chart) => chart !== null)
}

/**
 * The runtimes that have a benchmark, with the case that is looked for.
 *
 * @param {Reports} reports
 * @param {string} bench
 */
function measured(reports, bench) {
  return Object.entries(reports).flatMap(([runtime, list]) => {
    const report = list.find((one) => one.bench === bench)
    return report === undefined ? [] : [{ runtime, report }]
  })
}

/** @param {{ runtime: string, report: any }[]} found */
function where(found) {
  const { cpu, cores, platform, date } = found[0].report
  // Rounds have one length on all runtimes, or each group of runtimes says its own.
  const lengthOf = (/** @type {any} */ report) => `${report.rounds} × ${report.seconds} s`
  const lengths = [...new Set(found.map(({ report }) => lengthOf(report)))]
  const namesOf = (/** @type {string} */ each) => found.flatMap(({ runtime, report }) => (lengthOf(report) === each ? [runtime] : [])).join(', ')
  const length = lengths.map((each) => (lengths.length === 1 ? each : `${each} (${namesOf(each)})`)).join(', ')
  const versions = found.map(({ runtime, report }) => `${runtime} ${report.version}`).join(', ')
  return `${cpu}, ${cores} cores, ${platform} · ${versions} · ${date} · median of ${length}`
}

/** @param {any} report @param {string} id @param {string} contender */
const entrant = (report, id, contender) =>
  report.cases.find((/** @type {any} */ c) => c.id === id)?.contenders.find((/** @type {any} */ one) => one.id === contender && one.failure === '')

/** @param {Reports} reports @returns {Chart | null} */
function flood(reports) {
  const found = measured(reports, 'flood')
  if (found.length === 0) return null
  const cases = { 'tcp-binary40': '40 B', 'tcp-text77': '77 B, text', 'tcp-binary128': '128 B', 'tcp-binary512': '512 B' }
  const entrants = { nexus: 'WsStream', raw: 'raw TCP, looking at nothing', ws: 'ws' }
  return {
    name: 'flood',
    title: 'Messages received over TCP, by size',
    subtitle: where(found),
    alt: 'How many messages a second WsStream, a raw socket and ws receive, on each runtime.',
    x: { name: 'message', type: 'category', categories: Object.values(cases) },
    y: { name: 'million messages a second', type: 'value' },
    panels: found.map(({ runtime, report }) => ({
      title: `${runtime} ${report.version}`,
      series: Object.entries(entrants).map(([id, name], colour) => ({
        name,
        colour,
        type: 'bar',
        data: Object.keys(cases).map((c) => entrant(report, c, id)?.metrics.rate.median ?? null),
      })),
    })),
  }
}

/**
 * Percentile curves.
 *
 * @param {Reports} reports
 * @param {{ bench: string, name: string, title: string, entrants: Record<string, string> }} what
 * @returns {Chart | null}
 */
function curves(reports, { bench, name, title, entrants }) {
  const found = measured(reports, bench)
  if (found.length === 0) return null
  return {
    name,
    title,
    subtitle: where(found),
    alt: `Latency by percentile of ${Object.values(entrants).join(', ')}, on each runtime.`,
    // Each step to the right is ten times as rare.
    x: { name: 'percentile', type: 'value', min: 0, max: 4, interval: 1, label: (value) => String(100 - 100 / 10 ** value) },
    y: { name: 'µs', type: 'log', label: short },
    panels: found.map(({ runtime, report }) => ({
      title: `${runtime} ${report.version}`,
      series: Object.entries(entrants).flatMap(([id, label], colour) => {
        const curve = entrant(report, 'one-core', id)?.curve
        if (curve === undefined) return []
        const data = PERCENTILES.map((percent, i) => /** @type {const} */ ([Math.log10(100 / (100 - percent)), curve[i]]))
        return [{ name: label, colour, type: 'line', dashed: id === 'raw', data }]
      }),
    })),
  }
}

/** @param {Reports} reports @returns {Chart | null} */
function pool(reports) {
  const found = measured(reports, 'pool')
  if (found.length === 0) return null
  const entrants = {
    nexus: 'ClientPool, tryAcquire',
    raw: 'raw TCP',
    request: 'undici Pool, request',
    convenience: 'ClientPool, pool.request',
    dispatch: 'undici Pool, dispatch',
    http: 'node:http',
    fetch: "the runtime's fetch",
  }
  const cases = { tcp: 'TCP', tls: 'TLS' }
  return {
    name: 'pool',
    title: 'Orders over 8 connections, 8 under way',
    subtitle: where(found),
    alt: 'Requests a second of each client, on each runtime, over TCP and TLS.',
    x: { name: 'transport', type: 'category', categories: Object.values(cases) },
    y: { name: 'requests a second', type: 'value', label: short },
    panels: found.map(({ runtime, report }) => ({
      title: `${runtime} ${report.version}`,
      series: Object.entries(entrants).map(([id, name], colour) => ({
        name,
        colour,
        type: 'bar',
        data: Object.keys(cases).map((c) => entrant(report, c, id)?.metrics.rate.median ?? null),
      })),
    })),
  }
}

/**
 * What the codec does by size: rows of one kind, in order of their size.
 *
 * @param {any} codec
 * @param {RegExp} id
 */
function bySize(codec, id) {
  return codec.workloads
    .filter((/** @type {any} */ row) => id.test(row.id))
    .map((/** @type {any} */ row) => ({ ...row, payload: payloadOf(row.id) }))
    .filter((/** @type {any} */ row) => row.payload > 0)
    .sort((/** @type {any} */ a, /** @type {any} */ b) => a.payload - b.payload)
}

/** @param {string} id a workload's, such as `frames-in/client/4-KiB/reads-of-16-KiB` */
function payloadOf(id) {
  const [, count, unit] = id.match(/\/(\d+)-(B|KiB|MiB)(\/|$)/) ?? []
  return Number(count ?? 0) * { B: 1, KiB: 1024, MiB: 2 ** 20 }[unit ?? 'B']
}

const KINDS = {
  'frames read, client': /^frames-in\/client\/.*\/reads-of-16-KiB$/,
  'frames read, server (masked)': /^frames-in\/server\/.*\/reads-of-16-KiB$/,
  'frames written, client (masked)': /^frames-out\/client\/\d/,
}

/** @param {any} codec */
function codecWhere({ cpu, cores, platform, runtimes, date, rounds, seconds }) {
  const versions = Object.entries(runtimes).map(([name, version]) => `${name} ${version}`)
  return `${cpu}, ${cores} cores, ${platform} · ${versions.join(', ')} · ${date} · medians of ${rounds} rounds of ${seconds} s`
}

/** @param {any} codec @returns {Chart | null} */
function throughput(codec) {
  if (codec === null) return null
  return {
    name: 'codec-throughput',
    title: 'The codec alone: bytes a second by size of the message',
    subtitle: codecWhere(codec),
    alt: 'Throughput of the same WebAssembly on each runtime, rising with the size of the message.',
    x: PAYLOAD,
    y: { name: 'GB/s', type: 'log', label: short },
    panels: Object.entries(KINDS).map(([title, id]) => ({
      title,
      series: Object.keys(codec.runtimes).map((runtime, colour) => ({
        name: runtime,
        // Not the colours of clients.
        colour: [0, 2, 3, 4][colour] ?? colour,
        type: 'line',
        data: bySize(codec, id).map((/** @type {any} */ row) => [Math.log2(row.payload), row.times[runtime].gigabytes]),
      })),
    })),
  }
}

/** @param {any} codec @returns {Chart | null} */
function instructions(codec) {
  if (codec === null) return null
  const { bytes, sha256 } = codec.codec
  const kinds = { ...KINDS, 'frames written, server': /^frames-out\/server\/\d/ }
  return {
    name: 'codec-instructions',
    title: 'The codec alone: WebAssembly instructions a message, exact',
    subtitle: `codec.wasm of ${bytes} bytes, SHA-256 ${sha256.slice(0, 16)}… · the same on every machine and every runtime · reads of 16 KiB`,
    alt: 'How many WebAssembly instructions a message of each size takes, and how many a byte.',
    x: PAYLOAD,
    y: { name: 'instructions', type: 'log', isPerPanel: true, label: short },
    panels: [
      { title: 'a message', of: (/** @type {any} */ row) => row.instructions / row.messages },
      { title: 'a byte', of: (/** @type {any} */ row) => row.instructions / row.bytes },
    ].map(({ title, of }) => ({
      title,
      series: Object.entries(kinds).map(([name, id], i) => ({
        name,
        colour: [0, 2, 3, 4][i] ?? i,
        type: 'line',
        data: bySize(codec, id).map((/** @type {any} */ row) => [Math.log2(row.payload), of(row)]),
      })),
    })),
  }
}
