// @ts-check
// A run as Markdown.

import { digits } from '../lib/harness.mjs'

/** @param {any} report */
export function markdown(report) {
  const names = Object.keys(report.runtimes)
  const lines = [
    '# The codec alone',
    '',
    '| | |',
    '|---|---|',
    `| date | ${report.date} |`,
    `| command | \`${report.command}\` |`,
    `| machine | ${report.cpu}, ${report.cores} cores, ${report.platform}; load ${report.loadBefore.toFixed(1)} to ${report.loadAfter.toFixed(1)} |`,
    `| runtimes | ${names.map((name) => `${name} ${report.runtimes[name]}`).join(', ')} |`,
    `| codec | ${report.codec.bytes} bytes, SHA-256 ${report.codec.sha256.slice(0, 16)}…, the same on each |`,
    `| rounds | ${report.rounds} of ${report.seconds} s, runtimes in turn |`,
    '',
    'Instructions, calls and bytes copied are exact, and the same on every runtime; so is the checksum. Times are medians, with half the range of the',
    'middle half of the rounds; cpu is the share of a core that the rounds had, so that a noisy run shows. bench/codec/README.md says what is counted.',
  ]
  for (const group of new Set(report.workloads.map((/** @type {any} */ row) => row.group))) {
    lines.push('', `## ${group}`, '')
    const head = [
      '',
      'bytes',
      'instructions',
      'a byte',
      'calls',
      'copied: wasm',
      'js',
      ...names.flatMap((name) => [`${name}: ns`, 'GB/s', 'cpu']),
      'checksum',
    ]
    lines.push(
      `| ${head.join(' | ')} |`,
      `|---|${head
        .slice(1, -1)
        .map(() => '--:|')
        .join('')}---|`,
    )
    for (const row of report.workloads) {
      if (row.group !== group) continue
      const { messages } = row
      const each = (/** @type {number} */ total) => digits(total / messages)
      const times = names.flatMap((name) => {
        const { ns, spread, gigabytes, cpu } = row.times[name]
        return [`${digits(ns)} ± ${Math.round(spread * 100)} %`, digits(gigabytes), digits(cpu)]
      })
      const exact = (row.instructions / messages).toFixed(2).replace(/\.00$/, '')
      const cells = [
        row.title,
        each(row.bytes),
        exact,
        digits(row.instructions / Math.max(1, row.bytes)),
        each(row.crossings),
        each(row.wasmCopied),
        each(row.jsCopied),
      ]
      lines.push(`| ${[...cells, ...times, `\`${row.checksum}\``].join(' | ')} |`)
    }
  }
  return `${lines.join('\n')}\n`
}
