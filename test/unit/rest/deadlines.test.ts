/** A thread that stood still: what has lain in the system all the time is looked at before a deadline is judged. */

import { describe, expect, test } from 'vitest'
import type { ClientSlot } from '../../../src/rest/slot.ts'
import { failure, makeRestWorld, makeWriter, ok, type RestWorld } from './harness.ts'

/** The thread stands still until long after a deadline `due` ms from now; its timers run first, and half a ms later it hears what was sent meanwhile. */
async function stallPast(world: RestWorld, due: number, hear: () => void): Promise<void> {
  world.stall(1_000)
  world.clock.set(hear, due + 0.5)
  await world.clock.advance(due + 10)
}

describe('a deadline that is met late', () => {
  test('of a request, whose response waits in the system, is not missed', async () => {
    const world = makeRestWorld()
    const conn = await world.Connection.connect('http://server.test')
    world.server.last.end.freeze()
    const sending = conn.send(makeWriter().get('/').finish(), conn.reader, { timeout: 100 })
    await stallPast(world, 100, () => world.server.last.end.thaw())
    expect((await sending).text()).toBe('GET /')
    expect(conn.state).toBe('idle')
    // The next one is judged as any other.
    world.server.respond = () => null
    const next = conn.send(makeWriter().get('/').finish(), conn.reader, { timeout: 100 })
    next.catch(() => {})
    await world.clock.advance(100)
    expect(await failure(next)).toMatchObject({ code: 'RequestTimeout', elapsed: 100 })
    expect(world.clock.pending).toBe(0)
  })

  test('of a request that is not answered ends it after one look', async () => {
    const world = makeRestWorld()
    const conn = await world.Connection.connect('http://server.test')
    world.server.respond = () => null
    const sending = conn.send(makeWriter().get('/').finish(), conn.reader, { timeout: 100 })
    sending.catch(() => {})
    await stallPast(world, 100, () => {})
    expect(await failure(sending)).toMatchObject({ code: 'RequestTimeout', elapsed: 1_104 })
    expect([conn.state, world.clock.pending]).toEqual(['poisoned', 0])
  })

  test('of a wait for a slot, whose holder is answered in the same look, is not missed', async () => {
    const world = makeRestWorld()
    const pool = await world.Pool.connect('http://server.test', { leakTimeout: 0 })
    world.server.last.end.freeze()
    const first = pool.request('GET', '/first')
    const second = pool.request('GET', '/second', { timeout: 100 })
    const third = pool.acquire({ timeout: 100 })
    await stallPast(world, 100, () => world.server.last.end.thaw())
    expect((await first).text()).toBe('GET /first')
    expect((await second).text()).toBe('GET /second')
    const slot: ClientSlot = await third
    slot.release()
    expect([pool.available, pool.stats.waiting]).toEqual([1, 0])
  })

  test('of a wait for a slot that nobody gives back ends it after one look', async () => {
    const world = makeRestWorld()
    const pool = await world.Pool.connect('http://server.test', { leakTimeout: 0 })
    pool.tryAcquire()
    const waiting = pool.acquire({ timeout: 100 })
    waiting.catch(() => {})
    await stallPast(world, 100, () => {})
    expect(await failure(waiting)).toMatchObject({ code: 'AcquireTimeout', elapsed: 100 })
    expect([pool.stats.waiting, world.clock.pending]).toEqual([0, 0])
  })

  test('by less than timers are late anyway is judged at once', async () => {
    const world = makeRestWorld()
    const conn = await world.Connection.connect('http://server.test')
    world.server.respond = () => ok('')
    world.server.last.end.freeze()
    const sending = conn.send(makeWriter().get('/').finish(), conn.reader, { timeout: 100 })
    sending.catch(() => {})
    world.stall(1)
    await world.clock.advance(100)
    expect(await failure(sending)).toMatchObject({ code: 'RequestTimeout', elapsed: 101 })
  })
})
