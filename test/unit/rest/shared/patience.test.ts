import { expect, test } from 'vitest'
import { Patience } from '../../../../src/rest/shared/patience.ts'
import { SPIN } from './waiting-tools.ts'

/** Tries in vain until it rests; how long each lasts. */
function triesUntilRest(patience: Patience): number[] {
  const spins: number[] = []
  for (let spin = patience.tries(); spin > 0; spin = patience.tries()) {
    spins.push(spin)
    patience.tell(false)
  }
  return spins
}

/** Occasions that are let go by, the one that was refused already among them. */
function restOf(patience: Patience): number {
  let occasions = 1
  while (patience.tries() === 0) occasions++
  return occasions
}

test('patience: after 16 looks in vain it rests, longer and longer; the look after a rest is a long one', () => {
  const patience = new Patience(SPIN)
  expect(triesUntilRest(patience)).toEqual(new Array(16).fill(SPIN))
  for (const rest of [64, 128, 256, 256]) {
    expect(restOf(patience)).toBe(rest)
    expect(triesUntilRest(patience)).toEqual([30 * SPIN])
  }
})

test('patience: with one look in three that succeeds it goes on, and a long one that does gives it new tries', () => {
  const patience = new Patience(SPIN)
  for (let i = 0; i < 300; i++) {
    expect(patience.tries()).toBe(SPIN)
    patience.tell(i % 3 === 0)
  }
  triesUntilRest(patience)
  restOf(patience)
  patience.tell(true)
  expect(triesUntilRest(patience)).toEqual(new Array(8).fill(SPIN))
  expect(restOf(patience)).toBe(128)
  for (let i = 0; i < 8; i++) patience.tell(true)
  expect(triesUntilRest(patience)).toHaveLength(16)
  expect(restOf(patience)).toBe(64)
})

test('no patience: spin 0 never looks', () => {
  const patience = new Patience(0)
  expect([1, 2, 3].map(() => patience.tries())).toEqual([0, 0, 0])
})
