/**
 * Every error of the package, with a stable `code`.
 *
 *     NexusError                    fault
 *     ├── ProtocolError             remote      the peer broke RFC 6455; `closeCode` is sent to it
 *     ├── HandshakeError            remote      the opening handshake failed; `status`, `headers`, `body` when there was a response
 *     ├── HttpError                 remote      the peer broke HTTP/1.1 (RFC 9112), or exceeded a limit of ours
 *     ├── RestError                 varies      a request failed; `requestSent` says how far it got, `cause` why
 *     ├── CompressionError          remote      compressed data is broken, or over a limit of ours
 *     ├── EncodeError               local       the call tried to send what may not be sent; nothing was written
 *     ├── TransportError            transport   the connection could not be made, or was lost
 *     ├── TlsError                  transport   … while securing it, or a TLS option that this runtime cannot honour
 *     └── UsageError                local       a wrong option, URL, state or a stale message
 *
 * Rule 1: match on `code`, not on the message. Rule 2: a code never changes its meaning; new ones are appended. Rule 3: messages, fields and
 * causes name what was given, and never repeat a value that can be a secret (naming.ts).
 */

import { namesOf, type Shown, showsItselfAsError } from './printing.ts'

/** Who is to blame. */
export type Fault = 'local' | 'remote' | 'transport'

/** Base of every error that the package throws. */
export abstract class NexusError extends Error {
  static {
    showsItselfAsError(this.prototype, detailsOf)
  }

  /** What happened. */
  abstract readonly code: string
  /** Whose fault it was. */
  abstract readonly fault: Fault
  /** The name of its class. */
  override get name(): string {
    return this.constructor.name
  }
}

/** What an error shows beside its message; for a response, the names of its fields and the length of its body. */
function detailsOf(error: NexusError): Shown {
  const { name: _, cause: __, headers, body, response: ___, ...details } = error as NexusError & Partial<HandshakeResponse> & { response?: unknown }
  const answer = error instanceof HandshakeError && error.response !== null ? { headers: namesOf(headers ?? []), bodyLength: body?.length ?? 0 } : {}
  return {
    code: error.code,
    fault: error.fault,
    ...Object.fromEntries(Object.entries(details).filter(([, value]) => value !== null)),
    ...answer,
  }
}

/** Codes of {@link ProtocolError}, in the order in which a frame is checked. */
export type ProtocolErrorCode =
  | 'ReservedBitsSet'
  | 'InvalidOpcode'
  | 'UnmaskedFrameFromClient'
  | 'MaskedFrameFromServer'
  | 'NonMinimalLength'
  | 'ControlFrameTooLarge'
  | 'FragmentedControlFrame'
  | 'PayloadTooLarge'
  | 'MessageTooLarge'
  | 'NewMessageDuringAssembly'
  | 'ContinuationWithoutStart'
  | 'InvalidUtf8'
  | 'CloseFrameTooShort'
  | 'InvalidCloseCode'
  | 'InvalidUtf8InCloseReason'
  | 'InvalidCompressedData'

/** The numbers of a {@link ProtocolError}; which are set depends on its code. */
export interface ProtocolErrorDetail {
  /** `ReservedBitsSet`: the three RSV bits. */
  readonly bits?: number
  /** `InvalidOpcode`: the opcode. */
  readonly opcode?: number
  /** Declared payload length in bytes. */
  readonly size?: number
  /** `MessageTooLarge`: payload bytes of the message up to and including the frame that exceeded the limit; where that is empty, with a byte for each empty one. */
  readonly accumulated?: number
  /** The limit that was exceeded, in bytes. */
  readonly max?: number
  /** `InvalidCloseCode`: the close code. */
  readonly closeCodeReceived?: number
}

