// @ts-check
// What the codec is measured with: one definition for every runtime, made from a seed, with no runtime API in it.
//
// Rule 1: a pass leaves the codec as it found it, so that every pass costs the same.
// Rule 2: `pass` looks at what comes out as a user would (kind, length, a byte); `digest` does the same pass and looks at all of it.
// Rule 3: nothing here copies through a typed array while a pass runs, so that what is counted there is the codec's.

import { Random } from './random.mjs'
import { body, book, cut, feed, frame, join, mixture, noise, prose, quote, requestHead, response, size, trade } from './streams.mjs'

/**
 * The classes of src/codec, from wherever they were loaded.
 *
 * @typedef {object} Faces
 * @property {new (source: WebAssembly.Module, text: any) => any} Codec
 * @property {() => any} webTextDecoding
 * @property {any} FrameReader
 * @property {any} FrameWriter
 * @property {any} MaskKeys
 * @property {any} ClientHandshake
 * @property {any} ServerHandshake
 * @property {any} RequestWriter
 * @property {any} RequestReader
 * @property {any} ResponseReader
 * @property {any} ChunkedDecoder
 * @property {any} Deflater
 * @property {any} Inflater
 * @property {any} CodecTools
 *
 * @typedef {object} Running a workload that is ready to go
 * @property {number} messages of one pass
 * @property {number} bytes of one pass, as they would be on the wire
 * @property {() => number} pass returns a sum over what it looked at
 * @property {(sink: import('./sink.mjs').Sink) => void} digest
 * @property {() => void} release
 *
 * @typedef {object} Workload
 * @property {string} id
 * @property {string} group
 * @property {string} title
 * @property {string} source those with the same one have to give the same, for they differ in their reads alone
 * @property {(faces: Faces, codec: any) => Running} start
 */

/** Everything is drawn from this and the workload's own name. */
const SEED = 'nexus-async-net'
const KIB = 1_024
const MIB = 1_024 * KIB
/** Bytes of a pass, at most, but two messages at least; twice the longest read. */
const STREAM = 512 * KIB
/** Messages of a pass, at most, where reads are short. */
const MESSAGES = 1_024
/** Sizes of reads: a segment of Ethernet, a record of TLS, a full read. */
const READS = [1_460, 16 * KIB, 256 * KIB]
const SIZES = [0, 40, 125, 128, 512, 4 * KIB, 64 * KIB, MIB]
const ROLES = /** @type {const} */ (['client', 'server'])
const encoder = new TextEncoder()

/** @param {number} bytes */
export const shown = (bytes) => (bytes >= MIB ? `${bytes / MIB} MiB` : bytes >= KIB && bytes % KIB === 0 ? `${bytes / KIB} KiB` : `${bytes} B`)

/** @type {Workload[]} */
const workloads = []
/**
 * @param {string} group
 * @param {string} title
 * @param {(random: Random, faces: Faces, codec: any) => Running} start
 * @param {number} [chunk] size of its reads: the same bytes are drawn for all sizes, so that what comes out is the same, too
 */
function add(group, title, start, chunk) {
  const name = `${group}/${title}`
  const full = chunk === undefined ? title : `${title}, reads of ${shown(chunk)}`
  const id = `${group}/${full}`.replaceAll(', ', '/').replaceAll(' ', '-')
  workloads.push({ id, group, title: full, source: name, start: (faces, codec) => start(new Random(`${SEED}/${name}`), faces, codec) })
}

/** The stream that was made last: the next workload often is another cut of it. @type {{ name: string, stream: any }} */
const last = { name: '', stream: null }

/** @template T @param {string} name @param {() => T} make @returns {T} */
function once(name, make) {
  if (last.name !== name) Object.assign(last, { name, stream: make() })
  return last.stream
}

// Frames in.

/**
 * A reader that is fed chunk after chunk.
 *
 * @param {any} reader
 * @param {readonly Uint8Array[]} chunks
 * @param {number} messages of a pass
 */
