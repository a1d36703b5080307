/** The opening handshake of a WebSocket (RFC 6455 section 4), sans IO: both ends, over the memory of a frame reader and writer. */

import {
  FIELD_BYTES,
  HANDSHAKE_INVALID_ACCEPT_KEY,
  HANDSHAKE_KEY_BYTES,
  HANDSHAKE_METHOD_NOT_GET,
  HANDSHAKE_MISSING_CONNECTION,
  HANDSHAKE_MISSING_HOST,
  HANDSHAKE_MISSING_KEY,
  HANDSHAKE_MISSING_UPGRADE,
  HANDSHAKE_NONCE_BYTES,
  HANDSHAKE_OK,
  HANDSHAKE_UNEXPECTED_EXTENSION,
  HANDSHAKE_UNEXPECTED_STATUS,
  HANDSHAKE_UNSUPPORTED_VERSION,
  HEAD_FIELD_CAPACITY,
  HEAD_FIELD_COUNT,
  HEAD_FIELDS,
  HEAD_INCOMPLETE,
  HEAD_METHOD,
  HEAD_METHOD_LENGTH,
  HEAD_REASON,
  HEAD_REASON_LENGTH,
  HEAD_RECORD_BYTES,
  HEAD_STATUS,
  HEAD_TARGET,
  HEAD_TARGET_LENGTH,
  HEAD_TOO_MANY_FIELDS,
  SEAL_NO_ROOM,
  SHA1_SCRATCH_BYTES,
} from '../../assembly/abi.ts'
import { checkInteger, EncodeError, HandshakeError, type HandshakeErrorCode, type HandshakeResponse, UsageError } from '../errors.ts'
import { nameFault, nameValue } from '../naming.ts'
import { refused } from '../option-rules.ts'
import { namesOf, showsItself } from '../printing.ts'
import { type Fields, type FieldsInit, pairsOf } from './fields.ts'
import type { FrameReader } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'
import { injectedField, injectedLine, injection } from './injection.ts'
import { bytesOf } from './inputs.ts'

/** Longest head of an opening handshake; Node takes 16 KiB too, nginx 8 KiB a line. */
export const MAX_HEAD_BYTES: number = 16 * 1024
/** Most fields of a head; Node allows 2,000, h11 and Apache 100. */
const MAX_FIELDS = 100
/** Most interim responses before the final one; more is a peer that wants to keep us busy. */
const MAX_INTERIM = 16
/** Most bytes of a refusal's body that are kept for the error. */
export const MAX_REFUSAL_BODY: number = 4_096

/** Fields that the handshake itself is made of; RFC 6455 gives them no second meaning. */
const RESERVED = new Set([
  'upgrade',
  'connection',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-accept',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
  'content-length',
  'transfer-encoding',
])

/** What a token is made of (RFC 9110 section 5.6.2). */
const TOKEN_CHARACTER = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/

/** Header fields as pairs, less those that would change what the message means: these are refused. */
export function listFields(init: FieldsInit | undefined): [name: string, value: string][] {
  const list = pairsOf(init, 'headers')
  for (const [name] of list) {
    if (RESERVED.has(name.toLowerCase())) {
      throw new UsageError('InvalidOption', `headers: ${name} is set by the handshake itself; for subprotocols use the protocols option`)
    }
  }
  return list
}

/** First value of a field, whatever its case. */
export function findField(fields: Fields, name: string): string | undefined {
  const wanted = name.toLowerCase()
  return fields.find(([each]) => each.toLowerCase() === wanted)?.[1]
}

/** Members of the comma-separated lists in all fields of that name (RFC 9110 section 5.6.1). */
function listMembers(fields: Fields, name: string): string[] {
  return fields
    .filter(([each]) => each.toLowerCase() === name)
    .flatMap(([, value]) => value.split(','))
    .map((member) => member.trim())
    .filter((member) => member !== '')
}

