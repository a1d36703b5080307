/** Responses before the response (RFC 9110 section 15.2). */

import { HEAD_REASON, HEAD_REASON_LENGTH } from '../../../assembly/abi.ts'
import type { Fields } from './fields.ts'
import type { HeadFields } from './head-fields.ts'

/** An interim response (RFC 9110 section 15.2) other than 101: 100 Continue, 103 Early Hints and the like. Owned. */
export interface InterimResponse {
  readonly status: number
  readonly reason: string
  readonly headers: Fields
}

/** The interim response whose head has been received. */
export function readInterim(fields: HeadFields, status: number): InterimResponse {
  fields.clear()
  const headers = Array.from({ length: fields.count }, (_, i) => [fields.name(i), fields.value(i)] as const)
  const reason = fields.textOf(HEAD_REASON, HEAD_REASON_LENGTH)
  // The final head comes next.
  fields.clear()
  return { status, reason, headers }
}