function reading(reader, chunks, messages) {
  const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
  return {
    messages,
    bytes,
    pass() {
      let sum = 0
      for (const chunk of chunks) {
        reader.read(chunk)
        for (let m = reader.next(); m !== null; m = reader.next()) {
          sum = (sum + m.length + (m.kind === 'binary' ? (m.at(0) ?? 0) : 1)) | 0
        }
      }
      return sum
    },
    digest(/** @type {import('./sink.mjs').Sink} */ sink) {
      for (const chunk of chunks) {
        reader.read(chunk)
        for (let m = reader.next(); m !== null; m = reader.next()) take(sink, m)
      }
      end(sink, reader, messages)
    },
    release: () => reader.release(),
  }
}

/** @param {import('./sink.mjs').Sink} sink @param {any} message */
function take(sink, message) {
  sink.text(message.kind)
  sink.number(message.flags & 16) // all ASCII
  sink.bytes(message.bytes)
  if (message.kind === 'text') sink.text(message.text)
  if (message.kind === 'close') sink.number(message.closeCode)
}

/** @param {import('./sink.mjs').Sink} sink @param {any} reader @param {number} messages */
function end(sink, reader, messages) {
  if (reader.error !== null || reader.isMidMessage) throw reader.error ?? new Error('the stream has not been read to its end')
  sink.number(messages)
}

/**
 * Binary frames of one size.
 *
 * @param {Random} random
 * @param {number} length
 * @param {boolean} masked
 */
function uniform(random, length, masked) {
  const count = Math.max(2, Math.min(FLOODED.has(length) ? STREAM : MESSAGES, Math.floor(STREAM / (length + 2))))
  const parts = []
  for (let i = 0; i < count; i++) parts.push(frame(0x82, noise(random, length), masked ? noise(random, 4) : null))
  return { bytes: join(parts), messages: count }
}

/** Sizes whose streams are long enough for the longest reads. */
const FLOODED = new Set([40, ...SIZES.filter((length) => length >= 512)])

/** @param {Faces} faces @param {any} codec @param {string} role @param {{ bytes: Uint8Array, messages: number }} stream @param {number} read */
function read(faces, codec, role, stream, read) {
  return reading(new faces.FrameReader(codec, { role }), cut(stream.bytes, read), stream.messages)
}

for (const role of ROLES) {
  const masked = role === 'server'
  const group = `frames in, ${role}`
  for (const length of SIZES) {
    for (const chunk of FLOODED.has(length) ? READS : READS.slice(0, 2)) {
      const start = (/** @type {Random} */ random, /** @type {Faces} */ faces, /** @type {any} */ codec) => {
        const stream = once(`${group}/${length}`, () => uniform(random, length, masked))
        return read(faces, codec, role, stream, chunk)
      }
      add(group, shown(length), start, chunk)
    }
  }
  for (const chunk of READS) {
    const start = (/** @type {Random} */ random, /** @type {Faces} */ faces, /** @type {any} */ codec) => {
      const stream = once(`${group}/a mixture`, () => mixture(random, STREAM, masked))
      return read(faces, codec, role, stream, chunk)
    }
    add(group, 'a mixture', start, chunk)
  }
}

// The feed: as a connection of Node reads it, into two fixed targets in turn, and through `read`.

/** @param {Random} random @param {boolean} masked */
function feedStream(random, masked) {
  return once(`feed, ${masked}`, () => {
    const texts = feed(random, 4_096)
    return { bytes: join(texts.map((text) => frame(0x81, encoder.encode(text), masked ? noise(random, 4) : null))), messages: texts.length }
  })
}

