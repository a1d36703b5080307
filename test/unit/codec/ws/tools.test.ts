import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { applyMask, ClientHandshake, computeAcceptKey, framePair, generateKey, ServerHandshake } from '../../../../src/entry/codec.ts'

const KEY = new Uint8Array([0x37, 0xfa, 0x21, 0x3d])

describe('applyMask', () => {
  test('gives the masked Hello of RFC 6455 section 5.7', () => {
    const bytes = new TextEncoder().encode('Hello')
    applyMask(bytes, KEY)
    expect([...bytes]).toEqual([0x7f, 0x9f, 0x4d, 0x51, 0x58])
  })
  test.each([0, 1, 3, 4, 65_535, 65_536, 65_537, 200_003])('masks %i bytes as the definition says, from any offset', (length) => {
    for (const offset of [0, 1, 2, 3, 4, 7]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 31)
      const expected = bytes.map((byte, i) => byte ^ (KEY[(offset + i) & 3] as number))
      applyMask(bytes, KEY, offset)
      expect(Buffer.compare(bytes, expected)).toBe(0)
    }
  })
  test('a key of another length is refused', () => {
    expect(() => applyMask(new Uint8Array(1), new Uint8Array(5))).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
  })
})

describe('handshake keys', () => {
  test('the accept key is the one of RFC 6455 section 1.3', () => {
    expect(computeAcceptKey('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  })
  test('a generated key is 16 bytes of base64, another each time, and is answered as node:crypto says', () => {
    const keys = new Set(Array.from({ length: 100 }, () => generateKey()))
    expect(keys.size).toBe(100)
    for (const key of keys) {
      expect(Buffer.from(key, 'base64')).toHaveLength(16)
      expect(computeAcceptKey(key)).toBe(createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64'))
    }
  })
  test('a key comes from the source that is given', () => {
    expect(generateKey((bytes) => bytes.fill(0))).toBe('AAAAAAAAAAAAAAAAAAAAAA==')
  })
  test.each(['', 'short', 'dGhlIHNhbXBsZSBub25jZQ=', 'dGhlIHNhbXBsZSBub25jZQ\r\n'])('%j is refused as a key', (key) => {
    expect(() => computeAcceptKey(key)).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
  })
})

test('two pairs shake hands and talk without a socket', () => {
  const client = framePair('client')
  const server = framePair('server')
  const take = (from: typeof client, to: typeof client): void => {
    to.reader.read(from.writer.data())
    from.writer.advance(from.writer.length)
  }
  const hello = { target: '/feed', host: 'exchange.example', headers: [], protocols: ['v2'], nonce: new Uint8Array(16) }
  const asking = new ClientHandshake(client.reader, client.writer, hello, 4_096)
  const answering = new ServerHandshake(server.reader, server.writer, 4_096)
  take(client, server)
  expect(answering.receive()).toMatchObject({ path: '/feed', host: 'exchange.example', protocols: ['v2'], fault: null })
  answering.accept('v2', [])
  server.writer.encodeText('welcome')
  take(server, client)
  expect(asking.receive()).toBe('open')
  expect(asking.protocol).toBe('v2')
  expect(client.reader.next()?.text).toBe('welcome')
  client.release()
  server.release()
})
