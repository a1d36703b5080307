import { equal, fails, isError, ok } from './assert.ts'
import { ask, type Check, CLOSE, clientFrames, frame, MIB, newId, open, PING, recv, type Stream, subject, TEXT, within } from './check-tools.ts'
import { ANSWER, startStalledPeer } from './stall.ts'

const { checks, check, checkBoth } = subject()

/** All of these checks, in order. */
export const closingChecks: readonly Check[] = checks

// Closing.

const LEGAL_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]

checkBoth('every legal code closes, from our side', async (context, { good }) => {
  for (const code of LEGAL_CODES) {
    const id = newId()
    const ws = await open(context, `${good}/echo?id=${id}`)
    const info = await ws.close(code, `because of ${code}`)
    equal([info.code, info.wasClean, info.error], [code, true, null])
    equal(await ask(context, `/closed?id=${id}`), { code, reason: `because of ${code}` })
    equal([ws.readyState, (await ws.closed).code], ['closed', code])
  }
})

checkBoth('every legal code closes, from the peer', async (context, { good }) => {
  for (const code of LEGAL_CODES) {
    const id = newId()
    const ws = await open(context, `${good}/close?id=${id}&code=${code}&reason=${encodeURIComponent(`bye – ${code}`)}`)
    const message = await recv(ws)
    equal([message.kind, message.closeCode, message.text], ['close', code, `bye – ${code}`])
    equal(await ws.recv(), null, 'after the close')
    equal(await ws.readable(), false)
    const info = await ws.closed
    equal([info.code, info.reason, info.wasClean, info.error], [code, `bye – ${code}`, true, null])
    equal(((await ask(context, `/closed?id=${id}`)) as { code: number }).code, code, 'what the peer saw')
  }
})

checkBoth('a close without a code works both ways', async (context, { good }) => {
  const id = newId()
  const ours = await open(context, `${good}/echo?id=${id}`)
  const info = await ours.close(1005)
  equal([info.code, info.wasClean], [1005, true])
  equal(await ask(context, `/closed?id=${id}`), { code: 1005, reason: '' })

  const theirs = await open(context, `${good}/close`)
  const message = await recv(theirs)
  equal([message.kind, message.closeCode, message.length], ['close', 1005, 0])
  const seen = await theirs.closed
  equal([seen.code, seen.wasClean], [1005, true])
})

check('a reason of 123 bytes fits', async (context) => {
  const id = newId()
  const ws = await open(context, `${context.env.ws}/echo?id=${id}`)
  await ws.close(4000, 'ä'.repeat(61))
  equal(await ask(context, `/closed?id=${id}`), { code: 4000, reason: 'ä'.repeat(61) })
})

check('codes that may not be sent are refused, and the connection stays', async (context) => {
  await within(context, `${context.env.ws}/echo`, async (ws) => {
    for (const code of [0, 999, 1004, 1006, 1015, 1016, 2999, 5000, 65_535, 65_536 + 1000, 1000.5, -1, Number.NaN]) {
      await fails(ws.close(code), 'EncodeError', 'OutgoingCloseCodeInvalid')
    }
    equal(ws.readyState, 'open')
    ws.sendText('x')
    equal((await recv(ws)).text, 'x')
  })
})

check('what was queued before the close still arrives', async (context) => {
  const id = newId()
  const ws = await open(context, `${context.env.ws}/deaf?id=${id}`)
  for (let i = 0; i < 40; i++) ws.sendBinary(new Uint8Array(MIB))
  ok(ws.bufferedAmount > 0, 'the peer does not read, so something waits')
  const closed = ws.close(1000, 'done')
  await ask(context, `/resume?id=${id}`)
  equal((await closed).wasClean, true)
  equal(await ask(context, `/messages?id=${id}&count=40`), 40)
  equal(await ask(context, `/closed?id=${id}`), { code: 1000, reason: 'done' })
})

check('a close ends the pending call, whichever it is', async (context) => {
  const pending: ((ws: Stream) => Promise<unknown>)[] = [
    (ws) => ws.readable(),
    (ws) => ws.recv().then((message) => message !== null),
    async (ws) => {
      for await (const _ of ws) throw new Error('nothing was sent')
      return false
    },
  ]
  for (const wait of pending) {
    const ws = await open(context, `${context.env.ws}/echo`)
    const waiting = wait(ws)
    await ws.close()
    equal(await waiting, false)
  }
})

