/** Callers that wait in line: first come, first served, each with a deadline and a way to leave. */

import type { Clock } from '../clock.ts'
import { RestError } from '../errors.ts'
import { LOOK, Looks } from '../look.ts'
import type { Abortable, Signals } from './signals.ts'

/** The errors for callers that leave without an item. */
export interface WaiterErrors {
  timedOut(timeout: number): RestError
  aborted(cause: unknown, elapsed: number): RestError
}

/** For callers that wait for a slot. */
export const SLOT_ERRORS: WaiterErrors = {
  timedOut: (timeout) => {
    const message = `no slot became free within ${timeout} ms; nothing was sent. See pool.stats`
    return new RestError('AcquireTimeout', message, { fault: 'local', requestSent: 'nothing', phase: 'queue', elapsed: timeout })
  },
  aborted: (cause, elapsed) => {
    const message = 'waiting for a slot was aborted; nothing was sent'
    return new RestError('RequestAborted', message, { fault: 'local', requestSent: 'nothing', phase: 'queue', elapsed, cause })
  },
}

/** The limits of a wait. */
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

  constructor(
    private readonly clock: Clock,
    private readonly signals: Signals,
    private readonly errors: WaiterErrors,
  ) {}

  get length(): number {
    return this.count
  }

  /** Waits for an item. Rejects with an error of this queue, or with that of {@link WaiterQueue.rejectAll}. */
  wait({ timeout, signal }: WaitOptions): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) {
        reject(this.errors.aborted(signal.reason, 0))
        return
      }
      const waiter = new Waiter<T>(this, this.last, resolve, reject, this.clock.now(), signal)
      if (signal !== undefined) this.signals.follow(signal, waiter)
      if (timeout !== 0) this.limit(waiter, timeout)
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

  /** Rejects all waiting callers. */
  rejectAll(error: Error): void {
    for (let waiter = this.first; waiter !== null; waiter = this.first) {
      this.remove(waiter)
      waiter.reject(error)
    }
  }

  /** Its signal was aborted. */
  abort(waiter: Waiter<T>, reason: unknown): void {
    this.remove(waiter)
    waiter.reject(this.errors.aborted(reason, this.clock.now() - waiter.since))
  }

  /** A runtime's timer counts from the beginning of its turn, so it can fire too early; and long after its time, when the thread was blocked. */
  private limit(waiter: Waiter<T>, timeout: number): void {
    const { clock } = this
    const looks = new Looks()
    const onTimer = (): void => {
      const left = waiter.since + timeout - clock.now()
      if (left > 0) waiter.timer = clock.set(onTimer, Math.ceil(left))
      else if (looks.isDue(-left)) waiter.timer = clock.set(onTimer, LOOK)
      else {
        this.remove(waiter)
        waiter.reject(this.errors.timedOut(timeout))
      }
    }
    waiter.timer = clock.set(onTimer, timeout)
  }

  private remove(waiter: Waiter<T>): void {
    const { previous, next, signal, timer } = waiter
    if (previous === null) this.first = next
    else previous.next = next
    if (next === null) this.last = previous
    else next.previous = previous
    this.count--
    if (timer !== null) this.clock.clear(timer)
    if (signal !== undefined) this.signals.leave(signal, waiter)
  }
}

/** A caller in the queue. */
class Waiter<T> implements Abortable {
  next: Waiter<T> | null = null
  timer: unknown = null

  constructor(
    private readonly queue: WaiterQueue<T>,
    public previous: Waiter<T> | null,
    readonly resolve: (item: T) => void,
    readonly reject: (error: Error) => void,
    readonly since: number,
    readonly signal: AbortSignal | undefined,
  ) {}

  onAbort(reason: unknown): void {
    this.queue.abort(this, reason)
  }
}
