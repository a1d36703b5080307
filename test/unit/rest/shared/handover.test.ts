/**
 * The hand-over protocol, exhaustively: two holders and an owner, every interleaving of the atomic steps of the real functions.
 *
 * What must hold in every state: a block is in each list at most once and the lists are not cyclic; two threads never touch a block's memory at
 * the same time; and in the end no block is lost.
 */

import { describe, expect, test } from 'vitest'
import {
  ANSWERED,
  accept,
  answer,
  BLOCK_ASLEEP,
  BLOCK_CELLS,
  BLOCK_HOLDER,
  BLOCK_NEXT_RETURNED,
  BLOCK_NEXT_SUBMITTED,
  BLOCK_STATE,
  bedOf,
  type Cells,
  FREE,
  giveBack,
  HELD,
  handOff,
  leaseOf,
  lieDown,
  nextLease,
  POOL_ASLEEP,
  POOL_CELLS,
  POOL_DOORBELL,
  POOL_RETURNED,
  POOL_SUBMITTED,
  POOL_WANTED,
  passOn,
  phaseOf,
  RETURNED,
  receive,
  revoke,
  SENDING,
  SUBMITTED,
  sleeper,
  stateOf,
  submit,
  TRANSIT,
  take,
  takeAll,
  takeBack,
  unsubmit,
  wake,
} from '../../../../src/rest/shared/handover.ts'
import { type Exploration, explore, type Program, wakeUpsOf } from './explorer.ts'

const POOL = 0
const place = (block: number): number => POOL_CELLS + block * BLOCK_CELLS

/** Blocks of a list, first to last; fails when it is cyclic. */
function listOf(cells: ReadonlyMap<number, number>, head: number, next: number): number[] {
  const blocks: number[] = []
  for (let entry = cells.get(head) ?? 0; entry !== 0; entry = cells.get(place(entry - 1) + next) ?? 0) {
    if (blocks.includes(entry - 1)) throw new Error(`block ${entry - 1} is in a list twice`)
    blocks.push(entry - 1)
  }
  return blocks
}

/** What must hold in every state. */
function checkLists(cells: ReadonlyMap<number, number>): { returned: number[]; submitted: number[] } {
  return {
    returned: listOf(cells, POOL + POOL_RETURNED, BLOCK_NEXT_RETURNED),
    submitted: listOf(cells, POOL + POOL_SUBMITTED, BLOCK_NEXT_SUBMITTED),
  }
}

function run(programs: readonly Program[], states: readonly number[], depth: number, check: Parameters<typeof explore>[3] = () => {}): Exploration {
  const initial = new Map(states.map((state, block) => [place(block) + BLOCK_STATE, state]))
  return explore(programs, initial, depth, (cells, results, isEnd) => {
    checkLists(cells)
    check(cells, results, isEnd)
  })
}

const phase = (cells: ReadonlyMap<number, number>, block: number): number => phaseOf(cells.get(place(block) + BLOCK_STATE) ?? 0)

/** What the owner does when it looks once: takes back, and answers. */
function look(cells: Cells, log: string[]): void {
  for (const block of takeAll(cells, POOL + POOL_RETURNED, BLOCK_NEXT_RETURNED, place)) if (takeBack(cells, place(block))) log.push(`back ${block}`)
  for (const block of takeAll(cells, POOL + POOL_SUBMITTED, BLOCK_NEXT_SUBMITTED, place)) {
    const lease = accept(cells, place(block))
    if (lease >= 0 && answer(cells, place(block), lease)) log.push(`answered ${block}`)
  }
}

