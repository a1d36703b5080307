/** The queue of callers that wait for a slot, with a clock whose timers are not exact. */

import { expect, test } from 'vitest'
import { Signals } from '../../../src/rest/signals.ts'
import { SLOT_ERRORS, WaiterQueue } from '../../../src/rest/waiters.ts'

test('a timer that fires before its time does not end the wait', async () => {
  let now = 0
  const timers: { callback: () => void; delay: number }[] = []
  const clock = { now: () => now, set: (callback: () => void, delay: number) => timers.push({ callback, delay }), clear: () => {} }
  const queue = new WaiterQueue<string>(clock, new Signals(), SLOT_ERRORS)
  const wait = queue.wait({ timeout: 80 })
  now = 79.25
  timers.shift()?.callback()
  expect([queue.length, timers.map(({ delay }) => delay)]).toEqual([1, [1]])
  now = 80.25
  timers.shift()?.callback()
  await expect(wait).rejects.toMatchObject({ code: 'AcquireTimeout' })
  expect([queue.length, timers.length]).toEqual([0, 0])
})