check('after the close, sends fail with NotOpen and receiving ends', async (context) => {
  const ws = await open(context, `${context.env.ws}/echo`)
  const closing = ws.close()
  for (const send of [() => ws.sendText('x'), () => ws.sendBinary(new Uint8Array(1)), () => ws.sendPing(), () => ws.sendPong()]) {
    await fails(send, 'UsageError', 'NotOpen')
  }
  await closing
  await fails(() => ws.sendText('x'), 'UsageError', 'NotOpen')
  equal([await ws.recv(), await ws.readable(), ws.next(), ws.bufferedAmount], [null, false, null, 0])
  equal((await ws.close()).code, 1000, 'a second close')
})

check('a peer that never answers the close is cut after closeTimeout', async (context) => {
  const ws = await open(context, `${context.env.raw}/early`, { closeTimeout: 30 })
  const info = await ws.close(1000)
  equal([info.code, info.wasClean], [1006, false])
})

// Losses.

checkBoth('messages before an abrupt reset are delivered, then receiving fails', async (context, { bad }) => {
  const ws = await open(context, `${bad}/frames-reset?frames=${frame(TEXT, 'one')}${frame(TEXT, 'two')}`)
  equal((await recv(ws)).text, 'one')
  equal((await recv(ws)).text, 'two')
  ws.sendText('now')
  await fails(ws.recv(), 'TransportError', 'ConnectionReset')
  const info = await ws.closed
  equal([info.code, info.wasClean], [1006, false])
  isError(info.error, 'TransportError', 'ConnectionReset')
  const after = await fails(() => ws.sendText('x'), 'UsageError', 'NotOpen')
  isError(after.cause, 'TransportError', 'ConnectionReset')
  await fails(ws.flush(), 'TransportError', 'ConnectionReset')
  await fails(ws.readable(), 'TransportError', 'ConnectionReset')
})

checkBoth('a message and a close code that arrived before a reset reach a busy consumer', async (context, { bad }) => {
  for (const hasBegun of [false, true]) {
    const id = newId()
    const close = frame(CLOSE, Uint8Array.of(4003 >> 8, 4003 & 255, ...new TextEncoder().encode('why')))
    const ws = await open(context, `${bad}/frames-reset?id=${id}&frames=${frame(TEXT, 'reject')}${close}`)
    if (hasBegun) equal(await ws.readable(), true)
    ws.sendText('now')
    await ask(context, `/ended?id=${id}`)
    equal((await recv(ws)).text, 'reject')
    const last = await recv(ws)
    equal([last.kind, last.closeCode, last.text], ['close', 4003, 'why'])
    equal(await ws.recv(), null)
    const info = await ws.closed
    equal([info.code, info.reason, info.error], [4003, 'why', null])
  }
})

checkBoth('a peer that vanishes in mid-frame is a failure', async (context, { bad }) => {
  for (const part of ['81', '810a', '810a68', '827e01', '827f00000000', '0103616263', `${frame(TEXT, 'abc', { fin: false })}89`]) {
    const ws = await open(context, `${bad}/early-end?frames=${frame(TEXT, 'whole')}${part}`)
    equal((await recv(ws)).text, 'whole')
    await fails(ws.recv(), 'TransportError', 'UnexpectedEnd')
    const info = await ws.closed
    equal([info.code, info.wasClean], [1006, false])
    isError(info.error, 'TransportError', 'UnexpectedEnd')
  }
})

checkBoth('a peer that ends between messages without a close frame is a failure, which loops throw', async (context, { bad }) => {
  const ws = await open(context, `${bad}/early-end?frames=${frame(TEXT, 'last')}`)
  equal((await recv(ws)).text, 'last')
  await fails(ws.recv(), 'TransportError', 'ConnectionClosed')
  await fails(ws[Symbol.asyncIterator]().next(), 'TransportError', 'ConnectionClosed')
  await fails(ws.flush(), 'TransportError', 'ConnectionClosed')
  const info = await ws.closed
  equal([info.code, info.wasClean], [1006, false])
  isError(info.error, 'TransportError', 'ConnectionClosed')
})

