/** Ways to put bytes into the readers of responses and requests; each gives what came out, in the form of the reference parser. */

import { STEP_COMPLETE, STEP_DATA, STEP_FAILED, STEP_HEAD, STEP_INTERIM, STEP_MORE } from '../../assembly/abi.ts'
import type { RequestReader } from '../../src/codec/http/request-reader.ts'
import type { ResponseReader } from '../../src/codec/http/response-reader.ts'
import type { Outcome, ReadRequest, ReadResponse } from './http.ts'
import { latin1Text } from './linear.ts'

/** Everything about the response that the reader holds. */
function described(reader: ResponseReader, body?: string): ReadResponse {
  const { response } = reader
  return {
    status: response.status,
    reason: response.reason,
    version: response.version,
    headers: response.headers(),
    body: body ?? latin1Text(response.body),
    trailers: response.trailers(),
    reusable: reader.reusable,
    keepAliveTimeout: reader.keepAliveTimeout === -1 ? -1 : reader.keepAliveTimeout / 1_000,
    keepAliveMax: reader.keepAliveMax,
  }
}

const owned = (reader: ResponseReader): Outcome['interims'][number] => {
  const { status, reason, headers } = reader.interim
  return { status, reason, headers: headers.map(([name, value]) => [name, value]) }
}

export interface FeedOptions {
  methods: readonly string[]
  ended: boolean
  /** Hand the bodies out in pieces. */
  streaming?: boolean
}

/** As a transport reads: into the two targets in turn. The target that is filled next is overwritten before a step is judged. */
export function feedTargets(reader: ResponseReader, pieces: Iterable<Uint8Array>, { methods, ended, streaming = false }: FeedOptions): Outcome {
  reader.reset()
  const targets = reader.targets()
  const outcome: Outcome = { interims: [], responses: [], error: null, surplus: 0 }
  let asked = 0
  let body = ''
  const begin = (): void => {
    reader.begin(methods[asked++] as string)
    reader.streaming = streaming
    body = ''
  }
  const settle = (step: number): void => {
    for (let code = step; ; code = reader.advance()) {
      if (code === STEP_INTERIM) outcome.interims.push(owned(reader))
      else if (code === STEP_DATA) body += latin1Text(reader.u8.subarray(reader.dataAddress, reader.dataAddress + reader.dataLength))
      else if (code === STEP_COMPLETE) {
        outcome.responses.push(described(reader, streaming ? body : undefined))
        if (asked === methods.length) return
        begin()
      } else if (code === STEP_MORE || code === STEP_FAILED) return
      else if (code !== STEP_HEAD || !streaming) throw new Error(`unexpected step ${code}`)
    }
  }
  begin()
  const isDone = (): boolean => reader.error !== null || outcome.responses.length === methods.length
  let index = 0
  for (const whole of pieces) {
    for (let at = 0; at < whole.length; at += reader.capacity) {
      const piece = whole.subarray(at, at + reader.capacity)
      if (isDone()) {
        outcome.surplus += piece.length
        continue
      }
      const [one, other] = index === 0 ? [targets[0], targets[1]] : [targets[1], targets[0]]
      one.set(piece)
      // What a transport that reads ahead may do to the other target.
      other.fill(0x21, 0, Math.min(other.length, 400))
      settle(reader.commit(index as 0 | 1, piece.length))
      index = 1 - index
    }
  }
  if (isDone()) outcome.surplus += reader.surplus
  else if (ended && reader.end() === STEP_COMPLETE) {
    outcome.responses.push(described(reader, streaming ? body : undefined))
    if (asked < methods.length) {
      begin()
      reader.end()
    }
  }
  if (reader.error !== null) {
    outcome.error = reader.error.code
    outcome.surplus = 0
  }
  return outcome
}

/** `read`, or `spare` and `filled`, then `next` until it is null. Interim responses are skipped. */
export function feedRead(reader: ResponseReader, pieces: Iterable<Uint8Array>, { methods, ended }: FeedOptions, spare = false): Outcome {
  reader.reset()
  const outcome: Outcome = { interims: [], responses: [], error: null, surplus: 0 }
  let asked = 0
  reader.begin(methods[asked++] as string)
  const isDone = (): boolean => reader.error !== null || outcome.responses.length === methods.length
  const drain = (): void => {
    while (!isDone() && reader.next() !== null) {
      outcome.responses.push(described(reader))
      if (asked < methods.length) reader.begin(methods[asked++] as string)
    }
  }
  for (const whole of pieces) {
    for (let at = 0; at < whole.length; ) {
      const room = Math.min(whole.length - at, reader.capacity)
      const piece = whole.subarray(at, at + room)
      if (isDone()) {
        outcome.surplus += whole.length - at
        break
      }
      if (spare) {
        const free = reader.spare()
        const part = piece.subarray(0, free.length)
        if (part.length === 0) throw new Error('no room in a drained reader')
        free.set(part)
        reader.filled(part.length)
        at += part.length
      } else {
        reader.read(piece)
        at += room
      }
      drain()
    }
  }
  if (isDone()) outcome.surplus += reader.surplus
  else if (ended && reader.end() === STEP_COMPLETE) {
    drain()
    if (!isDone()) reader.end()
  }
  if (reader.error !== null) {
    outcome.error = reader.error.code
    outcome.surplus = 0
  }
  return outcome
}

/** One request head; the body is left where it is. */
export function feedRequest(
  reader: RequestReader,
  pieces: Iterable<Uint8Array>,
  spare = false,
): { request: ReadRequest; rest: string } | string | null {
  reader.reset()
  let arrived: { request: ReadRequest; rest: string } | string | null = null
  for (const piece of pieces) {
    if (spare) {
      reader.spare().set(piece)
      reader.filled(piece.length)
    } else {
      reader.read(piece)
    }
    if (arrived !== null) continue
    const head = reader.next()
    if (head !== null) {
      const { method, target, version, framing, contentLength, keepAlive } = head
      arrived = { request: { method, target, version, headers: head.headers(), framing, contentLength, keepAlive }, rest: '' }
    } else if (reader.error !== null) {
      arrived = reader.error.code
    }
  }
  if (arrived !== null && typeof arrived !== 'string') arrived.rest = latin1Text(reader.remainder)
  return arrived
}
