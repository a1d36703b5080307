/** Serving the `'upgrade'` event of `node:http`, which Deno and Bun implement too. */

import { bytesOf } from '../codec/inputs.ts'
import type { UpgradeHead } from '../codec/ws/upgrade.ts'
import { isBag, readOptions, refused } from '../option-rules.ts'
import { type NodeSocket, nodeTransport } from '../transport/node/transport.ts'
import { ACCEPT_OPTIONS, type AcceptOptions } from '../ws/options.ts'
import { acceptHead, WsStream as BaseWsStream, type WsStreamClass } from '../ws/ws-stream.ts'

/** The part of an HTTP server's request that an upgrade needs. */
export interface UpgradeIncoming {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
}

/** A WebSocket (RFC 6455), client or server; what the entries for runtimes with `node:http` build on. */
export class WsStream extends BaseWsStream {
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
    this: WsStreamClass<Stream>,
    request: UpgradeIncoming,
    socket: NodeSocket,
    head: Uint8Array,
    options: AcceptOptions = {},
  ): Promise<Stream> {
    const read = readOptions(ACCEPT_OPTIONS, options)
    const upgrade = readHead(request)
    const rest = bytesOf('head', head)
    return acceptHead(this, nodeTransport(socket, rest.length > 0 ? rest : undefined), upgrade, read)
  }
}

/** The head as Node's parser has read it. Throws `InvalidOption`. */
function readHead(request: UpgradeIncoming): UpgradeHead {
  if (!isRequest(request)) throw refused('request', "the request of an 'upgrade' event, with method, url and rawHeaders", request)
  const { method = '', url = '', httpVersion, rawHeaders } = request
  const headers: [name: string, value: string][] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers.push([rawHeaders[i] as string, rawHeaders[i + 1] as string])
  return { method, target: url, version: httpVersion === '1.0' ? '1.0' : '1.1', headers }
}

function isRequest(value: unknown): value is UpgradeIncoming {
  if (!isBag(value)) return false
  const { method = '', url = '', rawHeaders } = value
  return typeof method === 'string' && typeof url === 'string' && Array.isArray(rawHeaders) && rawHeaders.every((each) => typeof each === 'string')
}
