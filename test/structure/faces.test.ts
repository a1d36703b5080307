/** Classes that existing code calls are thin: they translate names, events and errors. */

import { expect, test } from 'vitest'
import { readSources } from './source.ts'

/** Most lines of code of the two classes of sockets and of `fetch` together. */
const LIMIT = 1_600

const OF_FACES = /^src\/(?:faces\/(?!.*undici).*|entry\/(?:\w+-)?(?:websocket|ws|fetch)(?:-\w+)?)\.ts$/

/** Lines that are neither empty nor comment alone: documentation is not held against anyone. */
function linesOfCode(text: string): number {
  return text.split('\n').filter((line) => !/^\s*(?:\/\/.*|\/\*.*|\*.*)?$/.test(line)).length
}

test(`they and their entries have at most ${LIMIT} lines of code`, () => {
  const files = readSources('src').filter(({ path }) => OF_FACES.test(path))
  expect(files.length).toBeGreaterThan(20)
  expect(files.reduce((sum, { text }) => sum + linesOfCode(text), 0)).toBeLessThanOrEqual(LIMIT)
})
