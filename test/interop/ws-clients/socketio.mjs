// socket.io-client over its transport websocket: an event with an acknowledgement and one of bytes; its connection is lost, and comes back.
import process from 'node:process'
import { io } from 'socket.io-client'

const socket = io(process.argv[2].replace('ws:', 'http:'), { transports: ['websocket'], reconnectionDelay: 1, reconnectionDelayMax: 2 })
const next = (type) => new Promise((resolve) => socket.once(type, resolve))
for (let round = 0; round < 2; round++) {
  await next('connect')
  console.log(await socket.emitWithAck('say', `round ${round}`))
  const bytes = next('bytes')
  socket.emit('bytes', Uint8Array.of(1, 2, 3))
  console.log([...(await bytes)].join())
  if (round === 1) break
  const lost = next('disconnect')
  socket.emit('drop')
  console.log(await lost)
}
const closed = next('disconnect')
socket.close()
console.log(await closed)
