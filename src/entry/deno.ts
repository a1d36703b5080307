/** `nexus-async-net` on Deno. */

import { Buffer } from 'node:buffer'
import { systemClock } from '../clock.ts'
import { CODEC_BASE64 } from '../codec/binary.ts'
import { MaskKeys } from '../codec/mask-keys.ts'
import { Codec } from '../codec/memory.ts'
import { type BufferSlices, bufferTextDecoding } from '../codec/text.ts'
import type { Runtime } from '../runtime.ts'
import { type DenoConn, denoTransport, dialDeno } from '../transport/deno.ts'
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
export { type DenoConn, denoTransport, type NodeSocket, nodeTransport, type UpgradeIncoming }

/** A WebSocket (RFC 6455), client or server. */
export class WsStream extends NodeServerWsStream {
  /** @internal */
  static override readonly runtime: Runtime = {
    codec: new Codec(() => CODEC_BASE64, bufferTextDecoding(Buffer.prototype as unknown as BufferSlices)),
    dial: dialDeno,
    clock: systemClock,
    maskKeys: new MaskKeys(),
    random: Math.random,
  }
}
