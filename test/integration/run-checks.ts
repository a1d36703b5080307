/** Runs the checks in a process of their own and prints one JSON line for each. */

import { type Check, type Context, checks } from './suite.ts'

/** One line of the output. */
export interface Outcome {
  readonly name: string
  /** What went wrong, or null. */
  readonly error: string | null
}

/** Throws unless it is the outcome of that check, and good; with all that it failed with, which a comparison would cut short. */
export function requirePassed(outcome: unknown, name: string): void {
  const { name: whose, error } = outcome as Outcome
  if (whose !== name) throw new Error(`the outcome of “${whose}” came instead of that of “${name}”`)
  if (error !== null) throw new Error(error)
}

/** Longest time for one check in ms: a hang is told by name. */
export const CHECK_LIMIT = 20_000

/** Runs one check; rejects when it fails or hangs. */
export async function runCheck<Of>(check: { run(context: Of): Promise<void> }, context: Of, limit: number = CHECK_LIMIT): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${limit} ms`)), limit)
  })
  try {
    await Promise.race([check.run(context), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Those over TLS, which are all that a second way of TLS has to pass. */
export function isOverTls({ name }: Check): boolean {
  return name.endsWith('over TLS')
}

/** Runs all of them, one after the other; those over TLS alone where the authority is trusted anyway. */
export async function runChecks(context: Context, print: (line: string) => void): Promise<void> {
  for (const check of checks) {
    if (context.env.isTrusted && !isOverTls(check)) continue
    let error: string | null = null
    try {
      await runCheck(check, context)
    } catch (reason) {
      error = reason instanceof Error ? `${reason.message}\n${reason.stack}` : String(reason)
    }
    print(JSON.stringify({ name: check.name, error } satisfies Outcome))
  }
}
