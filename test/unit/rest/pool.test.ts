/** The pool: who gets a slot, what happens to one that dies, and that nothing is lost, doubled or mixed up on the way. */

import { describe, expect, test } from 'vitest'
import { TransportError } from '../../../src/errors.ts'
import type { ClientPool } from '../../../src/rest/client-pool.ts'
import type { PoolObserver, SlotUpEvent } from '../../../src/rest/observer.ts'
import type { ClientPoolOptions } from '../../../src/rest/options.ts'
import type { ClientSlot } from '../../../src/rest/slot.ts'
import type { Transport } from '../../../src/transport/transport.ts'
import { countedSignal, failure, makeRestWorld, ok, outcomeOf, type RestWorld, uncaughtDuring } from './harness.ts'

async function openPool(options: ClientPoolOptions = {}, world: RestWorld = makeRestWorld()): Promise<{ pool: ClientPool; world: RestWorld }> {
  const pool = await world.Pool.connect('http://server.test', options)
  return { pool, world }
}

const refused = (): Error => new TransportError('ConnectRefused', 'refused')

describe('connecting', () => {
  test.each([1, 2, 7])('opens %i connections at the same time, each with a slot of its own', async (connections) => {
    const world = makeRestWorld()
    world.server.onDial = () => 100
    const connecting = world.Pool.connect('http://server.test', { connections })
    await world.settle()
    expect(world.server.dials).toEqual(Array(connections).fill(0))
    await world.clock.advance(100)
    const pool = await connecting
    expect([pool.size, pool.available, world.server.open.length]).toEqual([connections, connections, connections])
    const slots = Array.from({ length: connections }, () => pool.tryAcquire() as ClientSlot)
    expect(new Set(slots.map(({ index }) => index)).size).toBe(connections)
    expect(pool.tryAcquire()).toBe(null)
    const answers = slots.map((slot) => slot.send(slot.writer.get(`/${slot.index}`).finish()))
    await world.settle()
    expect(await Promise.all(answers.map(async (answer) => (await answer).text()))).toEqual(slots.map(({ index }) => `GET /${index}`))
  })

  test('that fails closes what was opened, gracefully, and tells the first error', async () => {
    const world = makeRestWorld()
    world.server.onDial = (attempt) => (attempt === 3 ? refused() : 0)
    const error = await outcomeOf(world, world.Pool.connect('http://server.test', { connections: 4 }))
    expect(error).toMatchObject({ code: 'ConnectRefused' })
    await world.settle()
    expect(world.server.open).toEqual([])
    for (const peer of world.server.peers) expect([peer.ended, peer.closed]).toEqual([true, null])
    await world.clock.advance(60_000)
    expect([world.server.dials.length, world.clock.pending]).toEqual([4, 0])
  })

  test('can be abandoned', async () => {
    const world = makeRestWorld()
    world.server.onDial = () => 1_000
    const controller = new AbortController()
    const connecting = world.Pool.connect('http://server.test', { connections: 2, signal: controller.signal })
    await world.settle()
    const reason = new Error('never mind')
    controller.abort(reason)
    expect(await outcomeOf(world, connecting)).toBe(reason)
    expect(world.clock.pending).toBe(0)
  })

  test.each<[string, unknown, ClientPoolOptions, string]>([
    ['no URL', 'nonsense', {}, 'InvalidUrl'],
    ['another scheme', 'ws://server.test', {}, 'InvalidUrl'],
    ['a query', 'http://server.test/?a=1', {}, 'InvalidUrl'],
    ['a fragment', 'http://server.test/#a', {}, 'InvalidUrl'],
    ['no connections', 'http://server.test', { connections: 0 }, 'InvalidOption'],
    ['too many connections', 'http://server.test', { connections: 10_001 }, 'InvalidOption'],
    ['half a connection', 'http://server.test', { connections: 1.5 }, 'InvalidOption'],
    ['a negative timeout', 'http://server.test', { timeout: -1 }, 'InvalidOption'],
    ['a negative wait', 'http://server.test', { acquireTimeout: -1 }, 'InvalidOption'],
    ['a negative queue', 'http://server.test', { maxQueue: -1 }, 'InvalidOption'],
    ['a pause of nothing', 'http://server.test', { backoff: { initial: 0 } }, 'InvalidOption'],
    ['keepWarm without a request', 'http://server.test', { keepWarm: { interval: 100 } as never }, 'InvalidOption'],
    ['an injected default header', 'http://server.test', { defaultHeaders: { A: 'b\r\nC: d' } }, 'InvalidOption'],
    ['an injected base path', 'http://server.test', { basePath: '/a b' }, 'InvalidOption'],
  ])('refuses %s', async (_, url, options, code) => {
    const world = makeRestWorld()
    await expect(world.Pool.connect(url as string, options)).rejects.toMatchObject({ code })
    expect(world.server.dials).toEqual([])
  })

  test('takes base path, credentials and default headers from where they are given', async () => {
    const world = makeRestWorld()
    const pool = await world.Pool.connect('http://user:pa%20ss@server.test:8080/v3/', { defaultHeaders: { 'X-Key': 'k', 'x-Two': ['1', '2'] } })
    const asking = pool.request('GET', '/time')
    await world.settle()
    await asking
    expect(world.server.requests[0]?.head.split('\r\n')).toEqual([
      'GET /v3/time HTTP/1.1',
      'Host: server.test:8080',
      'Connection: keep-alive',
      'X-Key: k',
      'x-Two: 1',
      'x-Two: 2',
      `Authorization: Basic ${btoa('user:pa ss')}`,
    ])
  })
})

