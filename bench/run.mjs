// @ts-check
// Runs the benchmarks on every runtime that is here, and writes a summary.
//
//     node bench/run.mjs [--quick] [--only flood,echo] [--runtime node,deno,bun] [--lives 3] [--rounds 3] [--save]
//
// Results go to bench/results/<runtime>.json; with --save the summary also becomes bench/RESULTS.md.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { goals, judge } from './lib/goals.mjs'
import { digits, table } from './lib/harness.mjs'
import { wsVersion } from './lib/ws-package.mjs'
import { undiciVersion } from './rest/undici-package.mjs'

const here = new URL('./', import.meta.url)
const root = fileURLToPath(new URL('../', here))
const { argv } = process

/** @param {string} name */
function list(name) {
  const at = argv.indexOf(`--${name}`)
  return at < 0 ? null : argv[at + 1].split(',')
}

const quick = argv.includes('--quick')
const save = argv.includes('--save')
const only = list('only')
const wanted = list('runtime')
// How long each benchmark takes is its own matter.
const length = ['--quick', '--lives', '--rounds'].flatMap((name) => {
  const at = argv.indexOf(name)
  if (at < 0) return []
  return name === '--quick' ? [name] : [name, argv[at + 1]]
})

// Each room of benchmarks is a folder; each file with a `main` in it is a benchmark.
const rooms = ['ws', 'rest', 'pool'].filter((room) => existsSync(new URL(room, here)))
const benches = rooms.flatMap((room) =>
  readdirSync(new URL(room, here))
    .filter((name) => name.endsWith('.mjs') && readFileSync(new URL(`${room}/${name}`, here), 'utf8').includes('\nmain({'))
    .map((name) => ({ name: name.slice(0, -4), file: fileURLToPath(new URL(`${room}/${name}`, here)) })),
)
const order = ['parse', 'flood', 'send', 'echo', 'alloc', 'costs', 'build', 'responses', 'roundtrip', 'pool', 'acquire', 'memory', 'outage']
benches.sort((a, b) => (order.indexOf(a.name) + 1 || 99) - (order.indexOf(b.name) + 1 || 99))

/** @type {Record<string, string[]>} */
const runtimes = {
  node: [process.execPath],
  deno: [find('deno'), 'run', '--quiet', '-A'],
  bun: [find('bun')],
}

/** @param {string} name */
function find(name) {
  const local = `${root}node_modules/.bin/${name}`
  return existsSync(local) ? local : name
}

const parts = new URL('results/parts/', here)
mkdirSync(parts, { recursive: true })
/** @type {Record<string, any[]>} */
const reports = {}
for (const [name, [program, ...args]] of Object.entries(runtimes)) {
  if (wanted !== null && !wanted.includes(name)) continue
  if (spawnSync(program, ['--version']).status !== 0) {
    process.stderr.write(`${name} is not here\n`)
    continue
  }
  reports[name] = []
  for (const bench of benches) {
    if (only !== null && !only.includes(bench.name)) continue
    process.stderr.write(`\n## ${name}: ${bench.name}\n\n`)
    const part = new URL(`${name}-${bench.name}.json`, parts)
    rmSync(part, { force: true })
    const env = { ...process.env, BENCH_NODE: process.execPath }
    spawnSync(program, [...args, bench.file, ...length], { cwd: root, env, stdio: 'inherit' })
    if (existsSync(part)) reports[name].push(JSON.parse(readFileSync(part, 'utf8')))
  }
  writeFileSync(new URL(`results/${name}.json`, here), `${JSON.stringify(reports[name], null, 1)}\n`)
}

// The codec alone, on all runtimes at once: it compares them with one another.
const codec = new URL('results/codec.md', here)
rmSync(codec, { force: true })
if (only === null || only.includes('codec')) {
  const args = [...(quick ? ['--quick'] : []), ...(wanted === null ? [] : ['--runtime', wanted.join(',')])]
  spawnSync(process.execPath, ['bench/codec/run.mjs', ...args], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
}

const text = summary()
writeFileSync(new URL('results/summary.md', here), text)
if (save) writeFileSync(new URL('RESULTS.md', here), text)
process.stdout.write(text)

/** The run as Markdown. */
function summary() {
  const names = Object.keys(reports).filter((name) => reports[name].length > 0)
  const [first] = names.flatMap((name) => reports[name])
  if (first === undefined) return existsSync(codec) ? readFileSync(codec, 'utf8') : 'Nothing was measured.\n'
  const lines = [
    '# Benchmark results',
    '',
    'Written by `bench/run.mjs`; not edited by hand.',
    '',
    '| | |',
    '|---|---|',
    `| date | ${first.date} |`,
    `| command | \`${['node bench/run.mjs', ...argv.slice(2)].join(' ')}\` |`,
    `| machine | ${first.cpu}, ${first.cores} cores, ${first.memory} GiB, ${first.platform} |`,
    `| runtimes | ${names.map((name) => `${name} ${reports[name][0].version}`).join(', ')} |`,
    `| ws, undici | ${wsVersion}, ${undiciVersion} |`,
    `| rounds | ${first.rounds} of ${first.seconds} s for each contender, in turn, in ${first.lives} successive processes of its own |`,
    '',
    'Every figure is the median of its rounds; ± is half the range of the middle half of them. Ratios (÷) are taken within a round, and the',
    'median of those is given: what disturbs the machine disturbs both. Everything runs over loopback, so sender and receiver share the cores.',
    '"raw" reads or writes the same bytes on the same runtime by the same mechanism and looks at none of them.',
    '',
    '## Goals',
    '',
    `| goal | limit | ${names.join(' | ')} |`,
    `|---|---|${names.map(() => '---|').join('')}`,
  ]
  for (const aim of goals) {
    const against = aim.against === '' ? '' : aim.difference ? ` over ${aim.against}` : ` × ${aim.against}`
    const limit = aim.atLeast !== undefined ? `≥ ${aim.atLeast}${against}` : `≤ ${aim.atMost}${against}`
    const cells = names.map((name) => {
      const verdict = judge(aim, reports[name])
      return verdict === null ? 'not measured' : `${digits(verdict.value)} ${verdict.met ? '✓' : '✗'}`
    })
    if (cells.some((cell) => cell !== 'not measured')) lines.push(`| ${aim.text} | ${limit} | ${cells.join(' | ')} |`)
  }
  const measured = benches.filter(({ name }) => names.some((runtime) => reports[runtime].some(({ bench }) => bench === name)))
  for (const { name } of measured) {
    const title = names.flatMap((runtime) => reports[runtime]).find(({ bench }) => bench === name).title
    lines.push('', `## ${title}`)
    for (const runtime of names) {
      const report = reports[runtime].find(({ bench }) => bench === name)
      if (report === undefined) continue
      lines.push('', `### ${runtime} ${report.version}`, '')
      for (const c of report.cases) lines.push(table(report, c))
    }
  }
  if (existsSync(codec)) lines.push('', readFileSync(codec, 'utf8').replaceAll(/^#/gm, '##'))
  return `${lines.join('\n').trimEnd()}\n`
}
