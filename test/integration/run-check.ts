/** Runs one check, and tells in a line what became of it. */

/** The line, as JSON. */
export interface Outcome {
  readonly name: string
  /** What went wrong, or null. */
  readonly error: string | null
}

/** Something to be checked, in whatever process. */
export interface Runnable<Context> {
  readonly name: string
  run(context: Context): Promise<void>
}

/** Runs a check; rejects when it fails, or is not done after `limit` ms. */
export async function runCheck<Context>(check: Runnable<Context>, context: Context, limit: number): Promise<void> {
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

/** Runs a check; its failure is part of what is returned. */
export async function outcomeOf<Context>(check: Runnable<Context>, context: Context, limit: number): Promise<Outcome> {
  const { name } = check
  try {
    await runCheck(check, context, limit)
    return { name, error: null }
  } catch (reason) {
    if (!(reason instanceof Error)) return { name, error: String(reason) }
    const { code } = reason as { code?: string }
    return { name, error: `${code === undefined ? '' : `${code}: `}${reason.message}\n${reason.stack}` }
  }
}
