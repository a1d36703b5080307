/** What the entries `nexus-async-net/compat/ws` have for a class. */

import { type Composable, compose } from '../composition.ts'
import * as face from '../faces/node/ws.ts'
import * as names from './ws-names.ts'

/** The class of one runtime, with all that `ws` has as its static members. */
export function wsClass(ground: face.WsGround): typeof face.WebSocket {
  const WebSocket = compose(face.WebSocket as typeof face.WebSocket & Composable, ground)
  return Object.assign(WebSocket, names, { Server: names.WebSocketServer, WebSocket })
}
