/**
 * What becomes of an error in a callback of the user's, the same everywhere.
 *
 * Rule 1: a callback that is asked (`onOpen`, `onRequest`, `shouldRetry`) fails what it was asked about: its error is thrown where the answer is used.
 * Rule 2: a callback that is only notified changes nothing here: its error is an uncaught one of the program, as if it were thrown in a timer.
 */

/** Notifies `callback`. What it throws is thrown by a microtask of its own; a promise that it returns and that rejects is nobody's to handle, either. */
export function notify<Event>(callback: ((event: Event) => unknown) | undefined, event: Event): void {
  try {
    callback?.(event)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
