/** Reconnecting: a fresh stream each time, one after the other, with a growing and jittered pause between. */

import { BACKOFF_OPTIONS, Backoff, type BackoffOptions } from '../backoff.ts'
import { notify, report } from '../callback.ts'
import { sleep } from '../clock.ts'
import { NexusError } from '../errors.ts'
import { bag, callback, type Family, number, TIMER_MAX } from '../option-rules.ts'
import type { Runtime } from '../runtime.ts'
import type { CloseInfo } from './closing.ts'
import { CONNECT_OPTIONS, type ConnectOptions } from './options.ts'
import type { WsConnection } from './ws-connection.ts'

/** What is known when a session begins. */
export interface SessionInfo {
  /** 1 for the first session, 2 for the one after the first reconnect … */
  readonly session: number
  /** Attempts that this session took. */
  readonly attempts: number
}

/** What is known when a session has ended, or could not begin. */
export interface SessionDown {
  /** How the stream ended; null when none was opened. */
  readonly close: CloseInfo | null
  /** Why, when it was a failure. */
  readonly error: unknown
  /** Milliseconds until the next attempt. */
  readonly delay: number
  /** Attempts that have failed since the last session. */
  readonly attempts: number
}

/** Options of {@link sessions}. */
export interface SessionOptions<Stream = WsConnection> extends ConnectOptions {
  /** Pauses between attempts. Default 100 ms, doubling to 30 s, half of each random. */
  backoff?: BackoffOptions | undefined
  /** Milliseconds: after a session that lasted so long, the pauses start again with the shortest. Default 10,000. */
  stableAfter?: number | undefined
  /** Called with each stream before the loop receives it: the place to replay subscriptions. A session whose `onOpen` rejects is closed and counts as failed. */
  onOpen?: ((ws: Stream, info: SessionInfo) => void | Promise<void>) | undefined
  /** Called after each end and each failed attempt. What it throws does not end the iteration: it becomes an uncaught error of the program. */
  onDown?: ((down: SessionDown) => void) | undefined
  /** Decides whether another attempt follows this failed one. Default: yes, except after errors in the options. Returning false ends the iteration with the error, throwing ends it with what is thrown. */
  shouldRetry?: ((error: unknown, attempts: number) => boolean | Promise<boolean>) | undefined
}

/** What they may be. */
export const SESSION_OPTIONS: Family<SessionOptions> = {
  ...CONNECT_OPTIONS,
  backoff: bag(BACKOFF_OPTIONS),
  stableAfter: number(0, TIMER_MAX, 'ms', 10_000),
  onOpen: callback("(ws) => ws.sendText('subscribe')"),
  onDown: callback('({ error, delay }) => console.log(error, delay)'),
  shouldRetry: callback('(error, attempts) => attempts < 10'),
}

/**
 * Yields one open stream after the other until the loop is left or the signal is aborted. A stream is closed before the next attempt begins,
 * so there are never two live connections. In these streams a lost connection ends receiving instead of throwing.
 *
 * @internal
 */
export async function* sessions<Stream extends WsConnection>(
  runtime: Runtime,
  open: () => Promise<Stream>,
  options: SessionOptions<Stream>,
): AsyncGenerator<Stream, void, undefined> {
  const backoff = new Backoff(options.backoff ?? {}, runtime.random)
  const { stableAfter = 10_000 } = options
  const { clock } = runtime
  const { signal } = options
  let attempts = 0
  for (let session = 1; ; ) {
    let close: CloseInfo | null = null
    let error: unknown = null
    let ws: Stream | null = null
    attempts++
    try {
      if (signal?.aborted) return
      ws = await open()
      const since = clock.now()
      const stop = onAbort(signal, ws)
      try {
        await options.onOpen?.(ws, { session, attempts })
        session++
        attempts = 0
        yield ws
      } finally {
        stop()
        close = await ws.close()
        if (clock.now() - since >= stableAfter) backoff.reset()
      }
      error = close.error
    } catch (reason) {
      if (signal?.aborted) return
      error = reason
      if (!(await (options.shouldRetry?.(reason, attempts) ?? isWorthRetrying(reason)))) throw reason
    }
    if (signal?.aborted) return
    const delay = backoff.next()
    notify(() => options.onDown?.({ close, error, delay, attempts }), report)
    try {
      await sleep(clock, delay, signal)
    } catch {
      return
    }
  }
}

function onAbort(signal: AbortSignal | undefined, ws: WsConnection): () => void {
  if (signal === undefined) return () => {}
  const cut = (): void => {
    ws.close().catch(() => {})
  }
  if (signal.aborted) cut()
  signal.addEventListener('abort', cut, { once: true })
  return () => signal.removeEventListener('abort', cut)
}

/** Errors that another attempt cannot correct: a wrong call stays wrong. */
const FINAL: ReadonlySet<string> = new Set([
  'InvalidUrl',
  'InvalidOption',
  'OptionUnsupported',
  'TlsOptionInvalid',
  'TlsOptionUnsupported',
  'CodecMismatch',
  'HeaderInjection',
  'OutgoingHeadTooLarge',
])

function isWorthRetrying(error: unknown): boolean {
  return !(error instanceof NexusError && FINAL.has(error.code))
}
