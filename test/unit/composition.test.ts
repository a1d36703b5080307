/** One set of classes for each runtime: what comes from a set is an instance of its classes, and of no other set's. */

import { describe, expect, test } from 'vitest'
import { CODEC_TEXT } from '../../src/codec/binary.ts'
import { SHARED_CODEC } from '../../src/codec/binary-shared.ts'
import { derivedBinary } from '../../src/codec/module.ts'
import { compose } from '../../src/composition.ts'
import { httpFamily } from '../../src/rest/family.ts'
import { threadFamily } from '../../src/rest/shared/family.ts'
import type { ThreadedRuntime } from '../../src/runtime.ts'
import { memoryPair } from '../../src/transport/memory/pair.ts'
import { makeRestWorld, type RestWorld } from './rest/harness.ts'
import { makeWorld, type World } from './ws/harness.ts'

const URL_OF_POOL = 'http://server.test'

/** A world in which threads share a pool. */
function makeThreadedWorld(): ReturnType<typeof threadFamily> & { readonly world: RestWorld; readonly http: ReturnType<typeof httpFamily> } {
  const world = makeRestWorld()
  const sharedModule = (): WebAssembly.Module => new WebAssembly.Module(derivedBinary(SHARED_CODEC, CODEC_TEXT))
  const runtime: ThreadedRuntime = { ...world.runtime, threads: { sharedModule, immediately: setImmediate } }
  const http = httpFamily(runtime)
  return { world, http, ...threadFamily(runtime, http, 1) }
}

async function openStream(world: World, Stream: World['Stream'] = world.Stream): Promise<InstanceType<World['Stream']>> {
  const [end, other] = memoryPair({ clock: world.clock })
  const opening = Promise.all([Stream.connectWith(end, 'ws://peer.test/'), world.Stream.accept(other)])
  await world.settle()
  return (await opening)[0]
}

describe('a class that is composed', () => {
  class Plain {
    static readonly _$ground: { readonly name: string }
    static make<Self extends Plain>(this: { readonly _$ground: { readonly name: string }; new (name: string): Self }): Self {
      return new this(this._$ground.name)
    }
    constructor(readonly name: string) {}
  }

  test('has its ground, and leaves the class that it was made from as it is', () => {
    const One = compose(Plain, { name: 'one' })
    const Two = compose(Plain, { name: 'two' })
    expect([One.make().name, Two.make().name]).toEqual(['one', 'two'])
    expect(Object.getOwnPropertyNames(One)).not.toContain('ground')
    expect([One.name, Plain._$ground]).toEqual(['Plain', undefined])
    expect(One.make()).toBeInstanceOf(One)
    expect(One.make()).not.toBeInstanceOf(Two)
  })

  test('gives it to the classes that are derived from it', () => {
    class Mine extends compose(Plain, { name: 'one' }) {
      readonly greeting = `hello, ${this.name}`
    }
    const mine: Mine = Mine.make()
    expect(mine.greeting).toBe('hello, one')
    expect(mine).toBeInstanceOf(Mine)
  })
})

describe('instanceof tells the truth', () => {
  test('of a pool, its slots, their connections, readers and writers, beside another runtime', async () => {
    const [one, other] = [makeRestWorld(), makeRestWorld()]
    const opening = one.Pool.connect(URL_OF_POOL, { connections: 1 })
    await one.settle()
    const pool = await opening
    using slot = pool.tryAcquire()
    expect(pool).toBeInstanceOf(one.Pool)
    expect(slot?.connection).toBeInstanceOf(one.Connection)
    expect(slot?.connection?.constructor).toBe(one.Connection)
    expect(slot?.writer).toBeInstanceOf(one.runtime.http.RequestWriter)
    expect(slot?.reader).toBeInstanceOf(one.runtime.http.ResponseReader)
    expect(slot?.connection?.reader).toBe(slot?.reader)
    expect(pool).not.toBeInstanceOf(other.Pool)
    expect(slot?.connection).not.toBeInstanceOf(other.Connection)
  })

  test('of a connection, and the reader that it made', async () => {
    const world = makeRestWorld()
    const connection = await world.Connection.connectWith(memoryPair({ clock: world.clock })[0], { timeout: 5 })
    expect(connection).toBeInstanceOf(world.Connection)
    expect(connection.reader).toBeInstanceOf(world.runtime.http.ResponseReader)
  })

  test('of a pool that threads share, which is a pool of its runtime, too', async () => {
    const { world, http, AtomicClientPool, AtomicClientSlot, SharedAcquirer } = makeThreadedWorld()
    class Mine extends AtomicClientPool {}
    for (const Pool of [AtomicClientPool, Mine]) {
      const opening = Pool.builder().url(URL_OF_POOL).connections(1).build()
      await world.settle()
      const pool = await opening
      expect(pool).toBeInstanceOf(Pool)
      expect(pool).toBeInstanceOf(http.ClientPool)
      const slot = await pool.acquire()
      expect(slot.connection).toBeInstanceOf(http.HttpConnection)
      const held = AtomicClientSlot.receive(slot.handOff())
      expect(held).toBeInstanceOf(AtomicClientSlot)
      expect(held.writer).toBeInstanceOf(world.runtime.http.RequestWriter)
      expect(SharedAcquirer.attach(pool.plan)).toBeInstanceOf(SharedAcquirer)
      held.release()
      const closing = pool.close()
      await world.clock.advance(2_000)
      await closing
    }
  })

  test('of what the static methods and builders of a user’s own class make', async () => {
    const world = makeWorld()
    class Mine extends world.Stream {
      readonly seen: string[] = []
    }
    const stream: Mine = await (async () => {
      const [end, other] = memoryPair({ clock: world.clock })
      const opening = Promise.all([Mine.builder().connectWith(end, 'ws://peer.test/'), world.Stream.accept(other)])
      await world.settle()
      return (await opening)[0]
    })()
    expect(stream).toBeInstanceOf(Mine)
    expect(stream).toBeInstanceOf(world.Stream)
    expect(stream.seen).toEqual([])
    expect(await openStream(world)).not.toBeInstanceOf(Mine)
  })
})
