/** The engine of `node:tls`, which Node, Deno and Bun have, over a stream that we feed. */

import type { Duplex } from 'node:stream'
import type tls from 'node:tls'
import type { EndProof } from '../../end-proof.ts'
import { isIpAddress, serverNameFor, type TlsSettings } from '../tls-options.ts'
import type { TlsSessions } from '../tls-sessions.ts'
import { checkIdentity } from './identity.ts'
import { nodeTls } from './tls-module.ts'
import { resumption } from './tls-resumption.ts'

/** Begins a client's handshake over `stream`. @param sessions to resume one of, and to keep new ones in */
export function startEngine(stream: Duplex, hostname: string, settings: TlsSettings, sessions?: TlsSessions): tls.TLSSocket {
  const { ca, identity, alpnProtocols, minVersion, dangerNoVerify } = settings
  const name = serverNameFor(hostname, settings)
  checkIdentity(settings)
  const { session, watch } = resumption(sessions, name, settings)
  const engine = nodeTls().connect({
    socket: stream,
    ...session,
    // The name that the certificate is checked against.
    host: name,
    ...(isIpAddress(name) ? {} : { servername: name }),
    ...(ca === null ? {} : { ca: [...ca] }),
    ...identity,
    ...(alpnProtocols.length === 0 ? {} : { ALPNProtocols: [...alpnProtocols] }),
    minVersion: minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    rejectUnauthorized: !dangerNoVerify,
    // biome-ignore lint/suspicious/noExplicitAny: `allowHalfOpen` is honoured by tls.connect, but missing in its types
    ...({ allowHalfOpen: true } as any),
  })
  watch(engine)
  return engine
}

/** Turns of the event loop that an engine has for its own end once it has taken everything: one is enough for those that there are. */
const TURNS = 2

/**
 * Distinguishes a close_notify (RFC 8446 section 6.1) from a mere end of the stream below. An engine emits `'end'` for both; for a close_notify it does so
 * by itself, so the end of the stream is withheld until the engine had the chance to.
 */
export class EndWitness {
  /** Known once the engine has ended. */
  proof: EndProof = 'verified'
  private turns = 0
  private isWaiting = false

  constructor(
    private readonly engine: tls.TLSSocket,
    /** What the engine reads from. */
    private readonly below: Duplex,
  ) {}

  /** The stream below has no more bytes. It is ended as soon as the meaning of that is known. */
  endInput(): void {
    const { engine, below } = this
    if (this.isWaiting || below.destroyed) return
    if (engine.isPaused()) {
      engine.once('resume', () => this.endInput())
      return
    }
    if (!engine.readableEnded && (below.readableLength > 0 || engine.readableLength > 0 || this.turns++ < TURNS)) {
      this.isWaiting = true
      setImmediate(() => {
        this.isWaiting = false
        this.endInput()
      })
      return
    }
    if (!engine.readableEnded) this.proof = 'truncated'
    below.push(null)
  }
}
