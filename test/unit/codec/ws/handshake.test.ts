import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { CODEC_TEXT } from '../../../../src/codec/binary.ts'
import { Codec } from '../../../../src/codec/memory.ts'
import { webTextDecoding } from '../../../../src/codec/text.ts'
import { FrameReader } from '../../../../src/codec/ws/frame-reader.ts'
import { FrameWriter } from '../../../../src/codec/ws/frame-writer.ts'
import {
  ClientHandshake,
  type ClientHello,
  findField,
  listFields,
  listProtocols,
  ServerHandshake,
  type ServerHello,
} from '../../../../src/codec/ws/handshake.ts'
import { HandshakeError, type NexusError } from '../../../../src/errors.ts'
import { latin1Bytes, latin1Text } from '../../../reference/linear.ts'

const codec = new Codec(() => CODEC_TEXT, webTextDecoding())
const NONCE = new TextEncoder().encode('the sample nonce')
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

function caught(action: () => unknown): NexusError {
  try {
    action()
  } catch (error) {
    return error as NexusError
  }
  throw new Error('nothing was thrown')
}

interface Client {
  handshake: ClientHandshake
  reader: FrameReader
  request: string
}

function client(hello: Partial<ClientHello> = {}, maxHead = 2_048): Client {
  const reader = new FrameReader(codec, { bufferCapacity: 16 * 1024 })
  const writer = new FrameWriter(codec)
  const handshake = new ClientHandshake(
    reader,
    writer,
    { target: '/chat', host: 'a.example', headers: [], protocols: [], nonce: NONCE, ...hello },
    maxHead,
  )
  return { handshake, reader, request: latin1Text(writer.data()) }
}

function limited(maxHeaders: number): Pick<Client, 'handshake' | 'reader'> {
  const reader = new FrameReader(codec, { bufferCapacity: 64 * 1024 })
  const hello = { target: '/', host: 'a', headers: [], protocols: [], nonce: NONCE }
  return { reader, handshake: new ClientHandshake(reader, new FrameWriter(codec), hello, 64 * 1024, maxHeaders) }
}

interface Server {
  handshake: ServerHandshake
  reader: FrameReader
  response: () => string
}

function server(maxHead = 2_048): Server {
  const reader = new FrameReader(codec, { role: 'server', bufferCapacity: 16 * 1024 })
  const writer = new FrameWriter(codec, { role: 'server' })
  return { handshake: new ServerHandshake(reader, writer, maxHead), reader, response: () => latin1Text(writer.data()) }
}

