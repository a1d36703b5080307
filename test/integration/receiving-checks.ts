/** The ways to receive, and what holds a fast peer back. */

import type * as Nexus from '../../src/entry/node.ts'
import { type ErrorLike, equal, fails, isError, ok, randomBytes, sameBytes } from './assert.ts'
import { ask, BINARY, type Check, CLOSE, frame, KIB, MIB, newId, open, PING, PONG, recv, subject, TEXT, within } from './check-tools.ts'

const { checks, check, checkBoth } = subject()

/** All of these checks, in order. */
export const receivingChecks: readonly Check[] = checks

// Receiving.

check('a held message survives the sending of a reply', async (context) => {
  await within(context, `${context.env.ws}/echo`, async (ws) => {
    const bytes = randomBytes(2_000)
    ws.sendBinary(bytes)
    const message = await recv(ws)
    for (let i = 0; i < 200; i++) ws.sendBinary(message.bytes)
    sameBytes(message.bytes, bytes)
    equal(message.kind, 'binary')
    for (let i = 0; i < 200; i++) sameBytes((await recv(ws)).bytes, bytes)
  })
})

check('a message that is used too late is StaleMessage, an owned one stays', async (context) => {
  await within(context, `${context.env.ws}/burst?messages=3`, async (ws) => {
    const first = await recv(ws)
    const owned = first.toOwned()
    equal((await recv(ws)).text, 'message 1')
    for (const use of [
      () => first.text,
      () => first.bytes,
      () => first.kind,
      () => first.length,
      () => first.at(0),
      () => first.toOwned(),
      () => first.json(),
    ]) {
      await fails(use, 'UsageError', 'StaleMessage')
    }
    equal(owned.text, 'message 0')
  })
})

check('two recv at once is ConcurrentReceive, and the first goes on', async (context) => {
  await within(context, `${context.env.ws}/echo`, async (ws) => {
    const first = ws.recv()
    await fails(ws.recv(), 'UsageError', 'ConcurrentReceive')
    ws.sendText('x')
    equal((await first)?.text, 'x')
    ws.sendText('y')
    equal((await recv(ws)).text, 'y')
  })
})

check('for await gives owned data messages and ends with the connection', async (context) => {
  const frames = [frame(TEXT, 'a'), frame(PING, ''), frame(BINARY, 'b'), frame(PONG, ''), frame(CLOSE, '')].join('')
  const ws = await open(context, `${context.env.raw}/early-end?frames=${frames}`)
  const messages: Nexus.OwnedMessage[] = []
  for await (const message of ws) messages.push(message)
  equal(
    messages.map(({ kind, text }) => [kind, text]),
    [
      ['text', 'a'],
      ['binary', 'b'],
    ],
  )
})

checkBoth('forEach hands over data messages at once, waits for a promise, and stops without closing', async (context, { good }) => {
  await within(context, `${good}/burst?messages=300`, async (ws) => {
    const texts: string[] = []
    let running = 0
    await ws.forEach(async (message) => {
      equal(running++, 0)
      await null
      running--
      texts.push(message.text)
      return texts.length === 100 ? context.nexus.WsStream.STOP : undefined
    })
    equal([texts.length, ws.readyState], [100, 'open'])
    await ws.forEach((message) => {
      texts.push(message.text)
      return texts.length === 300 ? context.nexus.WsStream.STOP : undefined
    })
    equal(
      texts,
      Array.from({ length: 300 }, (_, i) => `message ${i}`),
    )
  })
})

check('forEach ends with the connection, answers pings, and rejects with what it failed with', async (context) => {
  const frames = [frame(TEXT, 'a'), frame(PING, ''), frame(BINARY, 'b'), frame(PONG, ''), frame(CLOSE, '')].join('')
  const seen: string[] = []
  await (await open(context, `${context.env.raw}/early-end?frames=${frames}`)).forEach(({ kind, text }) => seen.push(`${kind} ${text}`))
  equal(seen, ['text a', 'binary b'])
  await fails(
    (await open(context, `${context.env.raw}/early?frames=${frame(TEXT, 'c')}c100`)).forEach((m) => seen.push(m.text)),
    'ProtocolError',
    'ReservedBitsSet',
  )
  equal(seen.length, 3)
})

checkBoth('batch gives what has arrived as columns', async (context, { good }) => {
  await within(context, `${good}/burst?messages=3000`, async (ws) => {
    let next = 0
    while (next < 3_000 && (await ws.readable())) {
      for (let batch = ws.batch(); batch !== null; batch = ws.batch()) {
        const { count, kinds, offsets, lengths, bytes } = batch
        for (let i = 0; i < count; i++) {
          const [from = 0, length = 0] = [offsets[i], lengths[i]]
          equal([kinds[i], new TextDecoder().decode(bytes.slice(from, from + length))], [TEXT, `message ${next++}`])
        }
      }
    }
    equal([next, ws.batch()], [3_000, null])
  })
})

check('leaving a for await closes the connection', async (context) => {
  const id = newId()
  const ws = await open(context, `${context.env.ws}/burst?messages=10&id=${id}`)
  for await (const message of ws) {
    equal(message.text, 'message 0')
    break
  }
  equal((await ws.closed).wasClean, true)
  equal(((await ask(context, `/closed?id=${id}`)) as { code: number }).code, 1000)
})

check('for await throws what the connection failed with', async (context) => {
  const ws = await open(context, `${context.env.raw}/early?frames=${frame(TEXT, 'a')}c100`)
  const texts: string[] = []
  await fails(
    (async () => {
      for await (const message of ws) texts.push(message.text)
    })(),
    'ProtocolError',
    'ReservedBitsSet',
  )
  equal(texts, ['a'])
})

