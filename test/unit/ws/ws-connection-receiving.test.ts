import { describe, expect, test } from 'vitest'
import type { OwnedMessage } from '../../../src/codec/ws/message.ts'
import { WsConnection } from '../../../src/ws/ws-connection.ts'
import { BINARY, CLOSE, makeWorld, openClientTo, openPair, openServerTo, PING, PONG, spell, stateOf, TEXT } from './harness.ts'

describe('pulling', () => {
  test('nothing is read from the transport before somebody asks', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world, { bufferCapacity: 4_096 }, { capacity: 1_000 })
    for (let i = 0; i < 50; i++) peer.sendFrame(BINARY, new Uint8Array(1_000))
    await world.settle()
    expect(peer.end.bytesDelivered).toBeLessThan(6_000)
    let received = 0
    while (received < 50) {
      await ws.readable()
      const before = peer.end.bytesDelivered
      await world.settle()
      expect(peer.end.bytesDelivered, 'with a message waiting, nothing more is read').toBe(before)
      while (ws.next() !== null) received++
    }
    ws.destroy()
  })

  test('readable is true as long as there is a message, and does not take it', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    const first = ws.readable()
    expect(await stateOf(world, first)).toBe('pending')
    peer.sendFrame(TEXT, 'a')
    expect([await first, await ws.readable(), ws.next()?.text, ws.next()]).toEqual([true, true, 'a', null])
    ws.destroy()
  })

  test('a second recv is ConcurrentReceive, after the first has its message it is not', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    const first = ws.recv()
    await expect(ws.recv()).rejects.toMatchObject({ name: 'UsageError', code: 'ConcurrentReceive' })
    peer.sendFrame(TEXT, 'a')
    peer.sendFrame(TEXT, 'b')
    expect([(await first)?.text, (await ws.recv())?.text]).toEqual(['a', 'b'])
    ws.destroy()
  })

  test('one receiver waits at a time: every other way to receive is ConcurrentReceive, and takes nothing from it', async () => {
    type Stream = Awaited<ReturnType<typeof openClientTo>>['ws']
    const ways: Record<string, (ws: Stream) => Promise<unknown>> = {
      readable: (ws) => ws.readable(),
      recv: (ws) => ws.recv().then((message) => message?.text),
      loop: (ws) => ws[Symbol.asyncIterator]().next(),
      streams: (ws) => ws.streams().readable.getReader().read(),
      forEach: async (ws) => {
        let text: string | undefined
        await ws.forEach((message) => {
          text = message.text
          return WsConnection.STOP
        })
        return text
      },
    }
    for (const [first, wait] of Object.entries(ways)) {
      for (const [second, also] of Object.entries(ways)) {
        const world = makeWorld()
        const { ws, peer } = await openClientTo(world)
        const waiting = wait(ws)
        await world.settle()
        const where = `${second} during ${first}`
        await expect(also(ws), where).rejects.toMatchObject({ name: 'UsageError', code: 'ConcurrentReceive' })
        expect([where, ws.readyState]).toEqual([where, 'open'])
        peer.sendFrame(TEXT, 'mine')
        const taken = (await waiting) as boolean | string | IteratorResult<OwnedMessage>
        expect([first, typeof taken === 'object' ? taken.value?.text : taken]).toEqual([first, first === 'readable' ? true : 'mine'])
        ws.destroy()
      }
    }
  })

  test('a loop has the connection until it is left, also while its body runs', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    for (const text of ['a', 'b', 'c']) peer.sendFrame(TEXT, text)
    const seen: string[] = []
    for await (const { text } of ws) {
      seen.push(text)
      await expect(ws[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ConcurrentReceive' })
      if (text === 'c') break
    }
    expect(seen).toEqual(['a', 'b', 'c'])
    // It was left: the next one sees the end.
    peer.end.end()
    await ws.closed
    expect(await ws[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined })
  })

  test('recv fails once the connection has failed, and can be called again', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    const waiting = ws.recv()
    waiting.catch(() => {})
    peer.end.reset()
    await expect(waiting).rejects.toMatchObject({ code: 'ConnectionReset' })
    await expect(ws.recv()).rejects.toMatchObject({ code: 'ConnectionReset' })
  })

  test('fragments do not wake anybody before the message is whole, control frames between do', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    const readable = ws.readable()
    peer.sendFrame(TEXT, 'a', { fin: false })
    peer.sendFrame(0, 'b', { fin: false })
    expect(await stateOf(world, readable)).toBe('pending')
    peer.sendFrame(PING, 'p')
    expect(await readable).toBe(true)
    expect([ws.next()?.kind, ws.next()]).toEqual(['ping', null])
    const received = ws.recv()
    peer.sendFrame(0, 'c')
    expect((await received)?.text).toBe('abc')
    ws.destroy()
  })

  test('a message is stale after the next one was taken, even when that came alone', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    const held: unknown[] = []
    for (let i = 0; i < 40; i++) {
      peer.sendFrame(i % 3 === 0 ? PONG : TEXT, `message ${i}`)
      const message = await ws.recv()
      for (const each of held) expect(() => (each as { text: string }).text).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
      expect(message?.text).toBe(`message ${i}`)
      if (i % 8 !== 7) held.push(message)
      else held.length = 0
    }
    ws.destroy()
  })

  test('a held message survives replies of any size', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world, { writeBufferCapacity: 4_096 }, { capacity: 1_000 })
    peer.sendFrame(TEXT, 'x'.repeat(500), { masked: true })
    const message = await ws.recv()
    for (let i = 0; i < 30; i++) ws.sendText(`${message?.text} ${i}`)
    ws.sendBinary(new Uint8Array(100_000))
    await ws.flush()
    expect(message?.text).toBe('x'.repeat(500))
    ws.destroy()
  })
})

