/**
 * How a WebSocket ends (RFC 6455 section 7). Pure: its inputs are events, its outputs are actions.
 *
 * Rule 1: the first verdict counts. Nothing that happens later changes how a connection ended.
 * Rule 2: a close frame that was received before a loss is the verdict: the peer has said why it left.
 * Rule 3: an end without a close frame is a failure (1006), whatever brought it, unless this side cut the connection itself.
 * Rule 4: after its own close, a consumer learns of a failure only from `closed`; receiving just ends.
 */

import { CloseCode } from '../codec/ws/message.ts'
import { type ProtocolError, TransportError } from '../errors.ts'

/** How a connection ended. */
export interface CloseInfo {
  /** The peer's close code; 1005 when its close frame had none, 1006 when there was no close frame. */
  readonly code: number
  /** The peer's reason. */
  readonly reason: string
  /** Both sides sent a close frame (RFC 6455 section 7.1.4). */
  readonly wasClean: boolean
  /** Why the connection failed. Null after a close frame from the peer, and after `destroy()`. */
  readonly error: Error | null
}

/** Where a connection stands. */
export type ReadyState = 'open' | 'closing' | 'closed'

/** The content of a close frame. */
export interface CloseFrame {
  readonly code: number
  readonly reason: string
}

/**
 * What to do, in the order in which it is listed:
 *
 * - `send`: a close frame, {@link Closing.frame}
 * - `wait`: for the other side, at most `closeTimeout`
 * - `drop`: all messages in the reader, and all later ones
 * - `watch`: read on only to see the end of the connection; the last message stays valid
 * - `end`: end this side of the connection when everything is written (a server ends first, RFC 6455 section 7.1.1)
 * - `linger`: leave the peer time to read the close frame, then cut
 * - `cut`: end the connection at once
 * - `judge`: look for a close frame among the messages that were received; the loss waits for the answer
 * - `over`: {@link Closing.info} is final
 */
export type ClosingAction = 'send' | 'wait' | 'drop' | 'watch' | 'end' | 'linger' | 'cut' | 'judge' | 'over'

const NOTHING: readonly ClosingAction[] = []

/** The end of one connection. An input that arrives too late is harmless. */
export class Closing {
  /** Where the connection stands. */
  readyState: ReadyState = 'open'
  /** The close frame for `send`. */
  frame: CloseFrame = { code: CloseCode.Normal, reason: '' }
  /** No further message counts: this side has closed, or the peer's close frame was taken. */
  drops = false
  /** The connection belongs to the lingering code. */
  lingers = false
  private sent = false
  private received: CloseFrame | null = null
  /** The consumer closed or destroyed. */
  private hasLeft = false
  private reason: Error | null = null
  private isFinal = false

  /**
   * @param isServer a server ends the connection, a client waits for it
   * @param isQuiet a failure ends receiving without an error, as a close does: for a caller that looks at `closed` anyway
   */
  constructor(
    private readonly isServer: boolean,
    private readonly isQuiet: boolean,
  ) {}

  /** How it ended. Final from `over` on. */
  get info(): CloseInfo {
    const { code, reason } = this.received ?? { code: CloseCode.Abnormal, reason: '' }
    return { code, reason, wasClean: this.received !== null && this.sent && this.reason === null, error: this.reason }
  }

  /** Nothing changes how it ended any more. */
  get isOver(): boolean {
    return this.isFinal
  }

  /** Why it failed; null before a failure, and after a close. */
  get error(): Error | null {
    return this.reason
  }

  /** What receiving rejects with; null when it just ends. */
  get failure(): Error | null {
    return this.hasLeft || this.isQuiet ? null : this.reason
  }

  /** The connection is lost, and it is not known yet whether the peer had closed it. */
  get isUndecided(): boolean {
    return this.readyState === 'closed' && !this.isFinal
  }

  /** The peer's close frame was taken: nothing after it is interpreted. */
  get isAnswered(): boolean {
    return this.received !== null
  }

