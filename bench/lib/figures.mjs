// @ts-check
// The tables of docs/performance.md, out of what the benchmarks found: so that no figure there is older than the report.

/** @typedef {{ reports: Record<string, any[]>, codec: any }} Results */
/** A row of a table by runtime: where its figure is, and how it is written. @typedef {[title: string, bench: string, test: string, contender: string, metric: string, write: (metric: any) => string]} Row */

const COLUMNS = /** @type {const} */ ([
  ['Node', 'node'],
  ['Deno', 'deno'],
  ['Bun', 'bun'],
])

/** With commas. @param {number} value @param {number} count of digits */
function digits(value, count) {
  return Number(value.toPrecision(count)).toLocaleString('en-US', { maximumFractionDigits: 3 })
}
/** Two digits: what the rounds spread by is more than the third. @param {string} unit */
const plain = (unit) => (/** @type {any} */ metric) => `${digits(metric.median, 2)}${unit}`
/** @param {string} baseline */
const ratio = (baseline) => (/** @type {any} */ metric) => `${digits(metric.ratios[baseline].median, 3)} ×`

const M = plain(' M/s')
const US = plain(' µs')
const NS = plain(' ns')
const BARE = plain('')

/** @type {Record<string, Row[]>} */
const TABLES = {
  receiving: [
    ['in memory, 40 B, `next()`, looked at', 'parse', 'binary40', 'next', 'rate', M],
    ['in memory, 77 B text, as strings', 'parse', 'text77', 'next', 'rate', M],
    ['TCP, 40 B', 'flood', 'tcp-binary40', 'nexus', 'rate', M],
    ['… reading the same bytes without looking', 'flood', 'tcp-binary40', 'raw', 'rate', M],
    ['… the `ws` package', 'flood', 'tcp-binary40', 'ws', 'rate', M],
    ['TCP, 512 B', 'flood', 'tcp-binary512', 'nexus', 'rate', M],
    ['TCP, 77 B text, as strings', 'flood', 'tcp-text77', 'nexus', 'rate', M],
    ['TLS, 40 B', 'flood', 'tls-binary40', 'nexus', 'rate', M],
    ['… reading without looking', 'flood', 'tls-binary40', 'raw', 'rate', M],
    ['TLS, 77 B text, as strings', 'flood', 'tls-text77', 'nexus', 'rate', M],
  ],
  sending: [
    ['40 B, masked, several a tick', 'send', 'binary40', 'nexus', 'rate', M],
    ['… the `ws` package', 'send', 'binary40', 'ws', 'rate', M],
    ['echo round trip, 40 B, p50', 'echo', 'one-core', 'nexus', 'p50', US],
    ['… raw TCP', 'echo', 'one-core', 'raw', 'p50', US],
  ],
  requests: [
    ['order round trip, p50: `HttpConnection`', 'roundtrip', 'one-core', 'nexus', 'p50', US],
    ['… raw TCP with the same bytes', 'roundtrip', 'one-core', 'raw', 'p50', US],
    ['… undici `request`', 'roundtrip', 'one-core', 'request', 'p50', US],
    ['… over TLS', 'roundtrip', 'tls', 'nexus', 'p50', US],
    ['orders/s over 8 connections: `acquire`', 'pool', 'tcp', 'acquire', 'rate', BARE],
    ['… `pool.request`', 'pool', 'tcp', 'convenience', 'rate', BARE],
    ['… undici `request`', 'pool', 'tcp', 'request', 'rate', BARE],
    ['CPU for a request there: `acquire`', 'pool', 'tcp', 'acquire', 'cpu', US],
    ['… `pool.request`', 'pool', 'tcp', 'convenience', 'cpu', US],
    ['`tryAcquire` and `release`', 'acquire', 'idle', 'nexus', 'cost', NS],
    ['`await acquire` and `release`', 'acquire', 'idle', 'acquire', 'cost', NS],
  ],
  options: [
    ['a `timeout`', 'roundtrip', 'options', 'timeout', 'p50', ratio('plain')],
    ['a `timeout` and a `signal`', 'roundtrip', 'options', 'signal', 'p50', ratio('plain')],
    ['a pool', 'roundtrip', 'options', 'pool', 'p50', ratio('plain')],
    ['a pool, a `timeout` and an observer', 'roundtrip', 'options', 'observed', 'p50', ratio('plain')],
  ],
  allocation: [
    ['a message in a TCP flood, 40 B', 'alloc', 'tcp', 'nexus', 'perMessage', BARE],
    ['… the raw read alone', 'alloc', 'tcp', 'raw', 'perMessage', BARE],
    ['… the `ws` package', 'alloc', 'tcp', 'ws', 'perMessage', BARE],
    ['a request: built and its answer read, in memory', 'memory', 'memory', 'codec', 'each', BARE],
    ['… by `HttpConnection`', 'memory', 'tcp', 'nexus', 'each', BARE],
    ['… by `pool.request`', 'memory', 'tcp', 'convenience', 'each', BARE],
    ['… the raw round trip alone', 'memory', 'tcp', 'raw', 'each', BARE],
    ['… undici `request`', 'memory', 'tcp', 'request', 'each', BARE],
  ],
}

