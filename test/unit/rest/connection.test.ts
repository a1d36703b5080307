/** One connection: what comes back for what is sent, and when it may not be used again. */

import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { HttpError, TransportError, UsageError } from '../../../src/errors.ts'
import type { Transport, TransportHandler } from '../../../src/transport/transport.ts'
import { deliver, failure, handMade, makeReader, makeWriter, ok, openConnection, outcomeOf } from './harness.ts'

/** When the system tells that it took the request, in ms after the response was there, and how that leaves the connection. */
const TOLD_AFTER = [
  [0, 'idle'],
  [19, 'idle'],
  [21, 'poisoned'],
] as const

const pieces = [
  {},
  { maxDelivery: 1 },
  { maxDelivery: 7, seed: 1 },
  { targetCount: 2 as const, maxDelivery: 3 },
  { deferWrites: true },
  { deliverInResume: true },
]

describe.each(pieces)('over memory with %o', (memory) => {
  test('a request goes out as built and its response comes back', async () => {
    const { conn, writer, server, world } = await openConnection({ memory })
    server.respond = ({ body }) => ok(`got ${body}`, 'Content-Type: text/plain\r\nX-Two: 1\r\nx-two: 2\r\n')
    const request = writer.post('/orders').query('symbol', 'BTC-USD').header('X-Id', '7').body('{"a":1}').finish()
    const sent = Buffer.from(request.bytes).toString()
    const sending = conn.send(request)
    await world.settle()
    const res = await sending
    expect(server.requests.map(({ head, body }) => `${head}\r\n\r\n${body}`)).toEqual([sent])
    expect([res.status, res.reason, res.version, res.text()]).toEqual([200, 'OK', '1.1', 'got {"a":1}'])
    expect(res.headers()).toEqual([
      ['Content-Type', 'text/plain'],
      ['X-Two', '1'],
      ['x-two', '2'],
      ['Content-Length', '11'],
    ])
    expect([res.header('CONTENT-TYPE'), res.header('x-TWO'), res.header('none')]).toEqual(['text/plain', '1', null])
    expect([conn.state, conn.requests]).toEqual(['idle', 1])
  })

  test('a hundred requests in turn get their own answers', async () => {
    const { conn, writer, server, world } = await openConnection({ memory })
    server.respond = ({ path }) =>
      path.length % 2 === 0 ? ok(path) : `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${path.length.toString(16)}\r\n${path}\r\n0\r\n\r\n`
    for (let i = 0; i < 100; i++) {
      const path = `/${'x'.repeat(i % 13)}${i}`
      const sending = conn.send(writer.get(path).finish())
      await world.settle()
      expect((await sending).text()).toBe(path)
    }
    expect(conn.requests).toBe(100)
  })
})

