/** Asking for compressed responses (RFC 9110 section 12.5.3), in a request that is finished. */

import { equalsName } from './head-fields.ts'

const LF = 0x0a
const CR = 0x0d
const ACCEPTS = Uint8Array.from('Accept-Encoding: gzip, deflate\r\n', (character) => character.charCodeAt(0))

/**
 * The request with an `Accept-Encoding` behind its other fields, in memory of its own. It is returned as it is when it has one already, and when it asks for
 * a range: ranges count the bytes of what is compressed.
 *
 * @param request whole, or the head of one whose body follows
 */
export function askCompressed(request: Uint8Array): Uint8Array {
  let line = request.indexOf(LF) + 1
  while (line !== 0 && request[line] !== CR) {
    if (equalsName(request, line, 'Accept-Encoding:') || equalsName(request, line, 'Range:')) return request
    line = request.indexOf(LF, line) + 1
  }
  if (line === 0) return request
  const asking = new Uint8Array(request.length + ACCEPTS.length)
  asking.set(request.subarray(0, line))
  asking.set(ACCEPTS, line)
  asking.set(request.subarray(line), line + ACCEPTS.length)
  return asking
}
