/** The public names of the REST family. */

export type { BackoffOptions } from '../backoff.ts'
export type { HttpVersion } from '../codec/http/borrowed-head.ts'
export type { Fields, FieldsInit } from '../codec/http/fields.ts'
export type { InterimResponse } from '../codec/http/interim.ts'
export type { ResponseReaderOptions } from '../codec/http/limits.ts'
export type { BodySource, Request } from '../codec/http/request.ts'
export type { HeadersPhase, QueryPhase, QueryValue, ReadyPhase } from '../codec/http/request-phases.ts'
export type { RequestWriterOptions } from '../codec/http/request-writer.ts'
export { OwnedResponse, type ResponseTimings, RestResponse } from '../codec/http/response.ts'
export {
  HttpError,
  type HttpErrorCode,
  type RequestPhase,
  type RequestSent,
  RestError,
  type RestErrorCode,
  type RestErrorResponse,
} from '../errors.ts'
export { ClientPoolBuilder, HttpConnectionBuilder } from './builder.ts'
export type { ConnectionState } from './connection.ts'
export type { KeepWarmEvent, PoolObserver, RequestEvent, SlotAttemptEvent, SlotDownEvent, SlotEvent, SlotUpEvent } from './observer.ts'
export type { AcquireOptions, ClientPoolOptions, HttpOptions, KeepWarmOptions, PoolRequestOptions, SendOptions } from './options.ts'
export type { PoolStats } from './pool-stats.ts'
export { ClientSlot } from './slot.ts'
export { StreamedResponse } from './streamed-response.ts'
