/** Runs the REST checks in a process of their own and prints one JSON line for each. */

import { isForTrusted, type RestContext, restChecks } from './rest-suite.ts'
import { outcomeOf } from './run-check.ts'

/** Longest time for one check in ms, with others beside it on a slow machine: a hang is told by name. */
export const REST_CHECK_LIMIT = 60_000

/** Checks that are under way at the same time: most of them wait most of the time. */
export const LANES = 4

/** Runs all of them, and prints each as it ends; those over TLS alone where the authority is trusted anyway. */
export async function runRestChecks(context: RestContext, print: (line: string) => void): Promise<void> {
  const wanted = (context.env.isTrusted ? restChecks.filter(isForTrusted) : restChecks).values()
  const lane = async (): Promise<void> => {
    for (const check of wanted) print(JSON.stringify(await outcomeOf(check, context, REST_CHECK_LIMIT)))
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}
