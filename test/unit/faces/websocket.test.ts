/** The WebSockets standard (https://websockets.spec.whatwg.org), section by section, over memory. */

import { inspect } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { type WebSocket, type WebSocketClass, type WebSocketOptions, webSocketClass } from '../../../src/faces/websocket.ts'
import { memoryPair } from '../../../src/transport/memory/pair.ts'
import { BINARY, CLOSE, makeWorld, PING, RawPeer, spell, TEXT, upgradeResponse, type World, wireFrames } from '../ws/harness.ts'

/** A class over memory, whose tasks run when the test says so. */
interface Bed {
  readonly world: World
  readonly WebSocket: WebSocketClass
  /** Everything that happens: events by type, and what tests add. */
  readonly log: string[]
  /** The other ends of the connections that were dialled. */
  readonly peers: RawPeer[]
  readonly tasks: (() => void)[]
  /** Lets everything happen but tasks. */
  settle(): Promise<void>
  /** Runs tasks, one after the other, with all that follows from each, until there are none. */
  run(): Promise<void>
  /** Connects and, unless `response` says something else, accepts. */
  connect(options?: WebSocketOptions, protocols?: string[], more?: string): Promise<{ ws: WebSocket; peer: RawPeer }>
}

function makeBed(queueTask?: (callback: () => void) => void): Bed {
  const world = makeWorld()
  const tasks: (() => void)[] = []
  const peers: RawPeer[] = []
  const log: string[] = []
  world.dial = async (_address, { signal }) => {
    signal?.throwIfAborted()
    const [end, other] = memoryPair({ clock: world.clock, capacity: 1024 * 1024 })
    peers.push(new RawPeer(other))
    return end
  }
  const WebSocket = webSocketClass({ WsStream: world.Stream, queueTask: queueTask ?? ((callback) => void tasks.push(callback)) })
  const bed: Bed = {
    world,
    WebSocket,
    log,
    peers,
    tasks,
    settle: () => world.settle(),
    async run() {
      await world.settle()
      for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
        task()
        await world.settle()
      }
    },
    async connect(options = {}, protocols = [], more = '') {
      const ws = new WebSocket('ws://peer.test/feed', protocols, options)
      listen(ws, log)
      await world.settle()
      const peer = peers.at(-1) as RawPeer
      peer.send(upgradeResponse(peer.text, more))
      await bed.run()
      peer.forget()
      return { ws, peer }
    },
  }
  return bed
}

function listen(ws: WebSocket, log: string[]): void {
  ws.addEventListener('open', () => log.push(`open ${ws.readyState}`))
  ws.addEventListener('message', ({ data }) => log.push(`message ${data}`))
  ws.addEventListener('error', ({ error }) => log.push(`error ${(error as { code?: string }).code ?? error.name}`))
  ws.addEventListener('close', ({ code, reason, wasClean }) => log.push(`close ${code} ${reason}${wasClean ? '' : ' unclean'}`))
}

/** The payload of a close frame. */
function closing(code: number, reason = ''): Uint8Array {
  return Buffer.concat([Uint8Array.of(code >> 8, code & 255), Buffer.from(reason)])
}

