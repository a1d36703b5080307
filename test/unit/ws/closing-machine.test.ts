/** The end of a connection as a table, and over every order of what can happen. */

import { describe, expect, test } from 'vitest'
import { ProtocolError, TransportError } from '../../../src/errors.ts'
import { Closing, type ClosingAction } from '../../../src/ws/closing.ts'

const reset = new TransportError('ConnectionReset', 'reset')
const silent = new TransportError('HeartbeatTimeout', 'silent')
const broken = new ProtocolError('InvalidOpcode', 'broken', 1002)
const theirs = { code: 4003, reason: 'theirs' }
const ours = { code: 1001, reason: 'ours' }

/** Everything that can happen. */
const INPUTS = {
  close: (c) => c.onClose(ours),
  destroy: (c) => c.onDestroy(),
  closeFrame: (c) => c.onCloseFrame(theirs),
  end: (c) => c.onEnd(false),
  midEnd: (c) => c.onEnd(true),
  gone: (c) => c.onLost(null),
  reset: (c) => c.onLost(reset),
  timeout: (c) => c.onTimeout(3_000),
  silent: (c) => c.onGivenUp(silent),
  broken: (c) => c.onBroken(broken),
  ahead: (c) => c.onCloseFrameAhead(theirs),
  noneAhead: (c) => c.onNoneAhead(),
} satisfies Record<string, (closing: Closing) => readonly ClosingAction[]>

type Input = keyof typeof INPUTS
const ALL = Object.keys(INPUTS) as Input[]

function run(inputs: readonly Input[], isServer = false, isQuiet = false): { closing: Closing; steps: string[] } {
  const closing = new Closing(isServer, isQuiet)
  return { closing, steps: inputs.map((input) => INPUTS[input](closing).join(' ')) }
}

const NONE = 1006

describe('what comes of it', () => {
  // inputs · what is done after the last of them · code, clean, error · what receiving rejects with
  const rows: readonly (readonly [string, string, number, boolean, string | null, string | null])[] = [
    ['close', 'send wait drop', NONE, false, null, null],
    ['close closeFrame', 'watch', 4003, true, null, null],
    ['close closeFrame end', 'cut over', 4003, true, null, null],
    ['close closeFrame gone', 'cut over', 4003, true, null, null],
    ['close closeFrame reset', 'cut over', 4003, true, null, null],
    ['close closeFrame timeout', 'cut over', 4003, true, null, null],
    ['close end', 'cut over', NONE, false, 'ConnectionClosed', null],
    ['close midEnd', 'cut over', NONE, false, 'UnexpectedEnd', null],
    ['close timeout', 'cut over', NONE, false, 'CloseTimeout', null],
    ['close reset', 'cut judge', NONE, false, 'ConnectionReset', null],
    ['close reset noneAhead', 'over', NONE, false, 'ConnectionReset', null],
    ['close broken', 'linger over', NONE, false, 'InvalidOpcode', null],
    ['close destroy', 'cut over', NONE, false, null, null],
    ['close close', '', NONE, false, null, null],
    ['closeFrame', 'send wait watch', 4003, true, null, null],
    ['closeFrame end', 'cut over', 4003, true, null, null],
    ['closeFrame close', '', 4003, true, null, null],
    ['closeFrame destroy', 'cut over', 4003, true, null, null],
    ['end', 'cut over', NONE, false, 'ConnectionClosed', 'ConnectionClosed'],
    ['midEnd', 'cut over', NONE, false, 'UnexpectedEnd', 'UnexpectedEnd'],
    ['end close', 'drop', NONE, false, 'ConnectionClosed', null],
    ['gone', 'cut judge', NONE, false, 'ConnectionClosed', 'ConnectionClosed'],
    ['gone noneAhead', 'over', NONE, false, 'ConnectionClosed', 'ConnectionClosed'],
    ['reset', 'cut judge', NONE, false, 'ConnectionReset', 'ConnectionReset'],
    ['reset noneAhead', 'over', NONE, false, 'ConnectionReset', 'ConnectionReset'],
    // What arrived before the loss counts: the code is the peer's, though it was never answered.
    ['reset ahead', 'over', 4003, false, null, null],
    ['reset ahead closeFrame', '', 4003, false, null, null],
    ['reset closeFrame', 'over', 4003, false, null, null],
    ['reset broken', 'over', NONE, false, 'InvalidOpcode', 'InvalidOpcode'],
    ['reset close', 'drop', NONE, false, 'ConnectionReset', null],
    ['silent', 'cut over', NONE, false, 'HeartbeatTimeout', 'HeartbeatTimeout'],
    ['broken', 'send linger over', NONE, false, 'InvalidOpcode', 'InvalidOpcode'],
    ['destroy', 'cut over', NONE, false, null, null],
    ['destroy reset', '', NONE, false, null, null],
  ]
  test.each(rows)('%s: %s', (inputs, actions, code, wasClean, error, failure) => {
    const { closing, steps } = run(inputs.split(' ') as Input[])
    expect(steps.at(-1)).toBe(actions)
    const { info } = closing
    const codeOf = (each: Error | null): string | null => (each as { code?: string } | null)?.code ?? null
    expect([info.code, info.wasClean, codeOf(info.error), codeOf(closing.failure)]).toEqual([code, wasClean, error, failure])
  })

  test('a server ends the connection once both close frames have passed', () => {
    expect(run(['closeFrame'], true).steps).toEqual(['send wait end watch'])
    expect(run(['close', 'closeFrame'], true).steps).toEqual(['send wait drop', 'end watch'])
  })

  test('the close frame that is sent: ours, the echo of theirs, or what was broken', () => {
    expect(run(['close']).closing.frame).toEqual(ours)
    expect(run(['closeFrame']).closing.frame).toEqual({ code: 4003, reason: '' })
    expect(run(['broken']).closing.frame).toEqual({ code: 1002, reason: '' })
    expect(run(['close', 'closeFrame']).closing.frame).toEqual(ours)
  })
})

