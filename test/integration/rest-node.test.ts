/** The REST side on Node, in this very process. */

import { afterAll, beforeAll, describe, test } from 'vitest'
import * as nexus from '../../src/entry/node.ts'
import { createFetch } from '../../src/entry/node-fetch.ts'
import { type RestPeers, startRestPeers } from './rest-peers.ts'
import { REST_CHECK_LIMIT } from './rest-run.ts'
import { restChecks } from './rest-suite.ts'
import { runCheck } from './run-check.ts'

let peers: RestPeers

beforeAll(async () => {
  peers = await startRestPeers()
})
afterAll(() => peers?.close())

describe('REST on Node', () => {
  for (const check of restChecks) {
    test.concurrent(check.name, { timeout: 2 * REST_CHECK_LIMIT }, () =>
      // A TLS engine may have written before the socket under it fails.
      runCheck(
        check,
        { nexus, createFetch, env: { ...peers.environment, tellsEnds: false, writeToTheDead: { tcp: 'nothing', tls: 'partly' } } },
        REST_CHECK_LIMIT,
      ),
    )
  }
})
