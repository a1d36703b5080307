/** Header fields and query parameters as callers give them. */

import { describe, expect, test } from 'vitest'
import { type FieldsInit, pairsOf } from '../../../../src/codec/http/fields.ts'
import { makeWriter } from '../../rest/harness.ts'

describe('pairsOf', () => {
  test.each<[string, FieldsInit | undefined, [string, string][]]>([
    ['nothing', undefined, []],
    [
      'an object',
      { A: '1', B: '2' },
      [
        ['A', '1'],
        ['B', '2'],
      ],
    ],
    [
      'pairs',
      [
        ['A', '1'],
        ['A', '2'],
      ],
      [
        ['A', '1'],
        ['A', '2'],
      ],
    ],
    ['a Map', new Map([['A', '1']]), [['A', '1']]],
    ['a Headers', new Headers({ A: '1' }), [['a', '1']]],
    [
      'a URLSearchParams',
      new URLSearchParams('a=1&a=2'),
      [
        ['a', '1'],
        ['a', '2'],
      ],
    ],
    [
      'numbers and booleans',
      { A: 1, B: true, C: -0.5, D: 0, E: false },
      [
        ['A', '1'],
        ['B', 'true'],
        ['C', '-0.5'],
        ['D', '0'],
        ['E', 'false'],
      ],
    ],
    [
      'a list as a value',
      { A: ['1', 2, undefined] },
      [
        ['A', '1'],
        ['A', '2'],
      ],
    ],
    ['undefined, which leaves a field out', { A: undefined, B: '' }, [['B', '']]],
  ])('%s', (_, init, pairs) => {
    expect(pairsOf(init, 'headers')).toEqual(pairs)
  })

  test.each<[string, unknown, RegExp]>([
    ['null', null, /^headers must be an object, or pairs like .*, but is null$/],
    ['a string', 'X: 1', /but is a string of 4 characters$/],
    ['a number', 5, /but is 5$/],
    ['a flat list', ['Authorization', 'token'], /an array with something else in it$/],
    ['a pair of one', [['A']], /an array with something else in it$/],
    ['a triple', [['A', '1', '2']], /an array with something else in it$/],
    ['a name that is no string', [[1, 'x']], /an array with something else in it$/],
    ['null as a value', { 'X-Key': null }, /^headers: the value of "X-Key" must be a string, a number or a boolean, .* but is null$/],
    ['an object as a value', { 'X-Key': { secret: 1 } }, /"X-Key" .* but is an object$/],
    ['a symbol as a value', { 'X-Key': Symbol('secret') }, /"X-Key" .* but is a symbol$/],
    ['a list in a list', { 'X-Key': [['secret']] }, /"X-Key" .* but is an array of 1$/],
  ])('%s is refused', (_, init, message) => {
    expect(() => pairsOf(init as FieldsInit, 'headers')).toThrow(
      expect.objectContaining({ code: 'InvalidOption', message: expect.stringMatching(message) }),
    )
  })
})

describe('one at a time, in a request', () => {
  const written = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

  test('undefined leaves it out, numbers and booleans are written', () => {
    const writer = makeWriter()
    writer.defaultHeader('X-None', undefined).defaultHeader('X-Five', 5)
    const request = writer.get('/').query('a', undefined).query('b', 0).header('X-A', undefined).header('X-B', false).finish()
    expect(written(request.bytes)).toBe('GET /?b=0 HTTP/1.1\r\nHost: server.test\r\nConnection: keep-alive\r\nX-Five: 5\r\nX-B: false\r\n\r\n')
  })

  test.each([null, {}, [], Symbol('x')])('%o is refused by its name, and the writer goes on', (value) => {
    const writer = makeWriter()
    const wrong = value as unknown as string
    expect(() => writer.get('/').query('limit', wrong).finish()).toThrow(/query parameter "limit" must be a string/)
    expect(() => writer.get('/').header('X-Key', wrong).finish()).toThrow(/header "X-Key" must be a string/)
    expect(() => writer.defaultHeader('X-Key', wrong)).toThrow(/default header "X-Key" must be a string/)
    expect(written(writer.get('/').finish().bytes)).not.toContain('X-Key')
  })
})
