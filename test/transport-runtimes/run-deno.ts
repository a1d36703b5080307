/** The contract on Deno. */

import process from 'node:process'
import { systemClock } from '../../src/clock.ts'
import { denoDial } from '../../src/transport/deno/transport.ts'
import { readOrders, runCases } from './run-cases.ts'

await runCases(denoDial(systemClock), readOrders())
process.exit(0)
