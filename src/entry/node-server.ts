/** Serving the `'upgrade'` event of `node:http`, which Deno and Bun implement too. */

import { Buffer } from 'node:buffer'
import { type NodeSocket, nodeTransport } from '../transport/node.ts'
import type { AcceptOptions } from '../ws/options.ts'
import { WsStream, type WsStreamClass } from '../ws/ws-stream.ts'

/** The part of an HTTP server's request that an upgrade needs. */
export interface UpgradeIncoming {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
}

/** A WebSocket (RFC 6455), client or server; what the entries for runtimes with `node:http` build on. */
export class NodeServerWsStream extends WsStream {
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
  static async acceptUpgrade<Stream extends WsStream>(
    this: WsStreamClass<Stream> & Pick<typeof WsStream, 'accept'>,
    request: UpgradeIncoming,
    socket: NodeSocket,
    head: Uint8Array,
    options: AcceptOptions = {},
  ): Promise<Stream> {
    return this.accept<Stream>(nodeTransport(socket, joinUpgrade(request, head)), options)
  }
}

/** The request as it was on the wire, for the codec to read, with what followed it. */
function joinUpgrade(request: UpgradeIncoming, head: Uint8Array): Uint8Array {
  const { method = '', url = '', httpVersion, rawHeaders } = request
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let i = 0; i < rawHeaders.length; i += 2) text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`
  return Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head])
}
