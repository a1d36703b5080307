/** A response that goes through shared memory arrives as it was. */

import { expect, test } from 'vitest'
import { RestResponse } from '../../../../src/codec/http/response.ts'
import { ResponseReader } from '../../../../src/codec/http/response-reader.ts'
import { ReceivedResponse, ResponsePoster, responseBytes } from '../../../../src/rest/shared/posted-response.ts'
import { codec } from '../harness.ts'

const LIMITS = { capacity: 1_024, maxHeadSize: 512, maxHeaders: 4, maxBodySize: 512, maxTrailerSize: 64, maxChunkExtension: 64 }
const ADDRESS = 128

const latin1Bytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

/** All that can be asked of a response. */
function contentOf(response: RestResponse<unknown>): object {
  const { status, reason, version, isEndVerified, bodyLength } = response
  const body = [...response.body]
  return {
    status,
    reason,
    version,
    isEndVerified,
    bodyLength,
    body,
    text: response.text(),
    headers: response.headers(),
    trailers: response.trailers(),
  }
}

test.each([
  ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: a\r\n\r\nhello', null],
  [
    'in chunks, with trailers',
    'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-A: one\r\nX-B: \r\n\r\n',
    null,
  ],
  ['without a reason or a body', 'HTTP/1.0 404 \r\nContent-Length: 0\r\n\r\n', null],
  ['as long as can be', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(441)}\r\nContent-Length: 512\r\n\r\n${'z'.repeat(512)}`, null],
  ['with Latin-1 and UTF-8', 'HTTP/1.1 200 caf\xe9\r\nX: \xe9\r\nContent-Length: 5\r\n\r\n\xef\xbb\xbf\xc3\xa9', null],
  ['until a close that TLS confirms', 'HTTP/1.1 200 OK\r\n\r\nhello', 'verified'],
  ['until a close that nobody confirms', 'HTTP/1.1 200 OK\r\n\r\nhello', 'unverified'],
] as const)('%s', (_, text, end) => {
  const reader = new ResponseReader(codec, LIMITS)
  const bytes = latin1Bytes(text)
  // In one piece it lies in a target, in two in the store.
  for (const cut of [bytes.length, 10]) {
    reader.reset()
    reader.begin('GET')
    const [first, second] = reader.targets()
    first.set(bytes.subarray(0, cut))
    reader.commit(0, cut)
    if (cut < bytes.length) {
      second.set(bytes.subarray(cut))
      reader.commit(1, bytes.length - cut)
    }
    if (end !== null) reader.end(end)
    const shared = new SharedArrayBuffer(ADDRESS + responseBytes(LIMITS))
    const words = new Int32Array(shared) as unknown as Int32Array<ArrayBuffer>
    const u8 = new Uint8Array(shared)
    new ResponsePoster(reader, LIMITS).post(words, u8, ADDRESS)
    const received = new ReceivedResponse(codec, LIMITS)
    received.receive(words, u8, ADDRESS)
    const response = new RestResponse(received)
    expect(contentOf(response)).toEqual(contentOf(reader.response))
    // It is this thread's own: what is written over it in shared memory does not show.
    u8.fill(0x2a)
    expect(contentOf(response)).toEqual(contentOf(reader.response))
    received.expire()
    expect(() => response.status).toThrow(expect.objectContaining({ code: 'StaleResponse' }))
  }
})

// Word by word: where it lies from the beginning, and what it may not be. The head has 65 bytes.
test.each([
  ['the status', 0, [99, 1_000, -1]],
  ['the version', 1, [-1, 2]],
  ['the place of the reason', 2, [-1, 67, 2 ** 31 - 1]],
  ['the length of the reason', 3, [-1, 69]],
  ['the length of the head', 4, [-1, 1_025, 2 ** 31 - 1, -(2 ** 31)]],
  ['the length of the body', 5, [-1, 1_024, 2 ** 31 - 1]],
  ['the number of fields', 6, [-1, 5, 65_536]],
  ['the number of trailers', 7, [-1, 5, 65_536]],
  ['the length of the trailers', 8, [-1, 67]],
  ['whether the end is verified', 9, [-1, 2]],
  ['the place of a name', 16, [-1, 68, 65_536, 2 ** 31 - 1, -(2 ** 31)]],
  ['the length of a name', 17, [-1, 69, 2 ** 31 - 1]],
  ['the place of a value', 18, [-1, 68]],
  ['the length of a value', 19, [-1, 69]],
] as const)('%s is checked', (_, word, wrong) => {
  const reader = new ResponseReader(codec, LIMITS)
  reader.begin('GET')
  const bytes = latin1Bytes('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Long-Enough: some-value\r\n\r\nhello')
  reader.targets()[0].set(bytes)
  reader.commit(0, bytes.length)
  const shared = new SharedArrayBuffer(ADDRESS + responseBytes(LIMITS))
  const words = new Int32Array(shared) as unknown as Int32Array<ArrayBuffer>
  const u8 = new Uint8Array(shared)
  new ResponsePoster(reader, LIMITS).post(words, u8, ADDRESS)
  const received = new ReceivedResponse(codec, LIMITS)
  const at = (ADDRESS >> 2) + word
  const right = words[at] as number
  for (const value of wrong) {
    words[at] = value
    expect(() => received.receive(words, u8, ADDRESS), String(value)).toThrow(expect.objectContaining({ code: 'SharedMemoryCorrupt' }))
  }
  words[at] = right
  received.receive(words, u8, ADDRESS)
  expect(new RestResponse(received).text()).toBe('hello')
})
