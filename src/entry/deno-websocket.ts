/** `nexus-async-net/websocket` on Deno. */

import { type WebSocket as Socket, type WebSocketClass, webSocketClass } from '../faces/websocket.ts'
import { WsStream } from './deno.ts'

export * from './websocket-names.ts'

/** The `WebSocket` of browsers, by the WebSockets standard. */
export const WebSocket: WebSocketClass = webSocketClass({ WsStream, queueTask: setImmediate })
export type WebSocket = Socket
