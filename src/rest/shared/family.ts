/** The classes of one runtime by which threads share a pool. */

import { compose } from '../../composition.ts'
import type { ThreadedRuntime } from '../../runtime.ts'
import type { HttpFamily } from '../family.ts'
import { type AtomicClientPoolClass, atomicClientPool } from './atomic-pool.ts'
import { AtomicClientSlot } from './atomic-slot.ts'
import { Attachments } from './attachments.ts'
import { SharedAcquirer } from './shared-acquirer.ts'

/** Classes that know each other, and what this thread knows of pools. */
export interface ThreadFamily {
  readonly AtomicClientPool: AtomicClientPoolClass
  readonly AtomicClientSlot: typeof AtomicClientSlot
  readonly SharedAcquirer: typeof SharedAcquirer
}

/** The classes of `runtime` on one thread. @param thread its number, from 1 */
export function threadFamily(runtime: ThreadedRuntime, { ClientPool, HttpConnection }: HttpFamily, thread: number): ThreadFamily {
  const threads = new Attachments(runtime, thread)
  const Slot = compose(AtomicClientSlot, threads)
  return {
    AtomicClientPool: atomicClientPool(ClientPool, { runtime, HttpConnection, threads }),
    AtomicClientSlot: Slot,
    SharedAcquirer: compose(SharedAcquirer, { threads, Slot }),
  }
}
