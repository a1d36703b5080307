import { expect, test } from 'vitest'
import type { SharedCells } from '../../../../src/rest/shared/cells.ts'
import { Doorbell } from '../../../../src/rest/shared/doorbell.ts'
import { POOL_ASLEEP, POOL_DOORBELL, ring } from '../../../../src/rest/shared/handover.ts'
import { HandMadeTurns, makeCells, POOL, RestlessCells, SPIN, settled } from './waiting-tools.ts'

interface Owner {
  readonly cells: SharedCells
  readonly turns: HandMadeTurns
  readonly bell: Doorbell
  readonly log: string[]
}

function makeOwner(spin: number): Owner {
  const cells = makeCells()
  const turns = new HandMadeTurns()
  const log: string[] = []
  const bell = new Doorbell(
    cells,
    POOL,
    turns,
    spin,
    () => log.push('turn'),
    () => log.push('ring'),
  )
  bell.open()
  log.length = 0
  return { cells, turns, bell, log }
}

test('an owner that sleeps is woken by a ring', async () => {
  const { cells, bell, log } = makeOwner(SPIN)
  expect(cells.load(POOL + POOL_ASLEEP)).toBe(1)
  ring(cells, POOL)
  await settled()
  expect([log, cells.load(POOL + POOL_ASLEEP)]).toEqual([['ring'], 1])
  ring(cells, POOL)
  await settled()
  expect(log).toEqual(['ring', 'ring'])
  bell.close()
})

test('an owner that expects a ring looks for it, at the end of the turn and for the time of the spin; nobody has to wake it', async () => {
  const { cells, turns, bell, log } = makeOwner(SPIN)
  bell.expect()
  expect(cells.load(POOL + POOL_ASLEEP)).toBe(0)
  turns.turn()
  turns.turn(SPIN / 2)
  ring(cells, POOL)
  await settled()
  expect(log).toEqual(['turn', 'turn'])
  turns.turn()
  expect([log, cells.load(POOL + POOL_ASLEEP), turns.pending]).toEqual([['turn', 'turn', 'turn', 'ring'], 1, 0])
  // The wait of before its expectation still stands.
  ring(cells, POOL)
  await settled()
  expect(log.at(-1)).toBe('ring')
  bell.close()
})

test('an owner that expected in vain sleeps, and is woken', async () => {
  const { cells, turns, bell, log } = makeOwner(SPIN)
  bell.expect()
  turns.turn()
  turns.turn(SPIN)
  expect([cells.load(POOL + POOL_ASLEEP), turns.pending]).toEqual([1, 0])
  ring(cells, POOL)
  await settled()
  expect(log.at(-1)).toBe('ring')
  bell.close()
})

test('without a spin, an owner still looks at the end of the turn', () => {
  const { cells, turns, bell, log } = makeOwner(0)
  bell.expect()
  ring(cells, POOL)
  turns.turn()
  expect([log, cells.load(POOL + POOL_ASLEEP), turns.pending]).toEqual([['turn', 'ring'], 1, 0])
  bell.close()
})

test('a closed bell answers nothing', async () => {
  const { cells, turns, bell, log } = makeOwner(SPIN)
  bell.expect()
  bell.close()
  turns.turn()
  ring(cells, POOL)
  await settled()
  expect([log, turns.pending]).toEqual([[], 0])
})

test('a bell that never rests leaves the owner’s thread to its sockets between rounds', () => {
  const turns = new HandMadeTurns()
  let rings = 0
  const bell = new Doorbell(
    new RestlessCells(POOL + POOL_DOORBELL),
    POOL,
    turns,
    SPIN,
    () => {},
    () => rings++,
  )
  bell.open()
  expect(turns.pending).toBe(1)
  const before = rings
  turns.turn()
  expect([rings > before, turns.pending]).toEqual([true, 1])
  bell.close()
})
