import { expect, test } from 'vitest'
import { DueQueue } from '../../../src/rest/due-queue.ts'
import { Random } from '../../reference/random.ts'

test.each([1, 2, 3, 7, 64])('of %i members, the first is the one with the least time, whichever are moved', (members) => {
  const random = new Random(members)
  const queue = new DueQueue(members)
  const times = new Array<number>(members).fill(Number.POSITIVE_INFINITY)
  expect(queue.due).toBe(Number.POSITIVE_INFINITY)
  for (let step = 0; step < 3_000; step++) {
    const member = random.below(members)
    const time = random.oneIn(10) ? Number.POSITIVE_INFINITY : random.below(1_000)
    times[member] = time
    queue.set(member, time)
    expect(queue.due).toBe(Math.min(...times))
    expect(times[queue.first]).toBe(queue.due)
  }
})

/** How many times are read by `use`. */
function readsOf(queue: DueQueue, use: () => void): number {
  const hidden = queue as unknown as { times: Float64Array }
  const { times } = hidden
  let reads = 0
  hidden.times = new Proxy(times, {
    get(target, name) {
      reads++
      return Reflect.get(target, name)
    },
  })
  use()
  hidden.times = times
  return reads
}

test.each([16, 1_024, 65_536])('moving one of %i costs a few steps for each doubling', (members) => {
  const random = new Random(5)
  const queue = new DueQueue(members)
  for (let i = 0; i < members; i++) queue.set(i, random.below(1e9))
  for (let i = 0; i < 1_000; i++) {
    const reads = readsOf(queue, () => queue.set(random.below(members), random.below(1e9)))
    expect(reads).toBeLessThanOrEqual(4 + 3 * Math.log2(members))
  }
})
