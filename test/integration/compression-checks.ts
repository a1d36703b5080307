/** permessage-deflate against `ws`: every combination of parameters, sizes, fragments, and what the server declines. */

import type * as Nexus from '../../src/entry/node.ts'
import { equal, ok, sameBytes } from './assert.ts'
import { type Check, KIB, recv, subject, within } from './check-tools.ts'

const { checks, check, checkBoth } = subject()

/** All of these checks, in order. */
export const compressionChecks: readonly Check[] = checks

/** JSON of about so many bytes, no two parts of it the same. */
function json(bytes: number): string {
  let text = '['
  for (let i = 0; text.length < bytes; i++) text += `{"price":${(i * 7_919) % 9_973},"size":"${i}é"},`
  return text
}

const SIZES = [0, 1, 16, 1_000, 20_000, 128 * KIB]

async function echoes(ws: Nexus.WsStream): Promise<void> {
  for (const size of SIZES) {
    const text = json(size)
    ws.sendText(text, { compress: true })
    const message = await recv(ws)
    equal([message.kind, message.text], ['text', text])
    ok(size < 1_000 || message.wireLength < message.length / 2, `${message.length} bytes came as ${message.wireLength}`)
  }
  const bytes = Uint8Array.from({ length: 50_000 }, (_, i) => (i * i) >> 5)
  await ws.sendBinary(bytes)
  sameBytes((await recv(ws)).bytes, bytes)
}

checkBoth('compressed messages are echoed', async (context, { good }) => {
  await within(
    context,
    `${good}/echo`,
    async (ws) => {
      equal(ws.extensions, 'permessage-deflate')
      for (let i = 0; i < 3; i++) await echoes(ws)
    },
    { perMessageDeflate: true },
  )
})

check('compression: every takeover with windows of 8, 9, 12 and 15 bits', async (context) => {
  for (const serverNoContextTakeover of [false, true]) {
    for (const clientNoContextTakeover of [false, true]) {
      for (const [serverMaxWindowBits, clientMaxWindowBits] of [
        [15, 15],
        [9, 9],
        [8, 12],
        [12, 8],
      ] as const) {
        const perMessageDeflate = { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits, threshold: 0 }
        await within(
          context,
          `${context.env.ws}/echo`,
          async (ws) => {
            ok(ws.extensions.startsWith('permessage-deflate'), ws.extensions)
            await echoes(ws)
          },
          { perMessageDeflate },
        )
      }
    }
  }
})

check('compression: fragments with control frames between them', async (context) => {
  await within(
    context,
    `${context.env.ws}/fragments?size=700&pings`,
    async (ws) => {
      for (const size of [2_000, 30_000]) {
        const text = json(size)
        ws.sendText(text)
        for (;;) {
          const message = await recv(ws)
          if (message.kind === 'ping') continue
          equal([message.kind, message.text], ['text', text])
          break
        }
      }
    },
    { perMessageDeflate: true },
  )
})

check('compression: every way to receive gives the same', async (context) => {
  const { STOP } = context.nexus.WsStream
  await within(
    context,
    `${context.env.ws}/fragments?size=700&pings`,
    async (ws) => {
      const text = json(5_000)
      const send = (): unknown => ws.sendText(text)
      const texts: string[] = []
      send()
      await ws.forEach((message) => {
        texts.push(message.text)
        return STOP
      })
      send()
      for (let batch = null; batch === null; ) {
        await ws.readable()
        batch = ws.batch()
        if (batch?.kinds[0] !== 1) batch = null
        else texts.push(new TextDecoder().decode(batch.bytes.slice(batch.offsets[0], (batch.offsets[0] as number) + (batch.lengths[0] as number))))
      }
      send()
      for await (const message of ws) {
        ok(message.wireLength < message.length / 2, 'it was compressed')
        texts.push(message.text)
        break
      }
      equal(texts, [text, text, text])
    },
    { perMessageDeflate: true },
  )
})

check('compression: what comes out is limited', async (context) => {
  await within(
    context,
    `${context.env.ws}/flood?messages=1&size=1000000`,
    async (ws) => {
      const error = await recv(ws).catch((error: Nexus.ProtocolError) => error)
      const { code, closeCode } = error as Nexus.ProtocolError
      equal([code, closeCode, (await ws.closed).error === error], ['MessageTooLarge', 1009, true])
    },
    { perMessageDeflate: true, maxMessageSize: 999_999 },
  )
})

check('compression that the server does not want: the connection goes on without', async (context) => {
  await within(
    context,
    `${context.env.ws}/echo?plain`,
    async (ws) => {
      equal(ws.extensions, '')
      ws.sendText(json(5_000), { compress: true })
      const message = await recv(ws)
      equal([message.text, message.wireLength], [json(5_000), message.length])
    },
    { perMessageDeflate: true },
  )
})
