// @ts-check
// Runs contenders side by side: each in a process of its own, warm, taking turns round by round, so that a noisy machine
// is noisy for all of them. Ratios are taken within a round; their median is what counts.

import { mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { Child, canPin, pinned, startPeer } from './children.mjs'
import { eachLine, say } from './lines.mjs'
import { command, runtime, version } from './runtime.mjs'
import { median, spread } from './stats.mjs'

/**
 * @typedef {object} Turn what one round gave
 * @property {number} amount
 * @property {number} seconds
 *
 * @typedef {object} Metric
 * @property {string} id
 * @property {string} unit
 * @property {boolean} higherIsBetter
 * @property {(turn: any) => number} of
 *
 * @typedef {object} Case
 * @property {string} id
 * @property {string} title
 * @property {readonly Metric[]} [metrics] instead of the benchmark's
 * @property {boolean} [oneCore] run the contender on the last core alone (where `taskset` can do so)
 *
 * @typedef {object} Contender
 * @property {string} title
 * @property {(c: any, peers: any) => Promise<(amount: number) => Promise<any>>} start loads and prepares; the result runs one round
 * @property {number} [first] amount of the first, unmeasured turn; default 20,000
 * @property {readonly string[]} [flags] flags of V8
 * @property {Record<string, string>} [env]
 *
 * @typedef {object} Bench
 * @property {string} name
 * @property {string} title
 * @property {string} file `import.meta.url`
 * @property {readonly Metric[]} metrics
 * @property {readonly string[]} baselines ids of the contenders that others are divided by
 * @property {Record<string, string | { script: string, oneCore: boolean }>} [peers] name → script
 * @property {readonly Case[]} cases
 * @property {(c: any) => Record<string, Contender>} contenders
 * @property {number} [seconds] length of a round; default 0.5
 * @property {number} [patience] seconds that a turn may take; default 60
 * @property {number} [rounds] for each of the processes that a contender lives in; default 3
 * @property {string} [firstSecond] the metric, one of `amount` and `seconds` alone, that is given for the first second of a process as well
 */

/**
 * A compiler's decisions depend on the moment at which it makes them, and stay: one process is one sample of them, so that a
 * contender lives several times.
 */
const LIVES = 3

/**
 * Where the report of a benchmark is kept. Those of quick runs are kept apart: they are no figures to publish.
 *
 * @param {string} runtime
 * @param {string} name
 * @param {boolean} quick
 */
export function partFile(runtime, name, quick) {
  return fileURLToPath(new URL(`../results/${quick ? 'quick' : 'parts'}/${runtime}-${name}.json`, import.meta.url))
}

/** Thrown by `start` when a contender does not exist here; said in the table, not an error. */
export class Unavailable extends Error {}

/** @param {string} name */
function option(name) {
  const { argv } = process
  const at = argv.indexOf(`--${name}`)
  return at < 0 ? undefined : argv[at + 1]
}

/** @param {Bench} bench */
export async function main(bench) {
  if (option('contender') !== undefined) await contend(bench)
  else if (process.argv.includes('--smoke')) await smoke(bench)
  else await control(bench)
}

/**
 * Has each contender of each case do a little, in this process, and says what failed: whether the benchmark still works.
 *
 * @param {Bench} bench
 */
async function smoke(bench) {
  /** @type {Record<string, string>} */
  const found = {}
  for (const c of bench.cases) {
    for (const [id, { start }] of Object.entries(bench.contenders(c))) {
      try {
        await (await start(c, {}))(100)
        found[`${c.id} ${id}`] = ''
      } catch (error) {
        found[`${c.id} ${id}`] = error instanceof Unavailable ? '' : String(error)
      }
    }
  }
  say(found)
  process.exit()
}

/** @param {Bench} bench */
async function contend(bench) {
  const c = bench.cases.find(({ id }) => id === option('case'))
  const contender = bench.contenders(c)[/** @type {string} */ (option('contender'))]
  /** @type {(amount: number) => Promise<any>} */
  let run
  try {
    run = await contender.start(c, JSON.parse(/** @type {string} */ (option('peers'))))
  } catch (error) {
    if (!(error instanceof Unavailable))
      process.stderr.write(`${bench.name} ${c?.id} ${contender.title}: ${/** @type {any} */ (error)?.stack ?? error}\n`)
    say({ unavailable: error instanceof Unavailable ? error.message : String(error) })
    return process.exit()
  }
  say({ ready: true })
  eachLine(async ({ amount }) => {
    try {
      const before = process.cpuUsage()
      const started = performance.now()
      const result = await run(amount)
      const { user, system } = process.cpuUsage(before)
      say({ cpu: (user + system) / 1000 / (performance.now() - started), cpuSeconds: (user + system) / 1e6, ...result })
    } catch (error) {
      process.stderr.write(`${bench.name} ${c?.id} ${contender.title}: ${/** @type {any} */ (error)?.stack ?? error}\n`)
      say({ failed: String(error) })
    }
  })
}

/** @param {Bench} bench */
async function control(bench) {
  const quick = process.argv.includes('--quick')
  const rounds = Number(option('rounds') ?? (quick ? 3 : (bench.rounds ?? 3)))
  const lives = Number(option('lives') ?? (quick ? 1 : LIVES))
  const seconds = Number(option('seconds') ?? (bench.seconds ?? 0.5) * (quick ? 0.4 : 1))
  const early = bench.metrics.find(({ id }) => id === bench.firstSecond)
  const only = option('cases')?.split(',')
  const chosen = option('contenders')?.split(',')
  const before = option('before')

  /** @type {Record<string, any>} */
  const peers = {}
  const children = []
  for (const [name, peer] of Object.entries(bench.peers ?? {})) {
    const { script, oneCore } = typeof peer === 'string' ? { script: peer, oneCore: false } : peer
    if (oneCore && !canPin) continue
    const { child, info } = await startPeer(script, oneCore)
    children.push(child)
    peers[name] = info
  }
  const report = {
    bench: bench.name,
    title: bench.title,
    runtime,
    version,
    ...machine(),
    rounds: lives * rounds,
    lives,
    seconds,
    baselines: bench.baselines,
    metrics: bench.metrics.map(({ id, unit }) => ({ id, unit })),
    cases: /** @type {any[]} */ ([]),
  }
  const started = os.loadavg()[0]
  for (const c of bench.cases) {
    if (only !== undefined && !only.includes(c.id)) continue
    if (c.oneCore && !canPin) continue
    const result = await runCase(bench, c, peers, { rounds, lives, seconds, early, chosen, before })
    report.cases.push(result)
    process.stderr.write(`${table(bench, result)}\n`)
  }
  for (const child of children) await child.stop()
  Object.assign(report, { loadBefore: started, loadAfter: os.loadavg()[0] })
  const into = option('into') ?? (only === undefined && chosen === undefined ? partFile(runtime, bench.name, quick) : undefined)
  if (into !== undefined) {
    mkdirSync(path.dirname(into), { recursive: true })
    writeFileSync(into, `${JSON.stringify(report, null, 1)}\n`)
  }
  return report
}

/**
 * @param {Bench} bench
 * @param {Case} c
 * @param {any} peers
 * @param {object} how
 * @param {number} how.rounds
 * @param {number} how.lives
 * @param {number} how.seconds
 * @param {Metric | undefined} how.early
 * @param {readonly string[] | undefined} how.chosen
 * @param {string | undefined} how.before the folder of another build: each contender also runs with that one, as its own baseline
 */
async function runCase(bench, c, peers, { rounds, lives, seconds, early, chosen, before }) {
  /** @type {{ id: string, title: string, contender: Contender, child: Child | null, amount: number, turns: any[], firsts: number[], failure: string }[]} */
  const entrants = Object.entries(withBefore(bench.contenders(c), chosen, before)).map(([id, contender]) => ({
    id,
    title: contender.title,
    contender,
    child: null,
    amount: contender.first ?? 20_000,
    turns: [],
    firsts: [],
    failure: '',
  }))
  // The one way to make a runtime's own WebSocket trust a private authority.
  const ca = Object.values(peers).find((peer) => peer.caFile !== undefined)?.caFile
  const trust = ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: ca, DENO_CERT: ca }
  const take = async (/** @type {typeof entrants[0]} */ entrant, /** @type {number} */ amount) => {
    const child = /** @type {Child} */ (entrant.child)
    child.write({ amount })
    const turn = await child.read((bench.patience ?? 60) * 1_000).catch((error) => ({ failed: String(error) }))
    if (turn.failed !== undefined) entrant.failure = turn.failed
    return turn
  }
  for (let life = 0; life < lives; life++) {
    const alive = entrants.filter(({ failure }) => failure === '')
    for (const entrant of alive) {
      const { id, contender } = entrant
      const args = ['--contender', id.replace(BEFORE, ''), '--case', c.id, '--peers', JSON.stringify(peers)]
      const [program, rest] = pinned(c.oneCore ?? false, ...command(fileURLToPath(bench.file), args, contender.flags ?? []))
      entrant.child = new Child(program, rest, { ...contender.env, ...trust })
      const hello = await entrant.child.read(60_000).catch((error) => ({ unavailable: String(error) }))
      if (hello.unavailable !== undefined) entrant.failure = hello.unavailable
    }
    // Turns that are no rounds, growing until one is long enough to tell how much a round should do. They are the first second of the process.
    for (const entrant of alive) {
      if (life > 0) entrant.amount = Math.ceil(entrant.amount / 8)
      const sofar = { amount: 0, seconds: 0 }
      for (let i = 0; i < 100 && entrant.failure === ''; i++) {
        const turn = await take(entrant, entrant.amount)
        if (turn.failed !== undefined) break
        const isFirst = sofar.seconds < 1
        sofar.amount += turn.amount
        sofar.seconds += turn.seconds
        const factor = seconds / Math.max(turn.seconds, 1e-4)
        // The last turn of the second must not be most of it.
        entrant.amount = Math.max(1, Math.round(entrant.amount * Math.min(factor, i < 3 ? 2 : 8)))
        if (early !== undefined && isFirst && sofar.seconds < 1) continue
        if (early !== undefined && isFirst) entrant.firsts.push(early.of(sofar))
        if (factor < 2) break
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < alive.length; i++) {
        const entrant = alive[(i + round + life) % alive.length]
        if (entrant.failure === '') entrant.turns.push(await take(entrant, entrant.amount))
      }
    }
    for (const { child } of alive) await child?.stop()
  }

  const results = entrants.map(({ id, title, amount, turns, firsts, failure }) => {
    /** @type {Record<string, any>} */
    const metrics = {}
    for (const { id: metric, of, higherIsBetter } of c.metrics ?? bench.metrics) {
      if (failure !== '') break
      const values = turns.map(of)
      /** @type {Record<string, any>} */
      const ratios = {}
      for (const baseline of [...bench.baselines, 'before']) {
        const other = entrants.find((entrant) => entrant.id === (baseline === 'before' ? id + BEFORE : baseline))
        if (other === undefined || other.failure !== '' || other.id === id) continue
        const each = values.map((value, i) => value / of(other.turns[i]))
        ratios[baseline] = { median: median(each), spread: spread(each), rounds: each }
      }
      metrics[metric] = { median: median(values), spread: spread(values), rounds: values, higherIsBetter, ratios }
    }
    const cpu = failure === '' ? median(turns.map((turn) => turn.cpu)) : undefined
    const reads = failure === '' && turns[0].reads !== undefined ? median(turns.map((turn) => turn.bytes / turn.reads)) : undefined
    const firstSecond = failure === '' && firsts.length > 0 ? { firstSecond: { median: median(firsts), spread: spread(firsts) } } : {}
    return { id, title, failure, amount, cpu, bytesPerRead: reads, ...firstSecond, ...curve(turns, failure), metrics }
  })
  return { ...c, contenders: results }
}

