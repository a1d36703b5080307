/**
 * Callers' `AbortSignal`s: one listener on each, however many requests and waits it covers, and none once they have ended. A signal often lives as
 * long as its program, and everything that listens to it would live as long.
 */

/** What a signal can end. */
export interface Abortable {
  /** The followed signal was aborted; it is no longer followed. Must not throw. */
  onAbort(reason: unknown): void
}

/** A separate signal for one attempt, aborted together with another signal. */
export interface ChildSignal {
  readonly signal: AbortSignal
  /** The attempt is over. */
  leave(): void
}

/** Who follows which signal. */
export class Signals {
  private readonly followed = new Map<AbortSignal, Followers>()

  /** Signals that are listened to. */
  get size(): number {
    return this.followed.size
  }

  /** Notifies `who` when `signal` is aborted, until it leaves. A signal that was aborted before notifies nobody. */
  follow(signal: AbortSignal, who: Abortable): void {
    let followers = this.followed.get(signal)
    if (followers === undefined) {
      followers = new Followers(signal, this.followed)
      signal.addEventListener('abort', followers, { once: true })
      this.followed.set(signal, followers)
    }
    followers.all.add(who)
  }

  /** Harmless for a caller that does not follow it. */
  leave(signal: AbortSignal, who: Abortable): void {
    const followers = this.followed.get(signal)
    if (followers === undefined) return
    followers.all.delete(who)
    if (followers.all.size !== 0) return
    this.followed.delete(signal)
    signal.removeEventListener('abort', followers)
  }

  /** A separate signal, for code that adds its own listener. */
  child(signal: AbortSignal): ChildSignal {
    const controller = new AbortController()
    if (signal.aborted) {
      controller.abort(signal.reason)
      return { signal: controller.signal, leave: () => {} }
    }
    const follower: Abortable = { onAbort: (reason) => controller.abort(reason) }
    this.follow(signal, follower)
    return { signal: controller.signal, leave: () => this.leave(signal, follower) }
  }
}

/** The followers of one signal, which share its one listener. */
class Followers implements EventListenerObject {
  readonly all = new Set<Abortable>()

  constructor(
    private readonly signal: AbortSignal,
    private readonly followed: Map<AbortSignal, Followers>,
  ) {}

  handleEvent(): void {
    this.followed.delete(this.signal)
    for (const each of this.all) each.onAbort(this.signal.reason)
  }
}
