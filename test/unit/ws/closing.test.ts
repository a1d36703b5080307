import { describe, expect, test } from 'vitest'

import type { Message } from '../../../src/codec/ws/message.ts'
import { TransportError } from '../../../src/errors.ts'
import { Inbox, type InboxSource } from '../../../src/transport/inbox.ts'
import { memoryPair } from '../../../src/transport/memory/pair.ts'
import type { Transport, TransportHandler } from '../../../src/transport/transport.ts'
import { frame } from '../../reference/frames.ts'
import {
  BINARY,
  CLOSE,
  makeWorld,
  openClientTo,
  openPair,
  openServerTo,
  type Pair,
  PING,
  spell,
  stateOf,
  TEXT,
  upgradeResponse,
  type World,
} from './harness.ts'

const code = (number: number): Uint8Array => Uint8Array.of(number >> 8, number & 255)

describe('the closing handshake', () => {
  test('client first: both see its code, and the server ends the connection', async () => {
    const world = makeWorld()
    const { client, server } = await openPair(world)
    const received = server.recv()
    const closed = client.close(4001, 'done')
    expect(client.readyState).toBe('closing')
    expect(await received).toMatchObject({ kind: 'close', closeCode: 4001, text: 'done' })
    expect(await server.recv()).toBeNull()
    expect(await closed).toEqual({ code: 4001, reason: '', wasClean: true, error: null })
    expect(await server.closed).toEqual({ code: 4001, reason: 'done', wasClean: true, error: null })
    expect([client.readyState, server.readyState, world.clock.pending]).toEqual(['closed', 'closed', 0])
  })

  test('server first', async () => {
    const world = makeWorld()
    const { client, server } = await openPair(world)
    const received = client.recv()
    const closed = server.close(1012, 'restart')
    expect(await received).toMatchObject({ kind: 'close', closeCode: 1012, text: 'restart' })
    expect(await client.recv()).toBeNull()
    expect(await closed).toMatchObject({ code: 1012, wasClean: true })
    expect(await client.closed).toMatchObject({ code: 1012, reason: 'restart', wasClean: true })
    expect(world.clock.pending).toBe(0)
  })

  test('both at once', async () => {
    const world = makeWorld()
    const { client, server } = await openPair(world, { memory: { latency: 10 } })
    const both = Promise.all([client.close(4001), server.close(4002)])
    await world.clock.advance(100)
    const [ours, theirs] = await both
    expect([ours.code, ours.wasClean, theirs.code, theirs.wasClean]).toEqual([4002, true, 4001, true])
    expect(world.clock.pending).toBe(0)
  })

  test('the client waits for the server to end the connection (RFC 6455 section 7.1.1)', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    const closed = ws.close(1000)
    await world.settle()
    peer.sendFrame(CLOSE, code(1000))
    await world.settle()
    expect([await stateOf(world, closed), peer.ended]).toEqual(['pending', false])
    peer.end.end()
    expect(await closed).toMatchObject({ code: 1000, wasClean: true })
  })

  test('the server ends the connection itself', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world)
    const closed = ws.close(1000)
    await world.settle()
    expect([spell(peer.received), peer.ended]).toEqual([[`${CLOSE}:1000`], false])
    peer.sendFrame(CLOSE, code(1000), { masked: true })
    await world.settle()
    expect(peer.ended).toBe(true)
    peer.end.end()
    expect(await closed).toMatchObject({ code: 1000, wasClean: true })
  })

  test('a close frame of the peer is answered with its code when it is taken, once', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    peer.sendFrame(TEXT, 'first')
    peer.sendFrame(CLOSE, Buffer.concat([code(4321), Buffer.from('why')]))
    await world.settle()
    expect((await ws.recv())?.text).toBe('first')
    await world.settle()
    expect([peer.received.length, ws.readyState]).toEqual([0, 'open'])
    expect(await ws.recv()).toMatchObject({ kind: 'close', closeCode: 4321, text: 'why' })
    expect(ws.readyState).toBe('closing')
    ws.close(1000)
    await world.settle()
    expect(spell(peer.received)).toEqual([`${CLOSE}:4321`])
    peer.end.end()
    expect(await ws.closed).toMatchObject({ code: 4321, reason: 'why', wasClean: true })
  })

  test('an empty close frame is 1005, and answered with an empty one', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world)
    peer.sendFrame(CLOSE, '', { masked: true })
    expect(await ws.recv()).toMatchObject({ kind: 'close', closeCode: 1005, length: 0 })
    await world.settle()
    expect(spell(peer.received)).toEqual([`${CLOSE}:`])
    peer.end.end()
    expect(await ws.closed).toMatchObject({ code: 1005, wasClean: true })
  })

  test('closeTimeout cuts a peer that does not answer, and one that does not end', async () => {
    const world = makeWorld()
    const silent = await openClientTo(world, { closeTimeout: 3_000 })
    const lingering = await openClientTo(world, { closeTimeout: 3_000 })
    const closed = [silent.ws.close(), lingering.ws.close()]
    await world.settle()
    lingering.peer.sendFrame(CLOSE, code(1000))
    await world.clock.advance(2_999)
    expect(await stateOf(world, Promise.race(closed))).toBe('pending')
    await world.clock.advance(1)
    expect(await Promise.all(closed)).toMatchObject([
      { code: 1006, wasClean: false },
      { code: 1000, wasClean: true },
    ])
    expect(world.clock.pending).toBe(0)
  })

  test('messages that arrive after our close are dropped, pings are not answered', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    const closed = ws.close(1000)
    for (let i = 0; i < 100; i++) peer.sendFrame(TEXT, 'x'.repeat(10_000))
    peer.sendFrame(PING, 'there?')
    peer.sendFrame(CLOSE, code(1000))
    await world.settle()
    peer.end.end()
    expect(await closed).toMatchObject({ code: 1000, wasClean: true })
    expect([ws.next(), await ws.recv()]).toEqual([null, null])
    expect(spell(peer.received)).toEqual([`${CLOSE}:1000`])
  })

  test('what was queued before the close leaves before it', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world, {}, { capacity: 500 })
    for (let i = 0; i < 20; i++) ws.sendBinary(new Uint8Array(10_000).fill(i))
    const closed = ws.close(1000)
    await world.settle()
    expect(spell(peer.received).map((each) => each.slice(0, 3))).toEqual([
      ...Array.from({ length: 20 }, (_, i) => `2:${String.fromCharCode(i)}`),
      '8:1',
    ])
    peer.sendFrame(CLOSE, code(1000), { masked: true })
    peer.end.end()
    expect(await closed).toMatchObject({ wasClean: true })
  })

  test('destroy cuts at once and ends every pending call', async () => {
    const world = makeWorld()
    const { client, server } = await openPair(world)
    const pending = client.recv()
    const seen = server.recv()
    client.destroy()
    expect(client.readyState).toBe('closed')
    expect(await pending).toBeNull()
    expect([await client.readable(), await client[Symbol.asyncIterator]().next()]).toEqual([false, { done: true, value: undefined }])
    expect(await client.closed).toMatchObject({ code: 1006, wasClean: false, error: null })
    await expect(seen).rejects.toMatchObject({ code: 'ConnectionClosed' })
    expect(await server.closed).toMatchObject({ code: 1006, wasClean: false, error: { code: 'ConnectionClosed' } })
    client.destroy()
    await client.close()
  })

  test('sends after a close, ours or the peer’s, are NotOpen', async () => {
    const world = makeWorld()
    const { client, server } = await openPair(world)
    const closing = client.close()
    expect((await server.recv())?.kind).toBe('close')
    for (const ws of [client, server]) {
      for (const send of [() => ws.sendText('x'), () => ws.sendBinary(Uint8Array.of(1)), () => ws.sendPing(), () => ws.sendPong()]) {
        expect(send).toThrow(expect.objectContaining({ name: 'UsageError', code: 'NotOpen' }))
      }
    }
    await closing
    expect(() => client.sendText('x')).toThrow(expect.objectContaining({ code: 'NotOpen' }))
  })
})

