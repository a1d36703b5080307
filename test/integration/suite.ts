/**
 * What a client must do against real peers, the same on every runtime. Nothing here knows on which one it runs: the entry point, the
 * addresses and the declared gaps are handed in, the peers (peers.ts) live in the process of the test runner.
 */

import type * as Nexus from '../../src/entry/node.ts'
import { type ErrorLike, equal, fails, hex, isError, ok, randomBytes, sameBytes } from './assert.ts'
import { failingChecks } from './failing-checks.ts'
import { proxyChecks } from './proxy-checks.ts'

/** Where the peers are. Plain data, so that it can be handed to another process. */
export interface Environment {
  /** `ws` over TCP, over TLS, and over TCP on ::1. */
  readonly ws: string
  readonly wss: string
  readonly ws6: string
  /** The server that misbehaves, over TCP and TLS. */
  readonly raw: string
  readonly rawSecure: string
  /** What the peers have seen, over HTTP. */
  readonly control: string
  /** It takes connections, and says nothing. */
  readonly silent: string
  /** Nothing listens there. */
  readonly refused: string
  /** A certificate for another name. */
  readonly wrongName: string
  /** The authority of the peers' certificates, and one that signed none of them. */
  readonly ca: string
  readonly strangerCa: string
  readonly client: { readonly cert: string; readonly key: string }
  /** Unix domain sockets: of `ws` without TLS and with it. */
  readonly sockets: { readonly plain: string; readonly secure: string }
  /** URLs of proxies; those that are guarded want `credentials`, which stand here as they do in a URL. */
  readonly proxies: Readonly<Record<'connect' | 'secureConnect' | 'socks' | 'guardedConnect' | 'guardedSocks' | 'credentials', string>>
  /** The runtime trusts the authority already: no TLS option is needed, and none is given. */
  readonly isTrusted?: boolean
}

/** What a check works with. */
export interface Context {
  readonly nexus: typeof Nexus
  readonly env: Environment
}

/** One check. */
export interface Check {
  readonly name: string
  run(context: Context): Promise<void>
}

/** All checks, in order. */
export const checks: Check[] = []

function check(name: string, run: (context: Context) => Promise<void>): void {
  checks.push({ name, run })
}

/** One check over TCP and one over TLS, of the `ws` server and the one that misbehaves. */
function checkBoth(name: string, run: (context: Context, at: { good: string; bad: string }) => Promise<void>): void {
  check(`${name}, over TCP`, (context) => run(context, { good: context.env.ws, bad: context.env.raw }))
  check(`${name}, over TLS`, (context) => run(context, { good: context.env.wss, bad: context.env.rawSecure }))
}

type Stream = Nexus.WsStream

const KIB = 1024
const MIB = 1024 * KIB

/** Connects, with the peers' authority where it is needed. */
function open({ nexus, env }: Context, url: string, options: Nexus.ConnectOptions = {}): Promise<Stream> {
  return nexus.WsStream.connect(url, { ...(url.startsWith('wss:') && !env.isTrusted ? { tls: { ca: env.ca } } : {}), ...options }) as Promise<Stream>
}

/** Runs `use` with an open stream and closes it. */
async function within(context: Context, url: string, use: (ws: Stream) => Promise<void>, options?: Nexus.ConnectOptions): Promise<void> {
  const ws = await open(context, url, options)
  try {
    await use(ws)
  } finally {
    ws.destroy()
  }
}

let ids = 0
const newId = (): string => `${Math.random().toString(36).slice(2)}-${ids++}`

/** Asks what a peer has seen. */
async function ask({ env }: Context, path: string): Promise<unknown> {
  const response = await fetch(env.control + path)
  return response.json()
}

/** The next message, which must be there. */
async function recv(ws: Stream): Promise<Nexus.Message> {
  const message = await ws.recv()
  ok(message !== null, 'a message comes before the end')
  return message
}

/** A frame as a server sends it. */
function frame(opcode: number, payload: Uint8Array | string, { fin = true, key }: { fin?: boolean; key?: readonly number[] } = {}): string {
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
  const mask = key === undefined ? 0 : 0x80
  const { length } = bytes
  const size = length < 126 ? [length | mask] : length < 65_536 ? [126 | mask, length >> 8, length & 255] : [127 | mask, ...big(length)]
  return hex(Uint8Array.of((fin ? 0x80 : 0) | opcode, ...size, ...(key ?? []), ...bytes.map((byte, i) => byte ^ (key?.[i & 3] ?? 0))))
}

function big(length: number): number[] {
  return [0, 0, 0, 0, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255]
}

const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10

