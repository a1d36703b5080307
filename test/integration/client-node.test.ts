/** The client on Node, in this very process. */

import { afterAll, beforeAll, describe, test } from 'vitest'
import * as entry from '../../src/entry/node.ts'
import { WebSocket } from '../../src/entry/node-websocket.ts'
import { WebSocket as OfWs } from '../../src/entry/node-ws.ts'
import { type Peers, startPeers } from './peers.ts'
import { runCheck } from './run-check.ts'
import { CHECK_LIMIT } from './run-checks.ts'
import { checks } from './suite.ts'

const nexus = { ...entry, WebSocket, OfWs }
let peers: Peers

beforeAll(async () => {
  peers = await startPeers()
})
afterAll(() => peers.close())

describe('client on Node', () => {
  for (const check of checks) {
    test(check.name, () => runCheck(check, { nexus, env: peers.environment }, CHECK_LIMIT))
  }
})
