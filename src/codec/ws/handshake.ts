/** The opening handshake of a WebSocket (RFC 6455 section 4), sans IO: both ends, over the memory of a frame reader and writer. */

import { HANDSHAKE_NONCE_BYTES, STEP_COMPLETE, STEP_DATA, STEP_FAILED, STEP_HEAD, STEP_MORE } from '../../../assembly/abi.ts'
import { HandshakeError, type HandshakeResponse, type HttpError, UsageError } from '../../errors.ts'
import { nameFault, nameValue } from '../../naming.ts'
import { checkInteger, isBag, refused, SIZE_MAX } from '../../option-rules.ts'
import { namesOf, showsItself } from '../../printing.ts'
import { type Fields, type FieldsInit, pairsOf } from '../http/fields.ts'
import type { ResponseReaderOptions } from '../http/limits.ts'
import { RequestReader } from '../http/request-reader.ts'
import { ResponseReader } from '../http/response-reader.ts'
import { bytesOf, textOf } from '../inputs.ts'
import type { Codec, Places, Region } from '../memory.ts'
import { released } from '../reader-errors.ts'
import { FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import { HeadWriter } from './head-writer.ts'
import { acceptDeflateOffer, type DeflateAcceptance, type DeflateParameters, type DeflateWishes, deflateOffer } from './permessage-deflate.ts'
import {
  chosenDeflate,
  EXTENSIONS,
  findField,
  listMembers,
  responseFault,
  type UpgradeFault,
  type UpgradeHead,
  upgradeFault,
  valuesOf,
} from './upgrade.ts'

export { findField, type UpgradeHead } from './upgrade.ts'

/** Most fields of a head; Node allows 2,000, h11 and Apache 100. */
const MAX_FIELDS = 100
/** Bytes that are given to a reader of heads at a time; it has room for as many after the longest head. */
const PIECE = 1_024
/** Most bytes of a refusal's body that are kept for the error. */
export const MAX_REFUSAL_BODY: number = 4_096

/** Fields that the handshake sets itself; RFC 6455 gives them no second meaning. */
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

/** The characters of a token (RFC 9110 section 5.6.2). */
const TOKEN_CHARACTER = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/

/** Header fields as pairs; fields that would change the meaning of the message are refused. */
export function listFields(init: FieldsInit | undefined): [name: string, value: string][] {
  const list = pairsOf(init, 'headers')
  for (const [name] of list) {
    if (RESERVED.has(name.toLowerCase())) {
      throw new UsageError('InvalidOption', `headers: ${name} is set by the handshake itself; for subprotocols use the protocols option`)
    }
  }
  return list
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

/**
 * Gives the bytes that a frame reader holds to a reader of heads, piece by piece, until `step` says that the head is complete or no byte is left.
 * Only the used bytes are removed from the frame reader: the bytes after a head stay there, as the first frame.
 */
function pass<Outcome>(
  from: FrameReader,
  to: { read(bytes: Uint8Array): void },
  step: () => { readonly unused: number; readonly outcome: Outcome | null },
): Outcome | null {
  while (from.buffered > 0) {
    const length = Math.min(from.buffered, PIECE)
    to.read(from.u8.subarray(from.headAddress, from.headAddress + length))
    const { unused, outcome } = step()
    from.consume(length - unused)
    if (outcome !== null) return outcome
  }
  return null
}

/** An error of a head as an error of the handshake. */
function headError(error: HttpError | null): HandshakeError {
  const code = error?.code
  return new HandshakeError(
    code === 'HeadTooLarge' || code === 'TooManyHeaders' ? code : 'MalformedHttp',
    error?.message ?? 'the head breaks RFC 9112',
  )
}

/** A reader of responses to opening requests with the usual limits, which handshakes use one after the other. */
class HeadReader {
  readonly response: ResponseReader

  constructor(
    readonly region: Region,
    capacity: number,
    codec: Codec,
  ) {
    this.response = new ResponseReader(codec, HeadReader.options(capacity, MAX_FIELDS), region)
  }

  static options(capacity: number, maxHeaders: number): ResponseReaderOptions {
    return { capacity, maxHeadSize: capacity - PIECE, maxHeaders, maxBodySize: SIZE_MAX }
  }

  static regionBytes(capacity: number): number {
    return ResponseReader.regionBytes(HeadReader.options(capacity, MAX_FIELDS))
  }
}

/** A client's opening request. */
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
  /** Offers permessage-deflate (RFC 7692). @internal */
  readonly deflate?: DeflateWishes | null
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
  /** What was agreed on of permessage-deflate. @internal */
  deflate: DeflateParameters | null = null
  /** Chosen extensions, as the response names them; `''` for none. @internal */
  extensions = ''
  readonly #wishes: DeflateWishes | null
  readonly #maxHead: number
  readonly #maxHeaders: number
  readonly #reader: FrameReader
  #current: ResponseReader | null = null
  /** Where it lives, when it is one that others use after this handshake. */
  #place: HeadReader | null = null
  #isReleased = false
  readonly #offered: readonly string[]
  readonly #accept: string
  #refusal: HandshakeResponse | null = null
  readonly #body: Uint8Array[] = []
  #bodyRoom = MAX_REFUSAL_BODY
  #isWhole = false

  /**
   * The reader and writer must share one memory.
   *
   * @param maxHead longest head of the response in bytes, 16 to 1 MiB
   * @param maxHeaders most fields of it, 1 to 1,000
   */
  constructor(reader: FrameReader, writer: FrameWriter, hello: ClientHello, maxHead: number, maxHeaders: number = MAX_FIELDS) {
    checkParts(reader, writer, maxHead, maxHeaders)
    if (!isBag(hello)) throw refused('hello', 'an object like { target, host, headers, protocols, nonce }', hello)
    textOf('hello.target', hello.target)
    textOf('hello.host', hello.host)
    checkFields('hello.headers', hello.headers)
    if (!Array.isArray(hello.protocols)) throw refused('hello.protocols', 'a list of tokens', hello.protocols)
    listProtocols(hello.protocols)
    const out = new HeadWriter(writer)
    this.#reader = reader
    this.#maxHead = maxHead
    this.#maxHeaders = maxHeaders
    this.#offered = hello.protocols
    this.#wishes = hello.deflate ?? null
    const nonce = bytesOf('nonce', hello.nonce)
    // A shorter nonce would leave old bytes in the memory, and they would be sent to the peer.
    checkInteger('nonce', nonce.length, HANDSHAKE_NONCE_BYTES, HANDSHAKE_NONCE_BYTES, 'bytes')
    out.begin()
    out.requestLine('GET', hello.target)
    out.field('Host', findField(hello.headers, 'host') ?? hello.host)
    out.upgradeFields(nonce)
    this.#accept = out.accept
    if (hello.protocols.length > 0) out.field('Sec-WebSocket-Protocol', hello.protocols.join(', '))
    if (this.#wishes !== null) out.field('Sec-WebSocket-Extensions', deflateOffer(this.#wishes))
    for (const [name, value] of hello.headers) if (name.toLowerCase() !== 'host') out.field(name, value)
    out.endOfHead()
  }

  /**
   * Judges the received bytes. `'open'`: the reader stands at the first byte after the head. `'refused'`: the response was not an
   * upgrade; take {@link ClientHandshake.refused} when its body is complete enough. Throws `HandshakeError`.
   */
  receive(): 'more' | 'open' | 'refused' {
    if (this.#isWhole) return 'refused'
    if (this.#reader.buffered === 0) return this.#refusal === null ? 'more' : 'refused'
    const outcome = pass(this.#reader, this.#response, () => {
      const outcome = this.#step()
      return { unused: this.#response.surplus, outcome }
    })
    if (outcome !== null) this.release()
    return outcome ?? (this.#refusal === null ? 'more' : 'refused')
  }

  /** The refusal with the received part of its body, and whether more is worth waiting for. */
  get refused(): { error: HandshakeError; complete: boolean } {
    this.receive()
    const refusal = this.#refusal as HandshakeResponse
    const { status, reason } = refusal
    const decoder = new TextDecoder()
    const body = this.#body.map((piece) => decoder.decode(piece, { stream: true })).join('') + decoder.decode()
    const error = new HandshakeError(
      'UnexpectedStatus',
      `the server answered ${status}${reason === '' ? '' : ` ${reason}`} instead of 101; see .headers and .body`,
      { ...refusal, body },
    )
    return { error, complete: this.#isWhole }
  }

  /** Gives the memory of the response back; happens by itself when the handshake ends. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    if (this.#place === null) this.#current?.release()
    else this.#shared?.giveBack(this.#place)
  }

  get #shared(): Places<HeadReader> | null {
    return this.#maxHeaders === MAX_FIELDS ? this.#reader.codec.places(HeadReader, this.#maxHead + PIECE) : null
  }

  /** Made, or taken, when something has arrived: mostly that is all, and it is given back in the same call. */
  get #response(): ResponseReader {
    if (this.#isReleased) throw released('reader')
    if (this.#current === null) {
      this.#place = this.#shared?.take() ?? null
      this.#current = this.#place?.response ?? new ResponseReader(this.#reader.codec, HeadReader.options(this.#maxHead + PIECE, this.#maxHeaders))
      this.#current.reset()
      this.#current.beginUpgrade()
    }
    return this.#current
  }

  /** Acts on the result of the response reader. */
  #step(): 'open' | 'refused' | null {
    const response = this.#response
    for (let code = response.advance(); code !== STEP_MORE; code = response.advance()) {
      if (code === STEP_HEAD) this.#readHead()
      else if (code === STEP_DATA) this.#keep(response.data)
      if (code === STEP_FAILED && this.#refusal === null) throw this.#failure()
      // A refusal with a broken body is still a refusal.
      const isOver = code === STEP_COMPLETE || code === STEP_FAILED || this.#bodyRoom === 0
      if (!isOver) continue
      this.#isWhole = this.#refusal !== null
      return this.#isWhole ? 'refused' : 'open'
    }
    return null
  }

  #readHead(): void {
    const { response } = this.#response
    const head: HandshakeResponse = { status: response.status, reason: response.reason, headers: response.headers(), body: '' }
    this.headers = head.headers
    if (head.status !== 101) {
      this.#refusal = head
      return
    }
    const fault = responseFault(head, this.#accept)
    if (fault !== null) throw fault
    this.deflate = chosenDeflate(head, this.#wishes)
    if (this.deflate !== null) this.extensions = listMembers(head.headers, EXTENSIONS).join(', ')
    this.protocol = this.#chosenProtocol(head)
  }

  #keep(piece: Uint8Array): void {
    const kept = piece.slice(0, this.#bodyRoom)
    this.#body.push(kept)
    this.#bodyRoom -= kept.length
  }

  #failure(): HandshakeError {
    const { error } = this.#response
    if (error?.code !== 'TooManyInterim') return headError(error)
    const { status, reason, headers } = this.#response.interim
    return new HandshakeError('UnexpectedStatus', error.message, { status, reason, headers, body: '' })
  }

  #chosenProtocol(response: HandshakeResponse): string {
    const chosen = listMembers(response.headers, 'sec-websocket-protocol')
    if (chosen.length === 0) return ''
    const [protocol] = chosen
    if (chosen.length > 1 || protocol === undefined || !this.#offered.includes(protocol)) {
      throw new HandshakeError(
        'UnexpectedProtocol',
        chosen.length > 1 ? `the server chose ${chosen.length} subprotocols` : 'the server chose a subprotocol that was not offered',
        response,
      )
    }
    return protocol
  }
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
  /** Why it is no valid upgrade, and the status to answer with; null when it is valid. */
  readonly fault: UpgradeFault | null
}

/** The server's end: `receive` after each read, or `take` for a head that was read elsewhere; then `accept` or `refuse`, which write the response. */
export class ServerHandshake {
  static {
    showsItself(this.prototype, () => ({}))
  }

  readonly #reader: FrameReader
  readonly #writer: FrameWriter
  readonly #out: HeadWriter
  #request: RequestReader | null = null
  /** The key of a valid request, for the answer. */
  #key: string | null = null
  /** Its offers of extensions. */
  #offers: readonly string[] = []
  #acceptance: DeflateAcceptance | null = null

  readonly #maxHead: number
  readonly #maxHeaders: number

  /**
   * The reader and writer must share one memory.
   *
   * @param maxHead longest head of the request in bytes, 16 to 1 MiB
   * @param maxHeaders most fields of it, 1 to 1,000
   */
  constructor(reader: FrameReader, writer: FrameWriter, maxHead: number, maxHeaders: number = MAX_FIELDS) {
    this.#maxHead = maxHead
    this.#maxHeaders = maxHeaders

    checkParts(reader, writer, maxHead, maxHeaders)
    this.#reader = reader
    this.#writer = writer
    this.#out = new HeadWriter(writer)
  }

  /** The request, when its head has arrived. Throws `HandshakeError` for what is not HTTP. */
  receive(): ServerHello | null {
    const maxHead = this.#maxHead
    const maxHeaders = this.#maxHeaders
    const reader = this.#reader
    this.#request ??= new RequestReader(reader.codec, { capacity: maxHead + PIECE, maxHeadSize: maxHead, maxHeaders })
    const request = this.#request
    const hello = pass(reader, request, () => {
      const head = request.next()
      if (head === null) {
        if (request.error === null) return { unused: 0, outcome: null }
        if (!request.lacksHost) throw headError(request.error)
        return { unused: 0, outcome: missingHost() }
      }
      const { method, target, version } = head
      return { unused: request.remainder.length, outcome: this.take({ method, target, version, headers: head.headers() }) }
    })
    if (hello !== null) this.release()
    return hello
  }

  /** Judges a request whose head was read elsewhere. */
  take(head: UpgradeHead): ServerHello {
    if (!isBag(head)) throw refused('head', 'an object like { method, target, version, headers }', head)
    const { headers, target } = head
    textOf('head.method', head.method)
    textOf('head.target', target)
    checkFields('head.headers', headers)
    const fault = upgradeFault(head)
    this.#offers = valuesOf(headers, EXTENSIONS)
    this.#key = fault === null ? (findField(headers, 'sec-websocket-key') as string) : null
    return {
      path: target,
      host: findField(headers, 'host') ?? '',
      headers,
      protocols: listMembers(headers, 'sec-websocket-protocol'),
      fault,
    }
  }

  /**
   * Takes the client's first offer of permessage-deflate that suits; {@link ServerHandshake.accept} answers it. Without one the connection goes on
   * without. @internal
   */
  agree(wishes: DeflateWishes): DeflateAcceptance | null {
    this.#acceptance = acceptDeflateOffer(this.#offers, wishes)
    return this.#acceptance
  }

  /** Writes the 101 response. Throws `NotOpen` when no valid request has been received. */
  accept(protocol: string, headers: Fields): void {
    const out = this.#out
    textOf('protocol', protocol)
    checkFields('headers', headers)
    if (this.#key === null) throw new UsageError('NotOpen', 'there is no valid request to accept: receive() has not given one')
    out.begin()
    out.switching(this.#key)
    if (protocol !== '') out.field('Sec-WebSocket-Protocol', protocol)
    if (this.#acceptance !== null) out.field('Sec-WebSocket-Extensions', this.#acceptance.field)
    for (const [name, value] of headers) out.field(name, value)
    out.endOfHead()
  }

  /**
   * Writes the head of a refusal, and as much of its body as the write buffer has room for; after that the connection ends.
   *
   * @returns the rest of the body, to be sent after it
   */
  refuse(status: number, reason: string, headers: Fields, body: string): Uint8Array<ArrayBuffer> {
    const out = this.#out
    checkInteger('status', status, 100, 999, '(three digits)')
    textOf('reason', reason)
    checkFields('headers', headers)
    const content = new TextEncoder().encode(textOf('body', body))
    out.begin()
    out.statusLine(status, reason)
    for (const [name, value] of headers) out.field(name, value)
    if (status === 426) {
      out.field('Upgrade', 'websocket')
      out.field('Sec-WebSocket-Version', '13')
    }
    if (status === 405) out.field('Allow', 'GET')
    out.field('Connection', status === 426 ? 'close, Upgrade' : 'close')
    out.field('Content-Length', String(content.length))
    out.endOfHead()
    return content.subarray(this.#writer.append(content))
  }

  /** Gives the memory of the request back; happens by itself when its head has been read. */
  release(): void {
    this.#request?.release()
  }
}

/** Throws `InvalidOption`. */
function checkParts(reader: unknown, writer: unknown, maxHead: number, maxHeaders: number): void {
  if (!(reader instanceof FrameReader)) throw refused('reader', 'a FrameReader', reader)
  if (!(writer instanceof FrameWriter)) throw refused('writer', 'a FrameWriter', writer)
  checkInteger('maxHead', maxHead, 16, 1024 * 1024, 'bytes')
  checkInteger('maxHeaders', maxHeaders, 1, 1_000, 'fields')
}

/** Throws `InvalidOption` for what is no list of pairs of strings. */
function checkFields(name: string, fields: unknown): void {
  const isList =
    Array.isArray(fields) && fields.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string'))
  if (!isList) throw refused(name, "a list of pairs like [['X-Key', 'value']]", fields)
}

/** The request reader refuses such a request as a whole, as every server must (RFC 9112 section 3.2). */
function missingHost(): ServerHello {
  const error = new HandshakeError('MissingHost', 'the request has no Host, or several')
  return { path: '', host: '', headers: [], protocols: [], fault: { status: 400, error } }
}
