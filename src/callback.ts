/**
 * Callers' callbacks, and what happens with the errors that they throw.
 *
 * Rule 1: a callback that is only notified (`onDown`, observers) cannot disturb the operation. What it throws, or its promise rejects with, becomes an
 *         uncaught exception, as if it were thrown in a timer.
 * Rule 2: when the result of a callback is needed (`onOpen`, `onRequest`, `shouldRetry`), or the callback belongs to an operation which its caller awaits,
 *         its error fails that operation.
 */

/** Calls a callback, which may be asynchronous: `onThrow` receives what it throws, or what its promise rejects with. */
export function notify(call: () => unknown, onThrow: (error: unknown) => void): void {
  try {
    const result = call()
    if (isThenable(result)) result.then(undefined, onThrow)
  } catch (error) {
    onThrow(error)
  }
}

/** Makes an error an uncaught exception, without disturbing the caller. */
export function report(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

/** Has it a `then`, as promises have? */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as Partial<PromiseLike<unknown>>).then === 'function'
}
