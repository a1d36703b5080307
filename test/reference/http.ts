/**
 * HTTP/1.1 as RFC 9112 has it, read from a whole string at once: the oracle of the tests. Made of regular expressions and slices, and written
 * without a look at the codec, so that the two are wrong in different ways. Bytes are a Latin-1 string.
 */

export interface HttpLimits {
  maxHeadSize?: number
  maxHeaders?: number
  maxBodySize?: number
  maxTrailerSize?: number
  maxChunkExtension?: number
}

export type Pairs = [name: string, value: string][]

export interface ReadResponse {
  status: number
  reason: string
  version: '1.0' | '1.1'
  headers: Pairs
  body: string
  trailers: Pairs
  reusable: boolean
  keepAliveTimeout: number
  keepAliveMax: number
}

export interface ReadInterim {
  status: number
  reason: string
  headers: Pairs
}

export interface Outcome {
  interims: ReadInterim[]
  responses: ReadResponse[]
  /** Code of the error that ended it. */
  error: string | null
  /** Bytes behind the last response, when all that were asked for have come. */
  surplus: number
}

export interface ReadRequest {
  method: string
  target: string
  version: '1.0' | '1.1'
  headers: Pairs
  framing: 'none' | 'length' | 'chunked'
  contentLength: number | null
  keepAlive: boolean
}

/** Thrown for what breaks the RFC; `Incomplete` for what may become right. */
class Broken extends Error {
  constructor(readonly code: string) {
    super(code)
  }
}
class Incomplete extends Error {}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]"
const VALUE = '[\\t\\x20-\\x7e\\x80-\\xff]'
const STATUS_LINE = new RegExp(`^HTTP/1\\.([0-9]) ([1-9][0-9][0-9])(?: (${VALUE}*))?$`)
const REQUEST_LINE = new RegExp(`^(${TOKEN}+) ([\\x21-\\x7e]+) HTTP/1\\.([0-9])$`)
const FIELD_LINE = new RegExp(`^(${TOKEN}+):[\\t ]*(${VALUE}*)$`)
const FOLDED_LINE = new RegExp(`^[\\t ]${VALUE}*$`)

/** The first head of `text`: its lines, and where the rest begins. */
function cutHead(text: string, max: number, malformed: string, tooLarge: string): { lines: string[]; rest: number } {
  const window = text.slice(0, max)
  const end = window.indexOf('\r\n\r\n')
  const bare = /(?:^|[^\r])\n/.exec(window)
  const bareAt = bare === null ? Number.POSITIVE_INFINITY : bare.index + bare[0].length - 1
  if (window.startsWith('\r\n')) throw new Broken(malformed)
  if (bareAt < (end < 0 ? Number.POSITIVE_INFINITY : end)) throw new Broken(malformed)
  if (end >= 0) return { lines: window.slice(0, end).split('\r\n'), rest: end + 4 }
  throw text.length > max ? new Broken(tooLarge) : new Incomplete()
}

function readFields(lines: string[], max: number, malformed: string): Pairs {
  const fields: Pairs = []
  for (const line of lines) {
    const last = fields.at(-1)
    if (/^[\t ]/.test(line)) {
      if (last === undefined || !FOLDED_LINE.test(line)) throw new Broken(malformed)
      last[1] += `  ${line}`
      continue
    }
    if (fields.length === max) throw new Broken('TooManyHeaders')
    const match = FIELD_LINE.exec(line)
    if (match === null) throw new Broken(malformed)
    fields.push([match[1] as string, match[2] as string])
  }
  return fields.map(([name, value]) => [name, value.replace(/^[\t ]+|[\t ]+$/g, '')])
}

const all = (fields: Pairs, name: string): string[] => fields.filter(([n]) => n.toLowerCase() === name).map(([, v]) => v)
const members = (values: string[]): string[] =>
  values
    .flatMap((value) => value.split(','))
    .map((member) => member.replace(/^[\t ]+|[\t ]+$/g, '').toLowerCase())
    .filter((member) => member !== '')

type Framing = { kind: 'none' | 'chunked' | 'close' } | { kind: 'length'; length: number }

