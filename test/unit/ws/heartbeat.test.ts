import { describe, expect, test } from 'vitest'
import { Heartbeat } from '../../../src/ws/heartbeat.ts'
import { makeWorld, openClientTo, openPair, openServerTo, PING, PONG, spell, stateOf, TEXT } from './harness.ts'

describe('the clocks of a heartbeat', () => {
  const ready = (interval: number, timeout: number, dataTimeout = 0): Heartbeat => {
    const heartbeat = new Heartbeat(interval, timeout, dataTimeout, 0)
    heartbeat.onWaiting(0)
    return heartbeat
  }

  test('a ping is due after each interval', () => {
    const heartbeat = ready(100, 100)
    expect(heartbeat.deadline).toBe(100)
    expect([heartbeat.due(99), heartbeat.due(100), heartbeat.due(100)]).toEqual(['nothing', 'ping', 'nothing'])
    heartbeat.onBytes(false)
    heartbeat.onWaiting(150)
    expect(heartbeat.deadline).toBe(200)
    expect([heartbeat.due(199), heartbeat.due(200)]).toEqual(['nothing', 'ping'])
  })

  test('silence after a ping condemns, at the deadline and not before', () => {
    const heartbeat = ready(100, 30)
    expect(heartbeat.due(100)).toBe('ping')
    expect(heartbeat.deadline).toBe(130)
    expect([heartbeat.due(129), heartbeat.due(130)]).toEqual(['nothing', 'heartbeat-timeout'])
  })

  test('a timeout longer than the interval does not ping again meanwhile', () => {
    const heartbeat = ready(100, 250)
    expect(heartbeat.due(100)).toBe('ping')
    expect([heartbeat.due(200), heartbeat.due(300), heartbeat.due(349), heartbeat.due(350)]).toEqual([
      'nothing',
      'nothing',
      'nothing',
      'heartbeat-timeout',
    ])
  })

  test('any bytes are a sign of life', () => {
    const heartbeat = ready(100, 30)
    expect(heartbeat.due(100)).toBe('ping')
    heartbeat.onBytes(true)
    heartbeat.onWaiting(129)
    expect([heartbeat.due(130), heartbeat.due(160)]).toEqual(['nothing', 'nothing'])
    expect(heartbeat.due(200)).toBe('ping')
  })

  test('while the consumer holds what came, the peer is not condemned', () => {
    const heartbeat = ready(100, 30, 500)
    expect(heartbeat.due(100)).toBe('ping')
    heartbeat.onBytes(true)
    expect([heartbeat.due(131), heartbeat.due(200)]).toEqual(['nothing', 'ping'])
    expect([heartbeat.due(10_000), heartbeat.due(20_000)]).toEqual(['nothing', 'nothing'])
    // The clock of the pong starts when reading does.
    heartbeat.onWaiting(30_000)
    expect([heartbeat.due(30_029), heartbeat.due(30_030)]).toEqual(['nothing', 'heartbeat-timeout'])
  })

  test('pongs alone do not make up for missing data', () => {
    const heartbeat = ready(100, 50, 250)
    expect(heartbeat.due(100)).toBe('ping')
    heartbeat.onBytes(false)
    heartbeat.onWaiting(110)
    expect(heartbeat.due(200)).toBe('ping')
    heartbeat.onBytes(false)
    heartbeat.onWaiting(210)
    expect(heartbeat.deadline).toBe(250)
    expect([heartbeat.due(249), heartbeat.due(250)]).toEqual(['nothing', 'data-timeout'])
  })

  test('data starts the clock of data anew, from when the consumer is done with it', () => {
    const heartbeat = ready(0, 0, 250)
    heartbeat.onBytes(true)
    expect(heartbeat.due(400)).toBe('nothing')
    heartbeat.onWaiting(1_000)
    expect([heartbeat.due(1_249), heartbeat.due(1_250)]).toEqual(['nothing', 'data-timeout'])
  })

  test('without an interval there are no pings, without a data timeout no limit', () => {
    expect(ready(0, 0).deadline).toBe(Number.POSITIVE_INFINITY)
    expect(ready(0, 0).due(1e9)).toBe('nothing')
    const pinging = ready(10, 10)
    expect(pinging.due(10)).toBe('ping')
  })

  test('an armed clock never stands still: a deadline that has passed is acted upon', () => {
    // Whatever happens, in whatever order, `due` at the deadline either acts or moves the deadline.
    let seed = 7
    const random = (limit: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff
      return seed % limit
    }
    for (let run = 0; run < 300; run++) {
      const heartbeat = new Heartbeat(random(2) * (10 + random(100)), 10 + random(100), random(2) * (10 + random(300)), 0)
      let now = 0
      for (let step = 0; step < 60; step++) {
        const event = random(4)
        if (event === 0) heartbeat.onWaiting(now)
        else if (event === 1) heartbeat.onBytes(random(2) === 0)
        const { deadline } = heartbeat
        if (deadline === Number.POSITIVE_INFINITY) break
        now = Math.max(now, deadline)
        const action = heartbeat.due(now)
        if (action === 'nothing' || action === 'ping') expect(heartbeat.deadline, `run ${run}, step ${step}`).toBeGreaterThan(now)
        else break
      }
    }
  })
})