for (const role of ROLES) {
  const masked = role === 'server'
  for (const chunk of READS) {
    add('feed in', role, (random, faces, codec) => read(faces, codec, role, feedStream(random, masked), chunk), chunk)
  }
}
for (const chunk of READS) {
  const start = (/** @type {Random} */ _, /** @type {Faces} */ faces, /** @type {any} */ codec) => {
    const stream = feedStream(new Random(`${SEED}/feed in/client`), false)
    const chunks = cut(stream.bytes, chunk)
    const reader = new faces.FrameReader(codec, {})
    const targets = reader.targets(2, 256 * KIB, 16 * KIB)
    let turn = 0
    const each = (/** @type {Uint8Array} */ bytes) => {
      turn = 1 - turn
      const target = targets[turn]
      // What the system does in life.
      reader.u8.set(bytes, target.byteOffset)
      reader.commit(target.byteOffset, bytes.length)
    }
    return {
      messages: stream.messages,
      bytes: stream.bytes.length,
      pass() {
        let sum = 0
        for (const bytes of chunks) {
          each(bytes)
          for (let m = reader.next(); m !== null; m = reader.next()) sum = (sum + m.length + (m.kind === 'text' ? 1 : 0)) | 0
        }
        return sum
      },
      digest(/** @type {import('./sink.mjs').Sink} */ sink) {
        for (const bytes of chunks) {
          each(bytes)
          for (let m = reader.next(); m !== null; m = reader.next()) take(sink, m)
        }
        end(sink, reader, stream.messages)
      },
      release: () => reader.release(),
    }
  }
  add('feed in', 'client, two targets', start, chunk)
}

// UTF-8.

/** Bytes of text of a pass. */
const TEXTS = 64 * KIB

for (const [length, reads] of /** @type {const} */ ([
  [77, [16 * KIB]],
  [4 * KIB, [1_460, 16 * KIB]],
])) {
  for (const script of /** @type {const} */ (['ascii', 'two-byte', 'three-byte', 'four-byte', 'mixed'])) {
    for (const chunk of reads) {
      const start = (/** @type {Random} */ random, /** @type {Faces} */ faces, /** @type {any} */ codec) => {
        const stream = once(`text in/${script}/${length}`, () => {
          const frames = Array.from({ length: Math.floor(TEXTS / length) }, () => frame(0x81, prose(random, script, length), null))
          return { bytes: join(frames), messages: frames.length }
        })
        return read(faces, codec, 'client', stream, chunk)
      }
      add('text in', `${script}, ${shown(length)}`, start, chunk)
    }
  }
  add('text in', `invalid at the end, ${shown(length)}, one read`, (random, faces, codec) => {
    const reader = new faces.FrameReader(codec, {})
    const messages = Math.floor(TEXTS / length)
    const frames = Array.from({ length: messages }, () => {
      const text = prose(random, 'mixed', length)
      text[length - 1] = 0xff
      return frame(0x81, text, null)
    })
    const each = (/** @type {Uint8Array} */ bytes) => {
      reader.read(bytes)
      if (reader.next() !== null || reader.error === null) throw new Error('invalid text was taken')
    }
    return {
      messages,
      bytes: frames.reduce((sum, { length }) => sum + length, 0),
      pass() {
        for (const bytes of frames) {
          each(bytes)
          reader.reset()
        }
        return messages
      },
      digest(sink) {
        for (const bytes of frames) {
          each(bytes)
          sink.text(reader.error.code)
          sink.text(reader.error.message)
          reader.reset()
        }
      },
      release: () => reader.release(),
    }
  })
}

// Frames out.

/**
 * A writer that is emptied when it is full.
 *
 * @param {any} writer
 * @param {readonly ((writer: any) => boolean)[]} encodes
 * @param {number} bytes
 */
function writing(writer, encodes, bytes) {
  /** @param {import('./sink.mjs').Sink | null} sink */
  const run = (sink) => {
    let sum = 0
    const drain = () => {
      sum = (sum + writer.length) | 0
      if (sink !== null) sink.bytes(writer.data())
      writer.advance(writer.length)
    }
    for (const encode of encodes) {
      if (encode(writer)) continue
      drain()
      if (!encode(writer)) throw new Error('a frame does not fit into the empty buffer')
    }
    drain()
    return sum
  }
  return { messages: encodes.length, bytes, pass: () => run(null), digest: run, release: () => writer.release() }
}

/** @param {Random} random @param {Faces} faces @param {any} codec @param {string} role @param {number} largest */
function makeWriter(random, faces, codec, role, largest) {
  const maskKeys = new faces.MaskKeys((/** @type {Uint8Array} */ bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = random.next()
  })
  return new faces.FrameWriter(codec, { role, maskKeys, writeBufferCapacity: largest > 32 * KIB ? 2 * MIB : 64 * KIB })
}

