/** What a pool does while nobody asks: renewing, keeping warm, looking for leaks. */

import { describe, expect, test } from 'vitest'
import { TransportError } from '../../../src/errors.ts'
import type { ClientPool } from '../../../src/rest/client-pool.ts'
import type { ClientPoolOptions } from '../../../src/rest/options.ts'
import type { ClientSlot } from '../../../src/rest/slot.ts'
import type { Runtime } from '../../../src/runtime.ts'
import type { Transport } from '../../../src/transport/transport.ts'
import { type Mutable, makeRestWorld, ok, outcomeOf, type RestWorld } from './harness.ts'

async function openPool(options: ClientPoolOptions = {}, random: () => number = () => 0): Promise<{ pool: ClientPool; world: RestWorld }> {
  const world = makeRestWorld({ random })
  return { world, pool: await world.Pool.connect('http://server.test', options) }
}

async function get(pool: ClientPool, world: RestWorld): Promise<void> {
  const asking = pool.request('GET', '/')
  await world.settle()
  await asking
}

/** Milliseconds in which a successor is looked at. */
const LOOK = 2

describe('a connection is renewed', () => {
  test('before the server’s Keep-Alive timeout, less the margin, counted from its last response', async () => {
    const { pool, world } = await openPool({ keepAliveMargin: 1_000 })
    world.server.respond = () => ok('', 'Keep-Alive: timeout=5, max=100\r\n')
    await get(pool, world)
    await world.clock.advance(3_000)
    await get(pool, world)
    await world.clock.advance(3_999)
    expect([world.server.dials.length, pool.stats.renewed]).toEqual([1, 0])
    await world.clock.advance(1)
    expect([world.server.dials.length, pool.available]).toEqual([2, 1])
    await world.clock.advance(LOOK)
    expect([world.server.dials.length, pool.stats.renewed, pool.stats.lost]).toEqual([2, 1, 0])
    expect([pool.available, world.server.open.length]).toEqual([1, 1])
    // Of the new connection nothing is known yet.
    await world.clock.advance(60_000)
    expect(world.server.dials.length).toBe(2)
  })

  test.each([
    [2, 1_000],
    [60, 59_000],
  ])('with timeout=%i after %i ms', async (timeout, after) => {
    const { pool, world } = await openPool()
    world.server.respond = () => ok('', `Keep-Alive: timeout=${timeout}\r\n`)
    await get(pool, world)
    await world.clock.advance(after - 1)
    expect(world.server.dials.length).toBe(1)
    await world.clock.advance(1)
    expect(world.server.dials.length).toBe(2)
    await world.clock.advance(LOOK)
    expect(pool.stats.renewed).toBe(1)
  })

  // What is left of a second is nothing to build on: the hint counts whole seconds, and is rounded down or not.
  test.each([
    [0, 1_000, 0],
    [1, 1_000, 0],
    [1, 5_000, 0],
    [1, 400, 600],
    [1, 0, 1_000],
    [2, 1_500, 1_000],
  ])(
    'with timeout=%i and a margin of %i ms, to the millisecond also while it is given back, after %i ms',
    async (timeout, keepAliveMargin, after) => {
      const { pool, world } = await openPool({ keepAliveMargin })
      world.server.respond = () => ok('', `Keep-Alive: timeout=${timeout}\r\n`)
      const slot = pool.tryAcquire() as ClientSlot
      const sending = slot.send(slot.writer.get('/').finish())
      await world.settle()
      await sending
      slot.release()
      if (after > 0) {
        await world.clock.advance(after - 1)
        expect([world.server.dials.length, pool.available]).toEqual([1, 1])
        await world.clock.advance(1)
        expect([world.server.dials.length, pool.available]).toEqual([2, 1])
        await world.clock.advance(LOOK)
      }
      await world.settle()
      expect(pool.stats).toMatchObject({ renewed: 1, lost: 0, idle: 1 })
    },
  )

  test.each([0, 1])('and no request is lost to a server that says timeout=%i and closes 3 ms after its answer', async (timeout) => {
    const { pool, world } = await openPool()
    const reasons: string[] = []
    pool.observe({ onSlotUp: ({ reason, outage }) => reasons.push(`${reason} ${outage}`) })
    world.server.respond = (_, peer) => {
      world.clock.set(() => peer.end.end(), 3)
      return ok('', `Keep-Alive: timeout=${timeout}\r\n`)
    }
    for (let i = 0; i < 100; i++) {
      const asking = pool.request('POST', '/order', { body: '{}' })
      await world.clock.advance(i % 7)
      expect((await asking).status).toBe(200)
    }
    expect(new Set(reasons)).toEqual(new Set(['renewal 0']))
    expect(pool.stats).toMatchObject({ requests: 100, failures: 0, lost: 0, renewed: 100 })
  })

  test('after maxIdle', async () => {
    const { pool, world } = await openPool({ maxIdle: 10_000 })
    await world.clock.advance(9_000)
    await get(pool, world)
    await world.clock.advance(9_999)
    expect(world.server.dials.length).toBe(1)
    await world.clock.advance(1 + LOOK)
    expect([world.server.dials.length, pool.stats.renewed]).toEqual([2, 1])
  })

  test('at maxAge however busy, less up to a tenth at random, and never while it is held', async () => {
    for (const [random, at] of [
      [0, 1_000],
      [0.5, 950],
    ] as const) {
      const { pool, world } = await openPool({ maxAge: 1_000 }, () => random)
      await world.clock.advance(at - 1)
      const slot = pool.tryAcquire() as ClientSlot
      const { connection } = slot
      await world.clock.advance(500)
      // Its successor is there, and waits.
      expect([world.server.dials.length, slot.connection === connection, connection?.state]).toEqual([2, true, 'idle'])
      const sending = slot.send(slot.writer.get('/held').finish())
      await world.settle()
      expect((await sending).text()).toBe('GET /held')
      slot.release()
      await world.settle()
      // Until the successor was seen alive, the old one can be had.
      expect([pool.stats.renewed, pool.available, connection?.isPoisoned]).toEqual([0, 1, false])
      await world.clock.advance(LOOK)
      expect([pool.stats.renewed, pool.available, connection?.isPoisoned]).toEqual([1, 1, true])
      await get(pool, world)
      expect(world.server.peers[1]?.requests.length).toBe(1)
    }
  })

  test('a few at a time, with the old one serving until the new one is there', async () => {
    const { pool, world } = await openPool({ connections: 8, maxAge: 1_000 })
    world.server.onDial = () => 100
    await world.clock.advance(1_050)
    expect([world.server.dials.length, pool.available]).toEqual([10, 8])
    let least = 8
    for (let i = 0; i < 500; i++) {
      await world.clock.advance(1)
      least = Math.min(least, pool.available)
    }
    // Half a second for eight connections, two at a time, 100 ms each: all have been renewed, and the pool was never short for a millisecond.
    expect([pool.stats.renewed, least]).toEqual([8, 8])
  })

  describe('only a few at a time, though the old ones take their time to close', () => {
    /** A pool whose connections tell of their end 50 ms after it. */
    async function openSlowly(connections: number): Promise<{ pool: ClientPool; world: RestWorld }> {
      const world = makeRestWorld()
      const { dial } = world.runtime
      const slowToClose = (inner: Transport): Transport => ({
        targetCount: inner.targetCount,
        get lastWrite() {
          return inner.lastWrite
        },
        start: (user, targets) =>
          inner.start(
            {
              onRead: (index, length) => user.onRead(index, length),
              onEnd: () => user.onEnd(),
              onWritten: () => user.onWritten(),
              onClosed: (error) => void world.clock.set(() => user.onClosed(error), 50),
            },
            targets,
          ),
        resume: () => inner.resume(),
        write: (bytes) => inner.write(bytes),
        end: () => inner.end(),
        destroy: () => inner.destroy(),
      })
      Object.assign(world.runtime, { dial: async (...args: Parameters<typeof dial>) => slowToClose(await dial(...args)) })
      return { world, pool: await world.Pool.connect('http://server.test', { connections, maxAge: 1_000 }) }
    }

    /** The fewest slots that could be had in that time. */
    async function leastAvailable(pool: ClientPool, world: RestWorld, ms: number): Promise<number> {
      let least = pool.available
      for (let i = 0; i < ms; i++) {
        await world.clock.advance(1)
        least = Math.min(least, pool.available)
      }
      return least
    }

    test('when nobody uses them', async () => {
      const { pool, world } = await openSlowly(8)
      expect([await leastAvailable(pool, world, 1_900), pool.stats.renewed]).toEqual([6, 8])
    })

    test('when they are given back with their successors waiting', async () => {
      const { pool, world } = await openSlowly(8)
      const slots = Array.from({ length: 8 }, () => pool.tryAcquire() as ClientSlot)
      await world.clock.advance(1_500)
      expect([world.server.dials.length, pool.stats.renewed]).toEqual([16, 0])
      for (const slot of slots) slot.release()
      expect(pool.available).toBe(8)
      // Those whose turn has not come serve on.
      await get(pool, world)
      expect([await leastAvailable(pool, world, 400), pool.stats.renewed, pool.available]).toEqual([6, 8, 8])
      expect(world.server.dials.length).toBe(16)
    })

    test('and the pool closes in the middle of it', async () => {
      const { pool, world } = await openSlowly(4)
      const slots = Array.from({ length: 4 }, () => pool.tryAcquire() as ClientSlot)
      await world.clock.advance(1_500)
      for (const slot of slots) slot.release()
      const closing = pool.close()
      await world.clock.advance(1_000)
      await closing
      expect([world.server.open.length, world.clock.pending]).toEqual([0, 0])
    })
  })

  test('again after a pause when its successor can’t be had; the old one serves on', async () => {
    const { pool, world } = await openPool({ maxAge: 1_000 })
    world.server.onDial = () => new TransportError('ConnectRefused', 'refused')
    await world.clock.advance(3_500)
    expect([pool.available, pool.stats.failedAttempts, pool.stats.renewed]).toEqual([1, 3, 0])
    world.server.onDial = () => 0
    await world.clock.advance(500 + LOOK)
    expect([pool.available, pool.stats.renewed]).toEqual([1, 1])
  })

  describe.each([
    ['ended', 'end'],
    ['was reset', 'reset'],
    ['sent what nobody had asked for', 'send'],
  ] as const)('not by a successor that %s while it waited', (_, how) => {
    test('the healthy one serves on, and another is tried after a pause', async () => {
      const failed: unknown[] = []
      const { pool, world } = await openPool({ maxAge: 1_000, observer: { onAttemptFailed: (event) => failed.push(event) } })
      const slot = pool.tryAcquire() as ClientSlot
      const { connection } = slot
      await world.clock.advance(1_500)
      expect(world.server.peers.length).toBe(2)
      if (how === 'send') world.server.last.send(ok('surplus'))
      else world.server.last.end[how]()
      await world.clock.advance(100)
      slot.release()
      await world.clock.advance(LOOK)
      expect([pool.available, connection?.state, pool.stats.renewed, pool.stats.lost]).toEqual([1, 'idle', 0, 0])
      expect(failed).toMatchObject([{ slot: 0, error: expect.any(Error), retryIn: 1_000 }])
      await get(pool, world)
      expect(world.server.peers[0]?.requests.length).toBe(1)
      await world.clock.advance(1_100)
      expect([pool.available, connection?.state, pool.stats.renewed]).toEqual([1, 'poisoned', 1])
      await get(pool, world)
      expect(world.server.peers[2]?.requests.length).toBe(1)
      expect(world.server.open.length).toBe(1)
    })

    test('and when the old one dies at the same time, the slot heals', async () => {
      const { pool, world } = await openPool({ maxAge: 1_000 })
      const slot = pool.tryAcquire() as ClientSlot
      await world.clock.advance(1_500)
      if (how === 'send') world.server.last.send(ok('surplus'))
      else world.server.last.end[how]()
      slot.release()
      world.server.peers[0]?.end.reset()
      await world.clock.advance(2_000)
      expect(pool.stats).toMatchObject({ idle: 1, renewed: expect.any(Number), lost: 1, healed: 1 })
      await get(pool, world)
      expect([world.server.last.requests.length, world.server.open.length]).toEqual([1, 1])
    })
  })

  describe('without being missed while its successor is looked at', () => {
    test('it can be had at once, and the next look is not broken off', async () => {
      const { pool, world } = await openPool({ maxAge: 1_000 })
      await world.clock.advance(1_001)
      expect([world.server.peers.length, pool.available]).toEqual([2, 1])
      const slot = pool.tryAcquire() as ClientSlot
      // The successor is dropped: it must not read where this response comes.
      const sending = slot.send(slot.writer.get('/held').finish())
      world.server.peers[1]?.send('#'.repeat(500))
      await world.settle()
      expect((await sending).text()).toBe('GET /held')
      expect(world.server.peers[0]?.requests.length).toBe(1)
      slot.release()
      await world.clock.advance(100)
      // However busy: it is out of rotation now, and whoever comes waits for the new connection.
      expect([world.server.peers.length, pool.tryAcquire(), pool.stats.renewed]).toEqual([3, null, 0])
      const asking = pool.request('GET', '/next')
      await world.clock.advance(LOOK)
      expect([(await asking).text(), pool.stats.renewed, pool.stats.lost]).toEqual(['GET /next', 1, 0])
      expect(world.server.peers[2]?.requests.length).toBe(1)
      expect(world.server.open.length).toBe(1)
    })

    test.each(['a stray byte', 'its end', 'a reset'])('%s of the old one in the meantime lets the slot heal', async (what) => {
      const { pool, world } = await openPool({ maxAge: 1_000 })
      await world.clock.advance(1_001)
      const old = world.server.peers[0]
      if (what === 'a stray byte') old?.send('x')
      else old?.end[what === 'its end' ? 'end' : 'reset']()
      await world.clock.advance(LOOK)
      expect(pool.stats).toMatchObject({ idle: 1, lost: 1, healed: 1 })
      await get(pool, world)
      expect(world.server.open.length).toBe(1)
    })

    test('a slot that somebody waits for is renewed when it is given back, and that one served next', async () => {
      const { pool, world } = await openPool({ maxAge: 1_000 })
      const slot = pool.tryAcquire() as ClientSlot
      await world.clock.advance(1_500)
      const waiting = pool.acquire()
      slot.release()
      await world.clock.advance(LOOK)
      const next = await waiting
      expect([pool.stats.renewed, next.connection?.isPoisoned]).toEqual([1, false])
      next.release()
    })

    test('closing the pool then closes both', async () => {
      const { pool, world } = await openPool({ maxAge: 1_000 })
      await world.clock.advance(1_001)
      expect(world.server.open.length).toBe(2)
      const closing = pool.close()
      await world.clock.advance(LOOK)
      expect(await outcomeOf(world, closing)).toBe(undefined)
      await world.clock.advance(100)
      expect([world.server.open.length, world.clock.pending]).toEqual([0, 0])
    })
  })

  test('by the successor that is there already when it dies in use', async () => {
    const { pool, world } = await openPool({ maxAge: 1_000 })
    const slot = pool.tryAcquire() as ClientSlot
    await world.clock.advance(1_500)
    world.server.onDial = () => new TransportError('ConnectRefused', 'refused')
    world.server.peers[0]?.end.reset()
    await world.settle()
    slot.release()
    await world.settle()
    expect([pool.available, world.server.dials.length]).toEqual([1, 2])
  })

  test('not by one that cannot be used any more when the old one dies in use: the slot dials', async () => {
    const { pool, world } = await openPool({ maxAge: 1_000 })
    const dial = world.runtime.dial
    ;(world.runtime as Mutable<Runtime>).dial = async (...given) => {
      const transport = await dial(...given)
      if (world.server.dials.length === 2) {
        transport.start = () => {
          throw new TransportError('ConnectionClosed', 'gone')
        }
      }
      return transport
    }
    const slot = pool.tryAcquire() as ClientSlot
    await world.clock.advance(1_500)
    world.server.peers[0]?.end.reset()
    await world.settle()
    slot.release()
    await world.clock.advance(200)
    expect([world.server.dials.length, pool.stats]).toMatchObject([3, { idle: 1, healed: 1, renewed: 0, failedAttempts: 0 }])
    await get(pool, world)
    expect([world.server.last.requests.length, world.server.open.length]).toEqual([1, 1])
  })

  test('not when the pool was closed in the meantime: the successor is closed too', async () => {
    const { pool, world } = await openPool({ maxAge: 1_000 })
    world.server.onDial = () => 100
    await world.clock.advance(1_050)
    const closing = pool.close()
    await world.clock.advance(2_000)
    expect(await outcomeOf(world, closing)).toBe(undefined)
    expect([world.server.open.length, world.clock.pending]).toEqual([0, 0])
    const held = await openPool({ maxAge: 1_000 })
    const slot = held.pool.tryAcquire() as ClientSlot
    await held.world.clock.advance(1_500)
    const ending = held.pool.close()
    slot.release()
    await held.world.clock.advance(2_000)
    expect(await outcomeOf(held.world, ending)).toBe(undefined)
    expect(held.world.server.open.length).toBe(0)
  })
})

