/** Classes that existing code calls are thin: they translate names, events and errors. */

import { expect, test } from 'vitest'
import { readSources } from './source.ts'

/** Most lines of code of the two classes of sockets, of `fetch` and of the dispatchers together. Meant to become 2,000. */
const LIMIT = 2_400

const OF_FACES = /^src\/(?:faces\/.*|entry\/(?:\w+-)?(?:websocket|ws|fetch|undici)(?:-\w+)?)\.ts$/

/** Lines that are neither empty nor comment alone: documentation is not held against anyone. */
function linesOfCode(text: string): number {
  return text.split('\n').filter((line) => !/^\s*(?:\/\/.*|\/\*.*|\*.*)?$/.test(line)).length
}

test(`they and their entries have at most ${LIMIT} lines of code`, () => {
  const files = readSources('src').filter(({ path }) => OF_FACES.test(path))
  expect(files.length).toBeGreaterThan(20)
  expect(files.reduce((sum, { text }) => sum + linesOfCode(text), 0)).toBeLessThanOrEqual(LIMIT)
})