/** Frames of a client out of what a peer received. */
function clientFrames(received: string): { opcode: number; payload: Uint8Array }[] {
  const bytes = Uint8Array.from(received.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  const frames: { opcode: number; payload: Uint8Array }[] = []
  for (let at = 0; at < bytes.length; ) {
    const short = (bytes[at + 1] as number) & 127
    ok(short < 126, 'the peer has got short frames only')
    const key = bytes.subarray(at + 2, at + 6)
    frames.push({
      opcode: (bytes[at] as number) & 15,
      payload: bytes.slice(at + 6, at + 6 + short).map((byte, i) => byte ^ (key[i & 3] as number)),
    })
    at += 6 + short
  }
  return frames
}

/** The code of the close frame that a client has sent, or null. */
function closeCodeSent(received: string): number | null {
  const sent = clientFrames(received).find(({ opcode }) => opcode === CLOSE)
  return sent === undefined ? null : ((sent.payload[0] as number) << 8) | (sent.payload[1] as number)
}

// Messages.

checkBoth('text is echoed, ASCII and beyond', async (context, { good }) => {
  await within(context, `${good}/echo`, async (ws) => {
    for (const text of ['hello', 'Grüße, 世界 🌍', '\u0000\u007f', '"{}"', 'x'.repeat(70_000), 'é'.repeat(40_000)]) {
      await ws.sendText(text)
      const message = await recv(ws)
      equal(message.kind, 'text')
      equal(message.text, text)
    }
  })
})

checkBoth('empty messages are messages', async (context, { good }) => {
  await within(context, `${good}/echo`, async (ws) => {
    ws.sendText('')
    ws.sendBinary(new Uint8Array(0))
    const text = await recv(ws)
    equal([text.kind, text.length, text.text], ['text', 0, ''])
    const binary = await recv(ws)
    equal([binary.kind, binary.length], ['binary', 0])
  })
})

const SIZES = [1, 2, 125, 126, 127, 1_000, 16_383, 16_384, 65_535, 65_536, 65_537, 1_000_003, 4 * MIB + 5, 16 * MIB]

for (const size of SIZES) {
  checkBoth(`${size} random bytes come back as they went`, async (context, { good }) => {
    await within(context, `${good}/echo`, async (ws) => {
      const bytes = randomBytes(size)
      const sent = ws.sendBinary(bytes)
      const message = await recv(ws)
      equal(message.kind, 'binary')
      sameBytes(message.bytes, bytes)
      await sent
      equal(ws.bufferedAmount, 0)
    })
  })
}

checkBoth('a small buffer takes messages of any size', async (context, { good }) => {
  await within(
    context,
    `${good}/echo`,
    async (ws) => {
      for (const size of [0, 1, 200, 3_000, 4_096, 5_000, 100_000, 3 * MIB]) {
        const bytes = randomBytes(size)
        ws.sendBinary(bytes)
        sameBytes((await recv(ws)).bytes, bytes)
      }
    },
    { bufferCapacity: 4_096, writeBufferCapacity: 4_096 },
  )
})

checkBoth('fragmented messages arrive whole, with pings between their fragments', async (context, { good }) => {
  for (const [size, length] of [
    [1, 50],
    [7, 1_000],
    [1_000, 200_000],
    [65_536, 16 * MIB],
  ] as const) {
    const pings = length < MIB
    await within(context, `${good}/fragments?size=${size}${pings ? '&pings' : ''}`, async (ws) => {
      const bytes = randomBytes(length)
      ws.sendBinary(bytes)
      let pinged = 0
      for (;;) {
        const message = await recv(ws)
        if (message.kind === 'ping') {
          ok(message.text.startsWith('between '), 'the ping has its payload')
          pinged++
          continue
        }
        equal(message.kind, 'binary')
        sameBytes(message.bytes, bytes)
        break
      }
      // The last ping follows the last fragment.
      if (pings) equal(pinged, Math.ceil(length / size) - 1, 'pings before the message was complete')
    })
  }
})

checkBoth('text that is cut inside its characters is put together', async (context, { good }) => {
  await within(context, `${good}/fragments?size=1`, async (ws) => {
    const text = 'a€𝄞é'.repeat(40)
    ws.sendText(text)
    const message = await recv(ws)
    equal([message.kind, message.text], ['text', text])
  })
})

checkBoth('messages keep their order and their bounds', async (context, { good }) => {
  await within(context, `${good}/burst?messages=5000`, async (ws) => {
    for (let i = 0; i < 5_000; ) {
      ok(await ws.readable(), 'more comes')
      for (let message = ws.next(); message !== null; message = ws.next()) equal(message.text, `message ${i++}`)
    }
  })
})

checkBoth('several sends in one tick all arrive, in order', async (context, { good }) => {
  await within(context, `${good}/echo`, async (ws) => {
    for (let i = 0; i < 2_000; i++) {
      if (i % 3 === 0) ws.sendBinary(Uint8Array.of(i & 255, i >> 8))
      else ws.sendText(`message ${i}`)
    }
    for (let i = 0; i < 2_000; i++) {
      const message = await recv(ws)
      if (i % 3 === 0) sameBytes(message.bytes, Uint8Array.of(i & 255, i >> 8))
      else equal(message.text, `message ${i}`)
    }
  })
})

// Pings.

checkBoth('a ping is answered with its exact bytes', async (context, { good }) => {
  for (const length of [0, 1, 4, 124, 125]) {
    const payload = hex(randomBytes(length))
    await within(context, `${good}/ping?payload=${payload}`, async (ws) => {
      const ping = await recv(ws)
      equal([ping.kind, hex(ping.bytes)], ['ping', payload])
      equal((await recv(ws)).text, `pong ${payload}`)
    })
  }
})

check('without autoPong, the application answers pings', async (context) => {
  await within(
    context,
    `${context.env.ws}/ping?payload=616263`,
    async (ws) => {
      const ping = await recv(ws)
      ws.sendPong(Uint8Array.of(...ping.bytes, 33))
      equal((await recv(ws)).text, 'pong 61626321')
    },
    { autoPong: false },
  )
})

checkBoth('our pings come back as pongs with the same bytes', async (context, { good }) => {
  await within(context, `${good}/echo`, async (ws) => {
    for (const length of [0, 1, 125]) {
      const bytes = randomBytes(length)
      ws.sendPing(bytes)
      const pong = await recv(ws)
      equal(pong.kind, 'pong')
      sameBytes(pong.bytes, bytes)
    }
  })
})

check('a control frame over 125 bytes is refused before anything is sent', async (context) => {
  await within(context, `${context.env.ws}/echo`, async (ws) => {
    await fails(() => ws.sendPing(new Uint8Array(126)), 'EncodeError', 'ControlPayloadTooLarge')
    await fails(() => ws.sendPong(new Uint8Array(1_000)), 'EncodeError', 'ControlPayloadTooLarge')
    await fails(ws.close(1000, 'x'.repeat(124)), 'EncodeError', 'ControlPayloadTooLarge')
    await fails(ws.close(1000, 'é'.repeat(62)), 'EncodeError', 'ControlPayloadTooLarge')
    equal(ws.readyState, 'open')
    ws.sendText('still here')
    equal((await recv(ws)).text, 'still here')
  })
})

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
  const id = newId()
  await within(
    context,
    `${good}/echo?id=${id}`,
    async (ws) => {
      ws.sendText('in time')
      await ask(context, `/messages?id=${id}&count=1`)
      const received = recv(ws)
      const until = performance.now() + 350
      while (performance.now() < until);
      equal((await received).text, 'in time')
    },
    { dataTimeout: 300 },
  )
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

// The opening handshake.

checkBoth('frames that come with the response are not lost', async (context, { bad }) => {
  for (const path of ['early', 'dribble']) {
    await within(context, `${bad}/${path}?frames=${frame(TEXT, 'first')}${frame(PING, 'p')}${frame(BINARY, 'second')}`, async (ws) => {
      equal((await recv(ws)).text, 'first')
      equal((await recv(ws)).kind, 'ping')
      equal((await recv(ws)).text, 'second')
    })
  }
})

check('a message that follows the response and is larger than the buffer is not lost', async (context) => {
  const payload = 'y'.repeat(6_000)
  await within(
    context,
    `${context.env.raw}/early?frames=${frame(TEXT, payload)}${frame(TEXT, 'end')}`,
    async (ws) => {
      equal((await recv(ws)).text, payload)
      equal((await recv(ws)).text, 'end')
    },
    { bufferCapacity: 4_096 },
  )
})

check('interim responses before the upgrade are skipped', async (context) => {
  const ws = await open(context, `${context.env.raw}/interim`)
  equal(ws.readyState, 'open')
  ws.destroy()
})

check('field names and tokens are compared whatever their case', async (context) => {
  const ws = await open(context, `${context.env.raw}/odd-case`)
  equal(ws.readyState, 'open')
  ws.destroy()
})

check('a refusal has status, fields and the start of the body', async (context) => {
  const error = await fails(open(context, `${context.env.raw}/403`), 'HandshakeError', 'UnexpectedStatus')
  equal([error.status, error.body], [403, 'Your key has expired.'])
  equal(error.headers, [
    ['X-Reason', 'key expired'],
    ['x-Lower', 'yes'],
    ['Content-Length', '21'],
  ])
  ok(error.message.includes('403 Forbidden'), 'the message names the status')
})

check('a refusal over TLS is told too', async (context) => {
  const error = await fails(open(context, `${context.env.rawSecure}/403`), 'HandshakeError', 'UnexpectedStatus')
  equal([error.status, error.body], [403, 'Your key has expired.'])
})

check('of a large refusal, 4,096 bytes are kept', async (context) => {
  const error = await fails(open(context, `${context.env.raw}/403-large`), 'HandshakeError', 'UnexpectedStatus')
  equal([error.status, error.body], [403, 'x'.repeat(4_096)])
})

check('a refusal without a length is read to its end', async (context) => {
  const error = await fails(open(context, `${context.env.raw}/403-until-close`), 'HandshakeError', 'UnexpectedStatus')
  equal([error.status, error.body], [403, 'first, second'])
})

check('a refusal whose connection stays open is told all the same', async (context) => {
  const error = await fails(open(context, `${context.env.raw}/403-open`), 'HandshakeError', 'UnexpectedStatus')
  equal([error.status, error.body], [403, 'long'])
})

for (const [path, code, status] of [
  ['301', 'UnexpectedStatus', 301],
  ['200', 'UnexpectedStatus', 200],
  ['wrong-accept', 'InvalidAcceptKey', 101],
  ['no-accept', 'InvalidAcceptKey', 101],
  ['no-upgrade', 'MissingUpgrade', 101],
  ['no-connection', 'MissingConnection', 101],
  ['extension', 'UnexpectedExtension', 101],
  ['protocol', 'UnexpectedProtocol', 101],
  ['banner', 'MalformedHttp', undefined],
  ['bare-lf', 'MalformedHttp', undefined],
  ['many-headers', 'TooManyHeaders', undefined],
  ['huge-head', 'HeadTooLarge', undefined],
  ['end', 'ClosedDuringHandshake', undefined],
  ['half-head-end', 'ClosedDuringHandshake', undefined],
  ['reset-early', 'ClosedDuringHandshake', undefined],
] as const) {
  check(`the answer ${path} fails the handshake with ${code}`, async (context) => {
    const error = await fails(open(context, `${context.env.raw}/${path}`), 'HandshakeError', code)
    equal(error.status, status)
  })
}

check('the reset of a handshake is the cause of its error', async (context) => {
  const error = await fails(open(context, `${context.env.raw}/reset-early`), 'HandshakeError', 'ClosedDuringHandshake')
  isError(error.cause, 'TransportError', 'ConnectionReset')
})

for (const path of ['silent', 'half-head']) {
  checkBoth(`a server that sends ${path === 'silent' ? 'nothing' : 'half a response'} runs into handshakeTimeout`, async (context, { bad }) => {
    await fails(open(context, `${bad}/${path}`, { handshakeTimeout: 50 }), 'HandshakeError', 'HandshakeTimeout')
  })
}

check('a subprotocol is negotiated', async (context) => {
  const { ws: url } = context.env
  await within(context, `${url}/request`, async (ws) => equal(ws.protocol, 'v2.feed'), { protocols: ['v3.feed', 'v2.feed'] })
  await within(context, `${url}/request`, async (ws) => equal(ws.protocol, 'v2.feed'), { protocols: 'v2.feed' })
  await within(context, `${url}/request`, async (ws) => equal(ws.protocol, ''), { protocols: ['v3.feed'] })
  await within(context, `${url}/request`, async (ws) => equal(ws.protocol, ''))
})

check('custom fields arrive in their order and case', async (context) => {
  const headers: [string, string][] = [
    ['X-Api-KEY', 'k:1'],
    ['x-lower', ''],
    ['Origin', 'https://app.example'],
    ['X-Api-KEY', 'k:2'],
    ['Cookie', 'a=b; c=d'],
  ]
  await within(
    context,
    `${context.env.ws}/request?a=b%20c&d`,
    async (ws) => {
      const { url, rawHeaders } = (await recv(ws)).json() as { url: string; rawHeaders: string[] }
      equal(url, '/request?a=b%20c&d')
      const pairs = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1]]] : []))
      equal(pairs.slice(-headers.length), headers)
      const names = pairs.map(([name]) => name)
      equal(names.slice(0, 5).sort(), ['Connection', 'Host', 'Sec-WebSocket-Key', 'Sec-WebSocket-Version', 'Upgrade'])
      equal(names[0], 'Host', 'the first field (RFC 9110 section 7.2)')
      equal(pairs[0]?.[1], context.env.ws.slice('ws://'.length))
      equal(names.includes('Sec-WebSocket-Extensions'), false)
      ok(
        ws.headers.some(([name, value]) => name === 'Upgrade' && value === 'websocket'),
        'the fields of the response are there',
      )
    },
    { headers },
  )
})

