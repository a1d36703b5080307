import { describe, expect, test } from 'vitest'
import { type MemoryOptions, memoryPair } from '../../../src/transport/memory/pair.ts'
import type { AcceptOptions, ConnectOptions } from '../../../src/ws/options.ts'
import type { WsStream } from '../../../src/ws/ws-stream.ts'
import { frame, utf8 } from '../../reference/frames.ts'
import {
  acceptKey,
  goodRequest,
  head,
  makeCodec,
  makeWorld,
  openPair,
  RawPeer,
  record,
  spell,
  stateOf,
  TEXT,
  upgradeResponse,
  type World,
} from './harness.ts'

/** A client's attempt against a hand-made server. */
function connectTo(world: World, options: ConnectOptions = {}, memory: MemoryOptions = {}): { opening: Promise<unknown>; peer: RawPeer } {
  const [end, other] = memoryPair({ clock: world.clock, ...memory })
  const peer = new RawPeer(other)
  const opening = world.Stream.connectWith(end, 'ws://peer.test:8080/feed?x=1', options)
  opening.catch(() => {})
  return { opening, peer }
}

/** A hand-made client's attempt. */
function acceptFrom(world: World, options: AcceptOptions = {}, memory: MemoryOptions = {}): { opening: Promise<unknown>; peer: RawPeer } {
  const [end, other] = memoryPair({ clock: world.clock, ...memory })
  const peer = new RawPeer(other)
  const opening = world.Stream.accept(end, options)
  opening.catch(() => {})
  return { opening, peer }
}

describe('what is wrong with a request is found before anybody is dialled', () => {
  test.each<[string, ConnectOptions, string]>([
    ['a field that would break the head', { headers: { X: 'a\r\nB: c' } }, 'HeaderInjection'],
    ['the name of a field', { headers: [['a b', 'c']] }, 'HeaderInjection'],
    ['a field of the handshake’s own', { headers: { Upgrade: 'x' } }, 'InvalidOption'],
    ['a subprotocol that is no token', { protocols: ['a', 'b c'] }, 'InvalidOption'],
    ['a subprotocol twice', { protocols: ['a', 'a'] }, 'InvalidOption'],
    ['no subprotocols', { protocols: null as never }, 'InvalidOption'],
  ])('%s', async (_, options, code) => {
    const world = makeWorld()
    let dials = 0
    world.dial = () => {
      dials++
      return Promise.reject(new Error('dialled'))
    }
    await expect(world.Stream.connect('ws://server.test', options)).rejects.toMatchObject({ code })
    const iterate = async (): Promise<void> => {
      for await (const _ of world.Stream.sessions('ws://server.test', options)) throw new Error('opened')
    }
    await expect(iterate()).rejects.toMatchObject({ code })
    expect([dials, world.clock.pending]).toEqual([0, 0])
  })
})

