/** Options, on every runtime: what a caller may not hand in is refused before anything begins. */

import type * as Nexus from '../../src/entry/node.ts'
import { equal } from './assert.ts'
import { CheckList, Host, open, type Pool } from './rest-context.ts'
import { builderCalls, refuseAll, responseCalls, restCalls, unusedTransport } from './wrong-arguments.ts'
import { checkWrongValues } from './wrong-values.ts'

const list = new CheckList()
export const optionChecks = list.checks

list.add('every wrong argument of every function of connections and pools is refused by its name, and nothing comes of it', async (context) => {
  const { nexus } = context
  const server = await Host.open(context, 'http')
  const conn = await open(context, server.url)
  const pool = (await nexus.ClientPool.connect(server.url, { connections: 2 })) as Pool
  const slot = pool.tryAcquire() as Nexus.ClientSlot
  try {
    await refuseAll([...restCalls(nexus, conn, pool, slot, unusedTransport), ...builderCalls(nexus)])
    const owned = await pool.request('GET', '/')
    await refuseAll(responseCalls('OwnedResponse', owned))
    const borrowed = await slot.send(slot.writer.get('/').finish())
    await refuseAll(responseCalls('RestResponse', borrowed))
    equal([conn.state, conn.requests, slot.connection?.state, slot.connection?.requests], ['idle', 0, 'idle', 1])
    const { idle, leased, waiting, lost, failures, requests } = pool.stats
    equal([idle, leased, waiting, lost, failures, requests], [1, 1, 0, 0, 0, 2])
    const stats = await server.stats()
    equal([stats.requests, stats.accepted, stats.open], [{ '/': 2 }, 3, 3])
  } finally {
    slot.release()
    conn.destroy()
    await pool.close()
    await server.stop()
  }
})

list.add('every wrong value of every option is refused by its name, before anything begins', async ({ nexus, env }) => {
  await checkWrongValues(nexus, env.refused, () => nexus.ClientPool.connect(env.http))
})