check('an object of fields works, with lists; Host can be replaced', async (context) => {
  await within(
    context,
    `${context.env.ws}/request`,
    async (ws) => {
      const { rawHeaders } = (await recv(ws)).json() as { rawHeaders: string[] }
      equal(rawHeaders.slice(0, 2), ['Host', 'feed.example:8443'])
      equal(rawHeaders.slice(-4), ['X-List', 'one', 'X-List', 'two'])
    },
    { headers: { Host: 'feed.example:8443', 'X-List': ['one', 'two'] } },
  )
})

check('an IPv6 address works, and Host has it in brackets', async (context) => {
  await within(context, `${context.env.ws6}/request`, async (ws) => {
    const { rawHeaders } = (await recv(ws)).json() as { rawHeaders: string[] }
    equal(rawHeaders.slice(0, 2), ['Host', context.env.ws6.slice('ws://'.length)])
  })
})

check('user and password of the URL become Basic credentials', async (context) => {
  const url = `${context.env.ws.replace('//', '//me:p%C3%A4ss%3A@')}/request`
  await within(context, url, async (ws) => {
    const { rawHeaders } = (await recv(ws)).json() as { rawHeaders: string[] }
    equal(rawHeaders[rawHeaders.indexOf('Authorization') + 1], 'Basic bWU6cMOkc3M6')
  })
})

