// @ts-check
// The contenders of the REST benchmarks: each sends the order of `order.mjs` and reads the answer, status and body as text.
//
// What a client is to do is a `Play`: exchange after exchange, until `next`, which is called after each one, says no.

import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { Unavailable } from '../lib/harness.mjs'
import { loadNexus, runtime } from '../lib/runtime.mjs'
import { ANSWER, BODY, check, FIELDS, HEADERS, PATH, requestBytes } from './order.mjs'
import { openRaw } from './raw.mjs'

/** @typedef {import('./raw.mjs').Play} Play */
/** @typedef {{ port: number, tlsPort: number, caFile: string }} Server what a server process says of itself */
/** @typedef {{ server: Server, secure: boolean }} Place */

/** @param {Place} place */
const portOf = ({ server, secure }) => (secure ? server.tlsPort : server.port)
/** @param {Place} place */
const hostOf = (place) => `${place.secure ? 'localhost' : '127.0.0.1'}:${portOf(place)}`
/** @param {Place} place */
const originOf = (place) => `${place.secure ? 'https' : 'http'}://${hostOf(place)}`
/** The authority, when there is TLS. @param {Place} place */
const authority = ({ server, secure }) => (secure ? readFileSync(server.caFile, 'utf8') : undefined)

/**
 * TLS options of this package. Deno trusts the authority by its environment: given as an option, it would have to take the way over `node:tls`.
 *
 * @param {Place} place
 */
function tlsOptions(place) {
  const ca = authority(place)
  return ca === undefined || runtime === 'deno' ? {} : { tls: { ca } }
}

async function load() {
  const nexus = await loadNexus()
  if (nexus?.HttpConnection === undefined) throw new Unavailable('not built')
  return nexus
}

/** @param {Place} place @returns {Promise<Play>} */
export function raw(place) {
  return openRaw({ port: portOf(place), ca: authority(place), request: requestBytes(hostOf(place)), answerLength: ANSWER.length })
}

/**
 * @param {Place} place
 * @param {object} options of the connection
 * @param {object} [sendOptions] of each request
 * @returns {Promise<Play>}
 */
export async function connection(place, options, sendOptions) {
  const { HttpConnection, RequestWriter } = await load()
  const conn = await HttpConnection.connect(originOf(place), { ...tlsOptions(place), ...options })
  const writer = new RequestWriter(hostOf(place))
  const { reader } = conn
  const [[n0, v0], [n1, v1], [n2, v2], [n3, v3]] = FIELDS
  return async (next) => {
    do {
      const request = writer.post(PATH).header(n0, v0).header(n1, v1).header(n2, v2).header(n3, v3).body(BODY).finish()
      const response = await conn.send(request, reader, sendOptions)
      check(response.status, response.text())
    } while (next())
  }
}

/**
 * A pool of this package, made by `ClientPool.connect`.
 *
 * @param {Place} place
 * @param {object} options
 */
export async function connectPool(place, options) {
  const { ClientPool } = await load()
  return ClientPool.connect(originOf(place), { ...tlsOptions(place), ...options })
}

/**
 * Slots of a pool, taken without waiting: as many players as there are connections.
 *
 * @param {any} pool
 * @returns {Play}
 */
export function tryAcquire(pool) {
  const [[n0, v0], [n1, v1], [n2, v2], [n3, v3]] = FIELDS
  return async (next) => {
    do {
      const slot = pool.tryAcquire()
      const request = slot.writer.post(PATH).header(n0, v0).header(n1, v1).header(n2, v2).header(n3, v3).body(BODY).finish()
      const response = await slot.send(request)
      check(response.status, response.text())
      slot.release()
    } while (next())
  }
}

/**
 * Slots of a pool, waited for: players may be more than connections.
 *
 * @param {any} pool
 * @returns {Play}
 */
export function acquire(pool) {
  const [[n0, v0], [n1, v1], [n2, v2], [n3, v3]] = FIELDS
  return async (next) => {
    do {
      const slot = await pool.acquire()
      const request = slot.writer.post(PATH).header(n0, v0).header(n1, v1).header(n2, v2).header(n3, v3).body(BODY).finish()
      const response = await slot.send(request)
      check(response.status, response.text())
      slot.release()
    } while (next())
  }
}

/**
 * The one-line convenience: acquires, sends, copies out, releases.
 *
 * @param {any} pool
 * @returns {Play}
 */
export function poolRequest(pool) {
  const options = { headers: FIELDS, body: BODY }
  return async (next) => {
    do {
      const response = await pool.request('POST', PATH, options)
      check(response.status, response.text())
    } while (next())
  }
}

/**
 * As code that is written for `fetch` calls it.
 *
 * @param {Place} place
 * @param {any} pool
 * @returns {Play}
 */
export function poolFetch(place, pool) {
  const url = `${originOf(place)}${PATH}`
  return async (next) => {
    do {
      const response = await pool.fetch(url, { method: 'POST', headers: HEADERS, body: BODY })
      check(response.status, await response.text())
    } while (next())
  }
}

