/** A Worker that runs one REST check for each request to it. */

import type * as Nexus from '../../src/entry/node.ts'
import { poolChecks } from '../integration/rest-pool.ts'
import { requestChecks } from '../integration/rest-requests.ts'
import { answer } from './answer.ts'
// Resolved by workerd: the built entry lies beside this module.
// @ts-expect-error: it is not there when types are checked
import * as nexus from './nexus/workerd.js'

export default {
  async fetch(request: Request): Promise<Response> {
    const { forward } = (await request.clone().json()) as { readonly forward?: string }
    if (forward === undefined) return answer(request, [...requestChecks, ...poolChecks], nexus, 30_000)
    const { origin, pathname, search } = new URL(forward)
    const pool = await (nexus as typeof Nexus).ClientPool.connect(origin)
    try {
      return await pool.fetch(pathname + search)
    } finally {
      await pool.close()
    }
  },
}
