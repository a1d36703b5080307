/** Resuming TLS sessions with `node:tls`. */

import type tls from 'node:tls'
import type { TlsSettings } from '../tls-options.ts'
import { sessionKey, type TlsSessions } from '../tls-sessions.ts'

/** A session for one connection that is about to be made, and the watch over those that it is given. */
export interface Resumption {
  /** The option of that name of `tls.connect`. */
  readonly session: { readonly session?: Buffer }
  /** Keeps what the server gives this connection: once it was accepted, not before. */
  watch(socket: tls.TLSSocket): void
}

const NONE: Resumption = { session: {}, watch: () => {} }

/** @param name whom the certificate is checked for */
export function resumption(sessions: TlsSessions | undefined, name: string, settings: TlsSettings): Resumption {
  if (sessions === undefined || !settings.resumeSessions) return NONE
  const key = sessionKey(name, settings)
  const offered = sessions.take(key)
  return {
    session: offered === undefined ? {} : { session: offered.session as Buffer },
    watch(socket) {
      // Before TCP is connected the server has seen nothing.
      if (offered !== undefined && socket.connecting) {
        let isUnused = true
        const onEnd = (): void => {
          if (isUnused) sessions.giveBack(key, offered)
          isUnused = false
        }
        // The next address is tried when this one has failed, before it is closed.
        socket.once('error', onEnd).once('close', onEnd)
        socket.once('connect', () => {
          isUnused = false
        })
      }
      const early: Buffer[] = []
      let validUntil: number | null = null
      socket.on('session', (session) => {
        if (validUntil === null) early.push(session)
        else sessions.keep(key, { session, validUntil })
      })
      socket.once('secureConnect', () => {
        // A connection that resumed has no certificate of its own.
        if (offered !== undefined && socket.isSessionReused()) {
          validUntil = offered.validUntil
          sessions.putBehind(key, offered)
        } else {
          validUntil = Date.parse(socket.getPeerCertificate().valid_to)
        }
        for (const session of early) sessions.keep(key, { session, validUntil })
      })
    },
  }
}