check('two requests never have the same key', async (context) => {
  const keys = new Set<string | undefined>()
  for (let i = 0; i < 5; i++) {
    await within(context, `${context.env.ws}/request`, async (ws) => {
      const { rawHeaders } = (await recv(ws)).json() as { rawHeaders: string[] }
      keys.add(rawHeaders[rawHeaders.indexOf('Sec-WebSocket-Key') + 1])
    })
  }
  equal(keys.size, 5)
})

// Connecting.

check('a refused port is ConnectRefused', async (context) => {
  const error = await fails(open(context, context.env.refused), 'TransportError', 'ConnectRefused')
  ok(error.message.includes(new URL(context.env.refused).port), 'the message names the port')
  ok(error.cause instanceof Error, 'the runtime’s own error is the cause')
  await fails(open(context, context.env.refused.replace('ws:', 'wss:')), 'TransportError', 'ConnectRefused')
})

check('a name that does not exist is HostNotFound', async (context) => {
  await fails(open(context, 'ws://no-such-host.invalid/'), 'TransportError', 'HostNotFound')
})

check('TLS to a plain port is TlsHandshakeFailed', async (context) => {
  await fails(open(context, context.env.ws.replace('ws:', 'wss:')), 'TlsError', 'TlsHandshakeFailed')
})

