/** Asking for compressed responses (RFC 9110 section 12.5.3), in a request that is finished. */

import { equalsName } from './head-fields.ts'
import type { RequestStream } from './request.ts'

const LF = 0x0a
const CR = 0x0d
const LOWER_A = 0x61
const LOWER_R = 0x72
const ACCEPTS = Uint8Array.from('Accept-Encoding: gzip, deflate\r\n', (character) => character.charCodeAt(0))
/** Up to so many bytes of a body are copied with its head: that costs less than a write of its own. */
const COPIED = 16_384

/** A request that asks. */
export interface AskingRequest {
  /** Its head, or all of it. */
  readonly bytes: Uint8Array
  /** The body that follows, as a view of what was given; null when it is in `bytes`, or when there is none. */
  readonly body: RequestStream | null
}

/**
 * The request with an `Accept-Encoding` behind its other fields, its head in memory of its own. It is returned as it is when it has one already, and when
 * it asks for a range: ranges count the bytes of what is compressed.
 *
 * @param request whole, or the head of one whose body follows
 */
export function askCompressed(request: Uint8Array): Uint8Array {
  const end = headEnd(request)
  if (end < 0) return request
  const asking = new Uint8Array(request.length + ACCEPTS.length)
  asking.set(request)
  asking.copyWithin(end + ACCEPTS.length, end, request.length)
  asking.set(ACCEPTS, end)
  return asking
}

/** Where the empty line begins; -1 for a head that has one of the two fields, or that has no end. */
function headEnd(request: Uint8Array): number {
  const { length } = request
  for (let i = 1; i < length; i++) {
    if (request[i - 1] !== LF) continue
    const first = request[i] as number
    if (first === CR) return i
    if ((first | 0x20) === LOWER_A && equalsName(request, i, 'Accept-Encoding:')) return -1
    if ((first | 0x20) === LOWER_R && equalsName(request, i, 'Range:')) return -1
  }
  return -1
}
