// @ts-check
// Inflate and deflate against node:zlib, for the messages of a feed: CPU time a message, on Node alone. Needs `npm run build`.
//
//     node bench/codec/inflate.mjs [--rounds 9]
//
// Trades, depths of 10 + 10 levels and snapshots of 100 + 100, with random digits, compressed by zlib with level 6, sync flush and takeover: what a
// connection with permessage-deflate receives; by `ws` as it does it for a connection. Then data that is whole, where node:zlib has no stream to wait for:
// a megabyte, which is zlib's code alone, and a small gzip. What is compared comes in turn, round by round; the least of its rounds is shown, and how many
// times the first one's it is.

import process from 'node:process'
import zlib from 'node:zlib'
import { PerMessageDeflate } from '../lib/ws-package.mjs'
import { loadFaces } from './load.mjs'
import { Random } from './random.mjs'
import { book, frame, trade } from './streams.mjs'

const faces = await loadFaces()
const abi = await import(new URL('../../build/js/assembly/abi.js', import.meta.url).href)
const text = (/** @type {string} */ name, /** @type {string} */ constant) =>
  import(new URL(`../../build/js/src/codec/${name}.js`, import.meta.url).href).then((module) => module[constant])
const [codecText, deflateText] = await Promise.all([text('binary', 'CODEC_TEXT'), text('deflate/binary', 'DEFLATE_TEXT')])
const codec = new faces.Codec(/** @type {any} */ (() => codecText), faces.webTextDecoding(), /** @type {any} */ (undefined), () => deflateText)

const at = process.argv.indexOf('--rounds')
const rounds = at < 0 ? 9 : Number(process.argv[at + 1])
const AREA = 64 * 1024
const TAIL = Buffer.from([0, 0, 0xff, 0xff])
const encoder = new TextEncoder()

/** @param {number} count @param {(random: Random) => string} make */
function repeat(count, make) {
  const random = new Random('whole')
  return Array.from({ length: count }, () => make(random)).join('\n')
}

/** What zlib's stream makes of each message, its tail included. @param {readonly Uint8Array[]} messages */
async function compressed(messages) {
  const stream = zlib.createDeflateRaw({ level: 6 })
  /** @type {Buffer[]} */
  let parts = []
  stream.on('data', (part) => parts.push(part))
  const list = []
  for (const message of messages) {
    parts = []
    stream.write(message)
    await new Promise((resolve) => stream.flush(zlib.constants.Z_SYNC_FLUSH, () => resolve(null)))
    list.push(Buffer.concat(parts))
  }
  stream.close()
  return list
}

/** The binary alone: messages that lie in linear memory, inflated to where they are read. @param {readonly Buffer[]} packed */
function alone(packed) {
  const bytes = packed.reduce((sum, { length }) => sum + length, 0)
  const region = codec.deflateRegion(abi.INFLATE_BYTES + 64 + AREA + 64 + bytes)
  const record = region.carve(abi.INFLATE_BYTES)
  const area = region.carve(AREA)
  let next = region.carve(bytes)
  const { view, u8, deflate, deflateTables } = region.memory
  const places = packed.map((each) => {
    u8.set(each, next)
    const from = next
    next += each.length
    return [from, next - TAIL.length]
  })
  for (const [offset, value] of [
    [abi.INFLATE_AREA, area],
    [abi.INFLATE_AREA_END, area + AREA],
    [abi.INFLATE_WINDOW, 32_768],
    [abi.INFLATE_TABLES, deflateTables],
    [abi.INFLATE_FLAGS, abi.DEFLATED_RAW | abi.DEFLATED_CONTINUES],
  ])
    view.setUint32(record + offset, value, true)
  return () => {
    deflate.inflateReset(record)
    for (const [from = 0, to = 0] of places) {
      if (area + AREA - view.getUint32(record + abi.INFLATE_OUTPUT, true) < 12_288) deflate.inflateSlide(record, 0)
      if (deflate.inflate(record, from, to, area + AREA) !== abi.INFLATE_MORE || deflate.inflateEndMessage(record) !== abi.INFLATE_DONE)
        throw new Error('a message was not whole')
    }
  }
}

/** As the client of `ws` has it for one connection. @param {object} [options] */
function perMessage(options = {}) {
  const each = new PerMessageDeflate({ threshold: 0, ...options }, false, 1 << 20)
  each.accept([{}])
  return each
}

/** Microseconds of CPU of one message. @param {() => void | Promise<void>} pass @param {number} messages */
async function cost(pass, messages) {
  const before = process.cpuUsage()
  let count = 0
  let spent
  do {
    await pass()
    count += messages
    spent = process.cpuUsage(before)
  } while (spent.user + spent.system < 100_000)
  return (spent.user + spent.system) / count
}

/** @param {string} title @param {number} messages @param {Record<string, () => void | Promise<void>>} contenders */
async function compare(title, messages, contenders) {
  /** @type {Record<string, number[]>} */
  const found = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    for (const [name, pass] of Object.entries(contenders)) {
      const each = await cost(pass, messages)
      if (round >= 0) found[name]?.push(each)
    }
  }
  const least = Object.entries(found).map(([name, list]) => /** @type {const} */ ([name, Math.min(...list)]))
  const [[, first = 0] = []] = least
  const shown = least.map(([name, each]) => `${name} ${each.toFixed(2)} (${(each / first).toFixed(1)})`)
  process.stdout.write(`${title}: µs a message: ${shown.join(', ')}\n`)
}

