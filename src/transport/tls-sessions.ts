/**
 * TLS sessions that connections to one server leave behind, for those that follow: a handshake that resumes one has no certificates to send and check
 * (RFC 8446 section 2.2, RFC 5246 section 7.3).
 *
 * Rule 1: a session is offered only to whom its certificate was accepted for, under the very same settings: a resumed handshake checks neither again.
 * Rule 2: and not once that certificate has expired.
 * Rule 3: a session is offered anew once all others have been (RFC 8446 appendix C.4): whoever has resumed it puts it back, since not every resumed
 *         connection is given another. One that was offered in vain is gone.
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

/** The sessions of whoever connects to one server again and again: a pool, or the sessions of a WebSocket. */
export class TlsSessions {
  static {
    showsItself(this.prototype, (it) => ({ kept: it.kept.length }))
  }

  /** In the order in which they are offered, the next one last. */
  private readonly kept: KeptSession[] = []
  /** Whom all of them are for. */
  private name = ''
  private settings: TlsSettings | null = null

  /** Takes the next session for this name and these settings; undefined when there is none. @param now ms since 1970 */
  take(name: string, settings: TlsSettings, now: number): KeptSession | undefined {
    if (!this.isFor(name, settings)) return undefined
    for (let next = this.kept.pop(); next !== undefined; next = this.kept.pop()) if (now < next.validUntil) return next
    return undefined
  }

  /** Keeps a new session of a connection whose server was accepted. Those for another name, or under other settings, are dropped. */
  keep(name: string, settings: TlsSettings, session: KeptSession): void {
    if (!this.isFor(name, settings)) {
      this.kept.length = 0
      this.name = name
      this.settings = settings
    }
    this.kept.push(session)
    if (this.kept.length > MOST_KEPT) this.kept.shift()
  }

  /** Puts a session back that was resumed: behind all others. */
  putBack(name: string, settings: TlsSettings, session: KeptSession): void {
    if (this.isFor(name, settings) && this.kept.length < MOST_KEPT) this.kept.unshift(session)
  }

  private isFor(name: string, settings: TlsSettings): boolean {
    return this.settings !== null && name === this.name && JSON.stringify(settings) === JSON.stringify(this.settings)
  }
}
