// @ts-check
// One life: a fresh process imports a client, connects, and takes the first message. Prints when what was done, in ms, and ends.
// Arguments: whose client, and the server's port.

import process from 'node:process'

const [who, port] = process.argv.slice(2)
const url = `ws://127.0.0.1:${port}/`

/** @type {Record<string, () => Promise<() => Promise<string>>>} */
const clients = {
  async nexus() {
    const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node'
    const { WsStream } = await import(`../../dist/${runtime}.js`)
    return async () => (await (await WsStream.connect(url)).recv()).text
  },
  async codec() {
    // What of it the codec is: compiled, and given its memory, when the first reader is made. Nothing is connected.
    const { FrameReader } = await import('../../dist/codec.js')
    return async () => {
      const reader = new FrameReader()
      reader.read(Uint8Array.of(0x81, 7, ...new TextEncoder().encode('BTC-USD')))
      return reader.next()?.text ?? ''
    }
  },
  async ws() {
    // By its file: Bun puts an implementation of its own in its place when asked by name.
    const { WebSocket } = /** @type {any} */ (await import(/** @type {string} */ ('../../node_modules/ws/wrapper.mjs')))
    return () => new Promise((resolve) => new WebSocket(url).on('message', (/** @type {Buffer} */ data) => resolve(data.toString())))
  },
  async raw() {
    // A socket of the runtime, and a handshake that is a constant: nothing can be sooner.
    const [net, { request }] = await Promise.all([import('node:net'), import('../lib/head.mjs')])
    return () =>
      new Promise((resolve) => {
        const socket = net.connect({ port: Number(port), host: '127.0.0.1' })
        socket.write(request('/'))
        socket.on('data', (data) => {
          const end = data.indexOf('\r\n\r\n') + 4
          if (end > 3 && data.length > end) resolve(data.toString('utf8', end + 2))
        })
      })
  },
  async own() {
    return () =>
      new Promise((resolve) => {
        new WebSocket(url).onmessage = ({ data }) => resolve(data)
      })
  },
}

const cpuBefore = process.cpuUsage()
const before = performance.now()
const open = await /** @type {() => Promise<() => Promise<string>>} */ (clients[/** @type {string} */ (who)])()
const imported = performance.now()
const text = await open()
const received = performance.now()
const { user, system } = process.cpuUsage(cpuBefore)
if (!text.includes('BTC-USD')) throw new Error(`not what was sent: ${text}`)
const life = { total: received - before, load: imported - before, connect: received - imported, cpu: (user + system) / 1000 }
process.stdout.write(`${JSON.stringify(life)}\n`, () => process.exit())
