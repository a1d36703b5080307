/**
 * The hand-over protocol, exhaustively: holders and an owner, every interleaving of the atomic steps of the real functions.
 *
 * What must hold: two threads never touch a block's memory at the same time, no block is lost, and what is abandoned is what was meant.
 */

import { describe, expect, test } from 'vitest'
import {
  ABORTED,
  ANSWERED,
  announceSleep,
  answer,
  BLOCK_ASLEEP,
  BLOCK_CANCEL,
  BLOCK_CELLS,
  BLOCK_HOLDER,
  BLOCK_STATE,
  type Cells,
  cancel,
  claimWriter,
  type Finding,
  FREE,
  giveBack,
  HELD,
  handOff,
  LEFT,
  leaseOf,
  lookAt,
  nextLease,
  POOL_ASLEEP,
  POOL_DOORBELL,
  POOL_MARKED,
  POOL_MARKS,
  POOL_WANTED,
  passOn,
  phaseOf,
  phaseUnder,
  poolCells,
  RETURNED,
  receive,
  requestOf,
  revoke,
  SENDING,
  SUBMITTED,
  sleepCellOf,
  sleeper,
  stateOf,
  step,
  submit,
  TIMED_OUT,
  TRANSIT,
  take,
  takeMarks,
  unsubmit,
  wake,
} from '../../../../src/rest/shared/handover.ts'
import {
  ABANDONED,
  abandon,
  ask,
  claim,
  EMPTY,
  free,
  freeOf,
  GRANTED,
  grant,
  lookAtTicket,
  numberOf,
  POOL_TICKETS,
  phaseOfTicket,
  redeem,
  TICKET_CELLS,
  TICKET_STATE,
  ticketState,
  WAITING,
} from '../../../../src/rest/shared/tickets.ts'
import { ENDED, type Exploration, explore, type Program, wakeUpsOf } from './explorer.ts'

const POOL = 0
const BLOCKS = 2
const place = (block: number): number => poolCells(BLOCKS) + block * BLOCK_CELLS

function run(programs: readonly Program[], states: readonly number[], depth: number, check: Parameters<typeof explore>[3] = () => {}): Exploration {
  return explore(programs, new Map(states.map((state, block) => [place(block) + BLOCK_STATE, state])), depth, check)
}

const phase = (cells: ReadonlyMap<number, number>, block: number): number => phaseOf(cells.get(place(block) + BLOCK_STATE) ?? 0)

/** The numbers that are marked. */
function markedOf(cells: ReadonlyMap<number, number>): number[] {
  const marks = cells.get(POOL + POOL_MARKS) ?? 0
  return [0, 1].filter((block) => (marks >> block) & 1)
}

/** The owner, as far as blocks go: what it knows by itself, and what it found. It answers a request when it looks for the second time. */
class Owner {
  readonly log: string[] = []
  private readonly requests = [0, 0]
  private readonly isAway = [true, true]
  constructor(
    private readonly cells: Cells,
    readonly leases: number[] = [1, 1],
  ) {}

  /** Looks at what is marked; answers at once if it is to. */
  look(answersAtOnce = true): void {
    const { cells } = this
    if (cells.load(POOL + POOL_MARKED) === 0) return
    cells.store(POOL + POOL_MARKED, 0)
    takeMarks(cells, POOL + POOL_MARKS, BLOCKS, (block) => this.lookAt(block, answersAtOnce))
  }

  lookAt(block: number, answersAtOnce = true): Finding {
    if (!this.isAway[block]) return 'nothing'
    const found = lookAt(this.cells, place(block), this.leases[block] as number, this.requests[block] as number)
    if (found === 'request' || found === 'abandoned request') {
      this.requests[block] = requestOf(this.cells, place(block))
      this.log.push(`${found} ${this.requests[block]} of ${block}`)
      if (answersAtOnce || found === 'abandoned request') this.answer(block)
    } else if (found !== 'nothing') {
      if (found === 'back') this.isAway[block] = false
      this.log.push(`${found} ${block}`)
    }
    return found
  }

