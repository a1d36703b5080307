/** The messages between threads: the first says how to attach, all others contain only numbers. */

import type { PoolPlan } from './layout.ts'

/** A slot on its way: post it as it is. */
export interface SlotMessage {
  // Which pool it is of.
  readonly nexusSlot: string
  readonly block: number
  readonly index: number
  readonly lease: number
  // How to attach; left out for a thread that has done so.
  readonly plan?: PoolPlan
}

/** Methods as the owner has to know them: only `HEAD` and `CONNECT` change how a response is read, so all the others are one. */
export const METHODS: readonly string[] = ['any other', 'HEAD', 'CONNECT']
