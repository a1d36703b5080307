/** `nexus-async-net/websocket` on Cloudflare’s `workerd`. */

import { type WebSocket as Socket, type WebSocketClass, webSocketClass } from '../faces/websocket.ts'
import { WsStream } from './workerd.ts'

export * from './websocket-names.ts'

/** The `WebSocket` of browsers, by the WebSockets standard. */
export const WebSocket: WebSocketClass = webSocketClass({ WsStream, queueTask: (callback) => setTimeout(callback, 0) })
export type WebSocket = Socket
