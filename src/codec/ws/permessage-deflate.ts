/**
 * The negotiation of permessage-deflate (RFC 7692), pure: fields in, parameters and fields out. The answer is judged to the letter; of offers the first
 * that can be accepted is taken, and what can't be accepted is declined.
 */

/** What both ends have agreed on. */
export interface DeflateParameters {
  /** The server compresses each message without those before it (section 7.1.1.1). */
  readonly serverNoContextTakeover: boolean
  /** The client does (section 7.1.1.2). */
  readonly clientNoContextTakeover: boolean
  /** How far back matches of the server's messages reach, as a power of two; 8 to 15 (section 7.1.2.1). */
  readonly serverMaxWindowBits: number
  /** The same of the client's (section 7.1.2.2). */
  readonly clientMaxWindowBits: number
}

/** What the messages of one direction are compressed with. */
export interface DeflateContext {
  /** How far back matches reach, as a power of two; 8 to 15. */
  readonly windowBits: number
  /** Each message is compressed without those before it. */
  readonly noContextTakeover: boolean
}

/** What an end wishes for; what is absent is left to the other end. */
export type DeflateWishes = Partial<DeflateParameters>

/** One extension of a `Sec-WebSocket-Extensions` field (RFC 6455 section 9.1); a parameter without a value has null. */
export interface Extension {
  readonly name: string
  readonly parameters: readonly (readonly [name: string, value: string | null])[]
}

const NAME = 'permessage-deflate'
const SERVER_NO_TAKEOVER = 'server_no_context_takeover'
const CLIENT_NO_TAKEOVER = 'client_no_context_takeover'
const SERVER_BITS = 'server_max_window_bits'
const CLIENT_BITS = 'client_max_window_bits'
const MOST_BITS = 15

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
/** What may stand between two parts: `1#extension` and `;` allow white space on both sides (RFC 7230 section 7). */
const SPACE = '[ \\t]*'

/** The extensions that fields name, in order. Null for fields that break the grammar; an empty field names none. */
export function parseExtensions(fields: readonly string[]): Extension[] | null {
  const list: Extension[] = []
  const text = fields.join(',')
  const part = new RegExp(`${SPACE}(?:(${TOKEN})${SPACE})?`, 'y')
  const parameter = new RegExp(`;${SPACE}(${TOKEN})${SPACE}(?:=${SPACE}(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)")${SPACE})?`, 'y')
  for (let at = 0; at <= text.length; at++) {
    part.lastIndex = at
    const [, name] = part.exec(text) ?? []
    at = part.lastIndex
    if (name !== undefined) {
      const parameters: [string, string | null][] = []
      for (;;) {
        parameter.lastIndex = at
        const found = parameter.exec(text)
        if (found === null) break
        at = parameter.lastIndex
        const [, key = '', token, quoted] = found
        // What is quoted must be a token, too, once it is unquoted (RFC 6455 section 9.1).
        const value = quoted === undefined ? (token ?? null) : quoted.replace(/\\(.)/g, '$1')
        if (value !== null && !new RegExp(`^${TOKEN}$`).test(value)) return null
        parameters.push([key, value])
      }
      list.push({ name, parameters })
    }
    if (at < text.length && text[at] !== ',') return null
  }
  return list
}

/** The field with which a client offers it. `{}` offers as much as can be: `permessage-deflate; client_max_window_bits`. */
export function deflateOffer(wishes: DeflateWishes): string {
  const { serverMaxWindowBits, clientMaxWindowBits } = wishes
  const parts = [NAME]
  if (wishes.serverNoContextTakeover) parts.push(SERVER_NO_TAKEOVER)
  if (wishes.clientNoContextTakeover) parts.push(CLIENT_NO_TAKEOVER)
  if (serverMaxWindowBits !== undefined && serverMaxWindowBits < MOST_BITS) parts.push(`${SERVER_BITS}=${serverMaxWindowBits}`)
  parts.push(clientMaxWindowBits !== undefined && clientMaxWindowBits < MOST_BITS ? `${CLIENT_BITS}=${clientMaxWindowBits}` : CLIENT_BITS)
  return parts.join('; ')
}

/** What a server's answer comes to: what was agreed on, null for no extension, or why the handshake fails. */
export type DeflateAnswer = { readonly parameters: DeflateParameters | null } | { readonly fault: string }

/**
 * A client's judgement of the answer to {@link deflateOffer}.
 *
 * @param fields values of `Sec-WebSocket-Extensions`, in order
 * @param wishes what was offered; null when nothing was
 */