  answer(block: number): void {
    if (this.requests[block] === 0) return
    if (answer(this.cells, place(block), this.leases[block] as number)) {
      this.requests[block] = 0
      this.log.push(`answered ${block}`)
    } else this.lookAt(block)
  }
}

/** An owner that looks so many times, and answers what it found the time before. */
const ownerOf = (looks: number, answersAtOnce = true): Program => ({
  name: 'owner',
  run: (cells) => {
    const owner = new Owner(cells)
    for (let i = 0; i < looks; i++) {
      owner.look(answersAtOnce)
      if (!answersAtOnce) for (let block = 0; block < BLOCKS; block++) owner.answer(block)
    }
    return owner.log
  },
})

const of = (log: unknown, start: string): string[] => (log as string[]).filter((entry) => entry.startsWith(start))

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
    const { ends, cut, states } = run([returner(0), returner(1), ownerOf(2)], [stateOf(1, HELD), stateOf(1, HELD)], 60, (cells, results, isEnd) => {
      if (!isEnd) return
      expect(results.slice(0, 2)).toEqual([HELD, HELD])
      const back = of(results[2], 'back').map((entry) => Number(entry.slice(5)))
      expect(new Set(back).size).toBe(back.length)
      for (const block of [0, 1]) {
        // Back, or marked so that the next look finds it.
        if (back.includes(block)) expect(phase(cells, block)).toBe(FREE)
        else expect([markedOf(cells).includes(block), cells.get(POOL + POOL_MARKED)]).toEqual([true, 1])
      }
    })
    expect([ends > 10, cut, states > 300]).toEqual([true, 0, true])
  })

  test('one block returned twice, from two threads at once: once', () => {
    const returner = (thread: number): Program => ({ name: `thread ${thread}`, run: (cells) => giveBack(cells, POOL, place(0), 0, 1) })
    const { cut } = run([returner(1), returner(2)], [stateOf(1, HELD)], 40, (_, results, isEnd) => {
      if (isEnd) expect([...results].sort()).toEqual([-1, HELD])
    })
    expect(cut).toBe(0)
  })

  test('two threads that submit, and an owner that answers: each is answered once, and reads its own outcome', () => {
    const holder = (block: number): Program => ({
      name: `holder ${block}`,
      run: (cells) => {
        submit(cells, POOL, place(block), block, 1)
        // It looks for its answer a few times; waiting in earnest would never end here.
        for (let i = 0; i < 2; i++) if (take(cells, place(block), 1)) return true
        return false
      },
    })
    const { ends, cut } = run([holder(0), holder(1), ownerOf(1)], [stateOf(1, HELD), stateOf(1, HELD)], 80, (cells, results, isEnd) => {
      if (!isEnd) return
      for (const block of [0, 1]) {
        const answered = of(results[2], `answered ${block}`).length
        expect(answered + Number(markedOf(cells).includes(block))).toBe(1)
        if (results[block] === true) expect(answered).toBe(1)
      }
    })
    expect([ends > 10, cut]).toEqual([true, 0])
  })

  test('a request that is taken back while the owner takes it: it is sent, or it comes back, never both', () => {
    const holder: Program = { name: 'holder', run: (cells) => [submit(cells, POOL, place(0), 0, 1), unsubmit(cells, place(0), 1)] }
    const { cut } = run([holder, ownerOf(1, false)], [stateOf(1, HELD)], 40, (_, results, isEnd) => {
      if (!isEnd) return
      const [, back] = results[0] as [number, boolean]
      if (back) expect(of(results[1], 'request')).toEqual([])
    })
    expect(cut).toBe(0)
  })

  test('a request that is cancelled before the owner looks, and one after it: what was cancelled is not sent, or it is abandoned', () => {
    const holder: Program = {
      name: 'holder',
      run: (cells) => cancel(cells, POOL, place(0), 0, submit(cells, POOL, place(0), 0, 1), TIMED_OUT),
    }
    const { cut } = run([holder, ownerOf(2, false)], [stateOf(1, HELD)], 60, (cells, results, isEnd) => {
      if (!isEnd) return
      const log = results[1] as string[]
      // It was sent, and not yet known to be cancelled: then it is answered, or the mark is still there.
      if (log[0]?.startsWith('request')) expect(log.includes('abandon 0') || log.includes('answered 0') || markedOf(cells).includes(0)).toBe(true)
    })
    expect(cut).toBe(0)
  })

  test('a cancel that comes late, and the next request of the same lease: the cancel reaches its own request or none', () => {
    const holder: Program = {
      name: 'holder',
      run: (cells) => {
        const first = submit(cells, POOL, place(0), 0, 1)
        // It decides to cancel; the answer may be there by now.
        cancel(cells, POOL, place(0), 0, first, ABORTED)
        if (!take(cells, place(0), 1)) return null
        return submit(cells, POOL, place(0), 0, 1)
      },
    }
    // The second one is still under way at the end, however often the owner looks.
    const owner: Program = {
      name: 'owner',
      run: (cells) => {
        const owner = new Owner(cells)
        owner.look(false)
        owner.answer(0)
        owner.look(false)
        owner.look(false)
        return owner.log
      },
    }
    let seconds = 0
    const { cut } = run([holder, owner], [stateOf(1, HELD)], 90, (_, results, isEnd) => {
      if (!isEnd || results[0] === null) return
      const log = results[1] as string[]
      const second = log.indexOf('request 2 of 0')
      expect(log.filter((entry) => entry.startsWith('abandoned request 2'))).toEqual([])
      if (second < 0) return
      seconds++
      expect(log.slice(second)).not.toContain('abandon 0')
    })
    expect([cut, seconds > 10]).toEqual([0, true])
  })

  test('a release at any moment of a request: the block comes back, and its answer reaches nobody', () => {
    const holder: Program = {
      name: 'holder',
      run: (cells) => {
        submit(cells, POOL, place(0), 0, 1)
        return giveBack(cells, POOL, place(0), 0, 1)
      },
    }
    const left = new Set<unknown>()
    const { cut } = run([holder, ownerOf(3, false)], [stateOf(1, HELD)], 90, (cells, results, isEnd) => {
      if (!isEnd) return
      left.add(results[0])
      expect((results[1] as string[]).includes('back 0') || markedOf(cells).includes(0)).toBe(true)
      expect(results[1]).not.toContain('damage 0')
    })
    expect([cut, [...left].sort()]).toEqual([0, [SUBMITTED, SENDING, ANSWERED]])
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
      // The thread is dead or its block is given up, so the owner looks once more, revokes, and hands the block to the next.
      const owner: Program = {
        name: 'owner',
        run: (cells) => {
          const owner = new Owner(cells)
          owner.lookAt(0)
          if (owner.log.includes('back 0')) return 'came back'
          return handOff(cells, place(0), revoke(cells, POOL, place(0), 1), 2)
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
    const taker: Program = { name: 'owner, revoking', run: (cells) => revoke(cells, POOL, place(0), 1) }
    const { cut } = run([sender, taker], [stateOf(1, SENDING)], 40, (cells, _, isEnd) => {
      if (isEnd) expect(cells.get(place(0) + BLOCK_STATE)).toBe(stateOf(2, FREE))
    })
    expect(cut).toBe(0)
  })

  test('a return and a wait for it: the bell rings, or the waiter sees the mark', () => {
    const holder: Program = { name: 'holder', run: (cells) => giveBack(cells, POOL, place(0), 0, 1) }
    const waiter: Program = {
      name: 'owner',
      run: (cells) => {
        const seen = cells.load(POOL + POOL_DOORBELL)
        cells.store(POOL + POOL_WANTED, 1)
        return [cells.load(POOL + POOL_MARKED) !== 0 && cells.load(POOL + POOL_MARKS) !== 0, seen]
      },
    }
    const { cut } = run([holder, waiter], [stateOf(1, HELD)], 40, (cells, results, isEnd) => {
      if (!isEnd) return
      const [saw, bell] = results[1] as [boolean, number]
      expect(saw || (cells.get(POOL + POOL_DOORBELL) ?? 0) !== bell).toBe(true)
    })
    expect(cut).toBe(0)
  })

  test('two threads that hold a block in turn and render their default fields in it: what each sends has its own', () => {
    // Where the rendered fields lie.
    const FIELDS = place(BLOCKS)
    const holder = (number: number, lease: number): Program => ({
      name: `thread ${number}`,
      run: (cells) => {
        if (!receive(cells, place(0), lease, 1)) return null
        if (claimWriter(cells, place(0), number)) cells.store(FIELDS, number)
        const sent = cells.load(FIELDS)
        passOn(cells, place(0), lease, 1)
        return sent
      },
    })
    const seen = new Set<unknown>()
    run([holder(1, 1), holder(2, 1), holder(1, 1)], [stateOf(1, TRANSIT)], 60, (_, results, isEnd) => {
      if (!isEnd) return
      results.forEach((sent, i) => {
        if (sent !== null) expect(sent).toBe([1, 2, 1][i])
      })
      seen.add(results.join())
    })
    expect(seen).toContain('1,2,1')
  })
})

