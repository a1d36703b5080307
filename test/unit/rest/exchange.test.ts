/** One exchange: what is refused before it begins, and that whatever throws leaves the connection idle or poisoned, and holds on to nothing. */

import { describe, expect, test } from 'vitest'
import type { HttpConnection } from '../../../src/rest/connection.ts'
import type { SendOptions } from '../../../src/rest/options.ts'
import type { Transport } from '../../../src/transport/transport.ts'
import {
  countedSignal,
  deliver,
  failure,
  handMade,
  makeReader,
  makeRestWorld,
  makeWriter,
  ok,
  openConnection,
  outcomeOf,
  uncaughtDuring,
} from './harness.ts'

describe('an exception anywhere leaves the connection idle or poisoned, never half busy', () => {
  const METHODS = ['write', 'resume', 'end', 'destroy', 'lastWrite'] as const
  const KINDS = ['whole', 'another reader', 'streamed body', 'streamed response'] as const
  const ENDINGS = ['answered', 'aborted', 'timed out', 'ended', 'lost'] as const

  const table = METHODS.flatMap((method) => KINDS.flatMap((kind) => ENDINGS.map((ending) => [method, kind, ending] as const)))

  test.each(table)('%s of the transport throws, in an exchange with %s that is %s', async (method, kind, ending) => {
    // Each call of the method in turn is the one that throws, until none does.
    for (let turn = 0; ; turn++) {
      const world = makeRestWorld()
      const { transport, handler, targets } = handMade()
      let calls = -1
      const isFaulty = (): void => {
        if (calls >= 0 && calls++ === turn) throw new Error('a fault')
      }
      const faulty = new Proxy(transport as Transport, {
        get: (target, name: keyof Transport) => {
          if (name !== method) return target[name]
          if (name === 'lastWrite') {
            isFaulty()
            return target[name]
          }
          return (...args: never[]): unknown => {
            isFaulty()
            return (target[name] as (...args: never[]) => unknown)(...args)
          }
        },
      })
      const conn = await world.Connection.connectWith(faulty)
      const writer = makeWriter()
      const { controller, signal, listeners } = countedSignal()
      const other = makeReader()
      let stopped = 0
      const source = {
        [Symbol.asyncIterator]: () => ({
          next: (): Promise<IteratorResult<string>> => Promise.resolve({ done: false, value: 'piece' }),
          return: (): Promise<IteratorResult<string>> => Promise.resolve({ done: true, value: void stopped++ }),
        }),
      }
      const options: SendOptions = { signal, timeout: 50 }
      const request = kind === 'streamed body' ? writer.post('/').stream(source).finish() : writer.get('/').finish()
      calls = 0
      const sending: Promise<unknown> =
        kind === 'streamed response'
          ? conn.sendStreaming(request, options)
          : conn.send(request, kind === 'another reader' ? other : conn.reader, options)
      let outcome: unknown = 'pending'
      sending.then(
        () => {
          outcome = 'answered'
        },
        (error: unknown) => {
          outcome = error
        },
      )
      /** What throws out of an event, once the connection is poisoned, goes to whoever made it: the runtime. */
      const happen = async (event: () => void): Promise<void> => {
        try {
          event()
        } catch (error) {
          expect([conn.state, error]).toEqual(['poisoned', new Error('a fault')])
        }
        await world.settle().catch(() => {})
      }
      await happen(() => {})
      if (ending === 'answered') {
        await happen(() => deliver(handler(), targets(), 0, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe'))
        await happen(() => deliver(handler(), targets(), 1, 'llo'))
        await happen(() => handler().onWritten())
      } else if (ending === 'aborted') {
        // An exception of a listener is the runtime's: here it would be uncaught.
        const uncaught = await uncaughtDuring(() => happen(() => controller.abort()))
        for (const error of uncaught) expect(error).toEqual(new Error('a fault'))
      } else if (ending === 'timed out') {
        await world.clock.advance(60).catch(() => {})
        await world.clock.advance(60).catch(() => {})
      } else if (ending === 'ended') {
        await happen(() => handler().onEnd())
      }
      const wasFaulty = calls > turn
      if (wasFaulty && conn.state === 'busy') {
        // It was a fault of something that does not matter to the exchange: that goes on, and can be ended.
        expect(outcome === 'pending' || kind === 'streamed response').toBe(true)
      }
      await happen(() => handler().onClosed(null))
      expect(outcome === 'answered' || outcome instanceof Error, String(outcome)).toBe(true)
      expect([conn.state, listeners(), world.clock.pending]).toEqual(['poisoned', 0, 0])
      if (kind === 'streamed body' && ending !== 'answered') expect(stopped).toBe(1)
      expect(await conn.closed).toSatisfy((error) => error === null || error instanceof Error)
      // Writer and readers are free for others.
      expect(writer.get('/').finish().length).toBeGreaterThan(0)
      for (const reader of [conn.reader, other]) await world.Connection.connectWith(handMade().transport, { reader })
      if (!wasFaulty) break
      expect(turn).toBeLessThan(30)
    }
  })
})

describe('a request is judged before anything begins', () => {
  const builders: [string, (conn: HttpConnection) => unknown, string][] = [
    ['whose finish was forgotten', () => makeWriter().get('/'), 'RequestOutOfOrder'],
    ['that is a body whose finish was forgotten', () => makeWriter().post('/').body('{}'), 'RequestOutOfOrder'],
    ['that is a writer', () => makeWriter(), 'InvalidOption'],
    ['that is text', () => 'GET / HTTP/1.1\r\n\r\n', 'InvalidOption'],
    ['that is bytes', () => new Uint8Array(5), 'InvalidOption'],
    ['that is null', () => null, 'InvalidOption'],
    ['that is missing', () => undefined, 'InvalidOption'],
    ['that is an object', () => ({ method: 'GET', path: '/' }), 'InvalidOption'],
  ]

  test.each(builders)('one %s', async (_, make, code) => {
    const { conn, writer, world, server } = await openConnection()
    const wrong = make(conn) as never
    await expect(conn.send(wrong)).rejects.toMatchObject({ code })
    await expect(conn.sendStreaming(wrong)).rejects.toMatchObject({ code })
    expect([conn.state, world.clock.pending, server.last.received]).toEqual(['idle', 0, ''])
    const sending = conn.send(writer.get('/right').finish())
    await world.settle()
    expect((await sending).text()).toBe('GET /right')
  })

  test.each([
    ['options for its reader', () => [{ timeout: 5 }], 'reader'],
    ['a function for its limit', (conn: HttpConnection) => [conn.reader, { timeout: () => 5 }], 'timeout'],
    ['text for its onInterim', (conn: HttpConnection) => [conn.reader, { onInterim: 'told' }], 'onInterim'],
  ])('one with %s', async (_, rest, name) => {
    const { conn, writer, world, server } = await openConnection()
    const args = rest(conn) as never[]
    const sending = conn.send(writer.get('/').finish(), ...args)
    await expect(sending).rejects.toMatchObject({ code: 'InvalidOption', message: expect.stringContaining(name) })
    expect([conn.state, world.clock.pending, server.last.received]).toEqual(['idle', 0, ''])
  })
})

describe('the source of a streamed body is judged before the head leaves', () => {
  async function* pieces(): AsyncGenerator<string> {
    yield 'piece'
  }
  const locked = new ReadableStream<Uint8Array>()
  locked.getReader()

  test.each([
    ['null', null],
    ['undefined', undefined],
    ['text', 'text'],
    ['bytes', new Uint8Array(5)],
    ['an array', ['a', 'b']],
    ['a synchronous generator', (function* () {})()],
    ['an async generator that was not called', pieces],
    ['an object', {}],
    ['a locked stream', locked],
  ])('%s is refused', (_, source) => {
    const builder = makeWriter()
      .post('/')
      .stream(source as never)
    expect(() => builder.finish()).toThrow(expect.objectContaining({ code: 'InvalidOption', message: expect.stringContaining('source') }))
  })

  test.each([
    [
      'that throws when it is asked for its iterator',
      () => {
        throw new Error('mine')
      },
    ],
    ['that gives no iterator', () => undefined],
    ['that gives an object without next', () => ({})],
  ])('one %s leaves the connection as it was', async (_, iterate) => {
    const { conn, writer, world, server } = await openConnection()
    const source = { [Symbol.asyncIterator]: iterate } as never
    const error = await failure(conn.send(writer.post('/').stream(source).finish()))
    expect(error).toMatchObject({ code: 'RequestBodyFailed', requestSent: 'nothing', phase: 'send' })
    expect([conn.state, world.clock.pending, server.last.received]).toEqual(['idle', 0, ''])
    const sending = conn.send(writer.get('/right').finish())
    await world.settle()
    expect((await sending).text()).toBe('GET /right')
  })

  test('a stream that was locked after the request had been built, too', async () => {
    const { conn, writer, server } = await openConnection()
    const stream = new ReadableStream<Uint8Array>()
    const request = writer.post('/').stream(stream).finish()
    stream.getReader()
    expect(await failure(conn.send(request))).toMatchObject({ code: 'RequestBodyFailed', requestSent: 'nothing' })
    expect([conn.state, server.last.received]).toEqual(['idle', ''])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('while stopping')
      },
    ],
    ['rejects', () => Promise.reject(new Error('while stopping'))],
  ])('one whose return() %s fails nothing more than its request', async (_, stop) => {
    const uncaught = await uncaughtDuring(async () => {
      const { conn, writer, world, server } = await openConnection()
      server.respond = () => null
      const source = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}), return: stop }) }
      const sending = conn.send(writer.post('/').stream(source).finish(), conn.reader, { timeout: 20 })
      sending.catch(() => {})
      await world.clock.advance(20)
      expect(await failure(sending)).toMatchObject({ code: 'RequestTimeout', requestSent: 'partly' })
      await world.settle()
      expect(await conn.closed).toMatchObject({ code: 'RequestTimeout' })
    })
    expect(uncaught).toEqual([])
  })

  test('one that has ended, or failed, is not told to stop', async () => {
    for (const last of [() => Promise.resolve({ done: true, value: undefined }), () => Promise.reject(new Error('broken'))]) {
      const { conn, writer, world, server } = await openConnection()
      server.respond = () => null
      let stops = 0
      const source = { [Symbol.asyncIterator]: () => ({ next: last, return: () => Promise.resolve({ done: true, value: void stops++ }) }) }
      conn
        .send(
          writer
            .post('/')
            .stream(source as never)
            .finish(),
        )
        .catch(() => {})
      await world.settle()
      conn.destroy()
      await world.settle()
      expect(stops).toBe(0)
    }
  })
})

