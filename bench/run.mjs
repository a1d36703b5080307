// @ts-check
// Runs the benchmarks on every runtime that is here, and writes a report with tables and charts.
//
//     npm run bench                                             everything, one to two hours: bench/report/
//     npm run bench -- --quick                                  what matters most, two minutes: only printed
//     npm run bench -- --only flood,echo --runtime node,bun     some of it; the rest of the report stays as it was
//     npm run bench -- --runtime node24,node26                  other versions of Node, from npm: only those that are named
//     npm run bench -- --lives 2 --rounds 3                     fewer rounds
//     npm run bench -- --draw                                   nothing is run: the report again, from bench/results and what it had
//
// bench/codec/run.mjs, bench/pool/threads.mjs and every other file that calls `main` can be run by itself, too.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { draw, THEMES } from './lib/chart.mjs'
import { renewFigures } from './lib/figures.mjs'
import { partFile } from './lib/harness.mjs'
import { nodeOf } from './lib/nodes.mjs'
import { pictures } from './lib/pictures.mjs'
import { summary } from './lib/summary.mjs'

const here = new URL('./', import.meta.url)
const root = fileURLToPath(new URL('../', here))
const { argv } = process

/** @param {string} name */
function list(name) {
  const at = argv.indexOf(`--${name}`)
  return at < 0 ? null : argv[at + 1].split(',')
}

const quick = argv.includes('--quick')
const only = list('only')
const wanted = list('runtime')

// Each room of benchmarks is a folder; each file with a `main` in it is a benchmark.
const benches = ['ws', 'rest', 'pool'].flatMap((room) =>
  readdirSync(new URL(room, here))
    .filter((name) => name.endsWith('.mjs') && readFileSync(new URL(`${room}/${name}`, here), 'utf8').includes('\nmain({'))
    .map((name) => ({ name: name.slice(0, -4), file: fileURLToPath(new URL(`${room}/${name}`, here)) })),
)
const ORDER = [
  'parse',
  'flood',
  'send',
  'deflate',
  'send-deflate',
  'echo',
  'first-frame',
  'connections',
  'alloc',
  'costs',
  'profiles',
  'build',
  'responses',
  'roundtrip',
  'pool',
  'acquire',
  'memory',
  'outage',
]
benches.sort((a, b) => (ORDER.indexOf(a.name) + 1 || 99) - (ORDER.indexOf(b.name) + 1 || 99))

/** What a quick run looks at, unless it is told what to run. @type {Record<string, { cases: string, contenders: string }>} */
const QUICK = {
  parse: { cases: 'binary40', contenders: 'next,batch,ws' },
  flood: { cases: 'tcp-binary40', contenders: 'nexus,raw,ws' },
  echo: { cases: 'one-core', contenders: 'nexus,raw,ws' },
  roundtrip: { cases: 'one-core', contenders: 'nexus,raw,dispatch,request' },
  pool: { cases: 'tcp', contenders: 'nexus,convenience,raw,request' },
}

/** How a program is started on each; null where it is not here. @type {Record<string, () => string[] | null>} */
const runtimes = {
  node: () => [process.execPath],
  node24: () => otherNode(24),
  node26: () => otherNode(26),
  deno: () => [find('deno'), 'run', '--quiet', '-A'],
  bun: () => [find('bun')],
}
/** What runs when nothing is named. */
const USUAL = ['node', 'deno', 'bun']

/** @param {number} major */
function otherNode(major) {
  const program = nodeOf(major)
  return program === null ? null : [program]
}

/** @param {string} name */
function find(name) {
  const local = `${root}node_modules/.bin/${name}`
  return existsSync(local) ? local : name
}

/** Options of a benchmark. @param {string} name */
function options(name) {
  const given = ['lives', 'rounds'].flatMap((option) => list(option)?.flatMap((value) => [`--${option}`, value]) ?? [])
  if (!quick) return given
  const some = only === null ? Object.entries(QUICK[name]).flatMap(([option, value]) => [`--${option}`, value]) : []
  return ['--quick', ...some, ...given]
}

