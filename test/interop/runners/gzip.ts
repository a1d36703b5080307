/** `decompress` against nginx: `gzip.ts <deno or bun> <url>`. */

import process from 'node:process'
import { gzipChecks } from '../gzip-checks.ts'
import { runInterop } from '../run.ts'

const [runtime, base] = process.argv.slice(2) as [string, string]
const nexus = await import(new URL(`../../../dist/${runtime}.js`, import.meta.url).href)
await runInterop(gzipChecks, { nexus, base }, (line) => console.log(line))
process.exit(0)
