/** What a connection can send: a whole request, or one whose body is made while it is sent. */

import { Request, type RequestMemory, type RequestStream } from '../codec/http/request.ts'
import { RequestBuilder } from '../codec/http/request-builder.ts'
import { RequestWriter } from '../codec/http/request-writer.ts'
import { UsageError } from '../errors.ts'

/** What a connection needs of a {@link Request}. */
export interface SendableRequest {
  /** Head and body; of a streamed request, the head. */
  readonly bytes: Uint8Array
  readonly method: string
  /** Whose memory the bytes lie in. */
  readonly writer: RequestMemory
  /** The body when it is made while it is sent; null when the request is whole. */
  readonly stream: RequestStream | null
}

/**
 * The request's bytes, which are read before anything begins. Throws `RequestOutOfOrder` for a request whose `finish` was forgotten, `StaleRequest` for
 * one that its writer has superseded, and `InvalidOption` for a value that is no request.
 */
export function checkRequest(request: SendableRequest): Uint8Array {
  if (request instanceof Request) return request.bytes
  if (request instanceof RequestBuilder) {
    throw new UsageError('RequestOutOfOrder', 'the request is not finished: call finish() on it, and send what that returns')
  }
  const { bytes, writer } = (request ?? {}) as Partial<SendableRequest>
  if (bytes instanceof Uint8Array && writer instanceof RequestWriter) return bytes
  const is = request === null ? 'null' : typeof request === 'object' ? 'another object' : `a value of type ${typeof request}`
  throw new UsageError('InvalidOption', `request must be a request that a RequestWriter finished, but is ${is}`)
}