describe('a loss', () => {
  test('in mid-message is UnexpectedEnd, between messages ConnectionClosed: without a close frame no end is in order', async () => {
    for (const [opcode, fin, cut] of [
      [TEXT, true, 1],
      [TEXT, true, 2],
      [TEXT, true, 5],
      [TEXT, false, 7],
    ] as const) {
      const world = makeWorld()
      const { ws, peer } = await openClientTo(world)
      peer.end.cut(cut, 'end')
      peer.sendFrame(opcode, 'hello', { fin })
      await expect(ws.recv()).rejects.toMatchObject({ name: 'TransportError', code: 'UnexpectedEnd' })
      expect(await ws.closed).toMatchObject({ code: 1006, wasClean: false, error: { code: 'UnexpectedEnd' } })
    }
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    peer.end.cut(7, 'end')
    peer.sendFrame(TEXT, 'hello')
    expect((await ws.recv())?.text).toBe('hello')
    await expect(ws.recv()).rejects.toMatchObject({ name: 'TransportError', code: 'ConnectionClosed' })
    await expect(ws.readable()).rejects.toMatchObject({ code: 'ConnectionClosed' })
    await expect(ws[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ConnectionClosed' })
    await expect(ws.flush()).rejects.toMatchObject({ code: 'ConnectionClosed' })
    expect(await ws.closed).toMatchObject({ code: 1006, reason: '', wasClean: false, error: { code: 'ConnectionClosed' } })
  })

  test('a close that the peer does not answer but ends is told by closed alone: who has closed receives no more', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    const received = ws.recv()
    const closed = ws.close(1000)
    await world.settle()
    peer.end.end()
    expect(await received).toBeNull()
    expect(await closed).toMatchObject({ code: 1006, wasClean: false, error: { code: 'ConnectionClosed' } })
  })

  test('messages that came before a reset are still delivered, then it fails, every time it is asked', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    for (let i = 0; i < 5; i++) peer.sendFrame(TEXT, `${i}`)
    await ws.readable()
    peer.end.reset()
    await world.settle()
    for (let i = 0; i < 5; i++) expect((await ws.recv())?.text).toBe(`${i}`)
    for (let i = 0; i < 3; i++) {
      await expect(ws.recv()).rejects.toMatchObject({ code: 'ConnectionReset' })
      await expect(ws.readable()).rejects.toMatchObject({ code: 'ConnectionReset' })
    }
  })

  test('a message in the caller’s hands stays valid until the caller’s next call', async () => {
    for (const how of ['reset', 'end'] as const) {
      for (const opcode of [TEXT, CLOSE]) {
        const world = makeWorld()
        const { ws, peer } = await openClientTo(world)
        peer.sendFrame(opcode, opcode === TEXT ? 'held' : Buffer.concat([code(1001), Buffer.from('held')]))
        const message = await ws.recv()
        peer.end[how]()
        await world.settle()
        const { client, server } = await openPair(world)
        client.sendText('overwrites what is free')
        expect((await server.recv())?.text).toBe('overwrites what is free')
        expect([how, opcode, message?.text]).toEqual([how, opcode, 'held'])
        if (opcode === CLOSE) expect(message?.closeCode).toBe(1001)
        client.destroy()
        server.destroy()
        await ws.recv().catch(() => {})
        expect(() => message?.text).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
        ws.destroy()
      }
    }
  })

  test('a close frame among the last messages makes it a clean end after all', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    peer.sendFrame(TEXT, 'last')
    peer.sendFrame(CLOSE, code(1001))
    await ws.readable()
    peer.end.reset()
    await world.settle()
    expect((await ws.recv())?.text).toBe('last')
    expect((await ws.recv())?.kind).toBe('close')
    expect(await ws.recv()).toBeNull()
    expect(await ws.closed).toEqual({ code: 1001, reason: '', wasClean: false, error: null })
  })

  test.each([1, 5, 1_024, 1_025, 3_000])('with %i messages before it, the close code is known as soon as all is looked through', async (count) => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world, {}, { capacity: 1_000_000 })
    for (let i = 0; i < count; i++) peer.sendFrame(TEXT, 'm')
    peer.sendFrame(CLOSE, Buffer.concat([code(4003), Buffer.from('reject')]))
    await ws.readable()
    expect(ws.next()?.text).toBe('m')
    peer.end.reset()
    await world.settle()
    expect([ws.readyState, await stateOf(world, ws.closed)]).toEqual(['closed', count < 1_024 ? 'resolved' : 'pending'])
    let messages = 1
    for (let message = await ws.recv(); message !== null; message = await ws.recv()) {
      if (message.kind === 'text') messages++
      else expect(message).toMatchObject({ kind: 'close', closeCode: 4003, text: 'reject' })
    }
    expect(messages).toBe(count)
    expect(await ws.closed).toEqual({ code: 4003, reason: 'reject', wasClean: false, error: null })
  })

  test('many messages before a reset without a close frame: all of them, then the reset', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world, {}, { capacity: 1_000_000 })
    for (let i = 0; i < 2_500; i++) peer.sendFrame(TEXT, 'm')
    await ws.readable()
    peer.end.reset()
    await world.settle()
    for (let i = 0; i < 2_500; i++) expect((await ws.recv())?.kind).toBe('text')
    await expect(ws.recv()).rejects.toMatchObject({ code: 'ConnectionReset' })
    expect(await ws.closed).toMatchObject({ code: 1006, error: { code: 'ConnectionReset' } })
  })

  test('what was lost while the consumer works on more than one look can see is dropped with a close', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world, {}, { capacity: 1_000_000 })
    for (let i = 0; i < 2_500; i++) peer.sendFrame(TEXT, 'm')
    peer.sendFrame(CLOSE, code(1008))
    await ws.readable()
    peer.end.reset()
    await world.settle()
    expect(await stateOf(world, ws.closed)).toBe('pending')
    expect(await ws.close()).toMatchObject({ code: 1008, wasClean: false, error: null })
  })
})