describe('the client of the opening handshake', () => {
  test('asks with the fields of RFC 6455 section 4.1, then the application’s', async () => {
    const world = makeWorld()
    const { opening, peer } = connectTo(world, { protocols: ['a', 'b'], headers: { 'X-Two': 'second', 'x-ONE': 'é' } })
    await world.settle()
    expect(peer.received.toString()).toBe(
      head([
        'GET /feed?x=1 HTTP/1.1',
        'Host: peer.test:8080',
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Protocol: a, b',
        'X-Two: second',
        'x-ONE: é',
      ]),
    )
    peer.send(upgradeResponse(peer.text, 'Sec-WebSocket-Protocol: b\r\nX-More: 1\r\n'))
    await world.settle()
    expect(await opening).toMatchObject({ protocol: 'b', readyState: 'open', request: null })
    expect((await opening) as { headers: unknown }).toHaveProperty('headers', [
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Sec-WebSocket-Accept', acceptKey('AAECAwQFBgcICQoLDA0ODw==')],
      ['Sec-WebSocket-Protocol', 'b'],
      ['X-More', '1'],
    ])
  })

  const answers: readonly (readonly [string, (request: string) => string, string, number | null])[] = [
    ['403', () => head(['HTTP/1.1 403 Forbidden', 'Content-Length: 0']), 'UnexpectedStatus', 403],
    ['204', () => head(['HTTP/1.1 204 No Content']), 'UnexpectedStatus', 204],
    ['no reason', () => head(['HTTP/1.1 500 ', 'Content-Length: 0']), 'UnexpectedStatus', 500],
    ['too many interim responses', () => head(['HTTP/1.1 102 Processing']).repeat(40), 'UnexpectedStatus', 102],
    ['no Upgrade', (r) => upgradeResponse(r).replace('Upgrade: websocket\r\n', ''), 'MissingUpgrade', 101],
    ['another Upgrade', (r) => upgradeResponse(r).replace('websocket', 'h2c'), 'MissingUpgrade', 101],
    ['no Connection', (r) => upgradeResponse(r).replace('Connection: Upgrade\r\n', ''), 'MissingConnection', 101],
    [
      'a Connection that only looks like it',
      (r) => upgradeResponse(r).replace('Connection: Upgrade', 'Connection: not-upgrade'),
      'MissingConnection',
      101,
    ],
    ['no Accept', (r) => upgradeResponse(r).replace(/Sec-WebSocket-Accept.*\r\n/, ''), 'InvalidAcceptKey', 101],
    ['another key’s Accept', () => upgradeResponse('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'), 'InvalidAcceptKey', 101],
    [
      'an Accept in the wrong case',
      (r) => upgradeResponse(r).replace(/(Accept: )(.*)/, (_, name, key) => name + key.toLowerCase()),
      'InvalidAcceptKey',
      101,
    ],
    ['an extension', (r) => upgradeResponse(r, 'Sec-WebSocket-Extensions: x\r\n'), 'UnexpectedExtension', 101],
    ['a protocol that was not offered', (r) => upgradeResponse(r, 'Sec-WebSocket-Protocol: z\r\n'), 'UnexpectedProtocol', 101],
    ['two protocols', (r) => upgradeResponse(r, 'Sec-WebSocket-Protocol: a, b\r\n'), 'UnexpectedProtocol', 101],
    ['a protocol in the wrong case', (r) => upgradeResponse(r, 'Sec-WebSocket-Protocol: A\r\n'), 'UnexpectedProtocol', 101],
    ['no HTTP', () => '\x15\x03\x01\x00\x02\x02\x46', 'MalformedHttp', null],
    ['HTTP/2', () => 'HTTP/2 101 x\r\n\r\n', 'MalformedHttp', null],
    ['a bare LF', (r) => upgradeResponse(r).replace('\r\n', '\n'), 'MalformedHttp', null],
    ['a space before the colon', (r) => upgradeResponse(r, 'X : y\r\n'), 'MalformedHttp', null],
    ['a NUL in a value', (r) => upgradeResponse(r, 'X: \0\r\n'), 'MalformedHttp', null],
    ['101 fields', (r) => upgradeResponse(r, 'X: y\r\n'.repeat(98)), 'TooManyHeaders', null],
    ['a head over 16 KiB', (r) => upgradeResponse(r, `X: ${'y'.repeat(17_000)}\r\n`), 'HeadTooLarge', null],
    ['a head that never ends', () => `HTTP/1.1 101 x\r\nX: ${'y'.repeat(17_000)}`, 'HeadTooLarge', null],
  ]

  for (const maxDelivery of [undefined, 1, 100]) {
    for (const targetCount of [1, 2] as const) {
      test.each(answers)(`refuses %s (pieces of ${maxDelivery ?? 'any size'}, ${targetCount} targets)`, async (_, answer, code, status) => {
        const world = makeWorld()
        const { opening, peer } = connectTo(world, { protocols: ['a', 'b'] }, { maxDelivery, targetCount })
        await world.settle()
        peer.send(answer(peer.text))
        await world.clock.advance(1_000)
        await expect(opening).rejects.toMatchObject({ name: 'HandshakeError', code, status })
        expect(peer.closed !== undefined || peer.ended, 'the connection is given up').toBe(true)
        expect(world.clock.pending).toBe(0)
      })
    }
  }

  test('an end in the middle of the response is ClosedDuringHandshake', async () => {
    const world = makeWorld()
    for (const length of [0, 1, 20, 60]) {
      const { opening, peer } = connectTo(world)
      await world.settle()
      peer.send(upgradeResponse(peer.text).slice(0, length))
      peer.end.end()
      await expect(opening).rejects.toMatchObject({ code: 'ClosedDuringHandshake' })
    }
  })

  test('a reset is ClosedDuringHandshake, with the loss as its cause', async () => {
    const world = makeWorld()
    const { opening, peer } = connectTo(world)
    await world.settle()
    peer.end.reset()
    await expect(opening).rejects.toMatchObject({ code: 'ClosedDuringHandshake', cause: { code: 'ConnectionReset' } })
  })

  test('silence is HandshakeTimeout, after exactly handshakeTimeout ms; 0 is no limit', async () => {
    const world = makeWorld()
    const limited = connectTo(world, { handshakeTimeout: 5_000 })
    const unlimited = connectTo(world, { handshakeTimeout: 0 })
    await world.clock.advance(4_999)
    expect(await stateOf(world, limited.opening)).toBe('pending')
    await world.clock.advance(1)
    await expect(limited.opening).rejects.toMatchObject({ code: 'HandshakeTimeout' })
    expect(limited.peer.ended || limited.peer.closed !== undefined).toBe(true)
    await world.clock.advance(1e9)
    expect(await stateOf(world, unlimited.opening)).toBe('pending')
    unlimited.peer.end.reset()
    await expect(unlimited.opening).rejects.toMatchObject({ code: 'ClosedDuringHandshake' })
  })

  test('a dribble that goes on for too long is HandshakeTimeout too', async () => {
    const world = makeWorld()
    const { opening, peer } = connectTo(world, { handshakeTimeout: 1_000 })
    await world.settle()
    const response = upgradeResponse(peer.text)
    for (let i = 0; i < 20; i++) {
      peer.send(response.charAt(i))
      await world.clock.advance(100)
    }
    await expect(opening).rejects.toMatchObject({ code: 'HandshakeTimeout' })
  })

  test('a signal abandons it with its reason, before, during and never after', async () => {
    const world = makeWorld()
    const reason = new Error('changed my mind')
    const before = connectTo(world, { signal: AbortSignal.abort(reason) })
    await expect(before.opening).rejects.toBe(reason)
    const controller = new AbortController()
    const during = connectTo(world, { signal: controller.signal })
    await world.settle()
    controller.abort(reason)
    await expect(during.opening).rejects.toBe(reason)
    await world.settle()
    expect(during.peer.ended || during.peer.closed !== undefined).toBe(true)
    const late = new AbortController()
    const after = connectTo(world, { signal: late.signal })
    await world.settle()
    after.peer.send(upgradeResponse(after.peer.text))
    await world.settle()
    late.abort()
    expect(await after.opening).toHaveProperty('readyState', 'open')
  })

  test.each([
    ['by its length', 'Content-Length: 5\r\n', 'hello, and the next response', false, 'hello'],
    ['until the end without a length', '', 'hello', true, 'hello'],
    ['4,096 bytes of it', 'Content-Length: 100000\r\n', 'x'.repeat(100_000), false, 'x'.repeat(4_096)],
    ['what came when the end was early', 'Content-Length: 100\r\n', 'hel', true, 'hel'],
  ])('the body of a refusal is kept %s', async (_, fields, body, end, kept) => {
    for (const maxDelivery of [1, undefined]) {
      const world = makeWorld()
      const { opening, peer } = connectTo(world, {}, { maxDelivery })
      await world.settle()
      peer.send(`HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n${fields}\r\n${body}`)
      if (end) peer.end.end()
      await world.settle()
      await expect(opening).rejects.toMatchObject({ code: 'UnexpectedStatus', status: 429, body: kept })
      expect(((await opening.catch((error) => error)) as { headers: unknown[] }).headers[0]).toEqual(['Retry-After', '7'])
    }
  })

  test('a body that does not come is waited for one second', async () => {
    const world = makeWorld()
    const { opening, peer } = connectTo(world)
    await world.settle()
    peer.send('HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nsome')
    await world.clock.advance(999)
    expect(await stateOf(world, opening)).toBe('pending')
    await world.clock.advance(1)
    await expect(opening).rejects.toMatchObject({ status: 403, body: 'some' })
  })

  test('bytes that follow the response are never lost, however they are cut', async () => {
    const frames = Buffer.concat([frame({ opcode: 1, payload: utf8('one') }), frame({ opcode: 2, payload: utf8('two'.repeat(100)) })])
    for (const targetCount of [1, 2] as const) {
      for (const bufferCapacity of [4_096, 65_536]) {
        for (let seed = 0; seed < 40; seed++) {
          const world = makeWorld()
          const memory = seed === 0 ? { targetCount } : { targetCount, seed, maxDelivery: 1 + seed * 9 }
          const { opening, peer } = connectTo(world, { bufferCapacity }, memory)
          await world.settle()
          peer.send(Buffer.concat([Buffer.from(upgradeResponse(peer.text, `X-Filler: ${'y'.repeat(seed * 17)}\r\n`)), frames]))
          const ws = (await opening) as Awaited<ReturnType<World['Stream']['connectWith']>>
          expect([(await ws.recv())?.text, (await ws.recv())?.text], `${targetCount} ${bufferCapacity} ${seed}`).toEqual(['one', 'two'.repeat(100)])
          ws.destroy()
        }
      }
    }
  })

  test('a head in three pieces survives in the smallest buffer with two targets', async () => {
    for (const cuts of [
      [600, 10],
      [300, 300],
      [1_000, 20],
      [20, 900],
    ] as const) {
      const world = makeWorld()
      const { opening, peer } = connectTo(world, { bufferCapacity: 4_096 }, { targetCount: 2 })
      await world.settle()
      const bytes = Buffer.concat([
        Buffer.from(upgradeResponse(peer.text, `X-Filler: ${'y'.repeat(840)}\r\n`)),
        frame({ opcode: 1, payload: utf8('z'.repeat(900)) }),
      ])
      expect(bytes.length).toBeGreaterThan(1_700)
      let at = 0
      for (const length of [...cuts, bytes.length]) {
        peer.send(bytes.subarray(at, at + length))
        at += length
        await world.settle()
      }
      const ws = (await opening) as Awaited<ReturnType<World['Stream']['connectWith']>>
      expect((await ws.recv())?.text).toBe('z'.repeat(900))
      ws.destroy()
    }
  })
})

