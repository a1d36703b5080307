/** The opening handshake over a transport, for both ends, as straight-line async code. */

import { checkFields } from '../codec/http/injection.ts'
import { ClientHandshake, findField, listFields, listProtocols, ServerHandshake, type ServerHello, type UpgradeHead } from '../codec/ws/handshake.ts'
import type { DeflateAcceptance } from '../codec/ws/permessage-deflate.ts'
import { MADE, type Made } from '../composition.ts'
import { HandshakeError, type HandshakeErrorCode, TransportError, UsageError } from '../errors.ts'
import { nameValue } from '../naming.ts'
import { namesOf, showsItself } from '../printing.ts'
import type { Runtime } from '../runtime.ts'
import type { Transport } from '../transport/transport.ts'
import { Connection, type ConnectionUser } from './connection.ts'
import { linger } from './linger.ts'
import {
  type AcceptOptions,
  type ConnectOptions,
  type ResolvedOptions,
  resolveOptions,
  type UpgradeDecision,
  type UpgradeRequest,
} from './options.ts'
import type { WsTarget } from './url.ts'

/** An upgraded connection: the reader stands at the first frame. */
export interface Opened extends Made {
  /** @internal */
  readonly runtime: Runtime
  /** @internal */
  readonly connection: Connection
  /** @internal */
  readonly options: ResolvedOptions
  /** @internal */
  readonly protocol: string
  /** Agreed extensions, as the server's response names them; `''` for none. @internal */
  readonly extensions: string
  /** Client: fields of the response. @internal */
  readonly headers: readonly (readonly [string, string])[]
  /** Server: the client's opening request. */
  readonly request: UpgradeRequest | null
  /** A failure ends receiving as a close does: for those who look at `closed` anyway. Default false. @internal */
  readonly endsQuietly?: boolean
}

/** Waits for the transport on behalf of straight-line code. */
class HandshakeWaiter implements ConnectionUser {
  ended = false
  hasFailed = false
  private failure: unknown = null
  private wake: (() => void) | null = null
  private readonly cleanup: (() => void)[] = []

  constructor(runtime: Runtime, timeout: number, signal: AbortSignal | undefined) {
    if (timeout > 0) {
      const timer = runtime.clock.set(
        () => this.fail(new HandshakeError('HandshakeTimeout', `no complete opening handshake within ${timeout} ms (handshakeTimeout)`)),
        timeout,
      )
      this.cleanup.push(() => runtime.clock.clear(timer))
    }
    if (signal) {
      const onAbort = (): void => this.fail(signal.reason)
      if (signal.aborted) onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      this.cleanup.push(() => signal.removeEventListener('abort', onAbort))
    }
  }

  /** Resolves when something has happened; rejects when the handshake cannot go on. */
  async wait(connection: Connection): Promise<void> {
    this.check()
    const woken = new Promise<void>((resolve) => {
      this.wake = resolve
    })
    // The received part of the head stays, whatever the next read fills.
    connection.reader.makeWay()
    connection.resume()
    await woken
    this.check()
  }

  /** Waits for `work` of the application, within the same limits. */
  async during<T>(work: T | Promise<T>): Promise<T> {
    const interrupted = new Promise<void>((resolve) => {
      this.wake = resolve
    })
    const done = await Promise.race([Promise.resolve(work).then((value) => ({ value })), interrupted])
    this.check()
    if (done === undefined) throw new TransportError('ConnectionClosed', 'the client left while its request was considered')
    return done.value
  }

  check(): void {
    if (this.hasFailed) throw this.failure
  }

  done(): void {
    for (const step of this.cleanup) step()
  }

  onBytes(): void {
    this.wake?.()
  }

  onWritten(): void {}

  onEnd(): void {
    this.ended = true
    this.wake?.()
  }

  onClosed(error: Error | null): void {
    this.fail(new HandshakeError('ClosedDuringHandshake', 'the connection was lost during the opening handshake', null, { cause: error }))
  }

