/** A failed request, from the thread that saw it to the one that waits: numbers in the block's cells, text in its memory. */

import {
  type Fault,
  HttpError,
  type HttpErrorCode,
  NexusError,
  type RequestPhase,
  type RequestSent,
  RestError,
  type RestErrorCode,
  TransportError,
  type TransportErrorCode,
} from '../../errors.ts'
import { BLOCK_FAILURE, BLOCK_FAULT, BLOCK_MESSAGE, BLOCK_PHASE, BLOCK_SENT, type Cells } from './handover.ts'
import { MESSAGE_BYTES } from './layout.ts'
import { checkWord, corrupt } from './words.ts'

// What a number means never changes; new ones are appended.
const CODES: readonly RestErrorCode[] = [
  'ConnectionPoisoned',
  'ConnectionBusy',
  'ConnectionClosed',
  'ConnectionReset',
  'TransportFailed',
  'RequestTimeout',
  'RequestAborted',
  'RequestBodyFailed',
  'ResponseInvalid',
  'AcquireTimeout',
  'PoolQueueFull',
  'PoolClosed',
  'SlotReleased',
  'OwnerGone',
  'SharedMemoryCorrupt',
  'ProxyAuthRequired',
]
const SENT: readonly RequestSent[] = ['nothing', 'partly', 'fully']
const PHASES: readonly RequestPhase[] = ['queue', 'send', 'first byte', 'body']
const FAULTS: readonly Fault[] = ['local', 'remote', 'transport']

/** Text of a failure: its message, and its cause's kind, code and message. */
type Text = readonly [message: string, cause?: readonly [kind: 'http' | 'transport' | 'other', code: string, message: string]]

/** Writes `error` where the holder finds it. */
export function putFailure(cells: Cells, block: number, memory: Uint8Array, at: number, error: unknown): void {
  const failure = error instanceof RestError ? error : unforeseen(error)
  cells.store(block + BLOCK_FAILURE, CODES.indexOf(failure.code) + 1)
  cells.store(block + BLOCK_SENT, SENT.indexOf(failure.requestSent))
  cells.store(block + BLOCK_PHASE, PHASES.indexOf(failure.phase))
  cells.store(block + BLOCK_FAULT, FAULTS.indexOf(failure.fault))
  const { cause } = failure
  const kind = cause instanceof HttpError ? 'http' : cause instanceof TransportError ? 'transport' : 'other'
  const text: Text =
    cause instanceof Error ? [failure.message, [kind, cause instanceof NexusError ? cause.code : '', cause.message]] : [failure.message]
  let bytes = new TextEncoder().encode(JSON.stringify(text))
  if (bytes.length > MESSAGE_BYTES) bytes = new TextEncoder().encode(JSON.stringify([failure.message.slice(0, 256)]))
  memory.set(bytes, at)
  cells.store(block + BLOCK_MESSAGE, bytes.length)
}

/** The failure of a request, on the holder's thread; null when there was none. Throws `SharedMemoryCorrupt` for what `putFailure` does not write. */
export function takeFailure(cells: Cells, block: number, memory: Uint8Array, at: number, elapsed: number): RestError | null {
  const number = checkWord('the number of a failure', cells.load(block + BLOCK_FAILURE), 0, CODES.length)
  if (number === 0) return null
  const length = checkWord('the length of a failure', cells.load(block + BLOCK_MESSAGE), 0, MESSAGE_BYTES)
  const [message, cause] = textOf(memory.slice(at, at + length))
  return new RestError(CODES[number - 1] as RestErrorCode, message, {
    fault: pick(FAULTS, 'the fault of a failure', cells.load(block + BLOCK_FAULT)),
    requestSent: pick(SENT, 'how far a request got', cells.load(block + BLOCK_SENT)),
    phase: pick(PHASES, 'the phase of a failure', cells.load(block + BLOCK_PHASE)),
    elapsed,
    ...(cause === undefined ? {} : { cause: causeOf(cause) }),
  })
}

function pick<T>(list: readonly T[], word: string, index: number): T {
  return list[checkWord(word, index, 0, list.length - 1)] as T
}

function textOf(bytes: Uint8Array): Text {
  try {
    const text: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (Array.isArray(text) && [text[0], ...(Array.isArray(text[1]) ? text[1] : [])].every((part) => typeof part === 'string'))
      return text as unknown as Text
  } catch {
    // Told below.
  }
  throw corrupt('the text of a failure', bytes.length)
}

function causeOf([kind, code, message]: NonNullable<Text[1]>): Error {
  if (kind === 'http') return new HttpError(code as HttpErrorCode, message)
  if (kind === 'transport') return new TransportError(code as TransportErrorCode, message)
  return new Error(message)
}

/** An error that should have been a RestError: it is reported as the worst case. */
function unforeseen(error: unknown): RestError {
  const message = `the request failed: ${error instanceof Error ? error.message : String(error)}`
  return new RestError('TransportFailed', message, { fault: 'local', requestSent: 'partly', phase: 'send', cause: error })
}