/** @type {[string, number, (random: Random) => string][]} */
const KINDS = [
  ['trade', 2_000, trade],
  ['depth', 1_000, (random) => book(random, 10)],
  ['4 KiB', 200, (random) => book(random, 88)],
  ['snapshot', 200, (random) => book(random, 100)],
]
for (const [name, count, make] of KINDS) {
  const random = new Random(name)
  const messages = Array.from({ length: count }, () => encoder.encode(make(random)))
  const packed = await compressed(messages)
  const inflater = new faces.Inflater(codec, 'deflate-raw', { openEnded: true })
  const deflater = new faces.Deflater(codec, 'deflate-raw')
  const output = new Uint8Array(AREA)
  const mean = (/** @type {readonly Uint8Array[]} */ list) => Math.round(list.reduce((sum, { length }) => sum + length, 0) / count)
  const own = messages.map((message) => deflater.deflate(message, output, 'sync').produced).reduce((sum, length) => sum + length, 0)
  const level1 = zlib.createDeflateRaw({ level: 1 })
  let first = 0
  level1.on('data', (part) => {
    first += part.length
  })
  for (const message of messages) {
    level1.write(message)
    await new Promise((resolve) => level1.flush(zlib.constants.Z_SYNC_FLUSH, () => resolve(null)))
  }
  process.stdout.write(
    `${name}: ${mean(messages)} B, by zlib's level 6 ${mean(packed)} B, by level 1 ${Math.round(first / count)} B, by Deflater ${Math.round(own / count)} B\n`,
  )
  await compare(`${name}, inflate`, count, {
    'the binary': alone(packed),
    Inflater: () => {
      inflater.reset()
      for (const message of packed) inflater.inflate(message, output)
    },
    'node:zlib, a stream': async () => {
      const stream = zlib.createInflateRaw()
      stream.on('data', () => {})
      for (const message of packed) {
        stream.write(message)
        await new Promise((resolve) => stream.flush(() => resolve(null)))
      }
      stream.close()
    },
    ws: async () => {
      const ws = perMessage()
      for (const message of packed) {
        await new Promise((resolve, reject) =>
          ws.decompress(message.subarray(0, -TAIL.length), true, (error) => (error ? reject(error) : resolve(null))),
        )
      }
      ws.cleanup()
    },
  })
  await compare(`${name}, deflate`, count, {
    Deflater: () => {
      deflater.reset()
      for (const message of messages) deflater.deflate(message, output, 'sync')
    },
    'node:zlib, a stream of level 1': async () => {
      const stream = zlib.createDeflateRaw({ level: 1 })
      stream.on('data', () => {})
      for (const message of messages) {
        stream.write(message)
        await new Promise((resolve) => stream.flush(zlib.constants.Z_SYNC_FLUSH, () => resolve(null)))
      }
      stream.close()
    },
    'ws, of level 1': async () => {
      const ws = perMessage({ zlibDeflateOptions: { level: 1 } })
      for (const message of messages)
        await new Promise((resolve, reject) => ws.compress(message, true, (error) => (error ? reject(error) : resolve(null))))
      ws.cleanup()
    },
  })
  inflater.release()
  deflater.release()
}

const whole = encoder.encode(repeat(200, (random) => book(random, 100)))
for (const level of [1, 6, 9]) {
  const raw = zlib.deflateRawSync(whole, { level })
  const inflater = new faces.Inflater(codec, 'deflate-raw')
  const deflater = new faces.Deflater(codec, 'deflate-raw')
  const output = new Uint8Array(whole.length)
  const room = new Uint8Array(2 * whole.length)
  await compare(`${whole.length} B whole, level ${level}`, 1, {
    Inflater: () => {
      inflater.reset()
      inflater.inflate(raw, output)
    },
    inflateRawSync: () => void zlib.inflateRawSync(raw),
    ...(level === 1
      ? {
          Deflater: () => {
            deflater.reset()
            deflater.deflate(whole, room, 'finish')
          },
          'deflateRawSync of level 1': () => void zlib.deflateRawSync(whole, { level }),
        }
      : {}),
  })
  inflater.release()
  deflater.release()
}

const packed = zlib.gzipSync(encoder.encode(book(new Random('gzip'), 13)))
const inflater = new faces.Inflater(codec, 'gzip')
const reader = new faces.FrameReader(codec, {})
reader.read(frame(0x82, packed, null))
const message = reader.next()
const times = (/** @type {() => unknown} */ one) => () => {
  for (let i = 0; i < 1_000; i++) one()
}
await compare(`gzip of ${packed.length} B`, 1_000, {
  'message.inflate': times(() => message.inflate('gzip')),
  'Inflater.inflateAll': times(() => inflater.inflateAll(packed)),
  'gunzipSync(message.bytes)': times(() => zlib.gunzipSync(message.bytes)),
})
