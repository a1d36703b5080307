/** The API reference is what its script makes of the docstrings, and every link in it leads somewhere. */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const committed = fileURLToPath(new URL('../../docs/api/', import.meta.url))
const names = readdirSync(committed).sort()

let made: string
let run: { status: number | null; stderr: string }

beforeAll(() => {
  made = mkdtempSync(join(tmpdir(), 'nexus-api-'))
  const script = fileURLToPath(new URL('../../scripts/docs-api.mjs', import.meta.url))
  run = spawnSync(process.execPath, [script, made], { encoding: 'utf8' })
})
afterAll(() => rmSync(made, { recursive: true, force: true }))

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
