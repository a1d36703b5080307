/** Errors of this package as those of undici: its names and codes, which retries match on; ours is the `cause`. */

import { EncodeError, HttpError, type HttpErrorCode, type RequestSent, RestError, TlsError, TransportError, UsageError } from '../../errors.ts'

/** Names of undici's errors that occur here, with their codes and what undici says. */
const KNOWN = {
  ConnectTimeoutError: ['UND_ERR_CONNECT_TIMEOUT', 'Connect Timeout Error'],
  HeadersTimeoutError: ['UND_ERR_HEADERS_TIMEOUT', 'Headers Timeout Error'],
  BodyTimeoutError: ['UND_ERR_BODY_TIMEOUT', 'Body Timeout Error'],
  HeadersOverflowError: ['UND_ERR_HEADERS_OVERFLOW', 'Headers Overflow Error'],
  InvalidArgumentError: ['UND_ERR_INVALID_ARG', 'Invalid Argument Error'],
  AbortError: ['UND_ERR_ABORTED', 'Request aborted'],
  RequestContentLengthMismatchError: ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'Request body length does not match content-length header'],
  ClientDestroyedError: ['UND_ERR_DESTROYED', 'The client is destroyed'],
  ClientClosedError: ['UND_ERR_CLOSED', 'The client is closed'],
  SocketError: ['UND_ERR_SOCKET', 'other side closed'],
  NotSupportedError: ['UND_ERR_NOT_SUPPORTED', 'Not supported error'],
  HTTPParserError: ['UND_ERR_HTTP_PARSER', 'Response does not match the HTTP/1.1 protocol'],
  ResponseExceededMaxSizeError: ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'Response content exceeded max size'],
  MaxOriginsReachedError: ['UND_ERR_MAX_ORIGINS_REACHED', 'Maximum allowed origins reached'],
} as const

/** What undici's parser says of the response. */
const OF_PARSER: Partial<Record<HttpErrorCode, string>> = {
  MalformedHead: 'HPE_INVALID_HEADER_TOKEN',
  UnsupportedVersion: 'HPE_INVALID_VERSION',
  InvalidContentLength: 'HPE_INVALID_CONTENT_LENGTH',
  ConflictingFraming: 'HPE_UNEXPECTED_CONTENT_LENGTH',
  UnsupportedTransferCoding: 'HPE_INVALID_TRANSFER_ENCODING',
  MalformedChunk: 'HPE_INVALID_CHUNK_SIZE',
}

/** What the system says, where the runtime does not. */
const OF_SYSTEM: Readonly<Record<string, string>> = {
  ConnectRefused: 'ECONNREFUSED',
  HostNotFound: 'ENOTFOUND',
  HostUnreachable: 'EHOSTUNREACH',
  ConnectionReset: 'ECONNRESET',
}

/** An error by its name at undici: `instanceof` its class, by the marks that undici's classes look for. */
export function undiciError(name: keyof typeof KNOWN, message?: string, cause?: unknown, code?: string): Error {
  const [known, usual] = KNOWN[name]
  const error = new Error(message ?? usual, cause === undefined ? {} : { cause })
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
  const marks = ['UND_ERR', known, ...(name === 'AbortError' ? ['UND_ERR_ABORT'] : [])]
  for (const mark of marks) Object.defineProperty(error, Symbol.for(`undici.error.${mark}`), { value: true })
  return Object.assign(error, { code: code ?? known, requestSent: sentOf(cause) })
}

/** An error of a request, as undici would have it. */
export function errorOfUndici(error: unknown): unknown {
  if (error instanceof UsageError || error instanceof EncodeError) return undiciError('InvalidArgumentError', error.message, error)
  if (error instanceof TransportError || error instanceof TlsError) {
    return error.code === 'ConnectTimeout' ? undiciError('ConnectTimeoutError', error.message, error) : ofSystem(error, error)
  }
  if (!(error instanceof RestError)) return error
  const { cause } = error
  switch (error.code) {
    case 'AcquireTimeout':
      return undiciError('ConnectTimeoutError', error.message, error)
    case 'PoolClosed':
      return undiciError('ClientClosedError', undefined, error)
    case 'RequestAborted':
      return undiciError('AbortError', undefined, error)
    case 'RequestBodyFailed':
      return cause instanceof UsageError ? undiciError('RequestContentLengthMismatchError', undefined, error) : (cause ?? error)
    case 'ResponseInvalid':
      return cause instanceof HttpError ? ofResponse(cause, error) : error
    case 'ConnectionReset':
    case 'TransportFailed':
      return cause instanceof Error ? ofSystem(cause, error) : undiciError('SocketError', error.message, error)
    case 'PoolQueueFull':
      return error
    default:
      return undiciError('SocketError', error.code === 'ConnectionClosed' ? undefined : error.message, error)
  }
}

function ofResponse({ code, message }: HttpError, error: RestError): Error {
  if (code === 'BodyTooLarge') return undiciError('ResponseExceededMaxSizeError', undefined, error)
  if (code === 'HeadTooLarge' || code === 'TooManyHeaders') return undiciError('HeadersOverflowError', undefined, error)
  if (code === 'UnexpectedUpgrade') return undiciError('SocketError', 'bad upgrade', error)
  return undiciError('HTTPParserError', message, error, OF_PARSER[code] ?? 'HPE_STRICT')
}

/** ECONNREFUSED, ENOTFOUND, CERT_HAS_EXPIRED: what the system or the TLS engine said, which lies at the end of the causes. */
function ofSystem(error: Error, ours: Error): Error {
  const { cause, code } = error as Error & { code?: unknown }
  if (cause instanceof Error) return ofSystem(cause, ours)
  if (typeof code !== 'string') return undiciError('SocketError', error.message, ours)
  return Object.assign(new Error(error.message, { cause: ours }), error, { code: OF_SYSTEM[code] ?? code, requestSent: sentOf(ours) })
}

/** What fails before a connection has the request leaves nothing. */
function sentOf(cause: unknown): RequestSent {
  return cause instanceof RestError ? cause.requestSent : 'nothing'
}
