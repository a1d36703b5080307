/**
 * The server that misbehaves: it does with each connection what the request's path says, step by step, byte for byte.
 * `/play?id=…&do=[["say","HTTP/1.1 200 OK\r\n…"],["reset"]]`
 */

import type net from 'node:net'
import type { Record, Records } from './rest-records.ts'

/** One step of a script. */
export type Step =
  /** These bytes (Latin-1), in one write. */
  | readonly ['say', string]
  /** The same, byte by byte. */
  | readonly ['dribble', string]
  /** So many times the letter x. */
  | readonly ['pad', number]
  /** Goes on when the whole request is there. */
  | readonly ['body']
  /** Goes on when it is told to. */
  | readonly ['go']
  /** Reads nothing any more. */
  | readonly ['deaf']
  /** Ends its side; cuts; resets. */
  | readonly ['end']
  | readonly ['cut']
  | readonly ['reset']

const HEAD_END = '\r\n\r\n'
const CHUNKS_END = '0\r\n\r\n'

/** @param below the TCP socket, for resets; the same as `socket` without TLS */
export function perform(socket: net.Socket, below: net.Socket, records: Records): void {
  let unread = Buffer.alloc(0)
  let record: Record | null = null
  /** Bytes of body that are missing; null in chunks, whose end is looked for. */
  let missing: number | null = 0
  let playing: Promise<void> = Promise.resolve()
  let bodyDone: () => void = () => {}

  const take = (): void => {
    for (;;) {
      if (missing !== 0) {
        if (record === null) return
        const part = missing === null ? unread : unread.subarray(0, missing)
        record.body = Buffer.concat([record.body, part])
        unread = unread.subarray(part.length)
        if (missing !== null) missing -= part.length
        else if (record.body.subarray(-CHUNKS_END.length).toString('latin1') === CHUNKS_END) missing = 0
        record.notify()
        if (missing !== 0) return
        bodyDone()
      }
      const end = unread.indexOf(HEAD_END)
      if (end < 0) return
      const head = unread.subarray(0, end + HEAD_END.length).toString('latin1')
      unread = unread.subarray(end + HEAD_END.length)
      const url = new URL(head.split(' ', 2)[1] as string, 'http://localhost')
      const current = records.of(url.searchParams.get('id') ?? '')
      record = current
      record.requests++
      record.head = head
      record.body = Buffer.alloc(0)
      missing = /^transfer-encoding: *chunked/im.test(head) ? null : Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
      const complete = missing === 0 ? Promise.resolve() : new Promise<void>((resolve) => (bodyDone = resolve))
      record.notify()
      const steps = JSON.parse(url.searchParams.get('do') ?? '[]') as Step[]
      playing = playing.then(() => play(socket, below, steps, current, complete))
    }
  }

  socket.on('error', () => {
    if (record !== null) record.ended = 'reset'
  })
  socket.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk])
    take()
  })
  socket.on('end', () => {
    if (record !== null) record.ended ??= 'end'
    record?.notify()
    socket.end()
  })
  socket.on('close', () => {
    if (record !== null) record.ended ??= 'reset'
    record?.notify()
  })
}

async function play(socket: net.Socket, below: net.Socket, steps: readonly Step[], record: Record, complete: Promise<void>): Promise<void> {
  const say = (bytes: Buffer): Promise<void> =>
    new Promise((resolve) => {
      if (socket.destroyed) resolve()
      else socket.write(bytes, () => resolve())
    })
  for (const step of steps) {
    switch (step[0]) {
      case 'say':
        await say(Buffer.from(step[1], 'latin1'))
        break
      case 'dribble':
        socket.setNoDelay(true)
        for (const byte of Buffer.from(step[1], 'latin1')) {
          await say(Buffer.of(byte))
          await new Promise((resolve) => setImmediate(resolve))
        }
        break
      case 'pad':
        await say(Buffer.alloc(step[1], 'x'))
        break
      case 'body':
        await complete
        break
      case 'go':
        await record.until(() => record.released > 0)
        record.released--
        break
      case 'deaf':
        socket.pause()
        break
      case 'end':
        socket.end()
        break
      case 'cut':
        socket.destroy()
        break
      case 'reset':
        below.resetAndDestroy()
        break
    }
  }
}