if (!argv.includes('--draw')) {
  for (const [runtime, find] of Object.entries(runtimes)) {
    if (!(wanted ?? USUAL).includes(runtime)) continue
    const [program, ...args] = find() ?? ['']
    if (program === '' || spawnSync(program, ['--version']).status !== 0) {
      process.stderr.write(`${runtime} is not here\n`)
      continue
    }
    for (const { name, file } of benches) {
      if (only !== null ? !only.includes(name) : quick && !(name in QUICK)) continue
      process.stderr.write(`\n## ${runtime}: ${name}\n\n`)
      const into = partFile(runtime, name, quick)
      rmSync(into, { force: true })
      const env = { ...process.env, BENCH_NODE: process.execPath }
      spawnSync(program, [...args, file, '--into', into, ...options(name)], { cwd: root, env, stdio: ['inherit', 2, 2] })
    }
  }
  // The codec alone, on all runtimes at once: it compares them with one another.
  if (only === null ? !quick : only.includes('codec')) {
    const args = [
      ...(quick ? ['--quick'] : []),
      ...(wanted === null ? [] : ['--runtime', wanted.filter((runtime) => USUAL.includes(runtime)).join(',')]),
    ]
    spawnSync(process.execPath, ['bench/codec/run.mjs', ...args], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  }
}

// What was not run here, in this run or an earlier one, stays as the report has it: each benchmark says when it ran.
const folder = new URL('report/', here)
const kept = quick ? { reports: {}, codec: null } : JSON.parse(readFileSync(new URL('results.json', folder), 'utf8'))
/** @type {Record<string, any[]>} */
const reports = {}
for (const runtime of Object.keys(runtimes)) {
  const parts = benches.flatMap(({ name }) => {
    const file = partFile(runtime, name, quick)
    if (existsSync(file)) return [JSON.parse(readFileSync(file, 'utf8'))]
    return (kept.reports[runtime] ?? []).filter((/** @type {{ bench: string }} */ { bench }) => bench === name)
  })
  if (parts.length > 0) reports[runtime] = parts
}
const codecTables = new URL('results/codec.md', here)
const codecFigures = new URL('results/codec.json', here)
const hasCodec = !quick && existsSync(codecTables) && existsSync(codecFigures)
const codec = hasCodec ? JSON.parse(readFileSync(codecFigures, 'utf8')) : kept.codec
const charts = quick ? [] : pictures(reports, codec)
const given = argv.slice(2).filter((option) => option !== '--draw')
const command = ['npm run bench', ...(given.length > 0 ? ['--', ...given] : [])].join(' ')
const text = summary({
  reports,
  order: benches.map(({ name }) => name),
  command,
  codec: hasCodec ? readFileSync(codecTables, 'utf8') : keptTables(),
  charts,
})
if (!quick) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  writeFileSync(new URL('README.md', folder), text)
  const results = JSON.stringify({ reports, codec }, thin)
  writeFileSync(new URL('results.json', folder), `${results}\n`)
  // From what is kept, so that it can be done again.
  const page = new URL('../docs/performance.md', here)
  writeFileSync(page, renewFigures(readFileSync(page, 'utf8'), JSON.parse(results)))
  for (const chart of charts) for (const theme of THEMES) writeFileSync(new URL(`${chart.name}.${theme}.svg`, folder), draw(chart, theme))
  process.stderr.write(`\nwritten to ${fileURLToPath(folder)}\n`)
}
process.stdout.write(text)

/** The codec's tables as the report has them; they are its last part. */
function keptTables() {
  if (quick) return null
  const text = readFileSync(new URL('README.md', folder), 'utf8')
  const at = text.indexOf('\n## The codec alone')
  return at < 0 ? null : text.slice(at + 1).replaceAll(/^##/gm, '#')
}

/**
 * What is kept of the figures: not each single round, and six digits, so that three of them stay the same when they are shown again.
 *
 * @param {string} key
 * @param {unknown} value
 */
function thin(key, value) {
  if (key === 'rounds' && Array.isArray(value)) return undefined
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value
}
