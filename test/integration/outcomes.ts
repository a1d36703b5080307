/** What became of checks that another process runs. */

import { afterAll, beforeAll, test } from 'vitest'
import type { Child } from './child.ts'
import type { Outcome } from './run-check.ts'

/** The lines of a child, one for each check, in whatever order they end. When it ends early, what is left fails with its last words. */
export class Outcomes {
  private readonly tellers = new Map<string, (outcome: Outcome) => void>()
  private readonly outcomes: ReadonlyMap<string, Promise<Outcome>>

  constructor(child: Child, names: readonly string[]) {
    this.outcomes = new Map(names.map((name) => [name, new Promise<Outcome>((resolve) => this.tellers.set(name, resolve))]))
    this.listen(child).catch((error: Error) => {
      for (const [name, tell] of this.tellers) tell({ name, error: error.message })
    })
  }

  /** Waits for the outcome of a check. */
  of(name: string): Promise<Outcome> {
    const outcome = this.outcomes.get(name)
    if (outcome === undefined) throw new Error(`no check is called “${name}”`)
    return outcome
  }

  /** Rejects with all that the check failed with: a comparison would cut it short. */
  async requirePassed(name: string): Promise<void> {
    const { error } = await this.of(name)
    if (error !== null) throw new Error(error)
  }

  private async listen(child: Child): Promise<void> {
    while (this.tellers.size > 0) {
      const outcome = (await child.next()) as Outcome
      const tell = this.tellers.get(outcome.name)
      if (tell === undefined) throw new Error(`an outcome that nobody waits for: ${JSON.stringify(outcome)}`)
      this.tellers.delete(outcome.name)
      tell(outcome)
    }
  }
}

/** A test for each check that a child runs, which is started before and stopped after them. */
export function inChild(names: readonly string[], start: () => Child | Promise<Child>, options: { readonly timeout?: number } = {}): void {
  let child: Child
  let outcomes: Outcomes
  beforeAll(async () => {
    child = await start()
    outcomes = new Outcomes(child, names)
  })
  afterAll(() => child?.stop())
  for (const name of names) test(name, options, () => outcomes.requirePassed(name))
}
