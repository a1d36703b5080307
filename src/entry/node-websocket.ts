/** `nexus-async-net/websocket` on Node.js. */

import { type WebSocket as Socket, type WebSocketClass, webSocketClass } from '../faces/websocket.ts'
import { WsStream } from './node.ts'

export * from './websocket-names.ts'

/**
 * The `WebSocket` of browsers, by the WebSockets standard: <https://websockets.spec.whatwg.org>. Errors are plain events with an `error`, one of this package's;
 * what is different, and what its third argument gives beyond, is in the guide.
 *
 * ```ts
 * import { WebSocket } from 'nexus-async-net/websocket'
 *
 * const ws = new WebSocket('wss://exchange.example/feed', [], { headers: { 'X-Api-Key': key } })
 * ws.onmessage = ({ data }) => onQuote(JSON.parse(data))
 * ws.onclose = ({ code }) => console.log('closed', code)
 * ```
 */
export const WebSocket: WebSocketClass = webSocketClass({ WsStream, queueTask: setImmediate })
export type WebSocket = Socket