describe('the server of the opening handshake', () => {
  test('accepts with the fields of RFC 6455 section 4.2.2, and tells what was asked for', async () => {
    const world = makeWorld()
    let seen: unknown = null
    const { opening, peer } = acceptFrom(world, {
      protocols: ['b', 'c'],
      headers: { 'X-Server': 'nexus' },
      onRequest: (request) => {
        seen = request
        return { accept: true, headers: { 'X-Decision': 'yes' } }
      },
    })
    peer.send(head([...goodRequest, 'Sec-WebSocket-Protocol: a, c', 'Sec-WebSocket-Protocol: b', 'X-Own: Value ']))
    await world.settle()
    expect(peer.text).toBe(
      head([
        'HTTP/1.1 101 Switching Protocols',
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
        'Sec-WebSocket-Protocol: b',
        'X-Server: nexus',
        'X-Decision: yes',
      ]),
    )
    expect(await opening).toMatchObject({
      protocol: 'b',
      readyState: 'open',
      request: { path: '/feed?x=1', host: 'peer.test', protocols: ['a', 'c', 'b'] },
    })
    expect(seen).toMatchObject({ path: '/feed?x=1', host: 'peer.test' })
    const request = seen as { header(name: string): string | null; headers: unknown[] }
    expect([request.header('x-own'), request.header('X-OWN'), request.header('absent')]).toEqual(['Value', 'Value', null])
    expect(request.headers).toContainEqual(['X-Own', 'Value'])
  })

  const without = (name: string): string[] => goodRequest.filter((line) => !line.startsWith(name))

  const refused: readonly (readonly [string, string, string, number, string[]])[] = [
    ['a POST', head(['POST / HTTP/1.1', ...goodRequest.slice(1)]), 'MethodNotGet', 405, ['Allow: GET']],
    ['no Upgrade', head(without('Upgrade')), 'MissingUpgrade', 426, ['Upgrade: websocket', 'Sec-WebSocket-Version: 13']],
    ['another Upgrade', head([...without('Upgrade'), 'Upgrade: h2c']), 'MissingUpgrade', 426, ['Upgrade: websocket']],
    ['no Connection', head(without('Connection')), 'MissingConnection', 400, []],
    ['no version', head(without('Sec-WebSocket-Version')), 'UnsupportedVersion', 426, ['Sec-WebSocket-Version: 13']],
    [
      'version 12',
      head([...without('Sec-WebSocket-Version'), 'Sec-WebSocket-Version: 12']),
      'UnsupportedVersion',
      426,
      ['Sec-WebSocket-Version: 13'],
    ],
    ['no Host', head(without('Host')), 'MissingHost', 400, []],
    ['two Hosts', head([...goodRequest, 'Host: other']), 'MissingHost', 400, []],
    ['no key', head(without('Sec-WebSocket-Key')), 'MissingKey', 400, []],
    ['two keys', head([...goodRequest, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']), 'MissingKey', 400, []],
    ['a key of 15 bytes', head([...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j']), 'MissingKey', 400, []],
    ['HTTP/1.0', head(['GET / HTTP/1.0', ...goodRequest.slice(1)]), 'MalformedHttp', 400, []],
    ['no HTTP', head(['hello']), 'MalformedHttp', 400, []],
    ['a bare LF', 'GET / HTTP/1.1\nHost: x\n\n', 'MalformedHttp', 400, []],
    ['101 fields', head([...goodRequest, ...Array.from({ length: 96 }, () => 'X: y')]), 'TooManyHeaders', 431, []],
    ['a head over 16 KiB', head([...goodRequest, `X: ${'y'.repeat(17_000)}`]), 'HeadTooLarge', 431, []],
  ]

  for (const maxDelivery of [undefined, 1]) {
    test.each(refused)(`answers %s and closes (pieces of ${maxDelivery ?? 'any size'})`, async (_, request, code, status, fields) => {
      const world = makeWorld()
      const { opening, peer } = acceptFrom(world, {}, { maxDelivery })
      peer.send(request)
      await world.settle()
      await expect(opening).rejects.toMatchObject({ name: 'HandshakeError', code })
      const [top = '', body = ''] = peer.text.split('\r\n\r\n')
      const lines = top.split('\r\n')
      expect(lines[0]).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [A-Z]`))
      expect(lines).toEqual(expect.arrayContaining([...fields, `Content-Length: ${body.length}`]))
      expect(top).toMatch(/\r\nConnection: close/)
      expect(peer.ended, 'our side has ended').toBe(true)
      peer.end.end()
      await world.settle()
      expect([peer.closed, world.clock.pending]).toEqual([null, 0])
    })
  }

  test('a refusal of the application goes out whole, whatever its size', async () => {
    const body = `Überlastet. ${'x'.repeat(5_000)}`
    for (const capacity of [65_536, 10]) {
      const world = makeWorld()
      const { opening, peer } = acceptFrom(
        world,
        { onRequest: async () => ({ accept: false, status: 503, reason: 'Busy', headers: { 'Retry-After': '9' }, body }) },
        { capacity },
      )
      peer.send(head(goodRequest))
      await world.settle()
      await expect(opening).rejects.toMatchObject({ code: 'HandshakeRefused' })
      expect(peer.received.toString()).toBe(
        `HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
      expect(peer.ended).toBe(true)
    }
  })

  test('a refused client that never leaves is cut after closeTimeout', async () => {
    const world = makeWorld()
    const { opening, peer } = acceptFrom(world, { closeTimeout: 2_000 })
    peer.send('POST / HTTP/1.1\r\nHost: a\r\n\r\n')
    await expect(opening).rejects.toMatchObject({ code: 'MethodNotGet' })
    await world.clock.advance(1_999)
    peer.send('more and more')
    expect(peer.closed).toBeUndefined()
    await world.clock.advance(1)
    expect(world.clock.pending).toBe(0)
  })

  test.each([
    ['throws', () => Promise.reject(new Error('database down')), 'database down'],
    ['refuses with a status that is no refusal', () => ({ accept: false, status: 200 }) as const, 'status'],
    ['chooses a protocol that was not offered', () => ({ accept: true, protocol: 'z' }) as const, 'not offered'],
    ['answers with a header that breaks the head', () => ({ accept: true, headers: { X: 'a\r\nb' } }) as const, 'may not stand there'],
    ['answers with a header of the handshake', () => ({ accept: true, headers: { Upgrade: 'x' } }) as const, 'handshake'],
  ])('an onRequest that %s rejects, and the client gets a 500', async (_, onRequest, message) => {
    const world = makeWorld()
    const { opening, peer } = acceptFrom(world, { onRequest })
    peer.send(head(goodRequest))
    await world.settle()
    await expect(opening).rejects.toThrow(message)
    expect(peer.text).toMatch(/^HTTP\/1\.1 500 Internal Server Error\r\n/)
    expect(peer.ended).toBe(true)
  })

  test('a client that leaves while its request is considered ends the attempt', async () => {
    const world = makeWorld()
    const { opening, peer } = acceptFrom(world, { onRequest: () => new Promise(() => {}) })
    peer.send(head(goodRequest))
    await world.settle()
    expect(await stateOf(world, opening)).toBe('pending')
    peer.end.reset()
    await expect(opening).rejects.toMatchObject({ code: 'ClosedDuringHandshake' })
  })

  test('handshakeTimeout and signal limit it, onRequest included', async () => {
    const world = makeWorld()
    const silent = acceptFrom(world, { handshakeTimeout: 1_000 })
    const pondering = acceptFrom(world, { handshakeTimeout: 1_000, onRequest: () => new Promise(() => {}) })
    pondering.peer.send(head(goodRequest))
    const controller = new AbortController()
    const aborted = acceptFrom(world, { signal: controller.signal })
    await world.clock.advance(999)
    controller.abort(new Error('shutting down'))
    await expect(aborted.opening).rejects.toThrow('shutting down')
    expect(await stateOf(world, Promise.race([silent.opening, pondering.opening]))).toBe('pending')
    await world.clock.advance(1)
    await expect(silent.opening).rejects.toMatchObject({ code: 'HandshakeTimeout' })
    await expect(pondering.opening).rejects.toMatchObject({ code: 'HandshakeTimeout' })
  })

  test('frames that come with the request are never lost, however they are cut', async () => {
    const frames = Buffer.concat([
      frame({ opcode: 1, payload: utf8('one'), key: [1, 2, 3, 4] }),
      frame({ opcode: 2, payload: utf8('two'.repeat(100)), key: [5, 6, 7, 8] }),
    ])
    for (const targetCount of [1, 2] as const) {
      for (let seed = 0; seed < 40; seed++) {
        const world = makeWorld()
        const memory = seed === 0 ? { targetCount } : { targetCount, seed, maxDelivery: 1 + seed * 9 }
        const { opening, peer } = acceptFrom(world, { bufferCapacity: 4_096, onRequest: async () => ({ accept: true }) }, memory)
        peer.send(Buffer.concat([Buffer.from(head([...goodRequest, `X-Filler: ${'y'.repeat(seed * 15)}`])), frames]))
        const ws = (await opening) as Awaited<ReturnType<World['Stream']['accept']>>
        expect([(await ws.recv())?.text, (await ws.recv())?.text], `${targetCount} ${seed}`).toEqual(['one', 'two'.repeat(100)])
        ws.destroy()
      }
    }
  })
})

describe('both ends of our own', () => {
  test('agree on everything', async () => {
    const world = makeWorld()
    const { client, server } = await openPair(world, {
      connect: { protocols: ['x', 'y'], headers: [['X-A', '1']] },
      accept: { protocols: 'y', headers: { 'X-B': '2' } },
    })
    expect([client.protocol, server.protocol, server.request?.header('x-a'), server.request?.path]).toEqual(['y', 'y', '1', '/feed'])
    expect(client.headers).toContainEqual(['X-B', '2'])
    client.sendText('hi')
    expect((await server.recv())?.text).toBe('hi')
    client.destroy()
    server.destroy()
  })

  test('give their memory back, whether a handshake succeeds or fails', async () => {
    const own = makeCodec()
    const world = makeWorld(undefined, own)
    // Together they are many times what one memory holds.
    for (let i = 0; i < 200; i++) {
      const refused = acceptFrom(world, { bufferCapacity: 1_048_576 })
      refused.peer.send(head(['GET /feed HTTP/1.1', 'Host: peer.test']))
      await expect(refused.opening).rejects.toMatchObject({ name: 'HandshakeError' })
      const { client, server } = await openPair(world, { connect: { bufferCapacity: 1_048_576 }, accept: { bufferCapacity: 1_048_576 } })
      client.destroy()
      server.destroy()
      await world.clock.advance(60_000)
    }
    expect(own.memoryCount).toBe(1)
  })

  test('the first message may be sent before the client is known to be there', async () => {
    const world = makeWorld()
    const { opening, peer } = acceptFrom(world)
    peer.send(head(goodRequest))
    const ws = (await opening) as Awaited<ReturnType<World['Stream']['accept']>>
    ws.sendText('welcome')
    await world.settle()
    expect(spell(peer.body)).toEqual([`${TEXT}:welcome`])
    ws.destroy()
  })
})

describe('a connection that goes around the handshake', () => {
  /** Our server over a transport whose other side does `act` as soon as it has the 101. */
  async function acceptAnd(world: World, act: (other: ReturnType<typeof memoryPair>[0]) => void): Promise<WsStream> {
    const [end, other] = memoryPair({ clock: world.clock })
    const peer = new RawPeer(other)
    peer.send(head(goodRequest))
    const opening = world.Stream.accept({
      ...record(end).transport,
      write(bytes) {
        const done = end.write(bytes)
        act(other)
        return done
      },
    })
    return opening
  }

  test('a loss between the 101 and the stream is not missed', async () => {
    const world = makeWorld()
    const ws = await acceptAnd(world, (other) => other.reset())
    await expect(ws.recv()).rejects.toMatchObject({ code: 'ConnectionReset' })
    expect(await ws.closed).toMatchObject({ code: 1006, error: { code: 'ConnectionReset' } })
  })

  test('an end between the 101 and the stream is not missed', async () => {
    const world = makeWorld()
    const ws = await acceptAnd(world, (other) => other.end())
    expect(await ws.closed).toMatchObject({ code: 1006, error: { code: 'ConnectionClosed' } })
  })

  test.each(['end', 'reset'] as const)(
    'a client whose connection sees its %s while the application thinks: rejects, or ends at once',
    async (how) => {
      for (const when of ['before', 'meanwhile'] as const) {
        const world = makeWorld()
        const [end, other] = memoryPair({ clock: world.clock })
        const peer = new RawPeer(other)
        peer.send(head(goodRequest))
        if (when === 'before') peer.end[how]()
        const accepted = world.Stream.accept(end, {
          onRequest: async () => {
            if (when === 'meanwhile') peer.end[how]()
            await new Promise<void>((resolve) => world.clock.set(resolve, 200))
            return undefined as never
          },
        })
        const outcome = accepted.then(
          async (ws) => (await ws.closed).error,
          (error: unknown) => error,
        )
        await world.clock.advance(200)
        await world.settle()
        expect([how, when, await stateOf(world, outcome)]).toEqual([how, when, 'resolved'])
        expect(await outcome).toMatchObject({ code: expect.stringMatching(/^(?:ClosedDuringHandshake|ConnectionClosed|ConnectionReset)$/) })
        expect(world.clock.pending).toBe(0)
      }
    },
  )
})

describe('a refusal', () => {
  test('in chunks is decoded, and given as soon as it is whole', async () => {
    const world = makeWorld()
    const { opening, peer } = connectTo(world)
    await world.settle()
    peer.send('HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nno key\r\n0\r\n\r\n')
    await world.settle()
    expect(await stateOf(world, opening)).toBe('rejected')
    await expect(opening).rejects.toMatchObject({ code: 'UnexpectedStatus', status: 403, body: 'no key' })
  })

  test.each([0, 12 * 1024, 16 * 1024, 64 * 1024, 300_000])('of ours with a body of %i bytes is one response', async (size) => {
    const world = makeWorld()
    const { opening, peer } = acceptFrom(world, { onRequest: () => ({ accept: false, status: 403, body: 'x'.repeat(size) }) })
    peer.send(head(goodRequest))
    await world.settle()
    await expect(opening).rejects.toMatchObject({ code: 'HandshakeRefused' })
    await world.settle()
    expect(peer.text.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(peer.text).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
    expect(peer.text).toContain(`Content-Length: ${size}\r\n`)
    expect(peer.body.toString()).toBe('x'.repeat(size))
  })
})

describe('maxHeadSize and maxHeaders', () => {
  const cookies = (bytes: number): string => `Cookie: ${'c'.repeat(bytes)}`

  test.each([-1, 0, 1])('a request of the limit plus %i bytes', async (over) => {
    const world = makeWorld()
    const limit = 40_000
    const bare = head([...goodRequest, cookies(0)]).length
    const { opening, peer } = acceptFrom(world, { maxHeadSize: limit })
    peer.send(head([...goodRequest, cookies(limit + over - bare)]))
    await world.settle()
    if (over <= 0) expect(await opening).toMatchObject({ readyState: 'open' })
    else {
      await expect(opening).rejects.toMatchObject({ code: 'HeadTooLarge' })
      expect(peer.text).toMatch(/^HTTP\/1\.1 431 /)
    }
  })

  test.each([-1, 0, 1])('a request of the limit plus %i fields', async (over) => {
    const world = makeWorld()
    const own = goodRequest.length - 1
    const { opening, peer } = acceptFrom(world, { maxHeaders: 200 })
    peer.send(head([...goodRequest, ...Array.from({ length: 200 + over - own }, (_, i) => `F-${i}: v`)]))
    await world.settle()
    if (over <= 0) expect(await opening).toMatchObject({ readyState: 'open' })
    else await expect(opening).rejects.toMatchObject({ code: 'TooManyHeaders' })
  })

  test('a response of 30 KB and 300 fields', async () => {
    const world = makeWorld()
    const { opening, peer } = connectTo(world, { maxHeadSize: 64 * 1024, maxHeaders: 400 })
    await world.settle()
    peer.send(upgradeResponse(peer.text, `${cookies(30_000)}\r\n${Array.from({ length: 300 }, (_, i) => `F-${i}: v\r\n`).join('')}`))
    await world.settle()
    expect(await opening).toMatchObject({ readyState: 'open' })
  })
})
