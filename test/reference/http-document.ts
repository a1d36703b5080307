/**
 * Test vectors as documents: a heading, prose, a block of bytes, and a block of what must come of them.
 *
 * Bytes: ```response METHOD[,METHOD] [option=n ...] [ended]``` or ```request [option=n ...]```. A line is Latin-1 text with the escapes
 * \r \n \t \0 \xHH \\; its own line end is not part of it. `@n text` is the text n times.
 *
 * Events: what the outcome looks like when it is written by `describeOutcome` or `describeRequest`.
 */

import type { HttpLimits, Outcome, Pairs, ReadRequest } from './http.ts'

export interface Vector {
  kind: 'response' | 'request'
  name: string
  line: number
  bytes: string
  methods: string[]
  limits: HttpLimits
  /** The connection ends behind the bytes. */
  ended: boolean
  expected: string
}

const ESCAPES: Record<string, string> = { r: '\r', n: '\n', t: '\t', '0': '\0', '\\': '\\' }

export function decodeText(line: string): string {
  return line.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex: string | undefined, letter: string) => {
    const text = hex === undefined ? ESCAPES[letter] : String.fromCharCode(Number.parseInt(hex, 16))
    if (text === undefined) throw new SyntaxError(`no such escape: \\${letter}`)
    return text
  })
}

export function encodeText(text: string): string {
  return text
    .replace(/[^ -[\]-~]/g, (c) => {
      const letter = Object.keys(ESCAPES).find((key) => ESCAPES[key] === c)
      return letter === undefined ? `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}` : `\\${letter}`
    })
    .replace(/ $/, '\\x20')
}

function parseBytes(lines: string[]): string {
  return lines
    .map((line) => {
      const repeated = /^@(\d+) (.*)$/.exec(line)
      return repeated === null ? decodeText(line) : decodeText(repeated[2] as string).repeat(Number(repeated[1]))
    })
    .join('')
}

const LIMITS = ['maxHeadSize', 'maxHeaders', 'maxBodySize', 'maxTrailerSize', 'maxChunkExtension']

/** Every vector of a document. Throws `SyntaxError`, with the line, for what is none. */
export function parseDocument(document: string, file: string): Vector[] {
  const vectors: Vector[] = []
  const lines = document.split('\n')
  let name = ''
  let nameLine = 0
  let pending: Omit<Vector, 'expected'> | null = null
  const wrong = (line: number, what: string): SyntaxError => new SyntaxError(`${file}:${line}: ${what}`)
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string
    if (line.startsWith('## ')) {
      if (pending !== null) throw wrong(nameLine, `"${name}" has no events`)
      name = line.slice(3)
      nameLine = i + 1
    } else if (line.startsWith('```')) {
      const [block, ...words] = line.slice(3).split(' ')
      const from = i + 1
      while (lines[++i] !== '```') if (i >= lines.length) throw wrong(from, 'a block without an end')
      const content = lines.slice(from, i)
      if ((block === 'response' || block === 'request') && pending === null) {
        pending = { kind: block, name, line: nameLine, bytes: parseBytes(content), methods: [], limits: {}, ended: false }
        if (block === 'response') pending.methods = (words.shift() as string).split(',')
        for (const word of words) {
          const [option, value] = word.split('=')
          if (word === 'ended') pending.ended = true
          else if (LIMITS.includes(option as string)) pending.limits[option as keyof HttpLimits] = Number(value)
          else throw wrong(from, `unknown option ${word}`)
        }
      } else if (block === 'events' && pending !== null) {
        vectors.push({ ...pending, expected: content.join('\n') })
        pending = null
      } else {
        throw wrong(from, `a ${block} block is out of place`)
      }
    }
  }
  if (pending !== null) throw wrong(nameLine, `"${name}" has no events`)
  return vectors
}

const fieldLines = (fields: Pairs): string[] => fields.map(([name, value]) => encodeText(`  ${name}: ${value}`))
const versionOf = (version: string): string => (version === '1.0' ? ' (HTTP/1.0)' : '')

function bodyLine(body: string): string[] {
  if (body === '') return []
  return [
    body.length > 200
      ? `body of ${body.length} bytes: ${encodeText(body.slice(0, 10))} … ${encodeText(body.slice(-10))}`
      : `body ${encodeText(body)}`,
  ]
}

export function describeOutcome(outcome: Outcome, wanted: number): string {
  const lines: string[] = []
  for (const { status, reason, headers } of outcome.interims) lines.push(encodeText(`interim ${status} ${reason}`), ...fieldLines(headers))
  for (const response of outcome.responses) {
    const { status, reason, version, headers, body, trailers, reusable, keepAliveTimeout, keepAliveMax } = response
    lines.push(encodeText(`response ${status} ${reason}${versionOf(version)}`), ...fieldLines(headers), ...bodyLine(body))
    if (trailers.length > 0) lines.push('trailers', ...fieldLines(trailers))
    if (keepAliveTimeout !== -1 || keepAliveMax !== -1) lines.push(`hints timeout=${keepAliveTimeout} max=${keepAliveMax}`)
    lines.push(reusable ? 'connection stays' : 'connection goes')
  }
  if (outcome.error !== null) lines.push(`error ${outcome.error}`)
  else if (outcome.responses.length < wanted) lines.push('unfinished')
  else if (outcome.surplus > 0) lines.push(`surplus of ${outcome.surplus} bytes`)
  return lines.join('\n')
}

export function describeRequest(read: { request: ReadRequest; rest: string } | string | null): string {
  if (read === null) return 'unfinished'
  if (typeof read === 'string') return `error ${read}`
  const { method, target, version, headers, framing, contentLength, keepAlive } = read.request
  return [
    `request ${method} ${target}${versionOf(version)}`,
    ...fieldLines(headers),
    `body ${framing}${contentLength === null ? '' : ` ${contentLength}`}`,
    keepAlive ? 'connection stays' : 'connection goes',
    ...(read.rest === '' ? [] : [`rest ${encodeText(read.rest)}`]),
  ].join('\n')
}