checkBoth('closed is enough to learn of a close, an end and a reset', async (context, { good, bad }) => {
  const closing = await open(context, `${good}/close?code=1008&reason=policy`)
  equal(await closing.closed, { code: 1008, reason: 'policy', wasClean: true, error: null })
  const ending = await open(context, `${bad}/early-end`)
  isError((await ending.closed).error, 'TransportError', 'ConnectionClosed')
  const behind = await open(context, `${bad}/early-end?frames=${frame(TEXT, 'unread')}${frame(PING, 'p')}`)
  isError((await behind.closed).error, 'TransportError', 'ConnectionClosed')
  equal([(await recv(behind)).text, (await recv(behind)).kind], ['unread', 'ping'])
  await fails(behind.recv(), 'TransportError', 'ConnectionClosed')
  const reset = await open(context, `${bad}/frames-reset`)
  const { closed } = reset
  reset.sendText('now')
  isError((await closed).error, 'TransportError', 'ConnectionReset')
})

checkBoth('who only writes to the streams learns of a reset', async (context, { bad }) => {
  const ws = await open(context, `${bad}/frames-reset`)
  const writer = ws.streams().writable.getWriter()
  await writer.write('now')
  await fails(writer.closed, 'TransportError', 'ConnectionReset')
})

checkBoth('pings of one segment are all answered, in order', async (context, { bad }) => {
  const id = newId()
  const payloads = Array.from({ length: 10 }, (_, i) => `ping ${i}`)
  const ws = await open(context, `${bad}/early?id=${id}&frames=${payloads.map((each) => frame(PING, each)).join('')}`)
  for (const payload of payloads) equal((await recv(ws)).text, payload)
  // What is still being written is the first answer; the others follow it.
  await ws.flush()
  await ws.flush()
  ws.destroy()
  const sent = clientFrames((await ask(context, `/ended?id=${id}`)) as string)
  equal(
    sent.map(({ payload }) => new TextDecoder().decode(payload)),
    payloads,
  )
})

checkBoth('bytes that arrived while the thread was busy are seen before a timeout judges', async (context, { good }) => {
  const { nexus, env } = context
  const isSecure = good.startsWith('wss:')
  /** `wait` begins to wait for the answer, within `limit` ms. On a machine so busy that they end before the stall, it is given more of them. */
  const over = async (wait: (host: string, limit: number) => Promise<{ answer: Promise<string>; destroy: () => void }>): Promise<void> => {
    for (let limit = 100, isInTime = false; !isInTime; limit *= 2) {
      const peer = await startStalledPeer(env, isSecure)
      try {
        const { answer, destroy } = await wait(peer.host, limit)
        isInTime = await peer.standStill(limit + 50, answer)
        if (isInTime) equal(await answer, ANSWER)
        destroy()
      } finally {
        await peer.stop()
      }
    }
  }
  await over(async (host, dataTimeout) => {
    const ws = await open(context, `${isSecure ? 'wss' : 'ws'}://${host}`, { dataTimeout })
    return { answer: recv(ws).then(({ text }) => text), destroy: () => ws.destroy() }
  })
  await over(async (host, timeout) => {
    const options = isSecure && !env.isTrusted ? { tls: { ca: env.ca } } : {}
    const conn = await nexus.HttpConnection.connect(`${isSecure ? 'https' : 'http'}://${host}`, options)
    const sending = conn.send(new nexus.RequestWriter(host).get('/').finish(), conn.reader, { timeout })
    return { answer: sending.then((response) => response.text()), destroy: () => conn.destroy() }
  })
})

check('a second receiver is ConcurrentReceive, and the first has its message', async (context) => {
  await within(context, `${context.env.ws}/echo`, async (ws) => {
    const first = ws[Symbol.asyncIterator]().next()
    await fails(ws.readable(), 'UsageError', 'ConcurrentReceive')
    await fails(ws.recv(), 'UsageError', 'ConcurrentReceive')
    await fails(ws[Symbol.asyncIterator]().next(), 'UsageError', 'ConcurrentReceive')
    ws.sendText('mine')
    equal((await first).value?.text, 'mine')
  })
})

checkBoth('a loss ends the pending call, whichever it is', async (context, { bad }) => {
  for (const wait of [(ws: Stream) => ws.readable(), (ws: Stream) => ws.recv(), (ws: Stream) => ws[Symbol.asyncIterator]().next()]) {
    const ws = await open(context, `${bad}/frames-reset`)
    const waiting = fails(wait(ws), 'TransportError', 'ConnectionReset')
    ws.sendText('now')
    await waiting
  }
})
