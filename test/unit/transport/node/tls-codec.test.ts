/** TLS in memory: against a server's engine that is fed by hand as well, so that every byte passes through the test. */

import { Duplex } from 'node:stream'
import tls from 'node:tls'
import { beforeAll, describe, expect, test } from 'vitest'
import { TlsCodec, type TlsCodecOptions } from '../../../../src/transport/node/tls-codec.ts'
import { makeCertificates, type TestCertificates } from '../../../helpers/certificates.ts'

let certificates: TestCertificates
beforeAll(async () => {
  certificates = await makeCertificates()
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255)

/** The server's engine: what it wants to send is kept until the test takes it. */
class Server {
  readonly outgoing: Buffer[] = []
  readonly received: Buffer[] = []
  readonly events: string[] = []
  readonly socket: tls.TLSSocket
  private readonly wire: Duplex

  constructor(options: tls.TlsOptions, greeting?: Uint8Array) {
    this.wire = new Duplex({
      allowHalfOpen: true,
      read: () => {},
      write: (chunk: Buffer, _, done) => {
        this.outgoing.push(chunk)
        done()
      },
      final: (done) => {
        this.events.push('fin')
        done()
      },
    })
    this.socket = new tls.TLSSocket(this.wire, { isServer: true, ...options })
    this.socket.on('data', (chunk: Buffer) => this.received.push(chunk))
    this.socket.on('end', () => this.events.push('end'))
    this.socket.on('error', (error: Error & { code?: string }) => this.events.push(`error ${error.code}`))
    this.socket.once('secure', () => {
      this.events.push('secure')
      if (greeting !== undefined) this.socket.write(greeting)
    })
  }

  get text(): string {
    return Buffer.concat(this.received).toString('latin1')
  }

  feed(bytes: Uint8Array): void {
    this.wire.push(Buffer.from(bytes))
  }

  /** Everything that it wants to send so far. */
  take(): Buffer {
    return Buffer.concat(this.outgoing.splice(0))
  }
}

/** Ciphertext of the codec, in pieces of `step`. */
function fetch(codec: TlsCodec, step = 65_536): Uint8Array {
  const pieces: Uint8Array[] = []
  const buffer = new Uint8Array(step)
  for (let length = codec.writeTlsTo(buffer); length > 0; length = codec.writeTlsTo(buffer)) pieces.push(buffer.slice(0, length))
  return Buffer.concat(pieces)
}

/** What the codec gives, in pieces of `step`. */
function drain(codec: TlsCodec, step = 65_536): Uint8Array {
  const pieces: Uint8Array[] = []
  const buffer = new Uint8Array(step)
  for (let length = codec.readPlaintext(buffer); length > 0; length = codec.readPlaintext(buffer)) pieces.push(buffer.slice(0, length))
  return Buffer.concat(pieces)
}

interface Pair {
  readonly codec: TlsCodec
  readonly server: Server
  /** Passes on what both have to say until neither has anything; the codec is given `step` bytes at a time. Returns what it gave. */
  exchange(step?: number): Promise<Uint8Array>
}

function pair(options: TlsCodecOptions = {}, serverOptions: tls.TlsOptions = {}, greeting?: Uint8Array): Pair {
  const codec = new TlsCodec('localhost', { tls: { ca: certificates.ca }, ...options })
  const server = new Server({ ...certificates.server, ...serverOptions }, greeting)
  let rest: Uint8Array = new Uint8Array(0)
  return {
    codec,
    server,
    exchange: async (step = 65_536) => {
      const plaintext: Uint8Array[] = []
      for (let idle = 0; idle < 4; idle++) {
        await turn()
        const sent = fetch(codec)
        if (sent.length > 0) server.feed(sent)
        rest = Buffer.concat([rest, server.take()])
        while (rest.length > 0) {
          const taken = codec.readTls(rest.subarray(0, step))
          rest = rest.subarray(taken)
          const given = drain(codec)
          plaintext.push(given)
          if (taken > 0 || given.length > 0) idle = -1
          if (taken === 0 && given.length === 0) break
          if (step === 1) await turn()
        }
        plaintext.push(drain(codec))
        if (sent.length > 0) idle = -1
      }
      return Buffer.concat(plaintext)
    },
  }
}

test('a handshake, then bytes both ways', async () => {
  const { codec, server, exchange } = pair({}, { ALPNProtocols: ['http/1.1'] })
  expect([codec.isHandshaking, codec.alpnProtocol]).toEqual([true, null])
  await exchange()
  expect([codec.isHandshaking, codec.failure, server.events]).toEqual([false, null, ['secure']])
  expect(codec.encrypt(Buffer.from('hello'))).toBe(5)
  server.socket.write('good day')
  expect(Buffer.from(await exchange()).toString()).toBe('good day')
  expect(server.text).toBe('hello')
  codec.destroy()
})

test('ALPN: what was negotiated is told', async () => {
  const { codec, exchange } = pair({ tls: { ca: certificates.ca, alpnProtocols: ['x/1', 'http/1.1'] } }, { ALPNProtocols: ['http/1.1'] })
  await exchange()
  expect(codec.alpnProtocol).toBe('http/1.1')
  codec.destroy()
})

describe('the server’s flight', () => {
  // Fourteen certificates: several records, more than any one read of the handshake.
  const chain = (): tls.TlsOptions => ({ cert: [certificates.server.cert, ...new Array(13).fill(certificates.ca)].join('\n') })

  test.each([1, 100, 4_096, 65_536])('of many certificates, in steps of %d bytes', { timeout: 20_000 }, async (step) => {
    const { codec, exchange } = pair({}, chain())
    await exchange(step)
    expect([codec.failure, codec.isHandshaking]).toEqual([null, false])
    codec.destroy()
  })

  test('with the first message right behind it loses nothing of it', async () => {
    const greeting = pattern(1_000)
    const { codec, exchange } = pair({}, chain(), greeting)
    expect(Buffer.compare(Buffer.from(await exchange()), Buffer.from(greeting))).toBe(0)
    codec.destroy()
  })
})

test('a burst of 256 KiB: with plaintext waiting no more is taken, and after it was drained, all of it comes', async () => {
  const { codec, server, exchange } = pair({ plaintextLimit: 20_000 })
  await exchange()
  const sent = pattern(256 * 1024)
  server.socket.write(sent)
  await turn()
  let rest: Uint8Array = server.take()
  const got: Uint8Array[] = []
  let refusals = 0
  let most = 0
  for (let i = 0; i < 10_000 && Buffer.concat(got).length < sent.length; i++) {
    const taken = codec.readTls(rest.subarray(0, 5_000))
    rest = rest.subarray(taken)
    await turn()
    most = Math.max(most, codec.buffered)
    if (taken === 0) {
      refusals++
      expect(codec.wantsRead).toBe(false)
      got.push(drain(codec, 7_000))
    }
    if (rest.length === 0) {
      rest = server.take()
      if (rest.length === 0) got.push(drain(codec))
    }
  }
  expect(Buffer.compare(Buffer.concat(got), Buffer.from(sent))).toBe(0)
  expect(refusals).toBeGreaterThan(5)
  // One step more than the limit, and the record that it completes.
  expect(most).toBeLessThan(20_000 + 5_000 + 16_384)
  codec.destroy()
})

test('plaintext goes into a sink’s spare room; a full one is given nothing', async () => {
  const { codec, server, exchange } = pair()
  await exchange()
  server.socket.write('abcdefgh')
  await turn()
  codec.readTls(server.take())
  await turn()
  const buffer = new Uint8Array(5)
  let used = 0
  const sink = { spare: () => buffer.subarray(used), filled: (length: number) => (used += length) }
  expect([codec.drainPlaintextInto(sink), codec.drainPlaintextInto(sink), codec.buffered]).toEqual([5, 0, 3])
  used = 0
  expect([codec.drainPlaintextInto(sink), codec.drainPlaintextInto(sink), codec.buffered]).toEqual([3, 0, 0])
  expect(Buffer.from(buffer).toString()).toBe('fghde')
  codec.destroy()
})

test('encrypt takes what the limit leaves, and more after ciphertext was fetched', async () => {
  const { codec, server, exchange } = pair({ bufferLimit: 4_096 })
  await exchange()
  expect([codec.encrypt(pattern(3_000)), codec.encrypt(pattern(3_000)), codec.encrypt(pattern(1))]).toEqual([3_000, 1_096, 0])
  await exchange()
  expect(server.text.length).toBe(4_096)
  expect(codec.encrypt(pattern(1))).toBe(1)
  codec.destroy()
  expect(codec.encrypt(pattern(1))).toBe(0)
})

test('what encrypt was given may change at once', async () => {
  const { codec, server, exchange } = pair({ bufferLimit: 2 ** 30 })
  await exchange()
  const bytes = pattern(256 * 1024)
  expect(codec.encrypt(bytes)).toBe(bytes.length)
  bytes.fill(0)
  await exchange()
  expect(Buffer.compare(Buffer.concat(server.received), Buffer.from(pattern(256 * 1024)))).toBe(0)
  codec.destroy()
})

describe('the end', () => {
  test('ours is seen by the server, behind what was written', async () => {
    const { codec, server, exchange } = pair()
    await exchange()
    codec.encrypt(Buffer.from('last'))
    codec.sendCloseNotify()
    await exchange()
    expect([server.text, server.events]).toEqual(['last', ['secure', 'end']])
    expect(codec.hasEndedOutput).toBe(true)
    expect(codec.encrypt(Buffer.from('more'))).toBe(0)
    codec.destroy()
  })

  test('theirs, with close_notify, is clean, whatever the connection does afterwards', async () => {
    const { codec, server, exchange } = pair()
    await exchange()
    server.socket.end('bye')
    expect(Buffer.from(await exchange()).toString()).toBe('bye')
    codec.endTls()
    await turn()
    await turn()
    expect([codec.hasEnded, codec.isTruncated, codec.failure]).toEqual([true, false, null])
    codec.destroy()
  })

  test('theirs without it is told apart, and what came before it is there', async () => {
    const { codec, server, exchange } = pair()
    await exchange()
    server.socket.write('half of what was to')
    await turn()
    codec.readTls(server.take())
    codec.endTls()
    for (let i = 0; i < 5; i++) await turn()
    expect([codec.isTruncated, codec.hasEnded, codec.buffered]).toEqual([true, false, 19])
    expect(Buffer.from(drain(codec)).toString()).toBe('half of what was to')
    expect(codec.hasEnded).toBe(true)
    codec.destroy()
  })

  test('theirs in mid-handshake is a failure', async () => {
    const { codec } = pair()
    await turn()
    codec.endTls()
    for (let i = 0; i < 5; i++) await turn()
    expect(codec.failure).toMatchObject({ code: 'TlsHandshakeFailed' })
    codec.destroy()
  })
})

describe('a failure', () => {
  test('a certificate that is not trusted: nothing is taken or given any more', async () => {
    const { codec, exchange } = pair({ tls: { ca: certificates.strangerCa } })
    await exchange()
    expect(codec.failure).toMatchObject({ code: 'CertificateRejected', message: expect.stringContaining('localhost: ') })
    expect([codec.isHandshaking, codec.wantsRead, codec.encrypt(pattern(1))]).toEqual([true, false, 0])
    codec.destroy()
  })

  test('something else than TLS', async () => {
    const { codec } = pair()
    await turn()
    codec.readTls(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
    for (let i = 0; i < 5; i++) await turn()
    expect(codec.failure).toMatchObject({ code: 'TlsHandshakeFailed', message: expect.stringContaining('does not speak TLS') })
    codec.destroy()
  })

  test('ciphertext that was tampered with', async () => {
    const { codec, server, exchange } = pair()
    await exchange()
    server.socket.write('hello')
    await turn()
    const bytes = server.take()
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1
    codec.readTls(bytes)
    for (let i = 0; i < 5; i++) await turn()
    expect(codec.failure).not.toBe(null)
    expect(codec.buffered).toBe(0)
    codec.destroy()
  })
})

test('nothing in, nothing out; and nothing is told after destroy', async () => {
  const { codec } = pair()
  expect([codec.readTls(new Uint8Array(0)), codec.readPlaintext(new Uint8Array(9)), codec.buffered]).toEqual([0, 0, 0])
  await turn()
  expect(codec.wantsWrite).toBe(true)
  let told = 0
  codec.onProgress = () => told++
  codec.readTls(Buffer.from('nonsense'))
  codec.destroy()
  for (let i = 0; i < 5; i++) await turn()
  expect(told).toBe(0)
})

test.each([
  ['', {}, 'InvalidOption'],
  ['exchange.example:443', {}, 'InvalidOption'],
  ['https://exchange.example', {}, 'InvalidOption'],
  ['localhost', { plaintextLimit: 1_023 }, 'InvalidOption'],
  ['localhost', { bufferLimit: 2 ** 30 + 1 }, 'InvalidOption'],
  ['localhost', { tls: { ca: 'x' } }, 'TlsOptionInvalid'],
])('%j with %j is refused', (hostname, options, code) => {
  expect(() => new TlsCodec(hostname, options)).toThrow(expect.objectContaining({ code }))
})
