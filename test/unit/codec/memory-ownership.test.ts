/** Whoever can reach the bytes of a region keeps it: what is held back by collection, object by object. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { CODEC_TEXT } from '../../../src/codec/binary.ts'
import { DEFLATE_TEXT } from '../../../src/codec/deflate/binary.ts'
import { Deflater } from '../../../src/codec/deflate/deflater.ts'
import { Inflater } from '../../../src/codec/deflate/inflater.ts'
import { ChunkedDecoder } from '../../../src/codec/http/chunked-decoder.ts'
import { HttpMessages } from '../../../src/codec/http/messages.ts'
import type { RequestHead } from '../../../src/codec/http/request-reader.ts'
import { RequestReader } from '../../../src/codec/http/request-reader.ts'
import { RequestWriter } from '../../../src/codec/http/request-writer.ts'
import type { RestResponse } from '../../../src/codec/http/response.ts'
import { ResponseReader } from '../../../src/codec/http/response-reader.ts'
import { Codec, type Region } from '../../../src/codec/memory.ts'
import { compileCodec } from '../../../src/codec/module.ts'
import { webTextDecoding } from '../../../src/codec/text.ts'
import { FrameReader } from '../../../src/codec/ws/frame-reader.ts'
import { FrameWriter } from '../../../src/codec/ws/frame-writer.ts'
import { ClientHandshake, ServerHandshake } from '../../../src/codec/ws/handshake.ts'
import type { Message } from '../../../src/codec/ws/message.ts'
import { CodecTools } from '../../../src/codec/ws/tools.ts'
import type { StreamedResponse } from '../../../src/rest/streamed-response.ts'
import { httpClasses } from '../../helpers/http-classes.ts'
import { frame, utf8 } from '../../reference/frames.ts'
import { makeRestWorld, type RestWorld } from '../rest/harness.ts'
import { makeWorld, openPair } from '../ws/harness.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const module = compileCodec(CODEC_TEXT)
const open = (): Codec => new Codec(module, webTextDecoding(), undefined, () => DEFLATE_TEXT)

/** Collects garbage until `isDone`; false when that has not come of it. */
async function collectUntil(isDone: () => boolean): Promise<boolean> {
  for (let i = 0; i < 50 && !isDone(); i++) {
    gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return isDone()
}

/** Bytes that are out of a codec's memories. */
function inUse(codec: Codec): number {
  return (codec as unknown as { memories: { used: number }[] }).memories.reduce((sum, { used }) => sum + used, 0)
}

/** Collects what nobody holds, and lets its finalizers run: until a region that was forgotten before has come back. Returns the bytes that are still out. */
async function collected(codec: Codec): Promise<number> {
  let isBack = false
  const signs = new FinalizationRegistry(() => {
    isBack = true
  })
  signs.register(codec.region(64), 0)
  expect(await collectUntil(() => isBack)).toBe(true)
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
  return inUse(codec)
}

const HEAD = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi'

/** Each makes an object that reaches the bytes of a region, and lets go of everything else. */
const owners: Record<string, (codec: Codec) => object> = {
  'a region': (codec) => codec.region(1_024),
  'a frame reader': (codec) => new FrameReader(codec),
  'a message': (codec) => {
    const reader = new FrameReader(codec)
    reader.read(frame({ opcode: 1, payload: utf8('secret') }))
    return reader.next() as object
  },
  'a frame writer': (codec) => new FrameWriter(codec),
  'a client handshake': (codec) => {
    const region = codec.region(FrameReader.regionBytes(65_536) + FrameWriter.regionBytes(65_536))
    const hello = { target: '/', host: 'a', headers: [], protocols: [], nonce: new Uint8Array(16) }
    return new ClientHandshake(new FrameReader(codec, { bufferCapacity: 65_536 }, region), new FrameWriter(codec, {}, region), hello, 16_384)
  },
  'a server handshake': (codec) => {
    const region = codec.region(FrameReader.regionBytes(65_536) + FrameWriter.regionBytes(65_536))
    return new ServerHandshake(new FrameReader(codec, { bufferCapacity: 65_536 }, region), new FrameWriter(codec, {}, region), 16_384)
  },
  'a response reader': (codec) => new ResponseReader(codec),
  'a response': (codec) => response(codec),
  'a request reader': (codec) => new RequestReader(codec),
  'a request head': (codec) => {
    const reader = new RequestReader(codec)
    reader.read(utf8(HEAD))
    return reader.next() as RequestHead
  },
  'a request writer': (codec) => new RequestWriter(codec, 'a'),
  'a request builder': (codec) => new RequestWriter(codec, 'a').get('/'),
  'a request': (codec) => new RequestWriter(codec, 'a').get('/').finish(),
  'a chunked decoder': (codec) => new ChunkedDecoder(codec),
  'an inflater': (codec) => new Inflater(codec, 'gzip'),
  'a deflater': (codec) => new Deflater(codec, 'gzip'),
  'the single steps of masking': (codec) => {
    const tools = new CodecTools(codec)
    tools.applyMask(new Uint8Array(8), new Uint8Array(4))
    return tools
  },
  'the single steps of heads': (codec) => {
    const messages = new HttpMessages(codec)
    messages.writeRequest('GET', '/', [], new Uint8Array(64))
    return messages
  },
}

function response(codec: Codec): RestResponse<null> {
  const reader = new ResponseReader(codec)
  reader.begin('GET')
  reader.read(utf8('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'))
  return reader.next() as RestResponse<null>
}

describe('memory is kept by', () => {
  test.each(Object.entries(owners))('%s, and comes back with it', async (_, make) => {
    const codec = open()
    let owner: object | null = make(codec)
    const used = inUse(codec)
    expect(await collected(codec)).toBe(used)
    expect(owner).not.toBe(null)
    owner = null
    await collectUntil(() => inUse(codec) === 0)
    expect(inUse(codec)).toBe(0)
  })
})

/** Writes over all memory of the codec that is free. */
function scribble(codec: Codec): void {
  const { memoryCount } = codec
  const regions: Region[] = []
  for (let bytes = 1_024 * 1_024; bytes >= 64; bytes >>= 1) {
    for (;;) {
      const region = codec.region(bytes)
      regions.push(region)
      if (codec.memoryCount > memoryCount) break
      region.memory.u8.fill(0xee, region.start, region.start + region.bytes)
    }
    regions.pop()?.release()
  }
  for (const region of regions) region.release()
}

/** A world of HTTP whose codec nobody else uses. */
function restWorld(codec: Codec): RestWorld {
  const world = makeRestWorld()
  Object.assign(world.runtime, { codec, http: httpClasses(codec) })
  return world
}

describe('of a connection that is gone, what was received stays what it was', () => {
  async function kept<Kept extends object>(make: (codec: Codec) => Promise<Kept>, look: (kept: Kept) => unknown, expected: unknown): Promise<void> {
    const codec = open()
    let owner: Kept | null = await make(codec)
    expect(await collected(codec)).toBeGreaterThan(0)
    scribble(codec)
    expect(look(owner)).toEqual(expected)
    owner = null
    await collectUntil(() => inUse(codec) === 0)
    expect(inUse(codec)).toBe(0)
  }

  test('a message of a stream that was reset', () =>
    kept(
      async (codec) => {
        const world = makeWorld(() => 0, codec)
        const { client, server, serverEnd } = await openPair(world)
        const ready = client.readable()
        await server.sendText('a secret')
        await world.settle()
        await ready
        const message = client.next() as Message
        serverEnd.reset()
        await world.settle()
        expect(client.readyState).toBe('closed')
        return message
      },
      (message) => [message.kind, message.text, [...message.bytes.subarray(0, 2)], message.getUint8(0)],
      ['text', 'a secret', [0x61, 0x20], 0x61],
    ))
  test('the message of a recv whose stream nobody has', () =>
    kept(
      async (codec) => {
        const world = makeWorld(() => 0, codec)
        const { client, server, serverEnd } = await openPair(world)
        const receiving = client.recv()
        await server.sendBinary(Uint8Array.of(1, 2, 3))
        await world.settle()
        const message = (await receiving) as Message
        serverEnd.reset()
        await world.settle()
        return message
      },
      (message) => [message.kind, ...message.bytes],
      ['binary', 1, 2, 3],
    ))
  test('a response', () =>
    kept(
      async (codec) => {
        const world = restWorld(codec)
        const connection = await world.Connection.connect('http://server.test')
        const sending = connection.send(new RequestWriter(codec, 'server.test').get('/a').finish())
        await world.settle()
        const response = await sending
        world.server.last.end.reset()
        await world.settle()
        expect(connection.isPoisoned).toBe(true)
        return response
      },
      (response: RestResponse) => [response.status, response.header('content-length'), response.text()],
      [200, '6', 'GET /a'],
    ))
  test('the head of a response that is streamed', () =>
    kept(
      async (codec) => {
        const world = restWorld(codec)
        const connection = await world.Connection.connect('http://server.test')
        const sending = connection.sendStreaming(new RequestWriter(codec, 'server.test').get('/a').finish())
        await world.settle()
        const response = await sending
        world.server.last.end.reset()
        await world.settle()
        return response
      },
      (response: StreamedResponse) => [response.status, response.head.header('content-length')],
      [200, '6'],
    ))
})

describe('memory that the system reads into or writes from is kept until it is done', () => {
  test('a region that is lent comes back when the last loan ends, if it was released', () => {
    const codec = open()
    const region = codec.region(1_024)
    region.lend()
    region.lend()
    region.release()
    region.endLoan()
    expect(inUse(codec)).toBe(1_024)
    region.endLoan()
    expect(inUse(codec)).toBe(0)
    const other = codec.region(1_024)
    other.lend()
    other.endLoan()
    expect(inUse(codec)).toBe(1_024)
    other.release()
    other.release()
    expect(inUse(codec)).toBe(0)
  })

  test('a request whose writer is released while it is on its way reaches the server as it was', async () => {
    const codec = open()
    const world = restWorld(codec)
    const connection = await world.Connection.connect('http://server.test')
    const writer = new RequestWriter(codec, 'server.test', { writeBufferCapacity: 256 * 1_024 })
    const body = 'x'.repeat(200_000)
    const sending = connection.send(writer.post('/order').body(body).finish())
    const used = inUse(codec)
    writer.release()
    expect(inUse(codec)).toBe(used)
    scribble(codec)
    await world.settle()
    expect((await sending).status).toBe(200)
    expect(world.server.requests[0]?.body === body).toBe(true)
    expect(inUse(codec)).toBeLessThan(used)
  })

  test('a reader that is released while its connection is open keeps what the connection reads into', async () => {
    const codec = open()
    const world = restWorld(codec)
    const reader = new ResponseReader(codec)
    const connection = await world.Connection.connect('http://server.test', { reader })
    const used = inUse(codec)
    reader.release()
    expect(inUse(codec)).toBe(used)
    world.server.last.send('HTTP/1.1 200 OK\r\n')
    await world.settle()
    connection.destroy()
    await connection.closed
    expect(inUse(codec)).toBe(0)
  })

  test('a stream that nobody has, in the middle of a read, goes on receiving', async () => {
    const codec = open()
    const world = makeWorld(() => 0, codec)
    const received: string[] = []
    const server = await (async () => {
      const { client, server } = await openPair(world)
      ;(async () => {
        for await (const message of client) received.push(message.text)
      })()
      return server
    })()
    const used = inUse(codec)
    expect(await collected(codec)).toBe(used)
    scribble(codec)
    await server.sendText('still there')
    await world.settle()
    expect(received).toEqual(['still there'])
  })
})

describe('no view that is handed out is wider than what it is of', () => {
  const codec = open()

  test('of messages', () => {
    const reader = new FrameReader(codec)
    for (const part of [
      frame({ opcode: 2, payload: utf8('before') }),
      frame({ opcode: 2, payload: utf8('ab') }),
      frame({ opcode: 2, payload: utf8('after') }),
    ]) {
      reader.read(part)
    }
    reader.next()
    const message = reader.next() as Message
    expect([message.bytes.byteLength, message.toOwned().bytes.buffer.byteLength]).toEqual([2, 2])
    reader.next()
    reader.read(frame({ opcode: 2, fin: false, payload: new Uint8Array(100) }))
    reader.read(frame({ opcode: 0, payload: utf8('z') }))
    expect(reader.next()?.bytes.byteLength).toBe(101)
    reader.read(frame({ opcode: 8, payload: [3, 232, 0x61] }))
    const close = reader.next() as Message
    expect([close.bytes.byteLength, close.bytes.buffer.byteLength]).toEqual([1, 1])
    expect(reader.spare().byteLength).toBeLessThanOrEqual(reader.capacity)
  })
  test('of responses and requests', () => {
    const answer = response(codec)
    expect([answer.body.byteLength, answer.headerBytes('Content-Length')?.byteLength, answer.toOwned().body.buffer.byteLength]).toEqual([2, 1, 2])
    const reader = new RequestReader(codec)
    reader.read(utf8(HEAD))
    const head = reader.next() as RequestHead
    expect([head.headerBytes('host')?.byteLength, reader.remainder.byteLength]).toEqual([1, 2])
    expect(reader.spare().byteLength).toBeLessThanOrEqual(reader.capacity)
    const writer = new RequestWriter(codec, 'a')
    let writable = 0
    const request = writer
      .post('/')
      .bodyWriter((bytes) => {
        writable = bytes.byteLength
        bytes.set([1, 2])
        return 2
      })
      .finish()
    expect(writable).toBeLessThan(writer.capacity)
    expect([request.body.byteLength, request.bytes.byteLength]).toEqual([2, request.length])
    expect(
      writer
        .post('/')
        .bodyFixed(3, (bytes) => expect(bytes.byteLength).toBe(3))
        .finish().body.byteLength,
    ).toBe(3)
  })
  test('of frames that are written', () => {
    const writer = new FrameWriter(codec, { role: 'server' })
    writer.encodeWith('binary', 3, (bytes) => expect(bytes.byteLength).toBe(3))
    expect(writer.data().byteLength).toBe(5)
  })
})
