/** Runs the checks in a process of their own and prints one JSON line for each. */

import { outcomeOf } from './run-check.ts'
import { type Check, type Context, checks } from './suite.ts'

/** Longest time for one check in ms: a hang is told by name. */
export const CHECK_LIMIT = 20_000

/** Those over TLS, which are all that a second way of TLS has to pass. */
export function isOverTls({ name }: Check): boolean {
  return name.endsWith('over TLS')
}

/** Runs all of them, one after the other; those over TLS alone where the authority is trusted anyway. */
export async function runChecks(context: Context, print: (line: string) => void): Promise<void> {
  for (const check of checks) {
    if (context.env.isTrusted && !isOverTls(check)) continue
    print(JSON.stringify(await outcomeOf(check, context, CHECK_LIMIT)))
  }
}
