/** A dispatched request as its handler sees it: undici's events, in the interface of version 6 (`onConnect` …) or that of 7 and 8 (`onRequestStart` …). */

import { Buffer } from 'node:buffer'
import type { Fields } from '../../codec/http/fields.ts'
import { undiciError } from './undici-errors.ts'

type Event = (...args: never[]) => unknown

/** A handler of either interface. */
export type DispatchHandler = Readonly<Record<string, Event | unknown>> | object

/** What a handler holds its request by. */
export interface DispatchController {
  readonly aborted: boolean
  readonly paused: boolean
  readonly reason: unknown
  readonly rawHeaders: (string | Buffer)[] | null
  readonly rawTrailers: (string | Buffer)[] | null
  abort(reason?: unknown): void
  pause(): void
  resume(): void
}

type Handler = Readonly<Partial<Record<string, (...args: unknown[]) => unknown>>>
type Parsed = Record<string, string | string[]>

const NOT_ASCII = /[^\0-\x7f]/

/** One request. Whatever ends it ends it once: `onOver` is called before the handler learns of it. */
export class Call implements DispatchController {
  aborted = false
  paused = false
  reason: unknown = null
  rawHeaders: (string | Buffer)[] | null = null
  rawTrailers: (string | Buffer)[] | null = null
  /** When it has waited for too long, in the clock's ms. */
  due: number = Number.POSITIVE_INFINITY
  /** What is too late then. */
  waitsFor: 'HeadersTimeoutError' | 'BodyTimeoutError' = 'HeadersTimeoutError'
  isOver = false
  /** It was cut for that reason. */
  isLate = false
  /** Gives its connection up; null while it has none. */
  onCut: (() => void) | null = null
  readonly #handler: Handler
  /** The interface of its handler is that of undici 6. */
  readonly isOld: boolean
  readonly #onOver: () => void
  #wake: (() => void) | null = null
  readonly #resume = (): void => this.resume()

  constructor(handler: DispatchHandler, onOver: () => void) {
    this.#handler = handler as Handler
    this.isOld = typeof this.#handler['onRequestStart'] !== 'function'
    this.#onOver = onOver
  }

  // As undici's controller.

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  abort(reason?: unknown): void {
    if (this.isOver) return
    this.aborted = true
    this.reason = reason ?? undiciError('AbortError')
    this.fail(this.reason)
  }

  // What happens.

  start(): void {
    if (this.isOld) this.#tell('onConnect', (reason?: unknown) => this.abort(reason))
    else this.#tell('onRequestStart', this, null)
  }

  head(status: number, fields: Fields, reason: string): void {
    this.rawHeaders = rawOf(fields)
    this.#handler['onResponseStarted']?.()
    if (!this.isOld) this.#tell('onResponseStart', this, status, parsedOf(fields), reason)
    else if (this.#tell('onHeaders', status, this.rawHeaders, this.#resume, reason) === false) this.pause()
  }

  data(piece: Uint8Array): void {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    if (!this.isOld) this.#tell('onResponseData', this, chunk)
    else if (this.#tell('onData', chunk) === false) this.pause()
  }

  end(trailers: Fields): void {
    if (!this.#finish()) return
    this.rawTrailers = rawOf(trailers)
    try {
      if (this.isOld) this.#handler['onComplete']?.(this.rawTrailers)
      else this.#handler['onResponseEnd']?.(this, parsedOf(trailers))
    } catch (error) {
      this.#report(error)
    }
  }

  fail(error: unknown): void {
    if (this.#finish()) this.#report(error)
  }

  /** Gives the connection up: whoever waits for it reports the failure. */
  cut(isLate = false): void {
    this.isLate = isLate
    this.due = Number.POSITIVE_INFINITY
    this.resume()
    this.onCut?.()
  }

  /** A piece of the request's body leaves; null: all of it has. */
  sent(piece: string | Uint8Array | null): void {
    if (piece === null) this.#tell('onRequestSent')
    else this.#tell('onBodySent', piece)
  }

  /** Resolves when the handler wants more. */
  async whilePaused(): Promise<void> {
    while (this.paused && !this.isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** What a handler throws aborts its request. */
  #tell(event: string, ...args: unknown[]): unknown {
    try {
      return this.#handler[event]?.(...args)
    } catch (error) {
      this.abort(error)
      return false
    }
  }

  #report(error: unknown): void {
    if (this.isOld) this.#handler['onError']?.(error)
    else this.#handler['onResponseError']?.(this, error)
  }

  /** False when it is over already. */
  #finish(): boolean {
    if (this.isOver) return false
    this.isOver = true
    this.cut()
    this.#onOver()
    return true
  }
}

const OLD = ['onConnect', 'onResponseStarted', 'onHeaders', 'onData', 'onComplete', 'onError', 'onUpgrade', 'onBodySent', 'onRequestSent'] as const

/** A handler of both interfaces, from one of undici 6: an interceptor may be of any version. What an interceptor has changed counts, not what was received. */
export function bridge(handler: DispatchHandler): DispatchHandler {
  const old = handler as Handler
  if (typeof old['onRequestStart'] === 'function') return old
  const bound: Record<string, (...args: unknown[]) => unknown> = {}
  for (const name of OLD) if (typeof old[name] === 'function') bound[name] = (...args) => old[name]?.(...args)
  return {
    ...bound,
    onRequestStart: (controller: DispatchController, context: unknown) => old['onConnect']?.((reason?: unknown) => controller.abort(reason), context),
    onRequestUpgrade: (_: unknown, status: number, headers: Parsed, socket: unknown) => old['onUpgrade']?.(status, rawAgain(headers), socket),
    onResponseStart(controller: DispatchController, status: number, headers: Parsed, reason: string) {
      if (old['onHeaders']?.(status, rawAgain(headers), () => controller.resume(), reason) === false) controller.pause()
    },
    onResponseData(controller: DispatchController, chunk: Buffer) {
      if (old['onData']?.(chunk) === false) controller.pause()
    },
    onResponseEnd: (_: unknown, trailers: Parsed) => old['onComplete']?.(rawAgain(trailers)),
    onResponseError: (_: unknown, error: unknown) => old['onError']?.(error),
  }
}

function rawAgain(parsed: Parsed): string[] {
  return Object.entries(parsed).flatMap(([name, value]) => [value].flat().flatMap((each) => [name, each]))
}

/** Names and values in turn. undici has a Buffer for each; text that is ASCII is a string here. */
function rawOf(fields: Fields): (string | Buffer)[] {
  const raw: (string | Buffer)[] = []
  for (const [name, value] of fields) raw.push(name, NOT_ASCII.test(value) ? Buffer.from(value, 'latin1') : value)
  return raw
}

/** By names in lower case; what occurs more than once is a list. */
function parsedOf(fields: Fields): Parsed {
  const parsed: Parsed = {}
  for (const [name, given] of fields) {
    const key = name.toLowerCase()
    const value = NOT_ASCII.test(given) && key !== 'content-disposition' ? Buffer.from(given, 'latin1').toString() : given
    const before = Object.hasOwn(parsed, key) ? parsed[key] : undefined
    if (before === undefined) Object.defineProperty(parsed, key, { value, enumerable: true, configurable: true, writable: true })
    else if (Array.isArray(before)) before.push(value)
    else parsed[key] = [before, value]
  }
  return parsed
}
