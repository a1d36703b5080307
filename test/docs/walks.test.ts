/** The walks of docs/architecture.md: each function that is named there runs when the walk is taken. */

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector'
import net from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ClientPool, WsStream } from '../../src/entry/node.ts'

const root = join(import.meta.dirname, '../..')
const section = readFileSync(join(root, 'docs/architecture.md'), 'utf8').split('\n## Three walks\n')[1]?.split('\n## ')[0] as string

/** What a walk names: `src/…/file.ts#function`. */
function named(title: string): string[] {
  const walk = section.split('\n**').find((each) => each.startsWith(title)) as string
  let file = ''
  return walk.split('\n').flatMap((line) => {
    if (!/^\d+\. /.test(line)) return []
    return [...line.matchAll(/`(src\/[\w./-]+\.ts)`|`(\w+)`/g)].flatMap(([, place, name]) => {
      file = place ?? file
      // What is no function of the file: an export of the codec, an option of Node's.
      return name === undefined || name === 'onread' || name === 'readerParse' ? [] : [`${file}#${name}`]
    })
  })
}

const session = new Session()
session.connect()

function post(method: string, params = {}): Profiler.TakePreciseCoverageReturnType {
  let result = {} as Profiler.TakePreciseCoverageReturnType
  // The profiler answers before the call returns.
  session.post(method, params, (error, answer) => {
    if (error !== null) throw error
    result = answer as Profiler.TakePreciseCoverageReturnType
  })
  return result
}

/** The functions of src that ran since the last call. */
function executed(): Set<string> {
  const all = new Set<string>()
  for (const { url, functions } of post('Profiler.takePreciseCoverage').result) {
    const file = url.includes(root) ? /\/(src\/[^?]*\.ts)/.exec(url.slice(url.indexOf(root) + root.length))?.[1] : undefined
    if (file === undefined) continue
    for (const { functionName, ranges } of functions) {
      if ((ranges[0]?.count ?? 0) > 0) all.add(`${file}#${functionName.replace(/^[gs]et |^#/, '')}`)
    }
  }
  return all
}

/** Listens, and gives every connection to `serve`. */
async function listen(serve: (socket: net.Socket) => void): Promise<{ port: number; server: net.Server }> {
  const server = net.createServer(serve)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as net.AddressInfo).port, server }
}

beforeAll(() => {
  post('Profiler.enable')
  post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
})
afterAll(() => session.disconnect())

test('a chunk, from the socket to m.text', async () => {
  const peers: net.Socket[] = []
  const { port, server } = await listen((socket) => {
    peers.push(socket)
    socket.once('data', (head) => {
      const key = /Sec-WebSocket-Key: (.*)\r/i.exec(String(head))?.[1]
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
    })
  })
  const ws = await WsStream.connect(`ws://127.0.0.1:${port}/`)
  const readable = ws.readable()
  executed()
  peers[0]?.write(new Uint8Array([0x81, 2, 0x68, 0x69]))
  await readable
  expect(ws.next()?.text).toBe('hi')
  const ran = executed()
  expect(named('A chunk').length).toBeGreaterThan(10)
  expect(named('A chunk').filter((each) => !ran.has(each))).toEqual([])
  ws.destroy()
  for (const peer of peers) peer.destroy()
  server.close()
})

test('a request, and a slot that dies while it is idle', async () => {
  const peers: net.Socket[] = []
  const { port, server } = await listen((socket) => {
    peers.push(socket)
    socket.on('error', () => {})
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'))
  })
  const pool = await ClientPool.connect(`http://127.0.0.1:${port}`)
  // Node chose the place of the first read before the connection had one.
  await pool.request('GET', '/x')
  executed()
  expect((await pool.request('GET', '/x')).text()).toBe('hi')
  const requested = executed()
  expect(named('`pool.request`').length).toBeGreaterThan(20)
  expect(named('`pool.request`').filter((each) => !requested.has(each))).toEqual([])

  const isUp = new Promise<void>((done) => pool.observe({ onSlotUp: () => done() }))
  executed()
  peers[0]?.end()
  await isUp
  // The slot is free when the task that healed it has gone on.
  while (pool.available === 0) await new Promise((done) => setImmediate(done))
  const healed = executed()
  expect(named('A slot').length).toBeGreaterThan(15)
  expect(named('A slot').filter((each) => !healed.has(each))).toEqual([])
  await pool.close()
  for (const peer of peers) peer.destroy()
  server.close()
})
