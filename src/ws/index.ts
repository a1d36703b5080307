/** The public names of the WebSocket family. */

export type { BackoffOptions } from '../backoff.ts'
export type { CompressionFormat } from '../codec/deflate/format.ts'
export type { Fields, FieldsInit } from '../codec/http/fields.ts'
export { MaskKeys, type RandomSource } from '../codec/ws/mask-keys.ts'
export { CloseCode, Message, type MessageKind, OwnedMessage } from '../codec/ws/message.ts'
export { MessageBatch } from '../codec/ws/message-batch.ts'
export type { InflateOptions } from '../codec/ws/payload-inflater.ts'
export {
  CompressionError,
  type CompressionErrorCode,
  EncodeError,
  type EncodeErrorCode,
  type Fault,
  HandshakeError,
  type HandshakeErrorCode,
  type HandshakeResponse,
  NexusError,
  ProtocolError,
  type ProtocolErrorCode,
  type ProtocolErrorDetail,
  TlsError,
  type TlsErrorCode,
  TransportError,
  type TransportErrorCode,
  UsageError,
  type UsageErrorCode,
} from '../errors.ts'
export type { ProxyConfig, ProxyOption } from '../transport/proxy-config.ts'
export type { TlsConfig } from '../transport/tls-config.ts'
export type { DialOptions, Transport, TransportHandler } from '../transport/transport.ts'
export { WsStreamBuilder } from './builder.ts'
export type { CloseInfo, ReadyState } from './closing.ts'
export type { AcceptOptions, ConnectOptions, DeflateOptions, HeartbeatOptions, StreamOptions, UpgradeDecision, UpgradeRequest } from './options.ts'
export type { SessionDown, SessionInfo, SessionOptions } from './sessions.ts'
export type { WebSocketStreams } from './web-streams.ts'
export type { MessageOptions } from './ws-connection.ts'
