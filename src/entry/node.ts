/** `nexus-async-net` on Node.js. */

import { Buffer } from 'node:buffer'
import { systemClock } from '../clock.ts'
import { CODEC_BASE64 } from '../codec/binary.ts'
import { MaskKeys } from '../codec/mask-keys.ts'
import { Codec } from '../codec/memory.ts'
import { type BufferSlices, bufferTextDecoding } from '../codec/text.ts'
import type { Runtime } from '../runtime.ts'
import { dialNode, type NodeSocket, nodeTransport } from '../transport/node.ts'
import type { AcceptOptions } from '../ws/options.ts'
import { WsStream as RuntimeFreeWsStream } from '../ws/ws-stream.ts'

export * from '../ws/index.ts'
export { type NodeSocket, nodeTransport }

const runtime: Runtime = {
  codec: new Codec(() => CODEC_BASE64, bufferTextDecoding(Buffer.prototype as unknown as BufferSlices)),
  dial: dialNode,
  clock: systemClock,
  maskKeys: new MaskKeys(),
  random: Math.random,
}

/** The part of an HTTP server's request that an upgrade needs. */
export interface UpgradeIncoming {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
}

/** A WebSocket (RFC 6455), client or server. */
export class WsStream extends RuntimeFreeWsStream {
  /** @internal */
  static override readonly runtime: Runtime = runtime

  /**
   * Serves the `'upgrade'` event of a `node:http` or `node:https` server; as `accept`.
   *
   * ```ts
   * server.on('upgrade', async (request, socket, head) => {
   *   const ws = await WsStream.acceptUpgrade(request, socket, head)
   *   for await (const message of ws) ws.sendText(message.text)
   * })
   * ```
   */
  static acceptUpgrade(request: UpgradeIncoming, socket: NodeSocket, head: Uint8Array, options: AcceptOptions = {}): Promise<WsStream> {
    return this.accept(nodeTransport(socket, joinUpgrade(request, head)), options)
  }
}

/** The request as it was on the wire, for the codec to read, with what followed it. */
function joinUpgrade(request: UpgradeIncoming, head: Uint8Array): Uint8Array {
  const { method = '', url = '', httpVersion, rawHeaders } = request
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let i = 0; i < rawHeaders.length; i += 2) text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`
  return Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head])
}