/**
 * undici with `connections` connections: its Pool, or its Client when one is enough.
 *
 * @param {Place} place
 * @param {number} connections
 */
async function undiciDispatcher(place, connections) {
  const { undici } = await import('./undici-package.mjs')
  const ca = authority(place)
  const connect = ca === undefined ? {} : { connect: { ca } }
  return connections === 1 ? new undici.Client(originOf(place), connect) : new undici.Pool(originOf(place), { connections, ...connect })
}

/** @param {Place} place @param {number} connections @returns {Promise<Play>} */
export async function undiciRequest(place, connections) {
  const dispatcher = await undiciDispatcher(place, connections)
  return async (next) => {
    do {
      const { statusCode, body } = await dispatcher.request({ path: PATH, method: 'POST', headers: HEADERS, body: BODY })
      check(statusCode, await body.text())
    } while (next())
  }
}

/**
 * undici's own `request` over any dispatcher.
 *
 * @param {Place} place @param {any} dispatcher @returns {Promise<Play>}
 */
export async function undiciOver(place, dispatcher) {
  const { undici } = await import('./undici-package.mjs')
  const url = originOf(place) + PATH
  return async (next) => {
    do {
      const { statusCode, body } = await undici.request(url, { dispatcher, method: 'POST', headers: HEADERS, body: BODY })
      check(statusCode, await body.text())
    } while (next())
  }
}

/**
 * The fastest that undici has: callbacks, fields as they came.
 *
 * @param {Place} place @param {number} connections @returns {Promise<Play>}
 */
export async function undiciDispatch(place, connections) {
  const dispatcher = await undiciDispatcher(place, connections)
  const headers = FIELDS.flat()
  return (next) =>
    new Promise((resolve, reject) => {
      let status = 0
      let text = ''
      const handler = {
        onConnect() {},
        onHeaders(/** @type {number} */ code) {
          status = code
          text = ''
          return true
        },
        onData(/** @type {Buffer} */ chunk) {
          text += chunk.toString()
          return true
        },
        onComplete() {
          check(status, text)
          if (next()) send()
          else resolve(undefined)
        },
        onError: reject,
      }
      const send = () => dispatcher.dispatch({ path: PATH, method: 'POST', headers, body: BODY }, handler)
      send()
    })
}

/** @param {Place} place @param {number} connections @returns {Promise<Play>} */
export async function nodeHttp(place, connections) {
  const ca = authority(place)
  const { Agent, request } = ca === undefined ? http : https
  const agent = new Agent({ keepAlive: true, maxSockets: connections, ...(ca === undefined ? {} : { ca }) })
  const options = { method: 'POST', agent, headers: { ...HEADERS, 'Content-Length': String(BODY.length) } }
  const url = new URL(PATH, originOf(place))
  return (next) =>
    new Promise((resolve, reject) => {
      const send = () => {
        const sent = request(url, options, (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk) => {
            text += chunk
          })
          response.on('end', () => {
            check(response.statusCode ?? 0, text)
            if (next()) send()
            else resolve(undefined)
          })
        })
        sent.on('error', reject)
        sent.end(BODY)
      }
      send()
    })
}

/** The runtime's own `fetch`. @param {Place} place @returns {Promise<Play>} */
export async function ownFetch(place) {
  const url = `${originOf(place)}${PATH}`
  const ca = authority(place)
  const tls = ca !== undefined && runtime === 'bun' ? { tls: { ca } } : {}
  return async (next) => {
    do {
      const response = await fetch(url, { method: 'POST', headers: HEADERS, body: BODY, ...tls })
      check(response.status, await response.text())
    } while (next())
  }
}

/** What this process spent, in the kernel too: the server and other programs have no part in it. @type {import('../lib/harness.mjs').Metric} */
export const cpu = { id: 'cpu', unit: 'CPU µs/request', higherIsBetter: false, of: ({ amount, cpuSeconds }) => (cpuSeconds / amount) * 1e6 }

/** Requests before the first round, or seconds of them: a client is a lot of code, and until the compilers are done with it, they are what is measured. */
const WARM_UP = 20_000
const WARM_UP_SECONDS = 3

/** @param {readonly Play[]} plays that go on at the same time */
export async function warmUp(plays) {
  const until = performance.now() + WARM_UP_SECONDS * 1000
  let left = WARM_UP
  await Promise.all(plays.map((play) => play(() => --left > 0 && performance.now() < until)))
}

/**
 * CPU time of the server so far, in seconds.
 *
 * @param {Server} server
 * @returns {Promise<number>}
 */
export function serverCpu({ port }) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port })
    let text = ''
    socket.setEncoding('latin1')
    socket.on('connect', () => socket.write('GET /.cpu HTTP/1.1\r\n\r\n'))
    socket.on('data', (chunk) => {
      text += chunk
      const [head, body] = text.split('\r\n\r\n')
      if (body === undefined || body.length < Number(/content-length: (\d+)/i.exec(head)?.[1])) return
      socket.destroy()
      resolve(Number(body) / 1e6)
    })
    socket.on('error', reject)
  })
}
