// @ts-check
// undici's own Client on a socket that is none: what it writes is turned into bytes and forgotten, and what it is to read is put into its
// parser by hand. So its encoder and its parser can be measured by themselves, as they are.

import { Buffer } from 'node:buffer'
import { EventEmitter } from 'node:events'
import { inside, undici } from './undici-package.mjs'

const { kParser } = inside('core/symbols.js')

/** As much of a socket as undici asks for. */
class NullSocket extends EventEmitter {
  destroyed = false
  errored = null
  scratch = Buffer.allocUnsafeSlow(65_536)
  written = 0

  /** As a socket does: a string becomes bytes. @param {string | Uint8Array} chunk */
  write(chunk) {
    if (typeof chunk === 'string') this.written += this.scratch.latin1Write(chunk)
    else {
      this.scratch.set(chunk)
      this.written += chunk.length
    }
    return true
  }

  /** @param {Error | undefined} error */
  destroy(error) {
    if (error !== undefined) throw error
  }

  read() {
    return null
  }

  cork() {}
  uncork() {}
  ref() {}
  unref() {}
}

/** Options of a request that is written without waiting for the answers before it. */
export const AT_ONCE = { idempotent: true, blocking: false }

/** Requests that may be under way at a time. */
export const PIPELINE = 1_024

/**
 * A client, and its parser's `execute`. One request is always under way: before the first one after idleness undici waits for a turn of the
 * event loop.
 */
export async function openUndici() {
  const socket = new NullSocket()
  const client = new undici.Client('http://127.0.0.1:1234', {
    pipelining: PIPELINE + 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: /** @type {any} */ ((/** @type {unknown} */ _, /** @type {Function} */ callback) => queueMicrotask(() => callback(null, socket))),
  })
  // The connection is made for the first request.
  const first = /** @type {any} */ ({ path: '/', method: 'GET', ...AT_ONCE })
  client.dispatch(first, { onConnect() {}, onHeaders: () => true, onData: () => true, onComplete() {}, onError: raise })
  while (socket.written === 0) await new Promise((resolve) => setImmediate(resolve))
  /** @type {{ execute(chunk: Uint8Array): void }} */
  const parser = /** @type {any} */ (socket)[kParser]
  return { client, parser, socket }
}

/** @param {Error} error */
export function raise(error) {
  throw error
}