describe('a streamed response is read by one at a time', () => {
  test('a read beside one that waits is refused, and the first gets its piece', async () => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = () => 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'
    const opening = conn.sendStreaming(writer.get('/').finish())
    await world.settle()
    const res = await opening
    const first = res.read()
    await expect(res.read()).rejects.toMatchObject({ code: 'ConcurrentReceive' })
    server.last.send('hello')
    await world.settle()
    expect(Buffer.from((await first) as Uint8Array).toString()).toBe('hello')
    server.last.send('there')
    await world.settle()
    expect(Buffer.from((await res.read()) as Uint8Array).toString()).toBe('there')
    expect(await res.read()).toBe(null)
    expect(conn.state).toBe('idle')
  })

  test('cancelling ends a read that waits', async () => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = () => 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'
    const opening = conn.sendStreaming(writer.get('/').finish())
    await world.settle()
    const res = await opening
    const reading = res.read()
    await world.settle()
    res.cancel()
    expect(await reading).toBe(null)
    expect(conn.state).toBe('poisoned')
  })

  test('one that is left late does not touch the next exchange', async () => {
    const { conn, writer, server, world } = await openConnection()
    server.respond = () => ok('first')
    const opening = conn.sendStreaming(writer.get('/').finish())
    await world.settle()
    const res = await opening
    await res.read()
    server.respond = () => null
    const next = conn.send(writer.get('/next').finish())
    res.cancel()
    server.last.send(ok('second'))
    await world.settle()
    expect((await next).text()).toBe('second')
  })
})