for (const role of ROLES) {
  for (const length of SIZES) {
    add(`frames out, ${role}`, `${shown(length)}`, (random, faces, codec) => {
      const writer = makeWriter(random, faces, codec, role, length)
      const count = Math.max(2, Math.min(MESSAGES, Math.floor(STREAM / (length + 1))))
      const encodes = Array.from({ length: count }, () => {
        const payload = noise(random, length)
        return (/** @type {any} */ to) => to.encodeBinary(payload)
      })
      return writing(writer, encodes, count * writer.encodedLength(length))
    })
  }
  add(`frames out, ${role}`, 'a mixture', (random, faces, codec) => {
    const writer = makeWriter(random, faces, codec, role, 128 * KIB)
    let bytes = 0
    const encodes = Array.from({ length: 500 }, () => {
      const draw = random.below(20)
      const payload = draw === 19 ? noise(random, random.below(126)) : draw < 12 ? noise(random, size(random)) : prose(random, 'mixed', size(random))
      bytes += writer.encodedLength(payload.length)
      if (draw === 19) return (/** @type {any} */ to) => to.encodePing(payload)
      if (draw < 12) return (/** @type {any} */ to) => to.encodeBinary(payload)
      return (/** @type {any} */ to) => to.encodeUtf8(payload)
    })
    return writing(writer, encodes, bytes)
  })
  add(`frames out, ${role}`, 'the feed, as strings', (random, faces, codec) => {
    const writer = makeWriter(random, faces, codec, role, KIB)
    const texts = feed(random, MESSAGES)
    return writing(
      writer,
      texts.map((text) => (to) => to.encodeText(text)),
      texts.reduce((sum, { length }) => sum + writer.encodedLength(length), 0),
    )
  })
}

// Masking.

for (const length of [7, 40, 125, KIB, 16 * KIB, MIB]) {
  add('masking', `maskCopy in place, ${shown(length)}`, (random, _, codec) => {
    const region = codec.region(length)
    const { exports, u8 } = region.memory
    const at = region.start
    const fresh = noise(random, length)
    const count = Math.max(2, Math.min(MESSAGES, Math.floor(STREAM / length)))
    const keys = Array.from({ length: count }, () => random.next() | 0)
    return {
      messages: count,
      bytes: count * length,
      pass() {
        for (let i = 0; i < count; i++) exports.maskCopy(at, at, length, keys[i])
        return u8[at]
      },
      digest(sink) {
        u8.set(fresh, at)
        for (let i = 0; i < count; i++) {
          exports.maskCopy(at, at, length, keys[i])
          if (i < 4 || i === count - 1) sink.bytes(u8.subarray(at, at + length))
        }
      },
      release: () => region.release(),
    }
  })
}
add('masking', `applyMask, ${shown(KIB)} at offset 3`, (random, faces, codec) => {
  const tools = new faces.CodecTools(codec)
  const payload = noise(random, KIB)
  const key = noise(random, 4)
  return {
    messages: 256,
    bytes: 256 * KIB,
    pass() {
      for (let i = 0; i < 256; i++) tools.applyMask(payload, key, 3)
      return payload[0]
    },
    digest(sink) {
      for (let i = 0; i < 3; i++) {
        tools.applyMask(payload, key, 3)
        sink.bytes(payload)
      }
    },
    release: () => tools.memory().release(),
  }
})

// The opening handshake.

/** @param {Random} random @param {Faces} faces @param {any} codec @param {'client' | 'server'} role */
function handshakePair(random, faces, codec, role) {
  const region = codec.region(faces.FrameReader.regionBytes(64 * KIB) + faces.FrameWriter.regionBytes(64 * KIB))
  const reader = new faces.FrameReader(codec, { role, bufferCapacity: 64 * KIB }, region)
  const writer = new faces.FrameWriter(codec, { role, maskKeys: new faces.MaskKeys(() => {}) }, region)
  const hello = {
    target: '/v1/stream?depth=10',
    host: 'feed.example:8443',
    headers: [
      ['Authorization', 'Bearer 0123456789abcdef0123456789abcdef'],
      ['User-Agent', 'nexus'],
    ],
    protocols: ['v2.feed', 'v1.feed'],
    nonce: noise(random, 16),
  }
  return { region, reader, writer, hello, release: () => region.release() }
}

