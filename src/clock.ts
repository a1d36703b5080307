/** Time, passed in: everything that waits can run under a virtual clock. */

/** A source of time and timers. */
export interface Clock {
  /** Milliseconds from any fixed point; never goes backwards. */
  now(): number
  /** Calls `callback` once, `delay` ms from now. Returns what {@link Clock.clear} takes. */
  set(callback: () => void, delay: number): unknown
  /** Cancels a timer; harmless when it has fired. */
  clear(timer: unknown): void
}

/** The runtime's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  set: (callback, delay) => setTimeout(callback, delay),
  clear: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
}

/** Resolves after `delay` ms, or rejects with the signal's reason as soon as it is aborted. */
export function sleep(clock: Clock, delay: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = (): void => {
      clock.clear(timer)
      reject(signal?.reason)
    }
    const timer = clock.set(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, delay)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
