import { expect, test } from 'vitest'
import { Answers, type Awaited } from '../../../../src/rest/shared/answers.ts'
import { BLOCK_ASLEEP, BLOCK_CELLS, sleepCellOf, wake } from '../../../../src/rest/shared/handover.ts'
import { BLOCK, HandMadeTurns, makeCells, POOL, RestlessCells, SPIN, settled } from './waiting-tools.ts'

const THREAD = 3

interface Wait extends Awaited {
  over: boolean
  calls: number
}

function makeWait(at: number): Wait {
  const wait: Wait = { at, over: false, calls: 0, isOver: () => wait.over, onOver: () => wait.calls++ }
  return wait
}

test('an answer that comes while the thread looks is seen in the next turn, and nobody has to wake it', () => {
  const cells = makeCells()
  const turns = new HandMadeTurns()
  const answers = new Answers(cells, POOL, THREAD, turns, SPIN)
  const wait = makeWait(BLOCK)
  answers.add(wait)
  turns.turn(SPIN / 2)
  expect([wait.calls, cells.load(BLOCK + BLOCK_ASLEEP)]).toEqual([0, 0])
  wait.over = true
  turns.turn()
  expect([wait.calls, cells.load(BLOCK + BLOCK_ASLEEP), turns.pending]).toEqual([1, 0, 0])
})

test('a thread that has looked long enough sleeps and is woken, also for what it began to wait for while it slept', async () => {
  const cells = makeCells()
  const turns = new HandMadeTurns()
  const answers = new Answers(cells, POOL, THREAD, turns, SPIN)
  const [first, second] = [makeWait(BLOCK), makeWait(BLOCK + BLOCK_CELLS)]
  answers.add(first)
  turns.turn(SPIN)
  expect([cells.load(first.at + BLOCK_ASLEEP), turns.pending]).toEqual([1, 0])
  answers.add(second)
  turns.turn(SPIN)
  expect([cells.load(second.at + BLOCK_ASLEEP), turns.pending]).toEqual([1, 0])
  second.over = true
  wake(cells, POOL, THREAD)
  await settled()
  expect([first.calls, second.calls]).toEqual([0, 1])
  first.over = true
  wake(cells, POOL, THREAD)
  await settled()
  expect([first.calls, second.calls]).toEqual([1, 1])
})

test('two threads that sleep on one cell are both woken, and each looks for itself', async () => {
  const cells = makeCells()
  const waits = [THREAD, THREAD + 64].map((thread, i) => {
    const wait = makeWait(BLOCK + i * BLOCK_CELLS)
    new Answers(cells, POOL, thread, new HandMadeTurns(), 0).add(wait)
    return wait
  }) as [Wait, Wait]
  waits[1].over = true
  wake(cells, POOL, THREAD + 64)
  await settled()
  expect(waits.map(({ calls }) => calls)).toEqual([0, 1])
  waits[0].over = true
  wake(cells, POOL, THREAD)
  await settled()
  expect(waits.map(({ calls }) => calls)).toEqual([1, 1])
})

test('what is no longer waited for is not told', async () => {
  const cells = makeCells()
  const answers = new Answers(cells, POOL, THREAD, new HandMadeTurns(), 0)
  const wait = makeWait(BLOCK)
  answers.add(wait)
  answers.remove(wait)
  wait.over = true
  wake(cells, POOL, THREAD)
  await settled()
  expect(wait.calls).toBe(0)
})

test('a cell that never rests leaves its thread to everything else between rounds', () => {
  const turns = new HandMadeTurns()
  const answers = new Answers(new RestlessCells(sleepCellOf(POOL, THREAD)), POOL, THREAD, turns, 0)
  const wait = makeWait(BLOCK)
  answers.add(wait)
  for (let turn = 0; turn < 3; turn++) {
    expect([wait.calls, turns.pending]).toEqual([0, 1])
    turns.turn()
  }
  wait.over = true
  turns.turn()
  expect([wait.calls, turns.pending]).toEqual([1, 0])
})
