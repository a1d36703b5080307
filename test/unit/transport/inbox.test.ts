/** The order in which the user of a transport learns of things, whatever order they happen in: a table, and a model under random inputs. */

import { describe, expect, test } from 'vitest'
import { Inbox } from '../../../src/transport/inbox.ts'
import type { TransportHandler } from '../../../src/transport/transport.ts'
import { Random } from '../../reference/random.ts'

const LOST = new Error('lost')
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const microtasks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A user that writes down what it is told, and asks when it is told to. */
class User implements TransportHandler {
  readonly log: string[] = []
  readonly targets: readonly Uint8Array[]
  /** Called at the end of every delivery. */
  onDelivered = (): void => {}

  constructor(count: number, size: number) {
    this.targets = Array.from({ length: count }, () => new Uint8Array(size))
  }

  onRead(index: number, length: number): void {
    this.log.push(new TextDecoder().decode((this.targets[index] as Uint8Array).subarray(0, length)))
    this.onDelivered()
  }

  onEnd(): void {
    this.log.push('END')
    this.onDelivered()
  }

  onWritten(): void {}

  onLost(error: Error): void {
    this.log.push(`LOST ${error.message}`)
  }

  onClosed(error: Error | null): void {
    this.log.push(`CLOSED ${error === null ? 'null' : error.message}`)
  }
}

type Step = (inbox: Inbox) => void
const steps = {
  bytes: (inbox) => inbox.push(bytesOf('ab')),
  end: (inbox) => inbox.end(),
  close: (inbox) => inbox.close(null),
  loss: (inbox) => inbox.close(LOST),
  ask: (inbox) => inbox.resume(),
  destroy: (inbox) => inbox.drop(),
} satisfies Record<string, Step>
type Name = keyof typeof steps

describe('what the user learns', () => {
  test.each<[readonly Name[], readonly string[]]>([
    // Nothing waits: a close is told at once, asked for or not.
    [['loss'], ['CLOSED lost']],
    [['close'], ['CLOSED null']],
    [['ask', 'loss'], ['CLOSED lost']],
    // Bytes and end wait to be asked for, and the close behind them.
    [['bytes'], []],
    [['bytes', 'loss'], ['LOST lost']],
    [
      ['bytes', 'loss', 'ask'],
      ['LOST lost', 'ab', 'CLOSED lost'],
    ],
    [['bytes', 'close'], []],
    [
      ['bytes', 'close', 'ask'],
      ['ab', 'CLOSED null'],
    ],
    [
      ['bytes', 'end', 'loss', 'ask'],
      ['LOST lost', 'ab'],
    ],
    [
      ['bytes', 'end', 'loss', 'ask', 'ask'],
      ['LOST lost', 'ab', 'END', 'CLOSED lost'],
    ],
    [
      ['bytes', 'end', 'close', 'ask', 'ask'],
      ['ab', 'END', 'CLOSED null'],
    ],
    [
      ['ask', 'bytes', 'ask', 'end', 'close'],
      ['ab', 'END', 'CLOSED null'],
    ],
    [['end', 'ask'], ['END']],
    [['end', 'ask', 'ask'], ['END']],
    [
      ['end', 'ask', 'close'],
      ['END', 'CLOSED null'],
    ],
    [
      ['end', 'ask', 'ask', 'loss'],
      ['END', 'CLOSED lost'],
    ],
    // Each once.
    [['end', 'end', 'ask', 'ask'], ['END']],
    [['loss', 'close', 'loss'], ['CLOSED lost']],
    [
      ['bytes', 'loss', 'close', 'ask'],
      ['LOST lost', 'ab', 'CLOSED lost'],
    ],
    // Who destroys is told that it is closed, and nothing else.
    [['bytes', 'destroy'], []],
    [['bytes', 'destroy', 'ask', 'close'], ['CLOSED null']],
    [['bytes', 'end', 'destroy', 'loss'], ['CLOSED null']],
    [
      ['bytes', 'loss', 'destroy'],
      ['LOST lost', 'CLOSED null'],
    ],
    [['destroy', 'bytes', 'end', 'ask', 'loss'], ['CLOSED null']],
  ])('%j → %j', async (names, expected) => {
    const user = new User(1, 10)
    const inbox = new Inbox({ readOn: () => {} })
    inbox.start(user, user.targets)
    for (const name of names) (steps[name] as Step)(inbox)
    await microtasks()
    expect(user.log).toEqual(expected)
  })

  test('of a connection that was lost, ended or filled before it started: as of any other, and not from inside of start', async () => {
    for (const [before, asks, expected] of [
      [['loss'], 0, ['CLOSED lost']],
      [['close'], 0, ['CLOSED null']],
      [['bytes', 'loss'], 1, ['ab', 'CLOSED lost']],
      [['end', 'close'], 1, ['END', 'CLOSED null']],
      [['end', 'loss'], 1, ['END', 'CLOSED lost']],
    ] as const) {
      const user = new User(2, 10)
      const inbox = new Inbox({ readOn: () => {} })
      for (const name of before) (steps[name] as Step)(inbox)
      inbox.start(user, user.targets)
      expect(user.log).toEqual([])
      for (let i = 0; i < asks; i++) inbox.resume()
      await microtasks()
      expect(user.log).toEqual(expected)
    }
  })
})

