/** How a pool comes by connections: dialled, spoken over, and given up with the pool. */

import { sleep } from '../clock.ts'
import { MADE } from '../composition.ts'
import type { Runtime } from '../runtime.ts'
import { TlsSessions } from '../transport/tls-sessions.ts'
import type { Address, Transport } from '../transport/transport.ts'
import type { HttpConnection, HttpConnectionClass } from './connection.ts'
import type { ClientPoolOptions } from './options.ts'
import type { Signals } from './signals.ts'
import type { Slot } from './slot.ts'

/** What pools stand on. */
export interface PoolGround {
  readonly runtime: Runtime
  /** What their connections are. */
  readonly HttpConnection: HttpConnectionClass<HttpConnection>
}

/** Makes the connections of one pool. */
export class Connector {
  private readonly controller = new AbortController()
  /** Of TLS, from one connection to the next. */
  private readonly sessions: TlsSessions

  constructor(
    private readonly ground: PoolGround,
    private readonly address: Address,
    private readonly options: ClientPoolOptions,
    private readonly signals: Signals,
  ) {
    this.sessions = new TlsSessions(ground.runtime.date)
  }

  /** Aborted when the pool is closed. */
  get stopped(): AbortSignal {
    return this.controller.signal
  }

  /** No connection is made any more: those under way, and pauses, end with `reason`. */
  stop(reason: Error): void {
    this.controller.abort(reason)
  }

  /** Dials a new transport. Abandoned when `signal` is aborted: by default, when the pool is closed. */
  async dial(signal: AbortSignal = this.stopped): Promise<Transport> {
    // The dial function adds its own listener to the signal that it is given.
    const attempt = this.signals.child(signal)
    try {
      return await this.ground.runtime.dial(this.address, { ...this.options, signal: attempt.signal }, this.sessions)
    } finally {
      attempt.leave()
    }
  }

  /** Rejects for what can be judged of the options without the network. */
  async judge(): Promise<void> {
    const signal = AbortSignal.abort()
    await this.ground.runtime.dial(this.address, { ...this.options, signal }).catch((error: unknown) => {
      if (error !== signal.reason) throw error
    })
  }

  /** A pause that ends with the pool: rejects then. */
  async pause(ms: number): Promise<void> {
    const end = this.signals.child(this.stopped)
    try {
      await sleep(this.ground.runtime.clock, ms, end.signal)
    } finally {
      end.leave()
    }
  }

  /** A connection over `transport` that reads into the slot's reader. Throws, with the transport destroyed, when that is lost already. */
  speakOver(slot: Slot, transport: Transport): HttpConnection {
    try {
      const { signals, ground } = this
      const { runtime, HttpConnection } = ground
      return new HttpConnection({ [MADE]: true, runtime, transport, options: { ...this.options, reader: slot.reader }, signals })
    } catch (error) {
      transport.destroy()
      throw error
    }
  }

  /** As {@link Connector.speakOver}; null when it throws. */
  trySpeaking(slot: Slot, transport: Transport): HttpConnection | null {
    try {
      return this.speakOver(slot, transport)
    } catch {
      return null
    }
  }
}