describe('a body', () => {
  test.each([
    ['of Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'hello', 'idle'],
    ['in chunks with trailers', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: 1\r\n\r\n', 'hello', 'idle'],
    ['of none with 204', 'HTTP/1.1 204 No Content\r\n\r\n', '', 'idle'],
    ['of none with 304 that tells a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', '', 'idle'],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi', 'hi', 'poisoned'],
    ['of HTTP/1.0 that keeps alive', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi', 'hi', 'idle'],
    ['with Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi', 'hi', 'poisoned'],
    [
      'behind interim responses',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx',
      'x',
      'idle',
    ],
  ])('%s is read to its end', async (_, answer, body, state) => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = () => answer
    const sending = conn.send(writer.get('/').finish())
    await world.settle()
    expect((await sending).text()).toBe(body)
    expect(conn.state).toBe(state)
  })

  test('to HEAD is not waited for', async () => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = ({ method }) => (method === 'HEAD' ? 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n' : ok('next'))
    const first = conn.send(writer.head('/').finish())
    await world.settle()
    expect((await first).header('content-length')).toBe('1000')
    const second = conn.send(writer.get('/').finish())
    await world.settle()
    expect((await second).text()).toBe('next')
  })

  test('without a length ends with the connection', async () => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = (_, peer) => {
      peer.send('HTTP/1.1 200 OK\r\n\r\nall of it')
      peer.end.end()
      return null
    }
    const sending = conn.send(writer.get('/').finish())
    await world.settle()
    expect((await sending).text()).toBe('all of it')
    expect(conn.isPoisoned).toBe(true)
  })

  test.each([1_024, 40_000, 1_000_000])('of %i bytes arrives whole with a buffer of 1 KiB, and is valid after the next request', async (size) => {
    const { conn, writer, server, world } = await openConnection({ capacity: 1_024 })
    const body = Array.from({ length: size }, (_, i) => 'abcdefghij'[i % 10]).join('')
    server.respond = () => ok(body)
    const first = conn.send(writer.get('/').finish())
    await world.clock.advance(1)
    const owned = (await first).toOwned()
    expect(owned.text()).toBe(body)
    const second = conn.send(writer.get('/').finish())
    await world.clock.advance(1)
    expect((await second).bodyLength).toBe(size)
    expect(owned.text()).toBe(body)
  })

  test('over maxBodySize fails from its head, at the limit it does not', async () => {
    for (const [size, fails] of [
      [99, false],
      [100, false],
      [101, true],
    ] as const) {
      const { conn, writer, server, world } = await openConnection({ maxBodySize: 100 })
      server.respond = () => `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${fails ? '' : 'x'.repeat(size)}`
      const sending = conn.send(writer.get('/').finish())
      const outcome = await outcomeOf(world, sending)
      if (!fails) expect(outcome).toMatchObject({ status: 200 })
      else expect(outcome).toMatchObject({ code: 'ResponseInvalid', cause: { code: 'BodyTooLarge', max: 100 }, requestSent: 'fully' })
    }
  })
})

test('interim responses are told', async () => {
  const { conn, writer, server, world } = await openConnection()
  server.respond = () => `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok('x')}`
  const seen: unknown[] = []
  const sending = conn.send(writer.get('/').finish(), conn.reader, { onInterim: (response) => seen.push(response) })
  await world.settle()
  await sending
  expect(seen).toMatchObject([{ status: 103, reason: 'Early Hints', headers: [['Link', '</a>']] }])
})

test('a callback for interim responses that throws fails the request, and it alone', async () => {
  const { conn, writer, server, world } = await openConnection()
  server.respond = () => `HTTP/1.1 103 Early Hints\r\n\r\n${ok('x')}`
  const mistake = new Error('a mistake')
  const sending = conn.send(writer.get('/').finish(), conn.reader, {
    onInterim: () => {
      throw mistake
    },
  })
  expect(await outcomeOf(world, sending)).toMatchObject({ code: 'RequestAborted', cause: mistake })
})

test('user and password in the URL of a connection are refused: they belong to requests', async () => {
  const { world } = await openConnection()
  await expect(world.Connection.connect('http://user:word@server.test')).rejects.toMatchObject({ code: 'InvalidUrl' })
})

test('a console shows the head of a response without its values, and nothing of the memory that it lies in', async () => {
  const { conn, writer, world } = await openConnection()
  const sending = conn.send(writer.get('/x').finish())
  await world.settle()
  const res = await sending
  const head = { status: 200, reason: 'OK', version: '1.1', headers: ['Content-Length'], bodyLength: 6 }
  expect(JSON.parse(JSON.stringify(res))).toEqual(head)
  expect(inspect(res)).toBe(`RestResponse ${inspect(head)}`)
  conn.send(writer.get('/y').finish())
  expect(inspect(res)).toBe('RestResponse { stale: true }')
})

test('a copy of a response keeps its timings', async () => {
  const { conn, writer, world } = await openConnection()
  const sending = conn.send(writer.get('/').finish())
  await world.settle()
  const res = await sending
  expect(res.toOwned().timings).toEqual(res.timings)
})

test('a response can be read in another reader than the connection’s own', async () => {
  const { conn, writer, server, world } = await openConnection({ memory: { maxDelivery: 1000 } })
  const small = makeReader({ capacity: 1_024 })
  server.respond = ({ path }) => ok(path === '/big' ? 'y'.repeat(5_000) : 'own')
  const sending = conn.send(writer.get('/big').finish(), small)
  await world.clock.advance(1)
  expect((await sending).text()).toBe('y'.repeat(5_000))
  const next = conn.send(writer.get('/').finish())
  await world.settle()
  expect((await next).text()).toBe('own')
})

describe('a reader serves one connection at a time', () => {
  const used = expect.objectContaining({ code: 'InvalidOption', message: expect.stringContaining('another connection') })

  test('when it is a connection’s own: until that is closed, and afterwards it begins anew', async () => {
    const { world, server, writer } = await openConnection()
    const reader = makeReader()
    const first = await world.Connection.connect('http://server.test', { reader })
    const { length } = server.open
    await expect(world.Connection.connect('http://server.test', { reader })).rejects.toEqual(used)
    await world.settle()
    expect(server.open.length).toBe(length)
    server.respond = (_, peer) => {
      peer.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
      peer.end.end()
      return null
    }
    await outcomeOf(world, first.send(writer.get('/').finish()))
    await first.closed
    server.respond = () => ok('anew')
    const second = await world.Connection.connect('http://server.test', { reader })
    const sending = second.send(writer.get('/').finish())
    await world.settle()
    expect((await sending).text()).toBe('anew')
  })

  test('when it is given with a request: neither another’s own, nor one that is under way elsewhere', async () => {
    const { world, server, conn, writer } = await openConnection()
    const other = await world.Connection.connect('http://server.test')
    await expect(conn.send(writer.get('/').finish(), other.reader)).rejects.toEqual(used)
    expect([conn.state, other.state]).toEqual(['idle', 'idle'])
    const reader = makeReader()
    server.respond = () => null
    const under = other.send(makeWriter().get('/').finish(), reader)
    await expect(conn.send(writer.get('/').finish(), reader)).rejects.toEqual(used)
    server.last.send(ok('mine'))
    await world.settle()
    expect((await under).text()).toBe('mine')
    server.respond = () => ok('next')
    const next = conn.send(writer.get('/').finish(), reader)
    await world.settle()
    expect((await next).text()).toBe('next')
  })
})

describe('a response that is kept too long', () => {
  test('is stale once the next request is sent, and untouched until then', async () => {
    const { conn, writer, world } = await openConnection()
    const sending = conn.send(writer.get('/one').finish())
    await world.settle()
    const res = await sending
    expect(res.text()).toBe('GET /one')
    conn.send(writer.get('/two').finish())
    for (const use of [() => res.status, () => res.text(), () => res.header('x'), () => res.timings, () => res.body, () => res.headers()]) {
      expect(use).toThrow(expect.objectContaining({ code: 'StaleResponse' }))
    }
  })

  test('does not change while the connection is idle, whatever the server sends', async () => {
    const { conn, writer, server, world } = await openConnection()
    const sending = conn.send(writer.get('/kept').finish())
    await world.settle()
    const res = await sending
    server.last.send(`${'#'.repeat(70_000)}`)
    await world.settle()
    expect(conn.isPoisoned).toBe(true)
    expect([res.status, res.text()]).toEqual([200, 'GET /kept'])
  })
})

describe('a request that was superseded', () => {
  test('is refused, and the connection can still be used', async () => {
    const { conn, writer, world } = await openConnection()
    const stale = writer.get('/stale').finish()
    const fresh = writer.get('/fresh').finish()
    await expect(conn.send(stale)).rejects.toMatchObject({ code: 'StaleRequest' })
    expect(conn.state).toBe('idle')
    const sending = conn.send(fresh)
    await world.settle()
    expect((await sending).text()).toBe('GET /fresh')
  })
})

describe('a connection is poisoned', () => {
  test('while a request is under way: another is refused, with nothing sent', async () => {
    const { conn, writer, server } = await openConnection()
    server.respond = () => null
    conn.send(writer.get('/one').finish()).catch(() => {})
    const error = await failure(conn.send(makeWriter().get('/two').finish()))
    expect([error.code, error.requestSent, conn.state]).toEqual(['ConnectionBusy', 'nothing', 'busy'])
  })

  test('by a timeout, to the millisecond; a late response reaches nobody', async () => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = () => null
    const sending = conn.send(writer.get('/').finish(), conn.reader, { timeout: 250 })
    await world.clock.advance(249)
    expect(await outcomeOf(world, sending)).toBe('pending')
    await world.clock.advance(1)
    const error = await failure(sending)
    expect([error.code, error.requestSent, error.phase, error.elapsed]).toEqual(['RequestTimeout', 'fully', 'first byte', 250])
    server.last.send(ok('late'))
    await world.settle()
    expect(conn.isPoisoned).toBe(true)
    expect(await failure(conn.send(writer.get('/').finish()))).toMatchObject({ code: 'ConnectionPoisoned', requestSent: 'nothing' })
  })

  test('by a timeout in the body', async () => {
    const { conn, writer, server, world } = await openConnection({ timeout: 100 })
    server.respond = () => 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'
    const sending = conn.send(writer.get('/').finish())
    sending.catch(() => {})
    await world.clock.advance(100)
    expect(await failure(sending)).toMatchObject({ code: 'RequestTimeout', phase: 'body', requestSent: 'fully' })
  })

  test('by its signal', async () => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = () => null
    const controller = new AbortController()
    const sending = conn.send(writer.get('/').finish(), conn.reader, { signal: controller.signal })
    await world.settle()
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await failure(sending)).toMatchObject({ code: 'RequestAborted', cause: reason, requestSent: 'fully' })
    expect(conn.isPoisoned).toBe(true)
  })

  test('not by a signal that was aborted before', async () => {
    const { conn, writer } = await openConnection()
    expect(await failure(conn.send(writer.get('/').finish(), conn.reader, { signal: AbortSignal.abort('no') }))).toMatchObject({
      code: 'RequestAborted',
      requestSent: 'nothing',
    })
    expect(conn.state).toBe('idle')
  })

  test.each([
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n', 'MalformedHead'],
    ['TE with CL', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 'ConflictingFraming'],
    ['a bad chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 'MalformedChunk'],
    ['an upgrade nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', 'UnexpectedUpgrade'],
  ])('by a response that is %s', async (_, answer, code) => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = () => answer
    const error = (await outcomeOf(world, conn.send(writer.get('/').finish()))) as Error
    expect(error).toMatchObject({ code: 'ResponseInvalid', requestSent: 'fully', fault: 'remote' })
    expect(error.cause).toBeInstanceOf(HttpError)
    expect(error.cause).toMatchObject({ code })
    expect(conn.isPoisoned).toBe(true)
  })

  test('by a response with bytes behind it, which is delivered all the same', async () => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = () => ok('mine') + ok('not asked for')
    const sending = conn.send(writer.get('/').finish())
    await world.settle()
    expect((await sending).text()).toBe('mine')
    expect(conn.isPoisoned).toBe(true)
    expect(await conn.closed).toMatchObject({ code: 'UnexpectedData' })
  })

  test('by bytes that come while it is idle, before the next request', async () => {
    const { conn, writer, server, world } = await openConnection()
    server.last.send(ok('poison'))
    await world.settle()
    expect(await failure(conn.send(writer.get('/').finish()))).toMatchObject({
      code: 'ConnectionPoisoned',
      requestSent: 'nothing',
      cause: { code: 'UnexpectedData' },
    })
  })

  test.each([
    ['an end', 'end' as const, null],
    ['a reset', 'reset' as const, { code: 'ConnectionReset' }],
  ])('by %s while it is idle', async (_, how, error) => {
    const { conn, server, world } = await openConnection()
    server.last.end[how]()
    await world.settle()
    expect(conn.isPoisoned).toBe(true)
    if (error === null) expect(await conn.closed).toBe(null)
    else expect(await conn.closed).toMatchObject(error)
  })

  test.each([
    ['before the first byte', '', 'first byte'],
    ['in the head', 'HTTP/1.1 200 OK\r\nConte', 'body'],
    ['in the body', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', 'body'],
    ['in a chunked body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal', 'body'],
  ])('by an end %s', async (_, before, phase) => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = (_, peer) => {
      if (before !== '') peer.send(before)
      peer.end.end()
      return null
    }
    expect(await outcomeOf(world, conn.send(writer.get('/').finish()))).toMatchObject({
      code: 'ConnectionClosed',
      requestSent: 'fully',
      phase,
      cause: { code: 'UnexpectedEnd' },
    })
  })

  const UNTIL_END = 'HTTP/1.1 200 OK\r\n\r\nall of it'

  test.each([
    // TLS, how the server ends, whether a verified end is required; what comes of it.
    [false, 'end', false, { isEndVerified: false }],
    [false, 'destroy', false, { isEndVerified: false }],
    [false, 'end', true, { code: 'ResponseInvalid', requestSent: 'fully', cause: { code: 'UnverifiedEnd' } }],
    [true, 'end', false, { isEndVerified: true }],
    [true, 'end', true, { isEndVerified: true }],
    [true, 'destroy', false, { code: 'ConnectionClosed', requestSent: 'fully', cause: { code: 'UnexpectedEnd' } }],
    [true, 'destroy', true, { code: 'ConnectionClosed', requestSent: 'fully', cause: { code: 'UnexpectedEnd' } }],
  ] as const)('a body until the end: TLS %s, by %s, required %s', async (isSecure, how, requireVerifiedEnd, expected) => {
    for (const isOfConnection of [true, false]) {
      const options = { requireVerifiedEnd }
      const { conn, writer, server, world } = await openConnection({ memory: { isSecure }, ...(isOfConnection ? options : {}) })
      server.respond = (_, peer) => {
        peer.send(UNTIL_END)
        peer.end[how]()
        return null
      }
      const sending = conn.send(writer.get('/').finish(), conn.reader, isOfConnection ? {} : options)
      expect(await outcomeOf(world, sending)).toMatchObject(expected)
      expect(conn.isPoisoned).toBe(true)
    }
  })

  test('requireVerifiedEnd is checked, and the request’s word counts', async () => {
    const { conn, writer, server, world } = await openConnection({ requireVerifiedEnd: true })
    const wrong = conn.send(writer.get('/').finish(), conn.reader, { requireVerifiedEnd: 'yes' as never })
    await expect(wrong).rejects.toMatchObject({ code: 'InvalidOption', message: expect.stringContaining('requireVerifiedEnd') })
    expect(conn.state).toBe('idle')
    server.respond = (_, peer) => {
      peer.send(UNTIL_END)
      peer.end.end()
      return null
    }
    const sending = conn.send(writer.get('/').finish(), conn.reader, { requireVerifiedEnd: false })
    expect(await outcomeOf(world, sending)).toMatchObject({ status: 200, isEndVerified: false })
  })

  test('by a reset under way', async () => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = (_, peer) => {
      peer.end.reset()
      return null
    }
    expect(await outcomeOf(world, conn.send(writer.get('/').finish()))).toMatchObject({ code: 'ConnectionReset', requestSent: 'fully' })
  })

  test('by a response that overtakes its request', async () => {
    const { conn, writer, server, world } = await openConnection({ memory: { capacity: 100 } })
    server.last.reading = false
    const sending = conn.send(writer.post('/').body('x'.repeat(20_000)).finish())
    server.last.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n')
    await world.clock.advance(20)
    expect((await sending).status).toBe(413)
    expect(conn.isPoisoned).toBe(true)
  })

  test('not by a response that is there before the system tells that it took the request', async () => {
    for (const [toldAfter, state] of TOLD_AFTER) {
      const { world, writer } = await openConnection()
      const { transport, handler, targets } = handMade()
      const conn = await world.Connection.connectWith(transport)
      const sending = conn.send(writer.get('/').finish())
      deliver(handler(), targets(), 0, ok('early'))
      world.clock.set(() => handler().onWritten(), toldAfter)
      await world.clock.advance(25)
      expect((await sending).text()).toBe('early')
      expect(conn.state, `told after ${toldAfter} ms`).toBe(state)
    }
  })

  test.each([
    ['bytes that nobody asked for', 'poisoned'],
    ['an end', 'poisoned'],
    ['a loss', 'poisoned'],
  ])('by %s that come while such a response waits, which is delivered all the same', async (what, state) => {
    const { world, writer } = await openConnection()
    const { transport, handler, targets } = handMade()
    const conn = await world.Connection.connectWith(transport)
    const sending = conn.send(writer.get('/').finish())
    deliver(handler(), targets(), 0, ok('early'))
    if (what === 'an end') handler().onEnd()
    else if (what === 'a loss') handler().onClosed(new TransportError('ConnectionReset', 'reset'))
    else deliver(handler(), targets(), 1, 'surplus')
    expect((await sending).text()).toBe('early')
    expect(conn.state).toBe(state)
    await world.clock.advance(100)
  })

  test('by an abort while such a response waits', async () => {
    const { world, writer } = await openConnection()
    const { transport, handler, targets } = handMade()
    const conn = await world.Connection.connectWith(transport)
    const controller = new AbortController()
    const sending = conn.send(writer.get('/').finish(), conn.reader, { signal: controller.signal })
    deliver(handler(), targets(), 0, ok('early'))
    controller.abort()
    expect(await failure(sending)).toMatchObject({ code: 'RequestAborted' })
    await world.clock.advance(100)
    expect(conn.isPoisoned).toBe(true)
  })
})