describe('tickets, in every interleaving of', () => {
  const THREAD = 5
  const TICKET = place(BLOCKS)
  const IS_OVER = TICKET + TICKET_CELLS
  const ticketAt = (): number => TICKET
  const ticketOf = (cells: ReadonlyMap<number, number>): number => phaseOfTicket(cells.get(TICKET + TICKET_STATE) ?? 0)

  /** Asks; waits as long as it pleases; reads what it got, or gives up. */
  const asker = (endedAt?: number): Program => ({
    name: 'thread',
    ...(endedAt === undefined ? {} : { endedAt }),
    run: (cells) => {
      if (claim(cells, ticketAt, 1, THREAD) < 0) return 'full'
      const number = ask(cells, POOL, TICKET, 0, THREAD)
      if (abandon(cells, POOL, TICKET, 0, number)) return 'gave up'
      if (!redeem(cells, TICKET, number, GRANTED)) return 'nothing'
      return receive(cells, place(0), 1, THREAD) ? 'got it' : 'too late'
    },
  })

  /** Looks for what is marked so many times, and grants what it has. When the thread has ended, what it had is taken back, as by `onExit` of the owner. */
  const desk = (looks: number, notices = false): Program => ({
    name: 'owner',
    run: (cells) => {
      const known = { isQueued: false, number: -1, thread: 0 }
      const log: string[] = []
      for (let i = 0; i < looks; i++) {
        if (notices && cells.load(IS_OVER) === 1) {
          if (freeOf(cells, TICKET, known, THREAD)) known.isQueued = false
          log.push('noticed')
        }
        const found = lookAtTicket(cells, TICKET, known)
        if (found === 'waits') {
          Object.assign(known, { isQueued: true, number: numberOf(cells.load(TICKET + TICKET_STATE)), thread: THREAD })
          handOff(cells, place(0), 0, THREAD)
          known.isQueued = false
          log.push(grant(cells, TICKET, known.number, 0, 0, 1) ? 'granted' : `recalled ${revoke(cells, POOL, place(0), 1)}`)
        } else if (found !== 'nothing') log.push(found)
      }
      return log
    },
  })

  test('a thread that asks and gives up, and an owner that grants: the slot is with one of the two, and the ticket is free again', () => {
    const outcomes = new Set<unknown>()
    const { cut } = explore([asker(), desk(3)], new Map(), 80, (cells, results, isEnd) => {
      if (!isEnd) return
      const [got, log] = results as [string, string[]]
      outcomes.add(got)
      expect(log).not.toContain('damage')
      expect(got === 'got it').toBe(log.includes('granted'))
      // Abandoned at the end: the next look frees it, for it is marked.
      if (ticketOf(cells) !== EMPTY) expect([ticketOf(cells), cells.get(POOL + POOL_MARKED)]).toEqual([ABANDONED, 1])
    })
    expect([cut, [...outcomes].sort()]).toEqual([0, ['gave up', 'got it']])
  })

  test('a thread that is terminated at any step, and an owner that notices: its ticket is free again, its slot is back', () => {
    let noticed = 0
    const { cut } = explore([asker(IS_OVER), desk(4, true)], new Map(), 90, (cells, results, isEnd) => {
      const [got, log] = results as [string, string[] | undefined]
      if (!isEnd || got !== ENDED || log?.at(-1) !== 'noticed') return
      noticed++
      expect(ticketOf(cells)).toBe(EMPTY)
    })
    expect([cut, noticed > 5]).toEqual([0, true])
  })

  test('a late step of one use, after the owner has freed the ticket for the next: it does nothing', () => {
    const late: Program = {
      name: 'first thread',
      run: (cells) => [redeem(cells, TICKET, 0, GRANTED), abandon(cells, POOL, TICKET, 0, 0)],
    }
    const next: Program = {
      name: 'owner and second thread',
      run: (cells) => {
        free(cells, TICKET, ticketState(0, GRANTED))
        if (claim(cells, ticketAt, 1, THREAD + 1) < 0) return 'full'
        cells.store(POOL + POOL_TICKETS, 1)
        return ask(cells, POOL, TICKET, 0, THREAD + 1)
      },
    }
    const { cut } = explore([late, next], new Map([[TICKET + TICKET_STATE, ticketState(0, GRANTED)]]), 60, (cells, results, isEnd) => {
      if (isEnd) expect([ticketOf(cells), results[1]]).toEqual([WAITING, 1])
    })
    expect(cut).toBe(0)
  })
})

