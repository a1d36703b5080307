/** What the end of a connection means for the response that was under way. Pure. */

import { BODY_LENGTH, BODY_UNTIL_CLOSE, INCOMING_IN_HEAD } from '../../../assembly/abi.ts'
import type { EndProof } from '../../end-proof.ts'
import { HttpError } from '../../errors.ts'

/** A response that is not complete. */
export interface UnfinishedResponse {
  /** INCOMING_IN_HEAD or INCOMING_IN_BODY. */
  readonly state: number
  /** How the body is framed: a BODY number. */
  readonly framing: number
  /** Whether any byte of it has arrived. */
  readonly hasBegun: boolean
  /** Bytes of the body that have arrived. */
  readonly received: number
  /** Bytes that its Content-Length announced. */
  readonly announced: number
}

/**
 * Why the response fails; null when the end completes it: its body lasts until the end of the connection (RFC 9112 section 6.3 item 8).
 *
 * @param proof what is known of the end. An end that cut TLS completes nothing (section 9.8)
 * @param requiresVerifiedEnd an end that nothing verifies completes nothing either
 */
export function endFault(response: UnfinishedResponse, proof: EndProof, requiresVerifiedEnd: boolean): HttpError | null {
  const { state, framing, received } = response
  if (state === INCOMING_IN_HEAD || framing !== BODY_UNTIL_CLOSE) {
    return new HttpError('UnexpectedEnd', `the connection ended ${whereabouts(response)}`)
  }
  if (proof === 'truncated') {
    const message = `TLS was cut without a close_notify after ${received} bytes of a body that only the end of the connection delimits`
    return new HttpError('UnexpectedEnd', message)
  }
  if (proof !== 'verified' && requiresVerifiedEnd) {
    const message = `only the end of the connection, which nothing verifies, ended the body after ${received} bytes (requireVerifiedEnd)`
    return new HttpError('UnverifiedEnd', message)
  }
  return null
}

function whereabouts({ state, framing, hasBegun, received, announced }: UnfinishedResponse): string {
  if (state === INCOMING_IN_HEAD) return hasBegun ? 'in the head of the response' : 'before the first byte of the response'
  if (framing !== BODY_LENGTH) return `in the body of the response, after ${received} bytes and before the last chunk`
  return `in the body of the response, after ${received} of ${announced} bytes`
}
