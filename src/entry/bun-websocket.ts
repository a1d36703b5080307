/** `nexus-async-net/websocket` on Bun. */

import { type WebSocket as Socket, type WebSocketClass, webSocketClass } from '../faces/websocket.ts'
import { WsStream } from './bun.ts'

export * from './websocket-names.ts'

/** The `WebSocket` of browsers, by the WebSockets standard. */
export const WebSocket: WebSocketClass = webSocketClass({ WsStream, queueTask: setImmediate })
export type WebSocket = Socket