describe('what the transport still holds of a connection that is lost', () => {
  /** Takes writes until it is told not to, and loses the connection with bytes waiting. */
  class Losing implements Transport, InboxSource {
    readonly targetCount = 2
    readonly lastWrite = 'partly'
    readonly inbox: Inbox = new Inbox(this)
    readonly written: Uint8Array[] = []
    isBlocked = false

    start(handler: TransportHandler, targets: readonly Uint8Array[]): void {
      this.inbox.start(handler, targets)
    }
    resume(): void {
      this.inbox.resume()
    }
    write(bytes: Uint8Array): boolean {
      this.written.push(bytes.slice())
      return !this.isBlocked
    }
    end(): void {}
    destroy(): void {
      this.inbox.drop()
      queueMicrotask(() => this.inbox.close(null))
    }
    readOn(): void {}
  }

  /** A consumer that is busy with one message when two more arrive and the connection is lost. */
  async function openBusy(): Promise<{ world: World; ws: Pair['client']; transport: Losing }> {
    const world = makeWorld()
    const transport = new Losing()
    const opening = world.Stream.connectWith(transport, 'ws://peer.test/')
    await world.settle()
    transport.inbox.push(Buffer.from(upgradeResponse(Buffer.concat(transport.written).toString('latin1')), 'latin1'))
    const ws = await opening
    const first = ws.recv()
    transport.inbox.push(frame({ opcode: TEXT, payload: Buffer.from('first') }))
    expect((await first)?.text).toBe('first')
    return { world, ws, transport }
  }

  const rest = (): Uint8Array[] => [
    frame({ opcode: TEXT, payload: Buffer.from('reject') }),
    frame({ opcode: CLOSE, payload: Buffer.concat([code(4003), Buffer.from('why')]) }),
  ]

  test('message, close code, end', async () => {
    const { ws, transport } = await openBusy()
    for (const bytes of rest()) transport.inbox.push(bytes)
    transport.inbox.close(new TransportError('ConnectionReset', 'reset'))
    expect((await ws.recv())?.text).toBe('reject')
    expect(await ws.recv()).toMatchObject({ kind: 'close', closeCode: 4003, text: 'why' })
    expect(await ws.recv()).toBeNull()
    expect(await ws.closed).toMatchObject({ code: 4003, reason: 'why', error: null })
  })

  test('messages without a close frame, then why it was lost', async () => {
    const { ws, transport } = await openBusy()
    transport.inbox.push(rest()[0] as Uint8Array)
    transport.inbox.close(new TransportError('ConnectionReset', 'reset'))
    expect((await ws.recv())?.text).toBe('reject')
    await expect(ws.recv()).rejects.toMatchObject({ code: 'ConnectionReset' })
    expect(await ws.closed).toMatchObject({ code: 1006, error: { code: 'ConnectionReset' } })
  })

  test('who sends meanwhile is not left waiting', async () => {
    const { ws, transport } = await openBusy()
    transport.isBlocked = true
    void ws.sendText('under way')
    const flushing = ws.flush()
    for (const bytes of rest()) transport.inbox.push(bytes)
    transport.inbox.close(new TransportError('ConnectionReset', 'reset'))
    await expect(flushing).rejects.toMatchObject({ code: 'ConnectionReset' })
    await expect(ws.sendText('after it')).rejects.toMatchObject({ code: 'ConnectionReset' })
    await expect(ws.flush()).rejects.toMatchObject({ code: 'ConnectionReset' })
    expect((await ws.recv())?.text).toBe('reject')
  })
})

