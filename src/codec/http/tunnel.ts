/** The client's side of asking a proxy for a tunnel: HTTP `CONNECT` (RFC 9110 section 9.3.6) and SOCKS5 (RFC 1928, RFC 1929). */

import { STEP_COMPLETE, STEP_FAILED, STEP_HEAD, STEP_MORE } from '../../../assembly/abi.ts'
import { TransportError, UsageError } from '../../errors.ts'
import type { Codec } from '../memory.ts'
import type { FieldsInit } from './fields.ts'
import type { HttpMessages } from './messages.ts'
import { ResponseReader } from './response-reader.ts'

/** Asks for a tunnel. There may be something to send from its making on, and after each `receive`. */
export interface TunnelRequest {
  /** What is to be sent now, once; empty when it is the proxy's turn. */
  take(): Uint8Array
  /** From the next byte on the connection is the server's. */
  readonly isOpen: boolean
  /**
   * Takes received bytes. Returns how many of them were the proxy's: once the tunnel is open, the rest are the server's. Throws `ProxyRefused`
   * or `ProxyAuthRequired` with the proxy's reason, and `ProxyFailed` when it does not speak the protocol.
   */
  receive(bytes: Uint8Array): number
  /** Gives its memory back. */
  release(): void
}

/** User and password for a proxy. */
export interface ProxyCredentials {
  readonly user: string
  readonly password: string
}

const NOTHING = new Uint8Array(0)

/** A tunnel by HTTP `CONNECT`. */
export class ConnectTunnel implements TunnelRequest {
  isOpen = false
  private readonly reader: ResponseReader
  private outgoing: Uint8Array

  /**
   * @param authority the server's, with its port: `exchange.example:443`, `[2001:db8::1]:443`
   * @param headers fields for the proxy, such as `Proxy-Authorization`
   */
  constructor(codec: Codec, messages: HttpMessages, authority: string, headers: FieldsInit) {
    const fields: [string, string][] = [['Host', authority], ...(headers as Iterable<[string, string]>)]
    this.outgoing = new Uint8Array(messages.requestSize('CONNECT', authority, fields))
    messages.writeRequest('CONNECT', authority, fields, this.outgoing)
    this.reader = new ResponseReader(codec, { capacity: 32_768 })
    this.reader.begin('CONNECT')
    // The body of a refusal is not needed: its head says everything.
    this.reader.streaming = true
  }

  take(): Uint8Array {
    const bytes = this.outgoing
    this.outgoing = NOTHING
    return bytes
  }

  receive(bytes: Uint8Array): number {
    const { reader } = this
    for (let from = 0; from < bytes.length; from += 4_096) {
      const piece = bytes.subarray(from, from + 4_096)
      reader.read(piece)
      for (let code = reader.advance(); code !== STEP_MORE; code = reader.advance()) {
        if (code === STEP_FAILED) throw failed(`its response cannot be read: ${reader.error?.message}`, reader.error)
        if (code === STEP_HEAD) this.judge()
        if (code !== STEP_COMPLETE) continue
        this.isOpen = true
        return from + piece.length - reader.surplus
      }
    }
    return bytes.length
  }

  release(): void {
    this.reader.release()
  }

  private judge(): void {
    const { status, reason } = this.reader.response
    if (status >= 200 && status <= 299) return
    const said = `${status} ${reason}`.trim()
    // Proxies should not send 401, but tinyproxy does; only the proxy can have answered a CONNECT.
    if (status === 407 || status === 401)
      throw new TransportError('ProxyAuthRequired', `the proxy wants credentials, or does not accept those it got: it answered ${said}`)
    throw new TransportError('ProxyRefused', `the proxy refused the tunnel: it answered ${said}`)
  }
}

const SOCKS = 5
const NO_AUTHENTICATION = 0
const USER_AND_PASSWORD = 2
const NONE_ACCEPTED = 0xff
const IPV4 = 1
const NAME = 3
const IPV6 = 4

/** What a SOCKS5 proxy's reply says (RFC 1928 section 6). */
const REPLIES = [
  '',
  'general failure',
  'its rules do not allow it',
  'the network cannot be reached',
  'the host cannot be reached',
  'the server refused the connection',
  'the connection timed out',
  'it does not know this command',
  'it does not know this kind of address',
]

/** A tunnel by SOCKS5. The proxy looks the name up. */
export class SocksTunnel implements TunnelRequest {
  isOpen = false
  private outgoing: Uint8Array
  private stage: 'method' | 'password' | 'connect' = 'method'
  /** The part that was received of the message that is awaited. */
  private received: number[] = []

