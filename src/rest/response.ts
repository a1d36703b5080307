/** Responses as the shells give them out: the codec's, and how long they took. */

import { OwnedResponse, RestResponse } from '../codec/http/response.ts'
import type { ResponseReader } from '../codec/http/response-reader.ts'

/** How an exchange went, in ms. */
export interface ResponseTimings {
  /** From sending until the first byte of the response. */
  readonly firstByte: number
  /** From sending until its last byte. */
  readonly total: number
  /** The connection had answered a request before. */
  readonly reused: boolean
  /** Age of the connection when the request was sent. */
  readonly connectionAge: number
  /** Requests that the connection has answered, including this one. */
  readonly requests: number
}

/** As {@link ResponseTimings}, with the wait for a slot. */
export interface PoolTimings extends ResponseTimings {
  /** From the call until the request was sent; 0 where there was no queue. */
  readonly queued: number
}

/** The source of the times. */
interface Timed {
  readonly timings: ResponseTimings
}

/** A response, borrowed: valid until the next request on the same reader. */
export class HttpResponse extends RestResponse {
  /** @internal */
  constructor(
    reader: ResponseReader,
    private readonly exchange: Timed,
  ) {
    super(reader)
  }

  /** A copy that stays valid. */
  override toOwned(): OwnedHttpResponse {
    return new OwnedHttpResponse(this, { ...this.timings, queued: 0 })
  }

  /** How long it took, and on what connection. */
  get timings(): ResponseTimings {
    // Throws when another request has been sent since: the times would be those of that request.
    void this.status
    return this.exchange.timings
  }
}

/** A response that is yours to keep. */
export class OwnedHttpResponse extends OwnedResponse {
  /** @internal */
  constructor(
    response: HttpResponse,
    /** How long it took, and on what connection. */
    readonly timings: PoolTimings,
  ) {
    const { status, reason, version, isEndVerified } = response
    super(status, reason, version, response.keptFields(), response.trailers(), response.ownBody(), isEndVerified, response.ownRawBody())
  }
}