/** RFC 9112 section 6.3 from item 3 on. */
function decideFraming(fields: Pairs, version: string): Framing {
  const codings = all(fields, 'transfer-encoding')
  const lengths = all(fields, 'content-length')
  if (codings.length > 0) {
    if (lengths.length > 0) throw new Broken('ConflictingFraming')
    if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked' || version === '1.0') throw new Broken('UnsupportedTransferCoding')
    return { kind: 'chunked' }
  }
  if (lengths.length > 1) throw new Broken('ConflictingFraming')
  const [length] = lengths
  if (length === undefined) return { kind: 'none' }
  if (!/^[0-9]+$/.test(length) || BigInt(length) > BigInt(Number.MAX_SAFE_INTEGER)) throw new Broken('InvalidContentLength')
  return { kind: 'length', length: Number(length) }
}

function hint(fields: Pairs, name: string): number {
  let found = -1
  for (const member of members(all(fields, 'keep-alive'))) {
    if (!member.startsWith(`${name}=`) || member.length === name.length + 1) continue
    const digits = member.slice(name.length + 1)
    found = /^[0-9]+$/.test(digits) && BigInt(digits) <= BigInt(Number.MAX_SAFE_INTEGER) ? Math.min(Number(digits), 2 ** 31 - 1) : -1
  }
  return found
}

const EXTENSION = `;${TOKEN}+(?:=(?:${TOKEN}+|"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\${VALUE})*"))?`
const SIZE_LINE = new RegExp(`^([0-9A-Fa-f]{1,16})((?:${EXTENSION})*)\\r\\n$`)
/** What can become a size line. */
const SIZE_LINE_START = new RegExp(
  `^(?:[0-9A-Fa-f]{1,16}|[0-9A-Fa-f]{1,16}(?:${EXTENSION})*(?:;|;${TOKEN}+(?:=|=${TOKEN}+|="(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\${VALUE})*(?:\\\\)?)?)?\\r?)$`,
)

/** A chunked body at the start of `text`. */
export function readChunked(text: string, limits: HttpLimits): { body: string; trailers: Pairs; rest: number } {
  const { maxBodySize = 16 * 1024 * 1024, maxTrailerSize = 4_096, maxHeaders = 100, maxChunkExtension = 256 } = limits
  let at = 0
  let body = ''
  for (;;) {
    let size = -1
    for (let length = 1; size < 0; length++) {
      if (at + length > text.length) throw new Incomplete()
      const line = text.slice(at, at + length)
      const whole = SIZE_LINE.exec(line)
      if (whole === null && !SIZE_LINE_START.test(line)) throw new Broken('MalformedChunk')
      const digits = /^[0-9A-Fa-f]+/.exec(line)?.[0] ?? ''
      if (digits.length < line.length && BigInt(`0x${digits}`) > BigInt(Number.MAX_SAFE_INTEGER)) throw new Broken('MalformedChunk')
      if (line.slice(digits.length).replace(/\r\n?$/, '').length > maxChunkExtension) throw new Broken('ChunkExtensionTooLong')
      if (whole !== null) {
        size = Number(`0x${digits}`)
        at += length
      }
    }
    if (size === 0) break
    if (body.length + size > maxBodySize) throw new Broken('BodyTooLarge')
    body += text.slice(at, at + size)
    at += size
    if (at > text.length) throw new Incomplete()
    const end = text.slice(at, at + 2)
    if (!'\r\n'.startsWith(end)) throw new Broken('MalformedChunk')
    if (end.length < 2) throw new Incomplete()
    at += 2
  }
  if (text.startsWith('\r\n', at)) return { body, trailers: [], rest: at + 2 }
  if (text.length - at < 2 && '\r\n'.startsWith(text.slice(at))) throw new Incomplete()
  const { lines, rest } = cutHead(text.slice(at), Math.max(2, maxTrailerSize), 'MalformedTrailer', 'TrailersTooLarge')
  const trailers = readFields(lines, maxHeaders, 'MalformedTrailer')
  if (trailers.some(([name]) => /^(?:content-length|transfer-encoding)$/i.test(name))) throw new Broken('MalformedTrailer')
  return { body, trailers, rest: at + rest }
}

/** Can the first bytes begin a response? */
function checkName(text: string): void {
  if (text.slice(0, 7) === 'HTTP/1.'.slice(0, text.length)) return
  throw new Broken(text.startsWith('HTTP/') ? 'UnsupportedVersion' : 'MalformedHead')
}

/**
 * Reads the answers to requests with these methods, in order.
 *
 * @param ended the connection has ended behind `text`
 */
