/** A Worker that runs one REST check for each request to it. */

import { poolChecks } from '../integration/rest-pool.ts'
import { requestChecks } from '../integration/rest-requests.ts'
import { answer } from './answer.ts'
// Resolved by workerd: the built entry lies beside this module.
// @ts-expect-error: it is not there when types are checked
import * as nexus from './nexus/workerd.js'

export default {
  fetch: (request: Request): Promise<Response> => answer(request, [...requestChecks, ...poolChecks], nexus, 30_000),
}