describe('pings of the peer', () => {
  test.each(['client', 'server'] as const)('are answered with their exact bytes when they are taken (%s)', async (role) => {
    const world = makeWorld()
    const { ws, peer } = await (role === 'client' ? openClientTo(world) : openServerTo(world))
    const payloads = ['', 'a', '\0\xff', 'x'.repeat(125)]
    for (const payload of payloads) {
      peer.sendFrame(PING, Buffer.from(payload, 'latin1'), { masked: role === 'server' })
      expect((await ws.recv())?.kind).toBe('ping')
      await world.settle()
    }
    expect(spell(peer.received)).toEqual(payloads.map((payload) => `${PONG}:${Buffer.from(payload, 'latin1').toString()}`))
    ws.destroy()
  })

  test('several of one read are answered in one write, behind the first', async () => {
    const world = makeWorld()
    const { ws, peer, writes } = await openClientTo(world)
    await Promise.all([ws.readable(), ...['a', 'b', 'c'].map((payload) => peer.sendFrame(PING, payload))])
    await world.settle()
    let taken = 0
    while (taken < 3) {
      await ws.readable()
      while (ws.next() !== null) taken++
    }
    await world.settle()
    expect(writes.flatMap(spell)).toEqual(['10:a', '10:b', '10:c'])
    ws.destroy()
  })

  test.each([1, 10, 63, 64, 65, 66, 1_000])('while nothing can be sent, %i of them wait: 64 in order, and of the rest the newest', async (count) => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world, {}, { capacity: 2_000 })
    peer.reading = false
    ws.sendBinary(new Uint8Array(60_000))
    for (let i = 0; i < count; i++) peer.sendFrame(PING, `${i}`.padEnd(125, '.'), { masked: true })
    let taken = 0
    while (taken < count) {
      await ws.readable()
      while (ws.next() !== null) taken++
    }
    expect(ws.bufferedAmount).toBe(60_004)
    peer.resume()
    await world.settle()
    const answered = spell(peer.received)
      .slice(1)
      .map((each) => Number.parseInt(each.slice(3), 10))
    const inOrder = Array.from({ length: Math.min(count, 64) }, (_, i) => i)
    expect(answered).toEqual(count > 64 ? [...inOrder, count - 1] : inOrder)
    ws.destroy()
  })

  test('ten of one segment are answered in order where every write is completed later', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world, {}, { deferWrites: true })
    for (let i = 0; i < 10; i++) peer.sendFrame(PING, `${i}`)
    for (let i = 0; i < 10; i++) await ws.recv()
    await world.settle()
    expect(spell(peer.received)).toEqual(Array.from({ length: 10 }, (_, i) => `${PONG}:${i}`))
    ws.destroy()
  })

  test('an answer that finds the queue full is no error of anybody', async () => {
    const world = makeWorld()
    const options = { maxBufferedAmount: 50_000, writeBufferCapacity: 4_096 }
    const { ws, peer } = await openServerTo(world, options, { capacity: 1, maxDelivery: 1 })
    peer.reading = false
    await world.settle()
    ws.sendText('x')
    ws.sendText('y')
    const full = (size: number): boolean => {
      try {
        ws.sendBinary(new Uint8Array(size))
        return false
      } catch {
        return true
      }
    }
    for (const size of [990, 100, 10, 1]) while (!full(size));
    for (let i = 0; i < 3; i++) {
      peer.sendFrame(PING, Buffer.alloc(125, i), { masked: true })
      expect((await ws.recv())?.kind).toBe('ping')
    }
    peer.resume()
    await ws.flush()
    await world.settle()
    const pongs = spell(peer.received).filter((each) => each.startsWith(`${PONG}:`))
    expect(pongs.at(-1)).toBe(`${PONG}:${'\u0002'.repeat(125)}`)
    expect(ws.readyState).toBe('open')
    ws.destroy()
  })

  test('with autoPong off they are left to the application', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world, { autoPong: false })
    peer.sendFrame(PING, 'mine')
    const ping = await ws.recv()
    await world.settle()
    expect(peer.received).toHaveLength(0)
    ws.sendPong(ping?.bytes)
    await world.settle()
    expect(spell(peer.received)).toEqual(['10:mine'])
    ws.destroy()
  })
})