  /** The consumer closes, or leaves its loop. */
  onClose(frame: CloseFrame): readonly ClosingAction[] {
    const wasDropping = this.drops
    this.hasLeft = true
    this.drops = true
    if (this.readyState !== 'open') return wasDropping ? NOTHING : ['drop']
    this.begin(frame)
    return ['send', 'wait', 'drop']
  }

  /** The consumer cuts the connection. */
  onDestroy(): readonly ClosingAction[] {
    this.hasLeft = true
    this.drops = true
    return this.readyState === 'closed' ? ['drop'] : this.finish(null)
  }

  /** The peer's close frame was taken out of the reader. */
  onCloseFrame(frame: CloseFrame): readonly ClosingAction[] {
    this.drops = true
    if (this.isFinal || this.received !== null) return NOTHING
    this.received = frame
    if (this.readyState === 'closed') return this.decide(null)
    const answer: ClosingAction[] = []
    if (!this.sent) {
      this.begin({ code: frame.code, reason: '' })
      answer.push('send', 'wait')
    }
    if (this.isServer) answer.push('end')
    answer.push('watch')
    return answer
  }

  /** The peer ended its side; every message before was taken. */
  onEnd(isMidMessage: boolean): readonly ClosingAction[] {
    if (this.readyState === 'closed') return NOTHING
    return this.finish(
      isMidMessage
        ? new TransportError('UnexpectedEnd', 'the peer ended the connection in the middle of a message')
        : new TransportError('ConnectionClosed', 'the peer ended the connection without a close frame (1006)'),
    )
  }

  /** The connection is gone. Messages that were received may be waiting, a close frame among them: `judge`. */
  onLost(error: Error | null): readonly ClosingAction[] {
    if (this.readyState === 'closed') return NOTHING
    if (this.received !== null) return this.finish(null)
    this.readyState = 'closed'
    this.reason = error ?? new TransportError('ConnectionClosed', 'the connection was closed without a close frame (1006)')
    return ['cut', 'judge']
  }

  /** Among the messages that were received before the loss is the peer's close frame. */
  onCloseFrameAhead(frame: CloseFrame): readonly ClosingAction[] {
    if (!this.isUndecided) return NOTHING
    this.received = frame
    return this.decide(null)
  }

  /** Among the messages that were received before the loss is no close frame. */
  onNoneAhead(): readonly ClosingAction[] {
    return this.isUndecided ? this.decide(this.reason) : NOTHING
  }

  /** `closeTimeout` has passed. */
  onTimeout(timeout: number): readonly ClosingAction[] {
    if (this.readyState === 'closed') return NOTHING
    return this.finish(new TransportError('CloseTimeout', `the peer did not answer the close within ${timeout} ms (closeTimeout)`))
  }

  /** This side gives the peer up. */
  onGivenUp(error: Error): readonly ClosingAction[] {
    return this.readyState === 'closed' ? NOTHING : this.finish(error)
  }

  /** The peer broke the protocol: the close frame says why (RFC 6455 section 7.1.7). */
  onBroken(error: ProtocolError): readonly ClosingAction[] {
    if (this.isUndecided) return this.decide(error)
    if (this.readyState === 'closed') return NOTHING
    const isFirst = !this.sent
    if (isFirst) this.begin({ code: error.closeCode, reason: '' })
    this.readyState = 'closed'
    this.lingers = true
    return isFirst ? ['send', 'linger', ...this.decide(error)] : ['linger', ...this.decide(error)]
  }

  private begin(frame: CloseFrame): void {
    this.frame = frame
    this.sent = true
    this.readyState = 'closing'
  }

  private finish(error: Error | null): readonly ClosingAction[] {
    this.readyState = 'closed'
    return ['cut', ...this.decide(error)]
  }

  private decide(error: Error | null): readonly ClosingAction[] {
    this.reason = this.received === null ? error : null
    this.isFinal = true
    return ['over']
  }
}
