/** What the entries `nexus-async-net/websocket` export alike. */

import * as events from '../faces/events.ts'

export type { CloseEventClass, CloseEventOptions, ErrorEvent } from '../faces/events.ts'
export type { WebSocketClass, WebSocketEvents, WebSocketOptions } from '../faces/websocket.ts'

/** The runtime's `CloseEvent`; on Node.js before 23, which has none, one of this package's. */
export const CloseEvent: events.CloseEventClass = events.closeEventClass
export type CloseEvent = events.CloseEvent

/** The runtime's `MessageEvent`. */
export const MessageEvent: typeof events.messageEventClass = events.messageEventClass
export interface MessageEvent<Data = unknown> extends events.RuntimeMessageEvent<Data> {
  /** A string for text, a `Blob` or an `ArrayBuffer` for bytes. */
  readonly data: Data
}
