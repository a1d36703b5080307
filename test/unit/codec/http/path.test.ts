/** Paths that climb above where they begin, in every spelling that a server or a proxy may understand. */

import { describe, expect, test } from 'vitest'
import { climbsOut } from '../../../../src/codec/http/path.ts'

describe('a path climbs out', () => {
  test.each([
    '/..',
    '/../',
    '/../admin',
    '/a/../../admin',
    '/a/b/../../../admin',
    '/%2e%2e/admin',
    '/%2E%2e/admin',
    '/.%2e/admin',
    '/%2e./admin',
    '/./../admin',
    '/a/./../../admin',
    '//../admin',
    '/a//../../admin',
    '/..\\admin',
    '/a\\..\\..\\admin',
    '/..%2fadmin',
    '/..%5cadmin',
    '/%2e%2e%2Fadmin',
    '/a%2fb/../../admin',
    '/..;/admin',
    '/..;x=y/admin',
    '/a/..%2f../admin',
    '/..?x',
    '/../admin?a=/b/c',
  ])('%s', (path) => {
    expect(climbsOut(path)).toBe(true)
  })
})

describe('a path stays', () => {
  test.each([
    '/',
    '/a',
    '/a/..',
    '/a/../b',
    '/a/b/../..',
    '/a/%2e%2e/b',
    '/.',
    '/./a',
    '/...',
    '/..a',
    '/a..',
    '/.well-known/x',
    '/a.b/c.d',
    '/%2e%2e%2e',
    '/%252e%252e/a',
    '/a%2fb',
    '/a?../../..',
    '/?/../..',
  ])('%s', (path) => {
    expect(climbsOut(path)).toBe(false)
  })
})
