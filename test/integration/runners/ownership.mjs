/**
 * Keeps one object of a connection that is gone, collects everything else, writes over all memory that is free, and looks at it again; then
 * lets go of it, and sees the memory come back: `<runtime, with its collector> ownership.mjs <entry> <ports of the service and of the HTTP server>`.
 */

import { runtimeOf } from './ground.mjs'
import { lookAtAll } from './printing.mjs'

const [entry, ports] = process.argv.slice(2)
const load = (name) => import(new URL(`../../../dist/${name}.js`, import.meta.url).href)
const nexus = await load(entry)
const { HttpConnection, RequestWriter, WsStream } = nexus
const { ws, http } = JSON.parse(ports)
const { codec } = runtimeOf(WsStream)
const collect = globalThis.gc ?? (() => globalThis.Bun.gc(true))

const inUse = () => codec.memories.reduce((sum, { used }) => sum + used, 0)
const turn = () => new Promise((resolve) => setTimeout(resolve, 1))

/** Collects until `isDone`, which need not come. */
async function collectUntil(isDone) {
  for (let i = 0; i < 200 && !isDone(); i++) {
    // What a frame of the stack may still show to a collector that is cautious.
    await turn()
    collect()
  }
  return isDone()
}

/** Collects until garbage that was made before has been finalized. */
async function collectGarbage() {
  let finalized = 0
  const registry = new FinalizationRegistry(() => {
    finalized++
  })
  ;(() => {
    for (let i = 0; i < 10; i++) registry.register(codec.region(64), i)
  })()
  if (!(await collectUntil(() => finalized >= 5))) throw new Error('nothing is collected here')
  for (let i = 0; i < 5; i++) {
    await turn()
    collect()
  }
}

/** Writes over all memory that is free. */
function scribble() {
  const { memoryCount } = codec
  const regions = []
  for (let bytes = 1_048_576; bytes >= 64; bytes >>= 1) {
    for (;;) {
      const region = codec.region(bytes)
      regions.push(region)
      if (codec.memoryCount > memoryCount) break
      region.memory.u8.fill(0xee, region.start, region.start + region.bytes)
    }
    regions.pop().release()
  }
  for (const region of regions) region.release()
}

/** Each makes what is kept, over a connection that is gone when it resolves, and says what it shows. */
const cases = {
  'a message of a stream that was cut': async () => {
    const stream = await WsStream.connect(`ws://127.0.0.1:${ws}/`)
    await stream.sendText('cut me')
    const message = await stream.recv()
    // Deno does not tell of a reset while nobody reads.
    await Promise.race([stream.closed, new Promise((resolve) => setTimeout(resolve, 200))])
    return { kept: message, look: (it) => it.text }
  },
  'the message of a recv whose stream nobody has': async () => {
    const receiving = (await WsStream.connect(`ws://127.0.0.1:${ws}/greet`)).recv()
    return { kept: await receiving, look: (it) => it.text }
  },
  'a response': async () => {
    const connection = await HttpConnection.connect(`http://127.0.0.1:${http}`)
    const response = await connection.send(new RequestWriter('a').get('/').finish())
    await connection.closed
    return { kept: response, look: (it) => it.text() }
  },
  'the head of a response that was streamed': async () => {
    const connection = await HttpConnection.connect(`http://127.0.0.1:${http}`)
    const response = await connection.sendStreaming(new RequestWriter('a').get('/').finish())
    while ((await response.read()) !== null);
    await connection.closed
    return { kept: response, look: (it) => it.head.header('x-secret') }
  },
  'a request': async () => ({
    kept: new RequestWriter('a').post('/').body('a secret').finish(),
    look: (it) => new TextDecoder().decode(it.body.slice()),
  }),
  'a request that is being built': async () => ({ kept: new RequestWriter('a').get('/a%20secret'), look: (it) => it.finish().target }),
  // The socket alone has it, in the middle of a read.
  'a stream that nobody has': async () => {
    const messages = []
    const kept = { messages }
    ;(async () => {
      for await (const { text } of await WsStream.connect(`ws://127.0.0.1:${ws}/later`)) messages.push(text)
      kept.isOver = true
    })()
    return {
      kept,
      look: async (it) => {
        // The service sends when it is told to.
        await fetch(`http://127.0.0.1:${http}/later`).then((response) => response.text())
        while (!it.isOver) await turn()
        return it.messages.join()
      },
    }
  },
}

async function check(make) {
  let { kept, look } = await make()
  await collectGarbage()
  scribble()
  const shown = await look(kept)
  kept = look = null
  return shown
}

for (const [name, make] of Object.entries(cases)) {
  let shown = ''
  try {
    shown = await check(make)
  } catch (error) {
    shown = `${error}`
  }
  console.log(JSON.stringify({ name, shown }))
}
console.log(JSON.stringify({ name: 'all of it comes back', shown: (await collectUntil(() => inUse() === 0)) ? 'nothing' : `${inUse()} bytes` }))
const { faults, examples } = await lookAtAll(nexus, await load('codec'), await load('testing'), { ws, http }).catch((error) => ({
  faults: [`${error.stack}`],
  examples: [],
}))
console.log(JSON.stringify({ name: 'what objects show of themselves', shown: faults.join('\n'), examples }))
process.exit(0)
