/** The runtime's own WebSocket client against our server: `deno run --allow-all native.ts <context>`, `bun native.ts <context>`. */

import { nativeChecks } from '../native-checks.ts'
import { runInterop } from '../run.ts'

await runInterop(nativeChecks, JSON.parse(process.argv[2] as string), (line) => console.log(line))
process.exit(0)