check('plain to a TLS port fails the handshake', async (context) => {
  await fails(open(context, context.env.wss.replace('wss:', 'ws:')), 'HandshakeError', 'MalformedHttp', 'ClosedDuringHandshake')
})

check('a certificate of an unknown authority, or for another name, is CertificateRejected', async (context) => {
  const { wss, wrongName, strangerCa, ca } = context.env
  await fails(open(context, wss, { tls: {} }), 'TlsError', 'CertificateRejected')
  await fails(open(context, wss, { tls: { ca: strangerCa } }), 'TlsError', 'CertificateRejected')
  await fails(open(context, wrongName, { tls: { ca } }), 'TlsError', 'CertificateRejected')
})

check('an aborted signal abandons the attempt, with its reason', async (context) => {
  const reason = new Error('changed my mind')
  const rejection = async (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'connected',
      (error) => error,
    )

  ok((await rejection(open(context, `${context.env.ws}/echo`, { signal: AbortSignal.abort(reason) }))) === reason, 'aborted before')

  const during = new AbortController()
  const connecting = rejection(open(context, `${context.env.ws}/echo`, { signal: during.signal }))
  during.abort(reason)
  ok((await connecting) === reason, 'aborted while connecting')
})

checkBoth('a signal that is aborted during the opening handshake abandons it', async (context, { bad }) => {
  const reason = new Error('changed my mind')
  const controller = new AbortController()
  const id = newId()
  const opening = open(context, `${bad}/silent?id=${id}`, { signal: controller.signal }).then(
    () => 'connected',
    (error: unknown) => error,
  )
  // The server has the request.
  await ask(context, `/requested?id=${id}`)
  controller.abort(reason)
  ok((await opening) === reason, 'the reason is what it fails with')
  equal(await ask(context, `/ended?id=${id}`), '', 'what the server saw before the end')
})

check('a signal that is aborted once the connection is open does nothing', async (context) => {
  const controller = new AbortController()
  await within(
    context,
    `${context.env.ws}/echo`,
    async (ws) => {
      controller.abort()
      ws.sendText('still here')
      equal((await recv(ws)).text, 'still here')
    },
    { signal: controller.signal },
  )
})

for (const url of [
  '',
  'nonsense',
  '/path',
  'exchange.example/ws',
  'ftp://exchange.example/',
  'ws://',
  'ws://host:99999/',
  'ws://host:port/',
  'ws://[::1/',
  'ws://host/#part',
  'ws://host/#',
  'ws://%zz@host/',
]) {
  check(`the URL ${JSON.stringify(url)} is InvalidUrl`, async (context) => {
    await fails(open(context, url), 'UsageError', 'InvalidUrl')
  })
}

