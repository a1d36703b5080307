import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import * as abi from '../../../../assembly/abi.ts'
import { FREE, linear } from '../../../reference/linear.ts'
import { Random } from '../../../reference/random.ts'

const memory = linear()
const { codec, put, text, u8 } = memory
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

// A head, its record and field table, a key, an output and scratch memory, far apart.
const HEAD = FREE
const RECORD = 60_000
const FIELDS = 61_024
const KEY = 70_016
const OUT = 80_000
const SCRATCH = 90_048

const random = new Random(4)
const sampleKey = 'dGhlIHNhbXBsZSBub25jZQ=='
const sampleAccept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

function keyOf(nonce: ArrayLike<number>): string {
  put(KEY, nonce)
  return text(OUT, codec.handshakeKey(OUT, KEY))
}

function acceptOf(key: string): string {
  const length = put(KEY, key)
  return text(OUT, codec.handshakeAccept(OUT, KEY, length, SCRATCH))
}

describe('handshakeKey', () => {
  test('is the base64 of the nonce, 24 characters', () => {
    for (let i = 0; i < 2_000; i++) {
      const nonce = random.bytes(16)
      expect(keyOf(nonce)).toBe(Buffer.from(nonce).toString('base64'))
    }
  })
  test('of every byte value, at every position in a group of three', () => {
    for (let value = 0; value < 256; value++) {
      for (let at = 0; at < 16; at++) {
        const nonce = new Uint8Array(16)
        nonce[at] = value
        if (keyOf(nonce) !== Buffer.from(nonce).toString('base64')) expect.fail(`${value} at ${at}`)
      }
    }
  })
  test('of 16 zero bytes', () => expect(keyOf(new Uint8Array(16))).toBe('AAAAAAAAAAAAAAAAAAAAAA=='))
  test('of the RFC’s nonce', () => expect(keyOf(Buffer.from('the sample nonce'))).toBe(sampleKey))
})

describe('handshakeAccept', () => {
  test('of the RFC’s key', () => expect(acceptOf(sampleKey)).toBe(sampleAccept))
  test('equals SHA-1 and base64 of node:crypto for 2,000 keys', () => {
    for (let i = 0; i < 2_000; i++) {
      const key = Buffer.from(random.bytes(16)).toString('base64')
      expect(acceptOf(key)).toBe(
        createHash('sha1')
          .update(key + GUID)
          .digest('base64'),
      )
    }
  })
  test('stays inside its scratch memory', () => {
    u8.fill(0x5a, SCRATCH - 64, SCRATCH + abi.SHA1_SCRATCH_BYTES + 64)
    acceptOf(sampleKey)
    expect(u8.subarray(SCRATCH - 64, SCRATCH).every((b) => b === 0x5a)).toBe(true)
    expect(u8.subarray(SCRATCH + abi.SHA1_SCRATCH_BYTES, SCRATCH + abi.SHA1_SCRATCH_BYTES + 64).every((b) => b === 0x5a)).toBe(true)
  })
})