function thrown(call: () => unknown): Error {
  try {
    call()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

describe('new WebSocket(url, protocols)', () => {
  const { WebSocket } = makeBed()

  test.each([
    ['ws://peer.test', 'ws://peer.test/'],
    ['wss://Peer.Test:443/a b?c=d e', 'wss://peer.test/a%20b?c=d%20e'],
    ['ws://peer.test:80/', 'ws://peer.test/'],
    ['ws://peer.test:443/', 'ws://peer.test:443/'],
    ['http://peer.test/x', 'ws://peer.test/x'],
    ['https://peer.test/x', 'wss://peer.test/x'],
    ['http://peer.test:80', 'ws://peer.test/'],
    ['http://peer.test:443', 'ws://peer.test:443/'],
    ['https://peer.test:443', 'wss://peer.test/'],
    ['  ws:peer.test\n', 'ws://peer.test/'],
    ['ws://[::1]:8080/', 'ws://[::1]:8080/'],
    ['ws://user:word@peer.test/', 'ws://user:word@peer.test/'],
    ['ws://xn--bcher-kva.test/ü?ü', 'ws://xn--bcher-kva.test/%C3%BC?%C3%BC'],
    ['ws://peer.test/\ud800', 'ws://peer.test/%EF%BF%BD'],
  ])('%s becomes %s', (given, href) => {
    expect(new WebSocket(given).url).toBe(href)
    expect(new WebSocket(new URL(given.trim())).url).toBe(href)
  })

  test.each(['', 'peer.test', '/feed', 'feed', 'ws://', 'ws://:8080', 'ws://a b/', 'ws://peer.test:65536/', 'ws://peer.test:x/'])(
    '%j is no URL: SyntaxError',
    (url) => {
      expect(thrown(() => new WebSocket(url))).toMatchObject({ name: 'SyntaxError', code: DOMException.SYNTAX_ERR })
    },
  )

  test.each(['ftp://peer.test/', 'about:blank', 'data:,x', 'mailto:a@b.c', 'javascript:1', 'wsx://peer.test/'])(
    '%s is not of a WebSocket: SyntaxError',
    (url) => {
      expect(thrown(() => new WebSocket(url))).toMatchObject({ name: 'SyntaxError', code: DOMException.SYNTAX_ERR })
    },
  )

  test.each(['ws://peer.test/#', 'ws://peer.test/#a', 'http://peer.test/x?y#z'])('%s has a fragment: SyntaxError', (url) => {
    expect(thrown(() => new WebSocket(url))).toMatchObject({ name: 'SyntaxError', code: DOMException.SYNTAX_ERR })
  })

  const impossible: unknown[] = [[''], ['a', 'a'], ['a', 'A'], ['a b'], ['a,b'], ['ü'], ['a\n'], ['a\0'], 'a/b', '\u{1F600}', {}, '']
  for (const each of '()<>@,;:\\"/[]?={} \t') impossible.push(`a${each}b`)
  test.each(impossible.map((protocols) => ({ protocols })))('the subprotocols $protocols cannot be: SyntaxError', ({ protocols }) => {
    expect(thrown(() => new WebSocket('ws://peer.test', protocols as string[]))).toMatchObject({ name: 'SyntaxError', code: DOMException.SYNTAX_ERR })
  })

  test('subprotocols are a string, or whatever can be iterated over', async () => {
    for (const [given, sent] of [
      [undefined, undefined],
      [[], undefined],
      ['one', 'one'],
      [['one', 'two'], 'one, two'],
      [['One', 'two'], 'One, two'],
      [new Set(['one', 'two']), 'one, two'],
      [[7], '7'],
      [null, 'null'],
      ["!#$%&'*+-.^_`|~", "!#$%&'*+-.^_`|~"],
    ] as const) {
      const bed = makeBed()
      new bed.WebSocket('ws://peer.test', given as unknown as string[])
      await bed.settle()
      expect(/^sec-websocket-protocol: (.*)\r$/im.exec(bed.peers[0]?.text ?? '')?.[1]).toBe(sent)
    }
  })

  test('what WebIDL refuses is a TypeError: no argument, symbols', () => {
    expect(thrown(() => new (WebSocket as unknown as new () => WebSocket)())).toBeInstanceOf(TypeError)
    expect(thrown(() => new WebSocket(Symbol('x') as unknown as string))).toBeInstanceOf(TypeError)
    expect(thrown(() => new WebSocket('ws://peer.test', [Symbol('x') as unknown as string]))).toBeInstanceOf(TypeError)
    expect(thrown(() => (WebSocket as unknown as (url: string) => void)('ws://peer.test'))).toBeInstanceOf(TypeError)
  })

  test('an error is about the URL before it is about the subprotocols, and nothing of a URL is in it', () => {
    expect(thrown(() => new WebSocket('ftp://secret.test/token', ['']))).toMatchObject({ message: expect.not.stringMatching(/secret|token/) })
  })

  test('options are judged at once, and are those of the third argument', async () => {
    expect(thrown(() => new WebSocket('ws://peer.test', [], { batchedEvents: 1 as unknown as boolean }))).toMatchObject({ code: 'InvalidOption' })
    expect(thrown(() => new WebSocket('ws://peer.test', [], { protocols: [] } as WebSocketOptions))).toMatchObject({ code: 'InvalidOption' })
    expect(thrown(() => new WebSocket('ws://peer.test', [], { headers: { a: 'b\r\nc: d' } }))).toMatchObject({ code: 'HeaderInjection' })
    expect(thrown(() => new WebSocket('ws://peer.test', [], { bufferCapacity: 4_096, maxReadSize: 4_096 }))).toMatchObject({ code: 'InvalidOption' })
    const bed = makeBed()
    new bed.WebSocket('ws://user:word@peer.test/a?b', [], { headers: { 'X-Key': 'k' } })
    await bed.settle()
    const { text } = bed.peers[0] as RawPeer
    expect(text).toMatch(/^GET \/a\?b HTTP\/1\.1\r\n/)
    expect(text).toContain('\r\nX-Key: k\r\n')
    expect(text).toContain('\r\nAuthorization: Basic dXNlcjp3b3Jk\r\n')
    expect(text).toMatch(/\r\nSec-WebSocket-Extensions: permessage-deflate/)
  })

  test('permessage-deflate is offered unless that is switched off', async () => {
    const bed = makeBed()
    new bed.WebSocket('ws://peer.test', [], { perMessageDeflate: false })
    await bed.settle()
    expect(bed.peers[0]?.text).not.toContain('Extensions')
  })

  test('ports of other protocols are blocked', async () => {
    const bed = makeBed()
    for (const port of [1, 22, 25, 6_000, 10_080]) listen(new bed.WebSocket(`ws://peer.test:${port}/`), bed.log)
    await bed.run()
    expect(bed.log).toEqual(Array.from({ length: 5 }, () => ['error InvalidUrl', 'close 1006  unclean']).flat())
    expect(bed.peers).toHaveLength(0)
  })
})

describe('the interface', () => {
  const { WebSocket } = makeBed()
  const ws = new WebSocket('ws://peer.test/')

  test('constants stand on the class and on what it makes, and do not change', () => {
    for (const [i, name] of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].entries()) {
      for (const it of [WebSocket, WebSocket.prototype])
        expect(Object.getOwnPropertyDescriptor(it, name)).toEqual({ value: i, enumerable: true, writable: false, configurable: false })
      expect((ws as unknown as Record<string, unknown>)[name]).toBe(i)
    }
  })

  test('attributes are accessors of the prototype, enumerable; what is read-only has no setter', () => {
    const attributes = ['url', 'readyState', 'bufferedAmount', 'extensions', 'protocol', 'binaryType', 'onopen', 'onmessage', 'onerror', 'onclose']
    const writable = ['binaryType', 'onopen', 'onmessage', 'onerror', 'onclose']
    for (const name of attributes) {
      const { get, set, enumerable, configurable } = Object.getOwnPropertyDescriptor(WebSocket.prototype, name) ?? {}
      expect([name, typeof get, typeof set, enumerable, configurable]).toEqual([
        name,
        'function',
        writable.includes(name) ? 'function' : 'undefined',
        true,
        true,
      ])
      expect(thrown(() => get?.call({}))).toBeInstanceOf(TypeError)
    }
    for (const [name, length] of [
      ['send', 1],
      ['close', 0],
    ] as const) {
      expect(Object.getOwnPropertyDescriptor(WebSocket.prototype, name)).toMatchObject({ enumerable: true, writable: true, configurable: true })
      expect(WebSocket.prototype[name]).toHaveLength(length)
    }
  })

  test('it is an EventTarget of its own name', () => {
    expect(Object.getPrototypeOf(WebSocket)).toBe(EventTarget)
    expect(Object.getPrototypeOf(WebSocket.prototype)).toBe(EventTarget.prototype)
    expect([WebSocket.name, WebSocket.length, String(ws)]).toEqual(['WebSocket', 1, '[object WebSocket]'])
    expect(ws).toBeInstanceOf(EventTarget)
  })

  test('it begins as the standard says', () => {
    const { readyState, bufferedAmount, extensions, protocol, binaryType, onopen, onmessage, onerror, onclose } = ws
    expect([readyState, bufferedAmount, extensions, protocol, binaryType]).toEqual([0, 0, '', '', 'blob'])
    expect([onopen, onmessage, onerror, onclose]).toEqual([null, null, null, null])
  })

  test('it can be extended, and derived from', async () => {
    const it = Object.assign(new WebSocket('ws://peer.test/'), { id: 7 })
    expect(it.id).toBe(7)
    class Feed extends WebSocket {
      readonly tag = 'feed'
    }
    expect([new Feed('ws://peer.test').tag, new Feed('ws://peer.test') instanceof WebSocket]).toEqual(['feed', true])
  })

  test('binaryType takes what the standard has, and ignores the rest', () => {
    const types: string[] = []
    for (const type of ['arraybuffer', 'nodebuffer', '', null, 'Blob', 'blob', 'arraybuffer ', 'arraybuffer']) {
      ws.binaryType = type as 'blob'
      types.push(ws.binaryType)
    }
    expect(types).toEqual(['arraybuffer', 'arraybuffer', 'arraybuffer', 'arraybuffer', 'arraybuffer', 'blob', 'blob', 'arraybuffer'])
  })

  test('printing it shows no URL', () => {
    expect(JSON.stringify(new WebSocket('ws://peer.test/secret?token'))).not.toMatch(/secret|token/)
  })
})

describe('opening', () => {
  test('open is fired once the connection is established, with what was agreed on', async () => {
    const { connect, log } = makeBed()
    const { ws } = await connect({}, ['v1', 'v2'], 'Sec-WebSocket-Protocol: v2\r\nSec-WebSocket-Extensions: permessage-deflate\r\n')
    expect([log, ws.readyState, ws.protocol, ws.extensions]).toEqual([['open 1'], 1, 'v2', 'permessage-deflate'])
  })

  test('the state changes in the task that fires the event', async () => {
    const bed = makeBed()
    const ws = new bed.WebSocket('ws://peer.test')
    await bed.settle()
    bed.peers[0]?.send(upgradeResponse(bed.peers[0].text))
    await bed.settle()
    expect([ws.readyState, bed.tasks.length]).toEqual([0, 1])
    bed.tasks.shift()?.()
    expect(ws.readyState).toBe(1)
  })

  test('a message that comes with the response is received after open', async () => {
    const bed = makeBed()
    const ws = new bed.WebSocket('ws://peer.test')
    listen(ws, bed.log)
    await bed.settle()
    const peer = bed.peers[0] as RawPeer
    peer.send(upgradeResponse(peer.text))
    peer.sendFrame(TEXT, 'first')
    peer.sendFrame(CLOSE, closing(1001))
    await bed.run()
    peer.end.end()
    await bed.run()
    expect(bed.log).toEqual(['open 1', 'message first', 'close 1001 '])
  })

  test('a refusal, a broken answer, a lost connection and a server that chooses no subprotocol: error, then close with 1006', async () => {
    for (const [answer, code] of [
      ['HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n', 'UnexpectedStatus'],
      ['HTTP/1.1 301 Moved\r\nLocation: ws://other.test/\r\nContent-Length: 0\r\n\r\n', 'UnexpectedStatus'],
      ['nonsense\r\n\r\n', 'MalformedHttp'],
      ['Sec-WebSocket-Protocol: v3\r\n', 'UnexpectedProtocol'],
      ['', 'UnexpectedProtocol'],
      ['Sec-WebSocket-Protocol: v1\r\nSec-WebSocket-Extensions: x-other\r\n', 'UnexpectedExtension'],
    ] as const) {
      const bed = makeBed()
      const ws = new bed.WebSocket('ws://peer.test', ['v1', 'v2'])
      listen(ws, bed.log)
      await bed.settle()
      const peer = bed.peers[0] as RawPeer
      peer.send(/HTTP|nonsense/.test(answer) ? answer : upgradeResponse(peer.text, answer))
      await bed.run()
      await bed.world.clock.advance(10_000)
      await bed.run()
      expect([bed.log, ws.readyState, ws.protocol]).toEqual([[`error ${code}`, 'close 1006  unclean'], 3, ''])
      expect(peer.ended || peer.closed !== undefined).toBe(true)
    }
  })

  test('events of a connection that cannot be made are fired in a task, not in the constructor', async () => {
    const bed = makeBed()
    bed.world.dial = () => Promise.reject(Object.assign(new Error('no'), { code: 'Mine' }))
    const ws = new bed.WebSocket('ws://peer.test')
    listen(ws, bed.log)
    await bed.settle()
    expect([bed.log, bed.tasks.length, ws.readyState]).toEqual([[], 1, 0])
    await bed.run()
    expect([bed.log, ws.readyState]).toEqual([['error Mine', 'close 1006  unclean'], 3])
  })

  test('close() while connecting: CLOSING at once, then error and close; the connection is given up', async () => {
    const when: ((bed: Bed) => Promise<void>)[] = [
      async () => {},
      (bed) => bed.settle(),
      async (bed) => {
        // Open, but its task has not run.
        await bed.settle()
        bed.peers[0]?.send(upgradeResponse(bed.peers[0].text))
        await bed.settle()
      },
    ]
    for (const wait of when) {
      const bed = makeBed()
      const ws = new bed.WebSocket('ws://peer.test')
      listen(ws, bed.log)
      await wait(bed)
      ws.close(3_000, 'early')
      ws.close()
      expect([ws.readyState, bed.log]).toEqual([2, []])
      await bed.run()
      expect([ws.readyState, bed.log]).toEqual([3, ['error ConnectionClosed', 'close 1006  unclean']])
      for (const peer of bed.peers) expect(peer.ended || peer.closed !== undefined).toBe(true)
    }
  })

  test('a signal of the options gives up connecting, too', async () => {
    const bed = makeBed()
    const ws = new bed.WebSocket('ws://peer.test', [], { signal: AbortSignal.abort(new Error('mine')) })
    listen(ws, bed.log)
    await bed.run()
    expect(bed.log).toEqual(['error Error', 'close 1006  unclean'])
  })
})

describe('messages', () => {
  test('text is a string; bytes are what binaryType says when the event is fired', async () => {
    const { connect, run, WebSocket } = makeBed()
    const { ws, peer } = await connect()
    const data: unknown[] = []
    const origins = new Set<string>()
    ws.onmessage = (event) => {
      expect(event).toBeInstanceOf(MessageEvent)
      expect([event.target, event.type, event.lastEventId, event.source, event.ports.length, event.bubbles, event.cancelable]).toEqual([
        ws,
        'message',
        '',
        null,
        0,
        false,
        false,
      ])
      origins.add(event.origin)
      data.push(event.data)
      ws.binaryType = 'arraybuffer'
    }
    peer.sendFrame(TEXT, 'Grüße 🌍')
    ws.binaryType = 'blob'
    await run()
    peer.sendFrame(BINARY, Uint8Array.of(1, 2, 3))
    peer.sendFrame(BINARY, '')
    await run()
    ws.binaryType = 'blob'
    peer.sendFrame(BINARY, Uint8Array.of(4, 5))
    await run()
    expect(data[0]).toBe('Grüße 🌍')
    expect(data[1]).toEqual(Uint8Array.of(1, 2, 3).buffer)
    expect((data[2] as ArrayBuffer).byteLength).toBe(0)
    expect(data[3]).toBeInstanceOf(Blob)
    expect(new Uint8Array(await (data[3] as Blob).arrayBuffer())).toEqual(Uint8Array.of(4, 5))
    expect([...origins]).toEqual(['ws://peer.test'])
    expect(new WebSocket('wss://peer.test:443/a').url).toBe('wss://peer.test/a')
  })

  test('each has a task of its own, and microtasks run between them', async () => {
    const { connect, log, tasks, world } = makeBed()
    const { ws, peer } = await connect()
    log.length = 0
    ws.onmessage = () => queueMicrotask(() => log.push('microtask'))
    for (const each of 'abc') peer.sendFrame(TEXT, each)
    await world.settle()
    expect(log).toEqual([])
    while (tasks.length > 0) {
      tasks.shift()?.()
      expect(log.filter((each) => each.startsWith('message')).length - log.filter((each) => each === 'microtask').length).toBeLessThanOrEqual(1)
      await world.settle()
    }
    expect(log).toEqual(['message a', 'microtask', 'message b', 'microtask', 'message c', 'microtask'])
  })

  test('batchedEvents: what has arrived is dispatched in one task', async () => {
    const { connect, log, tasks, world } = makeBed()
    const { ws, peer } = await connect({ batchedEvents: true })
    log.length = 0
    ws.onmessage = () => queueMicrotask(() => log.push('microtask'))
    const frames = Array.from('abc', (each) => [0x81, 1, each.charCodeAt(0)]).flat()
    peer.send(Uint8Array.from(frames))
    await world.settle()
    expect([log, tasks.length]).toEqual([['message a', 'message b', 'message c', 'microtask', 'microtask', 'microtask'], 0])
  })

  test('control frames are no events; a ping is answered', async () => {
    const { connect, log, run } = makeBed()
    const { peer } = await connect()
    peer.sendFrame(PING, 'are you there')
    peer.sendFrame(TEXT, 'x', { fin: false })
    peer.sendFrame(0x9, '')
    peer.sendFrame(0, 'y')
    await run()
    expect(log).toEqual(['open 1', 'message xy'])
    expect(spell(peer.received)).toEqual(['10:are you there', '10:'])
  })

  test.each([false, true])('10,000 are received in the order in which they were sent, batchedEvents %s', async (batchedEvents) => {
    const bed = makeBed((callback) => void setImmediate(callback))
    const ws = new bed.WebSocket('ws://peer.test', [], { batchedEvents })
    const opened = new Promise((resolve) => ws.addEventListener('open', resolve))
    await bed.settle()
    const peer = bed.peers[0] as RawPeer
    peer.send(upgradeResponse(peer.text))
    await opened
    const count = 10_000
    let next = 0
    let wrong = 0
    const received = new Promise<void>((resolve) => {
      ws.onmessage = ({ data }) => {
        if (Number(data) !== next++) wrong++
        if (next === count) resolve()
      }
    })
    const texts = Array.from({ length: count }, (_, i) => String(i))
    peer.send(Buffer.concat(texts.flatMap((text) => [Uint8Array.of(0x81, text.length), Buffer.from(text)])))
    await received
    expect(wrong).toBe(0)
  })

  test('listeners that have not had the messages hold back the peer', async () => {
    const { connect, world, tasks } = makeBed()
    const { peer } = await connect({ bufferCapacity: 16_384, maxReadSize: 4_096 })
    const frame = Buffer.concat([Uint8Array.of(0x82, 126, 0x03, 0xe8), Buffer.alloc(1_000)])
    for (let i = 0; i < 5_000; i++) peer.send(frame)
    await world.settle()
    // No task has run: at most the read buffer and the network are full.
    expect(tasks.length).toBe(1)
    expect(peer.end.bytesDelivered).toBeLessThan(100_000)
  })
})

describe('send', () => {
  test('strings are text, bytes are binary, anything else is its string', async () => {
    const { connect, settle } = makeBed()
    const { ws, peer } = await connect()
    const bytes = Uint8Array.of(1, 2, 3, 4)
    for (const each of [
      'text',
      '',
      'half \ud800 pair',
      bytes,
      bytes.buffer,
      bytes.subarray(1, 3),
      new DataView(bytes.buffer, 2),
      new Uint16Array([258]),
    ])
      ws.send(each)
    for (const each of [null, undefined, 7, true, { a: 1 }, [1, 2], 10n]) ws.send(each as unknown as string)
    ws.send(new Uint8Array(0))
    bytes.fill(9)
    await settle()
    expect(wireFrames(peer.received).map(({ opcode, payload }) => (opcode === TEXT ? payload.toString() : [...payload]))).toEqual([
      ...['text', '', 'half \ufffd pair', [1, 2, 3, 4], [1, 2, 3, 4], [2, 3], [3, 4], [2, 1]],
      ...['null', 'undefined', '7', 'true', '[object Object]', '1,2', '10', []],
    ])
  })

  test('a Blob is read, and what follows it waits, also the close', async () => {
    const { connect, run } = makeBed()
    const { ws, peer } = await connect()
    const bytes = Uint8Array.of(5)
    ws.send('a')
    ws.send(new Blob(['bb']))
    ws.send(new Blob([]))
    ws.send('c')
    ws.send(bytes)
    bytes[0] = 9
    expect(ws.bufferedAmount).toBe(5)
    ws.close(1000)
    expect(ws.readyState).toBe(2)
    ws.send('late')
    await run()
    await run()
    expect(
      wireFrames(peer.received).map(({ opcode, payload }) => (opcode === BINARY ? [...payload] : `${opcode}:${payload.toString('latin1')}`)),
    ).toEqual([...['1:a', [98, 98], [], '1:c', [5], '8:\x03\xe8']])
  })

  test('a Blob that cannot be read fails the connection', async () => {
    const { connect, run, log } = makeBed()
    const { ws } = await connect()
    const blob = new Blob(['x'])
    blob.arrayBuffer = () => Promise.reject(Object.assign(new Error('gone'), { code: 'Gone' }))
    ws.send(blob)
    await run()
    expect(log).toEqual(['open 1', 'error Gone', 'close 1006  unclean'])
  })

  test('while connecting it throws an InvalidStateError; without a message, and for a symbol, a TypeError', async () => {
    const { WebSocket, connect } = makeBed()
    expect(thrown(() => new WebSocket('ws://peer.test').send('x'))).toMatchObject({ name: 'InvalidStateError', code: DOMException.INVALID_STATE_ERR })
    const { ws } = await connect()
    expect(thrown(() => (ws as unknown as { send(): void }).send())).toBeInstanceOf(TypeError)
    expect(thrown(() => ws.send(Symbol('x') as unknown as string))).toBeInstanceOf(TypeError)
  })

  test('what cannot be buffered fails the connection: error, then close', async () => {
    for (const [options, code] of [
      [{ maxMessageSize: 10 }, 'OutgoingMessageTooLarge'],
      [{ maxBufferedAmount: 100, writeBufferCapacity: 4_096 }, 'SendBufferFull'],
    ] as const) {
      const { connect, run, log, world } = makeBed()
      const { ws, peer } = await connect({ ...options, perMessageDeflate: false })
      peer.reading = false
      const size = code === 'SendBufferFull' ? 2_000_000 : 11
      ws.send(new Uint8Array(size))
      if (code === 'SendBufferFull') {
        await world.settle()
        ws.send(new Uint8Array(2_000))
      }
      expect(ws.readyState).toBe(2)
      expect(ws.bufferedAmount).toBeGreaterThanOrEqual(size)
      await run()
      expect(log).toEqual(['open 1', `error ${code}`, 'close 1006  unclean'])
    }
  })
})

describe('bufferedAmount', () => {
  test('counts the payloads of this task, sent or not, and is 0 when they have left', async () => {
    const { connect, run } = makeBed()
    const { ws } = await connect()
    ws.send('abc')
    ws.send('Grüße')
    ws.send('€🌍\ud800')
    ws.send(new Uint8Array(10))
    ws.send(new Blob(['four']))
    expect(ws.bufferedAmount).toBe(3 + 7 + 10 + 10 + 4)
    await run()
    expect(ws.bufferedAmount).toBe(0)
    ws.send('abc')
    expect(ws.bufferedAmount).toBe(3)
    await run()
    expect(ws.bufferedAmount).toBe(0)
  })

  test('counts what has not left, without frames', async () => {
    const { connect, run } = makeBed()
    const { ws, peer } = await connect({ perMessageDeflate: false })
    peer.reading = false
    ws.send(new Uint8Array(3_000_000))
    await run()
    const waiting = ws.bufferedAmount
    expect(waiting).toBeGreaterThan(1_000_000)
    expect(waiting).toBeLessThan(3_000_000)
    ws.send(new Uint8Array(10))
    expect(ws.bufferedAmount).toBe(waiting + 10)
    peer.resume()
    await run()
    expect(ws.bufferedAmount).toBe(0)
  })

  test('only grows after the end', async () => {
    const { connect, run } = makeBed()
    const { ws, peer } = await connect()
    ws.send('sent')
    await run()
    ws.close()
    ws.send('five5')
    expect(ws.bufferedAmount).toBe(5)
    peer.sendFrame(CLOSE, '')
    peer.end.end()
    await run()
    expect([ws.readyState, ws.bufferedAmount]).toEqual([3, 5])
    ws.send(new Blob(['four']))
    ws.send(new Uint8Array(3))
    expect(ws.bufferedAmount).toBe(12)
  })

  test('what a lost connection had not sent stays counted', async () => {
    const { connect, run } = makeBed()
    const { ws, peer } = await connect({ perMessageDeflate: false })
    peer.reading = false
    ws.send(new Uint8Array(3_000_000))
    await run()
    peer.end.reset()
    await run()
    expect(ws.readyState).toBe(3)
    expect(ws.bufferedAmount).toBeGreaterThan(1_000_000)
  })
})

describe('close', () => {
  const codes = [
    0,
    1,
    500,
    999,
    1001,
    1002,
    1005,
    1006,
    1015,
    2_999,
    5_000,
    65_536 + 1_000,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    'string',
    null,
    {},
    4_999.5,
  ]

  test.each(codes)('the code %s is an InvalidAccessError, whatever the state', async (code) => {
    const { WebSocket } = makeBed()
    const ws = new WebSocket('ws://peer.test')
    expect(thrown(() => ws.close(code as number))).toMatchObject({ name: 'InvalidAccessError', code: DOMException.INVALID_ACCESS_ERR })
    expect(ws.readyState).toBe(0)
  })

  test('a reason of more than 123 bytes is a SyntaxError', async () => {
    const { connect, log, run } = makeBed()
    const { ws, peer } = await connect()
    for (const reason of ['x'.repeat(124), 'ü'.repeat(62), '\ud800'.repeat(42)]) {
      expect(thrown(() => ws.close(1000, reason))).toMatchObject({ name: 'SyntaxError' })
    }
    expect(ws.readyState).toBe(1)
    ws.close(1000, '\ud800'.repeat(41))
    await run()
    expect(spell(peer.received)).toEqual([`8:1000 ${'\ufffd'.repeat(41)}`])
    expect(log).toEqual(['open 1'])
  })

  test.each([
    [[], ''],
    [[undefined, undefined], ''],
    [[1000], '1000'],
    [[3000, 'bye'], '3000 bye'],
    [[4999, ''], '4999'],
    [[undefined, 'why'], '1000 why'],
    [['1000'], '1000'],
    [[1000.5], '1000'],
    [[2999.5], '3000'],
    [[3000.5], '3000'],
    [[1000, null], '1000 null'],
    [[1000, 7], '1000 7'],
  ])('%j sends %j', async (given, sent) => {
    const { connect, run } = makeBed()
    const { ws, peer } = await connect()
    ws.close(...(given as [number, string]))
    expect(ws.readyState).toBe(2)
    await run()
    expect(spell(peer.received)).toEqual([`8:${sent}`])
  })

  test('of this side: CLOSING, nothing is received any more, and one close event when the peer has answered', async () => {
    const { connect, run, log } = makeBed()
    const { ws, peer } = await connect()
    peer.sendFrame(TEXT, 'under way')
    ws.close(3_001, 'mine')
    ws.close(3_002, 'again')
    peer.sendFrame(TEXT, 'too late')
    await run()
    expect([ws.readyState, log]).toEqual([2, ['open 1']])
    peer.sendFrame(CLOSE, closing(3_001, 'yours'))
    peer.end.end()
    await run()
    expect([ws.readyState, log]).toEqual([3, ['open 1', 'close 3001 yours']])
    ws.close(3_003)
    await run()
    expect(log).toHaveLength(2)
  })

  test('of the peer: messages first, then CLOSING in a task, then CLOSED with its code and reason', async () => {
    const { connect, world, tasks, log, run } = makeBed()
    const { ws, peer } = await connect()
    const states: number[] = []
    ws.onmessage = () => states.push(ws.readyState)
    peer.sendFrame(TEXT, 'last')
    peer.sendFrame(CLOSE, closing(4_000, 'why'))
    await world.settle()
    expect(ws.readyState).toBe(1)
    while (ws.readyState === 1 && tasks.length > 0) {
      tasks.shift()?.()
      await world.settle()
    }
    expect([ws.readyState, states, log]).toEqual([2, [1], ['open 1', 'message last']])
    expect(spell(peer.received)).toEqual(['8:4000'])
    peer.end.end()
    await run()
    expect([ws.readyState, log]).toEqual([3, ['open 1', 'message last', 'close 4000 why']])
  })

  test('of the peer without a code is 1005', async () => {
    const { connect, log, run } = makeBed()
    const { peer } = await connect()
    peer.sendFrame(CLOSE, '')
    await run()
    peer.end.end()
    await run()
    expect(log).toEqual(['open 1', 'close 1005 '])
  })

  test('the close event is a CloseEvent, and an error a plain event with our error', async () => {
    const { connect, run } = makeBed()
    const { ws, peer } = await connect()
    const events: Event[] = []
    ws.onerror = (event) => events.push(event)
    ws.onclose = (event) => events.push(event)
    peer.send(Uint8Array.of(0x83, 0))
    await run()
    await run()
    expect(events.map(({ type, target, bubbles, cancelable }) => [type, target, bubbles, cancelable])).toEqual([
      ['error', ws, false, false],
      ['close', ws, false, false],
    ])
    expect([Object.getPrototypeOf(events[0]) === Event.prototype, Object.prototype.toString.call(events[1])]).toEqual([true, '[object CloseEvent]'])
    const { error, message } = events[0] as Event & { error: { code: string; message: string }; message: string }
    expect([error.code, message]).toEqual(['InvalidOpcode', error.message])
  })

  test('a connection that is lost, or broken by its peer, is an error and 1006, after the messages before it', async () => {
    const failures: [string, (peer: RawPeer) => void][] = [
      ['ConnectionClosed', (peer) => peer.end.end()],
      ['InvalidUtf8', (peer) => peer.sendFrame(TEXT, Uint8Array.of(0xff))],
      ['MaskedFrameFromServer', (peer) => peer.sendFrame(TEXT, 'x', { masked: true })],
    ]
    for (const [code, fail] of failures) {
      const { connect, run, log } = makeBed()
      const { ws, peer } = await connect()
      peer.sendFrame(TEXT, 'before')
      fail(peer)
      await run()
      await run()
      expect([log, ws.readyState]).toEqual([['open 1', 'message before', `error ${code}`, 'close 1006  unclean'], 3])
    }
  })

  test('a peer that does not answer is cut after closeTimeout', async () => {
    const { connect, run, log, world } = makeBed()
    const { ws } = await connect({ closeTimeout: 100 })
    ws.close()
    await run()
    expect(log).toEqual(['open 1'])
    await world.clock.advance(100)
    await run()
    expect(log).toEqual(['open 1', 'error CloseTimeout', 'close 1006  unclean'])
  })

  test('in a listener: the messages that had arrived are not delivered', async () => {
    for (const batchedEvents of [false, true]) {
      const { connect, run, log } = makeBed()
      const { ws, peer } = await connect({ batchedEvents })
      ws.onmessage = () => ws.close()
      peer.send(Uint8Array.of(0x81, 1, 97, 0x81, 1, 98, 0x81, 1, 99))
      await run()
      expect([log, spell(peer.received)]).toEqual([['open 1', 'message a'], ['8:']])
    }
  })
})

test('a socket that nobody refers to lives while it is open: its listener receives', async () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const bed = makeBed()
  const reference = await (async (): Promise<WeakRef<WebSocket>> => {
    const ws = new bed.WebSocket('ws://peer.test')
    ws.onmessage = ({ data }) => bed.log.push(data)
    return new WeakRef(ws)
  })()
  await bed.settle()
  gc()
  const peer = bed.peers[0] as RawPeer
  peer.send(upgradeResponse(peer.text))
  await bed.run()
  gc()
  peer.sendFrame(TEXT, 'still here')
  await bed.run()
  expect([bed.log, reference.deref()?.readyState]).toEqual([['still here'], 1])
  peer.end.reset()
  await bed.run()
})

