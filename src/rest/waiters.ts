/** Callers that wait for a slot: first come, first served, each with a deadline and a way to leave. */

import type { Clock } from '../clock.ts'
import { RestError } from '../errors.ts'

/** A caller in the queue. */
interface Waiter<T> {
  next: Waiter<T> | null
  previous: Waiter<T> | null
  readonly since: number
  readonly resolve: (item: T) => void
  readonly reject: (error: Error) => void
  /** Ends its timer and its signal. */
  cleanup: () => void
}

/** What a caller says of its wait. */
export interface WaitOptions {
  /** Milliseconds, 0 for no limit. */
  readonly timeout: number
  readonly signal?: AbortSignal | undefined
}

/** A queue of promises. Leaving from the middle costs the same as from its ends. */
export class WaiterQueue<T> {
  private first: Waiter<T> | null = null
  private last: Waiter<T> | null = null
  private count = 0

  constructor(private readonly clock: Clock) {}

  get length(): number {
    return this.count
  }

  /** Waits for an item. Rejects with `AcquireTimeout`, `RequestAborted`, or what {@link WaiterQueue.rejectAll} says. */
  wait({ timeout, signal }: WaitOptions): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiter: Waiter<T> = { next: null, previous: this.last, since: this.clock.now(), resolve, reject, cleanup: () => {} }
      const leave = (error: RestError): void => {
        this.remove(waiter)
        reject(error)
      }
      const onAbort = (): void => leave(aborted(signal?.reason, this.clock.now() - waiter.since))
      if (signal?.aborted) {
        reject(aborted(signal.reason, 0))
        return
      }
      // A runtime's timer counts from the beginning of its turn, so it can fire before its time.
      const onTimer = (): void => {
        const left = waiter.since + timeout - this.clock.now()
        if (left > 0) timer = this.clock.set(onTimer, Math.ceil(left))
        else leave(timedOut(timeout))
      }
      let timer = timeout === 0 ? null : this.clock.set(onTimer, timeout)
      signal?.addEventListener('abort', onAbort, { once: true })
      waiter.cleanup = () => {
        if (timer !== null) this.clock.clear(timer)
        signal?.removeEventListener('abort', onAbort)
      }
      if (this.last === null) this.first = waiter
      else this.last.next = waiter
      this.last = waiter
      this.count++
    })
  }

  /** Gives `item` to the caller that has waited longest. There must be one. */
  serve(item: T): void {
    const waiter = this.first as Waiter<T>
    this.remove(waiter)
    waiter.resolve(item)
  }

  /** Sends everybody away. */
  rejectAll(error: Error): void {
    for (let waiter = this.first; waiter !== null; waiter = this.first) {
      this.remove(waiter)
      waiter.reject(error)
    }
  }

  private remove(waiter: Waiter<T>): void {
    const { previous, next } = waiter
    if (previous === null) this.first = next
    else previous.next = next
    if (next === null) this.last = previous
    else next.previous = previous
    this.count--
    waiter.cleanup()
  }
}

function aborted(cause: unknown, elapsed: number): RestError {
  const message = 'waiting for a slot was aborted; nothing was sent'
  return new RestError('RequestAborted', message, { fault: 'local', requestSent: 'nothing', phase: 'queue', elapsed, cause })
}

function timedOut(timeout: number): RestError {
  const message = `no slot became free within ${timeout} ms; nothing was sent. See pool.stats`
  return new RestError('AcquireTimeout', message, { fault: 'local', requestSent: 'nothing', phase: 'queue', elapsed: timeout })
}
