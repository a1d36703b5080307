// @ts-check
// The codec alone, on every runtime that is here, over the same bytes: what it gives, what it executes (exact), and how long that takes.
//
//     npm run bench:codec -- [--quick] [--only part-of-a-name,…] [--runtime node,deno,bun,workerd]
//                            [--counts] [--explain] [--accept]
//
// README.md says what is counted and how. Results go to bench/results/codec.json and codec.md.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { Child } from '../lib/children.mjs'
import { median, spread } from '../lib/stats.mjs'
import { bill } from './bill.mjs'
import { binaries } from './binaries.mjs'
import { compare } from './guard.mjs'
import { markdown } from './tables.mjs'
import { workloads } from './workloads.mjs'

/** @typedef {import('./meter.mjs').Counts} Counts */

const here = new URL('./', import.meta.url)
const root = fileURLToPath(new URL('../../', here))
const results = new URL('../results/', here)
const folder = fileURLToPath(new URL('codec', results))
const baselineFile = new URL('baseline.json', here)
const { argv } = process
const flag = (/** @type {string} */ name) => argv.includes(`--${name}`)

/** @param {string} name */
function list(name) {
  const at = argv.indexOf(`--${name}`)
  return at < 0 ? null : (argv[at + 1]?.split(',') ?? [])
}

/** Where a runtime is: this project's own, or the system's. @param {string} name */
function find(name) {
  const local = `${root}node_modules/.bin/${name}`
  return existsSync(local) ? local : name
}

/** @type {Record<string, string[]>} */
const RUNTIMES = {
  node: [process.execPath, runner('runner')],
  deno: [find('deno'), 'run', '--quiet', '-A', runner('runner')],
  bun: [find('bun'), runner('runner')],
  workerd: [process.execPath, runner('runner-workerd')],
}

/** @param {string} name */
function runner(name) {
  return fileURLToPath(new URL(`${name}.mjs`, here))
}

const quick = flag('quick')
const only = list('only')
const chosen = workloads.filter(({ id }) => only === null || only.some((part) => id.includes(part)))
const wanted = list('runtime') ?? (flag('explain') ? ['node'] : Object.keys(RUNTIMES))
const ROUNDS = quick ? 3 : 7
const SECONDS = quick ? 0.01 : 0.03

if (chosen.length === 0) stop(`no workload is called ${only?.join(', ')}`)
if (flag('accept') && only !== null) stop('--accept takes all workloads: leave out --only')

const { codec, deflate } = binaries()
mkdirSync(folder, { recursive: true })
writeFileSync(`${folder}/codec.wasm`, codec.shipped)
writeFileSync(`${folder}/deflate.wasm`, deflate.shipped)
writeFileSync(`${folder}/counting.wasm`, codec.counting.bytes)
writeFileSync(`${folder}/counting-deflate.wasm`, deflate.counting.bytes)
const layout = (/** @type {import('./meter.mjs').Layout} */ { regions, sites }) => ({ regions, sites })
writeFileSync(`${folder}/counting.json`, JSON.stringify({ codec: layout(codec.counting), deflate: layout(deflate.counting) }))

/** @type {Map<string, { child: Child, version: string, ask: (command: import('./session.mjs').Command) => Promise<any> }>} */
const runtimes = new Map()
for (const name of wanted) {
  const [program, ...args] = RUNTIMES[name] ?? stop(`no runtime is called ${name}`)
  if (spawnSync(program, ['--version']).status !== 0) {
    process.stderr.write(`${name} is not here\n`)
    continue
  }
  const child = new Child(program, [...args, folder])
  const { version } = await child.read(60_000)
  const ask = async (/** @type {import('./session.mjs').Command} */ command) => {
    child.write(command)
    const { result, failed } = await child.read(120_000)
    if (failed !== undefined) stop(`${name}: ${failed}`)
    return result
  }
  runtimes.set(name, { child, version, ask })
}
if (runtimes.size === 0) stop('no runtime is here')
const versions = Object.fromEntries([...runtimes].map(([name, { version }]) => [name, version]))

const counts = await countAll()
const baseline = /** @type {Record<string, Counts>} */ (existsSync(baselineFile) ? JSON.parse(readFileSync(baselineFile, 'utf8')).workloads : {})

if (flag('explain')) {
  for (const { id } of chosen) process.stdout.write(`${bill(id, counts[id])}\n`)
} else if (flag('accept')) accept()
else if (flag('counts')) judge()
else await time()
for (const { child } of runtimes.values()) await child.stop()

