/** The contract on Deno. */

import process from 'node:process'
import { dialDeno } from '../../src/transport/deno.ts'
import { readOrders, runCases } from './run-cases.ts'

await runCases(dialDeno, readOrders())
process.exit(0)
