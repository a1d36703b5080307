// @ts-check
// The tables of options in the guides: names, ranges and defaults from the rules that judge the options, descriptions from their docstrings.
// A docstring that gives another default than its rule is an error.

import { Buffer } from 'node:buffer'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** @import { Public } from './api-surface.mjs' */

const root = fileURLToPath(new URL('../', import.meta.url))

/** Where the families stand. */
const MODULES = {
  'src/ws/options.ts': ['ACCEPT_OPTIONS', 'CONNECT_OPTIONS', 'DEFLATE_OPTIONS', 'HEARTBEAT_OPTIONS', 'STREAM_OPTIONS'],
  'src/ws/sessions.ts': ['SESSION_OPTIONS'],
  'src/rest/options.ts': ['ACQUIRE_OPTIONS', 'HTTP_OPTIONS', 'KEEP_WARM_OPTIONS', 'POOL_OPTIONS', 'REQUEST_OPTIONS', 'SEND_OPTIONS'],
  'src/rest/shared/atomic-pool.ts': ['ATOMIC_POOL_OPTIONS'],
  'src/backoff.ts': ['BACKOFF_OPTIONS'],
  'src/codec/http/request-writer.ts': ['REQUEST_WRITER_OPTIONS'],
}

/**
 * @typedef {object} Table
 * @property {string} family whose options it has
 * @property {string} [without] whose options it leaves out, as another table has them
 * @property {string[]} interfaces whose docstrings describe them
 * @property {Record<string, { family: string, of: string }>} [inner] options that are families themselves, and get their rows below
 */

const WEBSOCKET = ['ConnectOptions', 'StreamOptions', 'DialOptions']
const CONNECTION = ['HttpOptions', 'ResponseReaderOptions', 'DialOptions']
const STREAM = {
  heartbeat: { family: 'HEARTBEAT_OPTIONS', of: 'HeartbeatOptions' },
  perMessageDeflate: { family: 'DEFLATE_OPTIONS', of: 'DeflateOptions' },
}
const BACKOFF = { backoff: { family: 'BACKOFF_OPTIONS', of: 'BackoffOptions' } }
const KEEP_WARM = { keepWarm: { family: 'KEEP_WARM_OPTIONS', of: 'KeepWarmOptions' } }

/** By the name in their marker, `<!-- options: connect -->`. @type {Record<string, Table>} */
const TABLES = {
  connect: { family: 'CONNECT_OPTIONS', interfaces: WEBSOCKET, inner: STREAM },
  accept: { family: 'ACCEPT_OPTIONS', without: 'STREAM_OPTIONS', interfaces: ['AcceptOptions'] },
  sessions: { family: 'SESSION_OPTIONS', without: 'CONNECT_OPTIONS', interfaces: ['SessionOptions'], inner: BACKOFF },
  connection: { family: 'HTTP_OPTIONS', interfaces: CONNECTION },
  pool: { family: 'POOL_OPTIONS', without: 'HTTP_OPTIONS', interfaces: ['ClientPoolOptions'], inner: KEEP_WARM },
  send: { family: 'SEND_OPTIONS', interfaces: ['SendOptions'] },
  request: { family: 'REQUEST_OPTIONS', without: 'SEND_OPTIONS', interfaces: ['PoolRequestOptions'] },
  acquire: { family: 'ACQUIRE_OPTIONS', interfaces: ['AcquireOptions'] },
  writer: { family: 'REQUEST_WRITER_OPTIONS', interfaces: ['RequestWriterOptions'] },
  atomic: { family: 'ATOMIC_POOL_OPTIONS', without: 'POOL_OPTIONS', interfaces: ['AtomicClientPoolOptions'] },
}

/** Tables whose rows are written by hand, and which get their columns Default and Range from here: `<!-- ranges: websocket -->`. @type {Record<string, Table>} */
const RANGES = {
  websocket: { family: 'SESSION_OPTIONS', interfaces: ['SessionOptions', ...WEBSOCKET], inner: { ...STREAM, ...BACKOFF } },
  http: { family: 'POOL_OPTIONS', interfaces: ['ClientPoolOptions', ...CONNECTION], inner: KEEP_WARM },
}

/** Where a guide says more than a docstring. @type {Record<string, string>} */
const MORE = {
  tls: '[TLS](tls-and-proxies.md#tls)',
  proxy: '[Proxies](tls-and-proxies.md#proxies)',
  socketPath: '[Unix domain sockets](tls-and-proxies.md#unix-domain-sockets)',
  bufferCapacity: '[Tuning](tuning.md)',
  maxReadSize: '[Tuning](tuning.md#what-happens-on-a-receive)',
  compactAt: '[Tuning](tuning.md#what-happens-on-a-receive)',
  lazy: '[Before the server is up](rest.md#before-the-server-is-up)',
  requireVerifiedEnd: '[Is the body whole?](rest.md#is-the-body-whole)',
  decompress: '[Compressed responses](rest.md#compressed-responses)',
  retryUnsent: '[How far a request got](rest.md#how-far-a-request-got)',
  keepAliveMargin: '[Upkeep](rest.md#upkeep)',
  keepWarm: '[Upkeep](rest.md#upkeep)',
  leakTimeout: '[Upkeep](rest.md#upkeep)',
  observer: '[Watching](rest.md#watching)',
  spareBlocks: '[What a worker is trusted with](threads.md#what-a-worker-is-trusted-with)',
  spin: '[Waking](threads.md#waking)',
}

