import { describe, expect, test } from 'vitest'
import { CLOSE, makeCodec, makeWorld, openClientTo, openPair, openServerTo, PING, spell, stateOf, TEXT, wireFrames } from './harness.ts'

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

  describe.each(['sendText', 'sendBinary'] as const)('with a limit of 50,000 bytes, %s', (send) => {
    // A frame of the server's with this much has a header of 4 bytes, or of 10.
    const sizes = [49_995, 49_996, 49_997, 50_000, 500_000]
    const options = { maxBufferedAmount: 50_000, writeBufferCapacity: 4_096 }

    test.each(sizes)('takes a message of %i bytes when nothing waits, and it leaves whole', async (size) => {
      const world = makeWorld()
      const { ws, peer } = await openServerTo(world, options, { capacity: 1_000 })
      peer.reading = false
      await world.settle()
      const sent = ws[send]((send === 'sendText' ? 'x'.repeat(size) : new Uint8Array(size).fill(120)) as never)
      expect(ws.bufferedAmount).toBeGreaterThan(size - 1_000)
      // What follows has something in front of it.
      expect(() => ws.sendBinary(new Uint8Array(50_000))).toThrow(expect.objectContaining({ code: 'SendBufferFull', max: 50_000 }))
      peer.resume()
      await sent
      await world.settle()
      expect([ws.bufferedAmount, wireFrames(peer.received).map(({ payload }) => payload.length)]).toEqual([0, [size]])
      ws.destroy()
    })

    test.each(sizes)('judges a message of %i bytes behind one of 10 that waits', async (size) => {
      const world = makeWorld()
      const { ws, peer } = await openServerTo(world, options, { capacity: 1 })
      peer.reading = false
      await world.settle()
      ws.sendText('1234567890')
      const waiting = ws.bufferedAmount
      const total = waiting + size + (size < 65_536 ? 4 : 10)
      const sending = (): unknown => ws[send]((send === 'sendText' ? 'x'.repeat(size) : new Uint8Array(size)) as never)
      if (total <= 50_000) sending()
      else expect(sending).toThrow(expect.objectContaining({ code: 'SendBufferFull', size: total, max: 50_000 }))
      expect(ws.bufferedAmount).toBe(total <= 50_000 ? total : waiting)
      ws.destroy()
    })
  })

  test.each([49_971, 49_972, 49_973])('at its limit to the byte: %i behind 24', async (size) => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world, { maxBufferedAmount: 50_000, writeBufferCapacity: 4_096 }, { capacity: 1 })
    peer.reading = false
    await world.settle()
    ws.sendText('1234567890')
    ws.sendText('1234567890')
    expect(ws.bufferedAmount).toBe(24)
    const sending = (): unknown => ws.sendBinary(new Uint8Array(size))
    if (size + 4 + 24 <= 50_000) sending()
    else expect(sending).toThrow(expect.objectContaining({ code: 'SendBufferFull', size: 50_001 }))
    ws.destroy()
  })

  test('bufferedAmount of a large message goes down as its bytes leave', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world, { maxMessageSize: 4 * 1024 * 1024 }, { capacity: 10_000 })
    const sent = ws.sendBinary(new Uint8Array(4 * 1024 * 1024)) as Promise<void>
    const amounts: number[] = []
    const { onRead } = peer as unknown as { onRead: (index: number, length: number) => void }
    Object.assign(peer, {
      onRead: (index: number, length: number) => {
        if (amounts.at(-1) !== ws.bufferedAmount) amounts.push(ws.bufferedAmount)
        onRead.call(peer, index, length)
      },
    })
    await sent
    await world.settle()
    // A piece of 128 KiB at a time, the first one with the header.
    expect(amounts.length).toBeGreaterThanOrEqual(32)
    expect(amounts).toEqual([...amounts].sort((a, b) => b - a))
    for (const [i, amount] of amounts.entries()) if (i > 0) expect((amounts[i - 1] as number) - amount).toBeLessThanOrEqual(128 * 1024 + 10)
    ws.destroy()
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