test('a small reader gets the bytes of large reads in their order, also when the transport delivers from inside resume', async () => {
  const { world, writer } = await openConnection()
  const { transport, handler, targets } = handMade()
  const body = Array.from({ length: 60_000 }, (_, i) => String.fromCharCode(97 + ((i * 7) % 26))).join('')
  const pieces = (ok(body).match(/[\s\S]{1,20000}/g) ?? []) as string[]
  let next = 0
  transport.resume = () => {
    const piece = pieces[next]
    if (piece === undefined || next === 0) return
    deliver(handler(), targets(), next++ % 2, piece)
  }
  transport.write = () => true
  const conn = await world.Connection.connectWith(transport)
  const sending = conn.send(writer.get('/').finish(), makeReader({ capacity: 1_024 }))
  next = 1
  deliver(handler(), targets(), 0, pieces[0] as string)
  expect((await sending).text()).toBe(body)
})

describe('how far a request got', () => {
  test.each(['nothing', 'partly', 'fully'] as const)('%s, when the transport says so of its last write', async (lastWrite) => {
    let handler: TransportHandler | null = null
    const transport: Transport = {
      targetCount: 1,
      lastWrite,
      start: (user) => {
        handler = user
      },
      resume: () => {},
      write: () => false,
      end: () => {},
      destroy: () => {},
    }
    const { world, writer } = await openConnection()
    const conn = await world.Connection.connectWith(transport)
    const sending = conn.send(writer.post('/').body('{}').finish())
    ;(handler as TransportHandler | null)?.onClosed(new TransportError('ConnectionReset', 'reset'))
    expect(await failure(sending)).toMatchObject({ code: 'ConnectionReset', requestSent: lastWrite })
  })

  test('partly, when not all of it fitted', async () => {
    const { conn, writer, server, world } = await openConnection({ memory: { capacity: 100 } })
    server.last.reading = false
    const sending = conn.send(writer.post('/').body('x'.repeat(20_000)).finish(), conn.reader, { timeout: 50 })
    sending.catch(() => {})
    await world.clock.advance(50)
    expect(await failure(sending)).toMatchObject({ code: 'RequestTimeout', requestSent: 'partly', phase: 'send' })
  })

  test('its writer can’t begin another request while it is being written', async () => {
    const { conn, writer, server, world } = await openConnection({ memory: { capacity: 100 } })
    server.last.reading = false
    conn.send(writer.post('/').body('x'.repeat(20_000)).finish()).catch(() => {})
    expect(() => writer.get('/').finish()).toThrow(UsageError)
    server.last.reading = true
    server.last.end.resume()
    await world.settle()
    expect(writer.get('/').finish().length).toBeGreaterThan(0)
  })
})