describe('what is sent', () => {
  test('the request’s fields, in the order of the RFC', () => {
    put(KEY, sampleKey)
    const end = codec.putUpgradeRequestFields(OUT, OUT + 512, KEY)
    expect(text(OUT, end - OUT)).toBe(`Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${sampleKey}\r\nSec-WebSocket-Version: 13\r\n`)
  })
  test('the response up to its own fields', () => {
    put(KEY, sampleKey)
    const end = codec.putUpgradeResponse(OUT, OUT + 512, KEY, SCRATCH)
    expect(text(OUT, end - OUT)).toBe(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${sampleAccept}\r\n`,
    )
  })
})

function prepare(head: string): number {
  memory.view.setUint32(RECORD + abi.HEAD_FIELDS, FIELDS, true)
  memory.view.setUint32(RECORD + abi.HEAD_FIELD_CAPACITY, 64, true)
  return put(HEAD, head)
}

function checkResponse(lines: string[], status = 'HTTP/1.1 101 Switching Protocols'): number {
  const length = prepare([status, ...lines, '', ''].join('\r\n'))
  expect(codec.parseResponseHead(RECORD, HEAD, length)).toBe(lines.length)
  put(KEY, sampleKey)
  return codec.checkUpgradeResponse(RECORD, KEY, SCRATCH)
}

function checkRequest(lines: string[], line = 'GET /chat HTTP/1.1'): number {
  const length = prepare([line, ...lines, '', ''].join('\r\n'))
  expect(codec.parseRequestHead(RECORD, HEAD, length)).toBe(lines.length)
  return codec.checkUpgradeRequest(RECORD)
}

const ACCEPT = `Sec-WebSocket-Accept: ${sampleAccept}`
const GOOD_RESPONSE = ['Upgrade: websocket', 'Connection: Upgrade', ACCEPT]

describe('the client’s checks', () => {
  test.each<[string, string[], number]>([
    ['the RFC’s response', GOOD_RESPONSE, abi.HANDSHAKE_OK],
    ['names and tokens in any case', ['UPGRADE: WebSocket', 'cONNECTION: uPGRADE', `sec-websocket-accept: ${sampleAccept}`], abi.HANDSHAKE_OK],
    ['Connection as a list', ['Upgrade: websocket', 'Connection: keep-alive, Upgrade', ACCEPT], abi.HANDSHAKE_OK],
    ['Connection as a list with empty members', ['Upgrade: websocket', 'Connection: , ,Upgrade ,', ACCEPT], abi.HANDSHAKE_OK],
    ['Connection in two lines', ['Upgrade: websocket', 'Connection: keep-alive', 'Connection: Upgrade', ACCEPT], abi.HANDSHAKE_OK],
    ['other fields between', ['Date: x', ...GOOD_RESPONSE, 'X-A: b'], abi.HANDSHAKE_OK],
    ['no Upgrade', ['Connection: Upgrade', ACCEPT], abi.HANDSHAKE_MISSING_UPGRADE],
    ['another protocol', ['Upgrade: h2c', 'Connection: Upgrade', ACCEPT], abi.HANDSHAKE_MISSING_UPGRADE],
    ['a protocol that only begins like it', ['Upgrade: websocket2', 'Connection: Upgrade', ACCEPT], abi.HANDSHAKE_MISSING_UPGRADE],
    ['no Connection', ['Upgrade: websocket', ACCEPT], abi.HANDSHAKE_MISSING_CONNECTION],
    ['Connection with it as a mere substring', ['Upgrade: websocket', 'Connection: not-upgrade', ACCEPT], abi.HANDSHAKE_MISSING_CONNECTION],
    ['no Accept', ['Upgrade: websocket', 'Connection: Upgrade'], abi.HANDSHAKE_INVALID_ACCEPT_KEY],
    ['a wrong Accept', [...GOOD_RESPONSE.slice(0, 2), `${ACCEPT.slice(0, -2)}1=`], abi.HANDSHAKE_INVALID_ACCEPT_KEY],
    [
      'an Accept in another case',
      [...GOOD_RESPONSE.slice(0, 2), `Sec-WebSocket-Accept: ${sampleAccept.toLowerCase()}`],
      abi.HANDSHAKE_INVALID_ACCEPT_KEY,
    ],
    ['an Accept with more behind it', [...GOOD_RESPONSE.slice(0, 2), `${ACCEPT}x`], abi.HANDSHAKE_INVALID_ACCEPT_KEY],
    ['two Accepts', [...GOOD_RESPONSE, ACCEPT], abi.HANDSHAKE_INVALID_ACCEPT_KEY],
    ['an extension that was not offered', [...GOOD_RESPONSE, 'Sec-WebSocket-Extensions: permessage-deflate'], abi.HANDSHAKE_UNEXPECTED_EXTENSION],
  ])('%s', (_, lines, outcome) => expect(checkResponse(lines)).toBe(outcome))
  test.each([100, 200, 301, 400, 401, 426, 503])('status %i is not an upgrade, whatever else it says', (status) => {
    expect(checkResponse(GOOD_RESPONSE, `HTTP/1.1 ${status} X`)).toBe(abi.HANDSHAKE_UNEXPECTED_STATUS)
  })
})

const VERSION = 'Sec-WebSocket-Version: 13'
const KEY_LINE = `Sec-WebSocket-Key: ${sampleKey}`
const GOOD_REQUEST = ['Host: a', 'Upgrade: websocket', 'Connection: Upgrade', KEY_LINE, VERSION]
const without = (name: string): string[] => GOOD_REQUEST.filter((line) => !line.startsWith(name))

describe('the server’s checks', () => {
  test.each<[string, string[], number]>([
    ['the RFC’s request', GOOD_REQUEST, abi.HANDSHAKE_OK],
    ['any case', GOOD_REQUEST.map((line) => (line === KEY_LINE ? line : line.toUpperCase())), abi.HANDSHAKE_OK],
    [
      'as a browser asks',
      [...GOOD_REQUEST, 'Origin: https://a', 'Connection: keep-alive', 'Sec-WebSocket-Extensions: permessage-deflate'],
      abi.HANDSHAKE_OK,
    ],
    ['no Host', without('Host'), abi.HANDSHAKE_MISSING_HOST],
    ['two Hosts', [...GOOD_REQUEST, 'Host: b'], abi.HANDSHAKE_MISSING_HOST],
    ['no Upgrade', without('Upgrade'), abi.HANDSHAKE_MISSING_UPGRADE],
    ['no Connection', without('Connection'), abi.HANDSHAKE_MISSING_CONNECTION],
    ['no version', without('Sec-WebSocket-Version'), abi.HANDSHAKE_UNSUPPORTED_VERSION],
    ['version 8', [...without('Sec-WebSocket-Version'), 'Sec-WebSocket-Version: 8'], abi.HANDSHAKE_UNSUPPORTED_VERSION],
    ['version 130', [...without('Sec-WebSocket-Version'), 'Sec-WebSocket-Version: 130'], abi.HANDSHAKE_UNSUPPORTED_VERSION],
    ['no key', without('Sec-WebSocket-Key'), abi.HANDSHAKE_MISSING_KEY],
    ['an empty key', [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key:'], abi.HANDSHAKE_MISSING_KEY],
    ['two keys', [...GOOD_REQUEST, KEY_LINE], abi.HANDSHAKE_MISSING_KEY],
    ['a key of 15 bytes', [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA'], abi.HANDSHAKE_MISSING_KEY],
    ['a key of 17 bytes', [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA='], abi.HANDSHAKE_MISSING_KEY],
    [
      'a key with a character that is not base64',
      [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: AAAAAAAAAA-AAAAAAAAAAA=='],
      abi.HANDSHAKE_MISSING_KEY,
    ],
    ['a key with stray bits', [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAB=='], abi.HANDSHAKE_MISSING_KEY],
  ])('%s', (_, lines, outcome) => expect(checkRequest(lines)).toBe(outcome))
  test.each(['POST', 'HEAD', 'get', 'GETS', 'GE'])('method %s is not GET', (method) => {
    expect(checkRequest(GOOD_REQUEST, `${method} / HTTP/1.1`)).toBe(abi.HANDSHAKE_METHOD_NOT_GET)
  })
  test('HTTP/1.0 cannot be upgraded', () => expect(checkRequest(GOOD_REQUEST, 'GET / HTTP/1.0')).toBe(abi.HANDSHAKE_MALFORMED_HTTP))
  test('every key that a client makes is taken, and found', () => {
    for (let i = 0; i < 500; i++) {
      const key = keyOf(random.bytes(16))
      expect(checkRequest([...without('Sec-WebSocket-Key'), `Sec-WebSocket-Key: ${key}`])).toBe(abi.HANDSHAKE_OK)
      expect(text(codec.requestKeyAddress(RECORD), 24)).toBe(key)
    }
  })
  test('every character outside base64 spoils a key', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    for (let code = 0x21; code < 0x100; code++) {
      if (code === 0x7f) continue
      const c = String.fromCharCode(code)
      const outcome = checkRequest([...without('Sec-WebSocket-Key'), `Sec-WebSocket-Key: AAAAA${c}AAAAAAAAAAAAAAAA==`])
      expect(outcome, c).toBe(alphabet.includes(c) ? abi.HANDSHAKE_OK : abi.HANDSHAKE_MISSING_KEY)
    }
  })
})
