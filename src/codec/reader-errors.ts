/** Mistakes in the use of readers and writers, whatever they read and write. */

import { UsageError } from '../errors.ts'
import { nameValue } from '../naming.ts'

/** A use after `release`. @param what was used: 'reader' */
export function released(what: string): UsageError {
  return new UsageError('Released', `the ${what} was released: its memory may belong to another connection`)
}

/** A message has no field with this index. */
export function noField(index: unknown, count: number): RangeError {
  return new RangeError(`field ${nameValue(index)} is outside the message's ${count} fields`)
}

/** @param advice how to make room, for the message */
export function bufferFull(needed: number, available: number, advice: string): UsageError {
  return new UsageError('BufferFull', `${nameValue(needed)} bytes do not fit: there is room for ${available}. ${advice}`, { needed, available })
}