describe('what a caller hands in', () => {
  const refused: readonly unknown[] = ['abc', 5, null, {}, [1, 2, 3], new Blob(['a']), { length: -1 }, JSON.parse('{"length":-4293467296}')]

  test.each(refused.map((value) => [value]))('is sent as bytes only when it is some: not %j', async (value) => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    const error = expect.objectContaining({ name: 'UsageError', code: 'InvalidOption', message: expect.stringMatching(/^bytes must be/) })
    for (const send of ['sendBinary', 'sendPing', 'sendPong'] as const) expect(() => ws[send](value as Uint8Array)).toThrow(error)
    await world.settle()
    expect([peer.received.length, ws.bufferedAmount, ws.readyState]).toEqual([0, 0, 'open'])
    if (typeof value === 'string') return
    const writer = ws.streams().writable.getWriter()
    writer.closed.catch(() => {})
    const refusal = expect(writer.write(value as Uint8Array)).rejects.toEqual(error)
    await world.settle()
    await refusal
    expect(peer.received).toHaveLength(0)
    ws.destroy()
  })

  test.each([[new Uint8Array([1, 2, 3])], [{}], [5], [null], [undefined], [['a']]])(
    'is sent as text only when it is a string: not %j',
    async (value) => {
      const world = makeWorld()
      const { ws, peer } = await openClientTo(world)
      expect(() => ws.sendText(value as string)).toThrow(
        expect.objectContaining({ code: 'InvalidOption', message: expect.stringMatching(/^text must be/) }),
      )
      if (value !== undefined) await expect(ws.close(1000, value as string)).rejects.toMatchObject({ code: 'InvalidOption' })
      await world.settle()
      expect(spell(peer.received).filter((each) => each.startsWith('1'))).toEqual([])
      ws.destroy()
    },
  )

  test('is sent as the bytes that it covers, whatever its type', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world)
    const buffer = Uint8Array.from('AABBCCDD', (letter) => letter.charCodeAt(0)).buffer
    ws.sendBinary(buffer)
    ws.sendBinary(new Uint16Array(buffer, 2, 2))
    ws.sendBinary(new DataView(buffer, 4))
    ws.sendPing(new Uint32Array(buffer, 0, 1))
    ws.sendBinary(new Float64Array(4_000))
    await world.settle()
    expect(spell(peer.received).slice(0, 4)).toEqual(['2:AABBCCDD', '2:BBCC', '2:CCDD', '9:AABB'])
    expect(wireFrames(peer.received)[4]?.payload).toHaveLength(32_000)
    ws.destroy()
  })
})

describe('a peer that does not read', () => {
  test('and has empty messages echoed leaves the neighbour’s memory alone', async () => {
    const world = makeWorld(() => 0, makeCodec())
    const { ws, peer } = await openServerTo(world, { writeBufferCapacity: 4_096, bufferCapacity: 8_192 }, { capacity: 4_096 })
    const neighbour = await openServerTo(world, { bufferCapacity: 8_192 })
    peer.reading = false
    await world.settle()
    let sent = 0
    for (; sent < 12_000; sent++) ws.sendText('')
    neighbour.peer.sendFrame(TEXT, 'still here', { masked: true })
    expect((await neighbour.ws.recv())?.text).toBe('still here')
    // More than the write buffer holds.
    expect(ws.bufferedAmount).toBeGreaterThan(8_192)
    peer.resume()
    await world.settle()
    expect(wireFrames(peer.received)).toHaveLength(sent)
    ws.destroy()
    neighbour.ws.destroy()
  })

  test('but stays alive has no ping waiting for it, however many intervals pass: it has spoken since', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(
      world,
      { heartbeat: { interval: 1_000, timeout: 5_000 }, writeBufferCapacity: 4_096 },
      { capacity: 1_000 },
    )
    peer.reading = false
    await world.settle()
    ws.sendBinary(new Uint8Array(20_000))
    await world.settle()
    const waiting = ws.bufferedAmount
    for (let i = 0; i < 300; i++) {
      const received = ws.recv()
      await world.clock.advance(1_000)
      peer.sendFrame(TEXT, 'alive', { masked: true })
      await world.settle()
      expect((await received)?.text).toBe('alive')
    }
    expect(ws.bufferedAmount).toBe(waiting)
    peer.resume()
    await world.settle()
    expect(spell(peer.received).slice(1)).toEqual([])
    ws.destroy()
  })

  test('gets no ping behind a close frame', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world, { heartbeat: { interval: 1_000, timeout: 5_000 } }, { capacity: 1_000 })
    peer.reading = false
    await world.settle()
    ws.sendBinary(new Uint8Array(20_000))
    const received = ws.readable()
    await world.clock.advance(1_000)
    const closed = ws.close(1001)
    peer.resume()
    await world.clock.advance(1_000)
    expect(spell(peer.received).at(-1)).toBe('8:1001')
    ws.destroy()
    await Promise.all([closed, received])
  })
})
