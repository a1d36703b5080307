/**
 * A response on its way through shared memory: the owner reads it in its own memory and copies it out; the holder copies it in and checks it while it
 * copies. So neither ever works on bytes that another thread could change meanwhile.
 *
 *     │ 16 words │ field table │ trailer table │ head, as received │ body │ trailers: name, value, name, value … │
 *
 * A table has four words for each field: place and length of its name, then of its value; places count from the beginning of the text.
 */

import {
  FIELD_BYTES,
  HEAD_FIELD_COUNT,
  HEAD_FIELDS,
  HEAD_MINOR_VERSION,
  HEAD_REASON,
  HEAD_REASON_LENGTH,
  HEAD_STATUS,
  INCOMING_BODY_BYTES,
  INCOMING_BYTES,
  INCOMING_START,
  INCOMING_START_LENGTH,
} from '../../../assembly/abi.ts'
import { HeadFields } from '../../codec/http/head-fields.ts'
import type { ResponseReaderOptions } from '../../codec/http/limits.ts'
import { bodyTextOf, type ResponseSource, type ResponseTimings } from '../../codec/http/response.ts'
import type { ResponseReader } from '../../codec/http/response-reader.ts'
import { align, type Codec, type Region } from '../../codec/memory.ts'
import { checkWord, corrupt } from './words.ts'

// Words of a response, from its first one.
const STATUS = 0
const MINOR = 1
const REASON = 2
const REASON_LENGTH = 3
const HEAD = 4
const BODY = 5
const FIELDS = 6
const TRAILERS = 7
const TRAILER_TEXT = 8
const VERIFIED = 9
const WORDS = 16

const FIELD_WORDS = FIELD_BYTES >> 2
const SERIAL_MASK = 2 ** 30 - 1

type Limits = Required<ResponseReaderOptions>

const tableBytes = (limits: Limits): number => align(limits.maxHeaders * FIELD_BYTES)
/** Head and body together have room in `capacity`: `maxBodySize` leaves `maxHeadSize` for the head. */
const textBytes = (limits: Limits): number => limits.capacity + limits.maxTrailerSize + 2

/** Bytes of the memory of one response. */
export function responseBytes(limits: Limits): number {
  return WORDS * 4 + 2 * tableBytes(limits) + align(textBytes(limits))
}

/** Copies the response that `reader` holds into shared memory. */
export class ResponsePoster {
  private readonly own: Int32Array

  constructor(
    private readonly reader: ResponseReader,
    private readonly limits: Limits,
  ) {
    this.own = new Int32Array(reader.u8.buffer)
  }

  /** Writes it at an address. `words` and `bytes` are the whole of the shared memory. */
  post(words: Int32Array, bytes: Uint8Array, address: number): void {
    const { reader, limits } = this
    const at = address >> 2
    const text = address + WORDS * 4 + 2 * tableBytes(limits)
    const start = reader.word(INCOMING_START)
    const head = reader.word(INCOMING_START_LENGTH)
    const body = reader.bodyBytes
    const fields = reader.word(HEAD_FIELD_COUNT)
    words[at + STATUS] = reader.word(HEAD_STATUS)
    words[at + MINOR] = reader.word(HEAD_MINOR_VERSION)
    words[at + REASON] = reader.word(HEAD_REASON_LENGTH) === 0 ? 0 : reader.word(HEAD_REASON) - start
    words[at + REASON_LENGTH] = reader.word(HEAD_REASON_LENGTH)
    words[at + HEAD] = head
    words[at + BODY] = body.length
    words[at + FIELDS] = fields
    words[at + VERIFIED] = reader.isEndVerified ? 1 : 0
    bytes.set(reader.u8.subarray(start, start + head), text)
    bytes.set(body, text + head)
    const table = reader.word(HEAD_FIELDS) >> 2
    for (let i = 0, to = at + WORDS; i < fields * FIELD_WORDS; i += 2) {
      words[to + i] = (this.own[table + i] as number) - start
      words[to + i + 1] = this.own[table + i + 1] as number
    }
    this.postTrailers(words, bytes, at, text + head + body.length, head + body.length)
  }

  /** Trailers lie apart from the head, each part by itself. */
  private postTrailers(words: Int32Array, bytes: Uint8Array, at: number, text: number, place: number): void {
    const { reader, own, limits } = this
    const count = reader.hasTrailers ? reader.word(INCOMING_BYTES + HEAD_FIELD_COUNT) : 0
    const table = reader.word(INCOMING_BYTES + HEAD_FIELDS) >> 2
    const to = at + WORDS + (tableBytes(limits) >> 2)
    let length = 0
    for (let i = 0; i < count * FIELD_WORDS; i += 2) {
      const from = own[table + i] as number
      const bytesOf = own[table + i + 1] as number
      words[to + i] = place + length
      words[to + i + 1] = bytesOf
      bytes.set(reader.u8.subarray(from, from + bytesOf), text + length)
      length += bytesOf
    }
    words[at + TRAILERS] = count
    words[at + TRAILER_TEXT] = length
  }
}

/** A response that was received through shared memory, in the receiving thread's own memory: one at a time. */
export class ReceivedResponse implements ResponseSource {
  serial = 0
  readonly fields: HeadFields
  isEndVerified = false
  timings: ResponseTimings | null = null
  /** Keeps the memory as long as this is kept. */
  private readonly region: Region
  private readonly u8: Uint8Array<ArrayBuffer>
  private readonly i32: Int32Array
  /** Word indexes of the record and of the two tables. */
  private readonly words: number
  private readonly table: number
  private readonly trailerTable: number
  /** Address of head and body. */
  private readonly text: number
  private trailerCount = 0
  private decoded: Uint8Array<ArrayBuffer> | null = null