/** Rows of the table of instructions. */
const INSTRUCTIONS = [
  ['a message of 40 B, from a server', 'frames-in/client/40-B/reads-of-16-KiB'],
  ['… masked, from a client', 'frames-in/server/40-B/reads-of-16-KiB'],
  ['a message of 512 B, from a server', 'frames-in/client/512-B/reads-of-16-KiB'],
  ['a text of 77 B, ASCII', 'text-in/ascii/77-B/reads-of-16-KiB'],
  ['… of mixed scripts', 'text-in/mixed/77-B/reads-of-16-KiB'],
  ['a message of 40 B to be sent, masked', 'frames-out/client/40-B'],
  ['a GET with 4 fields', 'requests-out/GET/2-fields-and-2-default-fields'],
  ['a response of 12 fields', 'responses-in/12-fields/35-B/reads-of-16-KiB'],
]

/** @param {Results} results @param {Row} row @param {string} runtime */
function cell({ reports }, [title, bench, test, contender, metric, write], runtime) {
  const report = reports[runtime]?.find((one) => one.bench === bench)
  if (report === undefined) return 'not measured'
  const entrant = report.cases.find((/** @type {any} */ one) => one.id === test)?.contenders.find((/** @type {any} */ one) => one.id === contender)
  const found = entrant?.metrics[metric]
  if (found === undefined) throw new Error(`${runtime}: the report has no ${metric} of ${contender} in ${bench}, ${test} (${title})`)
  return write(found)
}

/** A table's lines, its head included. @param {string} name @param {Results} results */
function table(name, results) {
  if (name === 'machine') return machine(results)
  if (name === 'instructions') {
    const byId = new Map(results.codec.workloads.map((/** @type {any} */ workload) => [workload.id, workload]))
    const rows = INSTRUCTIONS.map(([title, id]) => {
      const { instructions, messages } = byId.get(id)
      return `| ${title} | ${digits(instructions / messages, 3)} |`
    })
    return ['| | instructions |', '|---|--:|', ...rows]
  }
  const rows = TABLES[name]
  if (rows === undefined) throw new Error(`there is no table of figures called ${name}`)
  return [
    `| | ${COLUMNS.map(([title]) => title).join(' | ')} |`,
    `|---|${'--:|'.repeat(COLUMNS.length)}`,
    ...rows.map((row) => `| ${row[0]} | ${COLUMNS.map(([, runtime]) => cell(results, row, runtime)).join(' | ')} |`),
  ]
}

/** Where and when, in a sentence. @param {Results} results */
function machine({ reports }) {
  const all = Object.values(reports).flat()
  const [{ cpu, cores }] = all
  const days = [...new Set(all.map(({ date }) => date))].sort()
  const versions = Object.values(reports).map(([{ runtime, version }]) => `${runtime} ${version}`)
  return [`${cores} cores of an ${cpu}, ${days.join(' to ')}, ${versions.join(', ')}; command \`npm run bench\`.`]
}

/**
 * The page with all of its tables renewed: each stands between `<!-- figures: name -->` and `<!-- end of figures -->`.
 *
 * @param {string} page @param {Results} results
 */
export function renewFigures(page, results) {
  return page.replace(
    /(<!-- figures: (\w+) -->\n)[\s\S]*?(<!-- end of figures -->)/g,
    (_, begin, name, end) => `${begin}\n${table(name, results).join('\n')}\n\n${end}`,
  )
}
