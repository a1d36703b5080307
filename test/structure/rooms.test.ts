/** The table of rooms in docs/architecture.md is the tree: each file has its line, and each line its files. */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readSources } from './source.ts'

/** Made by the build; lists of public names; declarations of what is not ours. */
const HAS_NO_JOB = /^src\/codec\/(?:deflate\/)?binary(?:-shared)?\.ts$|\/index\.ts$|\.d(?:\.wasm)?\.ts$/

/** Paths of a table's first column: in `src/a/b.ts`, `c.ts` the second lies beside the first. */
function roomsOf(document: string): string[] {
  const rows = document.split('\n').slice(document.split('\n').indexOf('| Room | Its one job |') + 2)
  const table = rows.slice(
    0,
    rows.findIndex((row) => !row.startsWith('|')),
  )
  return table.flatMap((row) => {
    let folder = ''
    return [...(row.split('|')[1] as string).matchAll(/`([^`]+)`/g)].map(([, name]) => {
      const path = (name as string).includes('/') ? (name as string) : `${folder}${name}`
      folder = path.replace(/[^/]+$/, '')
      return path
    })
  })
}

const document = readFileSync(new URL('../../docs/architecture.md', import.meta.url), 'utf8')
const files = readSources('src', 'assembly')
  .map(({ path }) => path)
  .filter((path) => /^assembly\/(?:deflate\/)?index\.ts$/.test(path) || !HAS_NO_JOB.test(path))

test('every file has its line', () => {
  const rooms = roomsOf(document)
  expect(files.filter((path) => !rooms.includes(path))).toEqual([])
})

test('every line has its files, and no file has two', () => {
  const rooms = roomsOf(document)
  expect(rooms.filter((path) => !files.includes(path))).toEqual([])
  expect(rooms.filter((path, i) => rooms.indexOf(path) !== i)).toEqual([])
})

test('the table is read', () => {
  expect(roomsOf('x\n| Room | Its one job |\n|---|---|\n| `src/a/b.ts`, `c.ts` | one |\n| `src/d.ts` | `two` |\n\n| `e.ts` | no |')).toEqual([
    'src/a/b.ts',
    'src/a/c.ts',
    'src/d.ts',
  ])
})
