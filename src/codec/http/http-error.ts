/** From the codec's error numbers to {@link HttpError}. */

import {
  HTTP_ERROR_BODY_TOO_LARGE,
  HTTP_ERROR_CHUNK_EXTENSION_TOO_LONG,
  HTTP_ERROR_CONFLICTING_FRAMING,
  HTTP_ERROR_HEAD_TOO_LARGE,
  HTTP_ERROR_INVALID_CONTENT_LENGTH,
  HTTP_ERROR_MALFORMED_CHUNK,
  HTTP_ERROR_MALFORMED_HEAD,
  HTTP_ERROR_MALFORMED_TRAILER,
  HTTP_ERROR_TOO_MANY_HEADERS,
  HTTP_ERROR_TOO_MANY_INTERIM,
  HTTP_ERROR_TRAILERS_TOO_LARGE,
  HTTP_ERROR_UNEXPECTED_DATA,
  HTTP_ERROR_UNEXPECTED_UPGRADE,
  HTTP_ERROR_UNSUPPORTED_TRANSFER_CODING,
  HTTP_ERROR_UNSUPPORTED_VERSION,
} from '../../../assembly/abi.ts'
import { HttpError } from '../../errors.ts'
import type { ResponseLimits } from './limits.ts'

/**
 * @param what the kind of message, for the text: 'request' or 'response'
 * @param size the number of the error, where it has one
 * @param max our limit that was exceeded
 */
export function httpError(code: number, what: 'request' | 'response', size = 0, max = 0): HttpError {
  switch (code) {
    case HTTP_ERROR_MALFORMED_HEAD:
      return new HttpError('MalformedHead', `the ${what} head breaks RFC 9112 sections 2 to 5`)
    case HTTP_ERROR_UNSUPPORTED_VERSION:
      return new HttpError('UnsupportedVersion', `the ${what} is not HTTP/1.x`)
    case HTTP_ERROR_HEAD_TOO_LARGE:
      return new HttpError('HeadTooLarge', `the ${what} head is over maxHeadSize (${max} bytes)`, undefined, max)
    case HTTP_ERROR_TOO_MANY_HEADERS:
      return new HttpError('TooManyHeaders', `the ${what} has more than maxHeaders (${max}) fields, or trailer fields`, undefined, max)
    case HTTP_ERROR_INVALID_CONTENT_LENGTH:
      return new HttpError('InvalidContentLength', 'Content-Length is not a number made of digits only, up to 2^53 - 1')
    case HTTP_ERROR_CONFLICTING_FRAMING:
      return new HttpError('ConflictingFraming', 'Content-Length was sent twice, or with Transfer-Encoding: the message could be read in two ways')
    case HTTP_ERROR_UNSUPPORTED_TRANSFER_CODING:
      return new HttpError('UnsupportedTransferCoding', 'Transfer-Encoding is not exactly chunked, once, in HTTP/1.1')
    case HTTP_ERROR_MALFORMED_CHUNK:
      return new HttpError('MalformedChunk', 'the chunked framing breaks RFC 9112 section 7.1')
    case HTTP_ERROR_CHUNK_EXTENSION_TOO_LONG:
      return new HttpError('ChunkExtensionTooLong', `the extensions of a chunk are over maxChunkExtension (${max} bytes)`, undefined, max)
    case HTTP_ERROR_MALFORMED_TRAILER:
      return new HttpError('MalformedTrailer', 'the trailers break RFC 9112 section 7.1.2, or contain a field that frames the message')
    case HTTP_ERROR_TRAILERS_TOO_LARGE:
      return new HttpError('TrailersTooLarge', `the trailers are over maxTrailerSize (${max} bytes)`, undefined, max)
    case HTTP_ERROR_BODY_TOO_LARGE:
      return new HttpError('BodyTooLarge', `a body of at least ${size} bytes is over maxBodySize (${max} bytes)`, size, max)
    case HTTP_ERROR_TOO_MANY_INTERIM:
      return new HttpError('TooManyInterim', `${size} interim responses were received, but no final one`, size, max)
    case HTTP_ERROR_UNEXPECTED_UPGRADE:
      return new HttpError('UnexpectedUpgrade', 'the server switches protocols (101), which was not asked for')
    case HTTP_ERROR_UNEXPECTED_DATA:
      return new HttpError('UnexpectedData', `${size} bytes were received that answer no request`, size)
    default:
      throw new RangeError(`unknown HTTP error ${code}`)
  }
}

/** The error of a response: the codec says how much of what there was, `limits` what it may be where the codec counts without saying it. */
export function responseError(code: number, size: number, max: number, limits: ResponseLimits): HttpError {
  switch (code) {
    case HTTP_ERROR_CHUNK_EXTENSION_TOO_LONG:
      return httpError(code, 'response', size, limits.maxExtension)
    case HTTP_ERROR_TRAILERS_TOO_LARGE:
      return httpError(code, 'response', size, limits.maxTrailer)
    case HTTP_ERROR_TOO_MANY_HEADERS:
      return httpError(code, 'response', size, limits.maxHeaders)
    default:
      return httpError(code, 'response', size, max)
  }
}