const BAD_OPTIONS: readonly (readonly [Record<string, unknown>, string, string])[] = [
  [{ bufferCapacity: 100 }, 'UsageError', 'InvalidOption'],
  [{ bufferCapacity: 17 * MIB }, 'UsageError', 'InvalidOption'],
  [{ bufferCapacity: 5_000.5 }, 'UsageError', 'InvalidOption'],
  [{ bufferCapacity: '65536' }, 'UsageError', 'InvalidOption'],
  [{ maxReadSize: 1 }, 'UsageError', 'InvalidOption'],
  [{ maxReadSize: MIB }, 'UsageError', 'InvalidOption'],
  [{ compactAt: 1.5 }, 'UsageError', 'InvalidOption'],
  [{ maxFrameSize: -1 }, 'UsageError', 'InvalidOption'],
  [{ maxMessageSize: 2 ** 31 }, 'UsageError', 'InvalidOption'],
  [{ writeBufferCapacity: 1 }, 'UsageError', 'InvalidOption'],
  [{ maxBufferedAmount: -1 }, 'UsageError', 'InvalidOption'],
  [{ heartbeat: { interval: 1 } }, 'UsageError', 'InvalidOption'],
  [{ heartbeat: { interval: 100, timeout: 0 } }, 'UsageError', 'InvalidOption'],
  [{ heartbeat: 1_000 }, 'UsageError', 'InvalidOption'],
  [{ heartbeat: null }, 'UsageError', 'InvalidOption'],
  [{ dataTimeout: 1 }, 'UsageError', 'InvalidOption'],
  [{ closeTimeout: -1 }, 'UsageError', 'InvalidOption'],
  [{ handshakeTimeout: Number.NaN }, 'UsageError', 'InvalidOption'],
  [{ connectTimeout: -1 }, 'UsageError', 'InvalidOption'],
  [{ keepAlive: -1 }, 'UsageError', 'InvalidOption'],
  [{ keepAlive: true }, 'UsageError', 'InvalidOption'],
  [{ noDelay: 'yes' }, 'UsageError', 'InvalidOption'],
  [{ autoPong: 'no' }, 'UsageError', 'InvalidOption'],
  [{ protocols: 'two words' }, 'UsageError', 'InvalidOption'],
  [{ protocols: ['a', 'a'] }, 'UsageError', 'InvalidOption'],
  [{ protocols: '' }, 'UsageError', 'InvalidOption'],
  [{ headers: { Upgrade: 'websocket' } }, 'UsageError', 'InvalidOption'],
  [{ headers: { 'Sec-WebSocket-Key': 'x' } }, 'UsageError', 'InvalidOption'],
  [{ headers: { 'Content-Length': '1' } }, 'UsageError', 'InvalidOption'],
  [{ headers: { 'X-Injected': 'a\r\nEvil: yes' } }, 'EncodeError', 'HeaderInjection'],
  [{ headers: { 'X-Nul': 'a\0' } }, 'EncodeError', 'HeaderInjection'],
  [{ headers: { 'Bad Name': 'a' } }, 'EncodeError', 'HeaderInjection'],
  [{ headers: { '': 'a' } }, 'EncodeError', 'HeaderInjection'],
  [{ headers: { Host: 'a b\n' } }, 'EncodeError', 'HeaderInjection'],
  [{ headers: { 'X-Long': 'y'.repeat(100_000) } }, 'EncodeError', 'OutgoingHeadTooLarge'],
]

for (const [options, name, code] of BAD_OPTIONS) {
  const shown = JSON.stringify(options)
  check(`the options ${shown.length > 60 ? `${shown.slice(0, 60)}…` : shown} are ${code}`, async (context) => {
    await fails(open(context, `${context.env.ws}/echo`, options as Nexus.ConnectOptions), name, code)
  })
}

for (const tls of [
  { ca: 'not a certificate' },
  { ca: [] },
  { cert: 'x' },
  { key: 'x' },
  { minVersion: '1.1' },
  { alpnProtocols: 'http/1.1' },
  { serverName: 'host:443' },
  { dangerNoVerify: 1 },
]) {
  check(`the TLS options ${JSON.stringify(tls)} are TlsOptionInvalid`, async (context) => {
    await fails(open(context, `${context.env.wss}/echo`, { tls } as unknown as Nexus.ConnectOptions), 'TlsError', 'TlsOptionInvalid')
  })
}

