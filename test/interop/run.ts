/** Runs checks in a process of their own and prints one JSON line for each. */

/** What a line says. */
export interface Outcome {
  readonly name: string
  /** What went wrong, or null. */
  readonly error: string | null
}

const LIMIT = 40_000

/** Runs all of them, one after the other. */
export async function runInterop<Context>(
  checks: Readonly<Record<string, (context: Context) => Promise<void>>>,
  context: Context,
  print: (line: string) => void,
): Promise<void> {
  for (const [name, run] of Object.entries(checks)) {
    let error: string | null = null
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not done after ${LIMIT} ms`)), LIMIT)
    })
    try {
      await Promise.race([run(context), late])
    } catch (reason) {
      error = reason instanceof Error ? `${reason.message}\n${reason.stack}` : String(reason)
    } finally {
      clearTimeout(timer)
    }
    print(JSON.stringify({ name, error } satisfies Outcome))
  }
}
