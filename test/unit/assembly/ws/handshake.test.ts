import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import * as abi from '../../../../assembly/abi.ts'
import { linear } from '../../../reference/linear.ts'
import { Random } from '../../../reference/random.ts'

const { codec, put, text, u8 } = linear()
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

// A key, an output and scratch memory, far apart.
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