describe('the explorer finds the fault when the mend is taken out:', () => {
  test('a cancel that names the lease, not the request, hits the next request', () => {
    const holder: Program = {
      name: 'holder',
      run: (cells) => {
        submit(cells, POOL, place(0), 0, 1)
        cells.store(place(0) + BLOCK_CANCEL, 1)
        if (take(cells, place(0), 1)) submit(cells, POOL, place(0), 0, 1)
      },
    }
    const owner: Program = {
      name: 'owner',
      run: (cells) => {
        const log: string[] = []
        for (let i = 0; i < 3; i++) {
          const found = lookAt(cells, place(0), 1, 0)
          if (found !== 'request' && found !== 'abandoned request') continue
          const request = requestOf(cells, place(0))
          // The lease is 1, and so is what the cancel says.
          log.push(cells.load(place(0) + BLOCK_CANCEL) === 1 ? `abandon ${request}` : `send ${request}`)
          answer(cells, place(0), 1)
        }
        return log
      },
    }
    expect(() =>
      run([holder, owner], [stateOf(1, HELD)], 90, (_, results, isEnd) => {
        if (isEnd) expect(results[1]).not.toContain('abandon 2')
      }),
    ).toThrow(/after: /)
  })

  test('threads that are told apart by a number that both have send each other’s default fields', () => {
    const FIELDS = place(BLOCKS)
    const holder = (fields: number): Program => ({
      name: `thread with ${fields}`,
      run: (cells) => {
        if (!receive(cells, place(0), 1, 1)) return null
        if (claimWriter(cells, place(0), 1)) cells.store(FIELDS, fields)
        const sent = cells.load(FIELDS)
        passOn(cells, place(0), 1, 1)
        return sent === fields
      },
    })
    expect(() =>
      run([holder(1), holder(2)], [stateOf(1, TRANSIT)], 60, (_, results, isEnd) => {
        if (isEnd) expect(results).not.toContain(false)
      }),
    ).toThrow(/after: /)
  })

  test('an owner that takes submissions without a look at cancels sends what is past its limit', () => {
    const holder: Program = {
      name: 'holder',
      run: (cells) => {
        cancel(cells, POOL, place(0), 0, submit(cells, POOL, place(0), 0, 1), TIMED_OUT)
        return cells.load(POOL + POOL_ASLEEP)
      },
    }
    // It looks after the limit, which it knows from the bell: two rings.
    const careless: Program = {
      name: 'owner',
      run: (cells) => {
        if (cells.load(POOL + POOL_DOORBELL) < 2) return 'early'
        return lookAt(cells, place(0), 1, 0)
      },
    }
    const seen = new Set<unknown>()
    run([holder, careless], [stateOf(1, HELD)], 60, (_, results, isEnd) => {
      if (isEnd) seen.add(results[1])
    })
    expect(seen).toEqual(new Set(['early', 'abandoned request']))
    const withoutMend: Program = {
      name: 'owner',
      run: (cells) => {
        if (cells.load(POOL + POOL_DOORBELL) < 2) return 'early'
        return step(cells, place(0), 1, SUBMITTED, SENDING) ? 'request' : 'nothing'
      },
    }
    expect(() =>
      run([holder, withoutMend], [stateOf(1, HELD)], 60, (_, results, isEnd) => {
        if (isEnd) expect(results[1]).not.toBe('request')
      }),
    ).toThrow(/after: /)
  })

  test('a release that knows only HELD loses a block whose request is under way', () => {
    const holder: Program = {
      name: 'holder',
      run: (cells) => {
        submit(cells, POOL, place(0), 0, 1)
        step(cells, place(0), 1, HELD, RETURNED)
        return 'released'
      },
    }
    expect(() =>
      run([holder, ownerOf(3, false)], [stateOf(1, HELD)], 90, (cells, results, isEnd) => {
        if (isEnd) expect((results[1] as string[]).includes('back 0') || phase(cells, 0) === RETURNED).toBe(true)
      }),
    ).toThrow(/after: /)
  })

  test('a ticket that does not say whose it is stays taken when its thread ends', () => {
    const TICKET = place(BLOCKS)
    const IS_OVER = TICKET + TICKET_CELLS
    const thread: Program = {
      name: 'thread',
      endedAt: IS_OVER,
      run: (cells) => claim(cells, () => TICKET, 1, 0),
    }
    const owner: Program = {
      name: 'owner',
      run: (cells) => {
        if (cells.load(IS_OVER) === 0) return false
        freeOf(cells, TICKET, { isQueued: false, number: -1, thread: 0 }, 5)
        return true
      },
    }
    // The step after which it ends, so that the claim is made.
    const claims: Program = { ...thread, run: (cells) => [claim(cells, () => TICKET, 1, 0), cells.load(POOL)] }
    expect(() =>
      explore([claims, owner], new Map(), 30, (cells, results, isEnd) => {
        if (isEnd && results[1] === true) expect(cells.get(TICKET + TICKET_STATE) ?? 0).toBe(EMPTY)
      }),
    ).toThrow(/after: /)
  })
})