describe('keepWarm', () => {
  const keepWarm = { interval: 1_000, request: (writer: ClientSlot['writer']) => writer.head('/ping').finish() }

  test('sends its request on each idle connection, one at a time, and none on a busy one', async () => {
    const { pool, world } = await openPool({ connections: 3, keepWarm })
    const held = pool.tryAcquire() as ClientSlot
    let least = 2
    world.server.respond = (_, peer) => {
      world.clock.set(() => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'), 20)
      return null
    }
    for (let i = 0; i < 1_100; i++) {
      await world.clock.advance(1)
      least = Math.min(least, pool.available)
    }
    expect(world.server.requests.map(({ line }) => line)).toEqual(['HEAD /ping HTTP/1.1', 'HEAD /ping HTTP/1.1'])
    expect([least, pool.available]).toEqual([1, 2])
    held.release()
    await world.clock.advance(1_000)
    expect(world.server.requests.length).toBe(5)
  })

  test('asks for nothing compressed, also in a pool that does', async () => {
    const { world } = await openPool({ keepWarm, decompress: true })
    await world.clock.advance(1_000)
    expect(world.server.requests.map(({ head }) => head.includes('Accept-Encoding'))).toEqual([false])
  })

  test('waits as long again after a request of the caller’s', async () => {
    const { pool, world } = await openPool({ keepWarm })
    await world.clock.advance(900)
    await get(pool, world)
    await world.clock.advance(999)
    expect(world.server.requests.length).toBe(1)
    await world.clock.advance(1)
    expect(world.server.requests.length).toBe(2)
  })

  test('finds a connection that is dead without an end, and has it healed', async () => {
    const { pool, world } = await openPool({ keepWarm: { ...keepWarm, timeout: 200 } })
    world.server.last.end.freeze()
    await world.clock.advance(1_250)
    expect(pool.stats).toMatchObject({ idle: 1, lost: 1, healed: 1 })
  })

  test('serves those who wait when it gives its slot back', async () => {
    const { pool, world } = await openPool({ keepWarm })
    world.server.respond = ({ method }, peer) => {
      if (method !== 'HEAD') return ok('')
      world.clock.set(() => peer.send('HTTP/1.1 204 No Content\r\n\r\n'), 50)
      return null
    }
    await world.clock.advance(1_000)
    const waiting = pool.request('GET', '/')
    await world.clock.advance(50)
    expect((await waiting).status).toBe(200)
  })

  test('whose request can’t be built is told, once an interval, and leaves the connection alone', async () => {
    const mistake = new Error('a mistake')
    const told: unknown[] = []
    const { pool, world } = await openPool({
      keepWarm: {
        interval: 1_000,
        request: () => {
          throw mistake
        },
      },
      observer: { onKeepWarmFailed: ({ slot, error }) => told.push([slot, error]) },
    })
    await world.clock.advance(3_500)
    expect(told).toEqual([
      [0, mistake],
      [0, mistake],
      [0, mistake],
    ])
    expect([pool.available, world.server.dials.length, pool.stats.lost]).toEqual([1, 1, 0])
  })
})

describe('a slot that is not given back', () => {
  test('is reported once, after leakTimeout without a request', async () => {
    const leaks: unknown[] = []
    const { pool, world } = await openPool({ connections: 2, leakTimeout: 1_000, observer: { onLeak: (event) => leaks.push(event) } })
    const slot = pool.tryAcquire() as ClientSlot
    await world.clock.advance(900)
    const sending = slot.send(slot.writer.get('/').finish())
    await world.settle()
    await sending
    await world.clock.advance(900)
    expect(leaks).toEqual([])
    await world.clock.advance(1_000)
    expect(leaks).toMatchObject([{ slot: 1 }])
    await world.clock.advance(10_000)
    expect([leaks.length, pool.stats.leaks]).toEqual([1, 1])
    slot.release()
    const other = pool.tryAcquire() as ClientSlot
    await world.clock.advance(2_000)
    expect([leaks.length, other.index]).toEqual([2, 1])
  })

  test('is not one whose request takes long', async () => {
    const leaks: unknown[] = []
    const { pool, world } = await openPool({ leakTimeout: 1_000, timeout: 0, observer: { onLeak: (event) => leaks.push(event) } })
    world.server.respond = () => null
    pool.request('GET', '/').catch(() => {})
    await world.clock.advance(60_000)
    expect(leaks).toEqual([])
  })
})

test('without any of it, a pool has one timer, and none once it is closed', async () => {
  const { pool, world } = await openPool({ connections: 16 })
  expect(world.clock.pending).toBe(1)
  await get(pool, world)
  const closing = pool.close()
  await world.settle()
  await closing
  expect(world.clock.pending).toBe(0)
  const bare = await openPool({ connections: 16, leakTimeout: 0 })
  expect(bare.world.clock.pending).toBe(0)
})

describe.each([16, 128])('with %i slots, how often any of them is looked at', (connections) => {
  /** Counts how often upkeep asks slots for their age, from now on. */
  function countLooks(pool: ClientPool): () => number {
    let looks = 0
    for (const slot of pool._$core.slots) {
      let { expiresAt } = slot
      Object.defineProperty(slot, 'expiresAt', {
        get() {
          looks++
          return expiresAt
        },
        set(value: number) {
          expiresAt = value
        },
      })
    }
    return () => looks
  }

  test('does not depend on how many there are: a Keep-Alive that changes with every response', async () => {
    const { pool, world } = await openPool({ connections, leakTimeout: 0 })
    const looks = countLooks(pool)
    let seconds = 100
    world.server.respond = () => ok('', `Keep-Alive: timeout=${++seconds}\r\n`)
    for (let i = 0; i < 50; i++) await get(pool, world)
    expect(looks()).toBeLessThanOrEqual(2 * 50)
  })

  test('grows with the connections that come and go, not with their square', async () => {
    const { pool, world } = await openPool({ connections, leakTimeout: 0, maxIdle: 10_000 })
    const looks = countLooks(pool)
    for (const peer of world.server.open) peer.end.reset()
    await world.settle()
    expect(pool.stats.healed).toBe(connections)
    expect(looks()).toBeLessThanOrEqual(2 * connections)
    await world.clock.advance(15_000)
    expect(pool.stats.renewed).toBe(connections)
    expect(looks()).toBeLessThanOrEqual(20 * connections)
  })
})
