import { describe, expect, test } from 'vitest'
import { Heartbeat, type HeartbeatAction } from '../../../src/ws/heartbeat.ts'
import { makeWorld, openClientTo, openPair, openServerTo, PING, PONG, spell, stateOf, TEXT } from './harness.ts'

describe('the clocks of a heartbeat', () => {
  /** A heartbeat whose pings leave at once, and whose looks find nothing. */
  class Prompt extends Heartbeat {
    override due(now: number): HeartbeatAction {
      const action = super.due(now)
      if (action === 'ping') this.onPinged(now, true)
      return action === 'look' ? this.due(now) : action
    }
  }

  const start = <Beats extends Heartbeat>(Kind: new (...times: [number, number, number, number]) => Beats, ...times: number[]): Beats => {
    const [interval = 0, timeout = 0, dataTimeout = 0] = times
    const heartbeat = new Kind(interval, timeout, dataTimeout, 0)
    heartbeat.onWaiting(0)
    return heartbeat
  }
  const ready = (interval: number, timeout: number, dataTimeout = 0): Heartbeat => start(Prompt, interval, timeout, dataTimeout)

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

  test('before a verdict that is late it has the socket looked at, for four turns, and what that finds counts', () => {
    const looks = [0, 1, 2, 3]
    for (const verdict of ['heartbeat-timeout', 'data-timeout'] as const) {
      const make = (): Heartbeat => {
        const heartbeat = verdict === 'data-timeout' ? start(Heartbeat, 0, 0, 130) : start(Heartbeat, 100, 30)
        if (heartbeat.due(100) === 'ping') heartbeat.onPinged(100, true)
        return heartbeat
      }
      const silent = make()
      expect([silent.due(129), ...looks.map((at) => silent.due(5_000 + at)), silent.due(5_004)]).toEqual([
        'nothing',
        ...looks.map(() => 'look'),
        verdict,
      ])
      const living = make()
      expect(living.due(5_000)).toBe('look')
      living.onBytes(true)
      living.onWaiting(5_001)
      // Looked at anew for each verdict.
      expect(living.due(5_001)).not.toMatch(/look|timeout/)
      if (living.due(5_101) === 'ping') living.onPinged(5_101, true)
      expect([...looks.map((at) => living.due(5_133 + at)), living.due(5_137)]).toEqual([...looks.map(() => 'look'), verdict])
      // On time, there is nothing that the thread could have missed.
      const prompt = make()
      expect([prompt.due(129), prompt.due(131)]).toEqual(['nothing', verdict])
    }
  })

  test('pongs that come at every look do not put off the verdict on missing data', () => {
    const heartbeat = start(Heartbeat, 0, 0, 100)
    for (const now of [102, 103, 104, 105]) {
      expect(heartbeat.due(now)).toBe('look')
      heartbeat.onBytes(false)
      heartbeat.onWaiting(now)
    }
    expect(heartbeat.due(106)).toBe('data-timeout')
  })

  test('the time of a pong begins when its ping has left', () => {
    const heartbeat = start(Prompt, 100, 30)
    heartbeat.onBlocked(99)
    const { due } = Heartbeat.prototype
    expect(due.call(heartbeat, 100)).toBe('ping')
    heartbeat.onTaken(110)
    heartbeat.onPinged(110, false)
    heartbeat.onBlocked(110)
    heartbeat.onTaken(112)
    expect([heartbeat.deadline, heartbeat.due(141), heartbeat.due(142)]).toEqual([142, 'nothing', 'heartbeat-timeout'])
  })

  test('a peer that takes bytes lives, however late its pong; one that has stopped does not', () => {
    const heartbeat = start(Prompt, 100, 30)
    expect(heartbeat.due(100)).toBe('ping')
    for (let now = 120; now < 1_000; now += 20) {
      heartbeat.onBlocked(now - 10)
      heartbeat.onTaken(now)
      expect(heartbeat.due(now + 19), `${now}`).toBe('nothing')
    }
    heartbeat.onBlocked(980)
    expect([heartbeat.due(1_009), heartbeat.due(1_010)]).toEqual(['nothing', 'heartbeat-timeout'])
  })

  test('what the system takes at once is no sign of the peer', () => {
    const heartbeat = start(Prompt, 100, 30)
    expect(heartbeat.due(100)).toBe('ping')
    for (const now of [110, 120, 129]) {
      heartbeat.onBlocked(now)
      heartbeat.onTaken(now + 1)
    }
    expect(heartbeat.due(130)).toBe('heartbeat-timeout')
  })

  test('a ping that can never be written condemns after interval and timeout without a byte either way', () => {
    const blocked = (): Heartbeat => {
      const heartbeat = start(Heartbeat, 100, 30)
      heartbeat.onBlocked(20)
      expect([heartbeat.due(100), heartbeat.wantsPing]).toEqual(['ping', true])
      return heartbeat
    }
    const silent = blocked()
    expect([silent.deadline, silent.due(149), silent.due(150)]).toEqual([150, 'nothing', 'heartbeat-timeout'])
    const taking = blocked()
    taking.onTaken(145)
    taking.onBlocked(145)
    expect([taking.deadline, taking.due(150)]).toEqual([200, 'nothing'])
    expect([taking.due(274), taking.due(275)]).toEqual(['nothing', 'heartbeat-timeout'])
    const sending = blocked()
    sending.onBytes(true)
    sending.onWaiting(149)
    // It has shown that it lives: the next ping is the next to ask.
    expect([sending.due(199), sending.due(200), sending.due(278), sending.due(279)]).toEqual(['nothing', 'ping', 'nothing', 'heartbeat-timeout'])
  })

  test('an armed clock never stands still: a deadline that has passed is acted upon', () => {
    // Whatever happens, in whatever order, `due` at the deadline acts, moves the deadline, or has the socket looked at once.
    let seed = 7
    const random = (limit: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff
      return seed % limit
    }
    for (let run = 0; run < 600; run++) {
      const heartbeat = new Heartbeat(random(2) * (10 + random(100)), 10 + random(100), random(2) * (10 + random(300)), 0)
      let now = 0
      let isBlocked = false
      for (let step = 0; step < 60; step++) {
        const event = random(7)
        if (event === 0) heartbeat.onWaiting(now)
        else if (event === 1) heartbeat.onBytes(random(2) === 0)
        else if (event === 2 && !isBlocked) heartbeat.onBlocked(now)
        else if (event === 2) heartbeat.onTaken(now)
        if (event === 2) isBlocked = !isBlocked
        if (heartbeat.wantsPing && !isBlocked) heartbeat.onPinged(now, random(2) === 0)
        const { deadline } = heartbeat
        if (deadline === Number.POSITIVE_INFINITY) break
        now = Math.max(now, deadline) + random(2) * random(10)
        let action = heartbeat.due(now)
        if (action === 'look') {
          for (let turn = 0; turn < 4 && action === 'look'; turn++) action = heartbeat.due(++now)
          expect(action, `run ${run}, step ${step}`).toMatch(/timeout/)
        }
        if (action !== 'nothing' && action !== 'ping') break
        // A ping that is late itself, and cannot leave, may be overdue at once.
        if (action === 'ping' && heartbeat.deadline <= now && heartbeat.due(now) !== 'nothing') break
        expect(heartbeat.deadline, `run ${run}, step ${step}`).toBeGreaterThan(now)
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

  test('a peer that reads steadily is not condemned while a large message leaves, however long its pong takes', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world, { heartbeat }, { capacity: 65_536 })
    const received = ws.recv()
    peer.reading = false
    await world.settle()
    ws.sendBinary(new Uint8Array(12_000_000))
    // 64 KiB each 100 ms: 18 s for all of it.
    while (peer.received.length < 12_000_000) {
      peer.end.resume()
      await world.clock.advance(100)
    }
    expect(world.clock.now()).toBeGreaterThan(18_000)
    peer.resume()
    await world.settle()
    expect([ws.readyState, ws.bufferedAmount]).toEqual(['open', 0])
    expect(spell(peer.received).at(-1)).toBe(`${PING}:`)
    peer.sendFrame(PONG, '', { masked: true })
    expect((await received)?.kind).toBe('pong')
    ws.destroy()
  })

  test('a peer that takes nothing and says nothing is given up, though no ping can be sent, and none is queued', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world, { heartbeat }, { capacity: 1_000 })
    const received = ws.recv().catch((error) => error)
    peer.reading = false
    await world.settle()
    ws.sendBinary(new Uint8Array(20_000))
    const { bufferedAmount } = ws
    await world.clock.advance(1_399)
    expect([ws.readyState, ws.bufferedAmount]).toEqual(['open', bufferedAmount])
    await world.clock.advance(1)
    expect(await received).toMatchObject({ code: 'HeartbeatTimeout', message: expect.stringContaining('1400 ms') })
  })

  test('a peer that takes nothing but goes on sending is not', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world, { heartbeat }, { capacity: 1_000 })
    peer.reading = false
    await world.settle()
    ws.sendBinary(new Uint8Array(20_000))
    const { bufferedAmount } = ws
    for (let i = 0; i < 20; i++) {
      const received = ws.recv()
      await world.clock.advance(500)
      peer.sendFrame(TEXT, 'alive', { masked: true })
      expect((await received)?.text).toBe('alive')
    }
    expect([ws.readyState, ws.bufferedAmount]).toEqual(['open', bufferedAmount])
    ws.destroy()
  })

  test('bytes that arrived while the thread was busy are seen before the verdict', async () => {
    for (const options of [{ heartbeat }, { dataTimeout: 1_400 }]) {
      const world = makeWorld()
      const { ws, peer } = await openClientTo(world, options)
      const received = ws.recv().catch((error) => error)
      await world.clock.advance(1_000)
      // The thread is blocked until after the deadline. The bytes arrive meanwhile, and are read when its timers have run.
      world.stall(10)
      world.clock.set(() => peer.sendFrame(TEXT, 'in time'), 400)
      await world.clock.advance(401)
      expect(await received).toMatchObject({ text: 'in time' })
      expect(ws.readyState).toBe('open')
      ws.destroy()
    }
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