/** A client's request, the server's answer, and both ends' memory back as it was. @param {Random} random @param {Faces} faces @param {any} codec */
function exchange(random, faces, codec) {
  const client = handshakePair(random, faces, codec, 'client')
  new faces.ClientHandshake(client.reader, client.writer, client.hello, 16 * KIB)
  const request = client.writer.data().slice()
  client.writer.reset()
  const server = handshakePair(random, faces, codec, 'server')
  const handshake = new faces.ServerHandshake(server.reader, server.writer, 16 * KIB)
  server.reader.read(request)
  handshake.receive()
  handshake.accept('v1.feed', [['Server', 'gateway']])
  const answer = server.writer.data().slice()
  server.reader.reset()
  server.writer.reset()
  return { client, server, request, answer }
}

add('handshake', 'client', (random, faces, codec) => {
  const { client, server, request, answer } = exchange(random, faces, codec)
  server.release()
  const { reader, writer, hello } = client
  const one = (/** @type {import('./sink.mjs').Sink | null} */ sink) => {
    const handshake = new faces.ClientHandshake(reader, writer, hello, 16 * KIB)
    sink?.bytes(writer.data())
    writer.advance(writer.length)
    reader.read(answer)
    if (handshake.receive() !== 'open') throw new Error('the handshake has failed')
    sink?.text(handshake.protocol)
    sink?.pairs(handshake.headers)
    reader.reset()
    return handshake.headers.length
  }
  return { messages: 16, bytes: 16 * (request.length + answer.length), pass: () => repeat(16, () => one(null)), digest: one, release: client.release }
})

add('handshake', 'server', (random, faces, codec) => {
  const { client, server, request, answer } = exchange(random, faces, codec)
  client.release()
  const { reader, writer } = server
  const one = (/** @type {import('./sink.mjs').Sink | null} */ sink) => {
    const handshake = new faces.ServerHandshake(reader, writer, 16 * KIB)
    reader.read(request)
    const hello = handshake.receive()
    if (hello === null || hello.fault !== null) throw new Error('the handshake has failed')
    sink?.text(hello.path)
    sink?.text(hello.host)
    sink?.pairs(hello.headers)
    handshake.accept(hello.protocols[1], [['Server', 'gateway']])
    sink?.bytes(writer.data())
    writer.advance(writer.length)
    reader.reset()
    return hello.headers.length
  }
  return { messages: 16, bytes: 16 * (request.length + answer.length), pass: () => repeat(16, () => one(null)), digest: one, release: server.release }
})

/** @param {number} count @param {(i: number) => number} one */
function repeat(count, one) {
  let sum = 0
  for (let i = 0; i < count; i++) sum = (sum + one(i)) | 0
  return sum
}

// Requests out.

/** @param {string} title @param {(random: Random) => (writer: any, i: number) => any} make */
function requests(title, make) {
  add('requests out', title, (random, faces, codec) => {
    const writer = new faces.RequestWriter(codec, 'api.example', {
      basePath: '/v3',
      defaultHeaders: [
        ['X-API-KEY', '0a1b2c3d4e5f60718293a4b5c6d7e8f9'],
        ['Content-Type', 'application/json'],
      ],
    })
    const build = make(random)
    const bytes = repeat(64, (i) => build(writer, i).length)
    return {
      messages: 64,
      bytes,
      pass: () => repeat(64, (i) => build(writer, i).length),
      digest(sink) {
        for (let i = 0; i < 64; i++) sink.bytes(build(writer, i).bytes)
      },
      release: () => writer.release(),
    }
  })
}

/** What is different in each request. @param {Random} random */
const stamps = (random) => Array.from({ length: 16 }, () => [String(1_767_225_600_000 + random.next()), random.next().toString(16).padEnd(64, 'f')])

