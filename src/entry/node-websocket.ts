/** `nexus-async-net/websocket` on Node.js. */

import { type WebSocket as Socket, type WebSocketClass, webSocketClass } from '../faces/websocket.ts'
import { WsStream } from './node.ts'

export * from './websocket-names.ts'

/** The `WebSocket` of browsers, by the WebSockets standard. */
export const WebSocket: WebSocketClass = webSocketClass({ WsStream, queueTask: setImmediate })
export type WebSocket = Socket
