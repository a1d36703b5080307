/**
 * What a client must do against real peers, the same on every runtime. Nothing here knows on which one it runs: the entry point, the
 * addresses and the declared gaps are handed in, the peers (peers.ts) live in the process of the test runner.
 */

import type { Check } from './check-tools.ts'
import { closingChecks } from './closing-checks.ts'
import { compressionChecks } from './compression-checks.ts'
import { connectingChecks } from './connecting-checks.ts'
import { failingChecks } from './failing-checks.ts'
import { messageChecks } from './message-checks.ts'
import { openingChecks } from './opening-checks.ts'
import { proxyChecks } from './proxy-checks.ts'
import { receivingChecks } from './receiving-checks.ts'
import { sessionChecks } from './session-checks.ts'
import { violationChecks } from './violation-checks.ts'
import { websocketChecks } from './websocket-checks.ts'

export type { Check, Context, Environment } from './check-tools.ts'

/** All checks, in order. */
export const checks: readonly Check[] = [
  ...messageChecks,
  ...compressionChecks,
  ...closingChecks,
  ...openingChecks,
  ...connectingChecks,
  ...violationChecks,
  ...receivingChecks,
  ...sessionChecks,
  ...proxyChecks,
  ...failingChecks,
  ...websocketChecks,
]
