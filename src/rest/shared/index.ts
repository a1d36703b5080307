/** The public names of what threads share. */

export type { AtomicClientPoolOptions } from './atomic-pool.ts'
export type { AtomicSendOptions } from './atomic-slot.ts'
export type { PoolPlan } from './layout.ts'
export type { SlotMessage } from './messages.ts'
export { OwnedSlot, type WorkerLike } from './remote-slots.ts'
export type { SharedAcquireOptions } from './shared-acquirer.ts'
