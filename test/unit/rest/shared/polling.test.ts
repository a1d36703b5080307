import { expect, test } from 'vitest'
import { Polling } from '../../../../src/rest/shared/polling.ts'
import { SPIN } from './waiting-tools.ts'

/** Tries in vain until it rests; how long each lasts. */
function triesUntilRest(polling: Polling): number[] {
  const spins: number[] = []
  for (let spin = polling.duration(); spin > 0; spin = polling.duration()) {
    spins.push(spin)
    polling.report(false)
  }
  return spins
}

/** Occasions that are let go by, the one that was refused already among them. */
function restOf(polling: Polling): number {
  let occasions = 1
  while (polling.duration() === 0) occasions++
  return occasions
}

test('polling: after 16 looks in vain it rests, longer and longer; the look after a rest is a long one', () => {
  const polling = new Polling(SPIN)
  expect(triesUntilRest(polling)).toEqual(new Array(16).fill(SPIN))
  for (const rest of [64, 128, 256, 256]) {
    expect(restOf(polling)).toBe(rest)
    expect(triesUntilRest(polling)).toEqual([30 * SPIN])
  }
})

test('polling: with one look in three that succeeds it goes on, and a long one that does gives it new tries', () => {
  const polling = new Polling(SPIN)
  for (let i = 0; i < 300; i++) {
    expect(polling.duration()).toBe(SPIN)
    polling.report(i % 3 === 0)
  }
  triesUntilRest(polling)
  restOf(polling)
  polling.report(true)
  expect(triesUntilRest(polling)).toEqual(new Array(8).fill(SPIN))
  expect(restOf(polling)).toBe(128)
  for (let i = 0; i < 8; i++) polling.report(true)
  expect(triesUntilRest(polling)).toHaveLength(16)
  expect(restOf(polling)).toBe(64)
})

test('no polling: spin 0 never looks', () => {
  const polling = new Polling(0)
  expect([1, 2, 3].map(() => polling.duration())).toEqual([0, 0, 0])
})
