/** The `WebSocket` of browsers, over sockets. What needs no socket is in test/unit/faces. */

import type { WebSocket, WebSocketClass, WebSocketOptions } from '../../src/faces/websocket.ts'
import { equal, ok, randomBytes, sameBytes } from './assert.ts'
import { type Check, type Context, frame, MIB, subject, TEXT } from './check-tools.ts'

const { checks, check, checkBoth } = subject()

/** All of these checks, in order. */
export const websocketChecks: readonly Check[] = checks

/** A socket, and what it was notified of, one by one. */
interface Heard {
  readonly ws: WebSocket
  /** The next event; fails unless it is of this type. */
  next<Type extends 'open' | 'message' | 'error' | 'close'>(
    type: Type,
  ): Promise<Event & { data?: unknown; code?: number; reason?: string; wasClean?: boolean; error?: Error & { code: string } }>
}

function hear({ nexus, env }: Context, url: string, protocols: string[] = [], options: WebSocketOptions = {}): Heard {
  const tls = url.startsWith('wss:') && !env.isTrusted ? { tls: { ca: env.ca } } : {}
  const ws = new (nexus.WebSocket as WebSocketClass)(url, protocols, { ...tls, ...options })
  const events: Event[] = []
  let wake = (): void => {}
  for (const type of ['open', 'message', 'error', 'close']) {
    ws.addEventListener(type, (event) => {
      events.push(event)
      wake()
    })
  }
  return {
    ws,
    async next(type) {
      while (events.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      const event = events.shift() as Event & { error?: Error }
      equal(event.type, type, `the event${event.error === undefined ? '' : ` (${event.error.message})`}`)
      return event as never
    },
  }
}

checkBoth('WebSocket: text, bytes and Blobs are echoed, small and large', async (context, { good }) => {
  const { ws, next } = hear(context, `${good}/echo`)
  equal([ws.readyState, ws.url], [0, `${good}/echo`])
  await next('open')
  equal([ws.readyState, ws.bufferedAmount], [1, 0])
  for (const text of ['hello', '', 'Grüße, 世界 🌍', 'x'.repeat(70_000)]) {
    ws.send(text)
    equal(ws.bufferedAmount, new TextEncoder().encode(text).length)
    equal((await next('message')).data, text)
    equal(ws.bufferedAmount, 0)
  }
  ws.binaryType = 'arraybuffer'
  for (const size of [0, 1, 1_000, MIB]) {
    const bytes = randomBytes(size)
    ws.send(size === 1 ? new Blob([bytes]) : bytes)
    const { data } = await next('message')
    ok(data instanceof ArrayBuffer, 'it is an ArrayBuffer')
    sameBytes(new Uint8Array(data), bytes)
  }
  ws.binaryType = 'blob'
  ws.send(Uint8Array.of(1, 2, 3).buffer)
  const { data } = await next('message')
  ok(data instanceof Blob, 'it is a Blob')
  equal([...new Uint8Array(await data.arrayBuffer())], [1, 2, 3])
  ws.close(3_000, 'done')
  equal(ws.readyState, 2)
  const { code, reason, wasClean } = await next('close')
  equal([code, reason, wasClean, ws.readyState], [3_000, 'done', true, 3])
})

check('WebSocket: permessage-deflate is offered, and taken; subprotocols, headers and credentials arrive', async (context) => {
  const url = `${context.env.ws.replace('//', '//user:word@')}/request`
  const { ws, next } = hear(context, url, ['v1', 'v2.feed'], { headers: { 'X-Key': 'k' } })
  await next('open')
  equal([ws.protocol, ws.extensions.split(';')[0]], ['v2.feed', 'permessage-deflate'])
  const { rawHeaders } = JSON.parse((await next('message')).data as string) as { rawHeaders: string[] }
  const header = (name: string): string | undefined => rawHeaders[rawHeaders.findIndex((each) => each.toLowerCase() === name) + 1]
  equal([header('x-key'), header('authorization'), header('sec-websocket-protocol')], ['k', 'Basic dXNlcjp3b3Jk', 'v1, v2.feed'])
  ws.close()
  equal((await next('close')).code, 1005)
})

check('WebSocket: a close of the peer arrives with its code and reason', async (context) => {
  for (const [query, code, reason] of [
    ['code=4001&reason=why', 4_001, 'why'],
    ['code=1000', 1_000, ''],
    ['', 1_005, ''],
  ] as const) {
    const { ws, next } = hear(context, `${context.env.ws}/close?${query}`)
    await next('open')
    const event = await next('close')
    equal([event.code, event.reason, event.wasClean, ws.readyState], [code, reason, true, 3])
  }
})

check('WebSocket: what fails is an error with its reason, then a close with 1006', async (context) => {
  const { env } = context
  for (const [url, protocols, codes] of [
    [`${env.raw}/403`, [], ['UnexpectedStatus']],
    [`${env.raw}/wrong-accept`, [], ['InvalidAcceptKey']],
    [`${env.ws}/echo`, ['unknown'], ['UnexpectedProtocol', 'UnexpectedStatus']],
    // workerd says the same of every connection that can't be made.
    [env.refused, [], ['ConnectRefused', 'ConnectFailed']],
  ] as const) {
    const { ws, next } = hear(context, url, [...protocols])
    const { error } = await next('error')
    ok((codes as readonly string[]).includes(error?.code ?? ''), `${error?.code} is one of ${codes}`)
    const { code, reason, wasClean } = await next('close')
    equal([code, reason, wasClean, ws.readyState], [1_006, '', false, 3])
  }
})

check('WebSocket: messages before a broken frame or a lost connection are received, then error and close', async (context) => {
  const message = frame(TEXT, 'before')
  for (const path of [`/early?frames=${message}83${'00'}`, `/early-end?frames=${message}`, `/early-end?frames=${message}8105`]) {
    const { next } = hear(context, `${context.env.raw}${path}`, [], { perMessageDeflate: false })
    await next('open')
    equal((await next('message')).data, 'before')
    ok((await next('error')).error?.code !== undefined, 'the error is one of ours')
    equal((await next('close')).code, 1_006)
  }
})

check('WebSocket: close() while connecting gives the connection up', async (context) => {
  for (const at of [`${context.env.silent}/`, `${context.env.raw}/silent`, `${context.env.ws}/echo`]) {
    const { ws, next } = hear(context, at)
    ws.close()
    equal(ws.readyState, 2)
    equal((await next('error')).error?.code, 'ConnectionClosed')
    equal((await next('close')).code, 1_006)
  }
})

for (const batchedEvents of [false, true]) {
  check(`WebSocket: 20,000 messages in order, ${batchedEvents ? 'batched' : 'each in a task of its own'}`, async (context) => {
    const count = 20_000
    const { nexus, env } = context
    const ws = new (nexus.WebSocket as WebSocketClass)(`${env.ws}/burst?plain&messages=${count}`, [], { batchedEvents })
    let received = 0
    let wrong = 0
    let microtasks = 0
    let behind = 0
    await new Promise<void>((resolve, reject) => {
      ws.onmessage = ({ data }) => {
        if (data !== `message ${received++}`) wrong++
        behind = Math.max(behind, received - 1 - microtasks)
        queueMicrotask(() => microtasks++)
        if (received === count) resolve()
      }
      ws.onerror = ({ error }) => reject(error)
    })
    equal([received, wrong], [count, 0])
    if (!batchedEvents) equal(behind, 0, 'messages whose microtasks had not run')
    const closed = new Promise<void>((resolve) => {
      ws.onclose = () => resolve()
    })
    ws.close()
    await closed
  })
}

check('WebSocket: events are not fired inside of the call that causes them', async (context) => {
  const { ws, next } = hear(context, `${context.env.ws}/echo`)
  await next('open')
  let isInside = true
  const inside: boolean[] = []
  for (const type of ['message', 'close']) ws.addEventListener(type, () => inside.push(isInside))
  ws.send('x')
  isInside = false
  await next('message')
  isInside = true
  ws.close()
  isInside = false
  await next('close')
  equal(inside, [false, false])
})

check('the client of ws: messages, control frames, callbacks, and every way to end', async ({ nexus, env }) => {
  const OfWs = nexus.OfWs as NonNullable<typeof nexus.OfWs>
  const next = (ws: { once(type: string, listener: (...args: unknown[]) => void): unknown }, type: string): Promise<unknown[]> =>
    new Promise((resolve) => ws.once(type, (...args) => resolve(args)))
  const ws = new OfWs(`${env.ws}/echo`, 'v2.feed', { headers: { 'X-Key': 'k' } })
  await next(ws, 'open')
  equal([ws.readyState, ws.protocol, ws.extensions], [1, 'v2.feed', 'permessage-deflate'])
  const sent = new Promise((resolve) => ws.send('text', resolve))
  const [text, isBinary] = await next(ws, 'message')
  equal([String(text), isBinary, await sent], ['text', false, undefined])
  ws.send(Uint8Array.of(1, 2), { binary: true })
  const [bytes] = await next(ws, 'message')
  equal([...(bytes as Uint8Array)], [1, 2])
  ws.ping('p')
  equal(String((await next(ws, 'pong'))[0]), 'p')
  ws.close(3_000, 'done')
  const [code, reason] = await next(ws, 'close')
  equal([code, String(reason)], [3_000, 'done'])
  const refused = new OfWs(env.refused)
  equal(((await next(refused, 'error'))[0] as Error & { code: string }).code, 'ECONNREFUSED')
  const early = new OfWs(`${env.silent}/`)
  early.terminate()
  equal(((await next(early, 'error'))[0] as Error).message, 'WebSocket was closed before the connection was established')
  const cut = new OfWs(`${env.ws}/echo`)
  await next(cut, 'open')
  cut.terminate()
  equal((await next(cut, 'close'))[0], 1_006)
})
