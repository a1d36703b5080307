/** How long one connection may read before others have their turn. */

import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
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
  const landing = new Landing()
  const transport = new DialedTransport(socket, landing, stopsAtOnce)
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
