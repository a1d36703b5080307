// @ts-check
// A run as Markdown.

import { undiciVersion } from '../rest/undici-package.mjs'
import { THEMES } from './chart.mjs'
import { goals, judge } from './goals.mjs'
import { digits, table } from './harness.mjs'
import { wsVersion } from './ws-package.mjs'

/**
 * @param {object} run
 * @param {Record<string, any[]>} run.reports by runtime, one for each benchmark
 * @param {readonly string[]} run.order names of the benchmarks
 * @param {string} run.command
 * @param {string | null} run.codec what bench/codec wrote, as Markdown
 * @param {readonly import('./chart.d.mts').Chart[]} [run.charts]
 */
export function summary({ reports, order, command, codec, charts = [] }) {
  const names = Object.keys(reports).filter((name) => reports[name].length > 0)
  const all = names.flatMap((name) => reports[name])
  const [first] = all
  if (first === undefined) return codec ?? 'Nothing was measured.\n'
  const lines = [
    '# Benchmark results',
    '',
    'Written by `npm run bench`; not edited by hand. Goals that are missed, and why: [NOTES.md](../NOTES.md); worker threads: [THREADS.md](../THREADS.md).',
    '',
    '| | |',
    '|---|---|',
    `| command | \`${command}\`, perhaps in several runs: each benchmark says when, how long and at what load it ran |`,
    `| machine | ${first.cpu}, ${first.cores} cores, ${first.memory} GiB, ${first.platform} |`,
    `| runtimes | ${names.map((name) => `${name} ${reports[name][0].version}`).join(', ')} |`,
    `| ws, undici | ${wsVersion}, ${undiciVersion} |`,
    '',
    'Every figure is the median of its rounds; ± is half the range of the middle half of them. Ratios (÷) are taken within a round, and the',
    'median of those is given: what disturbs the machine disturbs both. Everything runs over loopback, so sender and receiver share the cores.',
    '"raw" reads or writes the same bytes on the same runtime by the same mechanism and looks at none of them. Both sides do the same work: text is made',
    'a string on both, and each message is looked at on both. "cpu" is the share of a core that a contender had while it ran.',
    '',
    ...charts.flatMap(embed),
    '## Goals',
    '',
    `| goal | limit | ${names.join(' | ')} |`,
    `|---|---|${names.map(() => '---|').join('')}`,
    ...goals.flatMap((aim) => {
      const verdicts = names.map((name) => judge(aim, reports[name]))
      if (verdicts.every((verdict) => verdict === null)) return []
      const against = aim.against === '' ? '' : aim.difference ? ` over ${aim.against}` : ` × ${aim.against}`
      const limit = aim.atLeast !== undefined ? `≥ ${aim.atLeast}${against}` : `≤ ${aim.atMost}${against}`
      const cells = verdicts.map((verdict) => (verdict === null ? '' : `${digits(verdict.value)} ${verdict.met ? '✓' : '✗'}`))
      return [`| ${aim.text} | ${limit} | ${cells.join(' | ')} |`]
    }),
  ]
  for (const name of order) {
    const measured = names.flatMap((runtime) => reports[runtime].filter(({ bench }) => bench === name))
    if (measured.length === 0) continue
    lines.push('', `## ${measured[0].title}`)
    for (const report of measured) {
      const { runtime, version, date, rounds, lives, seconds, loadBefore, loadAfter } = report
      lines.push('', `### ${runtime} ${version}`, '')
      lines.push(
        `${date}: ${rounds} rounds of ${seconds} s for each, in turn, in ${lives} successive processes; load ${digits(loadBefore)} to ${digits(loadAfter)}.`,
        '',
      )
      for (const c of report.cases) lines.push(table(report, c))
    }
  }
  if (codec !== null) lines.push('', codec.replaceAll(/^#/gm, '##'))
  return `${lines.join('\n').trimEnd()}\n`
}

/** A chart in Markdown, in the reader's own theme. @param {import('./chart.d.mts').Chart} chart */
function embed({ name, title, alt }) {
  const [light, dark] = THEMES.map((theme) => `${name}.${theme}.svg`)
  return [`<picture><source media="(prefers-color-scheme: dark)" srcset="${dark}"><img src="${light}" alt="${title}. ${alt}"></picture>`, '']
}
