/** Failures of requests as {@link RestError}s. */

import type { RestResponse } from '../codec/http/response.ts'
import {
  CompressionError,
  HttpError,
  NexusError,
  type RequestPhase,
  type RequestSent,
  RestError,
  type RestErrorCode,
  TransportError,
} from '../errors.ts'

/** The fields of the error for a request that was refused before anything was done. */
export const REFUSED = { fault: 'local', requestSent: 'nothing', phase: 'send' } as const

/** A request that the connection could not take. */
export function refusedRequest(code: 'ConnectionBusy' | 'ConnectionPoisoned', cause: Error | null): RestError {
  const message =
    code === 'ConnectionBusy'
      ? 'another request is under way on this connection: await its response, or use a pool'
      : 'the connection is gone or an earlier request on it failed: it can’t be used again'
  const fault = code === 'ConnectionBusy' ? 'local' : 'transport'
  return new RestError(code, message, { ...REFUSED, fault, ...(cause === null ? {} : { cause }) })
}

/** How much of a failed request was sent, for its message. */
function tellSent(requestSent: RequestSent): string {
  if (requestSent === 'nothing') return 'nothing of the request was sent'
  if (requestSent === 'partly') return 'the request may have been sent in part'
  return 'the request was sent: the server may have acted on it'
}

/** How far a request had got when it failed; `elapsed` in ms. */
export interface Outcome {
  readonly requestSent: RequestSent
  readonly phase: RequestPhase
  readonly elapsed: number
}

/** The error of a request that we abandoned. */
export function abandonedRequest(code: 'RequestTimeout' | 'RequestAborted', message: string, outcome: Outcome, cause?: unknown): RestError {
  const fault = code === 'RequestTimeout' ? 'remote' : 'local'
  return new RestError(code, `${message}; ${tellSent(outcome.requestSent)}`, { ...outcome, fault, ...(cause === undefined ? {} : { cause }) })
}

/** The error of a request whose response breaks off or can't be used. */
export function unusableResponse(error: HttpError | CompressionError, outcome: Outcome): RestError {
  const isEnd = error instanceof HttpError && error.code === 'UnexpectedEnd'
  const message = `${isEnd ? error.message : `the response can't be used: ${error.message}`}; ${tellSent(outcome.requestSent)}`
  return new RestError(isEnd ? 'ConnectionClosed' : 'ResponseInvalid', message, { ...outcome, fault: 'remote', cause: error })
}

/** A body that its content coding does not fit. Null for an error that is no fault of the response's. */
export function undecodableBody(error: unknown, outcome: Outcome): RestError | null {
  return error instanceof CompressionError || error instanceof HttpError ? unusableResponse(error, outcome) : null
}

/** A proxy that forwards requests has not forwarded this one, or so it says. */
export function unauthenticated(response: RestResponse<unknown>, outcome: Outcome): RestError {
  const { status, reason } = response
  const fields = response.headers()
  return new RestError('ProxyAuthRequired', `the proxy wants other credentials, or any: it answered ${`${status} ${reason}`.trim()}`, {
    ...outcome,
    fault: 'transport',
    response: { status, headers: () => fields },
  })
}

/** Bytes that answer nothing. */
export function unexpectedData(): HttpError {
  return new HttpError('UnexpectedData', 'the server sent bytes that no request had asked for: the connection is not used again')
}

/** The error of a request whose connection was lost. An error that is a RestError already is returned unchanged. */
export function lostRequest(error: Error | null, outcome: Outcome): RestError {
  if (error instanceof RestError) return error
  const [code, message] = describe(error)
  return new RestError(code, `${message}; ${tellSent(outcome.requestSent)}`, {
    ...outcome,
    fault: 'transport',
    ...(error === null ? {} : { cause: error }),
  })
}

function describe(error: Error | null): readonly [RestErrorCode, string] {
  if (error === null) return ['ConnectionClosed', 'the server closed the connection before its response was complete']
  if (error instanceof TransportError) {
    if (error.code === 'ConnectionReset') return ['ConnectionReset', error.message]
    if (error.code === 'ConnectionClosed' || error.code === 'UnexpectedEnd') return ['ConnectionClosed', error.message]
  }
  return ['TransportFailed', error instanceof NexusError ? error.message : `the connection failed: ${error.message}`]
}
