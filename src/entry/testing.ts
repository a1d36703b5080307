/**
 * `nexus-async-net/testing`: connections without sockets and time without waiting.
 *
 * ```ts
 * const clock = new VirtualClock()
 * const [client, server] = memoryPair({ latency: 20, clock, maxDelivery: 1 })
 * // WsStream.connectWith(client, …) and WsStream.accept(server, …), then: await clock.advance(1_000), client.cut(10), server.reset()
 * ```
 */

export type { Clock } from '../clock.ts'
export { VirtualClock } from '../testing/virtual-clock.ts'
export { type MemoryOptions, type MemoryTransport, memoryPair } from '../transport/memory/pair.ts'
export type { Transport, TransportHandler } from '../transport/transport.ts'
