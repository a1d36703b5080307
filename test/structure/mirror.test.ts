/** Tests are found where the code is: test/unit has the folders of src (and assembly), and a test bears the name of what it is about. */

import { expect, test } from 'vitest'
import { readSources } from './source.ts'

/** Subjects that are the whole room's, by the path of their test. */
const OF_THE_ROOM: readonly string[] = ['assembly/ends.test.ts', 'codec/released.test.ts', 'rest/deadlines.test.ts', 'rest/shared/slots.test.ts']

const folderOf = (path: string): string => path.replace(/\/?[^/]+$/, '')
const nameOf = (path: string): string => path.replace(/^.*\//, '').replace(/(?:\.\w+)+$/, '')
/** `frame-reader-buffer` is about `frame-reader`; `pool` is about all of `pool-core` and its like. */
const begins = (one: string, other: string): boolean => one === other || one.startsWith(`${other}-`)

const sources = [...readSources('src').map(({ path }) => path.replace(/^src\//, '')), ...readSources('assembly').map(({ path }) => path)]
const tests = readSources('test/unit')
  .map(({ path }) => path.replace(/^test\/unit\//, ''))
  .filter((path) => path.endsWith('.test.ts'))

/** Tests that are about nothing that lies beside them. */
function astray(all: readonly string[], of: readonly string[]): string[] {
  return all.filter((path) => {
    const names = of.filter((each) => folderOf(each) === folderOf(path)).map(nameOf)
    return !OF_THE_ROOM.includes(path) && !names.some((name) => begins(nameOf(path), name) || begins(name, nameOf(path)))
  })
}

test('each unit test lies beside what it is about, under its name', () => {
  expect(astray(tests, sources)).toEqual([])
  expect(tests.length).toBeGreaterThan(40)
})

test('a test without its source is seen', () => {
  const of = ['codec/ws/frame-reader.ts', 'rest/pool-core.ts', 'clock.ts', 'assembly/ws/reader.ts']
  const found = [
    'codec/ws/frame-reader-buffer.test.ts',
    'codec/ws/frames.test.ts',
    'codec/frame-reader.test.ts',
    'rest/pool.test.ts',
    'rest/poo.test.ts',
    'clock.test.ts',
    'assembly/reader.test.ts',
  ]
  expect(astray(found, of)).toEqual(['codec/ws/frames.test.ts', 'codec/frame-reader.test.ts', 'rest/poo.test.ts', 'assembly/reader.test.ts'])
})
