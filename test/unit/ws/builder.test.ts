import { describe, expect, test } from 'vitest'
import { MaskKeys } from '../../../src/codec/ws/mask-keys.ts'
import { memoryPair } from '../../../src/transport/memory/pair.ts'
import { resolveOptions } from '../../../src/ws/options.ts'
import { makeWorld } from './harness.ts'

const world = makeWorld()
const builder = (): ReturnType<typeof world.Stream.builder> => world.Stream.builder()

describe('the builder', () => {
  test('collects every option under its own name', () => {
    const maskKeys = new MaskKeys()
    const { signal } = new AbortController()
    const options = builder()
      .bufferCapacity(8_192)
      .maxReadSize(2_048)
      .compactAt(0.25)
      .maxFrameSize(1)
      .maxMessageSize(2)
      .writeBufferCapacity(4_096)
      .maxBufferedAmount(3)
      .tls({ serverName: 'x' })
      .proxy('socks5://p')
      .socketPath('/s')
      .noDelay(false)
      .keepAlive(5_000)
      .connectTimeout(4)
      .handshakeTimeout(5)
      .closeTimeout(6)
      .heartbeat({ interval: 1_000 })
      .dataTimeout(2_000)
      .autoPong(false)
      .headers({ X: 'y' })
      .protocols(['a'])
      .maskKeys(maskKeys)
      .signal(signal).options
    expect(options).toEqual({
      bufferCapacity: 8_192,
      maxReadSize: 2_048,
      compactAt: 0.25,
      maxFrameSize: 1,
      maxMessageSize: 2,
      writeBufferCapacity: 4_096,
      maxBufferedAmount: 3,
      tls: { serverName: 'x' },
      proxy: 'socks5://p',
      socketPath: '/s',
      noDelay: false,
      keepAlive: 5_000,
      connectTimeout: 4,
      handshakeTimeout: 5,
      closeTimeout: 6,
      heartbeat: { interval: 1_000 },
      dataTimeout: 2_000,
      autoPong: false,
      headers: { X: 'y' },
      protocols: ['a'],
      maskKeys,
      signal,
    })
  })

  test('is immutable: each call gives another builder', () => {
    const base = builder().maxMessageSize(100)
    const small = base.closeTimeout(1)
    const large = base.closeTimeout(2)
    expect([base.options, small.options, large.options]).toEqual([
      { maxMessageSize: 100 },
      { maxMessageSize: 100, closeTimeout: 1 },
      { maxMessageSize: 100, closeTimeout: 2 },
    ])
  })

  test.each([
    ['bufferCapacity', 4_095],
    ['bufferCapacity', 16 * 1024 * 1024 + 1],
    ['maxReadSize', 1_023],
    ['maxReadSize', 400_000],
    ['compactAt', -0.1],
    ['compactAt', 1.1],
    ['maxFrameSize', -1],
    ['maxMessageSize', 2 ** 31],
    ['writeBufferCapacity', 4_095],
    ['maxBufferedAmount', 1.5],
    ['closeTimeout', -1],
    ['handshakeTimeout', 2 ** 31],
    ['dataTimeout', 9],
    ['heartbeat', { interval: 9 }],
    ['heartbeat', { interval: 10, timeout: 9 }],
    ['heartbeat', 10],
    ['autoPong', 1],
  ] as const)('%s(%j) throws InvalidOption at once, naming option and value', (name, value) => {
    const shown = typeof value === 'object' ? '9' : String(value)
    const call = builder() as unknown as Record<string, (value: unknown) => unknown>
    expect(() => call[name]?.(value)).toThrow(expect.objectContaining({ code: 'InvalidOption', message: expect.stringContaining(name) }))
    if (name !== 'heartbeat') expect(() => call[name]?.(value)).toThrow(shown)
  })

  test('builds by every way that a stream is made', async () => {
    const feed = builder().protocols('feed').closeTimeout(10)
    const [end, other] = memoryPair()
    const [client, server] = await Promise.all([feed.connectWith(end, 'ws://peer.test/'), feed.accept(other)])
    expect([client.protocol, server.protocol]).toEqual(['feed', 'feed'])
    client.destroy()
    server.destroy()
    let dialed: unknown = null
    world.dial = async (address, options) => {
      dialed = [address, options.noDelay]
      throw new Error('far enough')
    }
    await expect(feed.noDelay(false).connect('wss://peer.test:8443/')).rejects.toThrow('far enough')
    expect(dialed).toEqual([{ hostname: 'peer.test', port: 8_443, secure: true }, false])
    await expect(feed.sessions('ws://peer.test/', { shouldRetry: () => false }).next()).rejects.toThrow('far enough')
  })

  test('options of accept win over those of the builder', async () => {
    const [end, other] = memoryPair()
    const [client, server] = await Promise.all([
      builder().protocols(['a', 'b']).connectWith(end, 'ws://peer.test/'),
      builder().protocols('a').accept(other, { protocols: 'b' }),
    ])
    expect(server.protocol).toBe('b')
    client.destroy()
    server.destroy()
  })
})

test('the defaults are those of the design', () => {
  expect(resolveOptions({})).toMatchObject({
    bufferCapacity: 1024 * 1024,
    maxReadSize: 256 * 1024,
    maxFrameSize: 16 * 1024 * 1024,
    maxMessageSize: 16 * 1024 * 1024,
    writeBufferCapacity: 64 * 1024,
    autoPong: true,
    heartbeat: null,
    closeTimeout: 5_000,
    handshakeTimeout: 10_000,
  })
})