test('in every order of five inputs there is one verdict, one close frame at most, and nothing after the end', () => {
  const RANK = { open: 0, closing: 1, closed: 2 }
  const visit = (isServer: boolean, path: readonly Input[], sent: number, over: string | null): void => {
    if (path.length === 5) return
    for (const input of ALL) {
      // A machine has no copy: the path is walked again.
      const next = new Closing(isServer, false)
      for (const each of path) INPUTS[each](next)
      const before = next.readyState
      const actions = INPUTS[input](next)
      const where = [...path, input].join(' ')
      const fail = (what: string): never => expect.fail(`${where}: ${what} (${actions.join(' ')})`)
      if (RANK[next.readyState] < RANK[before]) fail('the state went back')
      if (actions.includes('send') && (sent !== 0 || before !== 'open')) fail('a second close frame, or one after the end')
      if (actions.includes('wait') && !(before === 'open' && next.readyState === 'closing')) fail('waits for what is not due')
      if (actions.includes('over') && over !== null) fail('a second verdict')
      if (over !== null && actions.some((action) => action !== 'drop')) fail('acts after the end')
      if (actions.includes('over') !== (over === null && next.readyState === 'closed' && !next.isUndecided)) fail('the verdict is not notified')
      if (actions.includes('judge') && !next.isUndecided) fail('nothing to judge')
      const verdict = JSON.stringify([next.info.code, next.info.reason, next.info.wasClean, next.info.error?.message ?? null])
      if (over !== null && verdict !== over) fail('the verdict changed')
      const { info } = next
      if (info.wasClean && (info.error !== null || info.code !== 4003)) fail('clean without a close frame')
      const isOver = over !== null || actions.includes('over')
      if (isOver && info.code === NONE && info.error === null && ![...path, input].includes('destroy')) fail('1006 without a reason')
      if (isOver && info.code !== NONE && info.error !== null) fail('a close frame and an error')
      if (next.failure !== null && next.failure !== info.error) fail('receiving fails with something else')
      visit(isServer, [...path, input], sent + (actions.includes('send') ? 1 : 0), isOver ? verdict : null)
    }
  }
  for (const isServer of [false, true]) visit(isServer, [], 0, null)
})