describe('event handler attributes', () => {
  const { WebSocket } = makeBed()
  const open = (): Event => new Event('open')

  test('take functions and objects; anything else is null', () => {
    const ws = new WebSocket('ws://peer.test') as unknown as Record<string, unknown>
    const object = { handleEvent: () => expect.unreachable() }
    const seen: unknown[] = []
    for (const value of [() => {}, object, [], 1, 'x', undefined, null, Symbol('x')]) {
      ws.onopen = value
      seen.push(ws.onopen === value)
      if (ws.onopen !== value) expect(ws.onopen).toBe(null)
    }
    expect(seen).toEqual([true, true, true, false, false, false, true, false])
    ws.onopen = object
    ;(ws as unknown as EventTarget).dispatchEvent(open())
  })

  test('keep their place among the listeners until they are null', () => {
    const ws = new WebSocket('ws://peer.test')
    const log: string[] = []
    ws.onopen = () => log.push('first')
    ws.addEventListener('open', () => log.push('listener'))
    ws.dispatchEvent(open())
    ws.onopen = () => log.push('second')
    ws.dispatchEvent(open())
    ws.onopen = null
    ws.onopen = () => log.push('third')
    ws.dispatchEvent(open())
    expect(log).toEqual(['first', 'listener', 'second', 'listener', 'listener', 'third'])
  })

  test('are called with the socket as this, and by what users dispatch; false cancels', () => {
    const ws = new WebSocket('ws://peer.test')
    let self: unknown
    ws.onmessage = function (this: WebSocket) {
      self = this
      return false
    }
    expect(ws.dispatchEvent(new Event('message', { cancelable: true }))).toBe(false)
    expect(self).toBe(ws)
  })

  test('of one socket are not those of another', () => {
    const [one, other] = [new WebSocket('ws://peer.test'), new WebSocket('ws://peer.test')]
    one.onclose = () => {}
    expect([typeof one.onclose, other.onclose]).toEqual(['function', null])
  })
})