describe('every interleaving of', () => {
  test('two threads that receive the same message: one gets it', () => {
    const receiver = (thread: number): Program => ({ name: `thread ${thread}`, run: (cells) => receive(cells, place(0), 1, thread) })
    const { ends, cut } = run([receiver(1), receiver(2)], [stateOf(1, TRANSIT)], 20, (cells, results, isEnd) => {
      if (!isEnd) return
      expect([...results].sort()).toEqual([false, true])
      expect(phase(cells, 0)).toBe(HELD)
    })
    expect([ends > 1, cut]).toEqual([true, 0])
  })

  test('two threads that return their blocks, and an owner that takes back: none is lost or doubled', () => {
    const returner = (block: number): Program => ({ name: `holder ${block}`, run: (cells) => giveBack(cells, POOL, place(block), block, 1) })
    const owner: Program = {
      name: 'owner',
      run: (cells) => {
        const log: string[] = []
        look(cells, log)
        look(cells, log)
        return log
      },
    }
    const { ends, cut, states } = run([returner(0), returner(1), owner], [stateOf(1, HELD), stateOf(1, HELD)], 60, (cells, results, isEnd) => {
      if (!isEnd) return
      expect(results.slice(0, 2)).toEqual([true, true])
      const back = (results[2] as string[]).map((entry) => Number(entry.slice(5)))
      const { returned } = checkLists(cells)
      expect([...back, ...returned].sort()).toEqual([0, 1])
      for (const block of back) expect(phase(cells, block)).toBe(FREE)
    })
    expect([ends > 10, cut, states > 500]).toEqual([true, 0, true])
  })

  test('one block returned twice, from two threads at once: once', () => {
    const returner = (thread: number): Program => ({ name: `thread ${thread}`, run: (cells) => giveBack(cells, POOL, place(0), 0, 1) })
    const { cut } = run([returner(1), returner(2)], [stateOf(1, HELD)], 40, (cells, results, isEnd) => {
      if (!isEnd) return
      expect([...results].sort()).toEqual([false, true])
      expect(checkLists(cells).returned).toEqual([0])
    })
    expect(cut).toBe(0)
  })

  test('two threads that submit, and an owner that answers: each is answered once, and reads its own outcome', () => {
    const holder = (block: number): Program => ({
      name: `holder ${block}`,
      run: (cells) => {
        const log = [submit(cells, POOL, place(block), block, 1)]
        // It looks for its answer a few times; waiting in earnest would never end here.
        for (let i = 0; i < 2; i++) if (take(cells, place(block), 1)) return [...log, true]
        return log
      },
    })
    const owner: Program = {
      name: 'owner',
      run: (cells) => {
        const log: string[] = []
        look(cells, log)
        return log
      },
    }
    const { ends, cut } = run([holder(0), holder(1), owner], [stateOf(1, HELD), stateOf(1, HELD)], 60, (cells, results, isEnd) => {
      if (!isEnd) return
      const answered = (results[2] as string[]).length
      const { submitted } = checkLists(cells)
      expect(answered + submitted.length).toBe(2)
      for (const block of [0, 1]) {
        const taken = (results[block] as boolean[])[1] === true
        expect([HELD, ANSWERED, SUBMITTED]).toContain(phase(cells, block))
        if (taken) expect(results[2]).toContain(`answered ${block}`)
      }
    })
    expect([ends > 10, cut]).toEqual([true, 0])
  })

  test('a request that is taken back while the owner takes it: it is sent, or it comes back, never both', () => {
    const holder: Program = { name: 'holder', run: (cells) => [submit(cells, POOL, place(0), 0, 1), unsubmit(cells, place(0), 1)] }
    const owner: Program = {
      name: 'owner',
      run: (cells) => {
        for (const block of takeAll(cells, POOL + POOL_SUBMITTED, BLOCK_NEXT_SUBMITTED, place)) return accept(cells, place(block)) >= 0
        return false
      },
    }
    const { cut } = run([holder, owner], [stateOf(1, HELD)], 40, (cells, results, isEnd) => {
      if (!isEnd) return
      const [, back] = results[0] as [boolean, boolean]
      expect(back).toBe(results[1] === false)
      expect(phase(cells, 0)).toBe(back ? HELD : SENDING)
    })
    expect(cut).toBe(0)
  })

  test('a revocation and everything a holder may do: the holder’s steps do nothing afterwards, and its answer reaches nobody else', () => {
    const steps: Record<string, (cells: Cells) => unknown> = {
      return: (cells) => giveBack(cells, POOL, place(0), 0, 1),
      submit: (cells) => submit(cells, POOL, place(0), 0, 1),
      'pass on': (cells) => passOn(cells, place(0), 1, 9),
      take: (cells) => take(cells, place(0), 1),
    }
    const starts: Record<string, number> = { return: HELD, submit: HELD, 'pass on': HELD, take: ANSWERED }
    for (const [name, act] of Object.entries(steps)) {
      // The thread is dead or its block is given up, so the owner takes both lists, revokes, and hands the block to the next.
      const owner: Program = {
        name: 'owner',
        run: (cells) => {
          const log: string[] = []
          look(cells, log)
          if (log.includes('back 0')) return 'came back'
          revoke(cells, POOL, place(0))
          return handOff(cells, place(0), 2)
        },
      }
      const { cut } = run([{ name, run: act }, owner], [stateOf(1, starts[name] as number)], 60, (cells, results, isEnd) => {
        if (!isEnd || results[1] === 'came back') return
        // The new lease is untouched, whatever the old holder managed to do before.
        expect(cells.get(place(0) + BLOCK_STATE), name).toBe(stateOf(results[1] as number, TRANSIT))
        expect(results[1] as number).toBeGreaterThan(1)
      })
      expect(cut, name).toBe(0)
    }
  })

  test('an answer and a revocation: the answer reaches its own lease or nobody', () => {
    const sender: Program = { name: 'owner, answering', run: (cells) => answer(cells, place(0), 1) }
    const taker: Program = {
      name: 'owner, revoking',
      run: (cells) => {
        revoke(cells, POOL, place(0))
        return cells.load(place(0) + BLOCK_STATE)
      },
    }
    const { cut } = run([sender, taker], [stateOf(1, SENDING)], 40, (cells, _, isEnd) => {
      if (isEnd) expect(cells.get(place(0) + BLOCK_STATE)).toBe(stateOf(2, FREE))
    })
    expect(cut).toBe(0)
  })

  test('a return and a wait for it: the bell rings, or the waiter sees the block', () => {
    const holder: Program = { name: 'holder', run: (cells) => giveBack(cells, POOL, place(0), 0, 1) }
    const waiter: Program = {
      name: 'owner',
      run: (cells) => {
        const seen = cells.load(POOL + POOL_DOORBELL)
        cells.store(POOL + POOL_WANTED, 1)
        return [cells.load(POOL + POOL_RETURNED) !== 0, seen]
      },
    }
    const { cut } = run([holder, waiter], [stateOf(1, HELD)], 40, (cells, results, isEnd) => {
      if (!isEnd) return
      const [saw, bell] = results[1] as [boolean, number]
      expect(saw || (cells.get(POOL + POOL_DOORBELL) ?? 0) !== bell).toBe(true)
    })
    expect(cut).toBe(0)
  })
})