check('dangerNoVerify, ALPN and serverName do what they say', async (context) => {
  const { wss, ca } = context.env
  await within(context, `${wss}/echo`, async (ws) => equal(ws.readyState, 'open'), { tls: { dangerNoVerify: true } })
  await within(context, `${wss}/echo`, async (ws) => equal(ws.alpnProtocol, 'http/1.1'), { tls: { ca, alpnProtocols: ['http/1.1'] } })
  await within(context, `${wss}/echo`, async (ws) => equal(ws.alpnProtocol, undefined), { tls: { ca, serverName: 'localhost', minVersion: '1.3' } })
})

check('the socket options are taken', async (context) => {
  await within(context, `${context.env.ws}/echo`, async (ws) => equal(ws.readyState, 'open'), { noDelay: false, keepAlive: 30_000 })
})

check('the address of the peer is told', async (context) => {
  await within(context, `${context.env.ws}/echo`, async (ws) => equal(ws.remoteAddress, context.env.ws.slice('ws://'.length)))
})

// A peer that breaks the protocol.

const TOO_LONG = '827f0000000005f5e100' // announces 100 MB
const BROKEN: readonly (readonly [string, string, string, number])[] = [
  ['a 100 MB frame header', TOO_LONG, 'PayloadTooLarge', 1009],
  ['a frame of 2^63 bytes', '827f8000000000000000', 'PayloadTooLarge', 1009],
  ['a control frame over 125 bytes', frame(PING, 'x'.repeat(126)), 'ControlFrameTooLarge', 1002],
  ['a fragmented ping', frame(PING, 'x', { fin: false }), 'FragmentedControlFrame', 1002],
  ['a masked frame', frame(TEXT, 'hello', { key: [1, 2, 3, 4] }), 'MaskedFrameFromServer', 1002],
  ['reserved bits', 'c100', 'ReservedBitsSet', 1002],
  ['opcode 3', '8300', 'InvalidOpcode', 1002],
  ['opcode 11', '8b00', 'InvalidOpcode', 1002],
  ['a length that is not minimal', '817e0005', 'NonMinimalLength', 1002],
  ['a continuation of nothing', '8000', 'ContinuationWithoutStart', 1002],
  ['a message inside a message', frame(TEXT, 'a', { fin: false }) + frame(TEXT, 'b'), 'NewMessageDuringAssembly', 1002],
  ['half a close code', '880103', 'CloseFrameTooShort', 1002],
  ['close code 1005 on the wire', '880203ed', 'InvalidCloseCode', 1002],
  ['close code 999 on the wire', '880203e7', 'InvalidCloseCode', 1002],
  ['a close reason that is not UTF-8', '880303e8ff', 'InvalidUtf8InCloseReason', 1007],
]

for (const [what, bytes, code, closeCode] of BROKEN) {
  checkBoth(`${what} is ${code}, and the peer is told ${closeCode}`, async (context, { bad }) => {
    const id = newId()
    const ws = await open(context, `${bad}/early?id=${id}&frames=${frame(TEXT, 'good')}${bytes}${frame(TEXT, 'never seen')}`)
    equal((await recv(ws)).text, 'good')
    const error = await fails(ws.recv(), 'ProtocolError', code)
    equal(error.closeCode, closeCode)
    await fails(ws.recv(), 'ProtocolError', code)
    await fails(ws.readable(), 'ProtocolError', code)
    const info = await ws.closed
    equal([info.code, info.wasClean], [1006, false])
    isError(info.error, 'ProtocolError', code)
    equal(closeCodeSent((await ask(context, `/ended?id=${id}`)) as string), closeCode, 'the code that the peer was told')
    await fails(() => ws.sendText('x'), 'UsageError', 'NotOpen')
  })
}

check('invalid UTF-8 is refused in every position of a message', async (context) => {
  const good = '0123456789abcdef0123456789'
  for (let at = 0; at <= good.length; at += 3) {
    const bytes = new Uint8Array([...new TextEncoder().encode(good.slice(0, at)), 0xc3, 0x28, ...new TextEncoder().encode(good.slice(at))])
    const split = Math.floor(bytes.length / 2)
    for (const frames of [
      frame(TEXT, bytes),
      frame(TEXT, bytes.subarray(0, split), { fin: false }) + frame(0, bytes.subarray(split)),
      frame(TEXT, new Uint8Array(0), { fin: false }) + frame(0, bytes),
    ]) {
      const ws = await open(context, `${context.env.raw}/early?frames=${frames}`)
      await fails(ws.recv(), 'ProtocolError', 'InvalidUtf8')
    }
  }
})

check('a character that the end of its message cuts off is InvalidUtf8', async (context) => {
  for (const end of [Uint8Array.of(0xe2, 0x82), Uint8Array.of(0xf0), Uint8Array.of(0x61, 0xf0, 0x9f, 0x8c)]) {
    const ws = await open(context, `${context.env.raw}/dribble?frames=${frame(TEXT, end)}`)
    await fails(ws.recv(), 'ProtocolError', 'InvalidUtf8')
  }
})

