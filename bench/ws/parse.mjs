// @ts-check
// Parsing in memory: a stream of frames, cut into reads of 64 KiB, each message looked at (its length and one byte, or its text).

import { Buffer } from 'node:buffer'
import { blob, expectedSum } from '../lib/frames.mjs'
import { main, Unavailable } from '../lib/harness.mjs'
import { loadCodec } from '../lib/runtime.mjs'
import { Receiver } from '../lib/ws-package.mjs'

const READ = 65_536
const STREAM = 1024 * 1024

/** @typedef {import('../lib/frames.mjs').Shape & { id: string, title: string }} Case */

/** @type {Case[]} */
const cases = [
  { id: 'binary40', title: 'in memory, 40 B binary', kind: 'binary', size: 40 },
  { id: 'binary128', title: 'in memory, 128 B binary', kind: 'binary', size: 128 },
  { id: 'binary512', title: 'in memory, 512 B binary', kind: 'binary', size: 512 },
  { id: 'text77', title: 'in memory, 77 B JSON text as strings', kind: 'text', size: 77 },
  { id: 'masked128', title: 'in memory, 128 B binary, masked (server role)', kind: 'binary', size: 128, masked: true },
]

/** Passes over the stream, as reads; `consume` returns how many messages it saw and adds to `sum`. */
class Stream {
  /** @param {Case} shape */
  constructor(shape) {
    this.shape = shape
    const made = blob(shape, STREAM)
    this.count = made.count
    /** @type {Uint8Array[]} */
    this.pristine = []
    for (let at = 0; at < made.bytes.length; at += READ) this.pristine.push(made.bytes.slice(at, at + READ))
    /** `ws` unmasks in place, so what it reads is made anew: a read from a socket would be new, too. */
    this.scratch = this.pristine.map((read) => Buffer.from(read))
  }

  /**
   * @param {number} amount messages, rounded up to whole passes
   * @param {number} seen
   * @param {number} sum
   * @param {number} started
   */
  result(amount, seen, sum, started) {
    const seconds = (performance.now() - started) / 1000
    const passes = Math.ceil(amount / this.count)
    if (seen !== passes * this.count) throw new Error(`${seen} messages instead of ${passes * this.count}`)
    if (sum !== expectedSum(this.shape, this.count, seen)) throw new Error('the messages are not what was sent')
    return { amount: seen, seconds }
  }
}

/** A reader as its users make it. */
async function makeReader(/** @type {Case} */ shape) {
  const codec = await loadCodec()
  if (codec === null) throw new Unavailable('not built')
  return new codec.FrameReader({ role: shape.masked ? 'server' : 'client' })
}

main({
  name: 'parse',
  title: 'Parsing in memory',
  file: import.meta.url,
  cases,
  firstSecond: 'rate',
  baselines: ['ws'],
  metrics: [{ id: 'rate', unit: 'M msg/s', higherIsBetter: true, of: ({ amount, seconds }) => amount / seconds / 1e6 }],
  contenders: () => ({
    next: {
      title: 'next()',
      first: 200_000,
      start: async (shape) => {
        const stream = new Stream(shape)
        const reader = await makeReader(shape)
        const text = shape.kind === 'text'
        const wanted = shape.kind
        let seen = 0
        const pass = text
          ? (/** @type {Uint8Array} */ read) => {
              let sum = 0
              let count = 0
              reader.read(read)
              for (let m = reader.next(); m !== null; m = reader.next()) {
                const string = m.text
                sum = (sum + string.length + string.charCodeAt(0)) | 0
                count++
              }
              seen += count
              return sum
            }
          : (/** @type {Uint8Array} */ read) => {
              let sum = 0
              let count = 0
              reader.read(read)
              for (let m = reader.next(); m !== null; m = reader.next()) {
                if (m.kind === wanted) sum = (sum + m.length + m.at(0)) | 0
                count++
              }
              seen += count
              return sum
            }
        return async (amount) => {
          seen = 0
          let sum = 0
          const started = performance.now()
          for (let left = amount; left > 0; left -= stream.count) {
            for (const read of stream.pristine) sum = (sum + pass(read)) | 0
          }
          return stream.result(amount, seen, sum, started)
        }
      },
    },
    batch: {
      title: 'batch()',
      first: 200_000,
      start: async (shape) => {
        if (shape.kind === 'text') throw new Unavailable('text is made by messages')
        const stream = new Stream(shape)
        const reader = await makeReader(shape)
        let seen = 0
        const pass = (/** @type {Uint8Array} */ read) => {
          let sum = 0
          reader.read(read)
          for (let b = reader.batch(); b !== null; b = reader.batch()) {
            const { count, kinds, offsets, lengths, bytes } = b
            for (let i = 0; i < count; i++) {
              if (kinds[i] === 2) sum = (sum + lengths[i] + bytes[offsets[i]]) | 0
            }
            seen += count
          }
          return sum
        }
        return async (amount) => {
          seen = 0
          let sum = 0
          const started = performance.now()
          for (let left = amount; left > 0; left -= stream.count) {
            for (const read of stream.pristine) sum = (sum + pass(read)) | 0
          }
          return stream.result(amount, seen, sum, started)
        }
      },
    },
    ws: {
      title: 'ws',
      start: async (shape) => {
        const stream = new Stream(shape)
        const receiver = new Receiver({ isServer: shape.masked === true })
        let seen = 0
        let sum = 0
        receiver.on('message', (/** @type {Buffer} */ data, /** @type {boolean} */ isBinary) => {
          if (isBinary) {
            sum = (sum + data.length + data[0]) | 0
          } else {
            const string = data.toString()
            sum = (sum + string.length + string.charCodeAt(0)) | 0
          }
          seen++
        })
        return async (amount) => {
          seen = 0
          sum = 0
          const started = performance.now()
          for (let left = amount; left > 0; left -= stream.count) {
            for (let i = 0; i < stream.pristine.length; i++) {
              const read = stream.scratch[i]
              if (shape.masked) read.set(stream.pristine[i])
              if (!receiver.write(read)) await new Promise((resolve) => receiver.once('drain', resolve))
            }
            // Lets the stream run what it has put off.
            await null
          }
          return stream.result(amount, seen, sum, started)
        }
      },
    },
  }),
})