requests('GET, 2 fields and 2 default fields', (random) => {
  const list = stamps(random)
  return (writer, i) => {
    const [time, signature] = list[i & 15]
    return writer.get('/orders').query('symbol', 'BTC-USD').header('X-Timestamp', time).header('X-Signature', signature).finish()
  }
})
for (const [title, kind, length] of /** @type {const} */ ([
  ['POST, a body of 77 B', 'text', 77],
  ['POST, a body of 16 KiB as a string', 'text', 16 * KIB],
  ['POST, a body of 16 KiB as bytes', 'bytes', 16 * KIB],
])) {
  requests(title, (random) => {
    const list = stamps(random)
    const bytes = body(random, length, 0)
    const content = kind === 'bytes' ? bytes : length === 77 ? quote(random) : new TextDecoder().decode(bytes)
    return (writer, i) => {
      const [time, signature] = list[i & 15]
      return writer.post('/orders').header('X-Timestamp', time).header('X-Signature', signature).body(content).finish()
    }
  })
}

add('requests in', 'head of 10 fields, one read', (random, faces, codec) => {
  const reader = new faces.RequestReader(codec)
  const heads = Array.from({ length: 32 }, () => requestHead(random))
  const one = (/** @type {Uint8Array} */ bytes) => {
    reader.read(bytes)
    const head = reader.next()
    if (head === null) throw reader.error ?? new Error('the head is incomplete')
    return head
  }
  return {
    messages: heads.length,
    bytes: heads.reduce((sum, { length }) => sum + length, 0),
    pass() {
      reader.reset()
      return repeat(heads.length, (i) => one(heads[i]).headerCount)
    },
    digest(sink) {
      reader.reset()
      for (const bytes of heads) {
        const head = one(bytes)
        sink.text(head.method)
        sink.text(head.target)
        sink.text(head.framing)
        sink.pairs(head.headers())
      }
    },
    release: () => reader.release(),
  }
})

// Responses in.

/** @param {string} title @param {number} fields @param {number} length @param {number} chunk @param {number} read */
function responses(title, fields, length, chunk, read) {
  const start = (/** @type {Random} */ random, /** @type {Faces} */ faces, /** @type {any} */ codec) => {
    // Its buffers hold one read; a body that they cannot hold goes to the heap.
    const reader = new faces.ResponseReader(codec, { capacity: Math.max(32 * KIB, 2 * read) })
    const count = length > 256 * KIB ? 2 : 16
    const whole = once(`responses in/${title}`, () => Array.from({ length: count }, () => response(random, fields, length, chunk)))
    const list = whole.map((bytes) => cut(bytes, read))
    const one = (/** @type {readonly Uint8Array[]} */ chunks) => {
      reader.begin('GET')
      let found = null
      for (const bytes of chunks) {
        reader.read(bytes)
        found = reader.next()
      }
      if (found === null) throw reader.error ?? new Error('the response is incomplete')
      return found
    }
    return {
      messages: count,
      bytes: list.flat().reduce((sum, { length }) => sum + length, 0),
      pass: () => repeat(count, (i) => one(list[i]).bodyLength),
      digest(/** @type {import('./sink.mjs').Sink} */ sink) {
        for (const chunks of list) {
          const found = one(chunks)
          sink.number(found.status)
          sink.text(found.reason)
          sink.pairs(found.headers())
          sink.bytes(found.body)
          sink.pairs(found.trailers())
          sink.number(reader.reusable ? 1 : 0)
        }
      },
      release: () => reader.release(),
    }
  }
  add('responses in', title, start, read)
}

for (const fields of [1, 12, 40]) responses(`${fields} ${fields === 1 ? 'field' : 'fields'}, 35 B`, fields, 35, 0, 16 * KIB)
responses('40 fields, 35 B', 40, 35, 0, 512)
for (const chunk of [0, 16, 128, KIB, 16 * KIB]) {
  const title = chunk === 0 ? '12 fields, 16 KiB' : `12 fields, 16 KiB in chunks of ${shown(chunk)}`
  for (const read of [1_460, 16 * KIB]) responses(title, 12, 16 * KIB, chunk, read)
}
for (const chunk of [0, 16 * KIB]) {
  const title = chunk === 0 ? '12 fields, 1 MiB' : `12 fields, 1 MiB in chunks of ${shown(chunk)}`
  for (const read of READS) responses(title, 12, MIB, chunk, read)
}