/** Offered or spoken subprotocols: tokens, each once (RFC 6455 section 4.1, item 10). */
export function listProtocols(protocols: string | readonly string[] | undefined): readonly string[] {
  if (protocols !== undefined && typeof protocols !== 'string' && !Array.isArray(protocols)) {
    throw refused('protocols', 'a token, or a list of tokens', protocols)
  }
  const list = protocols === undefined ? [] : typeof protocols === 'string' ? [protocols] : [...protocols]
  for (const [i, protocol] of list.entries()) {
    if (typeof protocol === 'string' && protocol !== '' && ![...protocol].some((character) => !TOKEN_CHARACTER.test(character))) continue
    const what = typeof protocol === 'string' ? nameFault(protocol, TOKEN_CHARACTER) : nameValue(protocol)
    throw new UsageError('InvalidOption', `protocols: each is a token, but number ${i + 1} has ${what}`)
  }
  if (new Set(list).size !== list.length) throw new UsageError('InvalidOption', 'protocols: each may be named once')
  return list
}

/** What both ends share: heads in and out of linear memory. */
class HeadMemory {
  readonly record: number
  readonly sha1Scratch: number
  readonly key: number
  private readonly fields: number
  private readonly text: number
  private readonly textEnd: number
  private readonly encoder = new TextEncoder()
  private at = 0
  readonly outEnd: number
  private scanned = 0

  constructor(
    readonly reader: FrameReader,
    readonly writer: FrameWriter,
    readonly maxHead: number,
  ) {
    const { address, bytes } = writer.scratch
    this.record = address
    this.fields = this.record + HEAD_RECORD_BYTES
    this.sha1Scratch = this.fields + MAX_FIELDS * FIELD_BYTES
    this.key = this.sha1Scratch + SHA1_SCRATCH_BYTES
    this.text = this.key + 32
    this.textEnd = address + bytes
    this.outEnd = writer.free.to
  }

  // Out: every put may fail on what it is given, and then nothing has been sent.

  /** Begins a head anew; what an earlier one wrote before it failed is forgotten. */
  begin(): void {
    this.at = this.writer.free.from
  }

  requestLine(method: string, target: string): void {
    const [m, mLength] = this.stage(method, this.text)
    const [t, tLength] = this.stage(target, m + mLength)
    this.put(this.reader.exports.putRequestLine(this.reserve(mLength + tLength), this.outEnd, m, mLength, t, tLength), () =>
      injectedLine(method, target),
    )
  }

  statusLine(status: number, reason: string): void {
    const [r, rLength] = this.stage(reason, this.text)
    this.put(this.reader.exports.putStatusLine(this.reserve(rLength), this.outEnd, status, r, rLength), () =>
      injection('the reason phrase has bytes that'),
    )
  }

  field(name: string, value: string): void {
    const [n, nLength] = this.stage(name, this.text)
    const [v, vLength] = this.stage(value, n + nLength)
    this.put(this.reader.exports.putField(this.reserve(nLength + vLength), this.outEnd, n, nLength, v, vLength), () => injectedField(name))
  }

  endOfHead(): void {
    this.put(this.reader.exports.putEndOfHead(this.reserve(0), this.outEnd), () => injection('the head has bytes that'))
    this.writer.appendedTo(this.at)
  }

  body(text: string): void {
    const [b, length] = this.stage(text, this.text)
    this.reader.u8.copyWithin(this.reserve(length), b, b + length)
    this.at += length
    this.writer.appendedTo(this.at)
  }

  /** Room for `bytes` of the caller's and the codec's own longest literal. */
  reserve(bytes: number): number {
    if (this.at + bytes + 256 > this.outEnd) {
      throw new EncodeError(
        'OutgoingHeadTooLarge',
        `the head does not fit in the write buffer: use a larger writeBufferCapacity`,
        bytes,
        this.outEnd - this.at,
      )
    }
    return this.at
  }

  put(end: number, refused: () => EncodeError): void {
    if (end <= SEAL_NO_ROOM) throw refused()
    this.at = end
  }

  // In.

  /** Length of the head that has arrived, or 0 when it is incomplete. */
  scan(asResponse: boolean): number {
    const { reader } = this
    const { headAddress, buffered } = reader
    if (asResponse && !reader.exports.startsLikeResponse(headAddress, buffered))
      throw malformed('the answer is not HTTP/1.x; is this the right port?')
    const length = reader.exports.headScan(headAddress, buffered, this.scanned)
    this.scanned = buffered
    if (length < 0) throw malformed('a line does not end in CRLF')
    if (length > this.maxHead || (length === HEAD_INCOMPLETE && buffered > this.maxHead)) {
      throw new HandshakeError('HeadTooLarge', `the head is over ${this.maxHead} bytes`)
    }
    return length
  }

