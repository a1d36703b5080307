/** Runs checks in a process of their own and prints one JSON line for each. */

import { outcomeOf } from '../integration/run-check.ts'

const LIMIT = 40_000

/** Runs all of them, one after the other, each for `limit` ms at most. */
export async function runInterop<Context>(
  checks: Readonly<Record<string, (context: Context) => Promise<void>>>,
  context: Context,
  print: (line: string) => void,
  limit: number = LIMIT,
): Promise<void> {
  for (const [name, run] of Object.entries(checks)) print(JSON.stringify(await outcomeOf({ name, run }, context, limit)))
}
