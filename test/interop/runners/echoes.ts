/** Our client against a peer that echoes: `echoes.ts <deno or bun> <url> <limit of a check in ms>`. */

import process from 'node:process'
import { echoChecks } from '../echo-shapes.ts'
import { runInterop } from '../run.ts'

const [runtime, base, limit] = process.argv.slice(2) as [string, string, string]
const nexus = await import(new URL(`../../../dist/${runtime}.js`, import.meta.url).href)
await runInterop(echoChecks, { nexus, base }, (line) => console.log(line), Number(limit))
process.exit(0)