describe('nobody receives, somebody waits for the end', () => {
  test('a close is answered, with pings before it', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    const { closed } = ws
    peer.sendFrame(PING, 'there?')
    await world.settle()
    peer.sendFrame(CLOSE, Buffer.concat([code(1008), Buffer.from('policy')]))
    await world.settle()
    peer.end.end()
    expect(await closed).toEqual({ code: 1008, reason: 'policy', wasClean: true, error: null })
    expect(spell(peer.received)).toEqual(['10:there?', `${CLOSE}:1008`])
    // Whoever receives later is shown all of it, and it is not answered again.
    expect([(await ws.recv())?.text, (await ws.recv())?.closeCode, await ws.recv()]).toEqual(['there?', 1008, null])
    expect(spell(peer.received)).toHaveLength(2)
  })

  test.each([
    ['end', 'ConnectionClosed'],
    ['reset', 'ConnectionReset'],
  ] as const)('an %s is seen', async (how, error) => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    const { closed } = ws
    peer.end[how]()
    expect(await closed).toMatchObject({ code: 1006, wasClean: false, error: { code: error } })
    expect(world.clock.pending).toBe(0)
  })

  test('messages in front of the end are kept for whoever receives later, each valid until the next', async () => {
    for (const way of ['recv', 'next', 'loop'] as const) {
      const world = makeWorld()
      const { ws, peer } = await openClientTo(world)
      const { closed } = ws
      peer.sendFrame(TEXT, 'über')
      peer.sendFrame(PING, 'p')
      peer.sendFrame(BINARY, Uint8Array.of(1, 2, 3, 4))
      await world.settle()
      peer.sendFrame(TEXT, 'ascii')
      peer.sendFrame(CLOSE, Buffer.concat([code(4001), Buffer.from('bye')]))
      await world.settle()
      peer.end.end()
      expect(await closed).toEqual({ code: 4001, reason: 'bye', wasClean: true, error: null })
      const seen: string[] = []
      if (way === 'loop') {
        for await (const message of ws) seen.push(message.kind === 'text' ? message.text : `${message.bytes}`)
        expect(seen).toEqual(['über', '1,2,3,4', 'ascii'])
      } else {
        expect(await ws.readable()).toBe(true)
        let last: Message | null = null
        for (;;) {
          const message: Message | null = way === 'recv' ? await ws.recv() : ws.next()
          if (last !== null) expect(() => last?.text).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
          if (message === null) break
          last = message
          seen.push(message.kind === 'binary' ? `${message.getUint32(0)} ${message.at(3)}` : `${message.kind} ${message.text} ${message.closeCode}`)
        }
        expect(seen).toEqual(['text über null', 'ping p null', '16909060 4', 'text ascii null', 'close bye 4001'])
      }
      expect([await ws.readable(), await ws.recv(), ws.next()]).toEqual([false, null, null])
      expect(spell(peer.received)).toEqual(['10:p', `${CLOSE}:4001`])
    }
  })

  test('of those that are kept there is an end: then the peer waits, and a consumer still gets all of it in order', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world, { bufferCapacity: 4_096 }, { capacity: 1_000 })
    void ws.closed
    for (let i = 0; i < 200; i++) peer.sendFrame(BINARY, new Uint8Array(1_000).fill(i))
    peer.sendFrame(CLOSE, code(1000))
    await world.settle()
    const { bytesDelivered } = peer.end
    expect([bytesDelivered > 60_000, bytesDelivered < 75_000, await stateOf(world, ws.closed)]).toEqual([true, true, 'pending'])
    for (let i = 0; i < 200; i++) expect((await ws.recv())?.at(999)).toBe(i)
    expect((await ws.recv())?.kind).toBe('close')
    peer.end.end()
    expect(await ws.recv()).toBeNull()
    expect(await ws.closed).toMatchObject({ code: 1000, wasClean: true })
  })

  test('a failure comes behind the messages that are kept; a close drops them', async () => {
    for (const how of ['reset', 'close'] as const) {
      const world = makeWorld()
      const { ws, peer } = await openClientTo(world)
      void ws.closed
      peer.sendFrame(TEXT, 'first')
      await world.settle()
      if (how === 'reset') {
        peer.end.reset()
        expect(await ws.closed).toMatchObject({ code: 1006, error: { code: 'ConnectionReset' } })
        expect((await ws.recv())?.text).toBe('first')
        await expect(ws.recv()).rejects.toMatchObject({ code: 'ConnectionReset' })
      } else {
        const closed = ws.close()
        expect([ws.next(), await stateOf(world, ws.closed)]).toEqual([null, 'pending'])
        peer.end.end()
        await closed
        expect(await ws.recv()).toBeNull()
      }
    }
  })

  test('nor does anybody have to go on receiving', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    peer.sendFrame(TEXT, 'first')
    await ws.readable()
    expect([ws.next()?.text, ws.next()]).toEqual(['first', null])
    const { closed } = ws
    peer.sendFrame(TEXT, 'second')
    peer.sendFrame(CLOSE, code(1001))
    await world.settle()
    peer.end.end()
    expect(await closed).toMatchObject({ code: 1001, wasClean: true })
    expect([ws.next()?.text, ws.next()?.kind, ws.next()]).toEqual(['second', 'close', null])
  })

  test('whoever has a message in hand keeps it', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    peer.sendFrame(TEXT, 'held')
    const message = await ws.recv()
    void ws.closed
    peer.sendFrame(TEXT, 'next')
    await world.settle()
    expect(message?.text).toBe('held')
    ws.destroy()
  })
})

