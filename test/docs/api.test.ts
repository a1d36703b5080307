/** The API reference and the guides' tables of options are what their script makes of docstrings and rules, and every link in the reference leads somewhere. */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const committed = fileURLToPath(new URL('../../docs/api/', import.meta.url))
const names = readdirSync(committed).sort()
const guides = fileURLToPath(new URL('../../docs/', import.meta.url))

let made: string
let madeGuides: string
let run: { status: number | null; stderr: string }

beforeAll(() => {
  made = mkdtempSync(join(tmpdir(), 'nexus-api-'))
  madeGuides = mkdtempSync(join(tmpdir(), 'nexus-guides-'))
  const script = fileURLToPath(new URL('../../scripts/docs-api.mjs', import.meta.url))
  run = spawnSync(process.execPath, [script, made, madeGuides], { encoding: 'utf8' })
})
afterAll(() => {
  for (const folder of [made, madeGuides]) rmSync(folder, { recursive: true, force: true })
})

/** The anchors that the headings of a page get. */
function anchorsOf(text: string): Set<string> {
  const prose = text.replace(/^```[\s\S]*?^```/gm, '')
  return new Set(
    [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  )
}

test('every public name and member has a docstring', () => {
  expect(run).toEqual(expect.objectContaining({ status: 0, stderr: '' }))
})

test('the pages are those that the script makes', () => {
  expect(readdirSync(made).sort()).toEqual(names)
  expect(names).toContain('README.md')
})

describe('the tables of options in the guides', () => {
  const withTables = readdirSync(guides).filter(
    (name) => name.endsWith('.md') && /<!-- (?:options|ranges): /.test(readFileSync(join(guides, name), 'utf8')),
  )

  test('stand in these guides', () => {
    expect(withTables).toEqual(['rest.md', 'threads.md', 'tuning.md', 'websocket.md'])
  })

  test.each(withTables)('%s is up to date: npm run docs:api', (name) => {
    expect(readFileSync(join(guides, name), 'utf8')).toBe(readFileSync(join(madeGuides, name), 'utf8'))
  })

  test.each([
    ['rest.md', '## Timeouts', 3],
    ['rest.md', '## Limits', 5],
  ])('%s, %s: defaults that are written by hand are those of the rules', (name, heading, least) => {
    const text = readFileSync(join(guides, name), 'utf8')
    const tables = [...text.matchAll(/<!-- options: [\s\S]*?<!-- end of options -->/g)].join('\n')
    // Of an option in several tables, the first counts: a request's default is its connection's.
    const defaults = new Map(
      [...tables.matchAll(/^\| `([\w.]+)` \| [^|]* \| ([^|]*?)(?: ms)? \|/gm)]
        .map(([, option = '', value = '']) => [option, value] as const)
        .reverse(),
    )
    const section = text.slice(text.indexOf(heading)).split(/\n## /)[0] ?? ''
    const rows = section.split('\n').filter((line) => line.startsWith('| '))
    const found = rows.flatMap((row) => {
      const cells = row.split(' | ')
      const written = cells.find((cell) => /^\d[\d,]*(?: [KM]?i?B)?$/.test(cell))?.replace(/ B$/, '')
      const option = [...row.matchAll(/`([\w.]+)`/g)].map(([, each = '']) => each).find((each) => defaults.has(each))
      return written === undefined || option === undefined || option === 'maxHeadSize' ? [] : [[option, written, defaults.get(option)]]
    })
    expect(found.length).toBeGreaterThanOrEqual(least)
    expect(found.filter(([, written, rule]) => written !== rule)).toEqual([])
  })
})

describe.each(names)('%s', (name) => {
  const text = readFileSync(join(committed, name), 'utf8')

  test('is up to date: npm run docs:api', () => {
    expect(text).toBe(readFileSync(join(made, name), 'utf8'))
  })

  test('has links that lead somewhere', () => {
    const prose = text.replace(/^```[\s\S]*?^```/gm, '')
    const links = [...prose.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)]
    expect(links.length).toBeGreaterThan(0)
    const lost = links.filter(([, file = '', anchor]) => {
      const target = join(committed, file === '' ? name : file)
      return !existsSync(target) || (anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).has(anchor))
    })
    expect(lost.map(([link]) => link)).toEqual([])
  })

  test('has no heading twice', () => {
    const headings: string[] = text.replace(/^```[\s\S]*?^```/gm, '').match(/^#+ .+$/gm) ?? []
    expect(headings.filter((heading, i) => headings.indexOf(heading) !== i)).toEqual([])
  })
})