describe('a lazy pool', () => {
  test('is there before its server, and its connections are opened in the background', async () => {
    const world = makeRestWorld()
    const events: unknown[] = []
    const observer = {
      onSlotUp: ({ slot, reason, attempts, outage }: SlotUpEvent) => events.push([slot, reason, attempts, outage]),
    }
    world.server.onDial = () => refused()
    const { pool } = await openPool({ lazy: true, connections: 2, observer, backoff: { jitter: 0 } }, world)
    expect([pool.tryAcquire(), pool.available, pool.stats.healing]).toEqual([null, 0, 2])
    await world.clock.advance(250)
    expect(pool.stats.failedAttempts).toBe(4)
    const asking = pool.request('GET', '/early')
    const ready = pool.ready()
    expect(await outcomeOf(world, ready)).toBe('pending')
    world.server.onDial = () => 0
    await world.clock.advance(50)
    await ready
    expect((await asking).text()).toBe('GET /early')
    expect(events).toEqual([
      [0, 'first', 3, 0],
      [1, 'first', 3, 0],
    ])
    expect(pool.stats).toMatchObject({ idle: 2, healed: 0, lost: 0, renewed: 0 })
    expect(await pool.ready()).toBe(undefined)
  })

  test('ready rejects after its limit with why the last attempt failed', async () => {
    const world = makeRestWorld()
    world.server.onDial = () => refused()
    const { pool } = await openPool({ lazy: true, acquireTimeout: 300 }, world)
    for (const [options, limit] of [
      [{ timeout: 70 }, 70],
      [{}, 300],
    ] as const) {
      const ready = pool.ready(options)
      await world.clock.advance(limit - 1)
      expect(await outcomeOf(world, ready)).toBe('pending')
      await world.clock.advance(1)
      expect(await failure(ready)).toMatchObject({
        code: 'AcquireTimeout',
        requestSent: 'nothing',
        elapsed: limit,
        message: expect.stringContaining('refused'),
        cause: { code: 'ConnectRefused' },
      })
    }
    const controller = new AbortController()
    const aborted = pool.ready({ signal: controller.signal })
    const closed = pool.ready()
    controller.abort(new Error('enough'))
    expect(await failure(aborted)).toMatchObject({ code: 'RequestAborted', cause: new Error('enough') })
    const closing = pool.close()
    expect(await failure(closed)).toMatchObject({ code: 'PoolClosed' })
    expect(await failure(pool.ready())).toMatchObject({ code: 'PoolClosed' })
    await closing
    expect(world.clock.pending).toBe(0)
  })

  test('ready resolves at once where a connection is open, and waits again when all are lost', async () => {
    const { pool, world } = await openPool()
    expect(await outcomeOf(world, pool.ready())).toBe(undefined)
    const slot = pool.tryAcquire() as ClientSlot
    expect(await outcomeOf(world, pool.ready())).toBe(undefined)
    slot.release()
    world.server.onDial = () => 10
    world.server.last.end.reset()
    await world.settle()
    const again = pool.ready()
    expect(await outcomeOf(world, again)).toBe('pending')
    await world.clock.advance(10)
    expect(await outcomeOf(world, again)).toBe(undefined)
  })

  test('can be closed, or never begun', async () => {
    const world = makeRestWorld()
    world.server.onDial = () => 1_000
    const { pool } = await openPool({ lazy: true, connections: 3 }, world)
    await world.settle()
    await pool.close()
    expect([world.server.open.length, world.clock.pending]).toEqual([0, 0])
    await expect(world.Pool.connect('http://server.test', { lazy: true, signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no')
    await expect(world.Pool.connect('http://server.test', { lazy: 1 as never })).rejects.toMatchObject({ code: 'InvalidOption' })
    expect(world.server.dials.length).toBe(3)
  })
})

describe('a slot', () => {
  test('is handed out last used first', async () => {
    const { pool } = await openPool({ connections: 3 })
    const a = pool.tryAcquire() as ClientSlot
    const b = pool.tryAcquire() as ClientSlot
    const [first, second] = [a.index, b.index]
    a.release()
    b.release()
    expect((pool.tryAcquire() as ClientSlot).index).toBe(second)
    expect((pool.tryAcquire() as ClientSlot).index).toBe(first)
  })

  test('can be released once: a second release, or one by `using`, does nothing to its next holder', async () => {
    const { pool } = await openPool()
    const old = pool.tryAcquire() as ClientSlot
    old.release()
    const held = pool.tryAcquire() as ClientSlot
    old.release()
    old[Symbol.dispose]()
    expect([pool.available, pool.tryAcquire()]).toEqual([0, null])
    expect(await failure(old.send(held.writer.get('/').finish()))).toMatchObject({ code: 'SlotReleased', requestSent: 'nothing' })
    expect(old.connection).toBe(null)
    held.release()
    expect(pool.available).toBe(1)
  })

  test('that was released does nothing to whoever has it later, however often it has changed hands', async () => {
    const { pool, world } = await openPool()
    const old = pool.tryAcquire() as ClientSlot
    old.release()
    for (let lease = 0; lease < 300; lease++) {
      const held = pool.tryAcquire() as ClientSlot
      old.release()
      expect([lease, pool.available, old === held, old.connection]).toEqual([lease, 0, false, null])
      for (const part of ['writer', 'reader'] as const) expect(() => old[part]).toThrow(expect.objectContaining({ code: 'SlotReleased' }))
      if (lease % 100 === 99) {
        const sending = held.send(held.writer.get('/').finish())
        old.release()
        await world.settle()
        expect((await sending).status).toBe(200)
      }
      held.release()
    }
    expect(pool.stats).toMatchObject({ idle: 1, lost: 0, requests: 3 })
  })

  test.each([
    ['in place', 10],
    ['on the heap', 100_000],
    ['streamed', 10],
  ] as const)('takes its response along when it is released: %s', async (what, size) => {
    const { pool, world } = await openPool()
    world.server.respond = () => ok('x'.repeat(size))
    const slot = pool.tryAcquire() as ClientSlot
    const request = slot.writer.get('/').finish()
    const sending = what === 'streamed' ? slot.sendStreaming(request).then(({ head }) => head) : slot.send(request)
    await world.settle()
    const response = await sending
    expect(response.status).toBe(200)
    const owned = response.toOwned()
    slot.release()
    for (const use of [
      () => response.status,
      () => response.reason,
      () => response.version,
      () => response.header('content-length'),
      () => response.headers(),
      () => response.fieldName(0),
      () => response.trailers(),
      () => response.body,
      () => response.bytes(),
      () => response.bodyLength,
      () => response.text(),
      () => response.isEndVerified,
      () => response.timings,
      () => response.toOwned(),
    ]) {
      expect(use).toThrow(expect.objectContaining({ code: 'StaleResponse', message: expect.stringContaining('released') }))
    }
    expect(owned.bodyLength).toBe(what === 'streamed' ? 0 : size)
  })

  test('that is released in the moment in which its response comes is still counted, and no error escapes', async () => {
    const events: unknown[] = []
    const uncaught = await uncaughtDuring(async () => {
      const { pool, world } = await openPool({ observer: { onRequest: ({ status, error }) => events.push([status, error]) } })
      const slot = pool.tryAcquire() as ClientSlot
      const sending = slot.send(slot.writer.get('/').finish())
      world.server.afterRead = () => slot.release()
      await world.settle()
      const response = await sending
      expect(() => response.status).toThrow(expect.objectContaining({ code: 'StaleResponse' }))
      expect(pool.stats).toMatchObject({ idle: 1, requests: 1 })
    })
    expect([events, uncaught]).toEqual([[[null, null]], []])
  })

  test('that is released while its request is under way is replaced, and the response reaches nobody', async () => {
    const { pool, world } = await openPool()
    world.server.respond = ({ path }, peer) => {
      if (path !== '/slow') return ok(path)
      world.clock.set(() => peer.send(ok('late')), 100)
      return null
    }
    const slot = pool.tryAcquire() as ClientSlot
    const sending = slot.send(slot.writer.get('/slow').finish())
    await world.settle()
    slot.release()
    expect(await failure(sending)).toMatchObject({ code: 'RequestAborted', requestSent: 'fully' })
    await world.settle()
    const next = pool.tryAcquire() as ClientSlot
    const answer = next.send(next.writer.get('/next').finish())
    await world.clock.advance(200)
    expect((await answer).text()).toBe('/next')
  })

  test('keeps writer and reader over a reconnect', async () => {
    const { pool, world } = await openPool()
    const slot = pool.tryAcquire() as ClientSlot
    slot.writer.defaultHeader('X-Mine', 'yes')
    const { writer, reader, connection } = slot
    slot.release()
    world.server.last.end.reset()
    await world.settle()
    const again = pool.tryAcquire() as ClientSlot
    expect([again.writer === writer, again.reader === reader, again.connection === connection]).toEqual([true, true, false])
    const answer = again.send(again.writer.get('/').finish())
    await world.settle()
    await answer
    expect(world.server.requests[0]?.head).toContain('X-Mine: yes')
  })
})

describe('a dead slot', () => {
  test.each(['end', 'reset'] as const)('that died by %s while idle is out of rotation at once, and back at once', async (how) => {
    const world = makeRestWorld()
    const { pool } = await openPool({ connections: 2 }, world)
    await world.clock.advance(2_000)
    world.server.onDial = () => 50
    world.server.peers[0]?.end[how]()
    await world.settle()
    expect(pool.stats).toMatchObject({ idle: 1, healing: 1, lost: 1 })
    await world.clock.advance(49)
    expect(pool.available).toBe(1)
    await world.clock.advance(1)
    expect(pool.stats).toMatchObject({ idle: 2, healing: 0, healed: 1 })
    expect(world.server.open.length).toBe(2)
  })

  test('in the middle of the free slots is never handed out', async () => {
    const { pool, world } = await openPool({ connections: 5 })
    world.server.onDial = () => refused()
    for (const i of [1, 3]) world.server.peers[i]?.end.reset()
    await world.settle()
    const indices = Array.from({ length: 6 }, () => pool.tryAcquire()?.index ?? null)
    expect(indices).toEqual([4, 2, 0, null, null, null])
  })

  test('is retried for ever: at once, then after 100 ms doubling to 5 s, less up to half of it at random', async () => {
    for (const [random, share] of [
      [0, 1],
      [0.999_999, 0.5],
    ] as const) {
      const world = makeRestWorld({ random: () => random })
      const { pool } = await openPool({}, world)
      await world.clock.advance(10_000)
      world.server.dials.length = 0
      world.server.onDial = () => refused()
      world.server.last.end.reset()
      await world.clock.advance(60_000)
      const gaps = world.server.dials.slice(1).map((at, i) => Math.round(at - (world.server.dials[i] as number)))
      const full = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]
      expect(gaps.slice(0, 8)).toEqual(full.map((gap) => Math.round(gap * share)))
      expect(pool.stats.failedAttempts).toBe(world.server.dials.length)
      world.server.onDial = () => 0
      await world.clock.advance(5_000)
      expect(pool.available).toBe(1)
    }
  })

  test('whose server takes connections and drops them is not dialled in a loop', async () => {
    const { pool, world } = await openPool({ backoff: { jitter: 0 } })
    world.server.dials.length = 0
    world.server.onDial = () => {
      queueMicrotask(() => world.server.last?.end.end())
      return 0
    }
    await world.clock.advance(2_000)
    world.server.last.end.reset()
    await world.clock.advance(10_000)
    expect(world.server.dials.length).toBeLessThan(10)
    expect(pool.stats.lost).toBe(world.server.dials.length + 1)
  })

  test.each([
    ['bytes that nobody asked for, and an end', ok('surplus')],
    ['an end', ''],
  ])('whose server greets each connection with %s is judged, backed off and observed', async (_, greeting) => {
    // What is there already is delivered while the connection is being made, as through a proxy.
    const world = makeRestWorld({ memory: { deliverInResume: true } })
    const downs: unknown[] = []
    const ups: unknown[] = []
    const observer = { onSlotDown: (event: unknown) => downs.push(event), onSlotUp: (event: unknown) => ups.push(event) }
    world.server.onDial = () => {
      queueMicrotask(() => {
        if (greeting !== '') world.server.last.send(greeting)
        world.server.last.end.end()
      })
      return 0
    }
    const { pool } = await openPool({ backoff: { jitter: 0 }, observer }, world)
    await world.clock.advance(10_000)
    expect(world.server.dials.length).toBeLessThan(12)
    expect(pool.stats).toMatchObject({ lost: downs.length, failures: 0 })
    expect([downs.length, ups.length, world.server.dials.length - ups.length]).toEqual([ups.length, ups.length, 0])
    world.server.onDial = () => 0
    await world.clock.advance(5_000)
    expect(pool.available).toBe(1)
  })

  test('begins with short pauses again once a connection has proved itself', async () => {
    const { pool, world } = await openPool({ backoff: { jitter: 0 } })
    world.server.onDial = (attempt) => (attempt < 6 ? refused() : 0)
    world.server.last.end.reset()
    await world.clock.advance(20_000)
    expect(pool.available).toBe(1)
    world.server.dials.length = 0
    world.server.onDial = (attempt) => (attempt < 3 ? refused() : 0)
    world.server.last.end.reset()
    const start = world.clock.now()
    await world.clock.advance(1_000)
    expect(world.server.dials.map((at) => at - start)).toEqual([0, 100, 300])
  })

  test('after a failed request: the holder is told once, releases, and the slot comes back', async () => {
    const { pool, world } = await openPool()
    world.server.respond = (_, peer) => {
      peer.end.reset()
      return null
    }
    const slot = pool.tryAcquire() as ClientSlot
    expect(await outcomeOf(world, slot.send(slot.writer.post('/order').body('{}').finish()))).toMatchObject({
      code: 'ConnectionReset',
      requestSent: 'fully',
    })
    expect(await failure(slot.send(slot.writer.get('/').finish()))).toMatchObject({ code: 'ConnectionPoisoned', requestSent: 'nothing' })
    slot.release()
    world.server.respond = () => ok('fine')
    await world.clock.advance(100)
    expect(world.server.requests.length).toBe(1)
    const answer = pool.request('GET', '/')
    await world.settle()
    expect((await answer).text()).toBe('fine')
  })

  test('of a server that answers with Connection: close serves again after each response', async () => {
    const { pool, world } = await openPool()
    world.server.respond = ({ path }, peer) => {
      queueMicrotask(() => peer.end.end())
      return ok(path, 'Connection: close\r\n')
    }
    for (let i = 0; i < 5; i++) {
      const answer = pool.request('GET', `/${i}`)
      await world.settle()
      expect((await answer).text()).toBe(`/${i}`)
    }
    expect(world.server.peers.length).toBe(6)
  })
})

describe('acquire', () => {
  test('serves those who wait first come, first served, one slot for each release', async () => {
    const { pool, world } = await openPool()
    const held = pool.tryAcquire() as ClientSlot
    const order: number[] = []
    const waiting = [0, 1, 2].map((i) =>
      pool.acquire().then((slot) => {
        order.push(i)
        return slot
      }),
    )
    await world.settle()
    expect([order, pool.stats.waiting]).toEqual([[], 3])
    held.release()
    await world.settle()
    expect([order, pool.stats.waiting]).toEqual([[0], 2])
    // Who has not waited does not overtake those who have.
    ;(await (waiting[0] as Promise<ClientSlot>)).release()
    expect(pool.tryAcquire()).toBe(null)
    await world.settle()
    expect(order).toEqual([0, 1])
  })

  test('is woken by a slot that has healed', async () => {
    const { pool, world } = await openPool()
    await world.clock.advance(5_000)
    world.server.onDial = () => 70
    world.server.last.end.reset()
    await world.settle()
    const waiting = pool.acquire()
    await world.clock.advance(69)
    expect(await outcomeOf(world, waiting)).toBe('pending')
    await world.clock.advance(1)
    expect(await outcomeOf(world, waiting)).toMatchObject({ index: 0 })
  })

  test('gives up after its timeout, to the millisecond, and gets nothing afterwards', async () => {
    const { pool, world } = await openPool()
    const held = pool.tryAcquire() as ClientSlot
    const waiting = pool.acquire({ timeout: 30 })
    waiting.catch(() => {})
    await world.clock.advance(29)
    expect(await outcomeOf(world, waiting)).toBe('pending')
    await world.clock.advance(1)
    expect(await failure(waiting)).toMatchObject({ code: 'AcquireTimeout', requestSent: 'nothing', phase: 'queue', elapsed: 30 })
    held.release()
    expect([pool.available, pool.stats.waiting]).toEqual([1, 0])
  })

  test('uses acquireTimeout when it is not told one', async () => {
    const { pool, world } = await openPool({ acquireTimeout: 20 })
    pool.tryAcquire()
    const waiting = pool.acquire()
    waiting.catch(() => {})
    await world.clock.advance(20)
    expect(await failure(waiting)).toMatchObject({ code: 'AcquireTimeout' })
  })

  test('rejects, and does not throw, for a limit that is none', async () => {
    const { pool } = await openPool()
    await expect(pool.acquire({ timeout: -1 })).rejects.toMatchObject({ code: 'InvalidOption' })
  })

  test('leaves the queue when aborted, from its middle too', async () => {
    const { pool, world } = await openPool()
    const held = pool.tryAcquire() as ClientSlot
    const controller = new AbortController()
    const first = pool.acquire()
    const middle = pool.acquire({ signal: controller.signal })
    const last = pool.acquire()
    const reason = new Error('stop')
    controller.abort(reason)
    expect(await failure(middle)).toMatchObject({ code: 'RequestAborted', cause: reason, requestSent: 'nothing' })
    expect(await failure(pool.acquire({ signal: AbortSignal.abort() }))).toMatchObject({ code: 'RequestAborted' })
    held.release()
    ;(await first).release()
    ;(await last).release()
    await world.settle()
    expect(pool.available).toBe(1)
  })

  test.each([0, 1, 3])('refuses one more than maxQueue (%i) at once', async (maxQueue) => {
    const { pool } = await openPool({ maxQueue })
    pool.tryAcquire()
    const waiting = Array.from({ length: maxQueue }, () => pool.acquire({ timeout: 10 }))
    for (const each of waiting) each.catch(() => {})
    expect(await failure(pool.acquire())).toMatchObject({ code: 'PoolQueueFull', requestSent: 'nothing' })
    expect(pool.stats.waiting).toBe(maxQueue)
  })
})

describe('pool.request', () => {
  test('acquires, sends, copies out and releases', async () => {
    const { pool, world } = await openPool({ connections: 2 })
    const answers = ['/a', '/b', '/c', '/d', '/e'].map((path) =>
      pool.request('POST', path, { query: { q: 'x y', n: 1 }, headers: { 'X-A': '1' }, body: 'b' }),
    )
    await world.settle()
    const texts = (await Promise.all(answers)).map((response) => [response.status, response.text()])
    expect(texts).toEqual(['/a', '/b', '/c', '/d', '/e'].map((path) => [200, `POST ${path}?q=x%20y&n=1`]))
    expect(pool.stats).toMatchObject({ idle: 2, leased: 0, requests: 5 })
  })

  test('refuses a body whose end nothing verifies when the pool or the request says so, and its response tells otherwise', async () => {
    for (const [ofPool, ofRequest, isRefused] of [
      [undefined, undefined, false],
      [true, undefined, true],
      [false, true, true],
      [true, false, false],
    ] as const) {
      const { pool, world } = await openPool({ requireVerifiedEnd: ofPool })
      world.server.respond = (_, peer) => {
        peer.send('HTTP/1.1 200 OK\r\n\r\nall of it')
        peer.end.end()
        return null
      }
      const expected = isRefused ? { code: 'ResponseInvalid', cause: { code: 'UnverifiedEnd' } } : { status: 200, isEndVerified: false }
      expect(await outcomeOf(world, pool.request('GET', '/', { requireVerifiedEnd: ofRequest }))).toMatchObject(expected)
      const closing = pool.close()
      await world.settle()
      await closing
    }
  })

  test('counts the wait for a slot in its one deadline', async () => {
    const { pool, world } = await openPool()
    pool.tryAcquire()
    const asking = pool.request('GET', '/', { timeout: 40 })
    asking.catch(() => {})
    await world.clock.advance(40)
    expect(await failure(asking)).toMatchObject({ code: 'RequestTimeout', phase: 'queue', requestSent: 'nothing', cause: { code: 'AcquireTimeout' } })
  })

  test('has what is left of its deadline for the response, and tells the wait', async () => {
    const { pool, world } = await openPool()
    world.server.respond = ({ path }, peer) => {
      world.clock.set(() => peer.send(ok(path)), 30)
      return null
    }
    const held = pool.tryAcquire() as ClientSlot
    const timely = pool.request('GET', '/timely', { timeout: 60 })
    const late = pool.request('GET', '/late', { timeout: 75 })
    late.catch(() => {})
    world.clock.set(() => held.release(), 25)
    await world.clock.advance(60)
    expect((await timely).timings).toMatchObject({ queued: 25, total: 30 })
    await world.clock.advance(15)
    expect(await failure(late)).toMatchObject({ code: 'RequestTimeout', phase: 'first byte', requestSent: 'fully' })
  })

  test('releases its slot when the request can’t be built', async () => {
    const { pool } = await openPool()
    await expect(pool.request('GET', '/a b')).rejects.toMatchObject({ code: 'HeaderInjection' })
    await expect(pool.request('GET', '/', { headers: { 'X-A': 'a\r\nB: c' } })).rejects.toMatchObject({ code: 'HeaderInjection' })
    await expect(pool.request('GET', '/', { body: 'x'.repeat(40_000) })).rejects.toMatchObject({ code: 'RequestTooLarge' })
    expect(pool.available).toBe(1)
  })

  test('is sent again only when nothing of it has left, and only when asked', async () => {
    for (const retryUnsent of [0, 1, 3]) {
      const { pool, world } = await openPool({ connections: 1 })
      // A connection that dies with the write: nothing has left.
      const transport = world.server.transports.at(-1) as Transport
      transport.write = () => {
        queueMicrotask(() => world.server.last.end.reset())
        return false
      }
      const asking = pool.request('POST', '/order', { retryUnsent })
      const outcome = await outcomeOf(world, asking)
      if (retryUnsent === 0) {
        expect(outcome).toMatchObject({ code: 'ConnectionReset', requestSent: 'nothing' })
        expect(world.server.requests).toEqual([])
      } else {
        await world.clock.advance(100)
        expect((await asking).text()).toBe('POST /order')
        expect(world.server.requests.length).toBe(1)
      }
    }
  })

  test('is never sent again when some of it may have left', async () => {
    const { pool, world } = await openPool()
    world.server.respond = (_, peer) => {
      peer.end.reset()
      return null
    }
    expect(await outcomeOf(world, pool.request('GET', '/', { retryUnsent: 10 }))).toMatchObject({ code: 'ConnectionReset', requestSent: 'fully' })
    await world.clock.advance(60_000)
    expect(world.server.requests.length).toBe(1)
  })
})

test('a method in the wrong case is refused before a slot is taken', async () => {
  const { pool, world } = await openPool()
  const slot = pool.tryAcquire()
  await expect(pool.request('get', '/')).rejects.toMatchObject({ code: 'InvalidOption', message: expect.stringContaining("did you mean 'GET'?") })
  await expect(pool.request(undefined as never, '/')).rejects.toMatchObject({ code: 'InvalidOption' })
  slot?.release()
  const own = pool.request('purge', '/a')
  await world.clock.advance(1)
  expect((await own).text()).toBe('purge /a')
})

test('a path that climbs out of the base path is refused, and nothing is sent', async () => {
  const world = makeRestWorld()
  const pool = await world.Pool.connect('http://server.test/v3')
  for (const path of ['/../admin', '/%2e%2e/admin', '/a/..%2f../admin']) {
    await expect(pool.request('GET', path)).rejects.toMatchObject({ code: 'InvalidUrl' })
  }
  await expect(pool.fetch('/../admin')).rejects.toMatchObject({ name: 'TypeError', cause: { code: 'InvalidUrl' } })
  expect(world.server.requests).toEqual([])
  await expect(world.Pool.connect('http://server.test', { basePath: '/v3/../..' })).rejects.toMatchObject({ code: 'InvalidOption' })
  const within = pool.request('GET', '/a/../b')
  await world.clock.advance(1)
  expect((await within).text()).toBe('GET /v3/a/../b')
})

describe('pool.fetch', () => {
  test('gives a standard Response', async () => {
    const { pool, world } = await openPool()
    world.server.respond = ({ head, body }) =>
      `HTTP/1.1 201 Created\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: ${body.length}\r\n\r\n${body || head.slice(0, 0)}`
    const fetching = pool.fetch('/orders?x=1', { method: 'POST', body: '{"a":1}', headers: { 'Content-Type': 'application/json' } })
    await world.clock.advance(1)
    const response = await fetching
    expect(response).toBeInstanceOf(Response)
    expect([response.status, response.statusText, response.headers.get('x-a'), await response.json()]).toEqual([201, 'Created', '1, 2', { a: 1 }])
    expect(world.server.requests[0]?.line).toBe('POST /orders?x=1 HTTP/1.1')
    expect(world.server.requests[0]?.head).toContain('content-type: application/json')
  })

  test('takes URLs of its server, below its base path, and Request objects', async () => {
    const world = makeRestWorld()
    const pool = await world.Pool.connect('http://server.test/v3')
    for (const input of ['http://server.test/v3/a', new URL('http://server.test/v3/a'), new Request('http://server.test/v3/a#x'), '/a']) {
      const fetching = pool.fetch(input)
      await world.clock.advance(1)
      expect(await (await fetching).text()).toBe('GET /v3/a')
    }
    for (const input of ['http://other.test/v3/a', 'https://server.test/v3/a', 'http://server.test/v4/a', 'http://server.test/v33']) {
      await expect(pool.fetch(input)).rejects.toMatchObject({ name: 'TypeError', cause: { code: 'InvalidUrl' } })
    }
  })

  test.each([204, 304])('makes a Response of %i, which has no body', async (status) => {
    const { pool, world } = await openPool()
    world.server.respond = () => `HTTP/1.1 ${status} X\r\n\r\n`
    const fetching = pool.fetch('/')
    await world.clock.advance(1)
    expect((await fetching).status).toBe(status)
  })

  test('fails as fetch does: a TypeError with a cause, or the signal’s reason', async () => {
    const { pool, world } = await openPool()
    world.server.respond = (_, peer) => {
      peer.end.reset()
      return null
    }
    const failing = pool.fetch('/')
    failing.catch(() => {})
    await world.clock.advance(1)
    await expect(failing).rejects.toThrow(TypeError)
    await expect(failing).rejects.toMatchObject({ cause: { code: 'ConnectionReset', requestSent: 'fully' } })
    const controller = new AbortController()
    world.server.respond = () => null
    const aborted = pool.fetch('/', { signal: controller.signal })
    aborted.catch(() => {})
    await world.clock.advance(1)
    const reason = new Error('away')
    controller.abort(reason)
    await expect(aborted).rejects.toBe(reason)
  })
})

describe('closing', () => {
  test('tells those who wait, lets requests under way finish, and then ends', async () => {
    const { pool, world } = await openPool({ connections: 2 })
    world.server.respond = ({ path }, peer) => {
      world.clock.set(() => peer.send(ok(path)), 100)
      return null
    }
    const under = [pool.request('GET', '/1'), pool.request('GET', '/2')]
    const waiting = pool.acquire()
    waiting.catch(() => {})
    await world.settle()
    const closing = pool.close()
    expect(pool.close()).toBe(closing)
    expect(await failure(waiting)).toMatchObject({ code: 'PoolClosed' })
    expect(await failure(pool.acquire())).toMatchObject({ code: 'PoolClosed' })
    expect(pool.tryAcquire()).toBe(null)
    await world.clock.advance(99)
    expect(await outcomeOf(world, closing)).toBe('pending')
    await world.clock.advance(1)
    expect((await Promise.all(under)).map((response) => response.text())).toEqual(['/1', '/2'])
    await world.settle()
    expect(await outcomeOf(world, closing)).toBe(undefined)
    expect([world.server.open.length, world.clock.pending]).toEqual([0, 0])
  })

  test('cuts what is still under way after its timeout', async () => {
    const { pool, world } = await openPool()
    world.server.respond = () => null
    const under = pool.request('GET', '/')
    under.catch(() => {})
    await world.settle()
    const closing = pool.close({ timeout: 50 })
    await world.clock.advance(50)
    expect(await failure(under)).toMatchObject({ code: 'RequestAborted', requestSent: 'fully' })
    expect(await outcomeOf(world, closing)).toBe(undefined)
    expect(world.clock.pending).toBe(0)
  })

  test.each([
    [[0, 30], 30],
    [[30, 0], 30],
    [[50, 30], 30],
    [[30, 50], 30],
    [[0, 0, 40], 40],
  ])('of several limits (%j) the earliest counts', async (timeouts, at) => {
    const { pool, world } = await openPool()
    const slot = pool.tryAcquire() as ClientSlot
    const closings = timeouts.map((timeout) => pool.close({ timeout }))
    await world.clock.advance(at - 1)
    expect(slot.connection?.state).toBe('idle')
    await world.clock.advance(1)
    await Promise.all(closings)
    expect([world.server.open.length, world.clock.pending]).toEqual([0, 0])
  })

  test('and a limit that comes later is counted from its own call', async () => {
    const { pool, world } = await openPool()
    pool.tryAcquire()
    const closing = pool.close()
    await world.clock.advance(1_000)
    expect(pool.close({ timeout: 100 })).toBeInstanceOf(Promise)
    await world.clock.advance(99)
    expect(await outcomeOf(world, closing)).toBe('pending')
    await world.clock.advance(1)
    expect(await outcomeOf(world, closing)).toBe(undefined)
  })

  /** How each event of a pool comes about. */
  const occasions: Record<Exclude<keyof PoolObserver, 'onCorruption'>, (pool: ClientPool, world: RestWorld) => unknown> = {
    onSlotUp: (_, world) => world.server.last.end.reset(),
    onSlotDown: (_, world) => world.server.last.end.end(),
    onAttemptFailed: (_, world) => {
      world.server.onDial = refused
      world.server.last.end.reset()
    },
    onLeak: (pool) => pool.tryAcquire(),
    onWait: (pool) => {
      pool.tryAcquire()
      pool.acquire().catch(() => {})
    },
    onRequest: (pool) => pool.request('GET', '/').catch(() => {}),
    onKeepWarmFailed: () => {},
  }

  test.each(Object.keys(occasions) as (keyof typeof occasions)[])('from %s ends the pool', async (name) => {
    const world = makeRestWorld()
    const { pool } = await openPool({ leakTimeout: 1_000, keepWarm: { interval: 500, request: () => null as never } }, world)
    let closing: Promise<void> | null = null
    pool.observe({
      [name]: () => {
        closing ??= pool.close({ timeout: 10 })
      },
    })
    occasions[name](pool, world)
    await world.clock.advance(5_000)
    expect(await outcomeOf(world, closing ?? Promise.resolve('was never called'))).toBe(undefined)
    expect([pool.tryAcquire(), pool.stats.idle, pool.stats.healing, world.server.open.length, world.clock.pending]).toEqual([null, 0, 0, 0, 0])
  })

  test('from onSlotUp of a renewal ends the pool', async () => {
    const { pool, world } = await openPool({ maxAge: 1_000 })
    let closing: Promise<void> | null = null
    pool.observe({
      onSlotUp: ({ reason }) => {
        expect(reason).toBe('renewal')
        closing = pool.close()
      },
    })
    await world.clock.advance(2_000)
    expect(await outcomeOf(world, closing ?? Promise.resolve('was never called'))).toBe(undefined)
    expect([pool.tryAcquire(), world.server.open.length, world.clock.pending]).toEqual([null, 0, 0])
  })

  test('ends healing', async () => {
    const { pool, world } = await openPool({ connections: 3 })
    world.server.onDial = (attempt) => (attempt % 2 === 0 ? refused() : 10_000)
    for (const peer of world.server.peers) peer.end.reset()
    await world.clock.advance(50)
    const closing = pool.close()
    expect(await outcomeOf(world, closing)).toBe(undefined)
    const { length } = world.server.dials
    await world.clock.advance(60_000)
    expect([world.server.dials.length, world.clock.pending]).toEqual([length, 0])
  })
})

test('observers are told what happens, in order, and can leave', async () => {
  const world = makeRestWorld()
  const events: unknown[] = []
  const { pool } = await openPool({ observer: { onSlotUp: ({ slot, reason }) => events.push(['up', slot, reason]) } }, world)
  const leave = pool.observe({
    onSlotDown: ({ slot, error, inUse, requests }) => events.push(['down', slot, (error as { code?: string } | null)?.code, inUse, requests]),
    onAttemptFailed: ({ attempt, retryIn }) => events.push(['failed', attempt, retryIn]),
    onWait: ({ waiting }) => events.push(['wait', waiting]),
    onRequest: ({ status, error, duration }) => events.push(['request', status, error?.code ?? null, duration]),
  })
  const first = pool.request('GET', '/')
  const second = pool.request('GET', '/')
  await world.settle()
  await Promise.all([first, second])
  world.server.respond = (_, peer) => {
    peer.end.reset()
    return null
  }
  world.server.onDial = (attempt) => (attempt === 2 ? refused() : 0)
  await outcomeOf(world, pool.request('GET', '/'))
  await world.clock.advance(100)
  leave()
  world.server.last.end.reset()
  await world.settle()
  expect(events).toEqual([
    ['up', 0, 'first'],
    ['wait', 1],
    ['request', 200, null, 0],
    ['request', 200, null, 0],
    ['down', 0, 'ConnectionReset', true, 2],
    ['request', null, 'ConnectionReset', 0],
    ['failed', 1, 100],
    ['up', 0, 'heal'],
    ['up', 0, 'heal'],
  ])
})

test.each([
  ['that throws', () => Promise.resolve()],
  ['whose promise rejects', () => Promise.reject(new Error('a mistake'))],
])('an observer %s disturbs nobody but the process', async (what, rejecting) => {
  const uncaught = await uncaughtDuring(async () => {
    const mistaken = (): Promise<void> => {
      if (what === 'that throws') throw new Error('a mistake')
      return rejecting()
    }
    const { pool, world } = await openPool({ observer: { onSlotDown: mistaken, onSlotUp: mistaken, onRequest: mistaken } })
    world.server.last.end.reset()
    await world.settle()
    const asking = pool.request('GET', '/')
    await world.settle()
    expect((await asking).text()).toBe('GET /')
    expect(pool.stats).toMatchObject({ idle: 1, healed: 1 })
  })
  expect(uncaught).toEqual(Array(4).fill(new Error('a mistake')))
})

test('a streamed response is observed and counted like any other', async () => {
  const seen: unknown[] = []
  const { pool, world } = await openPool({ observer: { onRequest: ({ status }) => seen.push(status) } })
  const slot = pool.tryAcquire() as ClientSlot
  const opening = slot.sendStreaming(slot.writer.get('/').finish())
  await world.settle()
  expect(await (await opening).read()).toEqual(new TextEncoder().encode('GET /'))
  slot.release()
  expect([seen, pool.stats.requests, pool.available]).toEqual([[200], 1, 1])
})

test('under random faults every request has one outcome, its own answer, and all slots come back', async () => {
  let seed = 12_345
  const random = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff
    return seed / 0x7fffffff
  }
  const world = makeRestWorld({ random, memory: { maxDelivery: 40, seed: 7 } })
  world.server.onDial = () => (random() < 0.3 ? refused() : Math.floor(random() * 20))
  const opening = (async () => {
    for (;;) {
      try {
        return await world.Pool.connect('http://server.test', { connections: 4, timeout: 300 })
      } catch {}
    }
  })()
  await world.clock.advance(5_000)
  const pool = await opening
  world.server.respond = ({ path }, peer) => {
    const fate = random()
    if (fate < 0.05) peer.end.reset()
    else if (fate < 0.1) peer.end.end()
    else if (fate < 0.15) peer.send(ok(path) + (random() < 0.5 ? ok('surplus') : ''))
    else if (fate < 0.2) return `${ok(path).slice(0, 20)}`
    else if (fate < 0.5) world.clock.set(() => peer.send(ok(path)), Math.floor(random() * 50))
    else return ok(path)
    return null
  }
  const outcomes: Promise<void>[] = []
  let answered = 0
  let failed = 0
  for (let i = 0; i < 3_000; i++) {
    const path = `/order/${i}`
    outcomes.push(
      pool.request('POST', path, { timeout: 1_000, retryUnsent: 2 }).then(
        (response) => {
          answered++
          expect(response.text()).toBe(path)
        },
        (error) => {
          failed++
          expect(error).toMatchObject({ requestSent: expect.stringMatching(/^(nothing|partly|fully)$/) })
        },
      ),
    )
    if (i % 3 === 0) await world.clock.advance(Math.floor(random() * 30))
  }
  await world.clock.advance(60_000)
  await Promise.all(outcomes)
  expect(answered + failed).toBe(3_000)
  expect(answered).toBeGreaterThan(1_000)
  const seen = new Set(world.server.requests.map(({ path }) => path))
  expect(seen.size).toBe(world.server.requests.length)
  world.server.onDial = () => 0
  await world.clock.advance(10_000)
  expect(pool.stats).toMatchObject({ idle: 4, leased: 0, healing: 0, waiting: 0 })
  const closing = pool.close()
  await world.clock.advance(2_000)
  await closing
  expect(world.clock.pending).toBe(0)
})

describe('a caller’s signal', () => {
  test('has one listener for a pool, whatever it covers, and none afterwards', async () => {
    const world = makeRestWorld()
    const { signal, listeners, most } = countedSignal()
    const pool = await world.Pool.connect('http://server.test', { connections: 11, signal })
    expect([most(), listeners()]).toEqual([1, 0])
    world.server.respond = ({ path }, peer) => {
      world.clock.set(() => peer.send(ok(path)), 10)
      return null
    }
    const asking = Array.from({ length: 40 }, (_, i) => pool.request('GET', `/${i}`, { signal }))
    const fetching = Array.from({ length: 10 }, (_, i) => pool.fetch(`/${i}`, { signal }))
    const waiting = pool.acquire({ signal })
    await world.clock.advance(5)
    expect([pool.stats.waiting > 0, listeners(), most()]).toEqual([true, 1, 1])
    await world.clock.advance(100)
    await Promise.all([...asking, ...fetching])
    ;(await waiting).release()
    expect([most(), listeners()]).toEqual([1, 0])
  })

  test('ends all that it covers', async () => {
    const { pool, world } = await openPool({ connections: 2 })
    const { controller, signal, listeners } = countedSignal()
    world.server.respond = () => null
    const all = [pool.request('GET', '/', { signal }), pool.request('GET', '/', { signal }), pool.acquire({ signal }), pool.fetch('/', { signal })]
    for (const each of all) each.catch(() => {})
    await world.clock.advance(1)
    controller.abort(new Error('enough'))
    for (const each of all.slice(0, 3)) expect(await failure(each)).toMatchObject({ code: 'RequestAborted', cause: new Error('enough') })
    await expect(all[3]).rejects.toEqual(new Error('enough'))
    await world.clock.advance(100)
    expect([listeners(), pool.stats.waiting, pool.available]).toEqual([0, 0, 2])
  })

  test('the pool’s own has one listener too, however many connections heal', async () => {
    const warnings: unknown[] = []
    const warned = (warning: Error): void => void warnings.push(warning)
    process.on('warning', warned)
    const { pool, world } = await openPool({ connections: 15 })
    world.server.onDial = (attempt) => (attempt < 40 ? refused() : 10)
    for (const peer of world.server.peers) peer.end.reset()
    await world.clock.advance(10_000)
    expect(pool.available).toBe(15)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', warned)
    expect(warnings).toEqual([])
  })

  test.each([
    ['an AbortController', new AbortController()],
    ['a number', 5],
    ['a string', 'signal'],
    ['an object', {}],
    ['an array', []],
    ['a function', () => {}],
  ])('that is %s is refused before anything begins', async (_, value) => {
    const signal = value as unknown as AbortSignal
    const refusal = { code: 'InvalidOption', message: expect.stringContaining('signal must be an AbortSignal') }
    const { pool, world } = await openPool()
    const timers = world.clock.pending
    await expect(pool.request('GET', '/', { signal })).rejects.toMatchObject(refusal)
    await expect(pool.fetch('/', { signal })).rejects.toThrow(TypeError)
    const slot = pool.tryAcquire() as ClientSlot
    await expect(slot.send(slot.writer.get('/').finish(), { signal })).rejects.toMatchObject(refusal)
    await expect(slot.sendStreaming(slot.writer.get('/').finish(), { signal })).rejects.toMatchObject(refusal)
    expect(slot.connection?.state).toBe('idle')
    const next = pool.acquire()
    await expect(pool.acquire({ timeout: 10, signal })).rejects.toMatchObject(refusal)
    expect(pool.stats.waiting).toBe(1)
    await world.clock.advance(20)
    expect(pool.stats.waiting).toBe(1)
    slot.release()
    ;(await next).release()
    await expect(world.Pool.connect('http://server.test', { signal })).rejects.toMatchObject(refusal)
    await expect(world.Connection.connect('http://server.test', { signal })).rejects.toMatchObject(refusal)
    expect([pool.stats.waiting, pool.available, world.server.peers.length, world.server.requests.length]).toEqual([0, 1, 1, 0])
    expect(world.clock.pending).toBe(timers)
  })

  test('that is null is none', async () => {
    const { pool, world } = await openPool()
    const signal = null as unknown as undefined
    const asking = [pool.request('GET', '/', { signal }), pool.fetch('/', { signal: null })]
    await world.clock.advance(1)
    for (const each of await Promise.all(asking)) expect(each.status).toBe(200)
    ;(await pool.acquire({ signal })).release()
    expect(await world.Pool.connect('http://server.test', { signal })).toBeInstanceOf(world.Pool)
    expect(pool.available).toBe(1)
  })
})

test('a pool whose slots can never be healed again tells everybody why, each time', async () => {
  const world = makeRestWorld()
  const pool = await world.Pool.connect('http://server.test', { connections: 2, leakTimeout: 0 })
  const held = [pool.tryAcquire(), pool.tryAcquire()]
  const waiting = failure(pool.acquire({ timeout: 0 }))
  // The next pause between attempts cannot be had: no further attempt would mend that.
  world.server.onDial = () => new Error('refused')
  for (const { end } of world.server.peers) end.destroy()
  await world.settle()
  Object.assign(world.runtime.clock, {
    set: () => {
      throw new Error('timers belong to another request')
    },
  })
  for (const slot of held) slot?.release()
  await world.settle()
  const told = { code: 'PoolClosed', requestSent: 'nothing', message: expect.stringContaining('timers belong to another request') }
  expect(await waiting).toMatchObject(told)
  for (let i = 0; i < 3; i++) {
    expect(await failure(pool.acquire({ timeout: 0 }))).toMatchObject(told)
    expect(await failure(pool.ready({ timeout: 0 }))).toMatchObject(told)
    expect(pool.tryAcquire()).toBe(null)
  }
  await pool.close()
  expect(await failure(pool.acquire())).toMatchObject({ code: 'PoolClosed', message: 'the pool was closed' })
})
