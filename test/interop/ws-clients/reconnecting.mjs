// reconnecting-websocket over `ws`: works, loses its connection, recovers, closes.
import process from 'node:process'
import ReconnectingWebSocket from 'reconnecting-websocket'
import WebSocket from 'ws'

const ws = new ReconnectingWebSocket(`${process.argv[2]}/drops`, [], { WebSocket, minReconnectionDelay: 1, maxReconnectionDelay: 2 })
const next = (type) => new Promise((resolve) => ws.addEventListener(type, resolve, { once: true }))
const said = async (text) => {
  const message = next('message')
  ws.send(text)
  console.log((await message).data)
}
await next('open')
await said('one')
const reopened = next('open')
ws.send('drop')
await reopened
await said('two')
const closed = next('close')
ws.close(1000, 'done')
console.log((await closed).code)