/** Ends the id of a contender that runs with the other build. */
const BEFORE = '@before'

/**
 * The chosen contenders, each followed by its twin of the other build when there is one. A contender that uses neither build measures the noise.
 *
 * @param {Record<string, Contender>} contenders
 * @param {readonly string[] | undefined} chosen
 * @param {string | undefined} before
 */
function withBefore(contenders, chosen, before) {
  /** @type {Record<string, Contender>} */
  const all = {}
  for (const [id, contender] of Object.entries(contenders)) {
    if (chosen !== undefined && !chosen.includes(id)) continue
    all[id] = contender
    if (before === undefined) continue
    const env = { ...contender.env, BENCH_DIST: path.resolve(before) }
    all[id + BEFORE] = { ...contender, title: `${contender.title}, before`, env }
  }
  return all
}

/**
 * The times at each of `PERCENTILES`, as the median of the rounds, where a contender measures them.
 *
 * @param {readonly any[]} turns
 * @param {string} failure
 */
function curve(turns, failure) {
  if (failure !== '' || turns[0].curve === undefined) return {}
  return { curve: turns[0].curve.map((/** @type {number} */ _, /** @type {number} */ i) => median(turns.map((turn) => turn.curve[i]))) }
}

function machine() {
  const [cpu] = os.cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpu?.model ?? 'unknown',
    cores: os.cpus().length,
    memory: Math.round(os.totalmem() / 2 ** 30),
    platform: `${os.platform()} ${os.release()}`,
  }
}

