import { describe, expect, test } from 'vitest'
import * as abi from '../../../../assembly/abi.ts'
import { httpError } from '../../../../src/codec/http/http-error.ts'
import { HttpError, NexusError } from '../../../../src/errors.ts'

/** MALFORMED_HEAD to MalformedHead. */
const named = (constant: string): string =>
  constant
    .slice('HTTP_ERROR_'.length)
    .split('_')
    .map((word) => word.charAt(0) + word.slice(1).toLowerCase())
    .join('')

const numbers = Object.entries(abi).filter(([name]) => name.startsWith('HTTP_ERROR_') && name !== 'HTTP_ERROR_NONE')

describe('httpError', () => {
  test.each(numbers.filter(([name]) => name !== 'HTTP_ERROR_UNEXPECTED_END'))('makes of %s (%d) the code of that name', (name, number) => {
    for (const what of ['request', 'response'] as const) {
      const error = httpError(number, what, 7, 5)
      expect(error).toBeInstanceOf(HttpError)
      expect(error).toBeInstanceOf(NexusError)
      expect([error.code, error.fault, error.name]).toEqual([named(name), 'remote', 'HttpError'])
      expect(error.message.length).toBeGreaterThan(10)
    }
  })
  test('knows no other number', () => {
    // The end of a connection is no number of the codec's: the reader makes that error, for it knows where it was.
    for (const number of [0, 15, numbers.length + 1, -1]) expect(() => httpError(number, 'response')).toThrow(RangeError)
  })
})