  /** @param hostname name or IP address, IPv6 without brackets */
  constructor(
    private readonly hostname: string,
    private readonly port: number,
    private readonly credentials: ProxyCredentials | null,
  ) {
    if (new TextEncoder().encode(hostname).length > 255) throw new UsageError('InvalidUrl', 'SOCKS5 takes names of at most 255 bytes')
    if (credentials !== null) checkCredentials(credentials)
    const methods = credentials === null ? [NO_AUTHENTICATION] : [NO_AUTHENTICATION, USER_AND_PASSWORD]
    this.outgoing = Uint8Array.from([SOCKS, methods.length, ...methods])
  }

  take(): Uint8Array {
    const bytes = this.outgoing
    this.outgoing = NOTHING
    return bytes
  }

  receive(bytes: Uint8Array): number {
    for (let i = 0; i < bytes.length; i++) {
      this.received.push(bytes[i] as number)
      const { received } = this
      const version = this.stage === 'password' ? 1 : SOCKS
      if (received[0] !== version) throw failed(`it does not speak SOCKS5: its message begins with ${received[0]}`)
      // The second byte shows a refusal; the bytes after it are often left out, or make no sense.
      if (this.stage === 'connect' && received.length === 2) judgeReply(received[1] as number)
      if (received.length < this.wanted()) continue
      this.received = []
      this.answer(received)
      if (this.isOpen) return i + 1
      if (i + 1 < bytes.length) throw failed(`it sent ${bytes.length - i - 1} bytes that nobody had asked for`)
    }
    return bytes.length
  }

  release(): void {}

  /** Length of the message that is waited for, as far as it is known. */
  private wanted(): number {
    const { received } = this
    if (this.stage !== 'connect') return 2
    if (received.length < 5) return 5
    const [, , , kind, first = 0] = received
    if (kind === IPV4) return 10
    if (kind === IPV6) return 22
    if (kind === NAME) return 7 + first
    throw failed(`its reply has an address of the unknown kind ${kind}`)
  }

  private answer(message: readonly number[]): void {
    const [, second = 0] = message
    switch (this.stage) {
      case 'method':
        if (second === NO_AUTHENTICATION) this.connect()
        else if (second === USER_AND_PASSWORD && this.credentials !== null) this.identify(this.credentials)
        else if (second === NONE_ACCEPTED || second === USER_AND_PASSWORD) {
          const offer = this.credentials === null ? 'wants credentials' : 'accepts neither a client without authentication nor user and password'
          throw new TransportError('ProxyAuthRequired', `the SOCKS5 proxy ${offer}`)
        } else throw failed(`it chose the method ${second}, which was not offered`)
        return
      case 'password':
        if (second !== 0) throw new TransportError('ProxyAuthRequired', 'the SOCKS5 proxy rejected user or password')
        this.connect()
        return
      case 'connect':
        this.isOpen = true
    }
  }

  private identify({ user, password }: ProxyCredentials): void {
    this.stage = 'password'
    this.outgoing = Uint8Array.from([1, ...short(user), ...short(password)])
  }

  private connect(): void {
    this.stage = 'connect'
    this.outgoing = Uint8Array.from([SOCKS, 1, 0, ...this.address(), this.port >> 8, this.port & 0xff])
  }

  private address(): number[] {
    const { hostname } = this
    if (/^\d+(?:\.\d+){3}$/.test(hostname)) return [IPV4, ...hostname.split('.').map(Number)]
    if (hostname.includes(':')) return [IPV6, ...ipv6(hostname)]
    return [NAME, ...short(hostname)]
  }
}

function judgeReply(reply: number): void {
  if (reply !== 0) throw new TransportError('ProxyRefused', `the SOCKS5 proxy refused the tunnel: ${REPLIES[reply] ?? `reply ${reply}`}`)
}

/** A string after its length. */
function short(text: string): number[] {
  const bytes = new TextEncoder().encode(text)
  return [bytes.length, ...bytes]
}

/** RFC 1929 has 1 to 255 bytes for both; a user without a password is common all the same, and sent as curl does. */
function checkCredentials({ user, password }: ProxyCredentials): void {
  const [userBytes, passwordBytes] = [user, password].map((part) => new TextEncoder().encode(part).length) as [number, number]
  if (userBytes === 0 || userBytes > 255 || passwordBytes > 255) {
    throw new UsageError('InvalidOption', 'the user of a SOCKS5 proxy is 1 to 255 bytes, its password at most 255 (RFC 1929)')
  }
}

/** The 16 bytes of an address as URLs have it: hexadecimal groups, `::` at most once. */
function ipv6(text: string): number[] {
  const [head = '', tail] = text.split('::')
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = new Array<number>(8 - before.length - after.length).fill(0)
  return [...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff])
}

function failed(what: string, cause?: unknown): TransportError {
  return new TransportError('ProxyFailed', `the proxy broke the protocol: ${what}`, cause === undefined ? {} : { cause })
}
