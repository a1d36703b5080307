// isomorphic-ws, which is `ws` on Node.js: handler attributes and listeners.
import process from 'node:process'
import WebSocket from 'isomorphic-ws'

for (let round = 0; round < 2; round++) {
  const ws = new WebSocket(`${process.argv[2]}/drops`)
  ws.onopen = () => ws.send(`round ${round}`)
  ws.onmessage = ({ data }) => {
    console.log(data)
    if (round === 0) ws.send('drop')
    else ws.close(3000, 'done')
  }
  await new Promise((resolve) => {
    ws.onclose = ({ code, reason, wasClean }) => resolve(console.log(code, reason, wasClean))
  })
}
