// @ts-check
// A process with many connections: how long they take to open, what they have in memory, and what a message a second on each costs. A process of its own,
// since memory that was touched once is not given back for certain.
//
//     node --expose-gc bench/ws/connections-life.mjs <client> <'open' | 'hold' | 'live'> <peers as JSON> <connections> <seconds>

import { readFileSync } from 'node:fs'
import net from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import process from 'node:process'
import tls from 'node:tls'
import { headEnd, request } from '../lib/head.mjs'
import { loadNexus } from '../lib/runtime.mjs'

/**
 * One connection, whichever client made it.
 *
 * @typedef {object} Held
 * @property {(bytes: Uint8Array) => Promise<unknown>} echo resolves when the message is back
 * @property {() => void} destroy
 *
 * @typedef {(secure: boolean, path: string, onMessage: () => void) => Promise<Held>} Open
 */

/** Connections that are being opened at a time. */
const BATCH = 50
const ECHO = 64 * 1024

const [client, play, given, connections, seconds] = process.argv.slice(2)
const peers = JSON.parse(given)
const ca = readFileSync(peers.caFile, 'utf8')
const pause = (/** @type {number} */ ms) => new Promise((done) => setTimeout(done, ms))
const url = (/** @type {boolean} */ secure, /** @type {string} */ path) =>
  `${secure ? 'wss' : 'ws'}://127.0.0.1:${secure ? peers.tlsPort : peers.port}${path}`

/** @type {Record<string, () => Promise<Open>>} */
const clients = {
  async nexus() {
    const nexus = /** @type {NonNullable<Awaited<ReturnType<typeof loadNexus>>>} */ (await loadNexus())
    return async (secure, path, onMessage) => {
      const ws = await nexus.WsStream.connect(url(secure, path), secure ? { tls: { ca } } : {})
      /** @type {((value: unknown) => void) | null} */
      let back = null
      const receive = async () => {
        while (await ws.readable()) {
          for (let m = ws.next(); m !== null; m = ws.next()) {
            if (m.length === ECHO) back?.(null)
            else onMessage()
          }
        }
      }
      receive()
      return {
        echo(bytes) {
          const echoed = new Promise((done) => {
            back = done
          })
          ws.sendBinary(bytes)
          return echoed
        },
        destroy: () => ws.destroy(),
      }
    }
  },
  async ws() {
    const { WebSocket } = await import('../lib/ws-package.mjs')
    return async (secure, path, onMessage) => {
      const socket = new WebSocket(url(secure, path), { perMessageDeflate: false, ...(secure ? { ca } : {}) })
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
      /** @type {((value: unknown) => void) | null} */
      let back = null
      socket.on('error', () => {})
      socket.on('message', (/** @type {any} */ data) => {
        if (data.length === ECHO) back?.(null)
        else onMessage()
      })
      return {
        echo(bytes) {
          const echoed = new Promise((done) => {
            back = done
          })
          socket.send(bytes)
          return echoed
        },
        destroy: () => socket.terminate(),
      }
    }
  },
  async raw() {
    const target = new Uint8Array(ECHO)
    return (secure, path, onMessage) =>
      new Promise((resolve, reject) => {
        let isOpen = false
        let received = 0
        /** @type {((value: unknown) => void) | null} */
        let back = null
        const held = {
          echo(/** @type {Uint8Array} */ bytes) {
            const header = Uint8Array.of(0x82, 255, 0, 0, 0, 0, bytes.length >> 24, bytes.length >> 16, bytes.length >> 8, bytes.length, 0, 0, 0, 0)
            const echoed = new Promise((done) => {
              back = done
            })
            received = 0
            socket.write(header)
            socket.write(bytes)
            return echoed
          },
          destroy: () => socket.destroy(),
        }
        const onread = {
          buffer: target,
          callback: (/** @type {number} */ count) => {
            if (!isOpen) {
              if (headEnd(target, count) !== count) throw new Error('a head in one piece was expected')
              isOpen = true
              resolve(held)
            } else if (back !== null) {
              received += count
              if (received === ECHO + 10) back(null)
            } else onMessage()
            return true
          },
        }
        const where = { host: '127.0.0.1', port: secure ? peers.tlsPort : peers.port, noDelay: true, onread }
        const socket = secure ? tls.connect(/** @type {any} */ ({ ...where, ca })) : net.connect(where)
        socket.once(secure ? 'secureConnect' : 'connect', () => socket.write(request(path)))
        socket.once('error', reject)
      })
  },
}

const open = await clients[client]()

/** @param {number} count */
async function openAll(count, secure = false, path = '/', onMessage = () => {}) {
  /** @type {Held[]} */
  const held = []
  const started = performance.now()
  for (let i = 0; i < count; i += BATCH) {
    held.push(...(await Promise.all(Array.from({ length: Math.min(BATCH, count - i) }, () => open(secure, path, onMessage)))))
  }
  return { held, ms: performance.now() - started }
}

/** What the process has in memory, without garbage. */
async function resident() {
  for (let i = 0; i < 3; i++) {
    // @ts-expect-error Bun
    if ('Bun' in globalThis) globalThis.Bun.gc(true)
    else globalThis.gc?.()
    await pause(20)
  }
  return process.memoryUsage().rss
}

/** @param {readonly Held[]} held */
async function close(held) {
  for (const each of held) each.destroy()
  await pause(100)
}

const many = Number(connections)
/** @type {Record<string, () => Promise<object>>} */
const plays = {
  /** Milliseconds to open a connection, in a process that has opened some. */
  async open() {
    /** @type {Record<string, number>} */
    const each = {}
    for (const secure of [false, true]) {
      await close((await openAll(500, secure)).held)
      const { held, ms } = await openAll(many, secure)
      each[secure ? 'tls' : 'tcp'] = ms / many
      await close(held)
    }
    return each
  },
  /** KiB of each connection, idle; and after an echo on one after the other. */
  async hold() {
    const bytes = new Uint8Array(ECHO).fill(7)
    const first = await openAll(2)
    for (const each of first.held) await each.echo(bytes)
    await close(first.held)
    const before = await resident()
    const { held } = await openAll(many)
    await pause(1_000)
    const idle = await resident()
    for (const each of held) await each.echo(bytes)
    await pause(4_000)
    const echoed = await resident()
    return { idle: (idle - before) / 1_024 / many, echoed: (echoed - before) / 1_024 / many }
  },
  /** Many connections that each get a message a second: what they take, at first and after a while. */
  async live() {
    let messages = 0
    const { ms } = await openAll(many, false, '/?every=1000', () => messages++)
    await pause(3_000)
    const early = process.memoryUsage().rss
    const lag = monitorEventLoopDelay({ resolution: 1 })
    lag.enable()
    messages = 0
    const cpu = process.cpuUsage()
    await pause(Number(seconds) * 1_000)
    const { user, system } = process.cpuUsage(cpu)
    lag.disable()
    if (messages < many * Number(seconds) * 0.9) throw new Error(`${messages} messages in ${seconds} s`)
    return {
      open: ms / 1_000,
      early: early / 2 ** 20,
      rss: process.memoryUsage().rss / 2 ** 20,
      lag: lag.percentile(99) / 1e6,
      cpu: (user + system) / messages,
    }
  },
}

process.stdout.write(`${JSON.stringify(await plays[play]())}\n`)
process.exit()