/** What waiting on a cell does, but for the waiting: false when the cell no longer holds `seen`; else how often it had been woken before. */
function fallAsleep(cells: Cells, cell: number, seen: number): number | false {
  const wakeUps = cells.load(wakeUpsOf(cell))
  return cells.load(cell) === seen && wakeUps
}

describe('nobody sleeps through what it waits for, in every interleaving of', () => {
  const THREAD = 7
  const SLEEP_CELL = sleepCellOf(POOL, THREAD)
  const answerAndWake = (cells: Cells): void => {
    if (!answer(cells, place(0), 1)) return
    const thread = sleeper(cells, place(0))
    if (thread >= 0) wake(cells, POOL, thread)
  }
  const waits = (cells: Cells): number | false => {
    const seen = announceSleep(cells, POOL, place(0), THREAD)
    const state = cells.load(place(0) + BLOCK_STATE)
    return phaseOf(state) !== ANSWERED && leaseOf(state) === 1 && fallAsleep(cells, SLEEP_CELL, seen)
  }
  const start = (state: number): Map<number, number> =>
    new Map([
      [place(0) + BLOCK_STATE, state],
      [place(0) + BLOCK_HOLDER, THREAD],
    ])
  const checkWoken = (cells: ReadonlyMap<number, number>, slept: unknown): void => {
    if (slept !== false) expect(cells.get(wakeUpsOf(SLEEP_CELL)) ?? 0).toBeGreaterThan(slept as number)
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
    const owner: Program = { name: 'owner', run: (cells) => revoke(cells, POOL, place(0), 1) }
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
        let found: Finding = 'nothing'
        takeMarks(cells, POOL + POOL_MARKS, BLOCKS, (block) => {
          found = lookAt(cells, place(block), 1, 0)
        })
        if ((found as Finding) === 'request') {
          answerAndWake(cells)
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
        const found = cells.load(POOL + POOL_MARKS) !== 0
        cells.store(POOL + POOL_ASLEEP, 1)
        return found || fallAsleep(cells, POOL + POOL_DOORBELL, seen)
      },
    }
    const initial = new Map([0, 1].map((block) => [place(block) + BLOCK_STATE, stateOf(1, HELD)]))
    let checked = 0
    explore([ringer(0), ringer(1), owner], initial, 60, (cells, results) => {
      // Only the second has run to its end: the first may have been terminated where it stands.
      const [, rung, slept] = results
      if (rung === undefined || typeof slept !== 'number') return
      checked++
      expect(cells.get(wakeUpsOf(POOL + POOL_DOORBELL)) ?? 0).toBeGreaterThan(slept)
    })
    expect(checked).toBeGreaterThan(10)
  })

  test('the explorer finds a mistake: a holder that looks first and says afterwards that it sleeps', () => {
    const holder: Program = {
      name: 'holder',
      run: (cells) => {
        const seen = cells.load(SLEEP_CELL)
        if (phaseOf(cells.load(place(0) + BLOCK_STATE)) === ANSWERED) return false
        cells.store(place(0) + BLOCK_ASLEEP, 1)
        return fallAsleep(cells, SLEEP_CELL, seen)
      },
    }
    expect(() =>
      explore([{ name: 'owner', run: answerAndWake }, holder], start(stateOf(1, SENDING)), 40, (cells, results, isEnd) => {
        if (isEnd) checkWoken(cells, results[1])
      }),
    ).toThrow(/after: /)
  })
})

