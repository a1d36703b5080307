/** What waits for a Blob: its order, its size, and a Blob that cannot be read. */

import { expect, test } from 'vitest'
import { Outbox, type Sendable, sizeOf } from '../../../src/faces/outbox.ts'

/** A Blob that is read when the test says so. */
class Slow extends Blob {
  finish = (): void => {}
  fail = (_error: Error): void => {}
  readonly #read = new Promise<ArrayBuffer>((resolve, reject) => {
    this.finish = () => resolve(new TextEncoder().encode('slow').buffer)
    this.fail = reject
  })

  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.#read
  }
}

function bed(): { readonly outbox: Outbox; readonly log: unknown[]; put(message: Sendable): void } {
  const outbox = new Outbox()
  const log: unknown[] = []
  const put = (message: Sendable): void =>
    outbox.put(
      message,
      sizeOf(message),
      (read) => log.push(typeof read === 'string' ? read : new TextDecoder().decode(read)),
      (error) => log.push(error.message),
    )
  return { outbox, log, put }
}

const settled = (outbox: Outbox): Promise<void> => new Promise((resolve) => outbox.after(resolve))

test('what follows a Blob waits for it; bytes are those of the call', async () => {
  const { outbox, log, put } = bed()
  expect([outbox.holds('text'), outbox.holds(new Blob())]).toEqual([false, true])
  const slow = new Slow(['slow'])
  const bytes = new TextEncoder().encode('bytes')
  put(slow)
  expect(outbox.holds('text')).toBe(true)
  put(bytes)
  put('text')
  bytes.fill(0)
  expect([log, outbox.waiting]).toEqual([[], 13])
  slow.finish()
  await settled(outbox)
  expect([log, outbox.waiting, outbox.holds('text')]).toEqual([['slow', 'bytes', 'text'], 0, false])
})

test('one that fails while another is read is reported in its turn, and what follows is passed on', async () => {
  const { outbox, log, put } = bed()
  const [first, second] = [new Slow(['slow']), new Slow(['lost'])]
  put(first)
  put(second)
  put('text')
  second.fail(new Error('unreadable'))
  await new Promise((resolve) => setImmediate(resolve))
  first.finish()
  await settled(outbox)
  expect([log, outbox.waiting]).toEqual([['slow', 'unreadable', 'text'], 4])
})

test.each([
  ['', 0],
  ['abc', 3],
  ['é', 2],
  ['世', 3],
  ['🌍', 4],
  ['\ud83c', 3],
  ['\udf0d\ud83c', 6],
])('the size of %j is %i bytes', (text, size) => {
  expect([sizeOf(text), new TextEncoder().encode(text).length]).toEqual([size, size])
})