describe('bytes that could not leave', () => {
  const cases: readonly (readonly [string, (opened: Awaited<ReturnType<typeof openServerTo>>) => unknown, string])[] = [
    ['destroy', ({ ws }) => ws.destroy(), 'NotOpen'],
    ['a close that is cut', ({ ws }) => void ws.close(), 'CloseTimeout'],
    [
      'a loop that is left',
      async ({ ws, peer }) => {
        peer.sendFrame(TEXT, 'x', { masked: true })
        for await (const _ of ws) break
      },
      'CloseTimeout',
    ],
    ['a reset', ({ peer }) => peer.end.reset(), 'ConnectionReset'],
    ['an end without a close frame', ({ ws, peer }) => [ws.readable().catch(() => {}), peer.end.end()], 'ConnectionClosed'],
  ]
  test.each(cases)('%s: flush rejects, before and afterwards', async (_, act, error) => {
    const world = makeWorld()
    const opened = await openServerTo(world, { closeTimeout: 500 }, { capacity: 1_000 })
    opened.peer.reading = false
    await world.settle()
    const sent = opened.ws.sendBinary(new Uint8Array(50_000))
    const outcomes = Promise.allSettled([sent, opened.ws.flush()])
    await act(opened)
    await world.clock.advance(500)
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: error } })
    await expect(opened.ws.flush()).rejects.toMatchObject({ code: error })
  })

  test('with all of them out, flush resolves after the end', async () => {
    const world = makeWorld()
    const { client, server } = await openPair(world)
    const serving = server[Symbol.asyncIterator]()
    client.sendText('x')
    await Promise.all([serving.next(), client.close(), serving.next()])
    await client.flush()
    const { ws } = await openServerTo(world)
    ws.sendText('x')
    ws.destroy()
    await ws.flush()
  })

  test('a peer that goes on reading is not cut, however long its backlog takes; one that stops is', async () => {
    const world = makeWorld()
    const { ws, peer } = await openServerTo(world, { closeTimeout: 500 })
    peer.reading = false
    await world.settle()
    ws.sendBinary(new Uint8Array(2_000_000))
    const closed = ws.close(1001)
    for (let i = 0; i < 16; i++) {
      await world.clock.advance(100)
      const before = ws.bufferedAmount
      peer.end.resume()
      await world.settle()
      expect(ws.bufferedAmount).toBeLessThanOrEqual(before)
    }
    expect(ws.readyState).toBe('closing')
    expect(peer.received.length).toBeGreaterThan(500_000)
    await world.clock.advance(2_000)
    expect(await closed).toMatchObject({ code: 1006, wasClean: false, error: { code: 'CloseTimeout' } })
  })
})

