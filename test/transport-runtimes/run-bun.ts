/** The contract on Bun. */

import process from 'node:process'
import { systemClock } from '../../src/clock.ts'
import { bunDial } from '../../src/transport/bun/dial.ts'
import { readOrders, runCases } from './run-cases.ts'

await runCases(bunDial(systemClock), readOrders())
process.exit(0)