const lines = (...all: string[]): string => `${all.join('\r\n')}\r\n\r\n`
const RESPONSE = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${ACCEPT}`]
const REQUEST = [
  'GET /chat?x=1 HTTP/1.1',
  'Host: a.example:81',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Version: 13',
]

function answer(text: string, hello?: Partial<ClientHello>, maxHead?: number): { outcome: () => string } & Client {
  const it = client(hello, maxHead)
  it.reader.read(latin1Bytes(text))
  return { ...it, outcome: () => it.handshake.receive() }
}

describe('a client', () => {
  test.each([0, 1, 15, 17])('takes no nonce of %i bytes: what is missing would be what lay there before', (length) => {
    expect(caught(() => client({ nonce: new Uint8Array(length) })).code).toBe('InvalidOption')
  })

  test('writes the request of RFC 6455 section 4.1', () => {
    expect(client().request).toBe(
      lines(
        'GET /chat HTTP/1.1',
        'Host: a.example',
        'Upgrade: websocket',
        'Connection: Upgrade',
        `Sec-WebSocket-Key: ${KEY}`,
        'Sec-WebSocket-Version: 13',
      ),
    )
  })
  test('adds protocols and headers in their order; a Host of the caller’s replaces the default', () => {
    const { request } = client({
      protocols: ['a', 'b'],
      headers: [
        ['X-Key', '1'],
        ['HOST', 'other'],
        ['x-key', 'é'],
      ],
    })
    expect(request.split('\r\n').slice(1)).toEqual([
      'Host: other',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${KEY}`,
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Protocol: a, b',
      'X-Key: 1',
      'x-key: \xc3\xa9',
      '',
      '',
    ])
  })
  test.each<[string, Partial<ClientHello>]>([
    ['a line break in a value', { headers: [['X', 'a\r\nY: b']] }],
    ['a line break in a name', { headers: [['X\r\nY', 'b']] }],
    ['a space in a name', { headers: [['X Y', 'b']] }],
    ['a NUL in a value', { headers: [['X', '\0']] }],
    ['a space in the target', { target: '/a b' }],
    ['a line break in the target', { target: '/a\r\nX:' }],
    ['a line break in the host', { host: 'a\r\nX: y' }],
    ['an empty target', { target: '' }],
  ])('refuses %s', (_, hello) => {
    expect(caught(() => client(hello)).code).toBe('HeaderInjection')
  })
  test('refuses a header that does not fit, having written nothing', () => {
    expect(caught(() => client({ headers: [['X', 'a'.repeat(20_000)]] })).code).toBe('OutgoingHeadTooLarge')
  })

  test('opens on the response of the RFC, cut anywhere, and leaves the bytes behind it alone', () => {
    const bytes = latin1Bytes(`${lines(...RESPONSE)}\x81\x02hi`)
    for (let at = 0; at < bytes.length; at++) {
      const { handshake, reader } = client()
      reader.read(bytes.subarray(0, at))
      const first = handshake.receive()
      reader.read(bytes.subarray(at))
      if (first === 'more') expect(handshake.receive(), `cut at ${at}`).toBe('open')
      else expect(at).toBeGreaterThanOrEqual(bytes.length - 4)
      expect(reader.next()?.text).toBe('hi')
    }
  })
  test('reads its answer byte by byte', () => {
    const { handshake, reader } = client()
    const bytes = latin1Bytes(lines(...RESPONSE))
    const outcomes = Array.from(bytes, (byte) => {
      reader.read(Uint8Array.of(byte))
      return handshake.receive()
    })
    expect(new Set(outcomes.slice(0, -1))).toEqual(new Set(['more']))
    expect(outcomes.at(-1)).toBe('open')
    expect(reader.isMidMessage).toBe(false)
    expect(handshake.headers).toEqual([
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Sec-WebSocket-Accept', ACCEPT],
    ])
  })
  test('skips interim responses', () => {
    const { outcome, handshake } = answer(lines('HTTP/1.1 100 Continue') + lines('HTTP/1.1 103 Early Hints', 'Link: x') + lines(...RESPONSE))
    expect(outcome()).toBe('open')
    expect(findField(handshake.headers, 'link')).toBeNull()
  })
  test('does not skip interim responses for ever', () => {
    const error = caught(() => answer(lines('HTTP/1.1 103 Early Hints').repeat(500)).outcome())
    expect(error).toMatchObject({ code: 'UnexpectedStatus', status: 103 })
  })
  test.each<[string, string[], string]>([
    ['no Upgrade', [RESPONSE[0] as string, ...RESPONSE.slice(2)], 'MissingUpgrade'],
    ['no Connection', [...RESPONSE.slice(0, 2), RESPONSE[3] as string], 'MissingConnection'],
    ['another key’s Accept', [...RESPONSE.slice(0, 3), 'Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA='], 'InvalidAcceptKey'],
    ['an extension', [...RESPONSE, 'Sec-WebSocket-Extensions: permessage-deflate'], 'UnexpectedExtension'],
    ['a protocol that was not offered', [...RESPONSE, 'Sec-WebSocket-Protocol: c'], 'UnexpectedProtocol'],
    ['two protocols', [...RESPONSE, 'Sec-WebSocket-Protocol: a, b'], 'UnexpectedProtocol'],
  ])('fails on %s, with the response', (_, response, code) => {
    const error = caught(() => answer(lines(...response), { protocols: ['a', 'b'] }).outcome())
    expect(error).toBeInstanceOf(HandshakeError)
    expect(error).toMatchObject({ code, fault: 'remote', status: 101 })
  })
  test.each([
    ['a bare LF', 'HTTP/1.1 101 X\nUpgrade: websocket\r\n\r\n'],
    ['another protocol', 'SSH-2.0-OpenSSH'],
    ['HTTP/2', '\0\0\x12\x04'],
    ['a TLS alert', '\x15\x03\x01\0\x02'],
    ['a bad field', lines('HTTP/1.1 101 X', 'a b: c')],
  ])('fails on %s with MalformedHttp', (_, text) => expect(caught(() => answer(text).outcome()).code).toBe('MalformedHttp'))
  test('takes the subprotocol that the server chose', () => {
    const { outcome, handshake } = answer(lines(...RESPONSE, 'Sec-WebSocket-Protocol: b'), { protocols: ['a', 'b'] })
    expect(outcome()).toBe('open')
    expect(handshake.protocol).toBe('b')
  })
  test('takes a head of exactly the limit, and not one byte more', () => {
    const size = lines(...RESPONSE).length
    expect(answer(lines(...RESPONSE), {}, size).outcome()).toBe('open')
    expect(caught(() => answer(lines(...RESPONSE), {}, size - 1).outcome()).code).toBe('HeadTooLarge')
    expect(caught(() => answer(`HTTP/1.1 101 ${'x'.repeat(100)}`, {}, 100).outcome()).code).toBe('HeadTooLarge')
  })
  test('refuses a head of too many fields', () => {
    expect(caught(() => answer(lines('HTTP/1.1 101 X', ...Array.from({ length: 200 }, () => 'A: b')), {}, 8_192).outcome()).code).toBe(
      'TooManyHeaders',
    )
  })
  test('hands out a refusal with status, fields and body', () => {
    const { outcome, handshake } = answer(`${lines('HTTP/1.1 401 Unauthorized', 'WWW-Authenticate: Basic', 'Content-Length: 4')}nope`)
    expect(outcome()).toBe('refused')
    const { error, complete } = handshake.refused
    expect(complete).toBe(true)
    expect(error).toMatchObject({
      code: 'UnexpectedStatus',
      status: 401,
      body: 'nope',
      headers: [
        ['WWW-Authenticate', 'Basic'],
        ['Content-Length', '4'],
      ],
    })
    expect(error.response?.reason).toBe('Unauthorized')
  })
  test('reads the body of a refusal as it is framed, in chunks too, and is done when that is', () => {
    const text = `${lines('HTTP/1.1 403 Forbidden', 'Transfer-Encoding: chunked')}4\r\nno k\r\n2\r\ney\r\n0\r\n\r\n`
    for (let cut = 1; cut <= text.length; cut++) {
      const { handshake, reader } = client()
      reader.read(latin1Bytes(text.slice(0, cut)))
      handshake.receive()
      reader.read(latin1Bytes(text.slice(cut)))
      expect(handshake.receive(), `cut at ${cut}`).toBe('refused')
      expect(handshake.refused, `cut at ${cut}`).toMatchObject({ complete: true, error: { status: 403, body: 'no key' } })
    }
  })
  test('keeps the first 4,096 bytes of a refusal’s body, and waits for no more', () => {
    for (const framing of ['Content-Length: 9000', 'Transfer-Encoding: chunked', 'Connection: close']) {
      const body = framing.startsWith('T') ? `2328\r\n${'x'.repeat(9_000)}\r\n0\r\n\r\n` : 'x'.repeat(9_000)
      const { outcome, handshake } = answer(lines('HTTP/1.1 500 No', framing) + body)
      expect(outcome()).toBe('refused')
      expect(handshake.refused, framing).toMatchObject({ complete: true, error: { body: 'x'.repeat(4_096) } })
    }
  })
  test('a refusal whose body is broken is still the refusal', () => {
    const { outcome, handshake } = answer(`${lines('HTTP/1.1 403 Forbidden', 'Transfer-Encoding: chunked')}2\r\nno\r\nzz`)
    expect(outcome()).toBe('refused')
    expect(handshake.refused).toMatchObject({ complete: true, error: { code: 'UnexpectedStatus', status: 403, body: 'no' } })
  })
  test.each([
    ['two lengths', ['Content-Length: 1', 'Content-Length: 2']],
    ['a length and chunks', ['Content-Length: 1', 'Transfer-Encoding: chunked']],
  ])('a refusal that could be read in two ways is none: %s', (_, fields) => {
    expect(caught(() => answer(lines('HTTP/1.1 403 Forbidden', ...fields)).outcome()).code).toBe('MalformedHttp')
  })
  test.each([1, 99, 100, 101, 1_000])('takes %i fields when that is the limit, and not one more', (most) => {
    const filler = (count: number): string => lines('HTTP/1.1 404 No', ...Array.from({ length: count }, (_, i) => `F-${i}: v`))
    const receive = (count: number): string => {
      const { reader, handshake } = limited(most)
      reader.read(latin1Bytes(filler(count)))
      return handshake.receive()
    }
    expect(receive(most - 1)).toBe('refused')
    expect(receive(most)).toBe('refused')
    expect(caught(() => receive(most + 1)).code).toBe('TooManyHeaders')
  })
  test('waits for the rest of a refusal’s body', () => {
    const { outcome, handshake, reader } = answer(`${lines('HTTP/1.1 503 Busy', 'Content-Length: 4')}no`)
    expect(outcome()).toBe('refused')
    expect(handshake.refused.complete).toBe(false)
    reader.read(latin1Bytes('pe'))
    expect(handshake.refused).toMatchObject({ complete: true, error: { body: 'nope' } })
  })
})

