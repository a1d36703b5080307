/** The observers of a pool. */

import { notify, report } from '../callback.ts'
import type { Clock } from '../clock.ts'
import { RestError } from '../errors.ts'
import type { PoolObserver } from './observer.ts'

type EventOf<Name extends keyof PoolObserver> = Parameters<NonNullable<PoolObserver[Name]>>[0]

/** A list of observers. Asking {@link Observers.any} first saves making an event that nobody wants. */
export class Observers {
  private readonly list: PoolObserver[] = []

  constructor(private readonly clock: Clock) {}

  get any(): boolean {
    return this.list.length !== 0
  }

  /** Adds `observer`; the returned function removes it. */
  add(observer: PoolObserver): () => void {
    this.list.push(observer)
    return () => {
      const at = this.list.indexOf(observer)
      if (at >= 0) this.list.splice(at, 1)
    }
  }

  tell<Name extends keyof PoolObserver>(name: Name, event: EventOf<Name>): void {
    for (const observer of [...this.list]) {
      // Its mistake must not stop the pool in the middle of what it is doing.
      notify(() => (observer[name] as ((event: EventOf<Name>) => void) | undefined)?.call(observer, event), report)
    }
  }

  /** Reports how a request ends. */
  watch(slot: number, sending: Promise<{ readonly status: number }>): void {
    if (!this.list.some((observer) => observer.onRequest !== undefined)) return
    const { clock } = this
    const since = clock.now()
    const ended = (status: number | null, error: RestError | null): void =>
      this.tell('onRequest', { slot, status, error, duration: clock.now() - since })
    sending.then(
      (response) => ended(statusOf(response), null),
      (error: unknown) => ended(null, error instanceof RestError ? error : null),
    )
  }
}

/** Null when the slot was released in the moment in which the response came. */
function statusOf(response: { readonly status: number }): number | null {
  try {
    return response.status
  } catch {
    return null
  }
}