export function readResponses(text: string, methods: readonly string[], limits: HttpLimits = {}, ended = false): Outcome {
  const { maxHeadSize = 16 * 1024, maxHeaders = 100, maxBodySize = 16 * 1024 * 1024 } = limits
  const outcome: Outcome = { interims: [], responses: [], error: null, surplus: 0 }
  let rest = text
  let used = 0
  const take = (length: number): void => {
    rest = rest.slice(length)
    used += length
  }
  try {
    for (const method of methods) {
      for (let interims = 0; ; ) {
        checkName(rest)
        const { lines, rest: headLength } = cutHead(rest, maxHeadSize, 'MalformedHead', 'HeadTooLarge')
        const first = STATUS_LINE.exec(lines[0] as string)
        if (first === null) throw new Broken('MalformedHead')
        const status = Number(first[2])
        const reason = first[3] ?? ''
        const version = first[1] === '0' ? '1.0' : '1.1'
        const headers = readFields(lines.slice(1), maxHeaders, 'MalformedHead')
        if (status === 101) throw new Broken('UnexpectedUpgrade')
        if (status < 200) {
          if (++interims > 16) throw new Broken('TooManyInterim')
          outcome.interims.push({ status, reason, headers })
          take(headLength)
          continue
        }
        const isTunnel = method === 'CONNECT' && status < 300
        const hasNone = method === 'HEAD' || status === 204 || status === 304 || isTunnel
        let framing: Framing = hasNone ? { kind: 'none' } : decideFraming(headers, version)
        if (!hasNone && framing.kind === 'none') framing = { kind: 'close' }
        const options = members(all(headers, 'connection'))
        const persists = !options.includes('close') && (version === '1.1' || options.includes('keep-alive'))
        const response: ReadResponse = {
          status,
          reason,
          version,
          headers,
          body: '',
          trailers: [],
          reusable: persists && framing.kind !== 'close' && !isTunnel,
          keepAliveTimeout: hint(headers, 'timeout'),
          keepAliveMax: hint(headers, 'max'),
        }
        if (framing.kind === 'length' && framing.length > maxBodySize) throw new Broken('BodyTooLarge')
        take(headLength)
        if (framing.kind === 'length') {
          if (rest.length < framing.length) throw new Incomplete()
          response.body = rest.slice(0, framing.length)
          take(framing.length)
        } else if (framing.kind === 'chunked') {
          const chunked = readChunked(rest, limits)
          response.body = chunked.body
          response.trailers = chunked.trailers
          take(chunked.rest)
        } else if (framing.kind === 'close') {
          if (rest.length > maxBodySize) throw new Broken('BodyTooLarge')
          if (!ended) throw new Incomplete()
          response.body = rest
          take(rest.length)
        }
        outcome.responses.push(response)
        break
      }
    }
    outcome.surplus = text.length - used
  } catch (error) {
    if (error instanceof Broken) outcome.error = error.code
    else if (!(error instanceof Incomplete)) throw error
    else if (ended) outcome.error = 'UnexpectedEnd'
  }
  return outcome
}

/** Reads one request head; null while it is incomplete, a code when it is broken. */
export function readRequestHead(text: string, limits: HttpLimits = {}): { request: ReadRequest; rest: string } | string | null {
  const { maxHeadSize = 16 * 1024, maxHeaders = 100 } = limits
  try {
    if (text === '\r') return null
    const start = text.startsWith('\r\n') ? 2 : 0
    const { lines, rest } = cutHead(text.slice(start), maxHeadSize, 'MalformedHead', 'HeadTooLarge')
    const line = lines[0] as string
    const first = REQUEST_LINE.exec(line)
    if (first === null) {
      const other = new RegExp(`^${TOKEN}+ [\\x21-\\x7e]+ HTTP/(?!1\\.)`).test(line)
      throw new Broken(other ? 'UnsupportedVersion' : 'MalformedHead')
    }
    const version = first[3] === '0' ? '1.0' : '1.1'
    const headers = readFields(lines.slice(1), maxHeaders, 'MalformedHead')
    const hosts = all(headers, 'host').length
    if (hosts > 1 || (hosts === 0 && version === '1.1')) throw new Broken('MalformedHead')
    const framing = decideFraming(headers, version)
    const options = members(all(headers, 'connection'))
    const request: ReadRequest = {
      method: first[1] as string,
      target: first[2] as string,
      version,
      headers,
      framing: framing.kind as ReadRequest['framing'],
      contentLength: framing.kind === 'length' ? framing.length : null,
      keepAlive: !options.includes('close') && (version === '1.1' || options.includes('keep-alive')),
    }
    return { request, rest: text.slice(start + rest) }
  } catch (error) {
    if (error instanceof Broken) return error.code
    if (error instanceof Incomplete) return null
    throw error
  }
}
