import { expect, test } from 'vitest'
import { sleep } from '../../../src/clock.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'

test('time stands still until it is advanced', async () => {
  const clock = new VirtualClock(5)
  let fired = false
  clock.set(() => {
    fired = true
  }, 10)
  await clock.advance(9)
  expect([clock.now(), fired, clock.pending]).toEqual([14, false, 1])
  await clock.advance(1)
  expect([clock.now(), fired, clock.pending]).toEqual([15, true, 0])
})

test('timers fire in the order of their times, then of their setting, each at its time', async () => {
  const clock = new VirtualClock()
  const log: string[] = []
  const set = (name: string, delay: number): unknown => clock.set(() => log.push(`${name}@${clock.now()}`), delay)
  set('c', 20)
  set('a', 10)
  set('b', 10)
  set('now', 0)
  clock.clear(set('cleared', 15))
  await clock.advance(100)
  expect(log).toEqual(['now@0', 'a@10', 'b@10', 'c@20'])
})

test('promises settle between timers, and timers set meanwhile fire in the same advance', async () => {
  const clock = new VirtualClock()
  const log: string[] = []
  const run = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await sleep(clock, 10)
      for (let turn = 0; turn < 500; turn++) await null
      log.push(`round ${i} at ${clock.now()}`)
    }
  }
  const running = run()
  clock.set(() => log.push('timer at 25'), 25)
  await clock.advance(30)
  await running
  expect(log).toEqual(['round 0 at 10', 'round 1 at 20', 'timer at 25', 'round 2 at 30'])
})

test('a timer may clear another one that is due', async () => {
  const clock = new VirtualClock()
  let fired = false
  clock.set(() => clock.clear(second), 1)
  const second = clock.set(() => {
    fired = true
  }, 1)
  await clock.advance(1)
  expect(fired).toBe(false)
})

test('advances that overlap run one after the other', async () => {
  const clock = new VirtualClock()
  const times: number[] = []
  clock.set(() => times.push(clock.now()), 15)
  await Promise.all([clock.advance(10), clock.advance(10)])
  expect([clock.now(), times]).toEqual([20, [15]])
})

test('a callback that throws rejects its advance, and the clock goes on', async () => {
  const clock = new VirtualClock()
  clock.set(() => {
    throw new Error('oops')
  }, 5)
  await expect(clock.advance(10)).rejects.toThrow('oops')
  expect(clock.now()).toBe(5)
  await clock.advance(1)
  expect(clock.now()).toBe(6)
})

test('time does not run backwards', () => {
  expect(() => new VirtualClock().advance(-1)).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
})
