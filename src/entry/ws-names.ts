/** What the entries `nexus-async-net/compat/ws` export alike: all names of npm `ws`. */

import * as duplex from '../faces/node/ws-duplex.ts'
import { unsupported } from '../faces/node/ws-options.ts'

export type { Data, SendOptions } from '../faces/node/ws.ts'
export type { Listener, ListenerOptions, WsEvent } from '../faces/node/ws-events.ts'
export type { ClientOptions } from '../faces/node/ws-options.ts'

/** A class that says when it is used that it is not here. */
function missing(name: string): new () => never {
  const { [name]: Missing } = {
    [name]: class {
      constructor() {
        throw unsupported(name)
      }
    },
  }
  return Missing as new () => never
}

/** Of `ws`, but not here: it throws. Serve with `WsStream.accept` and `WsStream.acceptUpgrade`. */
export const WebSocketServer: new (...args: never[]) => never = missing('WebSocketServer')
/** Of `ws`, but not here: it throws. */
export const Receiver: new (...args: never[]) => never = missing('Receiver')
/** Of `ws`, but not here: it throws. */
export const Sender: new (...args: never[]) => never = missing('Sender')
/** Of `ws`, but not here: it throws. */
export const PerMessageDeflate: (new (...args: never[]) => never) & { readonly extensionName: string } = Object.assign(missing('PerMessageDeflate'), {
  extensionName: 'permessage-deflate',
})

function refuse(name: string): () => never {
  return () => {
    throw unsupported(name)
  }
}

/** Of `ws`, but not here: its functions throw. */
export const extension: { format(): never; parse(): never } = { format: refuse('extension'), parse: refuse('extension') }
/** Of `ws`, but not here: its function throws. */
export const subprotocol: { parse(): never } = { parse: refuse('subprotocol') }
/** A socket as a `Duplex` of `node:stream`. */
export const createWebSocketStream: typeof duplex.createWebSocketStream = duplex.createWebSocketStream
