import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { renewFigures } from '../../bench/lib/figures.mjs'

// The figures of docs/performance.md are those of bench/report. `npm run bench -- --draw` renews both, as every run of the benchmarks does.

const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
const page = read('docs/performance.md')
const results = JSON.parse(read('bench/report/results.json'))

test('every table is what the report makes of it', () => {
  expect(page.match(/<!-- figures: \w+ -->/g)).toHaveLength(7)
  expect(renewFigures(page, results)).toBe(page)
})

test('a figure that the report does not have is an error, not a gap', () => {
  const { node } = results.reports
  const without = node.map((report: { bench: string }) => (report.bench === 'flood' ? { ...report, cases: [] } : report))
  expect(() => renewFigures(page, { ...results, reports: { ...results.reports, node: without } })).toThrow('no rate of nexus in flood')
})

test('a benchmark that was not run on a runtime is said so', () => {
  const gaps = page.split('\n').filter((line) => line.includes('not measured'))
  const lacking = Object.values(results.reports as Record<string, { bench: string }[]>).filter((all) => !all.some(({ bench }) => bench === 'memory'))
  expect(gaps.length).toBe(lacking.length > 0 ? 5 : 0)
})
