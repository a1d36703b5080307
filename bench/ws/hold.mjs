// @ts-check
// A process that holds connections and tells what they cost in memory, in one line of JSON: those that have had one message, and those that have had a
// burst. A process of its own, since memory that was touched once is not given back for certain.
//
//     node --expose-gc --max-semi-space-size=1 bench/ws/hold.mjs <port of a producer> <connections> <profile>

import process from 'node:process'
import { profiles } from '../lib/profiles.mjs'
import { loadNexus } from '../lib/runtime.mjs'

const [port, connections, profile] = process.argv.slice(2)
const { options } = profiles[profile]
const nexus = await loadNexus()

/** What the process has in memory, without garbage. */
async function resident() {
  for (let i = 0; i < 3; i++) {
    // @ts-expect-error Bun
    if ('Bun' in globalThis) globalThis.Bun.gc(true)
    else globalThis.gc?.()
    await new Promise((done) => setTimeout(done, 20))
  }
  return process.memoryUsage().rss
}

/**
 * Opens them all and receives `count` ticks on each.
 *
 * @param {number} many
 * @param {number} count
 */
async function open(many, count) {
  const streams = []
  for (let i = 0; i < many; i++) {
    const ws = await nexus.WsStream.connect(`ws://127.0.0.1:${port}/?kind=binary&size=128&count=${count}`, options)
    let left = count
    while (left > 0 && (await ws.readable())) while (ws.next() !== null) left--
    streams.push(ws)
  }
  return streams
}

/** @param {any[]} streams */
async function close(streams) {
  for (const ws of streams) ws.destroy()
  await Promise.all(streams.map(({ closed }) => closed))
}

// The heap grows to what so many reads need, and code is compiled: one connection is enough for that.
await close(await open(1, 2_000_000))
const before = await resident()
const quiet = await open(Number(connections), 1)
const fresh = await resident()
await close(quiet)
const busy = await open(Number(connections), 20_000)
const used = await resident()
await close(busy)
const each = (/** @type {number} */ bytes) => (bytes - before) / 1_024 / Number(connections)
process.stdout.write(`${JSON.stringify({ fresh: each(fresh), used: each(used) })}\n`)
process.exit()