describe('listeners', () => {
  test.each([false, true])(
    'once, objects, removal and stopping are those of EventTarget, with a signal or capture among them: %s',
    async (isSignalled) => {
      const { connect, run } = makeBed()
      const { ws, peer } = await connect()
      const log: string[] = []
      const stop = new AbortController()
      const removed = (): number => log.push('removed')
      ws.addEventListener('message', () => log.push('once'), { once: true })
      if (isSignalled) ws.addEventListener('message', () => log.push('signal'), { signal: stop.signal })
      if (isSignalled) ws.addEventListener('message', () => log.push('capture'), true)
      ws.addEventListener('message', { handleEvent: () => log.push('object') })
      ws.addEventListener('message', removed)
      ws.addEventListener('message', removed)
      ws.removeEventListener('message', removed)
      ws.addEventListener('message', (event) => event.stopImmediatePropagation())
      ws.addEventListener('message', () => log.push('stopped'))
      peer.sendFrame(TEXT, '')
      await run()
      stop.abort()
      peer.sendFrame(TEXT, '')
      await run()
      // Node.js calls those for the capturing phase in their turn.
      expect(log.toSorted()).toEqual(isSignalled ? ['capture', 'capture', 'object', 'object', 'once', 'signal'] : ['object', 'object', 'once'])
    },
  )

  test('one that is removed meanwhile is not called, nor is one that is added; capture is another listener', async () => {
    const { connect, run } = makeBed()
    const { ws, peer } = await connect()
    const log: string[] = []
    const second = (): number => log.push('second')
    const added = (): number => log.push('added')
    ws.addEventListener('message', () => {
      ws.removeEventListener('message', second)
      ws.addEventListener('message', added)
    })
    ws.addEventListener('message', second)
    ws.addEventListener('message', () => log.push('third'))
    peer.sendFrame(TEXT, '')
    await run()
    ws.removeEventListener('message', added, true)
    peer.sendFrame(TEXT, '')
    await run()
    expect(log).toEqual(['third', 'third', 'added'])
  })

  test('what one throws is an uncaught exception, and the others are called', async () => {
    const { connect, run } = makeBed()
    const { ws, peer } = await connect()
    const thrown: unknown[] = []
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => thrown.push(error))
    try {
      const error = new Error('mine')
      const log: string[] = []
      ws.addEventListener('message', () => {
        throw error
      })
      ws.addEventListener('message', { handleEvent: undefined as unknown as () => void })
      ws.onmessage = () => log.push('called')
      peer.sendFrame(TEXT, '')
      await run()
      expect([log, thrown[0], thrown.length]).toEqual([['called'], error, 2])
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of others) process.on('uncaughtException', listener)
    }
  })

  test('the event of a message is a MessageEvent: while it is dispatched, after it, and copied', async () => {
    const { connect, run } = makeBed()
    const { ws, peer } = await connect()
    let event: MessageEvent | undefined
    const during: unknown[] = []
    ws.onmessage = (it) => {
      event = it
      it.preventDefault()
      it.stopPropagation()
      during.push(it.currentTarget, it.eventPhase, it.composedPath(), it.defaultPrevented, it.cancelBubble, it.isTrusted)
    }
    peer.sendFrame(TEXT, 'x')
    await run()
    const it = event as MessageEvent
    expect(during).toEqual([ws, 2, [ws], false, true, true])
    expect([it.currentTarget, it.eventPhase, it.composedPath(), it.target, it.srcElement]).toEqual([null, 0, [], ws, ws])
    expect([it.constructor, Object.prototype.toString.call(it), it instanceof Event]).toEqual([
      MessageEvent,
      Object.prototype.toString.call(new MessageEvent('message')),
      true,
    ])
    expect(`${JSON.stringify(it)} ${inspect(it)}`).not.toContain('"x"')
    expect([it.timeStamp > 0, it.timeStamp]).toEqual([true, it.timeStamp])
    const Class = it.constructor as typeof MessageEvent
    const copy = new Class(it.type, it as unknown as MessageEventInit)
    expect([copy.type, copy.data, copy.origin]).toEqual(['message', 'x', 'ws://peer.test'])
    expect(
      Object.keys(MessageEvent.prototype)
        .concat(Object.keys(Event.prototype))
        .filter((name) => !Reflect.has(it, name)),
    ).toEqual([])
    const getters = (prototype: object): string[] =>
      Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap(([name, { get }]) => (get ? [name] : []))
    for (const name of [...getters(MessageEvent.prototype), ...getters(Event.prototype)]) expect(() => Reflect.get(it, name), name).not.toThrow()
  })

  test('what one sends in the last message is sent before the close is answered', async () => {
    const { connect, run } = makeBed()
    const { ws, peer } = await connect()
    ws.onmessage = () => ws.send('reply')
    peer.send(Uint8Array.of(0x81, 1, 97, 0x88, 0))
    await run()
    expect(spell(peer.received)).toEqual(['1:reply', '8:'])
  })
})
