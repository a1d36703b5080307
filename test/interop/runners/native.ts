/** The runtime's own WebSocket client against our server: `deno run --allow-all native.ts <base>`, `bun native.ts <base>`. */

import { nativeChecks } from '../native-checks.ts'
import { runInterop } from '../run.ts'

await runInterop(nativeChecks, { base: process.argv[2] as string }, (line) => console.log(line))
process.exit(0)
