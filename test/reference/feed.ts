/** Ways to put bytes into a frame reader; each gives what came out, in the form of the reference decoder. */

import type { FrameReader } from '../../src/codec/ws/frame-reader.ts'
import type { Decoded, DecodedEvent } from './decoder.ts'

/** Takes every message that is ready. */
export function drain(reader: FrameReader, events: DecodedEvent[]): void {
  for (let message = reader.next(); message !== null; message = reader.next()) {
    const event: DecodedEvent = { kind: message.kind, bytes: message.bytes.slice() }
    if (event.kind === 'close') event.closeCode = message.closeCode as number
    events.push(event)
  }
}

export function outcome(reader: FrameReader, events: DecodedEvent[]): Decoded {
  return { events, error: reader.error?.code ?? null, closed: reader.isClosed, unfinished: reader.isMidMessage }
}

/** Cuts `bytes` before each of `cuts`, which ascend. */
export function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    pieces.push(bytes.subarray(from, to))
    from = to
  }
  return pieces
}

/** `read` for each piece, then `next` until it is null. */
export function feedRead(reader: FrameReader, pieces: Iterable<Uint8Array>): Decoded {
  reader.reset()
  const events: DecodedEvent[] = []
  for (const piece of pieces) {
    reader.read(piece)
    drain(reader, events)
  }
  return outcome(reader, events)
}

/** `spare` and `filled`, as much of each piece as there is room for. */
export function feedSpare(reader: FrameReader, pieces: Iterable<Uint8Array>): Decoded {
  reader.reset()
  const events: DecodedEvent[] = []
  for (let piece of pieces) {
    while (piece.length > 0) {
      const spare = reader.spare()
      const part = piece.subarray(0, spare.length)
      if (part.length === 0) throw new Error('no room in a drained reader')
      spare.set(part)
      reader.filled(part.length)
      drain(reader, events)
      piece = piece.subarray(part.length)
    }
  }
  return outcome(reader, events)
}

/**
 * As a transport reads: into fixed targets, in turn. With two targets, the next read is put down before the messages of the last
 * one are taken, which is what a transport that reads ahead does.
 */
export function feedTargets(reader: FrameReader, targets: readonly Uint8Array[], pieces: Iterable<Uint8Array>): Decoded {
  const events: DecodedEvent[] = []
  const reads = [...pieces].flatMap((piece) => {
    const size = (targets[0] as Uint8Array).length
    return Array.from({ length: Math.ceil(piece.length / size) }, (_, i) => piece.subarray(i * size, (i + 1) * size))
  })
  const put = (i: number): void => (targets[i % targets.length] as Uint8Array).set(reads[i] as Uint8Array)
  if (reads.length > 0) put(0)
  for (let i = 0; i < reads.length; i++) {
    reader.commit((targets[i % targets.length] as Uint8Array).byteOffset, (reads[i] as Uint8Array).length)
    if (targets.length === 1) {
      drain(reader, events)
      if (i + 1 < reads.length) put(i + 1)
    } else {
      if (i + 1 < reads.length) put(i + 1)
      drain(reader, events)
    }
  }
  return outcome(reader, events)
}
