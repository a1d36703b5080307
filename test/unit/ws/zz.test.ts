import { test } from 'vitest'
import { makeWorld, openPair } from './harness.ts'
test('x', async () => {
    const world = makeWorld()
    const { client, server, serverEnd } = await openPair(world, { memory: { capacity: 100 } })
    const sent = client.sendBinary(new Uint8Array(10_000)) as Promise<void>
    console.log(sent, client.bufferedAmount, client.readyState, server.readyState)
    const outcomes = Promise.allSettled([sent, client.flush(), client.recv()])
    serverEnd.reset()
    await world.settle()
    console.log(await outcomes, await client.closed)
})
