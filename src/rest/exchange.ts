/**
 * A request and its response on one connection: an object that the connection has from its beginning, and uses again for each request.
 *
 * Rule 1: one way in, `begin`. A request that can be refused is refused there, and what `begin` had taken by then is released: the connection stays idle.
 * Rule 2: one way out, `end`, whether the response is complete or the request failed. Everything that an exchange holds is released there, so the
 *         connection is idle or poisoned afterwards, never half busy.
 * Rule 3: it never judges the connection: it reports how the response ended, and the connection decides.
 */

import { STEP_COMPLETE, STEP_DATA, STEP_FAILED, STEP_HEAD, STEP_INTERIM, STEP_MORE } from '../../assembly/abi.ts'
import { notify, report } from '../callback.ts'
import { askCompressed } from '../codec/http/accept-encoding.ts'
import type { InterimResponse } from '../codec/http/interim.ts'
import type { RequestMemory } from '../codec/http/request.ts'
import type { ResponseTimings, RestResponse, Timed } from '../codec/http/response.ts'
import { ResponseReader } from '../codec/http/response-reader.ts'
import type { Codec } from '../codec/memory.ts'
import { type RequestSent, RestError, UsageError } from '../errors.ts'
import { checkOptions } from '../option-rules.ts'
import type { Runtime } from '../runtime.ts'
import type { Forwarding, Transport } from '../transport/transport.ts'
import { Alarm } from './alarm.ts'
import { BodyDecoder, codingOf, decodeBody } from './content-coding.ts'
import { SEND_OPTIONS, type SendOptions } from './options.ts'
import { RequestBody, streamOf } from './request-body.ts'
import { abandonedRequest, type Outcome, REFUSED, unauthenticated, undecodableBody, unexpectedData, unusableResponse } from './rest-errors.ts'
import { checkRequest, type SendableRequest } from './sendable.ts'
import type { Abortable, Signals } from './signals.ts'
import { type BodySource, StreamedResponse } from './streamed-response.ts'
import { WriteGrace } from './write-grace.ts'

/** What an exchange needs of its connection. */
export interface ExchangeHost {
  /** The reader that the transport reads into. */
  readonly reader: ResponseReader
  /** A response is complete. `keepAlive`: how long the server says that it keeps an idle connection, in ms, or -1. */
  onAnswered(reusable: boolean, isFollowed: boolean, keepAlive: number): void
  /** Everything that was delivered has been used. */
  readOn(): void
  /** The request failed: the connection can't be used again. */
  lose(error: Error | null, gracefully: boolean): void
}

/** Defaults for a request without these options. */
export interface ExchangeDefaults {
  readonly timeout: number
  readonly requireVerifiedEnd: boolean
  readonly decompress: boolean
}

/** Places of the times of the last exchange, in ms of the clock. */
const STARTED = 0
const FIRST_BYTE = 1
const COMPLETED = 2
const READ = 3

const PROXY_AUTHENTICATION_REQUIRED = 407

/** Does a proxy say that it keeps the connection? Some close it after a response that says nothing of it, and the next request would be lost. */
function saysKeepAlive(response: RestResponse<unknown>): boolean {
  return ['Connection', 'Proxy-Connection'].some((name) => /\bkeep-alive\b/i.test(response.header(name) ?? ''))
}

/** One exchange at a time. */
export class Exchange implements Abortable, Timed {
  /** Requests that were answered. */
  answered = 0
  private readonly clock: Runtime['clock']
  private readonly codec: Codec
  private readonly openedAt: number
  private readonly times = new Float64Array(4)
  private readonly alarm: Alarm
  private readonly grace: WriteGrace
  /** How requests are written when a proxy reads them. */
  private readonly forwarding: Forwarding | undefined
  /** Counts the exchanges: a callback of one that has ended is told apart. */
  private serial = 0
  /** Where the response is read: the connection's own reader, or one that was given with the request. Null when no exchange is under way. */
  private reader: ResponseReader | null = null
  /** Which target of a reader that was given is filled next. */
  private otherTarget: 0 | 1 = 0
  /** The content coding of its body is undone. */
  private decompresses = false
  /** Pieces of a read are being passed on: nothing may happen in between. */
  private passing = false
  /** Its limit in ms. */
  private limit = 0
  private resolve: ((response: never) => void) | null = null
  private reject: ((error: Error) => void) | null = null
  /** Why the body of the response, which is whole, can't be given. */
  private undecodable: RestError | null = null
  private streamed: StreamedResponse | null = null
  private body: RequestBody | null = null
  private onInterim: SendOptions['onInterim']
  private signal: AbortSignal | undefined
  /** The response is complete, and waits until the system reports that it took all of the request. */
  private held = false
  /**
   * The writer of a request that the system has not fully taken: its memory is in use. When the connection is lost, this lasts beyond the exchange, until
   * the transport is done.
   */
  private writing: RequestMemory | null = null

