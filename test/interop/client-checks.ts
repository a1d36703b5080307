/** Our client against Python's server; the same on every runtime. */

import type * as Nexus from '../../src/entry/node.ts'
import { equal, fails, hex, ok, randomBytes, sameBytes } from '../integration/assert.ts'

/** What a check works with. */
export interface InteropContext {
  readonly nexus: typeof Nexus
  /** The server, `ws://…` or `wss://…`. */
  readonly base: string
  /** Its authority; '' where that is trusted anyway. */
  readonly ca: string
}

const CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]

function open({ nexus, base, ca }: InteropContext, path: string, options: Nexus.ConnectOptions = {}): Promise<Nexus.WsStream> {
  return nexus.WsStream.connect(base + path, ca === '' ? options : { ...options, tls: { ca } })
}

async function echo(ws: Nexus.WsStream, bytes: Uint8Array): Promise<void> {
  const sent = ws.sendBinary(bytes)
  const message = await ws.recv()
  equal(message?.kind, 'binary')
  sameBytes(message?.bytes as Uint8Array, bytes)
  await sent
}

async function clean(ws: Nexus.WsStream): Promise<void> {
  equal((await ws.close()).wasClean, true, 'the close is clean')
}

export const clientChecks: Readonly<Record<string, (context: InteropContext) => Promise<void>>> = {
  async 'text and empty messages'(context) {
    const ws = await open(context, '/echo')
    for (const text of ['hello', '', 'Grüße, 世界 🌍', 'é'.repeat(100_000)]) {
      ws.sendText(text)
      const message = await ws.recv()
      equal([message?.kind, message?.text], ['text', text])
    }
    await echo(ws, new Uint8Array(0))
    await clean(ws)
  },

  async 'binary messages of 1 byte to 16 MiB'(context) {
    const ws = await open(context, '/echo')
    for (const size of [1, 125, 126, 127, 1_000, 65_535, 65_536, 1_000_003, 16 * 1024 * 1024]) await echo(ws, randomBytes(size))
    await clean(ws)
  },

  async 'fragmented messages'(context) {
    for (const [size, length] of [
      [1, 100],
      [1_000, 300_000],
      [65_536, 16 * 1024 * 1024],
    ] as const) {
      const ws = await open(context, `/fragments?size=${size}`)
      await echo(ws, randomBytes(length))
      await clean(ws)
    }
    const ws = await open(context, '/fragments?size=1')
    const text = 'a€𝄞é'.repeat(30)
    ws.sendText(text)
    equal((await ws.recv())?.text, text)
    await clean(ws)
  },

  async 'pings of the server'(context) {
    for (const payload of ['00', '616263', hex(randomBytes(125))]) {
      const ws = await open(context, `/ping?payload=${payload}`)
      const ping = await ws.recv()
      equal([ping?.kind, hex(ping?.bytes as Uint8Array)], ['ping', payload])
      equal((await ws.recv())?.text, 'pong received')
      await clean(ws)
    }
  },

  async 'pings of ours'(context) {
    const ws = await open(context, '/echo')
    for (const length of [0, 1, 125]) {
      const bytes = randomBytes(length)
      ws.sendPing(bytes)
      const pong = await ws.recv()
      equal(pong?.kind, 'pong')
      sameBytes(pong?.bytes as Uint8Array, bytes)
    }
    await clean(ws)
  },

  async 'closes of ours, with every legal code'(context) {
    for (const code of CODES) {
      const id = `${Math.random()}`
      const ws = await open(context, `/echo?id=${id}`)
      const info = await ws.close(code, `reason ${code}`)
      equal([info.code, info.wasClean], [code, true])
      const other = await open(context, `/ending?of=${id}`)
      equal((await other.recv())?.json(), { code, reason: `reason ${code}` })
      await clean(other)
    }
  },

  async 'closes of the server, with every legal code'(context) {
    for (const code of CODES) {
      const ws = await open(context, `/close?code=${code}&reason=bye`)
      const message = await ws.recv()
      equal([message?.kind, message?.closeCode, message?.text], ['close', code, 'bye'])
      equal(await ws.recv(), null)
      const info = await ws.closed
      equal([info.code, info.reason, info.wasClean, info.error], [code, 'bye', true, null])
    }
  },

  async 'an abrupt end'(context) {
    const ws = await open(context, '/abort')
    ws.sendText('now')
    // A reset or an end, as the system has it: a failure in any case.
    const lost = await ws.recv().then(
      () => 'nothing',
      (error: { code: string }) => error.code,
    )
    equal(['ConnectionReset', 'ConnectionClosed'].includes(lost), true)
    const info = await ws.closed
    equal([info.code, info.wasClean], [1006, false])
    await fails(() => ws.sendText('x'), 'UsageError', 'NotOpen')
  },

  async 'compressed messages: every takeover, with windows of 9, 12 and 15 bits, whole and in fragments'(context) {
    // Over TCP the server does not compress: the connection goes on without.
    const compresses = context.base.startsWith('wss:')
    const texts = [16, 1_000, 20_000, 131_072].map((size) => 'a€𝄞é{"price":67123.45}'.repeat(size).slice(0, size))
    for (const serverNoContextTakeover of [false, true]) {
      for (const clientNoContextTakeover of [false, true]) {
        for (const bits of [9, 12, 15]) {
          const takeover = { serverNoContextTakeover, clientNoContextTakeover, threshold: 0 }
          const perMessageDeflate = { ...takeover, serverMaxWindowBits: bits, clientMaxWindowBits: bits }
          for (const path of ['/echo', '/fragments?size=9000']) {
            const ws = await open(context, path, { perMessageDeflate })
            equal(ws.extensions.split(';')[0], compresses ? 'permessage-deflate' : '')
            for (const text of texts) {
              ws.sendText(text)
              const message = await ws.recv()
              ok(message?.text === text, `${text.length} characters come back`)
              equal(message.wireLength < message.length, compresses && text.length > 16, `${message.length} bytes came as ${message.wireLength}`)
            }
            await echo(ws, randomBytes(100_000))
            await clean(ws)
          }
        }
      }
    }
  },

  async 'compressed messages: every takeover with every pair of windows of 9 to 15 bits'(context) {
    // Python's server compresses over TLS alone.
    if (!context.base.startsWith('wss:')) return
    const text = '{"price":67123.45,"size":"é𝄞"}'.repeat(60)
    for (let i = 0; i < 4 * 49; i++) {
      const takeover = { serverNoContextTakeover: (i & 1) === 1, clientNoContextTakeover: (i & 2) === 2 }
      const perMessageDeflate = {
        ...takeover,
        serverMaxWindowBits: 9 + ((i >> 2) % 7),
        clientMaxWindowBits: 9 + Math.floor((i >> 2) / 7),
        threshold: 0,
      }
      const ws = await open(context, '/echo', { perMessageDeflate })
      ok(ws.extensions.startsWith('permessage-deflate'), ws.extensions)
      for (let round = 0; round < 2; round++) {
        ws.sendText(text)
        const message = await ws.recv()
        ok(message?.text === text && message.wireLength < message.length, `${JSON.stringify(perMessageDeflate)}: it comes back, compressed`)
      }
      await clean(ws)
    }
  },

  async 'a subprotocol'(context) {
    const ws = await open(context, '/protocol', { protocols: ['v3.feed', 'v2.feed'] })
    equal([ws.protocol, (await ws.recv())?.text], ['v2.feed', 'v2.feed'])
    await clean(ws)
  },

  async 'many small messages in flight'(context) {
    const ws = await open(context, '/echo')
    const count = 5_000
    for (let i = 0; i < count; i++) ws.sendText(`message ${i}`)
    for (let i = 0; i < count; ) {
      ok(await ws.readable(), 'more comes')
      for (let message = ws.next(); message !== null; message = ws.next()) equal(message.text, `message ${i++}`)
    }
    await clean(ws)
  },
}