  parse(length: number, asResponse: boolean): Fields {
    const { exports, headAddress, view } = this.reader
    view.setUint32(this.record + HEAD_FIELDS, this.fields, true)
    view.setUint32(this.record + HEAD_FIELD_CAPACITY, MAX_FIELDS, true)
    const count = asResponse
      ? exports.parseResponseHead(this.record, headAddress, length)
      : exports.parseRequestHead(this.record, headAddress, length)
    if (count === HEAD_TOO_MANY_FIELDS) throw new HandshakeError('TooManyHeaders', `the head has more than ${MAX_FIELDS} fields`)
    if (count < 0) throw malformed(`the ${asResponse ? 'response' : 'request'} head breaks RFC 9112`)
    const fields: [string, string][] = []
    for (let i = 0; i < this.word(HEAD_FIELD_COUNT); i++) {
      const field = this.fields + i * FIELD_BYTES
      fields.push([this.textAt(field, field + 4), this.textAt(field + 8, field + 12)])
    }
    return fields
  }

  /** The next head begins at the reader's current position. */
  rescan(): void {
    this.scanned = 0
  }

  word(offset: number): number {
    return this.reader.view.getUint32(this.record + offset, true)
  }

  textOf(offset: number, lengthOffset: number): string {
    return this.textAt(this.record + offset, this.record + lengthOffset)
  }

  private textAt(addressOf: number, lengthOf: number): string {
    const { view } = this.reader
    const at = view.getUint32(addressOf, true)
    return this.reader.latin1(at, at + view.getUint32(lengthOf, true))
  }

  private stage(text: string, at: number): [address: number, length: number] {
    if (text.length > this.textEnd - at) throw new EncodeError('OutgoingHeadTooLarge', 'a header field is over 12 KiB', text.length)
    const { read, written } = this.encoder.encodeInto(text, this.reader.u8.subarray(at, this.textEnd))
    if (read !== text.length) throw new EncodeError('OutgoingHeadTooLarge', 'a header field is over 12 KiB', text.length)
    return [at, written]
  }
}

function malformed(what: string): HandshakeError {
  return new HandshakeError('MalformedHttp', what)
}

/** What a client asks for. */
export interface ClientHello {
  /** Path and query. */
  readonly target: string
  /** Value of `Host`. */
  readonly host: string
  /** Further fields, in order. */
  readonly headers: Fields
  /** Subprotocols to offer, the preferred first. */
  readonly protocols: readonly string[]
  /** 16 random bytes (RFC 6455 section 4.1, item 7). */
  readonly nonce: Uint8Array
}

/** The client's end: writes the request when made; then `receive` after each read. */
export class ClientHandshake {
  static {
    showsItself(this.prototype, (it) => ({ protocol: it.protocol, headers: namesOf(it.headers) }))
  }

  /** Chosen subprotocol, `''` for none. */
  protocol = ''
  /** Fields of the response. */
  headers: Fields = []
  private readonly memory: HeadMemory
  private readonly offered: readonly string[]
  private refusal: HandshakeResponse | null = null
  private interim = 0

  /** The reader and writer must share one memory. */
  constructor(reader: FrameReader, writer: FrameWriter, hello: ClientHello, maxHead: number) {
    const memory = new HeadMemory(reader, writer, maxHead)
    this.memory = memory
    this.offered = hello.protocols
    const nonce = bytesOf('nonce', hello.nonce)
    // What a shorter one leaves out would be whatever lay there before, and would go to the peer.
    checkInteger('nonce', nonce.length, HANDSHAKE_NONCE_BYTES, HANDSHAKE_NONCE_BYTES, 'bytes')
    reader.u8.set(nonce, memory.sha1Scratch)
    reader.exports.handshakeKey(memory.key, memory.sha1Scratch)
    memory.begin()
    memory.requestLine('GET', hello.target)
    memory.field('Host', findField(hello.headers, 'host') ?? hello.host)
    memory.put(reader.exports.putUpgradeRequestFields(memory.reserve(HANDSHAKE_KEY_BYTES), memory.outEnd, memory.key), () =>
      injection('the key has bytes that'),
    )
    if (hello.protocols.length > 0) memory.field('Sec-WebSocket-Protocol', hello.protocols.join(', '))
    for (const [name, value] of hello.headers) if (name.toLowerCase() !== 'host') memory.field(name, value)
    memory.endOfHead()
  }