describe('a streamed request body', () => {
  async function* parts(...list: (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array> {
    yield* list
  }

  test.each([{}, { deferWrites: true }, { capacity: 10 }])('goes out in chunks (%o)', async (memory) => {
    const { conn, writer, server, world } = await openConnection({ memory })
    const sending = conn.send(
      writer
        .post('/up')
        .stream(parts('hello', '', new Uint8Array([33, 33])))
        .finish(),
    )
    await world.settle()
    expect(server.last.received.split('\r\n\r\n').slice(1).join('\r\n\r\n')).toBe('5\r\nhello\r\n2\r\n!!\r\n0\r\n\r\n')
    expect(server.last.received).toMatch(/^POST \/up HTTP\/1.1\r\n/)
    expect(server.last.received).toContain('Transfer-Encoding: chunked\r\n')
    server.last.received = ''
    server.last.send(ok('thanks'))
    await world.settle()
    expect((await sending).text()).toBe('thanks')
    expect(conn.state).toBe('idle')
  })

  test('goes out as it is when its length is told', async () => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = ({ body }) => ok(body)
    const sending = conn.send(writer.put('/').stream(parts('hel', 'lo'), 5).finish())
    await world.settle()
    expect((await sending).text()).toBe('hello')
  })

  test.each([
    ['too short', 4],
    ['too long', 6],
  ])('that is %s for its length fails', async (_, length) => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = () => null
    const sending = conn.send(writer.put('/').stream(parts('hel', 'lo'), length).finish())
    expect(await outcomeOf(world, sending)).toMatchObject({ code: 'RequestBodyFailed', requestSent: 'partly', cause: { code: 'InvalidOption' } })
    expect(conn.isPoisoned).toBe(true)
  })

  test('whose source fails, fails the request', async () => {
    const { conn, writer, world } = await openConnection()
    const reason = new Error('no more')
    async function* broken(): AsyncGenerator<string> {
      yield 'begin'
      throw reason
    }
    expect(await outcomeOf(world, conn.send(writer.put('/').stream(broken()).finish()))).toMatchObject({
      code: 'RequestBodyFailed',
      cause: reason,
      requestSent: 'partly',
    })
  })

  test.each([
    ['in chunks', undefined],
    ['of a length that was told', 5],
  ])('%s keeps its connection when the response is there before the system tells that it took the last of it', async (_, length) => {
    for (const [toldAfter, state] of TOLD_AFTER) {
      const { world, writer } = await openConnection()
      const { transport, handler, targets } = handMade()
      const written: string[] = []
      transport.write = (bytes) => {
        written.push(Buffer.from(bytes).toString())
        const isLast = written.at(-1) === (length === undefined ? '0\r\n\r\n' : 'hello')
        transport.lastWrite = isLast ? 'partly' : 'fully'
        return !isLast
      }
      const conn = await world.Connection.connectWith(transport)
      const sending = conn.send(writer.post('/').stream(parts('hello'), length).finish())
      await world.settle()
      deliver(handler(), targets(), 0, ok('early'))
      world.clock.set(() => {
        transport.lastWrite = 'fully'
        handler().onWritten()
      }, toldAfter)
      await world.clock.advance(25)
      expect((await sending).text()).toBe('early')
      expect(conn.state, `told after ${toldAfter} ms`).toBe(state)
      if (state === 'idle') expect(writer.get('/').finish().length).toBeGreaterThan(0)
    }
  })

  test.each([
    ['of no bytes', 0],
    ['of five', 5],
  ])('%s, as was told, is answered though its source has not said that this was all', async (_, length) => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = () => null
    let stopped = false
    async function* dawdling(): AsyncGenerator<string> {
      try {
        if (length > 0) yield 'hello'
        await new Promise((resolve) => world.clock.set(() => resolve(null), 1_000))
      } finally {
        stopped = true
      }
    }
    const sending = conn.send(writer.post('/').stream(dawdling(), length).finish())
    await world.settle()
    server.last.send(ok('thanks'))
    await world.settle()
    expect((await sending).text()).toBe('thanks')
    expect(conn.state).toBe('idle')
    server.respond = ({ path }) => ok(`for ${path}`)
    const next = conn.send(writer.get('/next').finish())
    await world.clock.advance(1_000)
    expect([(await next).text(), stopped]).toEqual(['for /next', true])
  })

  test('is told to stop when the response comes early', async () => {
    const { conn, writer, server, world } = await openConnection()
    let stopped = false
    async function* endless(): AsyncGenerator<string> {
      try {
        for (;;) {
          yield 'more'
          await new Promise((resolve) => world.clock.set(() => resolve(null), 10))
        }
      } finally {
        stopped = true
      }
    }
    const sending = conn.send(writer.post('/').stream(endless()).finish())
    await world.clock.advance(25)
    server.last.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n')
    await world.clock.advance(25)
    expect((await sending).status).toBe(413)
    expect([stopped, conn.isPoisoned]).toEqual([true, true])
  })
})