test('a source is asked only when nothing waits, and may answer from inside', () => {
  const user = new User(1, 4)
  let reads = 0
  const inbox: Inbox = new Inbox({
    readOn: () => {
      reads++
      if (reads <= 3) {
        inbox.target?.set(bytesOf('x'))
        inbox.filled(1)
      } else inbox.end()
    },
  })
  inbox.start(user, user.targets)
  inbox.push(bytesOf('abcdef'))
  expect(reads).toBe(0)
  user.onDelivered = () => inbox.resume()
  inbox.resume()
  expect(user.log).toEqual(['abcd', 'ef', 'x', 'x', 'x', 'END'])
})

test('who asks from inside a delivery is served without recursion', () => {
  const user = new User(2, 1)
  const inbox = new Inbox({ readOn: () => {} })
  inbox.start(user, user.targets)
  user.onDelivered = () => inbox.resume()
  inbox.resume()
  inbox.pass(bytesOf('x'.repeat(100_000)))
  inbox.push(bytesOf('y'.repeat(100_000)))
  expect(user.log.length).toBe(200_000)
})

test('the target delivered last is left alone until the user asks: with two, one is filled ahead', () => {
  const user = new User(2, 4)
  const inbox = new Inbox({ readOn: () => {} })
  inbox.start(user, user.targets)
  inbox.resume()
  inbox.target?.set(bytesOf('one'))
  inbox.filled(3)
  expect(inbox.target).toBe(user.targets[1])
  inbox.target?.set(bytesOf('two'))
  inbox.filled(3)
  expect([user.log, inbox.isAhead]).toEqual([['one'], true])
  inbox.push(bytesOf('three'))
  expect(new TextDecoder().decode(user.targets[0])).toBe('one\0')
  inbox.resume()
  expect([user.log, inbox.hasSpill]).toEqual([['one', 'two'], true])
  inbox.resume()
  inbox.resume()
  expect(user.log).toEqual(['one', 'two', 'thre', 'e'])
})

test('under random inputs: every byte once and in order, then the end, then the close; one event for each ask', async () => {
  for (let seed = 1; seed <= 400; seed++) {
    const random = new Random(seed)
    const user = new User(1 + random.below(2), 1 + random.below(7))
    const sent: string[] = []
    let arrived = 0
    const next = (): string => {
      const text = Array.from({ length: 1 + random.below(9) }, () => String.fromCharCode(97 + (arrived++ % 26))).join('')
      sent.push(text)
      return text
    }
    const inbox = new Inbox({ readOn: () => {} })
    let asks = 0
    const ask = (): void => {
      asks++
      inbox.resume()
    }
    let isStarted = false
    let hasEnded = false
    let close: Error | null | undefined
    user.onDelivered = () => {
      if (random.below(2) === 0) ask()
    }
    for (let i = 0; i < 30; i++) {
      const choice = random.below(12)
      if (choice < 3 && !hasEnded && close === undefined) inbox.push(bytesOf(next()))
      else if (choice < 5 && !hasEnded && close === undefined && isStarted) {
        const lent = bytesOf(next())
        inbox.pass(lent)
        lent.fill(33)
      } else if (choice < 6 && !hasEnded && close === undefined && inbox.wantsMore && isStarted) {
        const text = next().slice(0, user.targets[0]?.length)
        sent[sent.length - 1] = text
        inbox.target?.set(bytesOf(text))
        inbox.filled(text.length)
      } else if (choice === 6 && i > 15) {
        hasEnded ||= close === undefined
        inbox.end()
      } else if (choice === 7 && i > 20) {
        const reason = random.below(2) === 0 ? null : LOST
        if (close === undefined) close = reason
        inbox.close(reason)
      } else if (choice === 8 && !isStarted) {
        isStarted = true
        inbox.start(user, user.targets)
      } else if (isStarted) ask()
    }
    if (!isStarted) inbox.start(user, user.targets)
    if (close === undefined) {
      close = null
      inbox.close(null)
    }
    for (let i = 0; i < 400; i++) ask()
    await microtasks()
    const log = user.log.filter((entry) => !entry.startsWith('LOST'))
    const closing = close === null ? 'CLOSED null' : 'CLOSED lost'
    const expected = [...(hasEnded ? ['END'] : []), closing]
    expect([seed, log.slice(-expected.length)]).toEqual([seed, expected])
    expect([seed, log.slice(0, -expected.length).join('')]).toEqual([seed, sent.join('')])
    expect(user.log.filter((entry) => entry.startsWith('LOST')).length).toBeLessThanOrEqual(close === null ? 0 : 1)
    expect(log.length - 1).toBeLessThanOrEqual(asks)
  }
})