check('maxMessageSize and maxFrameSize are limits of their own', async (context) => {
  const two = frame(TEXT, 'x'.repeat(600), { fin: false }) + frame(0, 'x'.repeat(600))
  const message = await open(context, `${context.env.raw}/early?frames=${two}`, { maxMessageSize: 1_000 })
  await fails(message.recv(), 'ProtocolError', 'MessageTooLarge')
  const single = await open(context, `${context.env.raw}/early?frames=${two}`, { maxFrameSize: 500 })
  await fails(single.recv(), 'ProtocolError', 'PayloadTooLarge')
  await within(context, `${context.env.raw}/early?frames=${two}`, async (ws) => equal((await recv(ws)).length, 1_200), {
    maxMessageSize: 1_200,
    maxFrameSize: 600,
  })
  await within(
    context,
    `${context.env.ws}/echo`,
    async (ws) => {
      await fails(() => ws.sendText('x'.repeat(1_001)), 'EncodeError', 'OutgoingMessageTooLarge')
      await fails(() => ws.sendText('€'.repeat(334)), 'EncodeError', 'OutgoingMessageTooLarge')
      await fails(() => ws.sendBinary(new Uint8Array(1_001)), 'EncodeError', 'OutgoingMessageTooLarge')
      ws.sendText('€'.repeat(333))
      equal((await recv(ws)).length, 999)
    },
    { maxMessageSize: 1_000 },
  )
})

check('nothing after a close frame is delivered', async (context) => {
  const frames = `${frame(TEXT, 'before')}${frame(CLOSE, Uint8Array.of(3, 232))}${frame(TEXT, 'after')}c100`
  const ws = await open(context, `${context.env.raw}/early-end?frames=${frames}`)
  equal((await recv(ws)).text, 'before')
  equal((await recv(ws)).closeCode, 1000)
  equal(await ws.recv(), null)
  const info = await ws.closed
  equal([info.code, info.wasClean, info.error], [1000, true, null])
})

check('a close frame is answered with its code, once', async (context) => {
  const id = newId()
  const ws = await open(context, `${context.env.raw}/early?id=${id}&frames=${frame(CLOSE, Uint8Array.of(0x0f, 0xa1, 0x68, 0x69))}`, {
    closeTimeout: 50,
  })
  equal((await recv(ws)).closeCode, 4001)
  equal(await ws.recv(), null)
  const frames = clientFrames((await ask(context, `/ended?id=${id}`)) as string)
  equal(
    frames.map(({ opcode, payload }) => [opcode, hex(payload.subarray(0, 2))]),
    [[CLOSE, '0fa1']],
  )
})

check('an unasked pong is delivered and harms nobody', async (context) => {
  await within(context, `${context.env.raw}/early?frames=${frame(PONG, 'why')}${frame(TEXT, 'x')}`, async (ws) => {
    const pong = await recv(ws)
    equal([pong.kind, pong.text], ['pong', 'why'])
    equal((await recv(ws)).text, 'x')
  })
})

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

const FLOOD_MESSAGES = 1_024
const FLOOD_SIZE = 128 * KIB

checkBoth('a consumer that does not read stops its peer', async (context, { good }) => {
  const id = newId()
  await within(context, `${good}/flood?id=${id}&messages=${FLOOD_MESSAGES}&size=${FLOOD_SIZE}`, async (ws) => {
    ok(await ws.readable(), 'the flood has begun')
    // Nobody reads. When the peer gets rid of no more for a while, it is blocked; were it not, it would soon be through.
    let last = -1
    for (let same = 0; same < 5; ) {
      const { flushed, done } = (await ask(context, `/flushed?id=${id}`)) as { flushed: number; done: boolean }
      ok(!done, 'the peer is not through')
      same = flushed === last ? same + 1 : 0
      last = flushed
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    ok(last < (FLOOD_MESSAGES * FLOOD_SIZE) / 2, `the peer is held back: ${last} bytes are on their way`)
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

// Reconnecting.

check('sessions open one stream after the other', async (context) => {
  const { WsStream } = context.nexus
  const downs: (number | null)[] = []
  const openings: number[] = []
  let streams = 0
  for await (const ws of WsStream.sessions(`${context.env.ws}/close?code=1012`, {
    backoff: { initial: 1, max: 2 },
    onOpen: (_, { session }) => {
      openings.push(session)
    },
    onDown: ({ close }) => downs.push(close?.code ?? null),
  })) {
    for await (const _ of ws) throw new Error('nothing is sent')
    if (++streams === 3) break
  }
  equal(
    [openings, downs],
    [
      [1, 2, 3],
      [1012, 1012],
    ],
  )
})

checks.push(...proxyChecks, ...failingChecks)