/** What waiting on a cell does, but for the waiting: false when the cell no longer holds `seen`; else how often it had been woken before. */
function fallAsleep(cells: Cells, cell: number, seen: number): number | false {
  const wakeUps = cells.load(wakeUpsOf(cell))
  return cells.load(cell) === seen && wakeUps
}

describe('nobody sleeps through what it waits for, in every interleaving of', () => {
  const THREAD = 7
  const BED = bedOf(POOL, THREAD)
  const answerAndWake = (cells: Cells): void => {
    if (!answer(cells, place(0), 1)) return
    const thread = sleeper(cells, place(0))
    if (thread >= 0) wake(cells, POOL, thread)
  }
  const waits = (cells: Cells): number | false => {
    const seen = lieDown(cells, POOL, place(0), THREAD)
    const state = cells.load(place(0) + BLOCK_STATE)
    return phaseOf(state) !== ANSWERED && leaseOf(state) === 1 && fallAsleep(cells, BED, seen)
  }
  const start = (state: number): Map<number, number> =>
    new Map([
      [place(0) + BLOCK_STATE, state],
      [place(0) + BLOCK_HOLDER, THREAD],
    ])
  const checkWoken = (cells: ReadonlyMap<number, number>, slept: unknown): void => {
    if (slept !== false) expect(cells.get(wakeUpsOf(BED)) ?? 0).toBeGreaterThan(slept as number)
  }

  test('an answer and a holder that lies down', () => {
    const slept = new Set<unknown>()
    const owner: Program = { name: 'owner', run: answerAndWake }
    const holder: Program = { name: 'holder', run: waits }
    const { cut } = explore([owner, holder], start(stateOf(1, SENDING)), 40, (cells, results, isEnd) => {
      if (!isEnd) return
      slept.add(results[1])
      checkWoken(cells, results[1])
    })
    expect([cut, slept.size]).toEqual([0, 2])
  })

  test('a revocation and a holder that lies down', () => {
    const owner: Program = { name: 'owner', run: (cells) => revoke(cells, POOL, place(0)) }
    const { cut } = explore([owner, { name: 'holder', run: waits }], start(stateOf(1, SENDING)), 40, (cells, results, isEnd) => {
      if (isEnd) checkWoken(cells, results[1])
    })
    expect(cut).toBe(0)
  })

  test('a whole request: who submits and sleeps is answered and woken, by an owner that sleeps and is woken', () => {
    const holder: Program = {
      name: 'holder',
      run: (cells) => {
        submit(cells, POOL, place(0), 0, 1)
        return waits(cells)
      },
    }
    const owner: Program = {
      name: 'owner',
      run: (cells) => {
        const seen = cells.load(POOL + POOL_DOORBELL)
        for (const block of takeAll(cells, POOL + POOL_SUBMITTED, BLOCK_NEXT_SUBMITTED, place)) {
          if (accept(cells, place(block)) >= 0) answerAndWake(cells)
          return 'answered'
        }
        cells.store(POOL + POOL_ASLEEP, 1)
        return fallAsleep(cells, POOL + POOL_DOORBELL, seen)
      },
    }
    const { cut } = explore([holder, owner], start(stateOf(1, HELD)), 60, (cells, results, isEnd) => {
      if (!isEnd) return
      const [slept, owned] = results
      if (owned === 'answered') checkWoken(cells, slept)
      // `false` is a look at the bell that finds it rung: the owner looks once more.
      else if (owned !== false) expect(cells.get(wakeUpsOf(POOL + POOL_DOORBELL)) ?? 0).toBeGreaterThan(owned as number)
    })
    expect(cut).toBe(0)
  })

  test('two threads that ring, one of which ends after any step: the other’s ring wakes the owner', () => {
    const ringer = (block: number): Program => ({ name: `holder ${block}`, run: (cells) => submit(cells, POOL, place(block), block, 1) })
    const owner: Program = {
      name: 'owner',
      run: (cells) => {
        const seen = cells.load(POOL + POOL_DOORBELL)
        const found = cells.load(POOL + POOL_SUBMITTED) !== 0
        cells.store(POOL + POOL_ASLEEP, 1)
        return found || fallAsleep(cells, POOL + POOL_DOORBELL, seen)
      },
    }
    const initial = new Map([0, 1].map((block) => [place(block) + BLOCK_STATE, stateOf(1, HELD)]))
    let checked = 0
    explore([ringer(0), ringer(1), owner], initial, 60, (cells, results) => {
      // Only the second has run to its end: the first may have been terminated where it stands.
      const [, rung, slept] = results
      if (rung !== true || typeof slept !== 'number') return
      checked++
      expect(cells.get(wakeUpsOf(POOL + POOL_DOORBELL)) ?? 0).toBeGreaterThan(slept)
    })
    expect(checked).toBeGreaterThan(10)
  })

  test('the explorer finds a mistake: a holder that looks first and says afterwards that it sleeps', () => {
    const holder: Program = {
      name: 'holder',
      run: (cells) => {
        const seen = cells.load(BED)
        if (phaseOf(cells.load(place(0) + BLOCK_STATE)) === ANSWERED) return false
        cells.store(place(0) + BLOCK_ASLEEP, 1)
        return fallAsleep(cells, BED, seen)
      },
    }
    expect(() =>
      explore([{ name: 'owner', run: answerAndWake }, holder], start(stateOf(1, SENDING)), 40, (cells, results, isEnd) => {
        if (isEnd) checkWoken(cells, results[1])
      }),
    ).toThrow(/after: /)
  })
})

