/** What real sockets do only by chance, with a socket that does as it is told. The rest: test/transport-runtimes. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from '../../../../src/clock.ts'
import { type BunHandlers, type BunSocket, bunAcceptor, bunDial } from '../../../../src/transport/bun/dial.ts'
import type { Transport } from '../../../../src/transport/transport.ts'
import { Probe } from '../../../transport-runtimes/probe.ts'

class FakeSocket implements BunSocket {
  data: unknown
  authorized = false
  alpnProtocol: string | false = false
  remoteAddress = '192.0.2.1'
  remotePort = 443
  readonly log: string[] = []
  /** What the next writes take. */
  readonly takes: number[] = []
  write(bytes: Uint8Array): number {
    return this.takes.shift() ?? bytes.length
  }
  shutdown(): void {
    this.log.push('shutdown')
  }
  close(): void {
    this.log.push('close')
  }
  pause(): void {
    this.log.push('pause')
  }
  resume(): void {
    this.log.push('resume')
  }
  setNoDelay(): boolean {
    return true
  }
  setKeepAlive(): boolean {
    return true
  }
}

function accepted(targetSize: number): { socket: FakeSocket; handlers: BunHandlers; probe: Probe; transport: Transport } {
  let transport: Transport | undefined
  const handlers = bunAcceptor((each) => {
    transport = each
  })
  const socket = new FakeSocket()
  handlers.open(socket)
  if (transport === undefined) throw new Error('no transport')
  return { socket, handlers, probe: new Probe(transport, targetSize), transport }
}

const bytesOf = (...values: number[]): Uint8Array => Uint8Array.from(values)

test('a chunk that nobody asked for is copied, and the socket paused until it is used up', async () => {
  const { socket, handlers, probe } = accepted(2)
  const chunk = bytesOf(1, 2, 3)
  handlers.data(socket, chunk)
  chunk.fill(9)
  expect(socket.log).toEqual(['pause'])
  expect(Array.from(await probe.next())).toEqual([1, 2])
  expect(Array.from(await probe.next())).toEqual([3])
  expect(socket.log).toEqual(['pause'])
  const next = probe.next()
  expect(socket.log).toEqual(['pause', 'resume'])
  handlers.data(socket, bytesOf(4))
  expect(Array.from(await next)).toEqual([4])
  expect(socket.log).toEqual(['pause', 'resume'])
  probe.check()
})

test('a chunk larger than the target, with a reader that goes on at once, needs no pause', async () => {
  const { socket, handlers, probe } = accepted(3)
  const got: number[] = []
  const drained = probe.drain((part) => got.push(...part))
  handlers.data(socket, bytesOf(1, 2, 3, 4, 5, 6, 7, 8))
  expect(got).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(socket.log).toEqual([])
  handlers.end(socket)
  await drained
  handlers.close(socket)
  expect(await probe.closed).toBe(null)
  probe.check()
})

test('what came before the end and the close is delivered before them', async () => {
  const { socket, handlers, probe } = accepted(2)
  handlers.data(socket, bytesOf(1, 2, 3))
  handlers.end(socket)
  handlers.close(socket)
  expect(Array.from(await probe.next())).toEqual([1, 2])
  expect(Array.from(await probe.next())).toEqual([3])
  probe.resume()
  await probe.ended
  expect(await probe.closed).toBe(null)
  probe.check()
})

test('a close that comes after the end was delivered needs no asking', async () => {
  const { socket, handlers, probe } = accepted(2)
  probe.resume()
  handlers.end(socket)
  await probe.ended
  handlers.close(socket)
  expect(await probe.closed).toBe(null)
})

test('destroy in the middle of a chunk drops the rest', async () => {
  const { socket, handlers, probe, transport } = accepted(2)
  const first = probe.next().then(() => {})
  probe.transport.resume()
  const onRead = probe.onRead.bind(probe)
  probe.onRead = (index, length) => {
    onRead(index, length)
    probe.resume()
    transport.destroy()
  }
  handlers.data(socket, bytesOf(1, 2, 3, 4))
  handlers.close(socket)
  handlers.data(socket, bytesOf(5))
  await first
  expect(await probe.closed).toBe(null)
  expect(socket.log).toEqual(['close'])
  probe.check()
})