describe('a broken protocol', () => {
  async function broken(world: World, role: 'client' | 'server', bytes: string): Promise<Awaited<ReturnType<typeof openClientTo>>> {
    const opened = await (role === 'client' ? openClientTo(world, { closeTimeout: 500 }) : openServerTo(world, { closeTimeout: 500 }))
    opened.peer.send(Buffer.from(bytes, 'hex'))
    return opened
  }

  test.each([
    ['client', 'c100', 'ReservedBitsSet', 1002],
    ['client', '818100000000ff', 'MaskedFrameFromServer', 1002],
    ['client', '8101ff', 'InvalidUtf8', 1007],
    ['client', '827f0000000005f5e100', 'PayloadTooLarge', 1009],
    ['server', '810161', 'UnmaskedFrameFromClient', 1002],
    ['server', '818100000000ff', 'InvalidUtf8', 1007],
    ['server', '82ff0000000005f5e10000000000', 'PayloadTooLarge', 1009],
  ] as const)('%s: %s is %s; the peer is told %i and given time to read it', async (role, bytes, error, closeCode) => {
    const world = makeWorld()
    const { ws, peer } = await broken(world, role, bytes)
    await expect(ws.recv()).rejects.toMatchObject({ name: 'ProtocolError', code: error, closeCode })
    await world.settle()
    expect([spell(peer.received), peer.ended, peer.closed]).toEqual([[`${CLOSE}:${closeCode}`], true, undefined])
    // Nothing that still comes is interpreted.
    peer.send(Buffer.from('810474657374c100', 'hex'))
    await world.settle()
    await expect(ws.recv()).rejects.toMatchObject({ code: error })
    expect(await ws.closed).toMatchObject({ code: 1006, wasClean: false, error: { code: error } })
    await world.clock.advance(500)
    expect(world.clock.pending).toBe(0)
  })

  test('messages before it are delivered first', async () => {
    const world = makeWorld()
    const { ws } = await broken(world, 'client', '810161810162c100')
    expect([(await ws.recv())?.text, (await ws.recv())?.text]).toEqual(['a', 'b'])
    await expect(ws.recv()).rejects.toMatchObject({ code: 'ReservedBitsSet' })
  })

  test('found while closing, it fails the close without a second close frame', async () => {
    const world = makeWorld()
    const { ws, peer } = await openClientTo(world)
    const closed = ws.close(1000)
    peer.send(Buffer.from('c100', 'hex'))
    await world.settle()
    peer.end.end()
    expect(await closed).toMatchObject({ code: 1006, wasClean: false, error: { code: 'ReservedBitsSet' } })
    expect(spell(peer.received)).toEqual([`${CLOSE}:1000`])
  })
})

