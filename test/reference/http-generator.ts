/** Random HTTP messages, mostly right, and ways to damage them. */

import { latin1Bytes } from './linear.ts'
import type { Random } from './random.ts'

const NAMES = [
  'Date',
  'Server',
  'X-Request-Id',
  'content-type',
  'ETag',
  'x',
  'Cache-Control',
  'X-RateLimit-Remaining',
  'A_b.c~',
  'Vary',
  'Set-Cookie',
]
const VALUES = ['', 'a', 'text/html; charset=utf-8', 'W/"abc"', 'x'.repeat(40), 'caf\xe9', '\xff\x80\x9f', 'a\tb', '1, 2,3', 'no-cache', 'a: b', '=']
const CONNECTIONS = ['close', 'keep-alive', 'Keep-Alive', 'CLOSE', 'x, close', 'upgrade', 'keep-alive, close', ',', 'closed']
const HINTS = [
  'timeout=5',
  'timeout=5, max=100',
  'max=3',
  'Timeout=60',
  'timeout=',
  'timeout=x',
  'timeout=99999999999',
  'timeout="5"',
  'max=1,timeout=2',
]

const spaces = (random: Random): string => random.pick(['', ' ', ' ', ' ', '\t', '  '])

function field(random: Random, name: string, value: string): string {
  const folded = random.oneIn(30) ? `${value}\r\n${random.pick([' ', '\t'])}${random.pick(VALUES)}` : value
  return `${name}:${spaces(random)}${folded}${random.oneIn(6) ? spaces(random) : ''}\r\n`
}

const randomCase = (random: Random, text: string): string =>
  random.pick([text, text.toLowerCase(), text.toUpperCase(), Array.from(text, (c) => (random.oneIn(2) ? c.toUpperCase() : c.toLowerCase())).join('')])

export function body(random: Random, max = 60): string {
  const length = random.oneIn(4) ? 0 : random.oneIn(12) ? random.below(3_000) : random.below(max)
  return Array.from({ length }, () => String.fromCharCode(random.oneIn(3) ? random.below(256) : random.pick([13, 10, 48, 97, 59]))).join('')
}

/** A body in chunks of random sizes. */
export function chunked(random: Random, content: string): string {
  let wire = ''
  for (let at = 0; at < content.length; ) {
    const size = 1 + random.below(random.oneIn(3) ? 3 : 40)
    const chunk = content.slice(at, at + size)
    at += chunk.length
    wire += `${'0'.repeat(random.oneIn(8) ? random.below(5) : 0)}${randomCase(random, chunk.length.toString(16))}${extension(random)}\r\n${chunk}\r\n`
  }
  wire += `${'0'.repeat(1 + (random.oneIn(8) ? random.below(4) : 0))}${extension(random)}\r\n`
  if (random.oneIn(4)) for (let n = random.below(4); n > 0; n--) wire += field(random, random.pick(NAMES), random.pick(VALUES))
  return `${wire}\r\n`
}

function extension(random: Random): string {
  return random.oneIn(10)
    ? random.pick([';a', ';a=b', ';a="b c"', ';a="\\"";b', `;a=${'x'.repeat(20)}`, ';a=""', ';\xe9', ';a =b', ' ;a', ';a="\\'])
    : ''
}