export function readDeflateAnswer(fields: readonly string[], wishes: DeflateWishes | null): DeflateAnswer {
  const extensions = parseExtensions(fields)
  if (extensions === null) return { fault: 'Sec-WebSocket-Extensions breaks RFC 6455 section 9.1' }
  const [extension, ...others] = extensions
  if (extension === undefined) return { parameters: null }
  if (wishes === null || extension.name !== NAME) return { fault: 'an extension was not offered' }
  if (others.length > 0) return { fault: others.some(({ name }) => name !== NAME) ? 'an extension was not offered' : `${NAME} is there twice` }
  const read = readParameters(extension, false)
  if (typeof read === 'string') return { fault: read }
  const { serverBits, clientBits } = read
  if (wishes.serverNoContextTakeover && !read.serverNoTakeover) return { fault: `${SERVER_NO_TAKEOVER} was offered and is missing` }
  const wishedServerBits = wishes.serverMaxWindowBits ?? MOST_BITS
  if (wishedServerBits < MOST_BITS && serverBits === undefined) return { fault: `${SERVER_BITS} was offered and is missing` }
  if (serverBits !== undefined && serverBits > wishedServerBits) return { fault: `${SERVER_BITS} is more than was offered` }
  const wishedClientBits = wishes.clientMaxWindowBits ?? MOST_BITS
  if (clientBits !== undefined && clientBits > wishedClientBits) return { fault: `${CLIENT_BITS} is more than was offered` }
  return {
    parameters: {
      serverNoContextTakeover: read.serverNoTakeover,
      clientNoContextTakeover: read.clientNoTakeover || wishes.clientNoContextTakeover === true,
      serverMaxWindowBits: serverBits ?? MOST_BITS,
      clientMaxWindowBits: clientBits ?? wishedClientBits,
    },
  }
}

/** A server's answer to offers: what was agreed on, and the field that says so. */
export interface DeflateAcceptance {
  readonly parameters: DeflateParameters
  readonly field: string
}

/**
 * A server's choice among offers: the first alternative that can be accepted, null when there is none, and the connection goes on without
 * (RFC 7692 section 7.1).
 *
 * @param fields values of `Sec-WebSocket-Extensions`, in order
 * @param wishes what the server wishes for itself. A window for the client's messages that is smaller than 15 bits is a limit: who does not offer to
 *     keep to one is declined
 */
export function acceptDeflateOffer(fields: readonly string[], wishes: DeflateWishes): DeflateAcceptance | null {
  for (const extension of parseExtensions(fields) ?? []) {
    if (extension.name !== NAME) continue
    const offer = readParameters(extension, true)
    if (typeof offer === 'string') continue
    const { serverMaxWindowBits: wishedServerBits = MOST_BITS, clientMaxWindowBits: wishedClientBits = MOST_BITS } = wishes
    if (wishedClientBits < MOST_BITS && offer.clientBits === undefined) continue
    const parameters = {
      serverNoContextTakeover: offer.serverNoTakeover || wishes.serverNoContextTakeover === true,
      clientNoContextTakeover: offer.clientNoTakeover || wishes.clientNoContextTakeover === true,
      serverMaxWindowBits: Math.min(wishedServerBits, offer.serverBits ?? MOST_BITS),
      clientMaxWindowBits: Math.min(wishedClientBits, offer.clientBits ?? MOST_BITS),
    }
    const parts = [NAME]
    if (parameters.serverNoContextTakeover) parts.push(SERVER_NO_TAKEOVER)
    if (parameters.clientNoContextTakeover) parts.push(CLIENT_NO_TAKEOVER)
    if (offer.serverBits !== undefined || parameters.serverMaxWindowBits < MOST_BITS) parts.push(`${SERVER_BITS}=${parameters.serverMaxWindowBits}`)
    if (parameters.clientMaxWindowBits < MOST_BITS) parts.push(`${CLIENT_BITS}=${parameters.clientMaxWindowBits}`)
    return { parameters, field: parts.join('; ') }
  }
  return null
}

interface ReadParameters {
  readonly serverNoTakeover: boolean
  readonly clientNoTakeover: boolean
  readonly serverBits: number | undefined
  /** In an offer, 15 when it has no value. */
  readonly clientBits: number | undefined
}

/** Parameters of one extension, or what is wrong with them: unknown, repeated, or a value out of its range (section 7.1). */
function readParameters({ parameters }: Extension, isOffer: boolean): ReadParameters | string {
  const read = {
    serverNoTakeover: false,
    clientNoTakeover: false,
    serverBits: undefined as number | undefined,
    clientBits: undefined as number | undefined,
  }
  const seen = new Set<string>()
  for (const [name, value] of parameters) {
    if (seen.has(name)) return `${name} is there twice`
    seen.add(name)
    if (name === SERVER_NO_TAKEOVER || name === CLIENT_NO_TAKEOVER) {
      if (value !== null) return `${name} has a value`
      if (name === SERVER_NO_TAKEOVER) read.serverNoTakeover = true
      else read.clientNoTakeover = true
    } else if (name === SERVER_BITS || name === CLIENT_BITS) {
      const bits = name === CLIENT_BITS && isOffer && value === null ? MOST_BITS : bitsOf(value)
      if (bits === null) return `${name} is not 8 to 15`
      if (name === SERVER_BITS) read.serverBits = bits
      else read.clientBits = bits
    } else return 'a parameter is unknown'
  }
  return read
}

/** 8 to 15, without leading zeros. */
function bitsOf(value: string | null): number | null {
  return value !== null && /^(?:[89]|1[0-5])$/.test(value) ? Number(value) : null
}
