/** Our client on Bun against Python: `bun bun.ts <{ base, ca }>`. */

import { clientChecks } from '../client-checks.ts'
import { runInterop } from '../run.ts'

const nexus = await import(new URL('../../../dist/bun.js', import.meta.url).href)
await runInterop(clientChecks, { nexus, ...JSON.parse(process.argv[2] as string) }, (line) => console.log(line))
process.exit(0)
