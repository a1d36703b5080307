/** Recordings of a WebSocket: a line of JSON for each message. */

import { Buffer } from 'node:buffer'
import { closeSync, createReadStream, fchmodSync, fstatSync, openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { UsageFailure } from './exit-codes.ts'
import { jsonLine } from './output.ts'

/** One message. Text, and the reason of a close, are in `text`; all other payloads in `base64`. */
export interface Entry {
  /** Milliseconds since the connection was open. */
  readonly t: number
  readonly dir: 'in' | 'out'
  readonly opcode: 'text' | 'binary' | 'ping' | 'pong' | 'close'
  readonly text?: string
  readonly base64?: string
  /** Of a close. */
  readonly code?: number
}

/** What an entry is made of. */
export interface Recordable {
  readonly kind: Entry['opcode']
  readonly text: string
  readonly bytes: Uint8Array
  readonly closeCode: number | null
}

/** A message as a line, with its line break. */
export function toLine(t: number, dir: Entry['dir'], message: Recordable): string {
  const { kind } = message
  const entry: Entry = {
    t: Math.round(t * 1_000) / 1_000,
    dir,
    opcode: kind,
    ...(kind === 'close' ? { code: message.closeCode as number } : {}),
    ...(kind === 'text' || kind === 'close' ? { text: message.text } : { base64: base64(message.bytes) }),
  }
  return jsonLine(entry)
}

function base64({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64')
}

/** Only the owner may read a recording. */
const OWNER_ONLY = 0o600

/** A file to record to, which only its owner can read. It is written at once, so a slow disk slows the connection instead of filling memory. */
export class Recorder {
  private readonly file: number
  private lines = ''
  private isClosed = false

  constructor(path: string) {
    try {
      this.file = openSync(path, 'w', OWNER_ONLY)
      // A file that existed before may have been readable for all; a device or a pipe is not changed.
      if (fstatSync(this.file).isFile()) fchmodSync(this.file, OWNER_ONLY)
    } catch (error) {
      throw new UsageFailure(`--record: ${(error as Error).message}`)
    }
  }

  add(line: string): void {
    if (this.isClosed) return
    this.lines += line
    if (this.lines.length > 65_536) this.flush()
  }

  flush(): void {
    if (this.lines === '') return
    const bytes = Buffer.from(this.lines)
    this.lines = ''
    for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at)
  }

  close(): void {
    this.flush()
    this.isClosed = true
    closeSync(this.file)
  }
}

/** Opens a recording, so that a missing file is noticed before anything is connected. */
export function openRecording(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    throw new UsageFailure(`--replay: ${(error as Error).message}`)
  }
}

/** The outgoing messages of a recording, in order. Throws {@link UsageFailure} for a file that is not a recording. */
export async function* sentIn(path: string, fd: number): AsyncGenerator<Entry, void, undefined> {
  const input = createReadStream(path, { fd })
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  // readline does not report the failures of its input.
  let failure: Error | null = null
  input.on('error', (error) => {
    failure = error
    lines.close()
  })
  let number = 0
  for await (const line of lines) {
    number++
    if (line.trim() === '') continue
    const entry = parse(line)
    if (entry === null) throw new UsageFailure(`--replay: line ${number} of ${path} is not a line of a recording made with --record`)
    if (entry.dir === 'out') yield entry
  }
  if (failure !== null) throw new UsageFailure(`--replay: ${(failure as Error).message}`)
}

function parse(line: string): Entry | null {
  try {
    const entry = JSON.parse(line)
    const { t, dir, opcode, text, base64 } = entry
    const isWhole = typeof t === 'number' && (dir === 'in' || dir === 'out') && typeof opcode === 'string'
    return isWhole && (dir === 'in' || typeof (opcode === 'text' ? text : base64) === 'string') ? entry : null
  } catch {
    return null
  }
}
