// @ts-check
// Reading from a socket with nothing on top: the bytes go to linear memory the way this package's transports put them there
// (Node: `onread` into a view; Deno: `read` into a view; Bun: one `set`), and nobody looks at them.

import net from 'node:net'
import tls from 'node:tls'
import { headEnd, request } from './head.mjs'
import { runtime } from './runtime.mjs'

/** @typedef {{ amount: number, seconds: number, bytes: number, reads: number }} Flooded */

/**
 * Opens a connection, asks for `path`, and reads until `expected` bytes have come after the head.
 *
 * @param {{ port: number, ca?: string, path: string, expected: number, readSize: number, onRead?: (reads: number, bytes: number) => void, onDone?: (reads: number) => void }} options
 * @returns {Promise<{ seconds: number, bytes: number, reads: number }>}
 */
export function rawFlood({ port, ca, path, expected, readSize, onRead, onDone }) {
  const memory = new Uint8Array(new WebAssembly.Memory({ initial: 64, maximum: 64 }).buffer)
  const target = memory.subarray(1024 * 1024, 1024 * 1024 + readSize)
  const ask = request(path)
  let started = 0
  let bytes = -1
  let reads = 0
  /** @returns {boolean} more is wanted */
  const take = (/** @type {number} */ length, /** @type {Uint8Array} */ buffer) => {
    if (bytes < 0) {
      const end = headEnd(buffer, length)
      if (end < 0) throw new Error('a head in one piece was expected')
      bytes = length - end
      started = performance.now()
    } else {
      bytes += length
    }
    reads++
    onRead?.(reads, bytes)
    return bytes < expected
  }
  const done = () => {
    onDone?.(reads)
    return { seconds: (performance.now() - started) / 1000, bytes, reads }
  }

  if (runtime === 'deno') return denoFlood()
  if (runtime === 'bun') return bunFlood()
  return new Promise((resolve, reject) => {
    const onread = {
      buffer: target,
      callback: (/** @type {number} */ length, /** @type {Uint8Array} */ buffer) => {
        if (take(length, buffer)) return true
        const result = done()
        socket.destroy()
        resolve(result)
        return false
      },
    }
    const where = { host: '127.0.0.1', port, onread }
    const socket = ca === undefined ? net.connect(where) : tls.connect({ ...where, ca, servername: 'localhost' })
    socket.on('error', reject)
    socket.once(ca === undefined ? 'connect' : 'secureConnect', () => socket.write(ask))
  })

  async function denoFlood() {
    // @ts-expect-error Deno
    const { Deno } = globalThis
    const where = { hostname: ca === undefined ? '127.0.0.1' : 'localhost', port }
    const conn = await (ca === undefined ? Deno.connect(where) : Deno.connectTls({ ...where, caCerts: [ca] }))
    await conn.write(new TextEncoder().encode(ask))
    while (take((await conn.read(target)) ?? fail(), target));
    const result = done()
    conn.close()
    return result
  }

  /** @returns {Promise<{ seconds: number, bytes: number, reads: number }>} */
  function bunFlood() {
    return new Promise((resolve, reject) => {
      // @ts-expect-error Bun
      globalThis.Bun.connect({
        hostname: ca === undefined ? '127.0.0.1' : 'localhost',
        port,
        ...(ca === undefined ? {} : { tls: { ca, serverName: 'localhost' } }),
        socket: {
          open: (/** @type {any} */ socket) => {
            if (ca === undefined) socket.write(ask)
          },
          handshake: (/** @type {any} */ socket) => socket.write(ask),
          data: (/** @type {any} */ socket, /** @type {Uint8Array} */ chunk) => {
            memory.set(chunk, 0)
            if (take(chunk.length, memory)) return
            resolve(done())
            socket.terminate()
          },
          error: (/** @type {any} */ _, /** @type {Error} */ error) => reject(error),
          connectError: (/** @type {any} */ _, /** @type {Error} */ error) => reject(error),
        },
      }).catch(reject)
    })
  }
}

/** @returns {never} */
function fail() {
  throw new Error('the connection ended early')
}
