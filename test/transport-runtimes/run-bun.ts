/** The contract on Bun. */

import process from 'node:process'
import { dialBun } from '../../src/transport/bun.ts'
import { readOrders, runCases } from './run-cases.ts'

await runCases(dialBun, readOrders())
process.exit(0)