/** @typedef {{ expects: string, fallback?: unknown }} Rule */
/** @typedef {{ name: string, range: string, fallback: string, text: string }} Row */

/** The guides with every table renewed. @param {readonly Public[]} surface @param {ReadonlyMap<string, string>} guides by file name @returns {Promise<Map<string, string>>} */
export async function renewTables(surface, guides) {
  const families = await readFamilies()
  const used = new Set()
  /** @param {RegExp} markers @param {Record<string, Table>} tables @param {(table: Table, before: string) => string} make @param {string} text */
  const renew = (markers, tables, make, text) =>
    text.replace(markers, (_, open, name, before, close) => {
      const table = tables[name]
      if (table === undefined) throw new Error(`there is no table of options called ${name}`)
      used.add(name)
      return `${open}\n${make(table, before)}\n${close}`
    })
  const renewed = new Map()
  for (const [file, text] of guides) {
    const made = renew(
      /(<!-- options: (\w+) -->\n)([\s\S]*?)(<!-- end of options -->)/g,
      TABLES,
      (table) => tableOf(rowsOf(table, families, surface), file),
      text,
    )
    renewed.set(
      file,
      renew(
        /(<!-- ranges: (\w+) -->\n)([\s\S]*?)(<!-- end of ranges -->)/g,
        RANGES,
        (table, before) => withRanges(before, rowsOf(table, families, surface)),
        made,
      ),
    )
  }
  for (const name of [...Object.keys(TABLES), ...Object.keys(RANGES)])
    if (!used.has(name)) throw new Error(`no guide has the table of options ${name}`)
  return renewed
}

/** The rules themselves, by the names of their families. @returns {Promise<Record<string, Record<string, Rule>>>} */
async function readFamilies() {
  const contents = Object.entries(MODULES)
    .map(([file, names]) => `export { ${names.join(', ')} } from './${file}'`)
    .join('\n')
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    ...{ bundle: true, write: false, format: 'esm', platform: 'node', target: 'node20', logLevel: 'error' },
  })
  return import(`data:text/javascript;base64,${Buffer.from(/** @type {{ text: string }} */ (outputFiles[0]).text).toString('base64')}`)
}

/** @param {Table} table @param {Record<string, Record<string, Rule>>} families @param {readonly Public[]} surface @returns {Row[]} */
function rowsOf({ family, without, interfaces, inner = {} }, families, surface) {
  const left = without === undefined ? {} : familyOf(families, without)
  return Object.entries(familyOf(families, family))
    .filter(([name]) => !Object.hasOwn(left, name))
    .flatMap(([name, rule]) => {
      const row = rowOf(name, name, rule, interfaces, surface)
      const its = inner[name]
      if (its === undefined) return [row]
      return [row, ...Object.entries(familyOf(families, its.family)).map(([each, its_]) => rowOf(`${name}.${each}`, each, its_, [its.of], surface))]
    })
}

/** @param {Record<string, Record<string, Rule>>} families @param {string} name */
function familyOf(families, name) {
  const family = families[name]
  if (family === undefined) throw new Error(`there is no family ${name}`)
  return family
}