/**
 * One case as a Markdown table.
 *
 * @param {{ metrics: readonly { id: string, unit: string }[], baselines: readonly string[] }} bench
 * @param {any} result
 */
export function table(bench, result) {
  const head = ['contender']
  const shown = /** @type {typeof bench.metrics} */ (result.metrics ?? bench.metrics)
  for (const { unit } of shown) head.push(unit)
  const hasFirst = result.contenders.some((/** @type {any} */ entrant) => entrant.firstSecond !== undefined)
  if (hasFirst) head.push('first second of a process')
  const works = (/** @type {any} */ entrant) => entrant.failure === ''
  const baselines = bench.baselines.filter((id) => result.contenders.some((/** @type {any} */ entrant) => entrant.id === id && works(entrant)))
  for (const baseline of baselines) head.push(`÷ ${result.contenders.find((/** @type {any} */ entrant) => entrant.id === baseline).title}`)
  if (result.contenders.some(({ id }) => id.endsWith(BEFORE))) {
    baselines.push('before')
    head.push('÷ before')
  }
  const lines = [`**${result.title}**`, '', `| ${head.join(' | ')} |`, `|${head.map(() => '---').join('|')}|`]
  for (const { id, title, failure, firstSecond, metrics } of result.contenders) {
    if (failure !== '') {
      lines.push(`| ${title} | ${failure} |${' |'.repeat(head.length - 2)}`)
      continue
    }
    const cells = [title]
    for (const { id: metric } of shown) {
      // A report that is kept has no single rounds, and no median where a round has no figure.
      const { median: middle, spread: width, rounds = [middle] } = metrics[metric]
      if (rounds.includes(null)) cells.push('–')
      else cells.push(middle === 0 ? '0' : `${digits(middle)} ± ${Math.round(width * 100)} %`)
    }
    if (hasFirst) cells.push(firstSecond === undefined ? '–' : `${digits(firstSecond.median)} ± ${Math.round(firstSecond.spread * 100)} %`)
    for (const baseline of baselines) {
      const parts = shown.map(({ id: metric }) => metrics[metric].ratios[baseline]?.median)
      cells.push(id === baseline ? '–' : parts.map((ratio) => (ratio === undefined ? '–' : digits(ratio))).join(' / '))
    }
    lines.push(`| ${cells.join(' | ')} |`)
  }
  return `${lines.join('\n')}\n`
}

/**
 * Three significant digits.
 *
 * @param {number} value
 */
export function digits(value) {
  if (!Number.isFinite(value)) return String(value)
  if (Math.abs(value) >= 100) return String(Math.round(value))
  return value.toPrecision(3).replace(/\.?0+$/, (zeros) => (Math.abs(value) >= 10 && zeros.length > 2 ? '' : zeros))
}
