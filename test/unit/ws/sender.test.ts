import { describe, expect, test } from 'vitest'
import { CLOSE, makeWorld, openClientTo, openPair, openServerTo, PING, spell, stateOf, TEXT, wireFrames } from './harness.ts'

describe('sends of one tick', () => {
  test('the first leaves at once, the rest in one write when the tick ends', async () => {
    const world = makeWorld()
    const { ws, writes, peer } = await openClientTo(world)
    expect(ws.sendText('first')).toBeUndefined()
    expect(writes).toHaveLength(1)
    for (let i = 0; i < 50; i++) expect(ws.sendText(`more ${i}`)).toBeUndefined()
    expect(writes).toHaveLength(1)
    await world.settle()
    expect(writes).toHaveLength(2)
    expect(spell(peer.received)).toEqual(['1:first', ...Array.from({ length: 50 }, (_, i) => `1:more ${i}`)])
    expect(ws.bufferedAmount).toBe(0)
    ws.destroy()
  })

  test('each tick begins anew', async () => {
    const world = makeWorld()
    const { ws, writes } = await openServerTo(world)
    for (let tick = 1; tick <= 3; tick++) {
      ws.sendText('alone')
      expect(writes).toHaveLength(tick)
      await Promise.resolve()
      await world.settle()
      expect(writes).toHaveLength(tick)
    }
    ws.destroy()
  })

  test('from half a buffer on, they leave before the tick ends', async () => {
    const world = makeWorld()
    const { ws, writes } = await openServerTo(world, { writeBufferCapacity: 4_096 })
    for (let i = 0; i < 20; i++) ws.sendBinary(new Uint8Array(500))
    expect(writes.length).toBeGreaterThan(2)
    await world.settle()
    expect(writes.reduce((sum, { length }) => sum + length, 0)).toBe(20 * 504)
    ws.destroy()
  })

  test('control frames and close keep their place', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world, { closeTimeout: 10 })
    ws.sendText('a')
    ws.sendPing(Uint8Array.of(98))
    ws.sendText('c')
    ws.sendPong(Uint8Array.of(100))
    const closed = ws.close(4000, 'e')
    await world.settle()
    expect(spell(peer.received)).toEqual(['1:a', '9:b', '1:c', '10:d', '8:4000 e'])
    await world.clock.advance(10)
    await closed
  })

  test('the bytes given are copied before the call returns', async () => {
    const world = makeWorld()
    const { ws, peer, end } = await openServerTo(world, {}, { capacity: 100 })
    const bytes = new Uint8Array(50).fill(1)
    for (let i = 0; i < 10; i++) {
      ws.sendBinary(bytes.fill(i))
    }
    const large = new Uint8Array(200_000).fill(7)
    const sent = ws.sendBinary(large)
    large.fill(0)
    bytes.fill(255)
    await sent
    expect(end.bytesDelivered).toBeGreaterThan(200_000)
    const frames = wireFrames(peer.received)
    expect(frames.map(({ payload }) => payload[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 7])
    expect(frames[10]?.payload.every((byte) => byte === 7)).toBe(true)
    ws.destroy()
  })
})

