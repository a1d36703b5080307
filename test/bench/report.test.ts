/** The report of the benchmarks: its charts can be read in both themes, and what is committed holds together. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Chart, draw, THEMES } from '../../bench/lib/chart.mjs'
import { pictures } from '../../bench/lib/pictures.mjs'
import { PERCENTILES } from '../../bench/lib/times.mjs'

const machine = { cpu: 'A CPU', cores: 2, platform: 'linux 6', date: '2026-01-02', rounds: 9, seconds: 0.5, version: '1.2.3' }

const entrant = (id: string, metrics: object) => ({
  id,
  failure: '',
  metrics,
  curve: PERCENTILES.map((percent) => 20 + percent),
})
const rate = (median: number) => ({ rate: { median } })

const reports = {
  node: [
    {
      ...machine,
      bench: 'flood',
      cases: [{ id: 'tcp-binary40', contenders: [entrant('nexus', rate(80)), { id: 'ws', failure: 'not here', metrics: {} }] }],
    },
    { ...machine, bench: 'echo', cases: [{ id: 'one-core', contenders: [entrant('nexus', {}), entrant('raw', {})] }] },
    { ...machine, bench: 'pool', cases: [{ id: 'tcp', contenders: [entrant('nexus', rate(30_000))] }] },
  ],
}

const row = (id: string, bytes: number) => ({ id, messages: 10, bytes: 10 * bytes, instructions: 600, times: { node: { gigabytes: 2 } } })
const codec = {
  ...machine,
  runtimes: { node: '20' },
  codec: { bytes: 20_000, sha256: '0123456789abcdef0123' },
  workloads: [
    row('frames-in/client/40-B/reads-of-16-KiB', 42),
    row('frames-in/client/4-KiB/reads-of-16-KiB', 4100),
    row('frames-out/client/40-B', 46),
  ],
}

const charts = pictures(reports, codec)

test('a chart is made of what was measured, and of nothing else', () => {
  expect(charts.map(({ name }) => name)).toEqual(['flood', 'echo', 'pool', 'codec-throughput', 'codec-instructions'])
  expect(pictures({}, null)).toEqual([])
  const [flood, echo] = charts as [Chart, Chart]
  expect(flood.panels[0]?.series.map(({ name, data }) => [name, data[0]])).toEqual([
    ['WsStream', 80],
    ['raw TCP, looking at nothing', null],
    ['ws', null],
  ])
  expect(echo.panels[0]?.series.map(({ name }) => name)).toEqual(['WsStream', 'raw TCP'])
  // The slowest of a hundred stands at 2, of a thousand at 3.
  const places = echo.panels[0]?.series[0]?.data.map((point) => (point as readonly number[])[0]?.toFixed(4))
  expect(places).toContain('2.0000')
  expect(places).toContain('3.0000')
})

describe.each(charts)('$name', (chart) => {
  test.each(THEMES)('can be read in %s: title, machine, axes with units, names of the series', (theme) => {
    const svg = draw(chart, theme).replaceAll('&#39;', "'")
    expect(svg).toMatch(/^<svg role="img" [^>]*>\n<title>/)
    for (const text of [chart.title, chart.x.name, chart.y.name, ...chart.panels[0].series.map(({ name }) => name)])
      expect(svg).toContain(`>${text}<`)
    expect(svg).not.toContain('NaN')
  })
})

test('each picture that the report and the README show is there, in both themes', () => {
  for (const [folder, file] of [
    ['bench/report/', 'README.md'],
    ['', 'README.md'],
  ] as const) {
    const text = readFileSync(new URL(`../../${folder}${file}`, import.meta.url), 'utf8')
    const shown = [...text.matchAll(/(?:srcset|src)="([^"]+\.svg)"/g)].map(([, name]) => name as string)
    expect(shown.length).toBeGreaterThan(3)
    for (const name of shown) expect(existsSync(new URL(`../../${folder}${name}`, import.meta.url)), name).toBe(true)
    expect(shown.filter((name) => name.endsWith('.dark.svg')).length).toBe(shown.length / 2)
  }
})

test('nothing in the report is left over from another run', () => {
  const folder = new URL('../../bench/report/', import.meta.url)
  const text = readFileSync(new URL('README.md', folder), 'utf8')
  for (const name of readdirSync(folder)) if (name.endsWith('.svg')) expect(text).toContain(name)
})
