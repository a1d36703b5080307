/** The classes of the entries for Node.js, Deno and Bun, which all have `node:tls`, `node:process` and threads. */

import { Buffer } from 'node:buffer'
import process from 'node:process'
import { threadId } from 'node:worker_threads'
import { type Clock, systemClock } from '../clock.ts'
import { CODEC_TEXT } from '../codec/binary.ts'
import { SHARED_CODEC } from '../codec/binary-shared.ts'
import { derivedBinary } from '../codec/module.ts'
import { type BufferSlices, bufferTextDecoding } from '../codec/text.ts'
import { MaskKeys } from '../codec/ws/mask-keys.ts'
import { compose } from '../composition.ts'
import { dialThroughProxy } from '../proxy/dial.ts'
import { type HttpFamily, httpFamily } from '../rest/family.ts'
import { type ThreadFamily, threadFamily } from '../rest/shared/family.ts'
import type { Runtime, ThreadedRuntime } from '../runtime.ts'
import { checkIdentity } from '../transport/node/identity.ts'
import { secureWithNode } from '../transport/node/tls-transport.ts'
import type { Dial } from '../transport/transport.ts'
import { RequestWriter, ResponseReader } from './codec.ts'
import { WsStream } from './node-server.ts'
import { threadCodec } from './thread-codec.ts'

export type { ClientPool } from '../rest/client-pool.ts'
export type { HttpConnection } from '../rest/connection.ts'
export type { AtomicClientPool, AtomicClientPoolClass } from '../rest/shared/atomic-pool.ts'
export type { AtomicClientSlot } from '../rest/shared/atomic-slot.ts'
export type { SharedAcquirer } from '../rest/shared/shared-acquirer.ts'
export type { WsStream } from './node-server.ts'

/** All classes of one runtime. */
export interface NodeFamily extends HttpFamily, ThreadFamily {
  readonly WsStream: typeof WsStream
}

/** The classes of a runtime that connects by `dial`, makes responses by `respond`, and is like Node.js otherwise. */
export function nodeFamily(dial: (clock: Clock) => Dial, respond?: Runtime['respond']): NodeFamily {
  const codec = threadCodec.decodeWith(bufferTextDecoding(Buffer.prototype as unknown as BufferSlices))
  const runtime: ThreadedRuntime = {
    codec,
    http: { RequestWriter, ResponseReader },
    dial: dialThroughProxy({
      codec,
      dial: dial(systemClock),
      secure: secureWithNode,
      environment: (name) => process.env[name],
      clock: systemClock,
      checkTls: checkIdentity,
    }),
    secure: secureWithNode,
    clock: systemClock,
    date: Date.now,
    maskKeys: new MaskKeys(),
    random: Math.random,
    ...(respond === undefined ? {} : { respond }),
    threads: {
      sharedModule: () => new WebAssembly.Module(derivedBinary(SHARED_CODEC, CODEC_TEXT)),
      immediately: setImmediate,
    },
  }
  const http = httpFamily(runtime)
  return { WsStream: compose(WsStream, runtime), ...http, ...threadFamily(runtime, http, threadId + 1) }
}
