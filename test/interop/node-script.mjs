// What a stranger's first program does, on whichever Node runs it, with the package as installed: a WebSocket echo, a request through a pool,
// and two from a worker thread. Arguments: the URL of an echo server, and that of a server whose POST /mirror answers with the body.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { AtomicClientPool, AtomicClientSlot, ClientPool, WsStream } from 'nexus-async-net'

if (isMainThread) {
  const [echo, http] = process.argv.slice(2)

  const ws = await WsStream.connect(echo)
  await ws.sendText('hello')
  const { kind, text } = await ws.recv()
  const message = `${kind} ${text}`
  await ws.close()

  const pool = await ClientPool.connect(http, { connections: 2 })
  const response = await pool.request('POST', '/mirror', { body: 'through a pool' })
  const answer = `${response.status} ${response.text()}`
  await pool.close()

  const shared = await AtomicClientPool.connect(http, { connections: 1 })
  const slot = await shared.acquire()
  const worker = new Worker(new URL(import.meta.url), { workerData: slot.handOff() })
  const [fromWorker] = await Promise.all([
    new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
    new Promise((resolve) => worker.once('exit', resolve)),
  ])
  // It is free again: the worker has given it back.
  const again = await shared.acquire({ timeout: 5_000 })
  again.release()
  await shared.close()

  console.log(JSON.stringify({ version: process.version, message, answer, fromWorker }))
} else {
  const slot = AtomicClientSlot.receive(workerData)
  // Blocking, then not: a thread that waits for a promise alone would not be kept alive, so its port is.
  const sync = slot.sendSync(slot.writer.post('/mirror').body('blocking').finish(), { timeout: 5_000 }).text()
  parentPort.on('message', () => {})
  const awaited = (await slot.send(slot.writer.post('/mirror').body('awaited').finish(), { timeout: 5_000 })).text()
  slot.release()
  parentPort.postMessage(`${sync}, ${awaited}`)
  parentPort.close()
}