test('the explorer finds a mistake: marks that are read and then cleared, instead of taken, lose blocks', () => {
  const takeCarelessly = (cells: Cells): number => {
    const marks = cells.load(POOL + POOL_MARKS)
    cells.store(POOL + POOL_MARKS, 0)
    return marks
  }
  const holder: Program = { name: 'holder', run: (cells) => giveBack(cells, POOL, place(1), 1, 1) }
  expect(() =>
    run([holder, { name: 'owner', run: takeCarelessly }], [stateOf(1, HELD), stateOf(1, HELD)], 40, (cells, results, isEnd) => {
      if (isEnd) expect((cells.get(POOL + POOL_MARKS) ?? 0) | (results[1] as number)).toBe(2)
    }),
  ).toThrow(/after: /)
})

test('a state word tells lease and phase apart, over all leases', () => {
  for (const lease of [0, 1, 2, 0x0fff_fffe, 0x0fff_ffff]) {
    for (let phase = FREE; phase <= LEFT; phase++) {
      const word = stateOf(lease, phase) | 0
      expect([leaseOf(word), phaseOf(word), phaseUnder(word, lease), phaseUnder(word, lease + 1)]).toEqual([lease, phase, phase, -1])
    }
  }
  expect(nextLease(0x0fff_ffff)).toBe(0)
})
