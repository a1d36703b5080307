/** Is a head an upgrade? The checks of RFC 6455 section 4 as a table, over heads that somebody has read. */

import { describe, expect, test } from 'vitest'
import type { Fields } from '../../../../src/codec/http/fields.ts'
import { chosenDeflate, responseFault, upgradeFault } from '../../../../src/codec/ws/upgrade.ts'
import type { HandshakeError } from '../../../../src/errors.ts'
import { Random } from '../../../reference/random.ts'

const random = new Random(4)
const sampleKey = 'dGhlIHNhbXBsZSBub25jZQ=='
const sampleAccept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

const fieldsOf = (lines: string[]): Fields =>
  lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })

function checkResponse(lines: string[]): string | null {
  const response = { status: 101, reason: '', headers: fieldsOf(lines), body: '' }
  const fault = responseFault(response, sampleAccept)
  if (fault !== null) return fault.code
  try {
    chosenDeflate(response, null)
    return null
  } catch (error) {
    return (error as HandshakeError).code
  }
}

function checkRequest(lines: string[], method = 'GET', version: '1.0' | '1.1' = '1.1'): string | null {
  return upgradeFault({ method, target: '/chat', version, headers: fieldsOf(lines) })?.error.code ?? null
}

const ACCEPT = `Sec-WebSocket-Accept: ${sampleAccept}`
const GOOD_RESPONSE = ['Upgrade: websocket', 'Connection: Upgrade', ACCEPT]

describe('the client’s checks', () => {
  test.each<[string, string[], string | null]>([
    ['the RFC’s response', GOOD_RESPONSE, null],
    ['names and tokens in any case', ['UPGRADE: WebSocket', 'cONNECTION: uPGRADE', `sec-websocket-accept: ${sampleAccept}`], null],
    ['Connection as a list', ['Upgrade: websocket', 'Connection: keep-alive, Upgrade', ACCEPT], null],
    ['Connection as a list with empty members', ['Upgrade: websocket', 'Connection: , ,Upgrade ,', ACCEPT], null],
    ['Connection in two lines', ['Upgrade: websocket', 'Connection: keep-alive', 'Connection: Upgrade', ACCEPT], null],
    ['other fields between', ['Date: x', ...GOOD_RESPONSE, 'X-A: b'], null],
    ['no Upgrade', ['Connection: Upgrade', ACCEPT], 'MissingUpgrade'],
    ['another protocol', ['Upgrade: h2c', 'Connection: Upgrade', ACCEPT], 'MissingUpgrade'],
    ['a protocol that only begins like it', ['Upgrade: websocket2', 'Connection: Upgrade', ACCEPT], 'MissingUpgrade'],
    ['no Connection', ['Upgrade: websocket', ACCEPT], 'MissingConnection'],
    ['Connection with it as a mere substring', ['Upgrade: websocket', 'Connection: not-upgrade', ACCEPT], 'MissingConnection'],
    ['no Accept', ['Upgrade: websocket', 'Connection: Upgrade'], 'InvalidAcceptKey'],
    ['a wrong Accept', [...GOOD_RESPONSE.slice(0, 2), `${ACCEPT.slice(0, -2)}1=`], 'InvalidAcceptKey'],
    ['an Accept in another case', [...GOOD_RESPONSE.slice(0, 2), `Sec-WebSocket-Accept: ${sampleAccept.toLowerCase()}`], 'InvalidAcceptKey'],
    ['an Accept with more behind it', [...GOOD_RESPONSE.slice(0, 2), `${ACCEPT}x`], 'InvalidAcceptKey'],
    ['two Accepts', [...GOOD_RESPONSE, ACCEPT], 'InvalidAcceptKey'],
    ['an empty list of extensions', [...GOOD_RESPONSE, 'Sec-WebSocket-Extensions:', 'Sec-WebSocket-Extensions: ,'], null],
    ['an extension that was not offered', [...GOOD_RESPONSE, 'Sec-WebSocket-Extensions: permessage-deflate'], 'UnexpectedExtension'],
  ])('%s', (_, lines, outcome) => expect(checkResponse(lines)).toBe(outcome))
})