checkBoth('WHATWG streams carry messages both ways', async (context, { good }) => {
  const ws = await open(context, `${good}/echo`)
  const { readable, writable } = ws.streams()
  const writer = writable.getWriter()
  const reader = readable.getReader()
  const big = randomBytes(300_000)
  writer.write('text')
  writer.write(Uint8Array.of(1, 2))
  writer.write(big)
  equal((await reader.read()).value?.data, 'text')
  sameBytes((await reader.read()).value?.bytes as Uint8Array, Uint8Array.of(1, 2))
  sameBytes((await reader.read()).value?.bytes as Uint8Array, big)
  await writer.close()
  equal((await reader.read()).done, true)
  equal((await ws.closed).wasClean, true)
})

// Backpressure.

const FLOOD_MESSAGES = 512
const FLOOD_SIZE = 128 * KIB

checkBoth('a consumer that does not read stops its peer', async (context, { good }) => {
  const id = newId()
  await within(context, `${good}/flood?id=${id}&messages=${FLOOD_MESSAGES}&size=${FLOOD_SIZE}`, async (ws) => {
    ok(await ws.readable(), 'the flood has begun')
    // Nobody reads it. Another one like it is read: by the time it has come, so would have this one.
    await within(context, `${good}/flood?id=${newId()}&messages=${FLOOD_MESSAGES}&size=${FLOOD_SIZE}`, async (read) => {
      for (let count = 0; count < FLOOD_MESSAGES; count++) equal((await recv(read)).length, FLOOD_SIZE)
    })
    const { flushed, done } = (await ask(context, `/flushed?id=${id}`)) as { flushed: number; done: boolean }
    ok(!done && flushed < (FLOOD_MESSAGES * FLOOD_SIZE) / 2, `the peer is held back: ${flushed} bytes are on their way`)
    // Now everything is read, and nothing is missing.
    let next = 0
    while (next < FLOOD_MESSAGES) {
      ok(await ws.readable(), 'more comes')
      for (let message = ws.next(); message !== null; message = ws.next()) {
        equal([message.getUint32(0, true), message.length, message.at(FLOOD_SIZE - 1)], [next, FLOOD_SIZE, next & 255])
        next++
      }
    }
  })
})

checkBoth('sends to a peer that does not read wait, up to maxBufferedAmount', async (context, { good }) => {
  const id = newId()
  const max = 24 * MIB
  await within(
    context,
    `${good}/deaf?id=${id}`,
    async (ws) => {
      const piece = randomBytes(MIB)
      let sent = 0
      let waiting: Promise<void> | undefined
      let error: ErrorLike | null = null
      let amount = 0
      while (error === null) {
        ok(sent < 200, 'the peer does not read, so a limit is reached')
        try {
          waiting = ws.sendBinary(piece) ?? waiting
          sent++
          ok(ws.bufferedAmount <= max, `bufferedAmount is ${ws.bufferedAmount}`)
          ok(waiting === undefined || ws.bufferedAmount >= amount, 'while nothing leaves, bufferedAmount grows')
          amount = ws.bufferedAmount
        } catch (reason) {
          error = isError(reason, 'EncodeError', 'SendBufferFull')
        }
      }
      ok(waiting !== undefined, 'the backlog is a promise')
      ok(ws.bufferedAmount > max - 2 * MIB, `bufferedAmount is ${ws.bufferedAmount}`)
      const ping = await fails(() => ws.sendText('x'.repeat(2 * MIB)), 'EncodeError', 'SendBufferFull')
      ok(ping.message.includes(String(max)), 'the message names the limit')
      await ask(context, `/resume?id=${id}`)
      await waiting
      await ws.flush()
      equal(ws.bufferedAmount, 0)
      equal(await ask(context, `/messages?id=${id}&count=${sent}`), sent)
      ws.sendText('and on it goes')
      equal(await ask(context, `/messages?id=${id}&count=${sent + 1}`), sent + 1)
    },
    { maxBufferedAmount: max },
  )
})

checkBoth(
  'a message larger than maxBufferedAmount is sent when nothing waits, and bufferedAmount goes down as its bytes leave',
  async (context, { good }) => {
    const id = newId()
    const size = 16 * MIB
    await within(
      context,
      `${good}/deaf?id=${id}`,
      async (ws) => {
        const waiting = ws.sendBinary(new Uint8Array(size))
        await fails(() => ws.sendBinary(new Uint8Array(2 * MIB)), 'EncodeError', 'SendBufferFull')
        // The system takes some of it, though the peer does not read; never all of it.
        while (ws.bufferedAmount >= size) await new Promise((resolve) => setTimeout(resolve, 1))
        ok(waiting !== undefined && ws.bufferedAmount > 0, `bufferedAmount is ${ws.bufferedAmount}`)
        await ask(context, `/resume?id=${id}`)
        await waiting
        equal([ws.bufferedAmount, await ask(context, `/messages?id=${id}&count=1`)], [0, 1])
      },
      { maxBufferedAmount: MIB },
    )
  },
)

check('sends that wait fail when the connection is cut', async (context) => {
  const ws = await open(context, `${context.env.ws}/deaf`)
  let waiting: Promise<void> | undefined
  for (let i = 0; i < 40; i++) waiting = ws.sendBinary(new Uint8Array(MIB)) ?? waiting
  ok(waiting !== undefined, 'the backlog is a promise')
  const failed = fails(waiting, 'UsageError', 'NotOpen')
  const flush = fails(ws.flush(), 'UsageError', 'NotOpen')
  ws.destroy()
  await Promise.all([failed, flush])
  equal([ws.readyState, ws.bufferedAmount, (await ws.closed).code], ['closed', 0, 1006])
})
