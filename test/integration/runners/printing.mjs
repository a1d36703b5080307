/** Makes one of every public class, full of a secret, and says what of them shows it, or too much: see printing's rule in src/printing.ts. */

import { inspect } from 'node:util'
import { runtimeOf } from './ground.mjs'

/** What must never be shown. */
export const SECRET = 'hunter2-secret'

/** How a runtime's console shows a value. */
const console_ = globalThis.Deno?.inspect ?? globalThis.Bun?.inspect ?? inspect

const LONGEST = 1_500
const MOST_LINES = 30

const ways = {
  console: (value) => console_(value, { depth: 8 }),
  inspect: (value) => inspect(value, { depth: 8, showHidden: false }),
  JSON: (value) => JSON.stringify(value, null, 2),
}

async function thrown(action) {
  try {
    await action()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

const bytes = (text) => new TextEncoder().encode(text)

/** One of each, by a name of its own. */
async function makeAll(nexus, codec, testing, { ws, http }) {
  const headers = { 'X-Api-Key': SECRET }
  const origin = `http://user:${SECRET}@127.0.0.1:${http}`
  const plain = `http://127.0.0.1:${http}`
  const stream = await nexus.WsStream.connect(`ws://127.0.0.1:${ws}/greet?token=${SECRET}`, { headers })
  const message = await stream.recv()
  const writer = new nexus.RequestWriter('127.0.0.1', { defaultHeaders: headers })
  const connection = await nexus.HttpConnection.connect(plain)
  const response = await connection.send(writer.post(`/keep?token=${SECRET}`).header('Authorization', SECRET).body(SECRET).finish())
  const streaming = await nexus.HttpConnection.connect(plain)
  const pool = await nexus.ClientPool.connect(origin, { defaultHeaders: headers, tls: { key: undefined } })
  const slot = pool.tryAcquire()
  const shared = await nexus.AtomicClientPool.connect(origin, { defaultHeaders: headers, connections: 2 })
  const posted = shared.tryAcquire().handOff()
  const atomic = nexus.AtomicClientSlot.receive(posted)
  const atomicResponse = await atomic.send(atomic.writer.get(`/keep?${SECRET}`).finish())

  const frames = new codec.FrameReader({ role: 'client' })
  frames.read(Uint8Array.from([0x81, SECRET.length, ...bytes(SECRET)]))
  const batches = new codec.FrameReader({ role: 'client' })
  batches.read(Uint8Array.from([0x81, SECRET.length, ...bytes(SECRET)]))
  const frameWriter = new codec.FrameWriter({ role: 'server' })
  frameWriter.encodeText(SECRET)
  const client = codec.framePair('client')
  const hello = { target: `/?${SECRET}`, host: 'a', headers: [['Cookie', SECRET]], protocols: [], nonce: bytes(SECRET.padEnd(16).slice(0, 16)) }
  const server = codec.framePair('server')
  const responses = new codec.ResponseReader()
  responses.begin('GET')
  responses.read(bytes(`HTTP/1.1 200 OK\r\nSet-Cookie: ${SECRET}\r\nContent-Length: ${SECRET.length}\r\n\r\n${SECRET}`))
  const requests = new codec.RequestReader()
  requests.read(bytes(`POST /?${SECRET} HTTP/1.1\r\nHost: a\r\nCookie: ${SECRET}\r\nContent-Length: ${SECRET.length}\r\n\r\n${SECRET}`))
  const chunks = new codec.ChunkedDecoder()
  chunks.decode(bytes(`e\r\n${SECRET}\r\n`), new Uint8Array(64))
  const deflater = new codec.Deflater('gzip')
  const packed = deflater.deflateAll(bytes(SECRET))
  const inflater = new codec.Inflater('gzip')
  inflater.inflate(packed, new Uint8Array(64))
  const broken = new codec.Inflater('gzip')
  broken.inflate(bytes(SECRET), new Uint8Array(64))
  const [left, right] = testing.memoryPair()
  left.start({ onRead() {}, onEnd() {}, onWritten() {}, onClosed() {} }, [bytes(SECRET)])
  right.start({ onRead() {}, onEnd() {}, onWritten() {}, onClosed() {} }, [bytes(SECRET)])
  left.write(bytes(SECRET))
  const [ours, theirs] = testing.memoryPair()
  const accepting = nexus.WsStream.accept(ours)
  const [accepted] = await Promise.all([accepting, nexus.WsStream.connectWith(theirs, `ws://a/?${SECRET}`, { headers })])

  const made = {
    stream,
    acceptedStream: accepted,
    upgradeRequest: accepted.request,
    message,
    ownedMessage: message.toOwned(),
    batch: batches.batch(),
    streamBuilder: nexus.WsStream.builder().headers({ Authorization: SECRET }),
    writer,
    request: writer.get(`/?${SECRET}`).header('Cookie', SECRET).finish(),
    requestBuilder: writer.get(`/?${SECRET}`).header('Cookie', SECRET),
    connection,
    connectionBuilder: nexus.HttpConnection.builder(),
    response,
    keptResponse: response.toOwned(),
    streamed: await streaming.sendStreaming(new nexus.RequestWriter('a').get('/keep').finish()),
    pool,
    poolBuilder: nexus.ClientPool.builder().defaultHeader('Authorization', SECRET),
    slot,
    shared,
    plan: shared.plan,
    posted,
    ownedSlot: shared.tryAcquire(),
    atomic,
    atomicResponse,
    acquirer: nexus.SharedAcquirer.attach(shared.plan),
    tls: new nexus.TlsCodec('a.example'),
    maskKeys: new nexus.MaskKeys((target) => target.fill(7)),
    frames,
    frame: frames.next(),
    frameWriter,
    pair: client,
    clientHandshake: new codec.ClientHandshake(client.reader, client.writer, hello, 16_384),
    serverHandshake: new codec.ServerHandshake(server.reader, server.writer, 16_384),
    responses,
    restResponse: responses.next(),
    ownedResponse: responses.next()?.toOwned() ?? responses.response.toOwned(),
    requests,
    requestHead: requests.next(),
    chunks,
    deflater,
    inflater,
    compressionError: broken.error,
    clock: new testing.VirtualClock(),
    transport: left,
    runtime: runtimeOf(nexus.WsStream).codec,
    staleMessage: (() => {
      const reader = new codec.FrameReader()
      reader.read(Uint8Array.from([0x81, 1, 0x61]))
      const stale = reader.next()
      reader.next()
      return stale
    })(),
    handshakeError: await thrown(() => nexus.WsStream.connect(`ws://127.0.0.1:${http}/keep?${SECRET}`)),
    transportError: await thrown(() => nexus.WsStream.connect('ws://127.0.0.1:1/')),
    usageError: await thrown(() => new nexus.FrameReader({ bufferCapacity: 1 })),
    encodeError: await thrown(() => writer.get('/').header('X-Key', `${SECRET}\n`).finish()),
    tlsError: new nexus.TlsError('TlsHandshakeFailed', 'made for this', { cause: Object.assign(new Error('below'), { input: SECRET }) }),
    protocolError: (() => {
      const reader = new codec.FrameReader()
      reader.read(Uint8Array.of(0xf1, 0))
      reader.next()
      return reader.error
    })(),
    httpError: (() => {
      const reader = new codec.ResponseReader()
      reader.read(bytes(`HTTP/1.1 200 OK\nCookie: ${SECRET}\r\n\r\n`))
      reader.next()
      return reader.error
    })(),
    restError: await thrown(async () => {
      pool.close()
      await pool.acquire()
    }),
  }
  made.inside = { of: [{ another: made.message, and: made.pool }] }
  return made
}

/** What is wrong, by the name of the object and the way it was shown; and the classes that nothing was made of. */
export async function lookAtAll(nexus, codec, testing, ports) {
  const made = await makeAll(nexus, codec, testing, ports)
  const faults = []
  for (const [name, value] of Object.entries(made)) {
    if (value === null || typeof value !== 'object') faults.push(`${name} was not made`)
    for (const [way, show] of Object.entries(ways)) {
      const text = show(value) ?? ''
      if (text.includes(SECRET) || text.includes('104, 117, 110, 116')) faults.push(`${name} shows the secret to ${way}: ${text.slice(0, 300)}`)
      // Errors have a stack, and so has what caused them.
      const [longest, most] = value instanceof Error ? [3 * LONGEST, 2 * MOST_LINES] : [LONGEST, MOST_LINES]
      if (text.length > longest || text.split('\n').length > most)
        faults.push(`${name} shows ${text.length} characters to ${way}: ${text.slice(0, 300)}`)
    }
  }
  for (const [name, Class] of [nexus, codec, testing].flatMap((entry) => Object.entries(entry))) {
    if (typeof Class !== 'function' || !/^class\b/.test(Function.prototype.toString.call(Class))) continue
    if (!Object.values(made).some((value) => value instanceof Class)) faults.push(`${name} is not among what is looked at`)
  }
  return { faults, examples: ['message', 'stream', 'pool', 'response'].map((name) => ways.console(made[name])) }
}