  constructor(
    { clock, codec }: Runtime,
    private readonly host: ExchangeHost,
    private readonly transport: Transport,
    private readonly signals: Signals,
  ) {
    this.clock = clock
    this.codec = codec
    this.forwarding = transport.forwarding
    this.alarm = new Alarm(clock, () => this.onTimeout())
    this.grace = new WriteGrace(clock, () => this.finish(false))
    this.openedAt = clock.now()
    this.times.fill(this.openedAt)
  }

  /** A request is under way. */
  get isOpen(): boolean {
    return this.reader !== null
  }

  /** Milliseconds since the connection was opened. */
  get age(): number {
    return this.clock.now() - this.openedAt
  }

  /** Time of the clock at which the last response was complete. */
  get completedAt(): number {
    return this.times[COMPLETED] as number
  }

  /** How the last exchange went. */
  get timings(): ResponseTimings {
    const started = this.times[STARTED] as number
    return {
      queued: 0,
      firstByte: (this.times[FIRST_BYTE] as number) - started,
      total: (this.times[COMPLETED] as number) - started,
      reused: this.answered > 1,
      connectionAge: started - this.openedAt,
      requests: this.answered,
    }
  }

  /** How far the current exchange has got. */
  get outcome(): Outcome {
    const requestSent = this.sent
    const phase = this.reader?.hasBegun ? 'body' : requestSent === 'fully' ? 'first byte' : 'send'
    return { requestSent, phase, elapsed: this.clock.now() - (this.times[STARTED] as number) }
  }

  /** The way in: returns what is to be written first. Throws, with everything as it was, for what can't be sent: not one byte has left. */
  begin(
    request: SendableRequest,
    reader: ResponseReader,
    options: SendOptions,
    defaults: ExchangeDefaults,
    streaming: boolean,
    resolve: (response: never) => void,
    reject: (error: Error) => void,
  ): Uint8Array {
    const given = checkRequest(request)
    checkOptions(SEND_OPTIONS, options)
    const {
      timeout: limit = defaults.timeout,
      requireVerifiedEnd = defaults.requireVerifiedEnd,
      decompress = defaults.decompress,
      onInterim,
    } = options
    // Null means no signal.
    const signal = options.signal ?? undefined
    if (signal?.aborted) throw new RestError('RequestAborted', 'the request was aborted before it was sent', { ...REFUSED, cause: signal.reason })
    const { forwarding } = this
    let first = given
    let { stream = null } = request
    if (decompress) {
      const asking = askCompressed(given)
      first = asking.bytes
      if (asking.body !== null) stream = streamOf(asking.body)
    }
    const head = forwarding === undefined ? first : forwarding.forward(first, request.method)
    const isOther = reader !== this.host.reader
    if (isOther) claimOther(reader, this)
    this.reader = reader
    try {
      if (stream !== null) this.body = RequestBody.open(head, request.writer, stream, this.transport)
      if (isOther) reader.reset()
      reader.begin(request.method)
      if (signal !== undefined) this.signals.follow(signal, this)
    } catch (error) {
      this.end()
      throw error
    }
    reader.timed = this
    reader.streaming = streaming
    reader.requiresVerifiedEnd = requireVerifiedEnd
    this.decompresses = decompress
    this.serial++
    this.signal = signal
    this.onInterim = onInterim
    this.resolve = resolve
    this.reject = reject
    const now = this.clock.now()
    this.times[STARTED] = now
    this.times[FIRST_BYTE] = now
    this.limit = limit
    if (limit !== 0) this.alarm.set(now + limit)
    return head
  }

  /** The first bytes leave. @param writer whose memory they may lie in */
  write(head: Uint8Array, writer: RequestMemory): void {
    const { body } = this
    if (body === null) {
      if (!this.transport.write(head)) this.lend(writer)
      return
    }
    this.lend(writer)
    body.start((error) => this.onBodyEnd(error))
  }

  /** `length` bytes were received, at the beginning of target `index` of the connection's own reader. */
  receive(index: 0 | 1, target: Uint8Array, length: number): void {
    if (this.held) {
      this.finish(true)
      return
    }
    const reader = this.reader as ResponseReader
    this.times[READ] = this.clock.now()
    if (!reader.hasBegun) this.times[FIRST_BYTE] = this.times[READ] as number
    if (reader === this.host.reader) this.take(reader, reader.commit(index, length))
    else this.passOn(reader, target.subarray(0, length))
  }

  /** The server has ended: it will send nothing more. When the exchange is not over then, the end of the connection decides. */
  receiveEnd(): void {
    const { reader } = this
    if (reader !== null && !this.held) this.take(reader, reader.end(this.transport.endProof))
    if (this.held) this.finish(false)
  }

