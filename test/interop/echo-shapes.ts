/**
 * The shapes of the Autobahn suite's groups 12 and 13: messages of 16 B to 128 KiB, whole and in fragments, 1,000 of each size, over connections with every takeover and with windows of
 * 9 and of 15 bits. Small messages go over each of them. Large ones are shared out among them, and so are those in fragments, small ones and the largest: a run takes a minute or two.
 * With `ECHOES=all` in the environment everything goes over each.
 */

import process from 'node:process'
import type * as Nexus from '../../src/entry/node.ts'
import { equal, ok } from '../integration/assert.ts'
import { Random } from '../reference/random.ts'

const ECHOES = 1_000
const SIZES = [16, 64, 256, 1_024, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072] as const
/** Messages up to this are small. */
const SMALL = 4_096
const LARGEST = 131_072
/** The bytes that are on their way at a time, at most, unless they are of one message. */
const UNDER_WAY = 262_144
/** How many fragments the peer makes of a message. */
export const FRAGMENTS = 4

/** What is negotiated, and what goes over such a connection. */
export interface Shape {
  readonly name: string
  readonly deflate: {
    readonly serverNoContextTakeover: boolean
    readonly clientNoContextTakeover: boolean
    readonly serverMaxWindowBits: number
    readonly clientMaxWindowBits: number
    readonly threshold: 0
  }
  /** Sizes of the messages that the peer sends whole, and in fragments. */
  readonly whole: readonly number[]
  readonly fragmented: readonly number[]
}

export const shapes: readonly Shape[] = [false, true].flatMap((serverNoContextTakeover) =>
  [false, true].flatMap((clientNoContextTakeover) =>
    [9, 15].map((bits) => {
      const index = (serverNoContextTakeover ? 4 : 0) + (clientNoContextTakeover ? 2 : 0) + (bits === 15 ? 1 : 0)
      const isAll = process.env['ECHOES'] === 'all'
      const isMine = (place: number): boolean => isAll || place % 8 === index
      const takeover = [serverNoContextTakeover ? '' : 'the server’s', clientNoContextTakeover ? '' : 'the client’s'].filter((whose) => whose !== '')
      return {
        name: `windows of ${bits} bits, takeover: ${takeover.join(' and ') || 'none'}`,
        deflate: { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits: bits, clientMaxWindowBits: bits, threshold: 0 as const },
        whole: SIZES.filter((size, i) => size <= SMALL || isMine(i)),
        fragmented: SIZES.filter((size, i) => (size <= SMALL || size === LARGEST || isAll) && isMine(i * 3 + 2)),
      }
    }),
  ),
)

/** A message as it is sent. */
export interface Sample {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Null for a binary one. */
  readonly text: string | null
}

/** Messages of exactly so many bytes: JSON with random digits and a letter of two bytes; each fourth binary, and random. */
export function samplesOf(size: number): readonly Sample[] {
  const random = new Random(size)
  return Array.from({ length: 12 }, (_, i) => {
    if (i % 4 === 3) return { bytes: random.bytes(size), text: null }
    let text = '[é'
    while (text.length < size) text += `{"p":"${random.below(90_000)}.${random.below(100)}","q":${random.word()}},`
    text = text.slice(0, size - 1)
    return { bytes: new TextEncoder().encode(text), text }
  })
}

/** Sends each message once its turn is there, and has what comes back judged, in order. */
export async function exchange(size: number, send: (sample: Sample) => unknown, receive: (sample: Sample) => Promise<void>): Promise<void> {
  const samples = samplesOf(size)
  const ahead = Math.max(1, Math.floor(UNDER_WAY / size))
  let sent = 0
  for (let received = 0; received < ECHOES; received++) {
    for (; sent < ECHOES && sent - received < ahead; sent++) send(samples[sent % samples.length] as Sample)
    await receive(samples[received % samples.length] as Sample)
  }
}

/** What a check of the client works with. */
export interface EchoContext {
  readonly nexus: typeof Nexus
  /** The peer: it echoes, in `?fragments` of its making. */
  readonly base: string
}

/** Every takeover with every pair of windows: with 256 bytes zlib can't deflate, so that its side has 512 then. */
export const combinations: readonly Shape['deflate'][] = [false, true].flatMap((serverNoContextTakeover) =>
  [false, true].flatMap((clientNoContextTakeover) =>
    Array.from({ length: 64 }, (_, i) => ({
      serverNoContextTakeover,
      clientNoContextTakeover,
      serverMaxWindowBits: 8 + (i & 7),
      clientMaxWindowBits: 8 + (i >> 3),
      threshold: 0 as const,
    })),
  ),
)

/** What each of them echoes, twice. */
export const COMBINED = '{"price":67123.45,"size":"é𝄞"}'.repeat(60)

async function everyCombination({ nexus, base }: EchoContext): Promise<void> {
  for (const deflate of combinations) {
    const ws = await nexus.WsStream.connect(`${base}/`, { perMessageDeflate: deflate })
    ok(ws.extensions.startsWith('permessage-deflate'), ws.extensions)
    for (let round = 0; round < 2; round++) {
      ws.sendText(COMBINED)
      const message = await ws.recv()
      ok(message?.text === COMBINED && message.wireLength < message.length, `${JSON.stringify(deflate)}: it comes back, compressed`)
    }
    equal((await ws.close()).wasClean, true, 'the close is clean')
  }
}

/** Our client against that peer, by the names of the shapes. */
export const echoChecks: Readonly<Record<string, (context: EchoContext) => Promise<void>>> = {
  'every takeover with every pair of windows of 8 to 15 bits': everyCombination,
  ...Object.fromEntries(
    shapes.map(({ name, deflate, whole, fragmented }) => [
      name,
      async ({ nexus, base }) => {
        for (const [path, sizes] of [
          ['/', whole],
          ['/?fragments', fragmented],
        ] as const) {
          const ws = await nexus.WsStream.connect(base + path, { perMessageDeflate: deflate })
          ok(ws.extensions.startsWith('permessage-deflate'), ws.extensions)
          for (const size of sizes) {
            await exchange(
              size,
              ({ bytes, text }) => (text === null ? ws.sendBinary(bytes) : ws.sendText(text)),
              async ({ bytes, text }) => {
                const message = await ws.recv()
                ok(message !== null, 'it goes on')
                equal([message.kind, message.length], [text === null ? 'binary' : 'text', size])
                ok(text === null ? isEqual(message.bytes, bytes) : message.text === text, `an echo of ${size} bytes is what was sent`)
              },
            )
          }
          equal((await ws.close()).wasClean, true, 'the close is clean')
        }
      },
    ]),
  ),
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, i) => byte === right[i])
}