describe('for await', () => {
  test('gives owned text and binary messages, and nothing else, until the end', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    peer.sendFrame(TEXT, 'a')
    peer.sendFrame(PING, 'p')
    peer.sendFrame(BINARY, 'b')
    peer.sendFrame(PONG, '')
    peer.sendFrame(TEXT, '')
    peer.sendFrame(CLOSE, '')
    await world.settle()
    peer.end.end()
    const messages = []
    for await (const message of ws) messages.push(message)
    expect(messages.map(({ kind, text }) => [kind, text])).toEqual([
      ['text', 'a'],
      ['binary', 'b'],
      ['text', ''],
    ])
  })

  test('leaving it closes with 1000, throwing too', async () => {
    for (const leave of ['break', 'throw'] as const) {
      const world = makeWorld()
      const { client, server } = await openPair(world)
      server.sendText('a')
      const loop = (async () => {
        for await (const _ of client) {
          if (leave === 'throw') throw new Error('enough')
          break
        }
      })().catch((error) => error.message)
      expect(await server.recv()).toMatchObject({ kind: 'close', closeCode: 1000 })
      expect(await loop).toBe(leave === 'throw' ? 'enough' : undefined)
      expect(await client.closed).toMatchObject({ code: 1000, wasClean: true })
    }
  })

  test('it stops its peer while the body of the loop waits', async () => {
    const world = makeWorld()
    const { client, server, serverEnd } = await openPair(world, { memory: { capacity: 1_000 }, connect: { bufferCapacity: 4_096 } })
    const sent = (async () => {
      for (let i = 0; i < 100; i++) await server.sendBinary(new Uint8Array(1_000).fill(i))
    })()
    let seen = 0
    for await (const message of client) {
      const before = serverEnd.bytesDelivered
      await world.settle()
      expect(serverEnd.bytesDelivered).toBe(before)
      expect(message.bytes[0]).toBe(seen)
      if (++seen === 100) break
    }
    await sent
    server.destroy()
  })

  test('throws what the connection failed with, after the messages before', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    peer.sendFrame(TEXT, 'a')
    const texts: string[] = []
    const loop = (async () => {
      for await (const message of ws) texts.push(message.text)
    })()
    await world.settle()
    peer.end.reset()
    await expect(loop).rejects.toMatchObject({ code: 'ConnectionReset' })
    expect(texts).toEqual(['a'])
  })
})