  constructor(
    private readonly codec: Codec,
    private readonly limits: Limits,
  ) {
    const region = codec.region(align(INCOMING_BYTES) + 2 * tableBytes(limits) + align(textBytes(limits)))
    this.region = region
    this.u8 = this.region.memory.u8
    this.i32 = region.memory.i32
    const record = region.carve(INCOMING_BYTES)
    this.words = record >> 2
    this.table = region.carve(limits.maxHeaders * FIELD_BYTES) >> 2
    this.trailerTable = region.carve(limits.maxHeaders * FIELD_BYTES) >> 2
    this.text = region.carve(textBytes(limits))
    this.u8.fill(0, record, record + INCOMING_BYTES)
    this.set(HEAD_FIELDS, this.table << 2)
    this.fields = new HeadFields(region.memory, codec.text, record)
  }

  /** Copies a response in. Throws `SharedMemoryCorrupt`, for a request that was sent, when the owner cannot have posted it. */
  receive(words: Int32Array, bytes: Uint8Array, address: number): void {
    this.expire()
    try {
      this.copy(words, bytes, address)
    } catch (error) {
      this.expire()
      throw error
    }
  }

  /** Makes the received response stale. */
  expire(): void {
    this.serial = (this.serial + 1) & SERIAL_MASK
    this.timings = this.decoded = null
    this.fields.clear()
  }

  word(offset: number): number {
    return this.i32[this.words + (offset >> 2)] as number
  }

  trailers(): [name: string, value: string][] {
    const list: [string, string][] = []
    for (let i = 0, at = this.trailerTable; i < this.trailerCount; i++, at += FIELD_WORDS) list.push([this.textAt(at), this.textAt(at + 2)])
    return list
  }

  get bodyLength(): number {
    return this.decoded === null ? this.word(INCOMING_BODY_BYTES) : this.decoded.length
  }

  /** What the body is without its content coding: the response gives it out from here on. */
  set decodedBody(body: Uint8Array<ArrayBuffer>) {
    this.decoded = body
  }

  get maxBodySize(): number {
    return this.limits.maxBodySize
  }

  get bodyBytes(): Uint8Array {
    return this.decoded ?? this.rawBytes
  }

  get rawBytes(): Uint8Array {
    const start = this.text + this.word(INCOMING_START_LENGTH)
    return this.u8.subarray(start, start + this.word(INCOMING_BODY_BYTES))
  }

  bodyText(): string {
    const { codec, decoded } = this
    if (decoded !== null) return bodyTextOf(codec.text, decoded, 0, decoded.length)
    const start = this.text + this.word(INCOMING_START_LENGTH)
    return bodyTextOf(codec.text, this.u8, start, start + this.word(INCOMING_BODY_BYTES))
  }

  private copy(words: Int32Array, bytes: Uint8Array, address: number): void {
    const { limits, text } = this
    const at = address >> 2
    const read = (word: string, index: number, least: number, most: number): number => checkWord(word, words[at + index] as number, least, most)
    this.set(HEAD_STATUS, read('the status of a response', STATUS, 100, 999))
    this.set(HEAD_MINOR_VERSION, read('the version of a response', MINOR, 0, 1))
    const head = read('the length of a head', HEAD, 0, limits.capacity)
    const body = read('the length of a body', BODY, 0, limits.capacity - head)
    const fields = read('the number of fields', FIELDS, 0, limits.maxHeaders)
    const trailers = read('the number of trailers', TRAILERS, 0, limits.maxHeaders)
    const trailerText = read('the length of trailers', TRAILER_TEXT, 0, limits.maxTrailerSize + 2)
    this.isEndVerified = read('whether the end of a response is verified', VERIFIED, 0, 1) === 1
    const reasonLength = read('the length of a reason', REASON_LENGTH, 0, head)
    this.set(HEAD_REASON, text + read('the place of a reason', REASON, 0, head - reasonLength))
    this.set(HEAD_REASON_LENGTH, reasonLength)
    this.set(INCOMING_START, text)
    this.set(INCOMING_START_LENGTH, head)
    this.set(INCOMING_BODY_BYTES, body)
    const from = address + WORDS * 4 + 2 * tableBytes(limits)
    const length = head + body + trailerText
    this.u8.set(bytes.subarray(from, from + length), text)
    const table = at + WORDS
    this.copyTable(words, table, this.table, fields, 0, head)
    this.copyTable(words, table + (tableBytes(limits) >> 2), this.trailerTable, trailers, head + body, length)
    this.set(HEAD_FIELD_COUNT, fields)
    this.trailerCount = trailers
  }

  /** Names and values lie from `least` to `most` in the text. */
  private copyTable(words: Int32Array, from: number, to: number, count: number, least: number, most: number): void {
    for (let i = 0; i < count * FIELD_WORDS; i += 2) {
      const length = words[from + i + 1] as number
      const place = words[from + i] as number
      if (!(length >= 0 && length <= most - least)) throw corrupt('the length of a field', length)
      if (!(place >= least && place <= most - length)) throw corrupt('the place of a field', place)
      this.i32[to + i] = this.text + place
      this.i32[to + i + 1] = length
    }
  }

  private textAt(at: number): string {
    const start = this.i32[at] as number
    const end = start + (this.i32[at + 1] as number)
    let text = ''
    for (let i = start; i < end; i++) text += String.fromCharCode(this.u8[i] as number)
    return text
  }

  private set(offset: number, value: number): void {
    this.i32[this.words + (offset >> 2)] = value
  }
}
