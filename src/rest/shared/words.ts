/**
 * Checks of words that are read from shared memory, before they are used: any thread of the process may have written anything there, so an index, a
 * length, a count or a state is compared with the reader's own records. A word is read once, checked, and used from then on as it was read.
 */

import { type RequestPhase, type RequestSent, RestError } from '../../errors.ts'

/** Shared memory holds a value that no step of the protocol writes. `sent` and `phase` are those of the request that it concerns. */
export function corrupt(word: string, value: number, requestSent: RequestSent = 'nothing', phase: RequestPhase = 'queue'): RestError {
  const message = `shared memory was damaged: ${word} is ${value}. A thread of this process wrote where it may not`
  return new RestError('SharedMemoryCorrupt', message, { fault: 'local', requestSent, phase })
}

/** `value`, a whole number from `least` to `most`. Throws `SharedMemoryCorrupt` for any other. */
export function checkWord(word: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value
  throw corrupt(word, value)
}