const VERSION = 'Sec-WebSocket-Version: 13'
const KEY_LINE = `Sec-WebSocket-Key: ${sampleKey}`
const GOOD_REQUEST = ['Host: a', 'Upgrade: websocket', 'Connection: Upgrade', KEY_LINE, VERSION]
const without = (name: string): string[] => GOOD_REQUEST.filter((line) => !line.startsWith(name))

describe('the server’s checks', () => {
  test.each<[string, string[], string | null]>([
    ['the RFC’s request', GOOD_REQUEST, null],
    ['any case', GOOD_REQUEST.map((line) => (line === KEY_LINE ? line : line.toUpperCase())), null],
    ['as a browser asks', [...GOOD_REQUEST, 'Origin: https://a', 'Connection: keep-alive', 'Sec-WebSocket-Extensions: permessage-deflate'], null],
    ['no Host', without('Host'), 'MissingHost'],
    ['two Hosts', [...GOOD_REQUEST, 'Host: b'], 'MissingHost'],
    ['no Upgrade', without('Upgrade'), 'MissingUpgrade'],
    ['no Connection', without('Connection'), 'MissingConnection'],
    ['no version', without('Sec-WebSocket-Version'), 'UnsupportedVersion'],
    ['version 8', [...without('Sec-WebSocket-Version'), 'Sec-WebSocket-Version: 8'], 'UnsupportedVersion'],
    ['version 130', [...without('Sec-WebSocket-Version'), 'Sec-WebSocket-Version: 130'], 'UnsupportedVersion'],
    ['no key', without('Sec-WebSocket-Key'), 'MissingKey'],
    ['an empty key', [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key:'], 'MissingKey'],
    ['two keys', [...GOOD_REQUEST, KEY_LINE], 'MissingKey'],
    ['a key of 15 bytes', [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA'], 'MissingKey'],
    ['a key of 17 bytes', [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA='], 'MissingKey'],
    ['a key with a character that is not base64', [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: AAAAAAAAAA-AAAAAAAAAAA=='], 'MissingKey'],
    [
      'the example key of section 4.1, whose unused bits are set',
      [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC=='],
      null,
    ],
    ['a body of no bytes', [...GOOD_REQUEST, 'Content-Length: 0'], null],
    ['a body of a length', [...GOOD_REQUEST, 'Content-Length: 5'], 'UnexpectedBody'],
    ['a body in chunks', [...GOOD_REQUEST, 'Transfer-Encoding: chunked'], 'UnexpectedBody'],
    ['two lengths', [...GOOD_REQUEST, 'Content-Length: 0', 'content-length: 00'], 'UnexpectedBody'],
  ])('%s', (_, lines, outcome) => expect(checkRequest(lines)).toBe(outcome))
  test.each(['POST', 'HEAD', 'get', 'GETS', 'GE'])('method %s is not GET', (method) => {
    expect(checkRequest(GOOD_REQUEST, method)).toBe('MethodNotGet')
  })
  test('HTTP/1.0 cannot be upgraded', () => expect(checkRequest(GOOD_REQUEST, 'GET', '1.0')).toBe('MalformedHttp'))
  test('every key that a client makes is taken', () => {
    for (let i = 0; i < 500; i++) {
      const key = Buffer.from(random.bytes(16)).toString('base64')
      expect(checkRequest([...without('Sec-WebSocket-Key'), `Sec-WebSocket-Key: ${key}`])).toBe(null)
    }
  })
  test('every character outside base64 spoils a key', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    for (let code = 0x21; code < 0x100; code++) {
      if (code === 0x7f) continue
      const c = String.fromCharCode(code)
      const outcome = checkRequest([...without('Sec-WebSocket-Key'), `Sec-WebSocket-Key: AAAAA${c}AAAAAAAAAAAAAAAA==`])
      expect(outcome, c).toBe(alphabet.includes(c) ? null : 'MissingKey')
    }
  })
})
