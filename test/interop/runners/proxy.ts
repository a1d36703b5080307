/** Our client through real proxies: `proxy.ts <deno or bun> <environment as JSON>`. */

import process from 'node:process'
import { realProxyChecks } from '../proxy-checks.ts'
import { runInterop } from '../run.ts'

const [runtime, environment] = process.argv.slice(2) as [string, string]
const nexus = await import(new URL(`../../../dist/${runtime}.js`, import.meta.url).href)
await runInterop(realProxyChecks, { nexus, env: JSON.parse(environment) }, (line) => console.log(line))
process.exit(0)