describe('a backlog', () => {
  test('a send that has to wait is a promise, which resolves when everything has left', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world, {}, { capacity: 1_000 })
    peer.reading = false
    const sent = ws.sendBinary(new Uint8Array(100_000))
    expect(sent).toBeInstanceOf(Promise)
    expect(await stateOf(world, sent as Promise<void>)).toBe('pending')
    const amount = ws.bufferedAmount
    expect(amount).toBeGreaterThan(90_000)
    const flushed = ws.flush()
    peer.resume()
    await Promise.all([sent, flushed])
    expect([ws.bufferedAmount, peer.received.length]).toEqual([0, 100_010])
    ws.destroy()
  })

  test.each([
    ['client', false],
    ['server', false],
    ['client', true],
    ['server', true],
  ] as const)('order is kept through buffer and overflow: %s, deferred writes %s', async (role, deferWrites) => {
    const world = makeWorld()
    const memory = { capacity: 777, maxDelivery: 333, deferWrites }
    const options = { writeBufferCapacity: 4_096 }
    const { ws, peer } = await (role === 'client' ? openClientTo(world, options, memory) : openServerTo(world, options, memory))
    const expected: string[] = []
    // Sizes about the buffer's, control frames between, some ticks apart.
    for (let i = 0; i < 300; i++) {
      const size = [3, 100, 2_000, 4_000, 4_096, 5_000, 20_000][(i * 5) % 7] as number
      const text = `${i} ${'x'.repeat(size)}`
      if (i % 11 === 0) {
        ws.sendPing(new TextEncoder().encode(`ping ${i}`))
        expected.push(`${PING}:ping ${i}`)
      } else {
        ws.sendText(text)
        expected.push(`${TEXT}:${text}`)
      }
      if (i % 17 === 0) await Promise.resolve()
    }
    await ws.flush()
    await world.settle()
    expect(spell(peer.received)).toEqual(expected)
    expect(wireFrames(peer.received).every(({ masked, fin }) => fin && masked === (role === 'client'))).toBe(true)
    ws.destroy()
  })

  test('bufferedAmount counts every byte that has not left, and SendBufferFull guards it', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world, { maxBufferedAmount: 50_000, writeBufferCapacity: 4_096 }, { capacity: 1 })
    peer.reading = false
    await world.settle()
    let accepted = 0
    let error: unknown = null
    while (error === null) {
      const before = ws.bufferedAmount
      try {
        ws.sendBinary(new Uint8Array(996))
        accepted++
        expect(ws.bufferedAmount).toBe(before + 1_000)
      } catch (reason) {
        error = reason
        expect(ws.bufferedAmount).toBe(before)
      }
    }
    expect(error).toMatchObject({ name: 'EncodeError', code: 'SendBufferFull', size: 51_000, max: 50_000 })
    expect(accepted).toBe(50)
    expect(() => ws.sendText('x'.repeat(2_000))).toThrow(expect.objectContaining({ code: 'SendBufferFull' }))
    // A close always fits.
    const closed = ws.close(1001)
    peer.resume()
    await world.settle()
    expect(wireFrames(peer.received)).toHaveLength(51)
    peer.sendFrame(CLOSE, Uint8Array.of(3, 233), { masked: true })
    peer.end.end()
    await world.settle()
    expect(await closed).toMatchObject({ code: 1001, wasClean: true })
  })

  test('pings count too, so that they cannot fill the heap', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world, { maxBufferedAmount: 10_000, writeBufferCapacity: 4_096 }, { capacity: 1 })
    peer.reading = false
    await world.settle()
    expect(() => {
      for (let i = 0; i < 1_000; i++) ws.sendPing(new Uint8Array(100))
    }).toThrow(expect.objectContaining({ code: 'SendBufferFull' }))
    ws.destroy()
  })

  test('who waits is told when the connection is lost', async () => {
    const world = makeWorld()
    const { client, serverEnd } = await openPair(world, { memory: { capacity: 100 } })
    const sent = client.sendBinary(new Uint8Array(100_000)) as Promise<void>
    const outcomes = Promise.allSettled([sent, client.flush(), client.recv()])
    serverEnd.reset()
    await world.settle()
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ConnectionReset' } })
    await expect(client.flush()).rejects.toMatchObject({ code: 'ConnectionReset' })
  })

  test('flush resolves at once when nothing waits', async () => {
    const world = makeWorld()
    const { ws } = await openClientTo(world)
    await ws.flush()
    ws.sendText('x')
    await ws.flush()
    expect(ws.bufferedAmount).toBe(0)
    ws.destroy()
  })

  test('what may not be sent leaves nothing behind', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world, { maxMessageSize: 100 })
    for (const send of [() => ws.sendText('x'.repeat(101)), () => ws.sendText('é'.repeat(51)), () => ws.sendBinary(new Uint8Array(101))]) {
      expect(send).toThrow(expect.objectContaining({ name: 'EncodeError', code: 'OutgoingMessageTooLarge', max: 100 }))
    }
    expect(() => ws.sendPing(new Uint8Array(126))).toThrow(expect.objectContaining({ code: 'ControlPayloadTooLarge', size: 126, max: 125 }))
    await expect(ws.close(1005.5)).rejects.toMatchObject({ code: 'OutgoingCloseCodeInvalid' })
    await world.settle()
    expect(peer.received).toHaveLength(0)
    ws.sendText('é'.repeat(50))
    await world.settle()
    expect(spell(peer.received)).toEqual([`1:${'é'.repeat(50)}`])
    ws.destroy()
  })
})
