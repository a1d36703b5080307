/** What can be done with the WebSocket side of the codec, right and wrong, in any order. */

import type { Fields } from '../../../src/codec/http/fields.ts'
import { FrameReader } from '../../../src/codec/ws/frame-reader.ts'
import { FrameWriter } from '../../../src/codec/ws/frame-writer.ts'
import { ClientHandshake, ServerHandshake } from '../../../src/codec/ws/handshake.ts'
import type { Role } from '../../../src/codec/ws/limits.ts'
import { MaskKeys } from '../../../src/codec/ws/mask-keys.ts'
import type { Message } from '../../../src/codec/ws/message.ts'
import type { Random } from '../../reference/random.ts'
import type { Bench } from './bench.ts'
import { around, hostileBytes, hostileNumber, hostileText, put } from './hostile.ts'

const ROLES: readonly Role[] = ['client', 'server']
const CAPACITIES = [256, 257, 300, 319, 320, 512, 1_000, 4_096]

/** Keys that come from the case, so that two runs mask alike. */
export function seededKeys(random: Random): MaskKeys {
  const seed = random.word()
  let count = seed
  return new MaskKeys((bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = count = (Math.imul(count, 0x01000193) + 1) >>> 0
  })
}

/** Everything that can be seen of a message. */
function look(bench: Bench, name: string, message: Message): void {
  const { random } = bench
  bench.attempt(`${name}.kind`, () => [message.kind, message.length, message.closeCode])
  bench.attempt(`${name}.bytes`, () => message.bytes.slice())
  switch (random.below(6)) {
    case 0:
      bench.attempt(`${name}.text`, () => message.text)
      break
    case 1:
      bench.attempt(`${name}.toOwned`, () => message.toOwned().data)
      break
    case 2:
      bench.attempt(`${name}.at`, () => message.at(hostileNumber(random, message.length) as number), RangeError, TypeError)
      break
    case 3:
      bench.attempt(`${name}.getUint16`, () => message.getUint16(hostileNumber(random, message.length) as number), RangeError, TypeError)
      break
    case 4:
      bench.attempt(`${name}.getFloat64`, () => message.getFloat64(around(random, message.length - 8)), RangeError)
      break
    default:
      bench.attempt(`${name}.getUint8`, () => message.getUint8(random.pick([message.length - 1, message.length, -1, 0])), RangeError)
  }
}