describe('a streamed response', () => {
  test('is read piece by piece, and a reader that does not read stops the server', async () => {
    const { conn, writer, server, world } = await openConnection({ capacity: 1_024, memory: { capacity: 1_000 } })
    server.respond = () => ok('z'.repeat(50_000))
    const opening = conn.sendStreaming(writer.get('/').finish())
    await world.settle()
    const res = await opening
    expect([res.status, conn.state]).toEqual([200, 'busy'])
    expect(server.last.end.bytesDelivered).toBeLessThan(5_000)
    let length = 0
    const reading = (async () => {
      for await (const piece of res) length += piece.length
    })()
    await world.settle()
    await reading
    expect([length, conn.state]).toEqual([50_000, 'idle'])
  })

  test('that fails in the middle gives what came before', async () => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = (_, peer) => {
      peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n')
      peer.end.end()
      return null
    }
    const opening = conn.sendStreaming(writer.get('/').finish())
    await world.settle()
    const res = await opening
    expect(Buffer.from((await res.read()) as Uint8Array).toString()).toBe('some')
    expect(await failure(res.read())).toMatchObject({ code: 'ConnectionClosed' })
  })

  test('that is not read to its end closes the connection', async () => {
    const { conn, writer, server, world } = await openConnection({ memory: { capacity: 100 } })
    server.respond = () => ok('z'.repeat(5_000))
    const opening = conn.sendStreaming(writer.get('/').finish())
    await world.settle()
    for await (const _ of await opening) break
    expect(conn.isPoisoned).toBe(true)
  })

  test('comes as a WHATWG stream too', async () => {
    const { conn, writer, world, server } = await openConnection({ memory: { maxDelivery: 9 } })
    server.respond = () => ok('a stream of bytes')
    const opening = conn.sendStreaming(writer.get('/').finish())
    await world.settle()
    const reading = new Response((await opening).readable()).text()
    await world.settle()
    expect(await reading).toBe('a stream of bytes')
  })
})