describe('the heartbeat of a stream', () => {
  const heartbeat = { interval: 1_000, timeout: 400 }

  test('pings an idle peer, whose pongs keep it alive', async () => {
    const world = makeWorld()
    const { client, server, clientWrites } = await openPair(world, { connect: { heartbeat } })
    const waiting = client.readable()
    const serving = (async () => {
      while ((await server.recv()) !== null) {}
    })().catch(() => {})
    for (let second = 1; second <= 5; second++) {
      await world.clock.advance(1_000)
      expect(clientWrites.flatMap(spell)).toHaveLength(second)
      // The pong itself is a message.
      while (client.next() !== null) {}
      client.readable()
    }
    expect(client.readyState).toBe('open')
    expect(await stateOf(world, waiting)).toBe('resolved')
    client.destroy()
    await serving
  })

  test('gives a silent peer up when the pong is overdue', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world, { heartbeat })
    const received = ws.recv().catch((error) => error)
    await world.clock.advance(1_399)
    expect([spell(peer.received), ws.readyState]).toEqual([[`${PING}:`], 'open'])
    await world.clock.advance(1)
    expect(ws.readyState).toBe('closed')
    expect(await received).toMatchObject({ name: 'TransportError', code: 'HeartbeatTimeout' })
    expect(await ws.closed).toMatchObject({ code: 1006, wasClean: false, error: { code: 'HeartbeatTimeout' } })
    expect(peer.ended || peer.closed !== undefined).toBe(true)
    expect(world.clock.pending).toBe(0)
  })

  test('a slow consumer does not condemn its peer', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world, { heartbeat, dataTimeout: 2_000 })
    expect(await stateOf(world, ws.readable())).toBe('pending')
    peer.sendFrame(TEXT, 'slow down')
    await world.settle()
    // The message lies there for a minute; the peer's pongs lie behind it.
    await world.clock.advance(60_000)
    expect(ws.readyState).toBe('open')
    expect(ws.next()?.text).toBe('slow down')
    const next = ws.recv()
    peer.sendFrame(PONG, '')
    expect((await next)?.kind).toBe('pong')
    expect(ws.readyState).toBe('open')
    ws.destroy()
  })

  test('a consumer that has read nothing yet does not condemn its peer either', async () => {
    const world = makeWorld()
    const { ws } = await openClientTo(world, { heartbeat, dataTimeout: 2_000 })
    await world.clock.advance(60_000)
    expect(ws.readyState).toBe('open')
    ws.destroy()
  })

  test('a peer that answers pings but sends no data runs into dataTimeout', async () => {
    const world = makeWorld()
    const { client, server } = await openPair(world, { connect: { heartbeat, dataTimeout: 3_500 } })
    const serving = (async () => {
      while ((await server.recv()) !== null) {}
    })().catch(() => {})
    let pongs = 0
    const consuming = (async () => {
      for (let message = await client.recv(); message !== null; message = await client.recv()) pongs += message.kind === 'pong' ? 1 : 0
    })().catch((error) => error)
    await world.clock.advance(3_499)
    expect([pongs, client.readyState]).toEqual([3, 'open'])
    await world.clock.advance(1)
    expect(await consuming).toMatchObject({ name: 'TransportError', code: 'DataTimeout' })
    await serving
  })

  test('data in fragments counts as data before it is whole', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world, { dataTimeout: 1_000 })
    const received = ws.recv()
    peer.sendFrame(TEXT, 'a', { fin: false })
    for (let i = 0; i < 5; i++) {
      await world.clock.advance(900)
      peer.sendFrame(0, 'b', { fin: i === 4 })
    }
    await world.settle()
    expect((await received)?.text).toBe('abbbbb')
    ws.destroy()
  })

  test('pings a peer that is behind with reading too, and does not condemn it for a ping that it never got', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world, { heartbeat }, { capacity: 1_000 })
    const received = ws.recv()
    peer.reading = false
    await world.clock.advance(999)
    ws.sendBinary(new Uint8Array(20_000))
    await world.clock.advance(1)
    peer.resume()
    await world.clock.advance(100)
    expect(spell(peer.received).slice(1)).toEqual([`${PING}:`])
    peer.sendFrame(PONG, '', { masked: true })
    expect((await received)?.kind).toBe('pong')
    expect(ws.readyState).toBe('open')
    ws.destroy()
  })

  test('leaves no timer behind when the stream ends', async () => {
    const world = makeWorld()
    for (const end of ['destroy', 'close'] as const) {
      const { client, server } = await openPair(world, { connect: { heartbeat, dataTimeout: 5_000 } })
      const serving = server.recv().catch(() => {})
      const ended = client[end]()
      await world.settle()
      await Promise.all([ended, serving])
      await world.settle()
      expect(world.clock.pending).toBe(0)
    }
  })

  test('server streams have one too', async () => {
    const world = makeWorld()
    const { client, server, serverWrites } = await openPair(world, { accept: { heartbeat } })
    const waiting = server.readable()
    client.readable()
    await world.clock.advance(1_000)
    expect(serverWrites.flatMap(spell)).toEqual([`${PING}:`])
    client.next()
    await world.settle()
    expect(await stateOf(world, waiting)).toBe('resolved')
    client.destroy()
    server.destroy()
  })
})
