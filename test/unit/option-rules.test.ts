/** The judge of options: names, values, hints, and what an error shows of a value. */

import { describe, expect, test } from 'vitest'
import { BACKOFF_OPTIONS } from '../../src/backoff.ts'
import {
  checkInteger,
  checkNumber,
  checkOptions,
  checkTimeLimit,
  type Family,
  flag,
  integer,
  number,
  only,
  readOptions,
  signal,
  timeLimit,
  withDefaults,
} from '../../src/option-rules.ts'
import { ACQUIRE_OPTIONS, CLOSE_OPTIONS, HTTP_OPTIONS, POOL_OPTIONS, REQUEST_OPTIONS, SEND_OPTIONS } from '../../src/rest/options.ts'
import { ATOMIC_POOL_OPTIONS } from '../../src/rest/shared/atomic-pool.ts'
import { ACCEPT_OPTIONS, CONNECT_OPTIONS } from '../../src/ws/options.ts'
import { SESSION_OPTIONS } from '../../src/ws/sessions.ts'
import { OPTIONS } from '../integration/wrong-values.ts'

interface Bag {
  count?: number
  share?: number
  on?: boolean
  timeout?: number
  signal?: AbortSignal | undefined
}

const FAMILY: Family<Bag> = { count: integer(1, 10, 'things', 3), share: number(0, 1, 'of it'), on: flag(true), timeout: timeLimit(), signal }

const messageOf = (given: unknown): string => {
  try {
    readOptions(FAMILY, given)
  } catch (error) {
    expect(error).toMatchObject({ name: 'UsageError', code: 'InvalidOption', fault: 'local' })
    return (error as Error).message
  }
  throw new Error('it was accepted')
}

describe('what is read', () => {
  test('values are read once, undefined is absent, and what was given is left alone', () => {
    let reads = 0
    const given = {
      get count() {
        return ++reads
      },
      share: undefined,
    }
    expect(readOptions(FAMILY, given)).toEqual({ count: 1 })
    expect(reads).toBe(1)
    expect(readOptions(FAMILY, undefined)).toEqual({})
  })

  test('limits are inclusive, one step beyond is refused', () => {
    for (const count of [1, 10]) expect(readOptions(FAMILY, { count })).toEqual({ count })
    for (const count of [0, 11]) expect(messageOf({ count })).toBe(`count must be a whole number of things, 1 to 10, but is ${count}`)
    for (const share of [0, 1]) expect(readOptions(FAMILY, { share })).toEqual({ share })
    for (const share of [-Number.MIN_VALUE, 1 + Number.EPSILON]) expect(messageOf({ share })).toContain('share must be 0 to 1 of it')
  })

  test('a signal may be null, which is none; a controller is told apart', () => {
    const { signal } = new AbortController()
    expect(readOptions(FAMILY, { signal })).toEqual({ signal })
    expect(readOptions(FAMILY, { signal: null })).toEqual({ signal: undefined })
    expect(messageOf({ signal: new AbortController() })).toContain('give the `signal` of the controller')
  })

  test('checkOptions judges as readOptions does', () => {
    expect(() => checkOptions(FAMILY, { count: 0 })).toThrow('count must be')
    expect(() => checkOptions(FAMILY, { cuont: 1 })).toThrow('cuont is not an option; did you mean count?')
    checkOptions(FAMILY, { count: 1 })
  })

  test.each([0, 11, 2.5, '5', Number.NaN, null])('a number that is no option is refused in the same words: %j', (value) => {
    const said = (judge: () => unknown): unknown => {
      try {
        return judge()
      } catch (error) {
        return error
      }
    }
    expect(said(() => checkInteger('x', value, 1, 10, 'things'))).toEqual(said(() => integer(1, 10, 'things').read('x', value)))
    expect(said(() => checkNumber('x', value, 1, 10, 'of it'))).toEqual(said(() => number(1, 10, 'of it').read('x', value)))
    expect(said(() => checkTimeLimit('x', value))).toEqual(said(() => timeLimit().read('x', value)))
    expect(() => checkInteger('x', value, 1, 10, '')).toThrow('x must be a whole number, 1 to 10, but is ')
  })

  test('defaults fill what was not given', () => {
    expect(withDefaults(FAMILY, { share: 0.5 })).toEqual({ count: 3, share: 0.5, on: true })
    expect(only(FAMILY, { count: 1, other: 2 })).toEqual({ count: 1 })
  })
})

describe('unknown names', () => {
  test.each([
    [{ Count: 1 }, 'Count is not an option; did you mean count?'],
    [{ coutn: 1 }, 'coutn is not an option; did you mean count?'],
    [{ counts: 1 }, 'counts is not an option; did you mean count?'],
    [{ cont: 1 }, 'cont is not an option; did you mean count?'],
    [{ rejectUnauthorized: false }, 'rejectUnauthorized is not an option; here it is tls.dangerNoVerify'],
    [{ abortSignal: 1 }, 'abortSignal is not an option; here it is signal'],
    [{ followRedirects: true }, 'followRedirects is not an option: redirects are not followed'],
    [{ elephant: 1 }, 'elephant is not an option: they are count, share, on, timeout, signal'],
    [{ toString: 1 }, 'toString is not an option: they are count, share, on, timeout, signal'],
  ])('%j', (given, message) => {
    expect(messageOf(given)).toBe(message)
  })

  test('those of prototypes are names like others; undefined is absent even there', () => {
    expect(messageOf(JSON.parse('{"__proto__": 1}'))).toContain('__proto__ is not an option')
    expect(readOptions(FAMILY, { elephant: undefined } as Bag)).toEqual({})
  })
})

test('the checks with wrong values know every option of every family', () => {
  const families: Readonly<Record<string, object>> = {
    'WsStream.connect': CONNECT_OPTIONS,
    'WsStream.accept': ACCEPT_OPTIONS,
    'WsStream.sessions': SESSION_OPTIONS,
    'HttpConnection.connect': HTTP_OPTIONS,
    'ClientPool.connect': POOL_OPTIONS,
    'AtomicClientPool.connect': ATOMIC_POOL_OPTIONS,
    'pool.acquire': ACQUIRE_OPTIONS,
    'pool.close': CLOSE_OPTIONS,
    'pool.request': REQUEST_OPTIONS,
    'slot.send': SEND_OPTIONS,
  }
  expect(Object.keys(OPTIONS)).toEqual(Object.keys(families))
  for (const [fn, family] of Object.entries(families)) expect(Object.keys(OPTIONS[fn] ?? {}).sort(), fn).toEqual(Object.keys(family).sort())
  expect(Object.keys(BACKOFF_OPTIONS)).toEqual(['initial', 'max', 'factor', 'jitter'])
})
