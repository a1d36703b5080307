/**
 * TLS sessions that connections to one server leave behind, for those that follow: a handshake that resumes one has no certificates to send and check
 * (RFC 8446 section 2.2, RFC 5246 section 7.3).
 *
 * Rule 1: a session is offered only to whom its certificate was accepted for, under the very same settings: a resumed handshake checks neither again.
 * Rule 2: and not once that certificate has expired.
 * Rule 3: a session is offered anew once all others have been (RFC 8446 appendix C.4): whoever has resumed it puts it behind them, since not every
 *         resumed connection is given another. One that was offered in vain is gone; one that no server has seen is given back.
 */

import { showsItself } from '../printing.ts'
import type { TlsSettings } from './tls-options.ts'

/** A session, as the engine gives it, and until when the server's certificate is valid, in ms since 1970. */
export interface KeptSession {
  readonly session: Uint8Array
  readonly validUntil: number
}

/** Most that are kept; the oldest goes first. A server gives one or two for each connection. */
const MOST_KEPT = 32

/** Whom sessions are for: made once for each connection, as settings can be long. @param name whom the certificate is checked for */
export function sessionKey(name: string, settings: TlsSettings): string {
  return JSON.stringify([name, settings])
}

/** The sessions of whoever connects to one server again and again: a pool, or the sessions of a WebSocket. */
export class TlsSessions {
  static {
    showsItself(this.prototype, (it) => ({ kept: it.kept.length }))
  }

  /** In the order in which they are offered, the next one last. */
  private readonly kept: KeptSession[] = []
  /** Whom all of them are for. */
  private key = ''

  /** @param date ms since 1970 */
  constructor(private readonly date: () => number) {}

  /** Takes the next session; undefined when there is none. */
  take(key: string): KeptSession | undefined {
    if (key !== this.key) return undefined
    const now = this.date()
    for (let next = this.kept.pop(); next !== undefined; next = this.kept.pop()) if (now < next.validUntil) return next
    return undefined
  }

  /** Keeps a new session of a connection whose server was accepted. Those with another key are dropped. */
  keep(key: string, session: KeptSession): void {
    if (key !== this.key) {
      this.kept.length = 0
      this.key = key
    }
    this.kept.push(session)
    if (this.kept.length > MOST_KEPT) this.kept.shift()
  }

  /** Puts a session that was resumed behind all others. */
  putBehind(key: string, session: KeptSession): void {
    if (this.hasRoom(key)) this.kept.unshift(session)
  }

  /** Gives a session back that was not offered to anyone: it is the next one again. */
  giveBack(key: string, session: KeptSession): void {
    if (this.hasRoom(key)) this.kept.push(session)
  }

  private hasRoom(key: string): boolean {
    return key === this.key && this.kept.length < MOST_KEPT
  }
}
