/** The REST checks on Bun: `bun runners/rest-bun.ts <environment as JSON>`. */

import type * as Nexus from '../../../src/entry/node.ts'
import { runRestChecks } from '../rest-run.ts'

const entry = new URL('../../../dist/bun.js', import.meta.url)
const nexus = (await import(entry.href)) as typeof Nexus
await runRestChecks({ nexus, env: JSON.parse(process.argv[2] as string) }, (line) => console.log(line))
process.exit(0)
