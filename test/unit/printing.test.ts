/** How objects show themselves, however they are asked; that every public class does is checked on each runtime: test/integration/ownership.test.ts. */

import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { HandshakeError, TransportError, UsageError } from '../../src/errors.ts'
import { namesOf, showsItself } from '../../src/printing.ts'

class Thing {
  static {
    showsItself(this.prototype, (it) => ({ size: it.memory.length }))
  }
  readonly memory = new Uint8Array(100)
}
class Other extends Thing {}

/** As Deno asks: the function first. */
function askAsDeno(value: object): unknown {
  return (value as { [key: symbol]: (inspect: unknown, options: unknown) => unknown })[Symbol.for('Deno.customInspect')]?.(inspect, {})
}

describe('an object', () => {
  test('shows its class and what it says of itself, alone and inside of others', () => {
    expect([inspect(new Thing()), inspect(new Other()), inspect([{ a: new Thing() }])]).toEqual([
      'Thing { size: 100 }',
      'Other { size: 100 }',
      '[ { a: Thing { size: 100 } } ]',
    ])
    expect(askAsDeno(new Thing())).toBe('Thing { size: 100 }')
    expect(JSON.stringify([new Thing()])).toBe('[{"size":100}]')
  })
  test('shows itself to who does not say how values are printed', () => {
    const ask = (new Thing() as unknown as { [key: symbol]: (depth: number, options: unknown) => unknown })[Symbol.for('nodejs.util.inspect.custom')]
    expect(ask?.call(new Thing(), 2, {})).toBe('Thing {"size":100}')
  })
  test('is copied and compared without it', () => {
    const plan = { id: 1, key: 'secret' }
    showsItself(plan, ({ id }) => ({ id }))
    expect([JSON.stringify(plan), inspect(plan), Object.keys(plan), structuredClone(plan)]).toEqual([
      '{"id":1}',
      'Object { id: 1 }',
      ['id', 'key'],
      { id: 1, key: 'secret' },
    ])
  })
})

describe('an error', () => {
  test('shows its stack, its code and its numbers', () => {
    const error = new UsageError('BufferFull', 'no room', { needed: 2, available: 1 })
    const text = inspect(error)
    expect(text.startsWith(error.stack as string)).toBe(true)
    expect(text.slice(error.stack?.length)).toBe(" { code: 'BufferFull', fault: 'local', needed: 2, available: 1 }")
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'UsageError',
      message: 'no room',
      code: 'BufferFull',
      fault: 'local',
      needed: 2,
      available: 1,
    })
  })
  test('of a response shows names of fields and the length of the body; of a cause, what it says and not what it carries', () => {
    const cause = Object.assign(new Error('below'), { code: 'ECONNRESET', input: 'secret' })
    const response = { status: 401, reason: 'No', headers: [['Set-Cookie', 'secret']] as const, body: 'secret' }
    const error = new HandshakeError('UnexpectedStatus', 'refused', response, { cause })
    for (const text of [inspect(error), askAsDeno(error), JSON.stringify(error)]) {
      expect(text).toContain('Set-Cookie')
      expect(text).toContain('below')
      expect(text).not.toContain('secret')
    }
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'HandshakeError',
      message: 'refused',
      code: 'UnexpectedStatus',
      fault: 'remote',
      status: 401,
      headers: ['Set-Cookie'],
      bodyLength: 6,
      cause: { name: 'Error', message: 'below', code: 'ECONNRESET' },
    })
    expect(inspect(new TransportError('ConnectionReset', 'reset'))).toContain("{ code: 'ConnectionReset', fault: 'transport' }")
  })
})

test('names of fields are in order', () => {
  expect(namesOf([['A', '1'] as const, ['b', '2'] as const, ['A', '3'] as const])).toEqual(['A', 'b', 'A'])
})