// Chunks alone.

for (const chunk of [16, 128, KIB, 16 * KIB]) {
  for (const read of [1_460, 16 * KIB]) {
    const start = (/** @type {Random} */ random, /** @type {Faces} */ faces, /** @type {any} */ codec) => {
      const decoder = new faces.ChunkedDecoder(codec)
      const wire = body(random, 64 * KIB, chunk)
      const chunks = cut(wire, read)
      const output = new Uint8Array(32 * KIB)
      const one = (/** @type {import('./sink.mjs').Sink | null} */ sink) => {
        let produced = 0
        for (const bytes of chunks) {
          const step = decoder.decode(bytes, output)
          if (step.consumed !== bytes.length) throw new Error('not everything was used')
          // Their bytes alone: how many came of each read is not the decoder's doing.
          if (sink !== null) for (let i = 0; i < step.produced; i++) sink.byte(output[i])
          produced += step.produced
        }
        if (!decoder.isDone) throw decoder.error ?? new Error('the body is incomplete')
        decoder.reset()
        return produced
      }
      return { messages: 2, bytes: 2 * wire.length, pass: () => repeat(2, () => one(null)), digest: one, release: () => decoder.release() }
    }
    add('chunks in', `64 KiB in chunks of ${shown(chunk)}`, start, read)
  }
}

// Compressed data: a feed whose messages know those before them, as permessage-deflate has it, and data that is whole.

/** @type {readonly (readonly [title: string, count: number, make: (random: Random) => string])[]} */
const PACKED = [
  ['trades', 512, trade],
  ['depths of 10 levels', 128, (random) => book(random, 10)],
  ['snapshots of 100 levels', 24, (random) => book(random, 100)],
]

for (const [title, count, make] of PACKED) {
  const texts = (/** @type {Random} */ random) => repeated(count, () => encoder.encode(make(random)))
  const output = new Uint8Array(64 * KIB)
  const packed = (/** @type {any} */ deflater, /** @type {Uint8Array} */ text) => output.subarray(0, deflater.deflate(text, output, 'sync').produced)

  add('inflate', title, (random, faces, codec) => {
    const deflater = new faces.Deflater(codec, 'deflate-raw')
    const messages = texts(random).map((text) => packed(deflater, text).slice())
    deflater.release()
    const inflater = new faces.Inflater(codec, 'deflate-raw', { openEnded: true })
    return passing(messages, inflater, (message) => output.subarray(0, inflater.inflate(message, output).produced))
  })
  add('deflate', title, (random, faces, codec) => {
    const deflater = new faces.Deflater(codec, 'deflate-raw')
    return passing(texts(random), deflater, (text) => packed(deflater, text))
  })
}
for (const format of ['gzip', 'deflate']) {
  add('inflate', `${format}, 330 B`, (random, faces, codec) => {
    const deflater = new faces.Deflater(codec, format)
    const messages = repeated(64, () => deflater.deflateAll(encoder.encode(book(random, 14))))
    deflater.release()
    const inflater = new faces.Inflater(codec, format)
    return passing(messages, inflater, (message) => inflater.inflateAll(message))
  })
}

/** @template T @param {number} count @param {() => T} make @returns {T[]} */
function repeated(count, make) {
  return Array.from({ length: count }, make)
}

/**
 * Messages that go one after the other through what keeps a history; a pass begins with none.
 *
 * @param {readonly Uint8Array[]} messages
 * @param {any} coder
 * @param {(message: Uint8Array) => Uint8Array} one
 */
function passing(messages, coder, one) {
  return {
    messages: messages.length,
    bytes: messages.reduce((sum, { length }) => sum + length, 0),
    pass() {
      coder.reset()
      let sum = 0
      for (const message of messages) {
        const { length, 0: first } = one(message)
        sum = (sum + length + (first ?? 0)) | 0
      }
      return sum
    },
    digest(/** @type {import('./sink.mjs').Sink} */ sink) {
      coder.reset()
      for (const message of messages) sink.bytes(one(message))
    },
    release: () => coder.release(),
  }
}

export { workloads }
