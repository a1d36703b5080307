// @ts-check
// Stands between standard input and a Worker in workerd, which answers requests (worker.mjs). Its clock stands still while it computes, so
// that rounds are timed here, less the time of a request that does nothing; what it computed is what the system says of its threads.

import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import * as workerdPackage from 'workerd'
import { answerLines, say } from '../lib/lines.mjs'
import { median } from '../lib/stats.mjs'
import { calibrate } from './meter.mjs'

const [folder] = process.argv.slice(2)
/** Where the program is: a CommonJS module that calls it `default`. @type {string} */
const binary = /** @type {any} */ (workerdPackage.default).default
const MODULES = {
  'codec.wasm': 'wasm',
  'deflate.wasm': 'wasm',
  'counting.wasm': 'wasm',
  'counting-deflate.wasm': 'wasm',
  'counting.json': 'json',
}

const input = fileURLToPath(new URL('worker.mjs', import.meta.url))
const bundle = await rolldown({ input, external: /** @type {string[]} */ (Object.keys(MODULES).map((name) => `./${name}`)), platform: 'neutral' })
await bundle.write({ file: `${folder}/worker.js`, format: 'esm' })
await bundle.close()
writeFileSync(
  `${folder}/config.capnp`,
  `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    ${Object.entries(MODULES)
      .map(([name, kind]) => `(name = "${name}", ${kind} = embed "${name}")`)
      .join(',\n    ')},
  ],
  compatibilityDate = "2026-11-01",
);
`,
)

const workerd = spawn(binary, ['serve', `${folder}/config.capnp`, '--control-fd=3'], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
process.on('exit', () => workerd.kill('SIGKILL'))
const port = await new Promise((resolve, reject) => {
  workerd.once('exit', (code) => reject(new Error(`workerd ended with ${code}`)))
  const control = /** @type {import('node:stream').Readable} */ (workerd.stdio[3])
  control.on('data', (chunk) => {
    for (const line of String(chunk).split('\n')) if (line.includes('"listen"')) resolve(JSON.parse(line).port)
  })
})

/** @param {object} command */
async function ask(command) {
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: JSON.stringify(command) })
  const { result, failed } = await response.json()
  if (failed !== undefined) throw new Error(failed)
  return result
}

/** Seconds that its threads have computed; 0 where the system does not say. */
function cpu() {
  try {
    const tasks = `/proc/${workerd.pid}/task`
    const each = readdirSync(tasks).map((task) => Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]))
    return each.reduce((sum, ns) => sum + ns, 0) / 1e9
  } catch {
    return 0
  }
}

/** Seconds that `command` takes. @param {object} command */
async function time(command) {
  const started = performance.now()
  await ask(command)
  return (performance.now() - started) / 1_000
}

/** Seconds of a request that does nothing. */
let overhead = 0

/** @param {number} passes */
const run = async (passes) => Math.max(1e-9, (await time({ do: 'run', passes })) - overhead)

/** @param {any} command @returns {Promise<unknown>} */
async function answer(command) {
  if (command.do === 'open') {
    const opened = await ask({ do: 'begin', id: command.id })
    const idle = []
    for (let i = 0; i < 9; i++) idle.push(await time({ do: 'run', passes: 0 }))
    overhead = median(idle)
    return { passes: await calibrate(run, command.seconds), ...opened }
  }
  if (command.do !== 'run') return ask(command)
  const before = cpu()
  const seconds = await run(command.passes)
  return { seconds, cpu: (cpu() - before) / seconds }
}

say({ version: JSON.parse(readFileSync(new URL('../../node_modules/workerd/package.json', import.meta.url), 'utf8')).version })
answerLines(answer)