test.each([
  ['that was refused is a reset', [-1], 'ConnectionReset'],
  ['that was refused for a moment is an end', [-1, 3], null],
])('an end behind a write %s', async (_, takes, code) => {
  const { socket, handlers, probe } = accepted(2)
  socket.takes.push(...takes)
  probe.resume()
  const writing = probe.write(new Uint8Array(3))
  writing.catch(() => {})
  if (takes.length > 1) handlers.drain(socket)
  handlers.end(socket)
  if (code === null) await probe.ended
  handlers.close(socket)
  expect((await probe.closed) as unknown).toEqual(code === null ? null : expect.objectContaining({ code }))
  expect(socket.log).toEqual(code === null ? [] : ['close'])
  probe.check()
})

test('the rest of a write goes out with the drains; the end after it', async () => {
  const { socket, handlers, probe, transport } = accepted(2)
  socket.takes.push(1, -1, 2)
  let written = false
  const writing = probe.write(new Uint8Array(5)).then(() => {
    written = true
  })
  transport.end()
  handlers.drain(socket)
  handlers.drain(socket)
  await Promise.resolve()
  expect([written, socket.log]).toEqual([false, []])
  handlers.drain(socket)
  await writing
  expect(socket.log).toEqual(['shutdown'])
  handlers.drain(socket)
  probe.check()
})

test('a close with bytes unwritten is a loss, even a clean one', async () => {
  const { socket, handlers, probe } = accepted(2)
  socket.takes.push(1)
  void probe.write(new Uint8Array(5))
  handlers.close(socket)
  expect(await probe.closed).toMatchObject({ code: 'ConnectionClosed' })
})

test('a TLS handshake that failed on an accepted connection is its loss', async () => {
  const { socket, handlers, probe } = accepted(2)
  handlers.handshake(socket, false, Object.assign(new Error('no shared cipher'), { code: 'EPROTO' }))
  handlers.close(socket)
  expect(await probe.closed).toMatchObject({ code: 'TransportFailed', message: expect.stringMatching(/no shared cipher/) })
})

let connects: { tls?: Record<string, unknown>; socket: BunHandlers & { connectError(socket: unknown, error: Error): void } }[]
beforeEach(() => {
  connects = []
  vi.stubGlobal('Bun', {
    connect: (options: (typeof connects)[number]) => {
      connects.push(options)
      return new Promise(() => {})
    },
  })
})
afterEach(() => {
  vi.unstubAllGlobals()
})

const address = { hostname: 'feed.test', port: 443, secure: true }

test('a connection that comes after the attempt was given up is closed', async () => {
  const controller = new AbortController()
  const attempt = bunDial(systemClock)(address, { signal: controller.signal })
  controller.abort('enough')
  await expect(attempt).rejects.toBe('enough')
  const socket = new FakeSocket()
  connects[0]?.socket.open(socket)
  expect(socket.log).toEqual(['close'])
})

test('TLS is always asked for in so many words, as an empty object would mean plain TCP', () => {
  void bunDial(systemClock)(address, {}).catch(() => {})
  expect(connects[0]?.tls).toEqual({ rejectUnauthorized: true, minVersion: 0x0303 })
})

test.each([
  [true, false, null],
  [true, true, new Error('odd')],
  [false, true, null],
])('a handshake with success %s, authorized %s and error %s is no success', async (success, authorized, error) => {
  const attempt = bunDial(systemClock)(address, {})
  const socket = new FakeSocket()
  socket.authorized = authorized
  connects[0]?.socket.open(socket)
  connects[0]?.socket.handshake(socket, success, error)
  await expect(attempt).rejects.toMatchObject({ name: expect.stringMatching(/^(TlsError|TransportError)$/) })
  expect(socket.log).toEqual(['close'])
})
