/** `nexus-async-net` on Node.js. */

import { LazyResponse } from '../rest/lazy-response.ts'
import { nodeDial } from '../transport/node/dial.ts'
import type * as classes from './node-family.ts'
import { nodeFamily } from './node-family.ts'

export * from './node-names.ts'

// The platform's constructor costs more than a request.
const family = nodeFamily(nodeDial, (received, url, isRedirected) => new LazyResponse(received, url, isRedirected))

/** A WebSocket (RFC 6455), client or server. */
export const WsStream: typeof classes.WsStream = family.WsStream
export type WsStream = classes.WsStream

/** A keep-alive connection to an HTTP/1.1 server (RFC 9112). */
export const HttpConnection: typeof classes.HttpConnection = family.HttpConnection
export type HttpConnection = classes.HttpConnection

/** Keep-alive connections to one server, open before they are needed, that heal themselves. */
export const ClientPool: typeof classes.ClientPool = family.ClientPool
export type ClientPool = classes.ClientPool

/** As {@link ClientPool}, with slots that any thread may hold and return. */
export const AtomicClientPool: classes.AtomicClientPoolClass = family.AtomicClientPool
export type AtomicClientPool = classes.AtomicClientPool

/** A slot of an {@link AtomicClientPool}, on a thread that does not own the sockets. */
export const AtomicClientSlot: typeof classes.AtomicClientSlot = family.AtomicClientSlot
export type AtomicClientSlot = classes.AtomicClientSlot

/** Slots of an {@link AtomicClientPool} for threads that do not own the sockets, for the asking. */
export const SharedAcquirer: typeof classes.SharedAcquirer = family.SharedAcquirer
export type SharedAcquirer = classes.SharedAcquirer