  /**
   * Looks at what has arrived. `'open'`: the reader stands at the first byte after the head. `'refused'`: the response was not an
   * upgrade; take {@link ClientHandshake.refused} when its body is complete enough. Throws `HandshakeError`.
   */
  receive(): 'more' | 'open' | 'refused' {
    if (this.refusal !== null) return 'refused'
    const { memory } = this
    const { reader } = memory
    const length = memory.scan(true)
    if (length === 0) return 'more'
    this.headers = memory.parse(length, true)
    const outcome = reader.exports.checkUpgradeResponse(memory.record, memory.key, memory.sha1Scratch)
    const status = memory.word(HEAD_STATUS)
    const response = { status, reason: memory.textOf(HEAD_REASON, HEAD_REASON_LENGTH), headers: this.headers, body: '' }
    reader.consume(length)
    if (outcome === HANDSHAKE_UNEXPECTED_STATUS) {
      if (status < 200 && this.interim++ < MAX_INTERIM) {
        // An interim response (RFC 9110 section 15.2): the final one is yet to come.
        memory.rescan()
        return this.receive()
      }
      this.refusal = response
      return 'refused'
    }
    if (outcome !== HANDSHAKE_OK) throw checkFailed(outcome, response)
    this.protocol = this.chosenProtocol(response)
    return 'open'
  }

  /** The refusal with as much of its body as has come, and whether more is worth waiting for. */
  get refused(): { error: HandshakeError; complete: boolean } {
    const { reader } = this.memory
    const refusal = this.refusal as HandshakeResponse
    const declared = findField(refusal.headers, 'content-length')
    const limit = Math.min(MAX_REFUSAL_BODY, this.memory.maxHead)
    const wanted = declared !== undefined && /^\d{1,15}$/.test(declared) ? Math.min(limit, Number(declared)) : limit
    const kept = Math.min(wanted, reader.buffered)
    const body = new TextDecoder().decode(reader.u8.subarray(reader.headAddress, reader.headAddress + kept))
    const { status, reason } = refusal
    const error = new HandshakeError(
      'UnexpectedStatus',
      `the server answered ${status}${reason === '' ? '' : ` ${reason}`} instead of 101; see .headers and .body`,
      { ...refusal, body },
    )
    return { error, complete: kept >= wanted || status === 204 || status === 304 }
  }

  private chosenProtocol(response: HandshakeResponse): string {
    const chosen = listMembers(response.headers, 'sec-websocket-protocol')
    if (chosen.length === 0) return ''
    const [protocol] = chosen
    if (chosen.length > 1 || protocol === undefined || !this.offered.includes(protocol)) {
      throw new HandshakeError(
        'UnexpectedProtocol',
        chosen.length > 1 ? `the server chose ${chosen.length} subprotocols` : 'the server chose a subprotocol that was not offered',
        response,
      )
    }
    return protocol
  }
}

function checkFailed(outcome: number, response: HandshakeResponse): HandshakeError {
  const [code, message]: [HandshakeErrorCode, string] =
    outcome === HANDSHAKE_MISSING_UPGRADE
      ? ['MissingUpgrade', 'the 101 response has no Upgrade: websocket']
      : outcome === HANDSHAKE_MISSING_CONNECTION
        ? ['MissingConnection', 'the 101 response has no Connection: Upgrade']
        : outcome === HANDSHAKE_INVALID_ACCEPT_KEY
          ? ['InvalidAcceptKey', 'Sec-WebSocket-Accept does not answer our key: this is no WebSocket server, or a cache in between']
          : outcome === HANDSHAKE_UNEXPECTED_EXTENSION
            ? ['UnexpectedExtension', 'the server chose an extension, but none was offered']
            : ['MalformedHttp', 'the response breaks RFC 6455 section 4.1']
  return new HandshakeError(code, message, response)
}

/** A request that passed or failed the checks of RFC 6455 section 4.2.1. */
export interface ServerHello {
  /** Path and query. */
  readonly path: string
  /** Value of `Host`. */
  readonly host: string
  /** All fields, in order. */
  readonly headers: Fields
  /** Subprotocols that the client offers, in order. */
  readonly protocols: readonly string[]
  /** Why it is no valid upgrade, and the status that says so; null when it is valid. */
  readonly fault: { readonly error: HandshakeError; readonly status: number } | null
}

