/** The probe in a Worker: the order is the request's body, the report the answer's. */

import * as testing from '../../src/entry/testing.ts'
// Resolved by workerd: the built entry lies beside this module.
// @ts-expect-error: it is not there when types are checked
import * as nexus from './nexus/workerd.js'
import { probe } from './probe.ts'

export default {
  fetch: async (request: Request): Promise<Response> => Response.json(await probe(nexus as never, testing, await request.json())),
}