describe('WHATWG streams', () => {
  test('carry text and binary both ways', async () => {
    const world = makeWorld()
    const { client, server } = await openPair(world)
    const ours = client.streams()
    const theirs = server.streams()
    const echo = theirs.readable
      .pipeThrough(new TransformStream({ transform: (message, controller) => controller.enqueue(message.data) }))
      .pipeTo(theirs.writable)
    const writer = ours.writable.getWriter()
    const reader = ours.readable.getReader()
    await writer.write('text')
    await writer.write(Uint8Array.of(1, 2, 3))
    expect((await reader.read()).value).toMatchObject({ kind: 'text', data: 'text' })
    expect((await reader.read()).value?.data).toEqual(Uint8Array.of(1, 2, 3))
    await writer.close()
    expect(await reader.read()).toEqual({ done: true, value: undefined })
    await echo
    expect(await client.closed).toMatchObject({ code: 1000, wasClean: true })
  })

  test('read ahead by 64 KiB, to see the end, and stop the peer', async () => {
    const world = makeWorld()
    const { client, server, serverEnd } = await openPair(world, { memory: { capacity: 1_000 }, connect: { bufferCapacity: 4_096 } })
    const { readable } = client.streams()
    for (let i = 0; i < 200; i++) server.sendBinary(new Uint8Array(1_000))
    await world.settle()
    expect(serverEnd.bytesDelivered).toBeLessThan(75_000)
    const reader = readable.getReader()
    for (let i = 0; i < 200; i++) expect((await reader.read()).value?.length).toBe(1_000)
    client.destroy()
    server.destroy()
  })

  test('a write waits while the peer does not read', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world, {}, { capacity: 1_000 })
    peer.reading = false
    const writer = ws.streams().writable.getWriter()
    const written = writer.write(new Uint8Array(200_000))
    expect(await stateOf(world, written)).toBe('pending')
    peer.resume()
    await written
    expect(peer.received.length).toBeGreaterThan(200_000)
    ws.destroy()
  })

  test('cancelling closes, aborting cuts', async () => {
    const world = makeWorld()
    const first = await openPair(world)
    const seen = first.server.recv()
    await first.client.streams().readable.cancel()
    expect(await seen).toMatchObject({ kind: 'close', closeCode: 1000 })
    const second = await openPair(world)
    const lost = second.server.recv().catch((error) => error.code)
    await second.client.streams().writable.abort()
    expect([await lost, (await second.server.closed).code]).toEqual(['ConnectionClosed', 1006])
  })

  test('an error of the connection is an error of both', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    const { readable, writable } = ws.streams()
    const reading = readable.getReader().read()
    reading.catch(() => {})
    peer.end.reset()
    await expect(reading).rejects.toMatchObject({ code: 'ConnectionReset' })
    const writer = writable.getWriter()
    await expect(writer.closed).rejects.toMatchObject({ code: 'ConnectionReset' })
    await expect(writer.write('x')).rejects.toMatchObject({ code: 'ConnectionReset' })
  })

  test('who only writes learns of the end, though nobody reads', async () => {
    for (const [how, error] of [
      ['reset', 'ConnectionReset'],
      ['end', 'ConnectionClosed'],
    ] as const) {
      const world = makeWorld()
      const { ws, peer } = await openClientTo(world)
      const { closed } = ws.streams().writable.getWriter()
      peer.end[how]()
      await expect(closed).rejects.toMatchObject({ code: error })
    }
  })

  test('closing the writable is no failure of it', async () => {
    const world = makeWorld()
    const { client, server } = await openPair(world)
    const serving = server.recv()
    const writer = client.streams().writable.getWriter()
    await Promise.all([writer.close(), serving, serving.then(() => server.recv())])
    await writer.closed
  })
})