test('the explorer finds a mistake: a list whose taker takes one entry alone loses or doubles blocks', () => {
  const pop = (cells: Cells): number => {
    const first = cells.load(POOL + POOL_RETURNED)
    if (first === 0) return -1
    // The mistake: the next entry is read, then the head is stored without a look at what it is by now.
    cells.store(POOL + POOL_RETURNED, cells.load(place(first - 1) + BLOCK_NEXT_RETURNED))
    return first - 1
  }
  const holder: Program = { name: 'holder', run: (cells) => giveBack(cells, POOL, place(1), 1, 1) }
  expect(() =>
    explore(
      [holder, { name: 'owner', run: pop }],
      new Map([
        [place(0) + BLOCK_STATE, stateOf(1, RETURNED)],
        [place(1) + BLOCK_STATE, stateOf(1, HELD)],
        [POOL + POOL_RETURNED, 1],
      ]),
      40,
      (cells, results, isEnd) => {
        if (!isEnd) return
        const { returned } = checkLists(cells)
        expect([...returned, results[1] as number].sort()).toEqual([0, 1])
      },
    ),
  ).toThrow(/after: /)
})

test('a state word tells lease and phase apart, over all leases', () => {
  for (const lease of [0, 1, 2, 0x0fff_fffe, 0x0fff_ffff]) {
    for (let phase = FREE; phase <= RETURNED; phase++) {
      const word = stateOf(lease, phase) | 0
      expect([leaseOf(word), phaseOf(word)]).toEqual([lease, phase])
    }
  }
  expect(nextLease(0x0fff_ffff)).toBe(0)
})
