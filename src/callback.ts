/**
 * Callers' callbacks, and what becomes of what they throw.
 *
 * Rule 1: a callback that is only notified (`onDown`, observers) disturbs nobody. What it throws, or its promise rejects with, becomes an uncaught
 *         exception of its own, as if it were thrown in a timer.
 * Rule 2: a callback that is asked (`onOpen`, `onRequest`, `shouldRetry`), or that belongs to an operation which its caller awaits, fails what it was
 *         asked about.
 */

/** Calls a callback, asynchronous ones too: `onThrow` is given what it throws, or what its promise rejects with. */
export function notify(call: () => unknown, onThrow: (error: unknown) => void): void {
  try {
    const result = call()
    if (isThenable(result)) result.then(undefined, onThrow)
  } catch (error) {
    onThrow(error)
  }
}

/** Makes an error an uncaught exception, without disturbing who calls. */
export function report(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as Partial<PromiseLike<unknown>>).then === 'function'
}
