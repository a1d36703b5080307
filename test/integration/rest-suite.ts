/**
 * What the REST side must do against real peers, the same on every runtime. Nothing here knows on which one it runs: the entry point and the
 * addresses are handed in, the peers (rest-peers.ts) live in the process of the test runner.
 */

import type { RestCheck } from './rest-context.ts'
import { faultChecks } from './rest-faults.ts'
import { killChecks } from './rest-kills.ts'
import { optionChecks } from './rest-options.ts'
import { poolChecks } from './rest-pool.ts'
import { requestChecks } from './rest-requests.ts'

export { isForTrusted, type RestContext, type RestEnvironment } from './rest-context.ts'

/** All checks, in order. */
export const restChecks: readonly RestCheck[] = [...optionChecks, ...requestChecks, ...faultChecks, ...poolChecks, ...killChecks]