export function frameReader(bench: Bench): void {
  const { random, codec, wires } = bench
  const role = random.pick(ROLES)
  const bufferCapacity = random.pick(CAPACITIES)
  const limits = [0, 1, 125, 126, bufferCapacity - 1, bufferCapacity, 65_535, 2 ** 31 - 1]
  const options = {
    role,
    bufferCapacity,
    compactAt: random.pick([0, 0.5, 1]),
    maxFrameSize: random.oneIn(3) ? random.pick(limits) : 2 ** 24,
    maxMessageSize: random.oneIn(3) ? random.pick(limits) : 2 ** 24,
  }
  const reader = new FrameReader(codec, options)
  const supply = role === 'client' ? wires.toClient : wires.toServer
  const count = random.pick([1, 2] as const)
  const inPlace = random.pick([0, 14, 64, 100])
  const usesTargets = random.oneIn(3)
  const targets = usesTargets ? reader.targets(count, Math.floor(bufferCapacity / count) - inPlace, inPlace) : []
  let wire = random.pick(supply)
  let kept: Message | null = null
  let turn = 0
  const state = (): void => bench.note('reader', [reader.isClosed, reader.isMidMessage, reader.isDrained, reader.error])
  const take = (most: number): void => {
    for (let i = 0; i < most; i++) {
      if (random.oneIn(4)) {
        const batch = bench.attempt('batch', () => reader.batch())
        if (batch === null || batch === undefined) break
        const { count, kinds, offsets, lengths, bytes } = batch
        bench.note('batch', [kinds.slice(0, count), offsets.slice(0, count), lengths.slice(0, count), bytes.slice(), batch.closeCode])
        continue
      }
      const message = bench.attempt('next', () => reader.next())
      if (message === null || message === undefined) break
      look(bench, 'message', message)
      kept = message
    }
  }
  for (let step = random.below(40); step > 0; step--) {
    if (wire.length === 0) wire = random.pick(supply)
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        if (usesTargets) {
          const target = targets[turn++ % targets.length] as Uint8Array
          const piece = wire.subarray(0, 1 + random.below(Math.min(target.length, wire.length)))
          // A transport puts bytes down as they come; with one target only once all is taken.
          if (targets.length === 1) take(Number.POSITIVE_INFINITY)
          target.set(piece)
          take(Number.POSITIVE_INFINITY)
          reader.commit(target.byteOffset, piece.length)
          wire = wire.subarray(piece.length)
          break
        }
        const piece = wire.subarray(0, around(random, reader.remaining))
        wire = wire.subarray(piece.length)
        bench.attempt('read', () => reader.read(piece))
        break
      }
      case 4: {
        if (usesTargets) break
        const spare = bench.room('spare', () => reader.spare())
        if (spare === undefined) break
        const length = around(random, Math.min(spare.length, wire.length))
        put(spare, wire, length)
        bench.attempt('filled', () => reader.filled(length))
        wire = wire.subarray(length)
        break
      }
      case 5:
        take(1 + random.below(8))
        break
      case 6:
        bench.attempt('poll', () => reader.poll())
        break
      case 7:
        if (kept !== null) look(bench, 'kept', kept)
        break
      case 8:
        if (!usesTargets) bench.attempt('read', () => reader.read(hostileBytes(random, around(random, reader.remaining)) as Uint8Array))
        break
      case 9:
        if (!usesTargets) bench.attempt('filled', () => reader.filled(hostileNumber(random, reader.remaining) as number))
        break
      case 10:
        if (usesTargets || random.oneIn(2)) take(Number.POSITIVE_INFINITY)
        else bench.attempt('compact', () => reader.compact())
        break
      default:
        if (!usesTargets && random.oneIn(4)) bench.attempt('reset', () => reader.reset())
    }
    state()
  }
  take(Number.POSITIVE_INFINITY)
  reader.release()
  // Its memory goes to the next one, who must not notice what the first does from here on.
  const next = new FrameReader(codec, options)
  for (let step = random.below(6); step > 0; step--) {
    switch (random.below(8)) {
      case 0:
        bench.attempt('released.reset', () => reader.reset())
        break
      case 1:
        bench.attempt('released.read', () => reader.read(random.bytes(4)))
        break
      case 2:
        bench.attempt('released.spare', () => reader.spare().length)
        break
      case 3:
        bench.attempt('released.filled', () => reader.filled(1))
        break
      case 4:
        bench.attempt('released.next', () => reader.next()?.kind)
        break
      case 5:
        bench.attempt('released.poll', () => reader.poll())
        break
      case 6:
        bench.attempt('released.compact', () => reader.compact())
        break
      default:
        if (kept !== null) look(bench, 'stale', kept)
    }
  }
  const frame = Uint8Array.from(role === 'client' ? [0x82, 2, 1, 2] : [0x82, 0x82, 0, 0, 0, 0, 1, 2])
  next.read(frame)
  bench.note('the next owner', next.next()?.bytes.slice())
  next.release()
}

