/** `nexus-async-net` on Bun. */

import { Buffer } from 'node:buffer'
import { systemClock } from '../clock.ts'
import { CODEC_BASE64 } from '../codec/binary.ts'
import { MaskKeys } from '../codec/mask-keys.ts'
import { Codec } from '../codec/memory.ts'
import { type BufferSlices, bufferTextDecoding } from '../codec/text.ts'
import type { Runtime } from '../runtime.ts'
import { type BunHandlers, bunAcceptor, dialBun } from '../transport/bun.ts'
import { type NodeSocket, nodeTransport } from '../transport/node.ts'
import { NodeServerWsStream, type UpgradeIncoming } from './node-server.ts'

export * from '../ws/index.ts'
export {
  applyMask,
  computeAcceptKey,
  FrameReader,
  type FrameReaderOptions,
  FrameWriter,
  type FrameWriterOptions,
  generateKey,
  pair,
  type Role,
} from './codec.ts'
export { type BunHandlers, bunAcceptor, type NodeSocket, nodeTransport, type UpgradeIncoming }

/** A WebSocket (RFC 6455), client or server. */
export class WsStream extends NodeServerWsStream {
  /** @internal */
  static override readonly runtime: Runtime = {
    codec: new Codec(() => CODEC_BASE64, bufferTextDecoding(Buffer.prototype as unknown as BufferSlices)),
    dial: dialBun,
    clock: systemClock,
    maskKeys: new MaskKeys(),
    random: Math.random,
  }
}