/** Counts and checksums of all runtimes; they have to be the same. */
async function countAll() {
  /** @type {Record<string, Counts>} */
  const all = {}
  /** @type {Map<string, Counts>} */
  const bySource = new Map()
  for (const { id, source } of chosen) {
    /** @type {[name: string, counts: Counts][]} */
    const found = await Promise.all(
      [...runtimes].map(async ([name, { ask }]) => {
        const result = await ask({ do: 'count', id })
        const plain = await ask({ do: 'checksum', id })
        if (plain !== result.checksum) stop(`${id}, ${name}: checksum ${plain} as it ships, ${result.checksum} instrumented`)
        return /** @type {[string, Counts]} */ ([name, result])
      }),
    )
    const [[first, result]] = found
    for (const [name, other] of found) {
      if (JSON.stringify(other) === JSON.stringify(result)) continue
      for (const key of /** @type {(keyof Counts)[]} */ (Object.keys(result))) {
        if (JSON.stringify(other[key]) !== JSON.stringify(result[key])) {
          process.stderr.write(`${id}: ${key}: ${JSON.stringify(result[key])} on ${first}, ${JSON.stringify(other[key])} on ${name}\n`)
        }
      }
      stop('the same bytes did not do the same on every runtime')
    }
    // What comes out does not depend on how the bytes were cut.
    const sibling = bySource.get(source)
    if (sibling !== undefined && sibling.checksum !== result.checksum)
      stop(`${id}: another cut of the same bytes gave ${sibling.checksum}, this one ${result.checksum}`)
    bySource.set(source, result)
    all[id] = result
  }
  const digest = createHash('sha256')
    .update(JSON.stringify(Object.entries(all)))
    .digest('hex')
  process.stdout.write(
    `${chosen.length} ${chosen.length === 1 ? 'workload' : 'workloads'}: checksums and counts are the same on ${[...runtimes.keys()].join(', ')}; all of them hash to ${digest.slice(0, 16)}\n`,
  )
  return all
}

/** Says how the counts compare with the accepted ones. */
function judge() {
  const part = Object.fromEntries(Object.entries(baseline).filter(([id]) => only === null || counts[id] !== undefined))
  const { failures, gains } = compare(part, counts)
  for (const line of failures) process.stdout.write(`✗ ${line}\n`)
  for (const line of gains) process.stdout.write(`✓ ${line}\n`)
  if (failures.length + gains.length === 0) process.stdout.write('nothing differs from bench/codec/baseline.json by more than 2 %\n')
  else if (!flag('accept')) process.stdout.write('to make these counts the accepted ones: npm run bench:codec -- --accept\n')
}

function accept() {
  const sorted = (/** @type {Record<string, number>} */ parts) => Object.fromEntries(Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1)))
  const kept = Object.fromEntries(
    Object.entries(counts).map(([id, each]) => [
      id,
      { ...each, functions: sorted(each.functions), calls: sorted(each.calls), copies: sorted(each.copies) },
    ]),
  )
  const note = 'Counts of one pass over each workload. Written by `npm run bench:codec -- --accept`, guarded by test/bench/codec-counts.test.ts.'
  writeFileSync(baselineFile, `${JSON.stringify({ note, workloads: kept }, null, 2)}\n`)
  process.stdout.write('bench/codec/baseline.json was written; against the one before it:\n')
  judge()
}

async function time() {
  const started = os.loadavg()[0]
  /** @type {any[]} */
  const rows = []
  for (const [index, { id, group, title }] of chosen.entries()) {
    /** @type {Record<string, { passes: number, seconds: number[], cpu: number[] }>} */
    const turns = {}
    for (const [name, { ask }] of runtimes) {
      const { passes } = await ask({ do: 'open', id, seconds: SECONDS })
      turns[name] = { passes, seconds: [], cpu: [] }
    }
    const names = [...runtimes.keys()]
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < names.length; i++) {
        const name = names[(i + round) % names.length]
        const { seconds, cpu } = await /** @type {any} */ (runtimes.get(name)).ask({ do: 'run', passes: turns[name].passes })
        turns[name].seconds.push(seconds)
        turns[name].cpu.push(cpu)
      }
    }
    const { messages, bytes } = counts[id]
    const times = Object.fromEntries(
      names.map((name) => {
        const { passes, seconds, cpu } = turns[name]
        const each = seconds.map((value) => (value / passes / messages) * 1e9)
        const ns = median(each)
        return [name, { ns, spread: spread(each), gigabytes: bytes / messages / ns, cpu: median(cpu), rounds: each }]
      }),
    )
    rows.push({ id, group, title, ...counts[id], times })
    if (process.stderr.isTTY) process.stderr.write(`\r${index + 1} of ${chosen.length}: ${id}`.padEnd(100))
  }
  if (process.stderr.isTTY) process.stderr.write(`\r${' '.repeat(100)}\r`)
  const report = {
    bench: 'codec',
    date: new Date().toISOString().slice(0, 10),
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.cpus().length,
    platform: `${os.platform()} ${os.release()}`,
    loadBefore: started,
    loadAfter: os.loadavg()[0],
    runtimes: versions,
    codec: { bytes: shipped.length, sha256: createHash('sha256').update(shipped).digest('hex') },
    rounds: ROUNDS,
    seconds: SECONDS,
    command: ['npm run bench:codec --', ...argv.slice(2)].join(' '),
    workloads: rows,
  }
  if (only === null) writeFileSync(new URL('codec.json', results), `${JSON.stringify(report, null, 1)}\n`)
  const text = markdown(report)
  if (only === null) writeFileSync(new URL('codec.md', results), text)
  process.stdout.write(text)
  judge()
}

/** @param {string} why @returns {never} */
function stop(why) {
  process.stderr.write(`${why}\n`)
  process.exit(1)
}
