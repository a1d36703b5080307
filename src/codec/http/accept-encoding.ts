/** Asking for compressed responses (RFC 9110 section 12.5.3), in a request that is finished. */

import { equalsName } from './head-fields.ts'

const LF = 0x0a
const CR = 0x0d
/** The value of the field. */
export const ACCEPTED_CODINGS = 'gzip, deflate'

const ACCEPTS = Uint8Array.from(`Accept-Encoding: ${ACCEPTED_CODINGS}\r\n`, (character) => character.charCodeAt(0))
/** Up to so many bytes of a body are copied with its head: that costs less than a write of its own. */
const COPIED = 16_384

/** Whether a request with that field, in lower case, is not made to ask: it does so already, or ranges count the bytes of what is compressed. */
export function asksItself(name: string): boolean {
  return name === 'accept-encoding' || name === 'range'
}

/** A request that asks. */
export interface AskingRequest {
  /** Its head, or all of it. */
  readonly bytes: Uint8Array
  /** The body that follows, as a view of what was given; null when it is in `bytes`, or when there is none. */
  readonly body: Uint8Array | null
}

/**
 * The request with an `Accept-Encoding` behind its other fields, its head in memory of its own. It is returned as it is when it has one already, and when
 * it asks for a range: ranges count the bytes of what is compressed.
 *
 * @param request whole, or the head of one whose body follows
 */
export function askCompressed(request: Uint8Array): AskingRequest {
  let line = request.indexOf(LF) + 1
  while (line !== 0 && request[line] !== CR) {
    if (equalsName(request, line, 'Accept-Encoding:') || equalsName(request, line, 'Range:')) return { bytes: request, body: null }
    line = request.indexOf(LF, line) + 1
  }
  if (line === 0) return { bytes: request, body: null }
  const headEnd = line + 2
  const isLong = request.length - headEnd > COPIED
  const end = isLong ? headEnd : request.length
  const bytes = new Uint8Array(end + ACCEPTS.length)
  bytes.set(request.subarray(0, line))
  bytes.set(ACCEPTS, line)
  bytes.set(request.subarray(line, end), line + ACCEPTS.length)
  return { bytes, body: isLong ? request.subarray(end) : null }
}
