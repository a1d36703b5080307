/**
 * Tries every interleaving of programs that share cells, up to a number of steps.
 *
 * A program is an ordinary function over `Cells`. It is run again from its beginning for each step, with the results of its earlier steps played
 * back to it, and stopped at the first step that is new: so the real functions are explored as they are, without being rewritten as state machines.
 * States that were seen before, with every program at the same place of the same history, are not entered again.
 */

import type { Cells } from '../../../../src/rest/shared/handover.ts'

/** Where the explorer counts how often waiters on `cell` were woken: a program can read it like any cell. */
export const wakeUpsOf = (cell: number): number => -1 - cell

/** A program; it may be run many times, so all it does must go through `cells` or into what it returns. */
export interface Program {
  readonly name: string
  /** Its thread may be terminated before any of its steps; then this cell becomes 1, and what it returned is {@link ENDED}. */
  readonly endedAt?: number
  run(cells: Cells): unknown
}

/** What a program returns whose thread was terminated. */
export const ENDED = 'ended'

export interface Exploration {
  /** Distinct states, and complete executions that were reached. */
  readonly states: number
  readonly ends: number
  /** Executions that were cut off at the depth. */
  readonly cut: number
}

type Step = readonly [kind: 'load' | 'store' | 'exchange' | 'compareExchange' | 'add' | 'or', cell: number, a: number, b: number]

/** Thrown at the first step that has no recorded result. */
class Paused {
  constructor(readonly step: Step) {}
}

class Playback implements Cells {
  private at = 0
  constructor(private readonly results: readonly number[]) {}

  private next(step: Step): number {
    if (this.at === this.results.length) throw new Paused(step)
    return this.results[this.at++] as number
  }
  load(cell: number): number {
    return this.next(['load', cell, 0, 0])
  }
  store(cell: number, value: number): void {
    this.next(['store', cell, value, 0])
  }
  exchange(cell: number, value: number): number {
    return this.next(['exchange', cell, value, 0])
  }
  compareExchange(cell: number, expected: number, value: number): number {
    return this.next(['compareExchange', cell, expected, value])
  }
  add(cell: number, value: number): number {
    return this.next(['add', cell, value, 0])
  }
  or(cell: number, bits: number): void {
    this.next(['or', cell, bits, 0])
  }
  notify(cell: number): void {
    this.next(['add', wakeUpsOf(cell), 1, 0])
  }
}

/** What a program is about to do, or what it returned. */
type Stand = { readonly step: Step } | { readonly result: unknown }

function standOf(program: Program, results: readonly number[]): Stand {
  try {
    return { result: program.run(new Playback(results)) }
  } catch (paused) {
    if (paused instanceof Paused) return { step: paused.step }
    throw paused
  }
}

/**
 * @param initial values of the cells that are not 0
 * @param check is called in every state, with what each program has returned (undefined while it runs); throws when something is wrong
 */
export function explore(
  programs: readonly Program[],
  initial: ReadonlyMap<number, number>,
  depth: number,
  check: (cells: ReadonlyMap<number, number>, results: readonly unknown[], isEnd: boolean) => void,
): Exploration {
  const seen = new Set<string>()
  let ends = 0
  let cut = 0
  const visit = (
    cells: ReadonlyMap<number, number>,
    histories: readonly (readonly number[] | null)[],
    left: number,
    trace: readonly string[],
  ): void => {
    const key = `${[...cells].sort(([a], [b]) => a - b).join(';')}|${histories.map((history) => history?.join(',') ?? ENDED).join('|')}`
    if (seen.has(key)) return
    seen.add(key)
    const stands = programs.map((program, i): Stand => {
      const history = histories[i] as readonly number[] | null
      return history === null ? { result: ENDED } : standOf(program, history)
    })
    const isEnd = stands.every((stand) => 'result' in stand)
    try {
      check(
        cells,
        stands.map((stand) => ('result' in stand ? stand.result : undefined)),
        isEnd,
      )
    } catch (error) {
      throw new Error(`${(error as Error).message}\nafter: ${trace.join('\n       ')}`, { cause: error })
    }
    if (isEnd) {
      ends++
      return
    }
    if (left === 0) {
      cut++
      return
    }
    stands.forEach((stand, i) => {
      if (!('step' in stand)) return
      const [kind, cell, a, b] = stand.step
      const before = cells.get(cell) ?? 0
      const after =
        kind === 'store' || kind === 'exchange'
          ? a
          : kind === 'add'
            ? before + a
            : kind === 'or'
              ? before | a
              : kind === 'compareExchange' && before === a
                ? b
                : before
      const next = after === before ? cells : new Map(cells).set(cell, after)
      const { endedAt, name } = programs[i] as Program
      if (endedAt !== undefined) visit(new Map(cells).set(endedAt, 1), histories.with(i, null), left - 1, [...trace, `${name} is terminated`])
      const nextHistories = histories.with(i, [...(histories[i] as readonly number[]), before])
      visit(next, nextHistories, left - 1, [...trace, `${name} ${kind} ${cell}: ${before} → ${after}`])
    })
  }
  visit(
    initial,
    programs.map(() => []),
    depth,
    [],
  )
  return { states: seen.size, ends, cut }
}
