/** How long one connection may read before others have their turn. */

import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { DialedTransport, Landing, type NodeSocket } from '../../../../src/transport/node/transport.ts'

const KIB = 1024
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Reading {
  /** Bytes that came; false when the socket stops reading. */
  read(length: number): boolean
  readonly delivered: number
  readonly resumed: number
  ask(): void
}

/** A connection whose user asks for more as soon as it has something, unless it is told to wait. */
function open({ stopsAtOnce = true, isKeen = true } = {}): Reading {
  let delivered = 0
  let resumed = 0
  const socket = Object.assign(new EventEmitter(), {
    writableLength: 0,
    destroyed: false,
    readableEnded: false,
    resume: () => resumed++,
  }) as unknown as NodeSocket
  const landing = new Landing(new Uint8Array(64 * KIB), 64 * KIB)
  const transport = new DialedTransport(socket, {}, landing, stopsAtOnce)
  const handler = {
    onRead: (_: number, length: number) => {
      delivered += length
      if (isKeen) transport.resume()
    },
    onEnd: () => {},
    onWritten: () => {},
    onClosed: () => {},
  }
  transport.start(
    handler,
    [0, 1].map(() => new Uint8Array(256 * KIB)),
  )
  transport.resume()
  return {
    read: (length) => landing.onread.callback(length, landing.onread.buffer()),
    get delivered() {
      return delivered
    },
    get resumed() {
      return resumed
    },
    ask: () => transport.resume(),
  }
}

test('a connection that always has more stops after 256 KiB and goes on in the next turn', async () => {
  const reading = open()
  expect([64, 64, 64, 64].map((size) => reading.read(size * KIB))).toEqual([true, true, true, false])
  expect([reading.delivered, reading.resumed]).toEqual([256 * KIB, 0])
  await turn()
  expect(reading.resumed).toBe(1)
  expect([255, 1].map((size) => reading.read(size * KIB))).toEqual([true, true])
})

test('one read of 256 KiB is a turn, one byte less is not', async () => {
  const [whole, less] = [open(), open()]
  expect([whole.read(256 * KIB), less.read(256 * KIB - 1)]).toEqual([false, true])
  await turn()
  expect([whole.resumed, less.resumed]).toEqual([1, 0])
})

test('what comes in different turns is not added up, and small reads are not counted', async () => {
  const reading = open()
  for (let i = 0; i < 8; i++) {
    expect(reading.read(128 * KIB)).toBe(true)
    await turn()
  }
  for (let i = 0; i < 100; i++) expect(reading.read(8_191)).toBe(true)
  expect(reading.resumed).toBe(0)
})

test('a user that does not ask is not read for, in whatever turn', async () => {
  const reading = open({ isKeen: false })
  expect(reading.read(256 * KIB)).toBe(false)
  await turn()
  expect(reading.resumed).toBe(0)
  reading.ask()
  expect(reading.resumed).toBe(1)
})

test('a user that asks while the connection rests gets more in the next turn', async () => {
  const reading = open({ isKeen: false })
  expect(reading.read(256 * KIB)).toBe(false)
  reading.ask()
  expect(reading.resumed).toBe(0)
  await turn()
  expect(reading.resumed).toBe(1)
})

test('TLS is not stopped: what it has decrypted comes anyway, and would be copied', () => {
  const reading = open({ stopsAtOnce: false })
  expect([1, 2, 3].map(() => reading.read(200 * KIB))).toEqual([true, true, true])
})

/** What a user has when it gives its targets at the last moment, and a connection of it. */
function openThrifty(landing: Landing, size: number) {
  const socket = Object.assign(new EventEmitter(), {
    writableLength: 0,
    destroyed: false,
    readableEnded: false,
    resume() {},
  }) as unknown as NodeSocket
  const transport = new DialedTransport(socket, {}, landing, true)
  const targets = [0, 1].map(() => new Uint8Array(size))
  const given: number[] = []
  const got: number[][] = []
  const handler = {
    giveTarget: (index: number) => {
      given.push(index)
      return targets[index] as Uint8Array
    },
    onRead: (index: number, length: number) => {
      got.push([...(targets[index] as Uint8Array).subarray(0, length)])
      transport.resume()
    },
    onEnd: () => {},
    onWritten: () => {},
    onClosed: () => {},
  }
  transport.start(handler, targets)
  transport.resume()
  const read = (bytes: Uint8Array): Uint8Array => {
    const { buffer, callback } = landing.onread
    const where = buffer()
    const part = bytes.subarray(0, where.length)
    where.set(part)
    callback(part.length, where)
    return where
  }
  return { read, given, got, targets }
}

describe('where a quiet connection reads to', () => {
  const shared = new Uint8Array(1_024)

  test('is nobody’s memory but the thread’s, until something arrives', () => {
    const [one, two] = [new Landing(shared, 1_024), new Landing(shared, 1_024)].map((landing) => openThrifty(landing, 4_096))
    if (one === undefined || two === undefined) throw new Error('two were opened')
    for (const [connection, mark] of [
      [one, 1],
      [two, 2],
      [one, 3],
    ] as const) {
      expect(connection.read(Uint8Array.of(mark, mark)).buffer).toBe(shared.buffer)
    }
    expect([one.got, two.got]).toEqual([
      [
        [1, 1],
        [3, 3],
      ],
      [[2, 2]],
    ])
    expect([one.given, two.given]).toEqual([[0, 1], [0]])
  })

  test('a read that fills it is followed by reads into targets, for as long as those are as long', () => {
    const connection = openThrifty(new Landing(shared, 1_024), 4_096)
    const full = new Uint8Array(1_024).fill(7)
    const where = [full, new Uint8Array(4_096), new Uint8Array(1_024), new Uint8Array(1_023), Uint8Array.of(1), full].map((bytes) => {
      const read = connection.read(bytes)
      return read.buffer === shared.buffer ? 'landing' : (connection.targets as Uint8Array[]).indexOf(read)
    })
    expect(where).toEqual(['landing', 1, 0, 1, 'landing', 'landing'])
    expect(connection.got.map(({ length }) => length)).toEqual([1_024, 4_096, 1_024, 1_023, 1, 1_024])
  })

  test('no read gives more than a target holds', () => {
    const connection = openThrifty(new Landing(shared, 1_024), 100)
    expect(connection.read(new Uint8Array(500)).length).toBe(100)
    expect(connection.read(new Uint8Array(500))).toBe(connection.targets[1])
  })
})
