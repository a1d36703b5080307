/** Heads of requests and responses as single steps: checked, and written to any array. */

import { SEAL_NO_ROOM } from '../../../assembly/abi.ts'
import { EncodeError, UsageError } from '../../errors.ts'
import { checkInteger } from '../../option-rules.ts'
import { type BytesInit, bytesOf, textOf, within } from '../inputs.ts'
import type { Codec, Region } from '../memory.ts'
import { type FieldsInit, pairsOf } from './fields.ts'
import { injectedField, injectedLine, injection } from './injection.ts'

/** Longest head; the readers' default limit is a quarter of it. */
const MAX_BYTES = 64 * 1024

/** `HTTP/1.1` with its space and CRLF, on either kind of first line. */
const VERSION_BYTES = 11

type Pair = readonly [name: string, value: string]

/** The steps, over a separate region that is made when the first one is used. */
export class HttpMessages {
  private region: Region | null = null
  private readonly encoder = new TextEncoder()

  constructor(private readonly codec: Codec) {}

  /** Exact length of {@link HttpMessages.writeRequest}'s output. */
  requestSize(method: string, target: string, headers?: FieldsInit): number {
    return (
      this.size(textOf('method', method)) + 1 + this.size(textOf('target', target)) + VERSION_BYTES + this.fieldsSize(pairsOf(headers, 'headers'))
    )
  }

  /** Exact length of {@link HttpMessages.writeResponse}'s output. */
  responseSize(status: number, reason: string, headers?: FieldsInit): number {
    checkStatus(status)
    return VERSION_BYTES + 4 + this.size(textOf('reason', reason)) + this.fieldsSize(pairsOf(headers, 'headers'))
  }

  /** Writes a request head at the start of `output`; returns its length. */
  writeRequest(method: string, target: string, headers: FieldsInit | undefined, output: BytesInit): number {
    const pairs = pairsOf(headers, 'headers')
    return this.write(this.requestSize(method, target, pairs), pairs, bytesOf('output', output), (at, end, scratch) => {
      const m = this.stage(method, scratch)
      const t = this.stage(target, scratch + m)
      const behind = this.memory().exports.putRequestLine(at, end, scratch, m, scratch + m, t)
      if (behind <= SEAL_NO_ROOM) throw injectedLine(method, target)
      return behind
    })
  }

  /** Writes a response head at the start of `output`; returns its length. */
  writeResponse(status: number, reason: string, headers: FieldsInit | undefined, output: BytesInit): number {
    const pairs = pairsOf(headers, 'headers')
    return this.write(this.responseSize(status, reason, pairs), pairs, bytesOf('output', output), (at, end, scratch) => {
      const behind = this.memory().exports.putStatusLine(at, end, status, scratch, this.stage(reason, scratch))
      if (behind <= SEAL_NO_ROOM) throw injection('the reason phrase has bytes that')
      return behind
    })
  }

  private write(size: number, pairs: readonly Pair[], output: Uint8Array, firstLine: (at: number, end: number, scratch: number) => number): number {
    if (size > MAX_BYTES) throw new EncodeError('OutgoingHeadTooLarge', `a head of ${size} bytes is over ${MAX_BYTES}`, size, MAX_BYTES)
    if (size > output.length) {
      throw new UsageError('BufferFull', `a head of ${size} bytes does not fit in ${output.length}`, { needed: size, available: output.length })
    }
    const { exports, start, u8 } = this.memory()
    const end = start + MAX_BYTES
    const scratch = end
    let at = firstLine(start, end, scratch)
    for (const [name, value] of pairs) {
      const n = this.stage(name, scratch)
      at = exports.putField(at, end, scratch, n, scratch + n, this.stage(value, scratch + n))
      if (at <= SEAL_NO_ROOM) throw injectedField(name)
    }
    at = exports.putEndOfHead(at, end)
    output.set(u8.subarray(start, start + within(at - start, output.length)))
    return at - start
  }

  private fieldsSize(pairs: readonly Pair[]): number {
    return pairs.reduce((bytes, [name, value]) => bytes + this.size(name) + this.size(value) + 4, 2)
  }

  private size(text: string): number {
    return this.encoder.encode(text).length
  }

  /** Puts a string where the codec can check it; the size of the whole was checked before. */
  private stage(text: string, at: number): number {
    const { start, u8 } = this.memory()
    return this.encoder.encodeInto(text, u8.subarray(at, start + 2 * MAX_BYTES)).written
  }

  private memory(): { exports: Region['memory']['exports']; u8: Uint8Array; start: number } {
    this.region ??= this.codec.region(2 * MAX_BYTES)
    return { exports: this.region.memory.exports, u8: this.region.memory.u8, start: this.region.start }
  }
}

function checkStatus(status: number): void {
  checkInteger('status', status, 100, 999, '')
}
