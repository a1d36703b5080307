// @ts-check
// A process that answers `POST /<id>` with the id, and keeps a ledger of what it was asked. On command it dies and comes back on the same
// port, again and again: every connection is reset in whatever it is doing, and for a while nobody listens.
//
// Commands go to a port of their own, one line each, answered with one line of JSON: `begin <ms up> <ms down>`, and `end`, which tells what
// was asked (ids and how often) and how long after each return the first request came. Ends with its standard input.

import net from 'node:net'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

/** How often each id was asked for. @type {Map<number, number>} */
let ledger = new Map()
/** @type {Set<net.Socket>} */
const sockets = new Set()
/** Milliseconds from each return to the first request. @type {number[]} */
let returns = []
let returnedAt = 0
let kills = 0
/** @type {Promise<void>} */
let life = Promise.resolve()
let isEnding = false
/** @type {Promise<unknown>} */
let ending = Promise.resolve()
/** @type {(value: unknown) => void} */
let end = () => {}
let port = 0
let server = open()

function open() {
  return net.createServer((socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    // Requests are short, and each is answered before the next one comes: what is read is one of them, or the beginning of one.
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.latin1Slice(0, chunk.length)
      const match = /^POST \/(\d+) .*?\r\n\r\n/s.exec(text)
      if (match === null) return
      text = text.slice(match[0].length)
      const id = Number(match[1])
      if (returnedAt !== 0) {
        returns.push(performance.now() - returnedAt)
        returnedAt = 0
      }
      ledger.set(id, (ledger.get(id) ?? 0) + 1)
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${match[1].length}\r\n\r\n${match[1]}`)
    })
  })
}

/** @param {net.Server} one @param {number} at @returns {Promise<number>} the port */
function listen(one, at) {
  return new Promise((resolve) => one.listen(at, '127.0.0.1', 1024, () => resolve(/** @type {net.AddressInfo} */ (one.address()).port)))
}

/** Lives and dies until `end` is told. @param {number} up @param {number} down */
async function live(up, down) {
  for (;;) {
    await Promise.race([sleep(up), ending])
    if (isEnding) return
    kills++
    server.close()
    for (const socket of sockets) socket.resetAndDestroy()
    await sleep(down)
    server = open()
    await listen(server, port)
    returnedAt = performance.now()
  }
}

/** @param {string} command */
async function obey(command) {
  const [word, up, down] = command.split(' ')
  if (word === 'begin') {
    ledger = new Map()
    returns = []
    kills = 0
    isEnding = false
    ending = new Promise((resolve) => {
      end = resolve
    })
    life = live(Number(up), Number(down))
    return {}
  }
  isEnding = true
  end(undefined)
  // It is never left dead.
  await life
  return { kills, returns, asked: [...ledger] }
}

const control = net.createServer((socket) => {
  socket.on('error', () => {})
  socket.on('data', async (chunk) => socket.write(`${JSON.stringify(await obey(String(chunk).trim()))}\n`))
})
port = await listen(server, 0)
process.stdout.write(`${JSON.stringify({ port, controlPort: await listen(control, 0) })}\n`)
process.stdin.resume()
process.stdin.on('end', () => process.exit())
