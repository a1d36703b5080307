/** TLS as a transport over another one, where the moment matters at which that one tells what it knows. The rest: test/transport-runtimes. */

import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import { expect, test } from 'vitest'
import { systemClock } from '../../../../src/clock.ts'
import { Inbox, type InboxSource } from '../../../../src/transport/inbox.ts'
import { nodeDial } from '../../../../src/transport/node/dial.ts'
import { secureWithNode } from '../../../../src/transport/node/tls-transport.ts'
import { checkTlsConfig } from '../../../../src/transport/tls-options.ts'
import type { Transport, TransportHandler, WriteProgress } from '../../../../src/transport/transport.ts'
import { makeCertificates } from '../../../helpers/certificates.ts'
import { Probe } from '../../../transport-runtimes/probe.ts'

/** Bytes as they come, or all of them at once when the connection is over; the end and the close when more is asked for, both from inside of that. */
class TellingAtOnce implements Transport, InboxSource {
  readonly targetCount = 1
  readonly known: Promise<void>
  private readonly inbox = new Inbox(this)
  private readonly own = new Uint8Array(65_536)
  private handler: TransportHandler | null = null
  private isKnown = false
  /** What is kept until all is known. */
  held: Uint8Array[] | null = null
  private tell = (): void => {}

  constructor(private readonly inner: Transport) {
    this.known = new Promise((resolve) => {
      this.tell = resolve
    })
  }

  get lastWrite(): WriteProgress {
    return this.inner.lastWrite
  }

  start(handler: TransportHandler, targets: readonly Uint8Array[]): void {
    this.handler = handler
    this.inbox.start(handler, targets)
    const { inner, own } = this
    inner.start(
      {
        onRead: (index, length) => {
          const bytes = own.slice(index * 32_768, index * 32_768 + length)
          if (this.held === null) this.inbox.push(bytes)
          else this.held.push(bytes)
          inner.resume()
        },
        onEnd: () => inner.end(),
        onWritten: () => this.handler?.onWritten(),
        onClosed: () => {
          this.isKnown = true
          this.inbox.push(Buffer.concat(this.held ?? []))
          this.tell()
        },
      },
      [own.subarray(0, 32_768), own.subarray(32_768)],
    )
    inner.resume()
  }

  resume(): void {
    this.inbox.resume()
  }

  readOn(): void {
    if (!this.isKnown) return
    this.inbox.end()
    this.inbox.close(null)
  }

  write(bytes: Uint8Array): boolean {
    return this.inner.write(bytes)
  }

  end(): void {}

  destroy(): void {
    this.inner.destroy()
  }
}

test('a connection below that closes while its end is asked for: the end, then the close', async () => {
  const certificates = await makeCertificates()
  const server = tls.createServer({ ...certificates.server }, (socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end('bye'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const below = new TellingAtOnce(await nodeDial(systemClock)({ hostname: '127.0.0.1', port, secure: false }, {}))
  const secured = await secureWithNode(below, '127.0.0.1', checkTlsConfig({ ca: certificates.ca }))
  below.held = []
  const probe = new Probe(secured)
  await probe.write('x')
  await below.known
  expect(await probe.textOf(3)).toBe('bye')
  // The engine ends in a turn of its own. What is asked for next is that end, and inside of it that of the connection below.
  await new Promise((resolve) => setImmediate(resolve))
  await probe.drain()
  expect(await probe.closed).toBe(null)
  probe.check()
  server.close()
})
