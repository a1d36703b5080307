/** The iterator of `for await` by hand: in a loop nobody sees most of this. */

import { describe, expect, test } from 'vitest'
import type { OwnedMessage } from '../../../src/codec/ws/message.ts'
import { BINARY, makeWorld, openClientTo, openPair, PING, PONG, spell, stateOf, TEXT } from './harness.ts'

const done = { done: true, value: undefined }
const textOf = (result: IteratorResult<OwnedMessage, unknown>): string => (result.done ? 'done' : result.value.text)

test('next resolves in one turn when a message is there, and its results are not shared', async () => {
  const world = makeWorld()
  const { ws, peer } = await openClientTo(world)
  for (const text of ['a', 'b', 'c']) peer.sendFrame(TEXT, text)
  const messages = ws[Symbol.asyncIterator]()
  await messages.next()
  const order: string[] = []
  const results = [messages.next(), messages.next()]
  const turn = Promise.resolve().then(() => order.push('a turn'))
  for (const result of results) result.then((each) => order.push(textOf(each)))
  await Promise.all([...results, turn])
  await null
  expect(order).toEqual(['a turn', 'b', 'c'])
  expect(await results[0]).not.toBe(await results[1])
  ws.destroy()
})

test('calls that overlap are answered in order, whenever the messages arrive', async () => {
  const world = makeWorld()
  const { ws, peer } = await openClientTo(world)
  const messages = ws[Symbol.asyncIterator]()
  const order: string[] = []
  const call = (): Promise<unknown> => messages.next().then((each) => order.push(textOf(each)))
  const calls = [call(), call(), call()]
  await world.settle()
  peer.sendFrame(TEXT, 'a')
  await world.settle()
  calls.push(call())
  peer.sendFrame(TEXT, 'b')
  peer.sendFrame(TEXT, 'c')
  peer.sendFrame(TEXT, 'd')
  await Promise.all(calls)
  expect(order).toEqual(['a', 'b', 'c', 'd'])
  const last = [messages.next(), messages.next()]
  peer.end.reset()
  await expect(last[0]).rejects.toMatchObject({ code: 'ConnectionReset' })
  expect([await last[1], await messages.next()]).toEqual([done, done])
})

test('messages that are taken between are left out, and none comes twice', async () => {
  const { ws, peer } = await openClientTo(makeWorld())
  for (let i = 0; i < 6; i++) peer.sendFrame(i % 2 ? BINARY : TEXT, `${i}`)
  const messages = ws[Symbol.asyncIterator]()
  const seen = [textOf(await messages.next()), (await ws.recv())?.text, ws.next()?.text]
  for (let i = 0; i < 3; i++) seen.push(textOf(await messages.next()))
  expect(seen).toEqual(['0', '1', '2', '3', '4', '5'])
  ws.destroy()
})

test('pings are answered between messages, and parts put together', async () => {
  const world = makeWorld()
  const { ws, peer } = await openClientTo(world)
  peer.sendFrame(TEXT, 'a')
  peer.sendFrame(PING, 'p')
  peer.sendFrame(TEXT, 'b', { fin: false })
  peer.sendFrame(PING, 'q')
  peer.sendFrame(0, 'c'.repeat(3_000))
  const messages = ws[Symbol.asyncIterator]()
  expect([textOf(await messages.next()), textOf(await messages.next())]).toEqual(['a', `b${'c'.repeat(3_000)}`])
  await world.settle()
  expect(spell(peer.received)).toEqual([`${PONG}:p`, `${PONG}:q`])
  ws.destroy()
})

describe('leaving', () => {
  test.each(['return', 'throw'] as const)('%s before the first next leaves the connection alone', async (how) => {
    const { ws, peer } = await openClientTo(makeWorld())
    peer.sendFrame(TEXT, 'a')
    const messages = ws[Symbol.asyncIterator]()
    if (how === 'return') expect(await messages.return()).toEqual(done)
    else await expect(messages.throw(new Error('mine'))).rejects.toThrow('mine')
    expect([await messages.next(), ws.readyState, (await ws.recv())?.text]).toEqual([done, 'open', 'a'])
    ws.destroy()
  })

  test.each(['return', 'throw', 'dispose'] as const)('%s closes, and ends a next that waits', async (how) => {
    const world = makeWorld()
    const { client, server } = await openPair(world)
    const answering = server.recv()
    const messages = client[Symbol.asyncIterator]()
    const waiting = messages.next()
    expect(await stateOf(world, waiting)).toBe('pending')
    if (how === 'return') expect(await messages.return()).toEqual(done)
    else if (how === 'throw') await expect(messages.throw(new Error('mine'))).rejects.toThrow('mine')
    else await messages[Symbol.asyncDispose]()
    expect(await answering).toMatchObject({ kind: 'close', closeCode: 1000 })
    expect([await waiting, await messages.next()]).toEqual([done, done])
    expect(await client.closed).toMatchObject({ code: 1000, wasClean: true })
  })

  test('it is its own iterable, and over after the end', async () => {
    const { client, server } = await openPair(makeWorld())
    server.sendText('a')
    const messages = client[Symbol.asyncIterator]()
    expect(messages[Symbol.asyncIterator]()).toBe(messages)
    expect(textOf(await messages.next())).toBe('a')
    const closing = server.close()
    expect([await messages.next(), await messages.next(), await messages.return()]).toEqual([done, done, done])
    await closing
    // Another one sees the same end.
    expect(await client[Symbol.asyncIterator]().next()).toEqual(done)
  })
})
