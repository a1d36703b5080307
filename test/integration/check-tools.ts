/** What the checks of the client are made of, and with. */

import type * as Nexus from '../../src/entry/node.ts'
import type * as Faces from '../../src/entry/node-websocket.ts'
import type { WebSocket as OfWs } from '../../src/entry/node-ws.ts'
import { hex, ok } from './assert.ts'

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
  /** It answers 503 to every connection, unasked, and closes it. */
  readonly unasked: string
  /** Nothing listens there. */
  readonly refused: string
  /** A certificate for another name. */
  readonly wrongName: string
  /** Certificates of a trusted authority, given with each, that are to be refused, and by what fault. */
  readonly refusedCertificates: readonly { readonly fault: string; readonly ca: string; readonly url: string }[]
  /** The authority of the peers' certificates, and one that signed none of them. */
  readonly ca: string
  readonly strangerCa: string
  /** The peers' own, for a peer that a check makes; and a client's. */
  readonly server: { readonly cert: string; readonly key: string }
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
  /** The main entry and, for the checks of them, the `WebSocket` of browsers and that of npm `ws`. */
  readonly nexus: typeof Nexus & Partial<Pick<typeof Faces, 'WebSocket'>> & { readonly OfWs?: typeof OfWs }
  readonly env: Environment
}

/** One check. */
export interface Check {
  readonly name: string
  run(context: Context): Promise<void>
}

/** Checks of one subject, in order; each names itself and what it needs. */
export interface Subject {
  readonly checks: Check[]
  check(name: string, run: (context: Context) => Promise<void>): void
  /** One check over TCP and one over TLS, of the `ws` server and the one that misbehaves. */
  checkBoth(name: string, run: (context: Context, at: { good: string; bad: string }) => Promise<void>): void
}

/** A subject without checks. */
export function subject(): Subject {
  const checks: Check[] = []
  const check: Subject['check'] = (name, run) => void checks.push({ name, run })
  return {
    checks,
    check,
    checkBoth(name, run) {
      check(`${name}, over TCP`, (context) => run(context, { good: context.env.ws, bad: context.env.raw }))
      check(`${name}, over TLS`, (context) => run(context, { good: context.env.wss, bad: context.env.rawSecure }))
    },
  }
}

export type Stream = Nexus.WsStream

export const KIB: number = 1024
export const MIB = 1024 * KIB

/** Connects, with the peers' authority where it is needed. */
export function open({ nexus, env }: Context, url: string, options: Nexus.ConnectOptions = {}): Promise<Stream> {
  return nexus.WsStream.connect(url, { ...(url.startsWith('wss:') && !env.isTrusted ? { tls: { ca: env.ca } } : {}), ...options }) as Promise<Stream>
}

/** Runs `use` with an open stream and closes it. */
export async function within(context: Context, url: string, use: (ws: Stream) => Promise<void>, options?: Nexus.ConnectOptions): Promise<void> {
  const ws = await open(context, url, options)
  try {
    await use(ws)
  } finally {
    ws.destroy()
  }
}

let ids = 0
export const newId = (): string => `${Math.random().toString(36).slice(2)}-${ids++}`

/** Asks what a peer has seen. */
export async function ask({ env }: Context, path: string): Promise<unknown> {
  const response = await fetch(env.control + path)
  return response.json()
}

/** The next message, which must be there. */
export async function recv(ws: Stream): Promise<Nexus.Message> {
  const message = await ws.recv()
  ok(message !== null, 'a message comes before the end')
  return message
}

/** A frame as a server sends it. */
export function frame(opcode: number, payload: Uint8Array | string, { fin = true, key }: { fin?: boolean; key?: readonly number[] } = {}): string {
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
  const mask = key === undefined ? 0 : 0x80
  const { length } = bytes
  const size = length < 126 ? [length | mask] : length < 65_536 ? [126 | mask, length >> 8, length & 255] : [127 | mask, ...big(length)]
  return hex(Uint8Array.of((fin ? 0x80 : 0) | opcode, ...size, ...(key ?? []), ...bytes.map((byte, i) => byte ^ (key?.[i & 3] ?? 0))))
}

function big(length: number): number[] {
  return [0, 0, 0, 0, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255]
}

export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

/** Frames of a client out of what a peer received. */
export function clientFrames(received: string): { opcode: number; payload: Uint8Array }[] {
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
export function closeCodeSent(received: string): number | null {
  const sent = clientFrames(received).find(({ opcode }) => opcode === CLOSE)
  return sent === undefined ? null : ((sent.payload[0] as number) << 8) | (sent.payload[1] as number)
}