  /** The transport has released the bytes that it was given. */
  onWritten(): void {
    this.body?.onWritten()
    // The response was held until the system took all of a whole body: this was the last of it.
    if (this.body === null || this.held) this.endWriting()
    if (this.held) this.finish(false)
  }

  /** The connection is gone, and its transport done with all memory. */
  onClosed(): void {
    if (this.held) this.finish(false)
    this.endWriting()
  }

  /** We give the request up. */
  abandon(code: 'RequestTimeout' | 'RequestAborted', message: string, cause?: unknown): void {
    if (this.isOpen) this.host.lose(abandonedRequest(code, message, this.outcome, cause), false)
  }

  /** The way out, with a failure. */
  fail(error: RestError): void {
    const { reject, streamed } = this
    this.end()
    if (streamed !== null) streamed.end(error)
    else reject?.(error)
  }

  /** No exchange will follow. */
  stop(): void {
    this.alarm.stop()
  }

  // Abortable.

  onAbort(reason: unknown): void {
    this.signal = undefined
    this.abandon('RequestAborted', 'the request was aborted', reason)
  }

  // How it works inside.

  /** How much of the request has left. A transport that throws here may have sent some of it. */
  private get sent(): RequestSent {
    try {
      return this.body?.sent ?? this.transport.lastWrite
    } catch {
      return 'partly'
    }
  }

  private lend(writer: RequestMemory): void {
    writer.inUse = true
    this.writing = writer
  }

  private endWriting(): void {
    if (this.writing === null) return
    this.writing.inUse = false
    this.writing = null
  }

  /** Bytes for a reader that the system does not write into. */
  private passOn(reader: ResponseReader, bytes: Uint8Array): void {
    const targets = reader.targets()
    const { serial } = this
    let at = 0
    // A transport may deliver further bytes from inside `resume`: not before all of these have been used.
    this.passing = true
    do {
      const target = targets[this.otherTarget] as Uint8Array
      const piece = bytes.subarray(at, at + target.length)
      target.set(piece)
      at += piece.length
      const { otherTarget } = this
      this.otherTarget = otherTarget === 0 ? 1 : 0
      this.take(reader, reader.commit(otherTarget, piece.length))
    } while (at < bytes.length && this.serial === serial && this.isOpen && !this.held)
    this.passing = false
    if (at === bytes.length) {
      if (this.isOpen) this.readOn()
    } else if (this.held) {
      this.finish(true)
    } else {
      this.host.lose(unexpectedData(), false)
    }
  }

  /** Acts on what the reader found in the bytes. */
  private take(reader: ResponseReader, outcome: number): void {
    const { serial } = this
    for (let progress = outcome; ; progress = reader.advance()) {
      switch (progress) {
        case STEP_MORE:
          this.readOn()
          return
        case STEP_INTERIM:
          this.tellInterim(reader.interim)
          break
        case STEP_HEAD:
          this.onHead(reader)
          break
        case STEP_DATA:
          this.streamed?.push(reader.u8.slice(reader.dataAddress, reader.dataAddress + reader.dataLength))
          break
        case STEP_COMPLETE:
          this.onComplete(reader)
          return
        case STEP_FAILED:
          this.host.lose(unusableResponse(reader.error ?? unexpectedData(), this.outcome), false)
          return
      }
      // An observer or a consumer may have ended the exchange.
      if (this.serial !== serial || !this.isOpen) return
    }
  }

  /** The callback belongs to the request: it fails with it, as long as it is under way. */
  private tellInterim(response: InterimResponse): void {
    const { onInterim, serial } = this
    if (onInterim === undefined) return
    notify(
      () => onInterim(response),
      (error) => {
        if (this.serial === serial && this.isOpen) this.abandon('RequestAborted', 'onInterim threw', error)
        else report(error)
      },
    )
  }

  /** Asks for more, unless a consumer of the body has enough to do. */
  private readOn(): void {
    if (!this.passing && (this.streamed === null || this.streamed.wantsMore)) this.host.readOn()
  }

  /** The head of a response whose body is streamed. */
  private onHead(reader: ResponseReader): void {
    if (this.isOfProxy(reader)) return
    const { serial } = this
    const resolve = this.resolve as ((response: StreamedResponse) => void) | null
    const isCurrent = (): boolean => this.serial === serial && this.isOpen
    const started = this.times[STARTED] as number
    const coding = this.decompresses ? codingOf(reader.response) : null
    const source: BodySource = {
      more: () => {
        if (isCurrent()) this.host.readOn()
      },
      cancel: () => {
        if (isCurrent()) this.abandon('RequestAborted', 'the body was not read to its end')
      },
      broken: (error) => {
        const outcome: Outcome = { requestSent: isCurrent() ? this.sent : 'fully', phase: 'body', elapsed: this.clock.now() - started }
        const failure = undecodableBody(error, outcome)
        if (isCurrent()) {
          if (failure === null) this.abandon('RequestAborted', 'the body could not be inflated here', error)
          else this.host.lose(failure, false)
        }
        return failure ?? (error as Error)
      },
    }
    this.streamed = new StreamedResponse(
      reader.response as RestResponse,
      source,
      coding === null ? null : new BodyDecoder(this.codec, coding, reader.maxBodySize),
    )
    this.resolve = null
    resolve?.(this.streamed)
  }

