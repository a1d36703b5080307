/** The events of a pool on `node:diagnostics_channel`, which Deno and Bun have too. */

import { channel } from 'node:diagnostics_channel'
import { isBag, refused } from '../option-rules.ts'
import type { PoolObserver } from '../rest/observer.ts'

/** The part of a pool that is needed. */
interface Observable {
  readonly origin: string
  observe(observer: PoolObserver): () => void
}

/** Channels by the event they carry. */
const CHANNELS = {
  onSlotUp: 'nexus-async-net:pool:slot-up',
  onSlotDown: 'nexus-async-net:pool:slot-down',
  onAttemptFailed: 'nexus-async-net:pool:attempt-failed',
  onLeak: 'nexus-async-net:pool:leak',
  onWait: 'nexus-async-net:pool:wait',
  onRequest: 'nexus-async-net:pool:request',
  onKeepWarmFailed: 'nexus-async-net:pool:keep-warm-failed',
  onCorruption: 'nexus-async-net:pool:corruption',
} as const satisfies Record<keyof PoolObserver, string>

/**
 * Publishes the events of `pool` on `nexus-async-net:pool:slot-up`, `…:slot-down`, `…:attempt-failed`, `…:leak`, `…:wait`, `…:request`, `…:keep-warm-failed` and
 * `…:corruption`. A message is the event of {@link PoolObserver} with the pool's `origin`; without a subscriber, none is made. Returns a function that stops publishing.
 *
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel'
 *
 * subscribe('nexus-async-net:pool:slot-down', (event) => metrics.count('lost', event))
 * const stop = publishDiagnostics(pool)
 * ```
 */
export function publishDiagnostics(pool: Observable): () => void {
  if (!isBag(pool) || typeof pool['observe'] !== 'function') throw refused('pool', 'a ClientPool', pool)
  const observer: Record<string, (event: object) => void> = {}
  for (const [name, title] of Object.entries(CHANNELS)) {
    const target = channel(title)
    observer[name] = (event) => {
      if (target.hasSubscribers) target.publish({ origin: pool.origin, ...event })
    }
  }
  return pool.observe(observer as PoolObserver)
}