describe('what onInterim throws fails its request, and it alone', () => {
  const mistake = new Error('a mistake')

  test.each([
    [
      'throws',
      (): void => {
        throw mistake
      },
    ],
    ['rejects', (): Promise<void> => Promise.reject(mistake)],
  ])('when it %s', async (_, onInterim) => {
    const uncaught = await uncaughtDuring(async () => {
      const { conn, writer, server, world } = await openConnection()
      server.respond = () => 'HTTP/1.1 103 Early Hints\r\n\r\n'
      const sending = conn.send(writer.get('/').finish(), conn.reader, { onInterim })
      expect(await outcomeOf(world, sending)).toMatchObject({ code: 'RequestAborted', cause: mistake })
    })
    expect(uncaught).toEqual([])
  })

  test('and when it rejects after that request is over, it is an uncaught exception', async () => {
    const uncaught = await uncaughtDuring(async () => {
      const { conn, writer, server, world } = await openConnection()
      let reject = (_: Error): void => {}
      server.respond = () => `HTTP/1.1 103 Early Hints\r\n\r\n${ok('x')}`
      const onInterim = (): Promise<void> =>
        new Promise((_, no) => {
          reject = no
        })
      const sending = conn.send(writer.get('/').finish(), conn.reader, { onInterim })
      await world.settle()
      expect((await sending).text()).toBe('x')
      const next = conn.send(writer.get('/').finish())
      reject(mistake)
      await world.settle()
      expect((await next).text()).toBe('x')
    })
    expect(uncaught).toEqual([mistake])
  })
})
