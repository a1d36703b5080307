/** What the entries for Node.js, Deno and Bun export alike, their classes aside. */

export * from '../rest/index.ts'
export * from '../rest/shared/index.ts'
export { type PlaintextSink, TlsCodec, type TlsCodecOptions } from '../transport/node/tls-codec.ts'
export { type NodeSocket, nodeTransport } from '../transport/node/transport.ts'
export * from '../ws/index.ts'
export {
  applyMask,
  computeAcceptKey,
  FrameReader,
  type FrameReaderOptions,
  FrameWriter,
  type FrameWriterOptions,
  framePair,
  generateKey,
  RequestWriter,
  ResponseReader,
  type Role,
} from './codec.ts'
export { publishDiagnostics } from './node-diagnostics.ts'
export type { UpgradeIncoming } from './node-server.ts'
