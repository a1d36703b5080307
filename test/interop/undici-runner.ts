/** The checks with undici in a process of its own, on whatever Node.js runs it: `undici-runner.mjs <folder of versions> <entry of the package> <origin> <major,…>`. Prints what failed as JSON. */

import { once } from 'node:events'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { type Dispatcher, type Undici, undiciChecks } from './undici-checks.ts'

interface Entry {
  readonly Agent: new (options?: object) => Dispatcher & { closed: boolean }
  setGlobalDispatcher(dispatcher: object): void
  getGlobalDispatcher(): unknown
}

const [folder = '', entry = '', origin = '', majors = ''] = process.argv.slice(2)
const { Agent, setGlobalDispatcher, getGlobalDispatcher } = (await import(pathToFileURL(entry).href)) as Entry
const GLOBAL = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')]
const failures: string[] = []
let checks = 0

async function check(name: string, run: () => Promise<void>): Promise<void> {
  checks++
  try {
    await run()
  } catch (error) {
    failures.push(`${name}: ${(error as Error).stack}`)
  }
}

// Before any undici of npm is loaded, which would put its own in place.
await check("Node's fetch over the global dispatcher", async () => {
  const agent = new Agent()
  const before = GLOBAL.map((symbol) => Reflect.get(globalThis, symbol) as unknown)
  let dispatched = 0
  const { dispatch } = agent
  setGlobalDispatcher(
    Object.assign(agent, {
      dispatch(options: never, handler: never) {
        dispatched++
        return dispatch.call(agent, options, handler)
      },
    }),
  )
  if (getGlobalDispatcher() !== agent) throw new Error('it is not in place')
  const response = await fetch(`${origin}/moved`)
  if (JSON.stringify(await response.json()) !== '{"url":"/json"}' || dispatched !== 2) throw new Error(`dispatched ${dispatched}`)
  const posted = await fetch(`${origin}/echo`, { method: 'POST', body: 'a body' })
  if ((await posted.text()) !== 'a body') throw new Error('the body is another')
  if ((await (await fetch(`${origin}/gzip`)).text()) !== 'compressed') throw new Error('the text is another')
  if (typeof WebSocket === 'function') {
    // Goes to the dispatcher that was there before. The server is no WebSocket server: it answers, and the handshake fails.
    const socket = new WebSocket(origin.replace('http', 'ws'))
    await once(socket as never, 'error')
    if (dispatched !== 5) throw new Error(`dispatched ${dispatched}`)
  }
  await agent.close()
  const failed = await fetch(`${origin}/json`).then(
    () => null,
    (error: TypeError) => error.cause as { code: string },
  )
  if (failed?.code !== 'UND_ERR_DESTROYED') throw new Error(String(failed))
  GLOBAL.forEach((symbol, i) => Reflect.set(globalThis, symbol, before[i]))
})

for (const major of majors.split(',').map(Number)) {
  const undici = ((await import(`${pathToFileURL(folder).href}/node_modules/undici${major}/index.js`)) as { default: Undici }).default
  for (const whose of ['ours', 'its own']) {
    const isOurs = whose === 'ours'
    const open = (options?: object): Dispatcher => (isOurs ? new Agent(options) : new undici.Agent(options))
    for (const [name, run] of Object.entries(undiciChecks)) {
      const dispatcher = open()
      await check(`undici ${major} over ${whose}: ${name}`, () => run({ undici, major, isOurs, origin, open, dispatcher }))
      await dispatcher.destroy()
    }
  }
}
console.log(JSON.stringify({ checks, failures }))
process.exit()