  private fail(error: unknown): void {
    if (this.hasFailed) return
    this.hasFailed = true
    this.failure = error
    this.wake?.()
  }
}

/** Milliseconds to wait for the body of a refusal. */
const REFUSAL_WAIT = 1_000

/** Judges an opening request as far as that is possible before there is a connection. Throws `InvalidOption` or `HeaderInjection`. */
export function checkRequest({ headers, protocols }: ConnectOptions): void {
  checkFields(listFields(headers))
  listProtocols(protocols)
}

/** The client's opening handshake (RFC 6455 section 4.1). Closes the transport when it fails. */
export async function openClient(runtime: Runtime, transport: Transport, target: WsTarget, options: ConnectOptions): Promise<Opened> {
  let connection: Connection | null = null
  let waiter: HandshakeWaiter | null = null
  let handshake: ClientHandshake | null = null
  try {
    const resolved = resolveOptions(options)
    const headers = listFields(options.headers)
    if (target.authorization !== undefined && findField(headers, 'authorization') === null) {
      headers.unshift(['Authorization', target.authorization])
    }
    const maskKeys = options.maskKeys ?? runtime.maskKeys
    waiter = new HandshakeWaiter(runtime, resolved.handshakeTimeout, options.signal)
    connection = new Connection(runtime, transport, 'client', resolved, maskKeys, waiter)
    const { reader, sender } = connection
    const protocols = listProtocols(options.protocols)
    const hello = {
      target: target.target,
      host: target.host,
      headers,
      protocols,
      nonce: maskKeys.bytes(16),
      deflate: resolved.deflate?.wishes ?? null,
    }
    handshake = new ClientHandshake(reader, sender.writer, hello, resolved.maxHeadSize, resolved.maxHeaders)
    sender.write()
    for (;;) {
      await waiter.wait(connection)
      const outcome = handshake.receive()
      if (outcome === 'open') {
        const { protocol, extensions, headers, deflate } = handshake
        if (resolved.deflate !== null && deflate !== null) connection.deflate('client', resolved.deflate.threshold, deflate)
        return { [MADE]: true, runtime, connection, options: resolved, protocol, extensions, headers, request: null }
      }
      if (outcome === 'refused') throw await refusal(runtime, connection, waiter, handshake)
      if (waiter.ended) throw closedEarly('the server closed the connection instead of answering')
    }
  } catch (error) {
    abandon(transport, connection)
    throw error
  } finally {
    handshake?.release()
    waiter?.done()
  }
}

/** Waits a moment for the body of a refusal, because it says why. */
async function refusal(runtime: Runtime, connection: Connection, waiter: HandshakeWaiter, handshake: ClientHandshake): Promise<HandshakeError> {
  let late = false
  const timer = runtime.clock.set(() => {
    late = true
    waiter.onBytes()
  }, REFUSAL_WAIT)
  try {
    while (!handshake.refused.complete && !waiter.ended && !late) await waiter.wait(connection)
  } catch {
    // The refusal itself says more than how its body was lost.
  } finally {
    runtime.clock.clear(timer)
  }
  return handshake.refused.error
}

/**
 * The server's opening handshake (RFC 6455 section 4.2). A refused request is answered and the connection closed.
 *
 * @param head of the request, when a server of the platform has read it already
 */