/** The server's end: `receive` after each read, then `accept` or `refuse`, which write the response. */
export class ServerHandshake {
  static {
    showsItself(this.prototype, () => ({}))
  }

  private readonly memory: HeadMemory
  /** The key of a valid request is there to be answered. */
  private hasKey = false

  /** The reader and writer must share one memory. */
  constructor(reader: FrameReader, writer: FrameWriter, maxHead: number) {
    this.memory = new HeadMemory(reader, writer, maxHead)
  }

  /** The request, when its head has arrived. Throws `HandshakeError` for what is not HTTP. */
  receive(): ServerHello | null {
    const { memory } = this
    const { reader } = memory
    const length = memory.scan(false)
    if (length === 0) return null
    const headers = memory.parse(length, false)
    const outcome = reader.exports.checkUpgradeRequest(memory.record)
    this.hasKey = outcome === HANDSHAKE_OK
    if (this.hasKey) {
      const key = reader.exports.requestKeyAddress(memory.record)
      reader.u8.copyWithin(memory.key, key, key + HANDSHAKE_KEY_BYTES)
    }
    const hello: ServerHello = {
      path: memory.textOf(HEAD_TARGET, HEAD_TARGET_LENGTH),
      host: findField(headers, 'host') ?? '',
      headers,
      protocols: listMembers(headers, 'sec-websocket-protocol'),
      fault: requestFault(outcome, memory.textOf(HEAD_METHOD, HEAD_METHOD_LENGTH)),
    }
    reader.consume(length)
    return hello
  }

  /** Writes the 101 response. Throws `NotOpen` when no valid request has been received. */
  accept(protocol: string, headers: Fields): void {
    const { memory } = this
    if (!this.hasKey) throw new UsageError('NotOpen', 'there is no valid request to accept: receive() has not given one')
    memory.begin()
    memory.put(memory.reader.exports.putUpgradeResponse(memory.reserve(HANDSHAKE_KEY_BYTES), memory.outEnd, memory.key, memory.sha1Scratch), () =>
      injection('the key has bytes that'),
    )
    if (protocol !== '') memory.field('Sec-WebSocket-Protocol', protocol)
    for (const [name, value] of headers) memory.field(name, value)
    memory.endOfHead()
  }

  /** Writes a refusal: a complete response, after which the connection ends. */
  refuse(status: number, reason: string, headers: Fields, body: string): void {
    const { memory } = this
    memory.begin()
    memory.statusLine(status, reason)
    for (const [name, value] of headers) memory.field(name, value)
    if (status === 426) {
      memory.field('Upgrade', 'websocket')
      memory.field('Sec-WebSocket-Version', '13')
    }
    if (status === 405) memory.field('Allow', 'GET')
    memory.field('Connection', status === 426 ? 'close, Upgrade' : 'close')
    memory.field('Content-Length', String(new TextEncoder().encode(body).length))
    memory.endOfHead()
    memory.body(body)
  }
}

function requestFault(outcome: number, method: string): ServerHello['fault'] {
  switch (outcome) {
    case HANDSHAKE_OK:
      return null
    case HANDSHAKE_METHOD_NOT_GET:
      return { status: 405, error: new HandshakeError('MethodNotGet', `the method is ${method}, not GET`) }
    case HANDSHAKE_MISSING_UPGRADE:
      return { status: 426, error: new HandshakeError('MissingUpgrade', 'the request has no Upgrade: websocket') }
    case HANDSHAKE_UNSUPPORTED_VERSION:
      return { status: 426, error: new HandshakeError('UnsupportedVersion', 'the client does not speak WebSocket version 13') }
    case HANDSHAKE_MISSING_CONNECTION:
      return { status: 400, error: new HandshakeError('MissingConnection', 'the request has no Connection: Upgrade') }
    case HANDSHAKE_MISSING_HOST:
      return { status: 400, error: new HandshakeError('MissingHost', 'the request has no Host, or several') }
    case HANDSHAKE_MISSING_KEY:
      return { status: 400, error: new HandshakeError('MissingKey', 'the request has no single Sec-WebSocket-Key of 16 bytes') }
    default:
      return { status: 400, error: malformed('a WebSocket needs HTTP/1.1') }
  }
}