/** @param {string} shown @param {string} name @param {Rule} rule @param {readonly string[]} interfaces @param {readonly Public[]} surface @returns {Row} */
function rowOf(shown, name, rule, interfaces, surface) {
  const member = interfaces.flatMap((each) => surface.find((item) => item.name === each)?.members ?? []).find((each) => each.name === name)
  if (member?.doc === undefined || member.doc === null) throw new Error(`${shown} has no docstring in ${interfaces.join(', ')}`)
  const isRequired = !/^\w+\?/.test(member.signatures[0]?.replace(/^readonly /, '') ?? '')
  const prose = member.doc.text
    .replace(/\s*\n\s*/g, ' ')
    // What a docstring links is a public name.
    .replace(/\{@link\s+([\w.]+)(?:\s*\|?\s*([^}]*))?\}/g, (_, link, label) => `\`${label || link}\``)
  let said = null
  const sentences = []
  for (const sentence of prose.split(/(?<=[.)])\s+(?=[A-Z`\d])/)) {
    const [, first, rest] = /^Default:?\s+((?:[^;:`]|`[^`]*`)+?)(?:[;:]\s+(.*?))?\.?$/.exec(sentence) ?? []
    if (first === undefined) sentences.push(sentence)
    else {
      said = first
      if (rest) sentences.push(`${rest.charAt(0).toUpperCase()}${rest.slice(1)}.`)
    }
  }
  const { range, plain, unit } = rangeOf(rule.expects)
  const fallback = rule.fallback === undefined ? null : shownValue(rule.fallback, unit)
  if (fallback !== null && !isSame(said, fallback))
    throw new Error(`the default of ${shown} is ${fallback}, but its docstring says ${said ?? 'nothing'}`)
  // The range has a column of its own.
  const inProse = plain === null ? null : new RegExp(`(?:^|[,;]? )${escaped(plain)}(?=[.;,:])`)
  const text = sentences
    .map((sentence) => (inProse === null ? sentence : sentence.replace(inProse, '')))
    .filter((sentence) => sentence !== '.')
    .join(' ')
  return { name: shown, range, fallback: fallback ?? said ?? (isRequired ? 'required' : 'none'), text }
}

/** @param {string} text */
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Does a docstring say this default? It may say more: `1 MiB of address space`. @param {string | null} said @param {string} fallback */
function isSame(said, fallback) {
  const [value = ''] = fallback.split(/ (?:ms|µs)$/)
  return said !== null && (said === value || said.startsWith(`${value} `) || said.startsWith(`${value},`))
}

const UNITS = 'bytes|ms|µs|fields|connections|callers|blocks|times'

/**
 * What a rule expects, as a table shows it; and as a docstring writes it, when it is a range.
 *
 * @param {string} expects
 * @returns {{ range: string, plain: string | null, unit: string }}
 */
function rangeOf(expects) {
  const [, first = '', unitBefore, low, high, after = ''] =
    new RegExp(`^(a whole number of (${UNITS}), )?([\\d,]+) to ([\\d,]+)(.*)$`).exec(expects) ?? []
  if (low === undefined || high === undefined) {
    const example = /^a function like (.*)$/.exec(expects)?.[1]
    // Examples, words and names as code.
    const range =
      example === undefined
        ? expects.replace(/\{ .* \}|\[\[.*\]\]|'\w+'|\b\w+[a-z][A-Z]\w*\b/g, (found) => `\`${found}\``)
        : `a function like \`${example}\``
    return { range: range.replaceAll('|', '\\|'), plain: null, unit: '' }
  }
  const unit = first === '' ? (after.trim().split(' ')[0] ?? '') : (unitBefore ?? '')
  const [from, to] = [low, high].map((each) => shownValue(Number(each.replaceAll(',', '')), unit === 'bytes' ? 'bytes' : ''))
  const bare = `${from} to ${to}`
  const isCounted = unit === 'bytes' && !/iB$/.test(to ?? '')
  const ending = first === '' ? after.replace(/ of (\w+[A-Z]\w+)$/, ' of `$1`') : isCounted || unit === 'µs' || unit === 'ms' ? ` ${unit}` : ''
  const range = unit === 'bytes' && /iB$/.test(to ?? '') && !/iB$/.test(from ?? '') && from !== '0' ? `${from} bytes to ${to}` : bare
  return { range: `${range}${ending}`, plain: bare.replaceAll('2^31 − 1', '2^31 - 1'), unit }
}

/** @param {unknown} value @param {string} unit */
function shownValue(value, unit) {
  if (typeof value !== 'number') return String(value)
  if (value === 2 ** 31 - 1) return '2^31 − 1'
  if (value > 0 && value < 0.1 && Number.isInteger(1 / value)) return `1/${1 / value}`
  if (unit === 'bytes' && value >= 1_024 && value % 1_024 === 0) return value % 1_048_576 === 0 ? `${value / 1_048_576} MiB` : `${value / 1_024} KiB`
  return `${value.toLocaleString('en')}${unit === 'ms' || unit === 'µs' ? ` ${unit}` : ''}`
}

/** @param {readonly Row[]} rows @param {string} file whose links to itself are short */
function tableOf(rows, file) {
  const lines = rows.map(({ name, range, fallback, text }) => {
    const more = MORE[name]
    const link = more === undefined ? '' : ` ${more.replace(`](${file}#`, '](#')}`
    return `| \`${name}\` | ${range} | ${fallback} | ${text.replaceAll('2^31 - 1', '2^31 − 1').replaceAll('|', '\\|')}${link} |\n`
  })
  return `| Option | May be | Default | What it does |\n|---|---|---|---|\n${lines.join('')}`
}

/** A table with its columns Default and Range renewed. @param {string} before @param {readonly Row[]} rows */
function withRanges(before, rows) {
  const lines = before
    .trim()
    .split('\n')
    .map((line, i) => {
      if (i < 2) return line
      const cells = line.slice(1, -1).split('|')
      const name = /`([\w.]+)`/.exec(cells[0] ?? '')?.[1]
      const row = rows.find((each) => each.name === name)
      if (row === undefined) throw new Error(`${name ?? line} is no option of this table`)
      // What is required inside of an option is off without that.
      const fallback = row.fallback === 'required' ? rows.find((each) => each.name === name?.split('.')[0])?.fallback : row.fallback
      const made = [cells[0], fallback, row.range, ...cells.slice(3)].map((cell = '') => (cell.trim() === '' ? ' ' : ` ${cell.trim()} `))
      return `|${made.join('|')}|`
    })
  return `${lines.join('\n')}\n`
}