export async function openServer(runtime: Runtime, transport: Transport, options: AcceptOptions, head: UpgradeHead | null = null): Promise<Opened> {
  let connection: Connection | null = null
  let waiter: HandshakeWaiter | null = null
  let refused: Promise<void> | null = null
  let handshake: ServerHandshake | null = null
  try {
    const resolved = resolveOptions(options)
    const spoken = listProtocols(options.protocols)
    const fields = listFields(options.headers)
    waiter = new HandshakeWaiter(runtime, resolved.handshakeTimeout, options.signal)
    connection = new Connection(runtime, transport, 'server', resolved, options.maskKeys ?? runtime.maskKeys, waiter)
    const open = connection
    const answering = new ServerHandshake(open.reader, open.sender.writer, resolved.maxHeadSize, resolved.maxHeaders)
    handshake = answering
    const refuse = (status: number, reason: string, headers: readonly (readonly [string, string])[], body: string): void => {
      open.sender.append(answering.refuse(status, reason, headers, body))
      refused = linger(runtime, open, resolved.closeTimeout)
    }

    let hello: ServerHello | null
    try {
      hello = head === null ? await receiveHello(open, waiter, answering) : answering.take(head)
    } catch (error) {
      if (error instanceof HandshakeError && error.code !== 'ClosedDuringHandshake' && error.code !== 'HandshakeTimeout') {
        const status = error.code === 'HeadTooLarge' || error.code === 'TooManyHeaders' ? 431 : 400
        refuse(status, REASONS[status] as string, [], `${error.message}\n`)
      }
      throw error
    }
    if (hello.fault !== null) {
      const { status, error } = hello.fault
      refuse(status, REASONS[status] as string, [], `${error.message}\n`)
      throw error
    }
    const request = upgradeRequest(hello)
    let protocol: string
    let acceptance: DeflateAcceptance | null = null
    try {
      const decision: UpgradeDecision = (await waiter.during(options.onRequest?.(request))) ?? { accept: true }
      if (!decision.accept) {
        const { status, reason = REASONS[status] ?? '', body = '' } = decision
        if (!Number.isInteger(status) || status < 400 || status > 599) {
          throw new UsageError('InvalidOption', `a refusal needs a status from 400 to 599, not ${nameValue(status)}`)
        }
        refuse(status, reason, listFields(decision.headers), body)
        throw new HandshakeError('HandshakeRefused', `the request was refused with ${status}`)
      }
      protocol = decision.protocol ?? spoken.find((each) => request.protocols.includes(each)) ?? ''
      if (protocol !== '' && !request.protocols.includes(protocol)) {
        throw new UsageError('InvalidOption', 'onRequest: the protocol that it chose was not offered by the client')
      }
      if (resolved.deflate !== null) acceptance = answering.agree(resolved.deflate.wishes)
      answering.accept(protocol, [...fields, ...listFields(decision.headers)])
    } catch (error) {
      // The application failed, not the client, which gets that answer.
      if (refused === null && !waiter.hasFailed) refuse(500, REASONS[500] as string, [], '')
      throw error
    }
    open.sender.write()
    if (resolved.deflate !== null && acceptance !== null) open.deflate('server', resolved.deflate.threshold, acceptance.parameters)
    return { [MADE]: true, runtime, connection: open, options: resolved, protocol, extensions: acceptance?.field ?? '', headers: [], request }
  } catch (error) {
    if (refused === null) abandon(transport, connection)
    throw error
  } finally {
    handshake?.release()
    waiter?.done()
  }
}

async function receiveHello(connection: Connection, waiter: HandshakeWaiter, handshake: ServerHandshake): Promise<ServerHello> {
  for (;;) {
    await waiter.wait(connection)
    const hello = handshake.receive()
    if (hello !== null) return hello
    if (waiter.ended) throw closedEarly('the client closed the connection before its request was complete')
  }
}

function abandon(transport: Transport, connection: Connection | null): void {
  transport.destroy()
  connection?.release()
}

function closedEarly(message: string): HandshakeError {
  return new HandshakeError('ClosedDuringHandshake' satisfies HandshakeErrorCode, message)
}

function upgradeRequest(hello: ServerHello): UpgradeRequest {
  const { path, host, headers, protocols } = hello
  const request: UpgradeRequest = { path, host, headers, protocols, header: (name) => findField(headers, name) }
  showsItself(request, (it) => ({ host: it.host, headers: namesOf(it.headers), protocols: it.protocols }))
  return request
}

/** Reason phrases of the statuses that a handshake is refused with. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}