describe('closing', () => {
  test('ends gracefully: the server sees an end, and ends too', async () => {
    const { conn, server, world } = await openConnection()
    const closing = conn.close()
    await world.settle()
    expect(await closing).toBe(null)
    expect([server.last.ended, server.last.closed]).toEqual([true, null])
  })

  test('cuts a server that does not end, after closeTimeout', async () => {
    const { conn, server, world } = await openConnection({ closeTimeout: 300 })
    server.endsBack = false
    const closing = conn.close()
    await world.clock.advance(299)
    expect(await outcomeOf(world, closing)).toBe('pending')
    await world.clock.advance(1)
    expect(await closing).toBe(null)
  })

  test('fails a request that is under way', async () => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = () => null
    const sending = conn.send(writer.get('/').finish())
    sending.catch(() => {})
    await world.settle()
    await conn.close()
    expect(await failure(sending)).toMatchObject({ code: 'RequestAborted', requestSent: 'fully' })
  })

  test('leaves no timer behind', async () => {
    const { conn, writer, world } = await openConnection({ timeout: 1_000 })
    const sending = conn.send(writer.get('/').finish())
    await world.settle()
    await sending
    conn.close()
    await world.settle()
    expect(world.clock.pending).toBe(0)
  })
})

test('timings tell what happened when', async () => {
  const { conn, writer, server, world } = await openConnection()
  server.respond = (_, peer) => {
    world.clock.set(() => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'), 30)
    world.clock.set(() => peer.send('hi'), 50)
    return null
  }
  await world.clock.advance(1_000)
  for (const [reused, age, requests] of [
    [false, 1_000, 1],
    [true, 1_050, 2],
  ]) {
    const sending = conn.send(writer.get('/').finish())
    await world.clock.advance(50)
    expect((await sending).timings).toEqual({ queued: 0, firstByte: 30, total: 50, reused, connectionAge: age, requests })
  }
  expect([conn.age, conn.idleFor]).toEqual([1_100, 0])
})