/** The peer broke the WebSocket protocol (RFC 6455). The connection is failed: nothing after this is interpreted. */
export class ProtocolError extends NexusError {
  readonly fault = 'remote'
  /**
   * @param closeCode sent to the peer in the close frame (RFC 6455 section 7.4.1)
   * @param detail the numbers in question
   */
  constructor(
    readonly code: ProtocolErrorCode,
    message: string,
    readonly closeCode: number,
    readonly detail: ProtocolErrorDetail = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** Codes of {@link HandshakeError}. */
export type HandshakeErrorCode =
  | 'UnexpectedStatus'
  | 'MissingUpgrade'
  | 'MissingConnection'
  | 'InvalidAcceptKey'
  | 'UnexpectedExtension'
  | 'UnexpectedProtocol'
  | 'MethodNotGet'
  | 'MissingHost'
  | 'UnsupportedVersion'
  | 'MissingKey'
  | 'MalformedHttp'
  | 'HeadTooLarge'
  | 'TooManyHeaders'
  | 'HandshakeTimeout'
  | 'HandshakeRefused'
  | 'ClosedDuringHandshake'
  | 'UnexpectedBody'

/** The response that was received instead of an upgrade. */
export interface HandshakeResponse {
  /** Status code of the response. */
  readonly status: number
  /** Reason phrase. */
  readonly reason: string
  /** Fields in the order and case in which they were received. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** The first bytes of the body, at most 4,096, as text. */
  readonly body: string
}

/** The opening handshake (RFC 6455 section 4) failed; no WebSocket exists. */
export class HandshakeError extends NexusError {
  readonly fault = 'remote'
  /** Status of the response; null when none was received. */
  readonly status: number | null
  readonly #response: HandshakeResponse | null
  /** @param response what the server answered, when it did */
  constructor(
    readonly code: HandshakeErrorCode,
    message: string,
    response: HandshakeResponse | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.status = response?.status ?? null
    this.#response = response
  }

  // Not fields of its own, so that printing the error does not show them: a server may set a cookie, or repeat what it was sent.

  /** What the server answered; null when it did not. */
  get response(): HandshakeResponse | null {
    return this.#response
  }

  /** Fields of the response, in order. */
  get headers(): readonly (readonly [name: string, value: string])[] {
    return this.#response?.headers ?? []
  }

  /** The first bytes of the response's body, at most 4,096, as text. */
  get body(): string {
    return this.#response?.body ?? ''
  }
}

/** Codes of {@link HttpError}. */
export type HttpErrorCode =
  | 'MalformedHead'
  | 'UnsupportedVersion'
  | 'HeadTooLarge'
  | 'TooManyHeaders'
  | 'InvalidContentLength'
  | 'ConflictingFraming'
  | 'UnsupportedTransferCoding'
  | 'MalformedChunk'
  | 'ChunkExtensionTooLong'
  | 'MalformedTrailer'
  | 'TrailersTooLarge'
  | 'BodyTooLarge'
  | 'TooManyInterim'
  | 'UnexpectedUpgrade'
  | 'UnexpectedEnd'
  | 'UnexpectedData'
  | 'UnverifiedEnd'

/** The peer's message breaks HTTP/1.1 (RFC 9112), or is over a limit. No byte after it is interpreted. */
export class HttpError extends NexusError {
  readonly fault = 'remote'
  /**
   * @param size the size in question (bytes or fields); null when there is none
   * @param max the limit that was exceeded; null when none was
   */
  constructor(
    readonly code: HttpErrorCode,
    message: string,
    readonly size: number | null = null,
    readonly max: number | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/**
 * How much of a request may have left this process. `nothing` is certain: the server cannot have seen it, so sending it again is safe whatever
 * its method. `partly` and `fully`: the server may have acted on it.
 */
export type RequestSent = 'nothing' | 'partly' | 'fully'

/** What a request was waiting for when it failed. */
export type RequestPhase = 'queue' | 'send' | 'first byte' | 'body'

/** Codes of {@link RestError}. */
export type RestErrorCode =
  | 'ConnectionPoisoned'
  | 'ConnectionBusy'
  | 'ConnectionClosed'
  | 'ConnectionReset'
  | 'TransportFailed'
  | 'RequestTimeout'
  | 'RequestAborted'
  | 'RequestBodyFailed'
  | 'ResponseInvalid'
  | 'AcquireTimeout'
  | 'PoolQueueFull'
  | 'PoolClosed'
  | 'SlotReleased'
  | 'OwnerGone'
  | 'SharedMemoryCorrupt'
  | 'ProxyAuthRequired'

/** A response that a request failed with. */
export interface RestErrorResponse {
  readonly status: number
  headers(): readonly (readonly [name: string, value: string])[]
}

/** A request failed. The connection it was sent on is not used again, so a late response can't be taken for the answer to another request. */
export class RestError extends NexusError {
  readonly fault: Fault
  /** How far the request got. */
  readonly requestSent: RequestSent
  /** What it was waiting for. */
  readonly phase: RequestPhase
  /** Milliseconds from the call to the failure; null when nobody measured. */
  readonly elapsed: number | null
  /** Status of an unusable response; null when none was received. */
  readonly status: number | null
  readonly #response: RestErrorResponse | undefined
  constructor(
    readonly code: RestErrorCode,
    message: string,
    options: ErrorOptions & {
      fault: Fault
      requestSent: RequestSent
      phase: RequestPhase
      elapsed?: number | null
      response?: RestErrorResponse
    },
  ) {
    super(message, options)
    this.fault = options.fault
    this.requestSent = options.requestSent
    this.phase = options.phase
    this.elapsed = options.elapsed ?? null
    this.status = options.response?.status ?? null
    this.#response = options.response
  }

  /** Fields of that response, in order. Not shown when the error is printed. */
  get headers(): readonly (readonly [name: string, value: string])[] {
    return this.#response?.headers() ?? []
  }
}

/** Codes of {@link CompressionError}. */
export type CompressionErrorCode =
  | 'InvalidBlockType'
  | 'InvalidStoredLength'
  | 'TooManyCodes'
  | 'InvalidCodeLengths'
  | 'InvalidRepeat'
  | 'MissingEndOfBlock'
  | 'InvalidLiteralCode'
  | 'InvalidDistanceCode'
  | 'InvalidLength'
  | 'InvalidDistance'
  | 'DistanceTooFar'
  | 'UnfinishedMessage'
  | 'InvalidHeader'
  | 'UnsupportedMethod'
  | 'UnsupportedWindow'
  | 'DictionaryRequired'
  | 'HeaderChecksumMismatch'
  | 'ChecksumMismatch'
  | 'LengthMismatch'
  | 'UnexpectedEnd'
  | 'UnexpectedData'
  | 'OutputTooLarge'

/** Compressed data is broken (RFC 1950, 1951, 1952), incomplete, or would become larger than is allowed. Nothing after it is interpreted. */
export class CompressionError extends NexusError {
  readonly fault = 'remote'
  /** @param max `OutputTooLarge`: the limit in bytes; null for any other */
  constructor(
    readonly code: CompressionErrorCode,
    message: string,
    readonly max: number | null = null,
  ) {
    super(message)
  }
}

/** Codes of {@link EncodeError}. */
export type EncodeErrorCode =
  | 'RequestTooLarge'
  | 'ControlPayloadTooLarge'
  | 'OutgoingMessageTooLarge'
  | 'OutgoingCloseCodeInvalid'
  | 'SendBufferFull'
  | 'HeaderInjection'
  | 'OutgoingHeadTooLarge'

/** The call tried to send something that may not be sent. Not one byte of it was written; the connection is as it was. */
export class EncodeError extends NexusError {
  readonly fault = 'local'
  /**
   * @param size the size in question (bytes; for `OutgoingCloseCodeInvalid` the code); null when there is none
   * @param max the limit; null when there is none
   */
  constructor(
    readonly code: EncodeErrorCode,
    message: string,
    readonly size: number | null = null,
    readonly max: number | null = null,
  ) {
    super(message)
  }
}

/** Codes of {@link TransportError}. */
export type TransportErrorCode =
  | 'ConnectFailed'
  | 'ConnectRefused'
  | 'ConnectTimeout'
  | 'HostNotFound'
  | 'HostUnreachable'
  | 'ConnectionReset'
  | 'ConnectionClosed'
  | 'UnexpectedEnd'
  | 'HeartbeatTimeout'
  | 'DataTimeout'
  | 'TransportFailed'
  | 'ProxyFailed'
  | 'ProxyRefused'
  | 'ProxyAuthRequired'
  | 'CloseTimeout'

/** The connection could not be made or was lost. `cause` is the runtime's own error. */
export class TransportError extends NexusError {
  readonly fault = 'transport'
  constructor(
    readonly code: TransportErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** Codes of {@link TlsError}. */
export type TlsErrorCode = 'TlsHandshakeFailed' | 'CertificateRejected' | 'TlsOptionUnsupported' | 'TlsOptionInvalid'

/** TLS could not be set up. `cause` is the runtime's own error. */
export class TlsError extends NexusError {
  readonly fault = 'transport'
  constructor(
    readonly code: TlsErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** Codes of {@link UsageError}. */
export type UsageErrorCode =
  | 'InvalidUrl'
  | 'InvalidOption'
  | 'OptionUnsupported'
  | 'StaleMessage'
  | 'BufferFull'
  | 'NotOpen'
  | 'ConcurrentReceive'
  | 'CodecMismatch'
  | 'RequestOutOfOrder'
  | 'StaleRequest'
  | 'StaleResponse'
  | 'NotAttached'
  | 'Released'

/** A mistake in the call: a wrong option, URL or state, or a stale object. */
export class UsageError extends NexusError {
  readonly fault = 'local'
  /** `BufferFull`: bytes that the call tried to put in; null for any other. */
  readonly needed: number | null
  /** `BufferFull`: bytes that there was room for; null for any other. */
  readonly available: number | null
  constructor(
    readonly code: UsageErrorCode,
    message: string,
    options?: ErrorOptions & { needed?: number; available?: number },
  ) {
    super(message, options)
    this.needed = options?.needed ?? null
    this.available = options?.available ?? null
  }
}
