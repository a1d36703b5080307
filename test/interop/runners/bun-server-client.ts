/** Our client against Bun's own server: `bun-server-client.ts <deno or bun> <ports as JSON>`. */

import process from 'node:process'
import { bunServerChecks } from '../bun-server-checks.ts'
import { runInterop } from '../run.ts'

const [runtime, ports] = process.argv.slice(2) as [string, string]
const nexus = await import(new URL(`../../../dist/${runtime}.js`, import.meta.url).href)
await runInterop(bunServerChecks, { nexus, ports: JSON.parse(ports) }, (line) => console.log(line))
process.exit(0)
