// A server that answers /<id> with the id, and now and then does one of the things that servers do. It counts what it received in shared memory.

import net from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

const { counts, faults, seed } = workerData
let state = seed
const random = () => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
  return state / 0x7fffffff
}

/** @type {((socket: net.Socket, response: string) => void)[]} */
const fates = [
  (socket, response) => setTimeout(() => socket.writable && socket.write(response), random() * 5), // late
  (socket) => socket.end(), // closed instead of answered
  (socket) => socket.resetAndDestroy(),
  (socket, response) => socket.end(response), // answered, then closed
  (socket, response) => socket.end(response.slice(0, -3)), // cut off in the body
  (socket, response) => socket.end(response.slice(0, 20)), // … in the head
  (socket, response) => socket.write(response + response), // twice, at once
  (socket, response) => socket.write(`HTTP/1.1 103 Early Hints\r\n\r\n${response}`),
  (socket, response) => socket.write(response.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'), () => socket.end()),
  (socket, response) => {
    // Split anywhere.
    const at = 1 + Math.floor(random() * (response.length - 1))
    socket.write(response.slice(0, at))
    setImmediate(() => socket.writable && socket.write(response.slice(at)))
  },
]

const server = net.createServer((socket) => {
  socket.setNoDelay(true)
  socket.on('error', () => {})
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const id = text.slice(0, end).split(' ')[1]?.slice(1) ?? ''
      text = text.slice(end + 4)
      counts[Number(id)]++
      const response = `HTTP/1.1 200 OK\r\nContent-Length: ${id.length}\r\n\r\n${id}`
      if (random() < faults) fates[Math.floor(random() * fates.length)]?.(socket, response)
      else socket.write(response)
    }
  })
})
server.listen(0, '127.0.0.1', () => parentPort?.postMessage(/** @type {net.AddressInfo} */ (server.address()).port))