test('whatever the order of the ends, both sides come to one and leave no timer', async () => {
  type Step = (pair: Pair) => unknown
  const steps: readonly Step[] = [
    ({ client }) => client.close(4001),
    ({ server }) => server.close(4002),
    ({ client }) => client.recv().catch(() => {}),
    ({ server }) => server.recv().catch(() => {}),
    ({ client }) => client.sendText('x'),
    ({ server }) => server.sendText('y'),
    ({ client }) => client.destroy(),
    ({ server }) => server.destroy(),
    ({ clientEnd }) => clientEnd.reset(),
    ({ serverEnd }) => serverEnd.cut(1, 'end'),
    ({ clientEnd }) => clientEnd.freeze(),
    ({ clientEnd }) => clientEnd.thaw(),
  ]
  let seed = 99
  const random = (limit: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return (seed >>> 8) % limit
  }
  for (let run = 0; run < 300; run++) {
    const world = makeWorld()
    const pair = await openPair(world, { memory: { latency: random(3), seed: run, maxDelivery: 1 + random(10) } })
    for (let i = 0; i < 6; i++) {
      try {
        const result = steps[random(steps.length)]?.(pair)
        if (result instanceof Promise) result.catch(() => {})
      } catch (error) {
        expect(error).toMatchObject({ code: 'NotOpen' })
      }
      await world.clock.advance(random(4))
    }
    pair.clientEnd.thaw()
    const both = [pair.client.close(), pair.server.close()]
    await world.clock.advance(30_000)
    expect(await stateOf(world, Promise.all(both)), `run ${run}`).toBe('resolved')
    expect([pair.client.readyState, pair.server.readyState, world.clock.pending], `run ${run}`).toEqual(['closed', 'closed', 0])
  }
})

test('a transport that is gone before the stream is made is an end', async () => {
  const world = makeWorld()
  const [end, other] = memoryPair()
  other.destroy()
  await world.settle()
  await expect(world.Stream.connectWith(end, 'ws://x/')).rejects.toMatchObject({ code: 'ClosedDuringHandshake' })
})
