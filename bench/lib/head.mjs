// @ts-check
// The opening handshake, as little of it as a peer in a benchmark needs.

import { createHash } from 'node:crypto'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/**
 * The 101 response to a request.
 *
 * @param {string} request
 * @param {string} [fields] more of them, each with its line end
 */
export function accept(request, fields = '') {
  const key = /^sec-websocket-key:[ \t]*(\S+)/im.exec(request)?.[1] ?? ''
  const answer = createHash('sha1')
    .update(key + GUID)
    .digest('base64')
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${answer}\r\n${fields}\r\n`
}

/**
 * A client's request, for those who open a connection by hand.
 *
 * @param {string} path
 */
export function request(path) {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`
}

/**
 * Index of the first byte after the head in `bytes`, or -1.
 *
 * @param {Uint8Array} bytes
 * @param {number} length
 */
export function headEnd(bytes, length) {
  for (let i = 3; i < length; i++) {
    if (bytes[i] === 10 && bytes[i - 1] === 13 && bytes[i - 2] === 10 && bytes[i - 3] === 13) return i + 1
  }
  return -1
}
