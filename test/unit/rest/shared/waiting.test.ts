import { expect, test } from 'vitest'
import { Answers, type Awaited } from '../../../../src/rest/shared/answers.ts'
import { SharedCells } from '../../../../src/rest/shared/cells.ts'
import { Doorbell, type Turns } from '../../../../src/rest/shared/doorbell.ts'
import { BLOCK_ASLEEP, BLOCK_CELLS, POOL_ASLEEP, poolCells, ring, wake } from '../../../../src/rest/shared/handover.ts'
import { Patience } from '../../../../src/rest/shared/patience.ts'

const POOL = 0
const THREAD = 3
const SPIN = 10
const BLOCK = poolCells(1)

/** Time and turns that pass when told to. */
class HandMadeTurns implements Turns {
  private time = 0
  private next: (() => void)[] = []
  readonly clock = { now: () => this.time, set: () => undefined, clear: () => undefined }
  readonly immediately = (callback: () => void): void => void this.next.push(callback)
  get pending(): number {
    return this.next.length
  }
  turn(ms = 0): void {
    this.time += ms
    for (const callback of this.next.splice(0)) callback()
  }
}

const makeCells = (): SharedCells => new SharedCells(new Int32Array(new SharedArrayBuffer(4 * (BLOCK + 2 * BLOCK_CELLS))))

/** Lets a wake-up arrive, which comes by the event loop. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

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

test('two threads that sleep on one bed are both woken, and each looks for itself', async () => {
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