  /** A proxy that forwards requests wants credentials, or others (RFC 9110 section 15.5.8): the request fails as a tunnel would. */
  private isOfProxy(reader: ResponseReader): boolean {
    if (this.forwarding === undefined || reader.response.status !== PROXY_AUTHENTICATION_REQUIRED) return false
    this.host.lose(unauthenticated(reader.response, this.outcome), false)
    return true
  }

  /** The response is complete. */
  private onComplete(reader: ResponseReader): void {
    if (this.isOfProxy(reader)) return
    this.decode(reader)
    const isWhole = this.body === null || this.body.isWhole
    // Whether the source of a body has said that this was all does not matter now.
    if (this.body !== null && isWhole && this.transport.lastWrite === 'fully') this.endWriting()
    if (this.writing === null || !isWhole || reader.surplus !== 0) {
      this.finish(false)
      return
    }
    // Nearly always the server has read all of the request, and the system reports that a moment later. A response that really overtakes its request,
    // such as a 413, waits in vain.
    this.held = true
    this.alarm.set(Number.POSITIVE_INFINITY)
    this.grace.begin()
    this.readOn()
  }

  /** Undoes the coding of a body that is whole. When that is not possible, the request fails; the response ends where it says, and the connection goes on. */
  private decode(reader: ResponseReader): void {
    const coding = this.decompresses && this.streamed === null ? codingOf(reader.response) : null
    if (coding === null) return
    try {
      reader.decodedBody = decodeBody(this.codec, coding, reader.rawBytes, reader.maxBodySize)
    } catch (error) {
      this.undecodable = undecodableBody(error, { ...this.outcome, phase: 'body' })
      if (this.undecodable === null) throw error
    }
  }

  /** The way out, with a response. `isFollowed`: further bytes were received, which belong to nothing. */
  private finish(isFollowed: boolean): void {
    const { streamed, resolve, reject, undecodable } = this
    const reader = this.reader as ResponseReader
    const response = streamed === null ? (reader.response as RestResponse) : null
    this.times[COMPLETED] = this.times[READ] as number
    this.answered++
    const isSurplus = isFollowed || reader.surplus !== 0
    // A response that overtook its request leaves the server in the middle of reading it.
    const reusable = reader.reusable && !isSurplus && this.writing === null && (this.forwarding === undefined || saysKeepAlive(reader.response))
    this.end()
    try {
      this.host.onAnswered(reusable, isSurplus, reader.keepAliveTimeout)
    } finally {
      if (streamed !== null) streamed.end(null)
      else if (undecodable !== null) reject?.(undecodable)
      else (resolve as ((response: RestResponse | null) => void) | null)?.(response)
    }
  }

  private onTimeout(): void {
    if (!this.isOpen) return
    const { phase } = this.outcome
    const waitingFor = phase === 'send' ? 'the system to take the request' : `the ${phase}`
    this.abandon('RequestTimeout', `no complete response within ${this.limit} ms (timeout), while waiting for ${waitingFor}`)
  }

  /** The source of a streamed body has ended, or failed. Not called once the exchange has ended. */
  private onBodyEnd(error: unknown): void {
    if (error === null) {
      this.body = null
      this.endWriting()
      return
    }
    const options = { ...this.outcome, fault: 'local', cause: error } as const
    this.host.lose(new RestError('RequestBodyFailed', 'the source of the request body failed', options), false)
  }

  /** Releases everything that the exchange holds. */
  private end(): void {
    const { reader, body, signal } = this
    this.reader = null
    this.resolve = null
    this.reject = null
    this.streamed = null
    this.undecodable = null
    this.onInterim = undefined
    this.passing = false
    this.alarm.set(Number.POSITIVE_INFINITY)
    if (reader !== null && reader !== this.host.reader) reader.letGo(this)
    if (this.held) {
      this.held = false
      this.grace.end()
    }
    if (body !== null) {
      this.body = null
      body.abandon()
    }
    if (signal !== undefined) {
      this.signal = undefined
      this.signals.leave(signal, this)
    }
  }
}

/** Takes a reader that was given with a request for this exchange. Throws `InvalidOption`. */
function claimOther(reader: unknown, user: Exchange): void {
  if (!(reader instanceof ResponseReader)) throw new UsageError('InvalidOption', 'reader must be a ResponseReader: options come after it')
  reader.claim(user)
}
