/** No regular expression of ours takes time that grows with the square of its input. */

import { describe, expect, test } from 'vitest'
import { readSources, regularExpressionsOf } from './source.ts'

/** Alternatives of a regular expression, whatever they are nested in. */
function alternativesOf(expression: string): string[] {
  const withoutClasses = expression.replace(/\\./g, 'x').replace(/\[[^\]]*\]/g, 'x')
  return withoutClasses.split('|')
}

/** It may begin at any place, repeats something without bound, and fails only behind that: the same run is read again from each of its places. */
function isQuadratic(expression: string): boolean {
  return alternativesOf(expression).some((each) => !/^(?:\(\?:)?\^/.test(each) && /(?:[+*]|\{\d+,\})\??\)*\$\)*$/.test(each))
}

describe('the shape of a quadratic one', () => {
  test.each(['\\/+$', '\\s*$', '[^a]+$', 'a|b+$', '(?:x+)$', 'x{3,}$'])('/%s/ has it', (expression) => expect(isQuadratic(expression)).toBe(true))
  test.each(['^\\/+$', '^(?:a|b)$', '\\/$', '^[a]{1,3}$', '^a*\\+$', '(?:^x+)$'])('/%s/ has not', (expression) =>
    expect(isQuadratic(expression)).toBe(false),
  )
})

test('nothing in src has that shape', () => {
  const found = readSources('src').flatMap(({ path, text }) => regularExpressionsOf(text).map((expression) => `${path}: ${expression}`))
  expect(found.length).toBeGreaterThan(20)
  expect(found.filter((each) => isQuadratic(each.slice(each.indexOf(': ') + 2)))).toEqual([])
})
