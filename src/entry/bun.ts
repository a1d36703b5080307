/** `nexus-async-net` on Bun. */

import { Buffer } from 'node:buffer'
import process from 'node:process'
import { threadId } from 'node:worker_threads'
import { systemClock } from '../clock.ts'
import { CODEC_TEXT } from '../codec/binary.ts'
import { SHARED_CODEC } from '../codec/binary-shared.ts'
import { derivedBinary } from '../codec/module.ts'
import { type BufferSlices, bufferTextDecoding } from '../codec/text.ts'
import { MaskKeys } from '../codec/ws/mask-keys.ts'
import { dialThroughProxy } from '../proxy/dial.ts'
import { ClientPool as BaseClientPool } from '../rest/client-pool.ts'
import { HttpConnection as BaseHttpConnection } from '../rest/connection.ts'
import { AtomicClientPool as BaseAtomicClientPool } from '../rest/shared/atomic-pool.ts'
import { AtomicClientSlot as BaseAtomicClientSlot } from '../rest/shared/atomic-slot.ts'
import { Attachments } from '../rest/shared/attachments.ts'
import { SharedAcquirer as BaseSharedAcquirer, type SlotReceiver } from '../rest/shared/shared-acquirer.ts'
import type { ThreadedRuntime } from '../runtime.ts'
import { type BunHandlers, bunAcceptor, bunDial } from '../transport/bun/dial.ts'
import { checkIdentity } from '../transport/node/identity.ts'
import { type PlaintextSink, TlsCodec, type TlsCodecOptions } from '../transport/node/tls-codec.ts'
import { secureWithNode } from '../transport/node/tls-transport.ts'
import { type NodeSocket, nodeTransport } from '../transport/node/transport.ts'
import { NodeServerWsStream, type UpgradeIncoming } from './node-server.ts'
import { threadCodec } from './thread-codec.ts'

export * from '../rest/index.ts'
export * from '../rest/shared/index.ts'
export * from '../ws/index.ts'
export {
  applyMask,
  computeAcceptKey,
  FrameReader,
  type FrameReaderOptions,
  FrameWriter,
  type FrameWriterOptions,
  generateKey,
  pair,
  RequestWriter,
  ResponseReader,
  type Role,
} from './codec.ts'
export { publishDiagnostics } from './node-diagnostics.ts'
export { type BunHandlers, bunAcceptor, type NodeSocket, nodeTransport, type PlaintextSink, TlsCodec, type TlsCodecOptions, type UpgradeIncoming }

const codec = threadCodec.decodeWith(bufferTextDecoding(Buffer.prototype as unknown as BufferSlices))

/** What everything of this entry stands on: the codec of this thread, the way to connect, the time, and random numbers. */
const runtime: ThreadedRuntime = {
  codec,
  dial: dialThroughProxy({
    codec,
    dial: bunDial(systemClock),
    secure: secureWithNode,
    environment: (name) => process.env[name],
    clock: systemClock,
    checkTls: checkIdentity,
  }),
  secure: secureWithNode,
  clock: systemClock,
  maskKeys: new MaskKeys(),
  random: Math.random,
  threads: {
    sharedModule: () => new WebAssembly.Module(derivedBinary(SHARED_CODEC, CODEC_TEXT)),
    immediately: setImmediate,
  },
}

/** A WebSocket (RFC 6455), client or server. */
export class WsStream extends NodeServerWsStream {
  /** @internal */
  static override readonly runtime: ThreadedRuntime = runtime
}

/** A keep-alive connection to an HTTP/1.1 server (RFC 9112). */
export class HttpConnection extends BaseHttpConnection {
  /** @internal */
  static override readonly runtime: ThreadedRuntime = runtime
}

/** Keep-alive connections to one server, open before they are needed, that heal themselves. */
export class ClientPool extends BaseClientPool {
  /** @internal */
  static override readonly runtime: ThreadedRuntime = runtime
}

/** As {@link ClientPool}, with slots that any thread may hold and return. */
export class AtomicClientPool extends BaseAtomicClientPool {
  /** @internal */
  static override readonly runtime: ThreadedRuntime = runtime
  /** @internal */
  static override readonly threads: Attachments = new Attachments(runtime, threadId + 1)
}

/** A slot of an {@link AtomicClientPool}, on a thread that does not own the sockets. */
export class AtomicClientSlot extends BaseAtomicClientSlot {
  /** @internal */
  static override readonly threads: Attachments = AtomicClientPool.threads
}

/** Slots of an {@link AtomicClientPool} for threads that do not own the sockets, for the asking. */
export class SharedAcquirer extends BaseSharedAcquirer {
  /** @internal */
  static override readonly threads: Attachments = AtomicClientSlot.threads
  /** @internal */
  static override readonly Slot: SlotReceiver = AtomicClientSlot
}