export function frameWriter(bench: Bench): void {
  const { random, codec } = bench
  const role = random.pick(ROLES)
  const writeBufferCapacity = random.pick(CAPACITIES)
  const writer = new FrameWriter(codec, { role, writeBufferCapacity, maskKeys: seededKeys(random) })
  const size = (): number => around(random, random.pick([writer.room, writer.room, 125, writeBufferCapacity]))
  const payload = (length: number): Uint8Array => (random.oneIn(6) ? (hostileBytes(random, length) as Uint8Array) : random.bytes(length))
  const text = (): string =>
    random.oneIn(6) ? (hostileText(random) as string) : random.pick(['a', '\u00e9', '\u20ac', '\u{1f600}']).repeat(size() >> random.below(2))
  for (let step = random.below(60); step > 0; step--) {
    switch (random.below(12)) {
      case 0:
        bench.attempt('encodeText', () => writer.encodeText(text()))
        break
      case 1:
        bench.attempt('encodeText', () => writer.encodeText(''))
        break
      case 2:
        bench.attempt('encodeBinary', () => writer.encodeBinary(payload(size())))
        break
      case 3:
        bench.attempt('encodeUtf8', () => writer.encodeUtf8(payload(random.below(3))))
        break
      case 4:
        bench.attempt('encodePing', () => writer.encodePing(random.oneIn(2) ? undefined : payload(around(random, 125))))
        break
      case 5:
        bench.attempt('encodePong', () => writer.encodePong(payload(around(random, 125))))
        break
      case 6:
        bench.attempt('encodeClose', () =>
          writer.encodeClose(random.oneIn(4) ? (hostileNumber(random, 4_999) as number) : random.pick([1000, 1005, 1006, 4_999, 5_000]), text()),
        )
        break
      case 7:
        bench.attempt('encodeWith', () =>
          writer.encodeWith(
            random.pick(['text', 'binary'] as const),
            (random.oneIn(3) ? hostileNumber(random, writer.room) : size()) as number,
            (bytes) => {
              bench.note('to fill', bytes.slice())
              bytes.set(random.bytes(Math.min(bytes.length, 20)))
              if (random.oneIn(8)) writer.encodePing()
            },
          ),
        )
        break
      case 8:
        bench.attempt('data', () => writer.data().slice())
        break
      case 9:
        bench.attempt(
          'advance',
          () => writer.advance((random.oneIn(3) ? hostileNumber(random, writer.length) : around(random, writer.length)) as number),
          RangeError,
        )
        break
      case 10:
        // 16 KiB are the stage's.
        bench.attempt('encodeDetached', () =>
          writer.encodeDetached(random.pick(['text', 'binary'] as const), random.bytes(around(random, random.pick([10, 16_384, 32_768])))),
        )
        break
      default:
        if (random.oneIn(4)) bench.attempt('reset', () => writer.reset())
    }
    bench.note('writer', [writer.length, writer.room])
    bench.assert(writer.length >= 0 && writer.length <= writeBufferCapacity, `the writer has ${writer.length} bytes of ${writeBufferCapacity}`)
  }
  bench.attempt('data', () => writer.data().slice())
  writer.release()
  const next = new FrameWriter(codec, { role, writeBufferCapacity, maskKeys: seededKeys(random) })
  next.encodeText('the next owner')
  for (let step = random.below(6); step > 0; step--) {
    switch (random.below(5)) {
      case 0:
        bench.attempt('released.encodeText', () => writer.encodeText('late'))
        break
      case 1:
        bench.attempt('released.encodeBinary', () => writer.encodeBinary(random.bytes(4)))
        break
      case 2:
        bench.attempt('released.encodePing', () => writer.encodePing())
        break
      case 3:
        bench.attempt('released.encodeClose', () => writer.encodeClose(1000))
        break
      default:
        bench.attempt('released.encodeWith', () => writer.encodeWith('binary', 3, (bytes) => bytes.fill(7)))
    }
  }
  bench.note('the next owner', next.data().slice())
  next.release()
}

const NAMES = ['X-A', 'Cookie', 'x-long', 'a b', 'Upgrade', '\u00e9']
const PROTOCOLS = ['chat', 'v2.chat', 'a,b', '']

function fields(random: Random): Fields {
  const value = (): string =>
    random.oneIn(6) ? random.pick(['a\r\nb: c', '\0', '\u20ac', '\ud800']) : 'v'.repeat(random.pick([0, 1, 40, 2_000, 12_288]))
  return Array.from({ length: random.below(4) }, () => [random.pick(NAMES), value()] as const)
}

