/** Mistakes in the use of a reader, whatever it reads. */

import { UsageError } from '../errors.ts'

/** It is used after `release`. */
export function releasedReader(): UsageError {
  return new UsageError('NotOpen', 'the reader was released: its memory may belong to another one')
}

/** @param advice what makes room, for the text */
export function bufferFull(needed: number, available: number, advice: string): UsageError {
  return new UsageError('BufferFull', `${needed} bytes do not fit: there is room for ${available}. ${advice}`, { needed, available })
}