describe('a server', () => {
  test('accepts nothing before a valid request is there: its answer would be made from what lay there before', () => {
    const { handshake, reader } = server()
    expect(caught(() => handshake.accept('', [])).code).toBe('NotOpen')
    reader.read(latin1Bytes('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
    expect(handshake.receive()?.fault).not.toBeNull()
    expect(caught(() => handshake.accept('', [])).code).toBe('NotOpen')
  })

  const ask = (...request: string[]): ServerHello => {
    const { handshake, reader } = server()
    reader.read(latin1Bytes(lines(...request)))
    return handshake.receive() as ServerHello
  }

  test('reads a request byte by byte, and leaves the frames behind it alone', () => {
    const { handshake, reader } = server()
    const bytes = latin1Bytes(lines(...REQUEST, 'Sec-WebSocket-Protocol: a, b', 'Sec-WebSocket-Protocol: c'))
    let hello: ServerHello | null = null
    bytes.forEach((byte, i) => {
      expect(hello, `before byte ${i}`).toBeNull()
      reader.read(Uint8Array.of(byte))
      hello = handshake.receive()
    })
    expect(hello).toMatchObject({ path: '/chat?x=1', host: 'a.example:81', protocols: ['a', 'b', 'c'], fault: null })
    reader.read(Uint8Array.of(0x81, 0x81, 0, 0, 0, 0, 0x61))
    expect(reader.next()?.text).toBe('a')
  })
  test('accepts with the key’s answer, the protocol and the fields', () => {
    const { handshake, reader, response } = server()
    reader.read(latin1Bytes(lines(...REQUEST)))
    expect(handshake.receive()?.fault).toBeNull()
    handshake.accept('chat', [['X', 'y']])
    expect(response()).toBe(lines(...RESPONSE, 'Sec-WebSocket-Protocol: chat', 'X: y'))
  })
  test('answers each key with its own hash', () => {
    for (let i = 0; i < 50; i++) {
      const key = Buffer.from(createHash('sha256').update(`${i}`).digest().subarray(0, 16)).toString('base64')
      const { handshake, reader, response } = server()
      reader.read(latin1Bytes(lines(...REQUEST.map((line) => line.replace(KEY, key)))))
      handshake.receive()
      handshake.accept('', [])
      expect(response()).toContain(
        `Sec-WebSocket-Accept: ${createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')}\r\n`,
      )
    }
  })
  test.each<[string, string[], string, number]>([
    ['POST', REQUEST.map((line) => line.replace('GET', 'POST')), 'MethodNotGet', 405],
    ['HTTP/1.0', REQUEST.map((line) => line.replace('HTTP/1.1', 'HTTP/1.0')), 'MalformedHttp', 400],
    ['no Host', REQUEST.filter((line) => !line.startsWith('Host')), 'MissingHost', 400],
    ['no Upgrade', REQUEST.filter((line) => !line.startsWith('Upgrade')), 'MissingUpgrade', 426],
    ['no Connection', REQUEST.filter((line) => !line.startsWith('Connection')), 'MissingConnection', 400],
    ['version 8', REQUEST.map((line) => line.replace('13', '8')), 'UnsupportedVersion', 426],
    ['no key', REQUEST.filter((line) => !line.includes('Key')), 'MissingKey', 400],
  ])('finds the fault of %s, and the status that says so', (_, request, code, status) => {
    expect(ask(...request).fault).toMatchObject({ status, error: { code } })
  })
  test('takes a head of exactly the limit, and not one byte more', () => {
    const text = lines(...REQUEST)
    for (const [most, taken] of [
      [text.length - 1, false],
      [text.length, true],
      [text.length + 1, true],
    ] as const) {
      const { handshake, reader } = server(most)
      reader.read(latin1Bytes(text))
      if (taken) expect(handshake.receive()?.fault).toBeNull()
      else expect(caught(() => handshake.receive()).code).toBe('HeadTooLarge')
    }
  })
  test.each([
    ['Content-Length: 5', 'UnexpectedBody'],
    ['Transfer-Encoding: chunked', 'UnexpectedBody'],
  ])('refuses an upgrade with a body: %s', (field, code) => {
    expect(ask(...REQUEST, field).fault).toMatchObject({ status: 400, error: { code } })
  })
  test('judges a head that somebody else has read in the same way', () => {
    const headers = REQUEST.slice(1).map((line) => line.split(': ') as [string, string])
    const head = { method: 'GET', target: '/chat?x=1', version: '1.1', headers } as const
    const { handshake, response } = server()
    expect(handshake.take(head)).toEqual(ask(...REQUEST))
    handshake.accept('', [])
    expect(response()).toBe(lines(...RESPONSE))
    expect(handshake.take({ ...head, headers: [...headers, ['Content-Length', '1']] }).fault).toMatchObject({ error: { code: 'UnexpectedBody' } })
  })
  test('refuses with a body of any length: what the write buffer has no room for is given back', () => {
    const { handshake, response } = server()
    const rest = handshake.refuse(403, 'No', [], 'x'.repeat(100_000))
    expect(response()).toMatch(/^HTTP\/1\.1 403 No\r\nConnection: close\r\nContent-Length: 100000\r\n\r\nx+$/)
    expect(response().length + rest.length).toBe(response().indexOf('x') + 100_000)
    expect(new TextDecoder().decode(rest)).toBe('x'.repeat(rest.length))
  })
  test.each([
    [400, ['Connection: close']],
    [405, ['Allow: GET', 'Connection: close']],
    [426, ['Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Connection: close, Upgrade']],
  ])('refuses with a complete %i', (status, expected) => {
    const { handshake, response } = server()
    handshake.refuse(status, 'No', [['X', 'y']], 'né')
    expect(response()).toBe(`${lines(`HTTP/1.1 ${status} No`, 'X: y', ...expected, 'Content-Length: 3')}n\xc3\xa9`)
  })
  test('never lets a field of the application’s break the response', () => {
    const { handshake, reader, response } = server()
    reader.read(latin1Bytes(lines(...REQUEST)))
    handshake.receive()
    expect(caught(() => handshake.accept('', [['X', 'a\r\n\r\n<script>']])).code).toBe('HeaderInjection')
    expect(response()).toBe('')
    handshake.refuse(500, 'Failed', [], '')
    expect(response()).toMatch(/^HTTP\/1\.1 500 Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n$/)
  })
})

describe('headers and protocols', () => {
  test('may be given as an object, as pairs, as Headers, with several values for a name', () => {
    expect(listFields({ A: '1', B: ['2', '3'] })).toEqual([
      ['A', '1'],
      ['B', '2'],
      ['B', '3'],
    ])
    expect(
      listFields([
        ['A', '1'],
        ['A', '2'],
      ]),
    ).toEqual([
      ['A', '1'],
      ['A', '2'],
    ])
    expect(listFields(new Headers({ A: '1' }))).toEqual([['a', '1']])
    expect(listFields(undefined)).toEqual([])
  })
  test.each(['Upgrade', 'CONNECTION', 'Sec-WebSocket-Key', 'sec-websocket-version', 'Sec-WebSocket-Protocol', 'Content-Length', 'Transfer-Encoding'])(
    '%s is refused: the handshake sets it',
    (name) => {
      const error = caught(() => listFields({ [name]: 'x' }))
      expect(error.code).toBe('InvalidOption')
      expect(error.message).toContain(name)
    },
  )
  test('a protocol is a token, named once', () => {
    expect(listProtocols('a')).toEqual(['a'])
    expect(listProtocols(['a', 'b.c!'])).toEqual(['a', 'b.c!'])
    expect(listProtocols(undefined)).toEqual([])
    for (const wrong of ['', 'a b', 'a,b', 'é', 'a\r\n']) expect(caught(() => listProtocols(wrong)).code).toBe('InvalidOption')
    expect(caught(() => listProtocols(['a', 'a'])).code).toBe('InvalidOption')
  })
  test('fields are found whatever their case', () => {
    expect(
      findField(
        [
          ['Content-Type', 'a'],
          ['content-type', 'b'],
        ],
        'CONTENT-TYPE',
      ),
    ).toBe('a')
    expect(findField([], 'x')).toBeNull()
  })
})