/** Bytes as a peer may change them on the way. */
function injured(random: Random, bytes: Uint8Array): Uint8Array {
  if (!random.oneIn(3) || bytes.length === 0) return bytes
  const changed = bytes.slice()
  for (let n = 1 + random.below(3); n > 0; n--)
    changed[random.below(changed.length)] = random.pick([0x0a, 0x0d, 0x20, 0x3a, 0x2c, 0, random.below(256)])
  return random.oneIn(4) ? changed.subarray(0, random.below(changed.length)) : changed
}

export function handshakes(bench: Bench): void {
  const { random, codec, wires } = bench
  const bufferCapacity = random.pick([256, 1_024, 4_096, 20_000])
  const writeBufferCapacity = random.pick([256, 300, 512, 1_024, 4_096, 20_000])
  const maxHead = random.pick([64, 256, 16_384])
  const end = (role: Role): { reader: FrameReader; writer: FrameWriter; release(): void } => {
    const region = codec.region(FrameReader.regionBytes(bufferCapacity) + FrameWriter.regionBytes(writeBufferCapacity))
    const reader = new FrameReader(codec, { role, bufferCapacity }, region)
    const writer = new FrameWriter(codec, { role, writeBufferCapacity, maskKeys: seededKeys(random) }, region)
    return { reader, writer, release: () => region.release() }
  }
  const client = end('client')
  const server = end('server')
  const deliver = (bytes: Uint8Array, reader: FrameReader, then: () => boolean): void => {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + 1 + random.below(Math.max(1, Math.min(bytes.length, random.pick([3, 100, bufferCapacity])))))
      at += piece.length
      const room = reader.spare()
      if (room.length < piece.length) return
      room.set(piece)
      reader.filled(piece.length)
      if (then()) return
    }
  }

  const hello = {
    target: random.pick(['/', '/a?b=c', `/${'p'.repeat(around(random, writeBufferCapacity))}`, '/a b', '', '/\u00e9']),
    host: random.pick(['a.example', '[::1]:80', 'a\r\nb']),
    headers: fields(random),
    protocols: random.oneIn(2) ? [random.pick(PROTOCOLS)] : [],
    nonce: random.bytes(random.pick([16, 16, 16, 0, 15, 17])),
  }
  const opening = bench.attempt('ClientHandshake', () => new ClientHandshake(client.reader, client.writer, hello, maxHead))
  const request = random.oneIn(8) ? random.pick(wires.requests) : injured(random, client.writer.data().slice())
  bench.note('request', request)
  const answering = new ServerHandshake(server.reader, server.writer, maxHead)
  deliver(request, server.reader, () => {
    const asked = bench.attempt('server.receive', () => answering.receive())
    if (asked === null) return false
    if (asked !== undefined)
      bench.note('asked', [asked.path, asked.host, [...asked.headers].flat(), [...asked.protocols], asked.fault?.error ?? null])
    return true
  })
  if (random.oneIn(4))
    bench.attempt('refuse', () =>
      answering.refuse(random.pick([400, 405, 426, 503]), 'No', fields(random), 'b'.repeat(around(random, writeBufferCapacity))),
    )
  else bench.attempt('accept', () => answering.accept(random.pick(PROTOCOLS), fields(random)))
  const response = random.oneIn(8) ? random.pick(wires.responses).bytes : injured(random, server.writer.data().slice())
  bench.note('response', response)
  if (opening !== undefined) {
    deliver(response, client.reader, () => {
      const outcome = bench.attempt('client.receive', () => opening.receive())
      if (outcome === 'more') return false
      if (outcome === 'refused') bench.attempt('refused', () => [opening.refused.error, opening.refused.complete, opening.refused.error.body])
      bench.note('answered', [[...opening.headers].flat(), opening.protocol])
      return outcome !== 'refused'
    })
  }
  client.release()
  server.release()
}
