// @ts-check
// A connection with nothing on top: the same bytes go out and come in, by the same mechanism as this package's transports
// (Node: `onread` into linear memory; Deno: `read` into it; Bun: one `set`), and nobody looks at them.

import net from 'node:net'
import tls from 'node:tls'
import { runtime } from '../lib/runtime.mjs'

/** Plays until `next`, which is called with each answer, says no. @typedef {(next: () => boolean) => Promise<void>} Play */

/**
 * Opens a connection that stays open between rounds.
 *
 * @param {{ port: number, ca?: string | undefined, request: Uint8Array, answerLength: number }} options
 * @returns {Promise<Play>}
 */
export async function openRaw({ port, ca, request, answerLength }) {
  const memory = new Uint8Array(new WebAssembly.Memory({ initial: 4, maximum: 4 }).buffer)
  const target = memory.subarray(65_536, 131_072)
  const host = ca === undefined ? '127.0.0.1' : 'localhost'
  if (runtime === 'deno') {
    // @ts-expect-error Deno
    const { Deno } = globalThis
    const conn = await (ca === undefined ? Deno.connect({ hostname: host, port }) : Deno.connectTls({ hostname: host, port, caCerts: [ca] }))
    conn.setNoDelay?.(true)
    return async (next) => {
      do {
        await conn.write(request)
        for (let got = 0; got < answerLength; got += (await conn.read(target)) ?? fail());
      } while (next())
    }
  }

  let received = 0
  let next = () => false
  let finish = () => {}
  /** @type {(reason: unknown) => void} */
  let giveUp = () => {}
  /** @type {() => void} */
  let send
  const took = (/** @type {number} */ count) => {
    received += count
    if (received < answerLength) return
    received = 0
    if (next()) send()
    else finish()
  }
  if (runtime === 'bun') {
    // @ts-expect-error Bun
    const { Bun } = globalThis
    const socket = await new Promise((resolve, reject) => {
      Bun.connect({
        hostname: host,
        port,
        ...(ca === undefined ? {} : { tls: { ca, serverName: host } }),
        socket: {
          open: (/** @type {any} */ opened) => ca === undefined && resolve(opened),
          handshake: resolve,
          data: (/** @type {any} */ _, /** @type {Uint8Array} */ chunk) => {
            target.set(chunk)
            took(chunk.length)
          },
          close: () => giveUp(new Error('the connection ended early')),
          error: (/** @type {any} */ _, /** @type {Error} */ error) => giveUp(error),
          connectError: (/** @type {any} */ _, /** @type {Error} */ error) => reject(error),
        },
      }).catch(reject)
    })
    socket.setNoDelay(true)
    send = () => socket.write(request)
  } else {
    const onread = {
      buffer: target,
      callback: (/** @type {number} */ count) => {
        took(count)
        return true
      },
    }
    const socket = ca === undefined ? net.connect({ host, port, noDelay: true, onread }) : tls.connect({ host, port, ca, servername: host, onread })
    await new Promise((resolve, reject) => socket.once(ca === undefined ? 'connect' : 'secureConnect', resolve).once('error', reject))
    socket.setNoDelay(true)
    socket.on('error', (error) => giveUp(error))
    socket.on('close', () => giveUp(new Error('the connection ended early')))
    send = () => socket.write(request)
  }
  return (more) =>
    new Promise((resolve, reject) => {
      next = more
      finish = () => resolve(undefined)
      giveUp = reject
      send()
    })
}

/** @returns {never} */
function fail() {
  throw new Error('the connection ended early')
}
