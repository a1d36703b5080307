import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

// Every row of SECURITY.md names the tests that pin it: a file, and titles in it.

const root = resolve(import.meta.dirname, '../..')
const rows = readFileSync(join(root, 'SECURITY.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| (?!Attempt)/.test(line))
  .map((line) => line.split(' | ') as [attempt: string, answer: string, tests: string])

test('the tables are where this test looks for them', () => {
  expect(rows.length).toBeGreaterThan(40)
})

describe.each(rows)('%s', (_, __, tests) => {
  const named = [...tests.matchAll(/`([^`]+)`((?: “[^”]+”)+)/g)].map(([, file = '', titles = '']) => ({ file, titles }))

  test('names files and titles, and nothing besides', () => {
    expect(named.map(({ file, titles }) => `\`${file}\`${titles}`).join(' · ')).toBe(tests.replace(/ \|$/, ''))
  })

  test.each(named)('$file', ({ file, titles }) => {
    expect(existsSync(join(root, file))).toBe(true)
    const text = readFileSync(join(root, file), 'utf8')
    for (const [, title = ''] of titles.matchAll(/“([^”]+)”/g)) {
      expect(text.split('\n')).toContainEqual(expect.stringContaining(file.endsWith('.md') ? `## ${title}` : `'${title}'`))
    }
  })
})
