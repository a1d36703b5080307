/** What ships is built by scripts/ and rollup.config.js alone: no code of the benchmarks or the tests has a part in it. */

import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { importsOf, readSources, resolveImport } from './source.ts'

const root = new URL('../../', import.meta.url)

/** The scripts that `npm run build` and `npm run docs:api` begin with, and what they lead to. */
function builders(): { path: string; text: string }[] {
  const scripts = readdirSync(new URL('scripts/', root)).filter((name) => name.endsWith('.mjs'))
  return ['rollup.config.js', ...scripts.map((name) => `scripts/${name}`)].map((path) => ({ path, text: readFileSync(new URL(path, root), 'utf8') }))
}

test('nothing that ships is built by code of the benchmarks or the tests', () => {
  const found = [...builders(), ...readSources('src')].flatMap(({ path, text }) =>
    importsOf(text).flatMap(({ specifier }) => {
      const target = resolveImport(path, specifier)
      return target !== null && /^(?:bench|test|demo|docs)\//.test(target) ? [`${path} imports ${target}`] : []
    }),
  )
  expect(found).toEqual([])
  expect(builders().length).toBeGreaterThan(3)
})
