/** `nexus-async-net/compat/ws` on Deno. */

import type { WebSocket as Socket } from '../faces/node/ws.ts'
import { WsStream } from './deno.ts'
import { wsClass } from './ws-class.ts'

export * from './ws-names.ts'

/** The client of npm `ws` 8. */
export const WebSocket: typeof Socket = wsClass({ WsStream, queueTask: setImmediate })
export type WebSocket = Socket

// What `require` gives is the class itself.
export { WebSocket as default, WebSocket as 'module.exports' }
