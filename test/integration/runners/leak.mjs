/**
 * Opens and closes many connections, as the server or as the client: `node --expose-gc leak.mjs serve`, `… leak.mjs connect <port>`.
 * Prints the memory in use after each round, and the server's at the end.
 */

import net from 'node:net'
import { createInterface } from 'node:readline'
import { nodeTransport, WsStream } from '../../../dist/node.js'
import { runtimeOf } from './ground.mjs'

const CONNECTIONS = 1_000
const ROUNDS = 10

/** What is in use once all garbage is gone. */
async function inUse() {
  // Finalizers and what they free come in turns of their own.
  for (let i = 0; i < 5; i++) {
    globalThis.gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { codec } = runtimeOf(WsStream)
  const { heapUsed, rss } = process.memoryUsage()
  return { memories: codec.memoryCount, regions: codec.memories.filter((memory) => !memory.isEmpty).length, heapUsed, rss }
}

async function serve() {
  let live = 0
  let idle = () => {}
  const server = net.createServer({ allowHalfOpen: true }, async (socket) => {
    live++
    const ws = await WsStream.accept(nodeTransport(socket))
    try {
      for await (const message of ws) {
        if (message.text === 'close') break
        await ws.sendText(message.text)
      }
    } catch (error) {
      // A third of the clients is cut.
      if (error.code !== 'ConnectionClosed' && error.code !== 'ConnectionReset') throw error
    }
    await ws.closed
    if (--live === 0) idle()
  })
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => console.log(JSON.stringify({ port: server.address().port })))
  // Each line asks for the memory in use, when no connection is left.
  for await (const _ of createInterface({ input: process.stdin })) {
    if (live > 0) {
      await new Promise((resolve) => {
        idle = resolve
      })
    }
    console.log(JSON.stringify(await inUse()))
  }
  process.exit(0)
}

async function connect(port) {
  for (let round = 1; round <= ROUNDS; round++) {
    const streams = await Promise.all(Array.from({ length: CONNECTIONS }, () => WsStream.connect(`ws://127.0.0.1:${port}/`)))
    const most = runtimeOf(WsStream).codec.memoryCount
    await Promise.all(
      streams.map(async (ws, i) => {
        await ws.sendText(`${round} ${i}`)
        const message = await ws.recv()
        if (message?.text !== `${round} ${i}`) throw new Error('another connection’s message')
        // Each way to end: closed, cut, and forgotten after the peer closed.
        if (i % 3 === 0) await ws.close()
        else if (i % 3 === 1) ws.destroy()
        else await Promise.all([ws.sendText('close'), ws.recv()])
        await ws.closed
      }),
    )
    streams.length = 0
    console.log(JSON.stringify({ round, most, ...(await inUse()) }))
  }
  process.exit(0)
}

if (process.argv[2] === 'serve') await serve()
else await connect(Number(process.argv[3]))