/** A response and whether it reaches until the end of the connection. */
export function response(random: Random, method: string): string {
  let wire = ''
  if (random.oneIn(10)) {
    for (let n = 1 + random.below(random.oneIn(20) ? 20 : 2); n > 0; n--) {
      wire += `HTTP/1.1 ${random.pick(['100 Continue', '103 Early Hints', '102', '199 '])}\r\n${random.oneIn(2) ? field(random, 'Link', '</a>') : ''}\r\n`
    }
  }
  const status = random.pick([200, 200, 200, 201, 204, 304, 400, 404, 429, 500, 503, 999, 205, 226])
  const version = random.oneIn(10) ? random.pick(['1.0', '1.0', '1.2', '1.9']) : '1.1'
  wire += `HTTP/${version} ${status}${random.pick([' OK', ' OK', ' ', '', ' Not Found', ' \xe9t\xe9'])}\r\n`
  for (let n = random.below(random.oneIn(20) ? 30 : 6); n > 0; n--) wire += field(random, random.pick(NAMES), random.pick(VALUES))
  if (random.oneIn(5)) wire += field(random, randomCase(random, 'Connection'), random.pick(CONNECTIONS))
  if (random.oneIn(6)) wire += field(random, randomCase(random, 'Keep-Alive'), random.pick(HINTS))
  const content = body(random)
  const hasNone = method === 'HEAD' || status === 204 || status === 304 || (method === 'CONNECT' && status < 300)
  switch (random.below(12)) {
    case 0:
      return `${wire}\r\n${hasNone ? '' : content}` // until close
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
      wire += `${randomCase(random, 'Transfer-Encoding')}:${spaces(random)}${randomCase(random, 'chunked')}\r\n`
      return `${wire}\r\n${hasNone ? '' : chunked(random, content)}`
    case 6: {
      const nasty = random.pick([
        `Content-Length: ${content.length}\r\nContent-Length: ${content.length}\r\n`,
        `Content-Length: ${content.length}, ${content.length}\r\n`,
        `Content-Length: +${content.length}\r\n`,
        `Content-Length: 0${content.length}\r\n`,
        'Content-Length: 9007199254740992\r\n',
        'Content-Length: 9007199254740991\r\n',
        'Content-Length:\r\n',
        'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n',
        'Transfer-Encoding: gzip, chunked\r\n',
        'Transfer-Encoding: chunked, chunked\r\n',
        'Transfer-Encoding: identity\r\n',
        'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n',
        'Transfer-Encoding : chunked\r\n',
        'Transfer-Encoding: chunked;q=1\r\n',
      ])
      return `${wire}${nasty}\r\n${random.oneIn(2) ? content : chunked(random, content)}`
    }
    default:
      wire += `${randomCase(random, 'Content-Length')}:${spaces(random)}${content.length}\r\n`
      return `${wire}\r\n${hasNone ? '' : content}`
  }
}

/** A request head, and the body that it announces. */
export function request(random: Random): string {
  const target = random.pick(['/', '/a?b=c', '*', 'http://a.example/x', 'a:443', '/\x7f', '/é'.normalize('NFC'), '/a b'])
  const version = random.oneIn(10) ? random.pick(['1.0', '1.5', '2.0', '0.9', '1.x', '11.0']) : '1.1'
  let wire = `${random.oneIn(12) ? random.pick(['\r\n', '\r\n\r\n', '\n']) : ''}${random.pick(['GET', 'POST', 'get', 'X-Y', 'G(T', ''])} ${target} HTTP/${version}\r\n`
  if (!random.oneIn(8)) wire += field(random, 'Host', 'a.example')
  if (random.oneIn(20)) wire += field(random, 'host', 'b')
  for (let n = random.below(6); n > 0; n--) wire += field(random, random.pick(NAMES), random.pick(VALUES))
  if (random.oneIn(4)) wire += field(random, 'Connection', random.pick(CONNECTIONS))
  const content = body(random)
  switch (random.below(4)) {
    case 0:
      return `${wire}Content-Length: ${content.length}\r\n\r\n${content}`
    case 1:
      return `${wire}Transfer-Encoding: chunked\r\n\r\n${chunked(random, content)}`
    case 2:
      return `${wire}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n`
    default:
      return `${wire}\r\n`
  }
}

/** Bytes that matter to a parser. */
const NASTY = [
  '\r',
  '\n',
  '\r\n',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '\0',
  '\x7f',
  '\xff',
  '0',
  'f',
  '"',
  '\\',
  '+',
  '-',
  'x',
  'chunked',
  'Content-Length: 1\r\n',
  '\r\n\r\n',
]

/** One to three small injuries, or a cut. */
export function damaged(random: Random, wire: string): string {
  let text = wire
  for (let n = 1 + random.below(3); n > 0 && text.length > 0; n--) {
    const at = random.below(text.length)
    switch (random.below(5)) {
      case 0:
        text = text.slice(0, at) + random.pick(NASTY) + text.slice(at)
        break
      case 1:
        text = text.slice(0, at) + random.pick(NASTY) + text.slice(at + 1)
        break
      case 2:
        text = text.slice(0, at) + text.slice(at + 1 + random.below(4))
        break
      case 3:
        text = text.slice(0, at) + text.slice(Math.max(0, at - random.below(30)))
        break
      default:
        text = text.slice(0, at)
    }
  }
  return text
}

/** Random cuts: few, many, or at every byte. */
export function pieces(random: Random, wire: string): Uint8Array[] {
  const bytes = latin1Bytes(wire)
  const way = random.below(4)
  if (way === 0) return [bytes]
  const list: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = way === 1 ? 1 : 1 + random.below(way === 2 ? 20 : 400)
    list.push(bytes.subarray(at, at + size))
    at += size
  }
  return list
}
