/** A Worker that runs one check of an integration suite for each request to it. */

import { CHECK_LIMIT } from '../integration/run-checks.ts'
import { checks } from '../integration/suite.ts'
import { answer } from './answer.ts'
// Resolved by workerd: the built entries lie beside this module.
// @ts-expect-error: it is not there when types are checked
import * as nexus from './nexus/workerd.js'
// @ts-expect-error: as above
import { WebSocket } from './nexus/workerd-websocket.js'
import { ownChecks } from './own-checks.ts'

export default {
  fetch: (request: Request): Promise<Response> => answer(request, [...checks, ...ownChecks], { ...nexus, WebSocket }, CHECK_LIMIT),
}
