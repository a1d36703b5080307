/** The client of npm `ws`, side by side: the same assertions hold of the original and of ours. */

import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as original from 'ws'
import * as ours from '../../src/entry/node-ws.ts'
import { type Peers, startPeers } from './peers.ts'

type Socket = original.WebSocket

let peers: Peers
let redirecting: http.Server

beforeAll(async () => {
  peers = await startPeers()
  redirecting = http.createServer()
  redirecting.on('upgrade', (request, socket) => {
    const to = request.url === '/loop' ? '/loop' : `${peers.environment.ws}/request`
    socket.end(`HTTP/1.1 302 Found\r\nLocation: ${to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
  })
  await new Promise<void>((resolve) => redirecting.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  redirecting.close()
  await peers.close()
})

describe.each([
  ['ws', original.WebSocket, original.createWebSocketStream],
  [
    'nexus-async-net/compat/ws',
    ours.WebSocket as unknown as typeof original.WebSocket,
    ours.createWebSocketStream as unknown as typeof original.createWebSocketStream,
  ],
] as const)('%s', (_, WebSocket, createWebSocketStream) => {
  const at = (path: string): string => `${peers.environment.ws}${path}`
  const raw = (path: string): string => `${peers.environment.raw}${path}`
  const open = async (path = '/echo', ...args: unknown[]): Promise<Socket> => {
    const ws = new WebSocket(at(path), ...(args as []))
    await once(ws, 'open')
    return ws
  }
  const closed = async (ws: Socket): Promise<[number, string]> => {
    const [code, reason] = (await once(ws, 'close')) as [number, Buffer]
    expect(reason).toBeInstanceOf(Buffer)
    return [code, reason.toString()]
  }
  /** Type by type what was emitted, to the close. */
  const history = async (ws: Socket): Promise<unknown[]> => {
    const seen: unknown[] = []
    for (const type of ['upgrade', 'open', 'message', 'ping', 'pong', 'redirect']) ws.on(type, () => seen.push(type))
    ws.on('error', (error) => seen.push([error.constructor.name, error.message, (error as { code?: string }).code]))
    ws.on('close', (code) => seen.push(code))
    await new Promise((resolve) => ws.on('close', resolve))
    return seen
  }

  test('what it is: an EventEmitter with constants, statics and attributes', async () => {
    for (const [i, name] of (['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const).entries()) {
      expect([WebSocket[name], WebSocket.prototype[name]]).toEqual([i, i])
    }
    const ws = await open()
    expect([ws.readyState, ws.url, ws.protocol, ws.extensions, ws.binaryType, ws.isPaused, ws.bufferedAmount]).toEqual([
      ...[1, at('/echo'), '', 'permessage-deflate', 'nodebuffer', false, 0],
    ])
    expect([ws.onopen, ws.onmessage, ws.onclose, ws.onerror]).toEqual([null, null, null, null])
    ws.terminate()
    expect(await closed(ws)).toEqual([1006, ''])
    // By `require`, the original has them on its class.
    for (const name of [
      'createWebSocketStream',
      'extension',
      'PerMessageDeflate',
      'Receiver',
      'Sender',
      'Server',
      'subprotocol',
      'WebSocketServer',
      'WebSocket',
    ])
      if (WebSocket !== original.WebSocket) expect(Reflect.has(WebSocket, name), name).toBe(true)
  })

  test('messages: texts are Buffers that say they are not binary, bytes are as binaryType says', async () => {
    const ws = await open()
    const seen: [unknown, boolean][] = []
    for (const [sent, type] of [
      ['Grüße', 'nodebuffer'],
      [Buffer.from([1, 2]), 'nodebuffer'],
      [Uint8Array.of(3).buffer, 'arraybuffer'],
      [Uint8Array.of(4), 'fragments'],
      [7, 'nodebuffer'],
      [undefined, 'nodebuffer'],
      ['', 'nodebuffer'],
    ] as const) {
      ws.binaryType = type
      ws.send(sent as string)
      seen.push((await once(ws, 'message')) as [unknown, boolean])
    }
    expect(seen.map(([data, isBinary]) => [isBinary, data])).toEqual([
      [false, Buffer.from('Grüße')],
      [true, Buffer.from([1, 2])],
      [true, Uint8Array.of(3).buffer],
      [true, [Buffer.from([4])]],
      [false, Buffer.from('7')],
      [true, Buffer.alloc(0)],
      [false, Buffer.alloc(0)],
    ])
    ws.binaryType = 'nonsense' as 'nodebuffer'
    expect(ws.binaryType).toBe('nodebuffer')
    ws.close(1000)
    expect(await closed(ws)).toEqual([1000, ''])
  })

  test('send: binary, fin and callbacks', async () => {
    const ws = await open()
    const done: unknown[] = []
    ws.send(Buffer.from('as text'), { binary: false }, (error) => done.push(error))
    expect(await once(ws, 'message')).toEqual([Buffer.from('as text'), false])
    ws.send('as bytes', { binary: true, compress: false })
    expect(await once(ws, 'message')).toEqual([Buffer.from('as bytes'), true])
    ws.send('one ', { fin: false }, (error) => done.push(error))
    ws.send('two', { fin: true }, (error) => done.push(error))
    expect(await once(ws, 'message')).toEqual([Buffer.from('one two'), false])
    expect(done.every((error) => error === undefined || error === null)).toBe(true)
    expect(done).toHaveLength(3)
    ws.close()
    expect(ws.readyState).toBe(2)
    const error = await new Promise<Error | undefined>((resolve) => ws.send('late', resolve))
    expect(error?.message).toBe('WebSocket is not open: readyState 2 (CLOSING)')
    expect(await closed(ws)).toEqual([1005, ''])
    expect((await new Promise<Error | undefined>((resolve) => ws.ping('late', undefined, resolve)))?.message).toBe(
      'WebSocket is not open: readyState 3 (CLOSED)',
    )
  })

  test('ping and pong', async () => {
    const ws = await open()
    ws.ping('are you there')
    expect(await once(ws, 'pong')).toEqual([Buffer.from('are you there')])
    expect(() => ws.ping('x'.repeat(126))).toThrow(RangeError)
    ws.close()
    await closed(ws)
    const pinged = new WebSocket(at('/ping?payload=0102'))
    expect(await once(pinged, 'ping')).toEqual([Buffer.from([1, 2])])
    expect(String((await once(pinged, 'message'))[0])).toBe('pong 0102')
    pinged.terminate()
    const silent = new WebSocket(at('/ping?payload=00'), { autoPong: false })
    await once(silent, 'ping')
    silent.pong(Buffer.from('ff', 'hex'))
    expect(String((await once(silent, 'message'))[0])).toBe('pong ff')
    silent.terminate()
  })

  test('pause and resume', async () => {
    const ws = new WebSocket(at('/burst?plain&messages=50'))
    let count = 0
    await new Promise<void>((resolve) => {
      ws.on('message', () => {
        if (++count === 10) {
          ws.pause()
          resolve()
        }
      })
    })
    expect(ws.isPaused).toBe(true)
    ws.resume()
    expect(ws.isPaused).toBe(false)
    while (count < 50) await once(ws, 'message')
    ws.close()
    await closed(ws)
  })

  test('listeners in the manner of EventTarget', async () => {
    const ws = new WebSocket(at('/echo'))
    const log: unknown[] = []
    ws.onopen = ({ type, target }) => {
      log.push([type, target === ws])
      ws.send('text')
    }
    ws.addEventListener('message', ({ data }) => log.push(['first', data]), { once: true })
    const listener = ({ data, type }: original.MessageEvent): void => {
      log.push([type, data instanceof Buffer ? [...data] : data])
      if (data === 'text') ws.send(Buffer.from([1]))
      else ws.close(3000, 'done')
    }
    ws.addEventListener('message', listener)
    ws.addEventListener('message', listener)
    const unused = (): void => expect.unreachable()
    ws.addEventListener('message', unused)
    ws.removeEventListener('message', unused)
    ws.onerror = unused
    expect(ws.onerror).toBe(unused)
    ws.onerror = null
    const close = await new Promise<original.CloseEvent>((resolve) => {
      ws.onclose = resolve
    })
    expect([close.code, close.reason, close.wasClean, close.type]).toEqual([3000, 'done', true, 'close'])
    expect(log).toEqual([
      ['open', true],
      ['first', 'text'],
      ['message', 'text'],
      ['message', [1]],
    ])
    const refused = new WebSocket(peers.environment.refused)
    const { message, error } = await new Promise<original.ErrorEvent>((resolve) => {
      refused.onerror = resolve
    })
    expect([message, error.code]).toEqual([error.message, 'ECONNREFUSED'])
  })

  test('URLs and subprotocols that cannot be', () => {
    expect(() => new WebSocket('')).toThrow(SyntaxError)
    expect(() => new WebSocket('ftp://peer.test')).toThrow('The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"')
    expect(() => new WebSocket('ws://peer.test/#x')).toThrow('The URL contains a fragment identifier')
    for (const protocols of [['a', 'a'], 'a b', ['']])
      expect(() => new WebSocket('ws://peer.test', protocols)).toThrow('An invalid or duplicated subprotocol was specified')
    expect(() => new WebSocket('ws://peer.test', { protocolVersion: 1000 })).toThrow(/^Unsupported protocol version: 1000/)
  })

  test('options: headers, origin, auth, subprotocols by either way', async () => {
    const ws = new WebSocket(at('/request').replace('ws:', 'http:'), ['v1', 'v2.feed'], {
      headers: { 'X-Key': 'k', 'x-list': ['a', 'b'], Connection: 'close' } as never,
      origin: 'https://page.test',
      auth: 'user:word',
      skipUTF8Validation: true,
      unknown: 1,
    } as original.ClientOptions)
    const [response] = (await once(ws, 'upgrade')) as [http.IncomingMessage]
    expect([response.statusCode, response.headers['upgrade'], response.headers['sec-websocket-protocol']]).toEqual([101, 'websocket', 'v2.feed'])
    const { rawHeaders } = JSON.parse(String((await once(ws, 'message'))[0])) as { rawHeaders: string[] }
    const values = (name: string): string[] => rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name)
    expect([values('x-key'), values('x-list'), values('origin'), values('authorization'), values('connection').join().toLowerCase()]).toEqual([
      ...[['k'], ['a', 'b'], ['https://page.test'], ['Basic dXNlcjp3b3Jk'], 'upgrade'],
    ])
    expect([ws.protocol, ws.url]).toEqual(['v2.feed', at('/request')])
    ws.terminate()
    const other = await open('/echo', { protocols: 'v2.feed', perMessageDeflate: false } as never)
    expect([other.protocol, other.extensions]).toEqual(['v2.feed', ''])
    other.terminate()
  })

  test('TLS: ca, rejectUnauthorized, an agent’s options', async () => {
    const { wss, ca } = peers.environment
    for (const options of [{ ca }, { ca: [Buffer.from(ca)] }, { rejectUnauthorized: false }]) {
      const ws = new WebSocket(`${wss}/echo`, options as original.ClientOptions)
      await once(ws, 'open')
      ws.terminate()
      await closed(ws)
    }
    const [error] = (await once(new WebSocket(`${wss}/echo`), 'error')) as [Error & { code: string }]
    expect(error.code).toMatch(/^(?:UNABLE_TO_|SELF_SIGNED|DEPTH_)/)
  })

  test('a Unix domain socket', async () => {
    const ws = new WebSocket(`ws+unix:${peers.environment.sockets.plain}:/echo`)
    await once(ws, 'open')
    ws.close(1000)
    expect(await closed(ws)).toEqual([1000, ''])
  })

  test('connections that cannot be made: error, then close', async () => {
    expect(await history(new WebSocket(raw('/403')))).toEqual([['Error', 'Unexpected server response: 403', undefined], 1006])
    expect(await history(new WebSocket(raw('/wrong-accept')))).toEqual(
      ['upgrade', ['Error', 'Invalid Sec-WebSocket-Accept header', undefined], 1006].slice(WebSocket === original.WebSocket ? 0 : 1),
    )
    expect(await history(new WebSocket(at('/echo?plain'), ['unknown']))).toEqual([
      'upgrade',
      ['Error', 'Server sent no subprotocol', undefined],
      1006,
    ])
    expect(await history(new WebSocket(raw('/silent'), { handshakeTimeout: 50 }))).toEqual([
      ['Error', 'Opening handshake has timed out', undefined],
      1006,
    ])
    expect(await history(new WebSocket(raw('/end')))).toEqual([['Error', 'socket hang up', 'ECONNRESET'], 1006])
  })

  test('unexpected-response gives the response to its listener', async () => {
    const ws = new WebSocket(raw('/403'))
    const [request, response] = (await once(ws, 'unexpected-response')) as [http.ClientRequest, http.IncomingMessage]
    let body = ''
    for await (const piece of response) body += piece
    expect([response.statusCode, response.statusMessage, response.headers['x-reason'], body, ws.readyState]).toEqual([
      ...[403, 'Forbidden', 'key expired', 'Your key has expired.', 0],
    ])
    const ended = history(ws)
    ws.terminate()
    request.destroy()
    expect(await ended).toEqual([['Error', 'WebSocket was closed before the connection was established', undefined], 1006])
  })

  test('close() and terminate() while connecting', async () => {
    for (const end of ['close', 'terminate'] as const) {
      const ws = new WebSocket(at('/echo'))
      expect(() => ws.send('early')).toThrow('WebSocket is not open: readyState 0 (CONNECTING)')
      const ended = history(ws)
      ws[end]()
      expect(ws.readyState).toBe(2)
      expect(await ended).toEqual([['Error', 'WebSocket was closed before the connection was established', undefined], 1006])
      expect(ws.readyState).toBe(3)
    }
  })

  test('redirects, when they are to be followed', async () => {
    const from = `ws://127.0.0.1:${(redirecting.address() as AddressInfo).port}`
    expect(await history(new WebSocket(`${from}/`))).toEqual([['Error', 'Unexpected server response: 302', undefined], 1006])
    expect(await history(new WebSocket(`${from}/loop`, { followRedirects: true, maxRedirects: 1 }))).toEqual([
      'redirect',
      ['Error', 'Maximum redirects exceeded', undefined],
      1006,
    ])
    const ws = new WebSocket(`${from}/`, { followRedirects: true, headers: { Authorization: 'secret', 'X-Key': 'k' } })
    const { rawHeaders } = JSON.parse(String((await once(ws, 'message'))[0])) as { rawHeaders: string[] }
    expect([rawHeaders.includes('secret'), rawHeaders.includes('k'), ws.url]).toEqual([false, true, at('/request')])
    ws.terminate()
  })

  test('close codes: those of the peer, those of this side, those that cannot be', async () => {
    expect(await closed(new WebSocket(at('/close?code=4001&reason=why')))).toEqual([4001, 'why'])
    expect(await closed(new WebSocket(at('/close')))).toEqual([1005, ''])
    const ws = await open()
    for (const code of [999, 1004, 1005, 1006, 2999, 5000, '1000'])
      expect(() => ws.close(code as number)).toThrow('First argument must be a valid error code number')
    expect(() => ws.close(1000, 'x'.repeat(124))).toThrow(RangeError)
    ws.close(1001, Buffer.from('going'))
    expect(await closed(ws)).toEqual([1001, 'going'])
  })

  test.each([
    ['8301', RangeError, 'Invalid WebSocket frame: invalid opcode 3', 'WS_ERR_INVALID_OPCODE'],
    ['c100', RangeError, 'Invalid WebSocket frame: RSV1 must be clear', 'WS_ERR_UNEXPECTED_RSV_1'],
    ['a100', RangeError, 'Invalid WebSocket frame: RSV2 and RSV3 must be clear', 'WS_ERR_UNEXPECTED_RSV_2_3'],
    ['818000000000', RangeError, 'Invalid WebSocket frame: MASK must be clear', 'WS_ERR_UNEXPECTED_MASK'],
    ['8000', RangeError, 'Invalid WebSocket frame: invalid opcode 0', 'WS_ERR_INVALID_OPCODE'],
    ['0900', RangeError, 'Invalid WebSocket frame: FIN must be set', 'WS_ERR_EXPECTED_FIN'],
    ['897e007e', RangeError, 'Invalid WebSocket frame: invalid payload length 126', 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
    ['8101ff', Error, 'Invalid WebSocket frame: invalid UTF-8 sequence', 'WS_ERR_INVALID_UTF8'],
    ['88020000', RangeError, 'Invalid WebSocket frame: invalid status code 0', 'WS_ERR_INVALID_CLOSE_CODE'],
    ['880100', RangeError, 'Invalid WebSocket frame: invalid payload length 1', 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
    ['827e0400', RangeError, 'Max payload size exceeded', 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
  ])('the broken frame %s', async (frame, Class, message, code) => {
    const ws = new WebSocket(raw(`/early?frames=810161${frame}`), { perMessageDeflate: false, maxPayload: 1_000 })
    const seen = await history(ws)
    expect(seen).toEqual(['upgrade', 'open', 'message', [Class.name, message, code], 1006])
  })

  test('a connection that is lost is closed, without an error', async () => {
    expect(await history(new WebSocket(raw('/early-end?frames=810161'), { perMessageDeflate: false }))).toEqual(['upgrade', 'open', 'message', 1006])
  })

  test('what a listener throws is an uncaught exception, and the next message is received', async () => {
    const ws = await open()
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    try {
      const error = new Error('mine')
      ws.once('message', () => {
        throw error
      })
      const uncaught = once(process, 'uncaughtException')
      ws.send('first')
      expect((await uncaught)[0]).toBe(error)
      // With the original, the receiver is stuck in that message.
      if (WebSocket !== original.WebSocket) {
        ws.send('second')
        expect(String((await once(ws, 'message'))[0])).toBe('second')
      }
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of others) process.on('uncaughtException', listener)
    }
    ws.terminate()
  })

  test('createWebSocketStream: there and back, and both ways of ending', async () => {
    const ws = new WebSocket(at('/echo'))
    const duplex = createWebSocketStream(ws, { encoding: 'utf8' })
    duplex.write('hello')
    expect(await once(duplex, 'data')).toEqual(['hello'])
    const ended = once(ws, 'close')
    duplex.end()
    expect((await ended)[0]).toBe(1005)
    const cut = createWebSocketStream(await open())
    cut.destroy()
    await once(cut, 'close')
    const failing = createWebSocketStream(new WebSocket(peers.environment.refused))
    expect(((await once(failing, 'error')) as [{ code: string }])[0].code).toBe('ECONNREFUSED')
  })

  test('_socket has what others rely on', async () => {
    const ws = (await open()) as Socket & {
      _socket: { remoteAddress: string; remotePort: number; setNoDelay(on: boolean): void; _writableState: { finished: boolean } }
    }
    expect([ws._socket.remoteAddress, ws._socket.remotePort]).toEqual(['127.0.0.1', Number(new URL(ws.url).port)])
    const six = new WebSocket(`${peers.environment.ws6}/echo`) as typeof ws
    await once(six, 'open')
    expect(six._socket.remoteAddress).toBe('::1')
    six.terminate()
    ws._socket.setNoDelay(true)
    expect(ws._socket._writableState.finished).toBe(false)
    const { _socket: socket } = ws
    ws.close()
    await closed(ws)
    expect(socket._writableState.finished).toBe(true)
  })
})

describe('what is not here', () => {
  test('says so when it is used', () => {
    const { WebSocketServer, Receiver, Sender, PerMessageDeflate } = ours
    for (const [name, Missing] of Object.entries({ WebSocketServer, Receiver, Sender, PerMessageDeflate })) {
      expect(() => new (Missing as new () => object)()).toThrow(
        expect.objectContaining({ code: 'OptionUnsupported', message: expect.stringContaining(name) }),
      )
    }
    expect(() => ours.extension.parse()).toThrow('extension')
    expect(() => new ours.WebSocket('ws://peer.test', { createConnection: () => {} })).toThrow(expect.objectContaining({ code: 'OptionUnsupported' }))
    expect(() => new ours.WebSocket('ws://peer.test', { agent: { connect: () => {} } })).toThrow('this agent')
    expect(() => new ours.WebSocket(null as unknown as string)).toThrow('server')
    expect(Object.keys(ours).sort()).toEqual(
      [...Object.keys(original).filter((name) => name !== 'module.exports' && /^[a-zA-Z]+$/.test(name)), 'module.exports']
        .filter((name, i, all) => all.indexOf(name) === i && name in ours)
        .sort(),
    )
    expect(ours.default).toBe(ours.WebSocket)
  })
})
