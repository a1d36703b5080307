/** Our client against the server of Bun; the same on every runtime. */

import type * as Nexus from '../../src/entry/node.ts'
import { equal, ok, randomBytes, sameBytes } from '../integration/assert.ts'

/** What a check works with. */
export interface BunContext {
  readonly nexus: typeof Nexus
  /** Ports of Bun's servers, by whose memory they compress in: one for all connections, or each connection's own. */
  readonly ports: { readonly shared: number; readonly dedicated: number }
}

/** One connection that echoes, compressed or not. */
async function echoes(
  nexus: typeof Nexus,
  port: number,
  perMessageDeflate: Nexus.ConnectOptions['perMessageDeflate'],
  agreed: string,
): Promise<void> {
  const ws = await nexus.WsStream.connect(`ws://127.0.0.1:${port}/`, { perMessageDeflate })
  equal(ws.extensions, agreed, JSON.stringify(perMessageDeflate))
  for (let round = 0; round < 3; round++) {
    for (const size of [16, 1_000, 20_000, 131_072]) {
      const text = '{"price":67123.45,"size":"é𝄞"}'.repeat(size / 16)
      ws.sendText(text)
      const message = await ws.recv()
      ok(message?.text === text, `${text.length} characters come back`)
      if (size > 100) equal(message.wireLength < message.length, agreed !== '', `${message.length} bytes came as ${message.wireLength}`)
    }
  }
  const bytes = randomBytes(100_000)
  await ws.sendBinary(bytes)
  sameBytes((await ws.recv())?.bytes as Uint8Array, bytes)
  equal((await ws.close()).wasClean, true, 'the close is clean')
}

const P = 'permessage-deflate'
/** What its dedicated way agrees to. It declines a smaller window together with a takeover that is not wanted. */
const DEDICATED: readonly (readonly [wishes: Nexus.DeflateOptions, agreed: string])[] = [
  [{}, P],
  [{ serverNoContextTakeover: true }, `${P}; server_no_context_takeover`],
  [{ clientNoContextTakeover: true }, `${P}; client_no_context_takeover`],
  [{ serverNoContextTakeover: true, clientNoContextTakeover: true }, `${P}; client_no_context_takeover; server_no_context_takeover`],
  ...[9, 10, 12, 14].flatMap((bits): [Nexus.DeflateOptions, string][] => [
    [{ serverMaxWindowBits: bits }, `${P}; server_max_window_bits=${bits}`],
    [{ clientMaxWindowBits: bits }, `${P}; client_max_window_bits=${bits}`],
  ]),
  [{ serverMaxWindowBits: 9, clientMaxWindowBits: 12 }, `${P}; client_max_window_bits=12; server_max_window_bits=9`],
  [{ serverNoContextTakeover: true, serverMaxWindowBits: 9 }, ''],
]

export const bunServerChecks: Readonly<Record<string, (context: BunContext) => Promise<void>>> = {
  async 'nothing is compressed unless it is offered'({ nexus, ports }) {
    for (const port of Object.values(ports)) await echoes(nexus, port, false, '')
  },

  async 'compressed in memory of each connection: every parameter that it agrees to'({ nexus, ports }) {
    for (const [wishes, agreed] of DEDICATED) await echoes(nexus, ports.dedicated, { ...wishes, threshold: 0 }, agreed)
  },

  async 'compressed in memory that all connections share: without takeover'({ nexus, ports }) {
    const agreed = `${P}; client_no_context_takeover; server_no_context_takeover`
    for (const wishes of [{}, { serverNoContextTakeover: true }, { clientNoContextTakeover: true }, { clientMaxWindowBits: 9 }]) {
      await echoes(nexus, ports.shared, { ...wishes, threshold: 0 }, agreed)
    }
    await echoes(nexus, ports.shared, { serverMaxWindowBits: 9, threshold: 0 }, '')
  },
}
