/** Errors of this package as those of npm `ws`: its messages and codes, which clients match on; ours is the `cause`. */

import { HandshakeError, ProtocolError, type ProtocolErrorCode, type ProtocolErrorDetail, TlsError, TransportError } from '../../errors.ts'

type Said = readonly [code: string, message: string]

const OPCODE = (opcode: number | string): Said => ['WS_ERR_INVALID_OPCODE', `invalid opcode ${opcode}`]
const LENGTH = (size: number | string): Said => ['WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', `invalid payload length ${size}`]
const UTF8: Said = ['WS_ERR_INVALID_UTF8', 'invalid UTF-8 sequence']
const TOO_LONG: Said = ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'Max payload size exceeded']

/** What `ws` says of a broken frame. */
const OF_FRAMES: Readonly<Record<ProtocolErrorCode, (detail: ProtocolErrorDetail) => Said>> = {
  ReservedBitsSet: ({ bits = 0 }) =>
    (bits & 3) === 0 ? ['WS_ERR_UNEXPECTED_RSV_1', 'RSV1 must be clear'] : ['WS_ERR_UNEXPECTED_RSV_2_3', 'RSV2 and RSV3 must be clear'],
  InvalidOpcode: ({ opcode = '' }) => OPCODE(opcode),
  UnmaskedFrameFromClient: () => ['WS_ERR_EXPECTED_MASK', 'MASK must be set'],
  MaskedFrameFromServer: () => ['WS_ERR_UNEXPECTED_MASK', 'MASK must be clear'],
  NonMinimalLength: ({ size = '' }) => LENGTH(size),
  ControlFrameTooLarge: ({ size = '' }) => LENGTH(size),
  FragmentedControlFrame: () => ['WS_ERR_EXPECTED_FIN', 'FIN must be set'],
  PayloadTooLarge: () => TOO_LONG,
  MessageTooLarge: () => TOO_LONG,
  NewMessageDuringAssembly: ({ opcode = '' }) => OPCODE(opcode),
  ContinuationWithoutStart: () => OPCODE(0),
  InvalidUtf8: () => UTF8,
  CloseFrameTooShort: () => LENGTH(1),
  InvalidCloseCode: ({ closeCodeReceived = '' }) => ['WS_ERR_INVALID_CLOSE_CODE', `invalid status code ${closeCodeReceived}`],
  InvalidUtf8InCloseReason: () => UTF8,
  InvalidCompressedData: () => ['Z_DATA_ERROR', 'invalid compressed data'],
}

/** What `ws` says of a failed handshake; of others, it says what we do. */
const OF_HANDSHAKES: Readonly<Record<string, string>> = {
  HandshakeTimeout: 'Opening handshake has timed out',
  ConnectTimeout: 'Opening handshake has timed out',
  InvalidAcceptKey: 'Invalid Sec-WebSocket-Accept header',
  MissingUpgrade: 'Invalid Upgrade header',
  UnexpectedExtension: 'Server sent a Sec-WebSocket-Extensions header but no extension was requested',
  ClosedDuringHandshake: 'socket hang up',
}

/** An error of a connection, as `ws` would have it. */
export function errorOfWs(error: unknown, hasProtocols = false): Error {
  if (error instanceof ProtocolError) {
    const said = OF_FRAMES[error.code](error.detail)
    const [code, message] = said
    const Class = said === UTF8 || code === 'Z_DATA_ERROR' ? Error : RangeError
    const isOfFrame = said !== TOO_LONG && code !== 'Z_DATA_ERROR'
    return Object.assign(new Class(isOfFrame ? `Invalid WebSocket frame: ${message}` : message, { cause: error }), { code })
  }
  if (error instanceof HandshakeError || (error instanceof TransportError && error.code === 'ConnectTimeout')) {
    if (error.code === 'UnexpectedStatus') return new Error(`Unexpected server response: ${(error as HandshakeError).status}`, { cause: error })
    if (error.code === 'UnexpectedProtocol') {
      return new Error(hasProtocols ? 'Server sent an invalid subprotocol' : 'Server sent a subprotocol but none was requested', { cause: error })
    }
    const message = OF_HANDSHAKES[error.code]
    const code = error.code === 'ClosedDuringHandshake' ? { code: 'ECONNRESET' } : {}
    return message === undefined ? error : Object.assign(new Error(message, { cause: error }), code)
  }
  // What the system said: ECONNREFUSED, ENOTFOUND, CERT_HAS_EXPIRED.
  if (error instanceof TransportError || error instanceof TlsError) {
    const { cause } = error
    if (cause instanceof Error && typeof (cause as { code?: unknown }).code === 'string') return cause
  }
  return error as Error
}
